//! One action: enrich, time, scope, baseline, facts, rules, response.

use std::borrow::Cow;

use crate::baseline::{Expected, MetricLive, MetricSettings};
use crate::event::{AgentAction, AgentKey, Input, Text, TimeSource};
use crate::response::{ActionContext, Finding, FindingDetail, IncidentStores, respond_to_findings};
use crate::rule::{Facts, MetricIx, MetricSpec, RuleIx, RuleSet};
use crate::scope::{JudgeContext, Judgement, judge};

use super::effects::Effects;
use super::explain;
use super::facts;
use super::limits::{CLAMP_BEFORE_MS, METRICS_MAX};
use super::machine::{Detector, GivenFact, Place, claimed_ms, rule_view};
use super::partition::{Partition, Tenants};
use super::subject::{AgentState, SubjectKey};

/// An action with its place and effective time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stand<'a> {
    pub action: &'a AgentAction,
    pub place: &'a Place,
    /// The action's own time, within bounds of its append time under an append source.
    pub at_ms: i64,
    pub clamped: bool,
}

/// Which part of judgement is due.
#[derive(Debug, Clone, Copy)]
pub(super) struct Judged {
    /// The action waits for its scope.
    pub pending: bool,
    pub set: RuleSet,
}

/// A metric's alarm on this action.
type Alarmed = (MetricIx, Expected);

impl Detector {
    pub(super) fn act(
        &mut self,
        partition: &mut Partition,
        place: &Place,
        mut action: Box<AgentAction>,
        effects: &mut Effects,
    ) {
        effects.counts.actions += 1;
        self.bundle.resources.enrich(&mut action);
        let (at_ms, clamped) = effective_time(&action, place);
        effects.counts.clamped += u64::from(clamped);
        let stand = Stand {
            action: &action,
            place,
            at_ms,
            clamped,
        };
        let key = self.claim_subject(partition, &stand, effects);
        let Some(state) = partition.agents.get_mut(&key) else {
            effects.absent = true;
            return;
        };
        if !state.live.apply_once(place.input, &place.position) {
            effects.counts.reapplied += 1;
            return;
        }
        partition.changes.mark(&key, &mut state.marks, false);
        if let Some(id) = &action.event_id
            && !state
                .live
                .recent_ids
                .first_sight(&sighted(&key, &action.agent_id, id))
        {
            effects.counts.retries += 1;
            return;
        }
        state.live.incidents.note_target_use(&action, at_ms);
        let hold = matches!(key, SubjectKey::Agent(_))
            && self.awaits_scope(state, &stand)
            && self.is_managed(&partition.tenants, key.tenant())
            && self.has_room_to_hold(state, partition.held, effects);
        if hold {
            effects.counts.held += 1;
            self.hold(partition, &key, &stand);
        }
        let set = if hold {
            RuleSet::WithoutScope
        } else {
            RuleSet::All
        };
        self.judge(
            partition,
            &key,
            &stand,
            Judged { pending: hold, set },
            effects,
        );
    }

    /// The subject an action belongs to: its agent, or the shared one of undeclared agents beyond
    /// the cap. An agent that turns out to be undeclared takes a place under the cap.
    fn claim_subject(
        &self,
        partition: &mut Partition,
        stand: &Stand<'_>,
        effects: &mut Effects,
    ) -> SubjectKey {
        let action = stand.action;
        let agent = AgentKey {
            tenant: action.tenant.clone(),
            agent: action.agent_id.clone(),
        };
        let key = SubjectKey::Agent(agent);
        let Some(state) = partition.agents.get_mut(&key) else {
            return key;
        };
        let declared =
            !state.learned.book.is_empty() || self.bundle.templates.for_action(action).is_some();
        if declared != state.live.undeclared {
            state.known = true;
            return key;
        }
        let share = (self.settings.agents_undeclared_max / partition.partitions).max(1);
        let Some(tenant) = partition.tenants.get_mut(&action.tenant) else {
            return key;
        };
        if declared {
            // A template covers it now, as it did not before: it is onboarded no longer.
            tenant.live.undeclared = tenant.live.undeclared.saturating_sub(1);
            state.live.undeclared = false;
            partition.mark(&SubjectKey::Tenant(action.tenant.clone()), false);
            return key;
        }
        if !state.known && tenant.live.undeclared >= share {
            // What was taken into memory for it is clean, and goes with the next shrinking.
            effects.counts.onboarding_full += 1;
            return SubjectKey::Overflow(action.tenant.clone());
        }
        tenant.live.undeclared += 1;
        state.known = true;
        state.live.undeclared = true;
        partition.mark(&SubjectKey::Tenant(action.tenant.clone()), false);
        key
    }

    fn is_managed(&self, tenants: &Tenants, tenant: &str) -> bool {
        self.bundle.templates.tenant_is_managed(tenant)
            || tenants.get(tenant).is_some_and(|state| state.live.managed)
    }

    /// Judges one action and answers what the rules find.
    pub(super) fn judge(
        &mut self,
        partition: &mut Partition,
        key: &SubjectKey,
        stand: &Stand<'_>,
        judged: Judged,
        effects: &mut Effects,
    ) {
        let managed = self.is_managed(&partition.tenants, key.tenant());
        let bundle = std::sync::Arc::clone(&self.bundle);
        let zone = bundle.resources.timezone(&stand.action.tenant);
        let Some(state) = partition.agents.get_mut(key) else {
            return;
        };
        self.adopt(state);
        let judgement = judge(
            &state.learned.book,
            || bundle.templates.for_action(stand.action),
            &mut state.live.usage,
            stand.action,
            stand.at_ms,
            &JudgeContext {
                zone,
                tenant_managed: managed,
                pending: judged.pending,
            },
        );
        let violations: smallvec::SmallVec<[&str; 14]> = judgement
            .violations
            .iter()
            .map(|violation| violation.as_str())
            .collect();
        let event_id = event_id(stand);
        let since_revocation_ms = state
            .live
            .incidents
            .after_revocation(stand.action, stand.at_ms);
        let mut scratch = std::mem::take(&mut self.scratch);
        let empty = || Facts::new(&bundle.catalogue);
        let mut facts = scratch.facts.take().map_or_else(empty, Facts::recycle);
        facts::fill(&mut facts, stand, &event_id, zone);
        facts::fill_scope(&mut facts, &judgement, &violations, since_revocation_ms);
        for given in &self.given {
            facts::fill_given(&mut facts, given);
        }
        let mut alarmed: Vec<Alarmed> = Vec::new();
        bundle.counted(&facts, &mut scratch.metrics);
        let metrics = &scratch.metrics;
        if judged.set == RuleSet::OnlyScope {
            self.watch(metrics, state, stand, &mut facts);
        } else if self.count(metrics, state, stand, &mut facts, &mut alarmed, effects) {
            partition.changes.mark(key, &mut state.marks, true);
        }
        if self.judges(partition.stream_ms) {
            let seen = Seen {
                event_id: &event_id,
                facts: &facts,
                judgement: &judgement,
                alarmed: &alarmed,
            };
            self.find(judged.set, &seen, &mut scratch.rules);
            if !scratch.rules.is_empty() {
                self.answer(partition, key, stand, &scratch.rules, &seen, effects);
            }
            scratch.rules.clear();
        }
        scratch.facts = Some(facts.recycle());
        self.scratch = scratch;
    }

    /// Counts the action in its metrics; returns whether a learned value changed.
    fn count(
        &self,
        metrics: &[MetricIx],
        state: &mut AgentState,
        stand: &Stand<'_>,
        facts: &mut Facts<'_>,
        alarmed: &mut Vec<Alarmed>,
        effects: &mut Effects,
    ) -> bool {
        let mut learned = false;
        for spec in metrics.iter().filter_map(|ix| self.bundle.metric(*ix)) {
            let Some(slot) = metric_of(state, spec, &self.given, stand.at_ms) else {
                effects.counts.metrics_full += 1;
                continue;
            };
            let settings = settings_of(spec);
            let live = &mut state.live.metrics[slot].1;
            let known = &mut state.learned.metrics[slot].1;
            let (alarm, folded) = live.count(known, &settings, stand.at_ms);
            learned |= folded;
            if let Some(alarm) = alarm {
                facts::fill_expected(facts, spec, &alarm.0);
                alarmed.push((spec.ix, alarm.0));
            } else if spec.watched && !self.gives(spec) {
                let seen = live.expected(known, &settings, stand.at_ms);
                facts::fill_expected(facts, spec, &seen);
            }
        }
        learned
    }

    /// What rules may read of the metrics of an action that was counted when it came.
    fn watch(
        &self,
        metrics: &[MetricIx],
        state: &AgentState,
        stand: &Stand<'_>,
        facts: &mut Facts<'_>,
    ) {
        let specs = metrics.iter().filter_map(|ix| self.bundle.metric(*ix));
        for spec in specs.filter(|spec| spec.watched && !self.gives(spec)) {
            let named = |(name, _): &&(Text, MetricLive)| *name == spec.name;
            let live = state.live.metrics.iter().find(named);
            let learned = state
                .learned
                .metrics
                .iter()
                .find(|(name, _)| *name == spec.name);
            if let (Some((_, live)), Some((_, learned))) = (live, learned) {
                let seen = live.expected(learned, &settings_of(spec), stand.at_ms);
                facts::fill_expected(facts, spec, &seen);
            }
        }
    }

    /// Whether a rule test says what this metric is.
    fn gives(&self, spec: &MetricSpec) -> bool {
        let slots = spec.facts.slots();
        self.given.iter().any(|given| slots.contains(&given.slot))
    }

    /// The rules that fire: those that match the facts, and those of the metrics that alarmed.
    fn find(&self, set: RuleSet, seen: &Seen<'_>, rules: &mut Vec<RuleIx>) {
        self.bundle.evaluate(seen.facts, set, rules);
        let alarmed = seen.alarmed.iter();
        rules.extend(
            alarmed
                .filter_map(|(ix, _)| self.bundle.metric(*ix))
                .map(|metric| metric.rule),
        );
    }

    /// Hands the findings to the response stage.
    fn answer(
        &self,
        partition: &mut Partition,
        key: &SubjectKey,
        stand: &Stand<'_>,
        rules: &[RuleIx],
        seen: &Seen<'_>,
        effects: &mut Effects,
    ) {
        effects.counts.findings += rules.len() as u64;
        effects.fired.extend_from_slice(rules);
        let bundle = &self.bundle;
        let findings: Vec<Finding<'_>> = rules
            .iter()
            .filter_map(|ix| bundle.rule(*ix))
            .map(|rule| Finding::new(rule_view(rule)))
            .collect();
        let detail = |id: &str| self.detail(id, stand, seen);
        let bundle_context = self.bundle_context(partition.partitions);
        let stream_ms = partition.stream_ms;
        let tenant_key = SubjectKey::Tenant(key.tenant().clone());
        let (agents, tenants) = (&mut partition.agents, &mut partition.tenants);
        let (Some(agent), Some(tenant)) = (agents.get_mut(key), tenants.get_mut(key.tenant()))
        else {
            return;
        };
        let claimed_class = stand.action.task_class.as_deref();
        let undeclared = agent.live.undeclared || matches!(key, SubjectKey::Overflow(_));
        let ctx = ActionContext {
            bundle: &bundle_context,
            action: stand.action,
            position: &stand.place.position,
            append_ms: stand.place.append_ms,
            at_ms: stand.at_ms,
            stream_ms,
            event_id: seen.event_id,
            task_class: seen.judgement.task_class().or(claimed_class),
            undeclared,
            chain: &stand.action.delegation_chain,
            detail: &detail,
        };
        let mut stores = IncidentStores {
            agent: &mut agent.live.incidents,
            tenant: &mut tenant.live.incidents,
            budget: &mut tenant.live.budget,
        };
        respond_to_findings(&mut stores, &findings, &ctx, &mut effects.outcomes);
        partition.mark(key, false);
        partition.mark(&tenant_key, false);
        partition.set_timer(key);
        partition.set_timer(&tenant_key);
    }

    fn detail(&self, id: &str, stand: &Stand<'_>, seen: &Seen<'_>) -> FindingDetail {
        let Some(rule) = self.rule(id) else {
            return FindingDetail::default();
        };
        let expected = rule.baseline.and_then(|metric| {
            let (_, expected) = seen.alarmed.iter().find(|(ix, _)| *ix == metric)?;
            Some((self.bundle.metric(metric)?, expected))
        });
        FindingDetail {
            explanation: explain::sentence(
                rule,
                stand.action,
                seen.judgement,
                seen.facts,
                expected,
            ),
            facts: facts::read_by(rule, &self.bundle, seen.facts),
            expected: expected.map(|(metric, expected)| explain::expected(metric, expected)),
        }
    }
}

/// What the rules saw of an action.
struct Seen<'a> {
    event_id: &'a str,
    facts: &'a Facts<'a>,
    judgement: &'a Judgement,
    alarmed: &'a [Alarmed],
}

/// The gateway's id of the event, or its position.
fn event_id<'a>(stand: &Stand<'a>) -> Cow<'a, str> {
    match &stand.action.event_id {
        Some(id) => Cow::Borrowed(id.as_str()),
        None => Cow::Owned(stand.place.position.to_string()),
    }
}

/// What tells a gateway's retry: the event id, which names events of one agent only.
fn sighted<'a>(key: &SubjectKey, agent: &str, event_id: &'a str) -> Cow<'a, str> {
    match key {
        SubjectKey::Overflow(_) => Cow::Owned(format!("{agent}\0{event_id}")),
        SubjectKey::Agent(_) | SubjectKey::Tenant(_) => Cow::Borrowed(event_id),
    }
}

/// The time an action is judged at. Under an append source a claim far from the append time is
/// moved to the nearest bound: an agent's clock may not choose its scope version or its pane.
/// Elsewhere only what claims to be of the future is.
fn effective_time(action: &AgentAction, place: &Place) -> (i64, bool) {
    let at_ms = match (place.time, place.input) {
        (TimeSource::Event, _) | (_, Input::Backfill) => claimed_ms(action, place.append_ms),
        (TimeSource::Append, _) => {
            claimed_ms(action, place.append_ms).max(place.append_ms.saturating_sub(CLAMP_BEFORE_MS))
        }
    };
    let clamped = action.occurred_at_ms.is_some_and(|claim| claim != at_ms);
    (at_ms, clamped)
}

/// The place of a metric in the agent's state, made when it is first counted. Both halves list
/// their metrics in the same order.
fn metric_of(
    state: &mut AgentState,
    spec: &MetricSpec,
    given: &[GivenFact],
    at_ms: i64,
) -> Option<usize> {
    let named = |(name, _): &(Text, MetricLive)| *name == spec.name;
    if let Some(slot) = state.live.metrics.iter().position(named)
        && let Some((name, _)) = state.learned.metrics.get(slot)
        && *name == spec.name
    {
        return Some(slot);
    }
    // Halves that do not name the same metrics are damaged: start them anew.
    if !state
        .live
        .metrics
        .iter()
        .map(|m| &m.0)
        .eq(state.learned.metrics.iter().map(|m| &m.0))
    {
        state.live.metrics.clear();
        state.learned.metrics.clear();
    }
    if state.live.metrics.len() >= METRICS_MAX {
        return None;
    }
    let slot = state.live.metrics.len();
    state
        .live
        .metrics
        .push((spec.name.clone(), Default::default()));
    let expected = given.iter().find(|fact| fact.slot == spec.facts.expected);
    let learned = expected
        .and_then(|fact| fact.value.as_f64())
        .map(|mean| crate::baseline::MetricLearned::given(mean, &settings_of(spec), at_ms))
        .unwrap_or_default();
    state.learned.metrics.push((spec.name.clone(), learned));
    Some(slot)
}

fn settings_of(spec: &MetricSpec) -> MetricSettings {
    MetricSettings {
        pane_ms: spec.pane_ms,
        false_alarms_per_30d: spec.false_alarms_per_30d,
        min_count: spec.min_count,
        min_ratio: spec.min_ratio,
    }
}
