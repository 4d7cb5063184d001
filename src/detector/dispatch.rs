//! The detector: gives each record and each due timer to the code that handles it. One per task;
//! it keeps nothing between records but scratch memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::baseline::MetricSettings;
use crate::event::{EventKind, Input, Record, RecordBody, Text, TimeSource};
use crate::response::{
    BundleContext, IncidentStore, Policy, RuleLookup, RuleView, close_due_incidents,
    report_pending_events,
};
use crate::rule::{Bundle, FactSlot, Facts, MetricIndex, Rule, RuleIndex};
use crate::scope::CompileCache;
use crate::text::units::encode_hex;

use super::agent_event::{AgentEvent, EventContent, evaluated_kinds, timer_cause};
use super::behaviour_facts::BehaviourReads;
use super::effects::RecordEffects;
use super::limits;
use super::metrics::settings_of;
use super::partition_state::PartitionState;
use super::subject::SubjectKey;
use super::target_links::{inform_of_requests, report_uses};
use super::timed_action::{RecordOrigin, claimed_ms};

/// The detector's settings.
#[derive(Debug, Clone, PartialEq)]
pub struct DetectorSettings {
    /// How long an action is deferred for its scope, milliseconds of stream time; 0: never.
    pub defer_ms: i64,
    /// Undeclared agents of a tenant with a state of their own, over all partitions.
    pub agents_undeclared_max: u32,
    /// Deferred actions of one agent.
    pub deferred_per_agent_max: usize,
    /// Deferred actions of one partition.
    pub deferred_per_partition_max: u64,
    /// Whether alerts list every event with a finding, as for recordings; else as many as the
    /// state of a subject has room for.
    pub lists_every_event: bool,
    /// Before this stream time, epoch milliseconds, nothing is judged, only learned.
    pub learn_until_ms: Option<i64>,
}

impl Default for DetectorSettings {
    fn default() -> Self {
        DetectorSettings {
            defer_ms: 30_000,
            agents_undeclared_max: 5_000,
            deferred_per_agent_max: limits::DEFERRED_PER_AGENT_MAX,
            deferred_per_partition_max: limits::DEFERRED_PER_PARTITION_MAX,
            lists_every_event: false,
            learn_until_ms: None,
        }
    }
}

/// A fact set by hand, for rule tests.
#[derive(Debug, Clone, PartialEq)]
pub struct GivenFact {
    pub slot: FactSlot,
    pub value: serde_json::Value,
}

/// Judges records by one bundle and one response policy.
#[derive(Debug)]
pub struct Detector {
    pub(super) bundle: Arc<Bundle>,
    pub(super) policy: Arc<Policy>,
    pub(super) settings: DetectorSettings,
    pub(super) given: Vec<GivenFact>,
    pub(super) scopes: CompileCache,
    pub(super) scratch: ScratchMemory,
    bundle_hex: String,
    /// The kinds of events besides actions for which the bundle has a rule.
    pub(super) event_kinds: Vec<EventKind>,
    /// The first bytes of the bundle's hash: an agent's scopes note by which bundle they were
    /// adapted.
    pub(super) bundle_mark: u64,
    /// What each metric of the bundle asks of the baselines, in metric order.
    pub(super) metric_settings: Vec<MetricSettings>,
    /// The facts of what is usual that some rule reads.
    pub(super) behaviour_reads: BehaviourReads,
    rules: BTreeMap<Text, RuleIndex>,
}

/// Memory reused from action to action.
#[derive(Debug, Default)]
pub(super) struct ScratchMemory {
    pub facts: Option<Facts<'static>>,
    pub rules: Vec<RuleIndex>,
    pub metrics: Vec<MetricIndex>,
}

impl ScratchMemory {
    /// Facts without a value, in memory that was used before.
    pub(super) fn take_facts<'a>(&mut self, bundle: &Bundle) -> Facts<'a> {
        let used: Option<Facts<'a>> = self.facts.take();
        used.unwrap_or_else(|| Facts::new(&bundle.catalogue))
    }
}

impl Detector {
    #[must_use]
    pub fn new(bundle: Arc<Bundle>, policy: Arc<Policy>, settings: DetectorSettings) -> Self {
        let rules = bundle
            .rules
            .iter()
            .map(|rule| (rule.id.clone(), rule.index))
            .collect();
        Detector {
            bundle_hex: encode_hex(&bundle.hash[..16]),
            bundle_mark: bundle
                .hash
                .first_chunk()
                .map_or(0, |mark| u64::from_le_bytes(*mark)),
            event_kinds: evaluated_kinds(&bundle),
            metric_settings: bundle.metrics.iter().map(settings_of).collect(),
            behaviour_reads: BehaviourReads::of_bundle(&bundle),
            bundle,
            policy,
            settings,
            given: Vec::new(),
            scopes: CompileCache::default(),
            scratch: ScratchMemory::default(),
            rules,
        }
    }

    /// The same detector with facts set by hand on every action.
    #[must_use]
    pub fn with_given(mut self, given: Vec<GivenFact>) -> Self {
        self.given = given;
        self
    }

    /// First half of the bundle's hash, in hex.
    #[must_use]
    pub fn bundle_hex(&self) -> &str {
        &self.bundle_hex
    }

    /// The subjects that must be in memory before [`Self::fire_timer`]. For
    /// [`Self::process_record`] see [`PartitionState::prepare_subjects`].
    #[must_use]
    pub fn subjects_of_timer(key: &SubjectKey) -> [SubjectKey; 3] {
        let tenant = key.tenant();
        [
            key.clone(),
            SubjectKey::Tenant(tenant.clone()),
            SubjectKey::Overflow(tenant.clone()),
        ]
    }

    /// Stream time after `record`, given the stream time before it.
    #[must_use]
    pub fn stream_ms_after(before_ms: i64, record: &Record) -> i64 {
        let reached_ms = match (record.time, record.input, &record.body) {
            // A backfill beside live records moves stream time by its own times, but never beyond
            // its append time: a claim of the future would close incidents of others.
            (TimeSource::Append, Input::Backfill, RecordBody::Action(action)) => {
                claimed_ms(action, record.append_ms).min(record.append_ms)
            }
            (TimeSource::Append, _, _) => record.append_ms,
            (TimeSource::Event, _, RecordBody::Action(action)) => {
                claimed_ms(action, record.append_ms)
            }
            // A tick carries clock time, and scopes and control records carry append time: neither
            // is comparable with event time. An unreadable record has no time of its own.
            (
                TimeSource::Event,
                _,
                RecordBody::Link(_)
                | RecordBody::Scope(_)
                | RecordBody::Control(_)
                | RecordBody::Unreadable(_),
            ) => {
                return before_ms;
            }
        };
        before_ms.max(reached_ms)
    }

    /// Judges one record. Its subjects must be in memory and every earlier timer fired.
    pub fn process_record(
        &mut self,
        partition: &mut PartitionState,
        record: Record,
        effects: &mut RecordEffects,
    ) {
        partition.stream_ms = Self::stream_ms_after(partition.stream_ms, &record);
        let Record {
            input,
            position,
            append_ms,
            time,
            body,
        } = record;
        let origin = RecordOrigin {
            input,
            position,
            append_ms,
            time,
        };
        // An action says itself of which type its agent is.
        if let RecordBody::Scope(_) | RecordBody::Control(_) = &body
            && let Some(agent) = body.agent_key()
        {
            self.catch_up_commands(partition, &SubjectKey::Agent(agent));
        }
        match body {
            RecordBody::Action(action) => self.process_action(partition, &origin, action, effects),
            RecordBody::Scope(scope) => self.apply_scope(partition, &origin, *scope, effects),
            RecordBody::Control(control) => {
                self.apply_control(partition, &origin, &control, effects)
            }
            RecordBody::Link(link) => self.apply_link(partition, &origin, &link, effects),
            RecordBody::Unreadable(unreadable) => {
                self.process_unreadable(partition, &origin, &unreadable, effects);
            }
        }
    }

    /// Fires the timer of `key` that was due at `due_ms`: waits expire, incidents close. Its
    /// subjects must be in memory.
    pub fn fire_timer(
        &mut self,
        partition: &mut PartitionState,
        due_ms: i64,
        key: &SubjectKey,
        effects: &mut RecordEffects,
    ) {
        partition.stream_ms = partition.stream_ms.max(due_ms);
        partition.drop_timer(due_ms, key);
        self.catch_up_commands(partition, key);
        let stream_ms = partition.stream_ms;
        // A timer may be out of date: then its subject has nothing due.
        let is_due = partition
            .due_ms_of(key)
            .is_some_and(|next_ms| next_ms <= stream_ms);
        self.take_over_due_scopes(partition, key, effects);
        self.expire_deferred(partition, key, effects);
        self.end_due_tasks(partition, key, effects);
        let bundle_context = self.bundle_context(partition.partitions);
        let bursts = match is_due {
            true => self.bursts_of(partition, key),
            false => Vec::new(),
        };
        if let Some(incidents) = incidents_of(partition, key)
            && incidents
                .next_due_ms()
                .is_some_and(|next_ms| next_ms <= stream_ms)
        {
            close_due_incidents(
                &bundle_context,
                incidents,
                (key.tenant(), &bursts),
                stream_ms,
                &mut effects.outcomes,
            );
            partition.mark_changed(key, false);
        }
        if let Some(state) = partition.agents.get_mut(key) {
            report_uses(state, key, stream_ms, effects);
        }
        inform_of_requests(partition, key, || timer_cause(due_ms), effects);
        if let SubjectKey::Credential(credential) = key
            && let Some(state) = partition.credentials.get_mut(credential)
        {
            state.forget_if_due(stream_ms);
        }
        self.check_due_classes(partition, key, effects);
        partition.send_gateway_numbers(key, effects);
        let alarms = self.due_silences(partition, key);
        if is_due && matches!(key, SubjectKey::Agent(_)) {
            let event = AgentEvent {
                content: EventContent::Tick,
                cause: &timer_cause(due_ms),
                tree: None,
                alarms: &alarms,
            };
            self.evaluate_event(partition, key, &event, effects);
        }
        partition.set_timer(key);
        partition.mark_changed(key, false);
    }

    /// The subjects that [`Self::report_pending`] may have something to say about: those with
    /// something due, as every open incident is at some time.
    #[must_use]
    pub fn subjects_to_report(partition: &PartitionState) -> Vec<SubjectKey> {
        let timers = partition.timers.0.iter();
        timers.map(|(_, key)| key.clone()).collect()
    }

    /// Emits an alert about every open incident of `key` with events that no alert has listed yet,
    /// at the end of a recording. The subject must be in memory.
    pub fn report_pending(
        &self,
        partition: &mut PartitionState,
        key: &SubjectKey,
        effects: &mut RecordEffects,
    ) {
        let stream_ms = partition.stream_ms;
        let bundle_context = self.bundle_context(partition.partitions);
        if let Some(incidents) = incidents_of(partition, key) {
            let outcomes = &mut effects.outcomes;
            report_pending_events(
                &bundle_context,
                incidents,
                key.tenant(),
                stream_ms,
                outcomes,
            );
            partition.mark_changed(key, false);
        }
    }

    pub(super) fn bundle_context(&self, partitions: u32) -> BundleContext<'_> {
        BundleContext {
            policy: &self.policy,
            bundle: &self.bundle_hex,
            partitions,
            rules: self,
        }
    }

    pub(super) fn find_rule(&self, id: &str) -> Option<&Rule> {
        self.bundle.rule(*self.rules.get(id)?)
    }

    /// Whether stream time has passed the learning phase of a replay.
    pub(super) fn judges_at(&self, stream_ms: i64) -> bool {
        self.settings
            .learn_until_ms
            .is_none_or(|until_ms| stream_ms >= until_ms)
    }
}

/// The incidents of a subject that is in memory.
fn incidents_of<'p>(
    partition: &'p mut PartitionState,
    key: &SubjectKey,
) -> Option<&'p mut IncidentStore> {
    match key {
        SubjectKey::Tenant(tenant) => partition
            .tenants
            .get_mut(tenant)
            .map(|state| &mut state.live.incidents),
        SubjectKey::Credential(_) => None,
        SubjectKey::Agent(_) | SubjectKey::Overflow(_) => partition
            .agents
            .get_mut(key)
            .map(|state| &mut state.live.incidents),
    }
}

impl RuleLookup for Detector {
    fn rule_view(&self, id: &str) -> Option<RuleView<'_>> {
        self.find_rule(id).map(rule_view)
    }
}

/// A rule as the response room needs it.
pub(super) fn rule_view(rule: &Rule) -> RuleView<'_> {
    RuleView {
        id: &rule.id,
        title: &rule.title,
        description: &rule.description,
        remediation: &rule.remediation,
        confidence: rule.confidence,
        family: rule.family,
        level: rule.level,
        risk: rule.response.risk,
        revoke: rule.response.revoke,
        mode_max: rule.response.mode_max,
        fold: rule.response.fold,
        atlas: &rule.atlas,
        asi: &rule.asi,
    }
}
