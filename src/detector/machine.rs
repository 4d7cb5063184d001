//! The detector and what it is made of. One per worker; its state is scratch memory only.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::event::{Input, Record, RecordBody, Text, TimeSource};
use crate::response::{BundleContext, Policy, RuleLookup, RuleView, close_due_incidents};
use crate::rule::{Bundle, FactSlot, Facts, MetricIndex, Rule, RuleIndex};
use crate::scope::CompileCache;
use crate::text::units::encode_hex;

use super::effects::Effects;
use super::limits;
use super::partition::Partition;
use super::subject::SubjectKey;
use super::timed_action::{RecordOrigin, claimed_ms};

/// What the operator sets.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// How long an action waits for its scope, stream time.
    pub hold_ms: i64,
    /// Undeclared agents of a tenant with a state of their own, over all partitions.
    pub agents_undeclared_max: u32,
    /// Actions one agent may hold.
    pub held_agent_max: usize,
    /// Actions one partition may hold.
    pub held_partition_max: u64,
    /// Before this stream time nothing is judged, only learned.
    pub learn_until_ms: Option<i64>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            hold_ms: 30_000,
            agents_undeclared_max: 5_000,
            held_agent_max: limits::HELD_AGENT_MAX,
            held_partition_max: limits::HELD_PARTITION_MAX,
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
    pub(super) settings: Settings,
    pub(super) given: Vec<GivenFact>,
    pub(super) scopes: CompileCache,
    pub(super) scratch: Scratch,
    bundle_hex: String,
    /// Tells this bundle from every other of the process.
    pub(super) bundle_mark: u64,
    rules: BTreeMap<Text, RuleIndex>,
}

/// Memory reused from action to action.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub facts: Option<Facts<'static>>,
    pub rules: Vec<RuleIndex>,
    pub metrics: Vec<MetricIndex>,
}

impl Detector {
    #[must_use]
    pub fn new(bundle: Arc<Bundle>, policy: Arc<Policy>, settings: Settings) -> Self {
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
            bundle,
            policy,
            settings,
            given: Vec::new(),
            scopes: CompileCache::default(),
            scratch: Scratch::default(),
            rules,
        }
    }

    /// The same with facts set by hand on every action.
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

    /// The subjects that must be in memory before [`Self::fire`]. For [`Self::apply`] see
    /// [`Partition::missing`].
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
            // Beside live records, what happened long ago does not turn the clock; nor may a claim
            // that lies in the future.
            (TimeSource::Append, Input::Backfill, RecordBody::Action(action)) => {
                claimed_ms(action, record.append_ms).min(record.append_ms)
            }
            (TimeSource::Append, _, _) => record.append_ms,
            (TimeSource::Event, _, RecordBody::Action(action)) => {
                claimed_ms(action, record.append_ms)
            }
            // A tick tells the time of the clock, and the append time of what was said about agents
            // is not comparable with event time.
            (
                TimeSource::Event,
                _,
                RecordBody::Link(_) | RecordBody::Scope(_) | RecordBody::Control(_),
            ) => {
                return before_ms;
            }
        };
        before_ms.max(reached_ms)
    }

    /// Judges one record. Its subjects must be in memory and every earlier timer fired.
    pub fn apply(&mut self, partition: &mut Partition, record: Record, effects: &mut Effects) {
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
        match body {
            RecordBody::Action(action) => self.act(partition, &origin, action, effects),
            RecordBody::Scope(scope) => self.declare(partition, &origin, *scope, effects),
            RecordBody::Control(control) => self.control(partition, &origin, &control, effects),
            RecordBody::Link(link) => Self::link(partition, &link.body),
        }
    }

    /// Does what `key` has due at or before `due_ms`. Its subjects must be in memory.
    pub fn fire(
        &mut self,
        partition: &mut Partition,
        due_ms: i64,
        key: &SubjectKey,
        effects: &mut Effects,
    ) {
        partition.stream_ms = partition.stream_ms.max(due_ms);
        partition.drop_timer(due_ms, key);
        self.end_holds(partition, key, effects);
        let stream_ms = partition.stream_ms;
        let bundle_context = self.bundle_context(partition.partitions);
        let incidents = match key {
            SubjectKey::Tenant(tenant) => partition
                .tenants
                .get_mut(tenant)
                .map(|state| &mut state.live.incidents),
            SubjectKey::Agent(_) | SubjectKey::Overflow(_) => partition
                .agents
                .get_mut(key)
                .map(|state| &mut state.live.incidents),
        };
        if let Some(incidents) = incidents
            && incidents
                .next_due_ms()
                .is_some_and(|next_ms| next_ms <= stream_ms)
        {
            close_due_incidents(
                &bundle_context,
                incidents,
                key.tenant(),
                stream_ms,
                &mut effects.outcomes,
            );
            partition.mark(key, false);
        }
        partition.set_timer(key);
        partition.mark(key, false);
    }

    pub(super) fn bundle_context(&self, partitions: u32) -> BundleContext<'_> {
        BundleContext {
            policy: &self.policy,
            bundle: &self.bundle_hex,
            partitions,
            rules: self,
        }
    }

    pub(super) fn rule(&self, id: &str) -> Option<&Rule> {
        self.bundle.rule(*self.rules.get(id)?)
    }

    /// Whether stream time has passed the learning phase of a replay.
    pub(super) fn judges(&self, stream_ms: i64) -> bool {
        self.settings
            .learn_until_ms
            .is_none_or(|until_ms| stream_ms >= until_ms)
    }
}

impl RuleLookup for Detector {
    fn rule_view(&self, id: &str) -> Option<RuleView<'_>> {
        self.rule(id).map(rule_view)
    }
}

/// A rule as the response room needs it.
pub(super) fn rule_view(rule: &Rule) -> RuleView<'_> {
    RuleView {
        id: &rule.id,
        title: &rule.title,
        family: rule.family,
        level: rule.level,
        revoke: rule.response.revoke,
        mode_max: rule.response.mode_max,
        fold: rule.response.fold,
        atlas: &rule.atlas,
        asi: &rule.asi,
    }
}
