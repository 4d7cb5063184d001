//! One action: enrich, time, scope, baseline, facts, rules, response.

use std::borrow::Cow;

use crate::baseline::{MetricLive, MetricSettings, PaneComparison};
use crate::event::{AgentAction, Text};
use crate::response::{ActionContext, Finding, FindingDetail, IncidentStores, respond_to_findings};
use crate::rule::{Facts, MetricIndex, MetricSpec, RuleIndex, RuleSet};
use crate::scope::{JudgeContext, Judgement, judge};

use super::effects::Effects;
use super::explain;
use super::facts;
use super::limits::METRICS_MAX;
use super::machine::{Detector, GivenFact, rule_view};
use super::partition::{Partition, Tenants};
use super::subject::{AgentState, SubjectKey};
use super::timed_action::{RecordOrigin, TimedAction};

/// Which part of judgement is due.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pass {
    /// The action waits for its scope.
    pub pending: bool,
    pub set: RuleSet,
}

/// A metric's alarm on this action.
type Alarmed = (MetricIndex, PaneComparison);

impl Detector {
    pub(super) fn act(
        &mut self,
        partition: &mut Partition,
        origin: &RecordOrigin,
        mut action: Box<AgentAction>,
        effects: &mut Effects,
    ) {
        effects.counts.actions += 1;
        self.bundle.resources.enrich_action(&mut action);
        let timed = TimedAction::new(&action, origin);
        effects.counts.clamped += u64::from(timed.clamped);
        let key = self.claim_subject(partition, &timed, effects);
        let Some(state) = partition.agents.get_mut(&key) else {
            effects.absent = true;
            return;
        };
        if !state.live.apply_once(origin.input, &origin.position) {
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
        state.live.incidents.note_target_use(&action, timed.at_ms);
        let hold = matches!(key, SubjectKey::Agent(_))
            && self.awaits_scope(state, &timed)
            && self.is_managed(&partition.tenants, key.tenant())
            && self.has_room_to_hold(state, partition.held, effects);
        if hold {
            effects.counts.held += 1;
            self.hold(partition, &key, &timed);
        }
        let set = if hold {
            RuleSet::WithoutScope
        } else {
            RuleSet::All
        };
        self.judge(
            partition,
            &key,
            &timed,
            Pass { pending: hold, set },
            effects,
        );
    }

    /// The subject an action belongs to: its agent, or the shared one of undeclared agents beyond
    /// the cap. An agent that turns out to be undeclared takes a place under the cap.
    fn claim_subject(
        &self,
        partition: &mut Partition,
        timed: &TimedAction<'_>,
        effects: &mut Effects,
    ) -> SubjectKey {
        let action = timed.action;
        let key = SubjectKey::Agent(action.agent_key());
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
        timed: &TimedAction<'_>,
        pass: Pass,
        effects: &mut Effects,
    ) {
        let managed = self.is_managed(&partition.tenants, key.tenant());
        let bundle = std::sync::Arc::clone(&self.bundle);
        let zone = bundle.resources.tenant_zone(&timed.action.tenant);
        let Some(state) = partition.agents.get_mut(key) else {
            return;
        };
        self.adopt(state);
        let judgement = judge(
            &state.learned.book,
            || bundle.templates.for_action(timed.action),
            &mut state.live.usage,
            timed.action,
            timed.at_ms,
            &JudgeContext {
                zone,
                tenant_managed: managed,
                pending: pass.pending,
            },
        );
        let violations: smallvec::SmallVec<[&str; 14]> = judgement
            .violations
            .iter()
            .map(|violation| violation.as_str())
            .collect();
        let event_id = timed.event_id();
        let since_revocation_ms = state
            .live
            .incidents
            .after_revocation(timed.action, timed.at_ms);
        let mut scratch = std::mem::take(&mut self.scratch);
        let empty = || Facts::new(&bundle.catalogue);
        let mut facts = scratch.facts.take().map_or_else(empty, Facts::recycle);
        facts::fill(&mut facts, timed, &event_id, zone);
        facts::fill_scope(&mut facts, &judgement, &violations, since_revocation_ms);
        for given in &self.given {
            facts::fill_given(&mut facts, given);
        }
        let mut alarmed: Vec<Alarmed> = Vec::new();
        bundle.match_metrics(&facts, &mut scratch.metrics);
        let metrics = &scratch.metrics;
        if pass.set == RuleSet::OnlyScope {
            self.watch(metrics, state, timed, &mut facts);
        } else if self.count(metrics, state, timed, &mut facts, &mut alarmed, effects) {
            partition.changes.mark(key, &mut state.marks, true);
        }
        if self.judges(partition.stream_ms) {
            let evaluation = Evaluation {
                event_id: &event_id,
                facts: &facts,
                judgement: &judgement,
                alarmed: &alarmed,
            };
            self.find(pass.set, &evaluation, &mut scratch.rules);
            if !scratch.rules.is_empty() {
                self.answer(partition, key, timed, &scratch.rules, &evaluation, effects);
            }
            scratch.rules.clear();
        }
        scratch.facts = Some(facts.recycle());
        self.scratch = scratch;
    }

    /// Counts the action in its metrics; returns whether a learned value changed.
    fn count(
        &self,
        metrics: &[MetricIndex],
        state: &mut AgentState,
        timed: &TimedAction<'_>,
        facts: &mut Facts<'_>,
        alarmed: &mut Vec<Alarmed>,
        effects: &mut Effects,
    ) -> bool {
        let mut learned = false;
        for spec in metrics.iter().filter_map(|ix| self.bundle.metric(*ix)) {
            let Some(slot) = metric_of(state, spec, &self.given, timed.at_ms) else {
                effects.counts.metrics_full += 1;
                continue;
            };
            let settings = settings_of(spec);
            let live = &mut state.live.metrics[slot].1;
            let known = &mut state.learned.metrics[slot].1;
            let (alarm, folded) = live.count_action(known, &settings, timed.at_ms);
            learned |= folded;
            if let Some(alarm) = alarm {
                facts::fill_expected(facts, spec, &alarm.0);
                alarmed.push((spec.index, alarm.0));
            } else if spec.watched && !self.gives(spec) {
                let evaluation = live.compare_pane(known, &settings, timed.at_ms);
                facts::fill_expected(facts, spec, &evaluation);
            }
        }
        learned
    }

    /// What rules may read of the metrics of an action that was counted when it came.
    fn watch(
        &self,
        metrics: &[MetricIndex],
        state: &AgentState,
        timed: &TimedAction<'_>,
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
                let evaluation = live.compare_pane(learned, &settings_of(spec), timed.at_ms);
                facts::fill_expected(facts, spec, &evaluation);
            }
        }
    }

    /// Whether a rule test says what this metric is.
    fn gives(&self, spec: &MetricSpec) -> bool {
        let slots = spec.facts.all_slots();
        self.given.iter().any(|given| slots.contains(&given.slot))
    }

    /// The rules that fire: those that match the facts, and those of the metrics that alarmed.
    fn find(&self, set: RuleSet, evaluation: &Evaluation<'_>, rules: &mut Vec<RuleIndex>) {
        self.bundle.match_rules(evaluation.facts, set, rules);
        let alarmed = evaluation.alarmed.iter();
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
        timed: &TimedAction<'_>,
        rules: &[RuleIndex],
        evaluation: &Evaluation<'_>,
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
        let detail = |id: &str| self.detail(id, timed, evaluation);
        let bundle_context = self.bundle_context(partition.partitions);
        let stream_ms = partition.stream_ms;
        let tenant_key = SubjectKey::Tenant(key.tenant().clone());
        let (agents, tenants) = (&mut partition.agents, &mut partition.tenants);
        let (Some(agent), Some(tenant)) = (agents.get_mut(key), tenants.get_mut(key.tenant()))
        else {
            return;
        };
        let claimed_class = timed.action.task_class.as_deref();
        let undeclared = agent.live.undeclared || matches!(key, SubjectKey::Overflow(_));
        let ctx = ActionContext {
            bundle: &bundle_context,
            action: timed.action,
            position: &timed.origin.position,
            append_ms: timed.origin.append_ms,
            at_ms: timed.at_ms,
            stream_ms,
            event_id: evaluation.event_id,
            task_class: evaluation.judgement.task_class().or(claimed_class),
            undeclared,
            chain: &timed.action.delegation_chain,
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

    fn detail(
        &self,
        id: &str,
        timed: &TimedAction<'_>,
        evaluation: &Evaluation<'_>,
    ) -> FindingDetail {
        let Some(rule) = self.rule(id) else {
            return FindingDetail::default();
        };
        let expected = rule.baseline.and_then(|metric| {
            let (_, expected) = evaluation.alarmed.iter().find(|(ix, _)| *ix == metric)?;
            Some((self.bundle.metric(metric)?, expected))
        });
        FindingDetail {
            explanation: explain::sentence(
                rule,
                timed.action,
                evaluation.judgement,
                evaluation.facts,
                expected,
            ),
            facts: facts::read_by(rule, &self.bundle, evaluation.facts),
            expected: expected.map(|(metric, expected)| explain::expected(metric, expected)),
        }
    }
}

/// What the rules saw of an action.
struct Evaluation<'a> {
    event_id: &'a str,
    facts: &'a Facts<'a>,
    judgement: &'a Judgement,
    alarmed: &'a [Alarmed],
}

/// What tells a gateway's retry: the event id, which names events of one agent only.
fn sighted<'a>(key: &SubjectKey, agent: &str, event_id: &'a str) -> Cow<'a, str> {
    match key {
        SubjectKey::Overflow(_) => Cow::Owned(format!("{agent}\0{event_id}")),
        SubjectKey::Agent(_) | SubjectKey::Tenant(_) => Cow::Borrowed(event_id),
    }
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
        .map(|mean| crate::baseline::MetricLearned::from_mean(mean, &settings_of(spec), at_ms))
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
