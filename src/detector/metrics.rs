//! Counts an action in the metrics of its agent, and fills in what rules read of them.

use crate::baseline::{MetricLearned, MetricLive, MetricSettings, PaneComparison};
use crate::event::Text;
use crate::rule::{Facts, MetricIndex, MetricSpec};

use super::dispatch::{Detector, GivenFact};
use super::facts;
use super::limits::METRICS_MAX;
use super::subject::AgentState;
use super::timed_action::TimedAction;

/// A metric's alarm on an action.
pub(super) type MetricAlarm = (MetricIndex, PaneComparison);

/// What counting an action in its metrics led to.
#[derive(Debug, Default)]
pub(super) struct CountedMetrics {
    pub alarms: Vec<MetricAlarm>,
    /// Whether a learned value changed.
    pub learned: bool,
    /// Metrics that were not counted because the agent has [`METRICS_MAX`].
    pub refused: u64,
}

impl Detector {
    /// Counts an action in `metrics`, and fills in what rules read of them.
    pub(super) fn count_metrics(
        &self,
        metrics: &[MetricIndex],
        state: &mut AgentState,
        timed: &TimedAction<'_>,
        facts: &mut Facts<'_>,
    ) -> CountedMetrics {
        let mut counted = CountedMetrics::default();
        for spec in metrics.iter().filter_map(|ix| self.bundle.metric(*ix)) {
            let known = state.live.metrics.len();
            let Some(slot) = metric_slot(state, spec, &self.given, timed.at_ms) else {
                counted.refused += 1;
                continue;
            };
            let settings = settings_of(spec);
            let live = &mut state.live.metrics[slot].1;
            let learned = &mut state.learned.metrics[slot].1;
            // A metric begins at the action's own time: claims of the past are no time of learning.
            let counted_ms = match slot < known {
                true => timed.counted_ms,
                false => timed.at_ms,
            };
            let (alarm, folded) = live.count_action(learned, &settings, counted_ms);
            counted.learned |= folded;
            if let Some(alarm) = alarm {
                facts::fill_expected(facts, spec, &alarm.0);
                counted.alarms.push((spec.index, alarm.0));
            } else if self.is_read(spec) {
                fill_expectation(facts, spec, (live, learned), timed.at_ms);
            }
        }
        counted
    }

    /// Fills in what rules read of the metrics of an action that was counted when it came.
    pub(super) fn fill_metrics(
        &self,
        metrics: &[MetricIndex],
        state: &AgentState,
        timed: &TimedAction<'_>,
        facts: &mut Facts<'_>,
    ) {
        let specs = metrics.iter().filter_map(|ix| self.bundle.metric(*ix));
        for spec in specs.filter(|spec| self.is_read(spec)) {
            let live = state
                .live
                .metrics
                .iter()
                .find(|(name, _)| *name == spec.name);
            let mut learned = state.learned.metrics.iter();
            let learned = learned.find(|(name, _)| *name == spec.name);
            if let (Some((_, live)), Some((_, learned))) = (live, learned) {
                fill_expectation(facts, spec, (live, learned), timed.at_ms);
            }
        }
    }

    /// Whether a rule reads the metric's facts and no rule test sets them. For the others the
    /// expectation is not computed: it costs more than the count.
    fn is_read(&self, spec: &MetricSpec) -> bool {
        let slots = spec.facts.all_slots();
        spec.watched && !self.given.iter().any(|given| slots.contains(&given.slot))
    }
}

/// Fills in what a metric expects of its open pane.
fn fill_expectation(
    facts: &mut Facts<'_>,
    spec: &MetricSpec,
    (live, learned): (&MetricLive, &MetricLearned),
    at_ms: i64,
) {
    let expected = live.compare_pane(learned, &settings_of(spec), at_ms);
    facts::fill_expected(facts, spec, &expected);
}

/// The index of a metric in the agent's state. The metric is added when it is first counted; `None`
/// when the agent has too many. Both halves of the state list their metrics in the same order.
fn metric_slot(
    state: &mut AgentState,
    spec: &MetricSpec,
    given: &[GivenFact],
    at_ms: i64,
) -> Option<usize> {
    let is_named = |(name, _): &(Text, MetricLive)| *name == spec.name;
    if let Some(slot) = state.live.metrics.iter().position(is_named)
        && let Some((name, _)) = state.learned.metrics.get(slot)
        && *name == spec.name
    {
        return Some(slot);
    }
    let live_names = state.live.metrics.iter().map(|(name, _)| name);
    let learned_names = state.learned.metrics.iter().map(|(name, _)| name);
    // Halves that do not list the same metrics are damaged: both start anew.
    if !live_names.eq(learned_names) {
        state.live.metrics.clear();
        state.learned.metrics.clear();
    }
    if state.live.metrics.len() >= METRICS_MAX {
        return None;
    }
    let slot = state.live.metrics.len();
    let added = (spec.name.clone(), MetricLive::default());
    state.live.metrics.push(added);
    // A rule test may say what the metric expects, as if it had been learned.
    let expected = given.iter().find(|fact| fact.slot == spec.facts.expected);
    let learned = expected
        .and_then(|fact| fact.value.as_f64())
        .map(|mean| MetricLearned::from_mean(mean, &settings_of(spec), at_ms))
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
