//! Counts an action in the metrics of its agent, and fills in what rules read of them.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::baseline::{
    AlarmSides, MetricAction, MetricLearned, MetricLive, MetricSettings, MetricShare,
    PaneComparison,
};
use crate::event::{AgentAction, Text, text_fingerprint};
use crate::rule::{AlarmDirection, Facts, MetricIndex, MetricSpec};
use crate::scope::{CountedField, FieldShare};

use super::dispatch::{Detector, GivenFact};
use super::facts;
use super::limits::METRICS_MAX;
use super::partition_state::PartitionState;
use super::subject::{AgentState, SubjectKey};
use super::timed_action::TimedAction;

/// A metric's alarm on an action.
pub(super) type MetricAlarm = (MetricIndex, PaneComparison);

/// What counting an action in its metrics led to.
#[derive(Debug, Default)]
pub(super) struct CountedMetrics {
    pub alarms: Vec<MetricAlarm>,
    /// Whether a learned value changed.
    pub learned: bool,
    /// Whether a silence has a time at which it would alarm, as none had before.
    pub awaits_silence: bool,
    /// Metrics that were not counted because the agent has [`METRICS_MAX`].
    pub refused: u64,
}

impl CountedMetrics {
    /// Lists what must be written, and sets the timer of a silence.
    pub(super) fn note_changes(&self, partition: &mut PartitionState, key: &SubjectKey) {
        if self.learned {
            partition.mark_changed(key, true);
        }
        if self.awaits_silence {
            partition.set_timer(key);
        }
    }
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
        let offset = self.local_offset(&timed.action.tenant);
        for spec in metrics.iter().filter_map(|ix| self.bundle.metric(*ix)) {
            let Some(share) = share_of(spec, timed.action) else {
                continue;
            };
            let known = state.live.metrics.len();
            let Some(slot) = metric_slot(state, spec, &self.given, timed.at_ms) else {
                counted.refused += 1;
                continue;
            };
            let settings = settings_of(spec);
            let live = &mut state.live.metrics[slot].1;
            let learned = &mut state.learned.metrics[slot].1;
            let action = MetricAction {
                settings: &settings,
                offset: &offset,
                // A metric begins at the action's own time: claims of the past are no time of
                // learning.
                at_ms: match slot < known {
                    true => timed.counted_ms,
                    false => timed.at_ms,
                },
                share,
            };
            let result = live.count_action(learned, &action);
            counted.learned |= result.learned || slot >= known;
            if result.opened && settings.sides.silence && state.live.silence_due_ms.is_none() {
                state.live.silence_due_ms = live.silence_due_ms(learned);
                counted.awaits_silence |= state.live.silence_due_ms.is_some();
            }
            if let Some(alarm) = result.alarm {
                facts::fill_expected(facts, spec, &alarm);
                counted.alarms.push((spec.index, alarm));
            } else if self.is_read(spec) {
                let expected = live.compare_pane(learned, &settings, &offset);
                facts::fill_expected(facts, spec, &expected);
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
        let offset = self.local_offset(&timed.action.tenant);
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
                let expected = live.compare_pane(learned, &settings_of(spec), &offset);
                facts::fill_expected(facts, spec, &expected);
            }
        }
    }

    /// The alarms of an agent's metrics whose silence is due to be checked. The shared state of
    /// undeclared agents alarms on none, but its time of the next check moves on.
    pub(super) fn due_silences(
        &self,
        partition: &mut PartitionState,
        key: &SubjectKey,
    ) -> Vec<MetricAlarm> {
        let stream_ms = partition.stream_ms;
        match partition.agents.get_mut(key) {
            Some(state)
                if state
                    .live
                    .silence_due_ms
                    .is_some_and(|due_ms| due_ms <= stream_ms) =>
            {
                self.alarm_silences(key.tenant(), state, stream_ms)
            }
            _ => Vec::new(),
        }
    }

    /// The alarms of metrics whose silence is too long at `at_ms`; sets the time of the next check.
    fn alarm_silences(
        &self,
        tenant: &Text,
        state: &mut AgentState,
        at_ms: i64,
    ) -> Vec<MetricAlarm> {
        let offset = self.local_offset(tenant);
        let mut alarms = Vec::new();
        state.live.silence_due_ms = None;
        let halves = state
            .live
            .metrics
            .iter_mut()
            .zip(&mut state.learned.metrics);
        for ((name, live), (_, learned)) in halves {
            let spec = self.bundle.metrics.iter().find(|spec| spec.name == *name);
            let Some(spec) = spec.filter(|spec| spec.direction == AlarmDirection::Silence) else {
                continue;
            };
            let alarm = live.alarm_silence(learned, &settings_of(spec), &offset, at_ms);
            alarms.extend(alarm.map(|alarm| (spec.index, alarm)));
            let due_ms = live
                .silence_due_ms(learned)
                .filter(|due_ms| *due_ms > at_ms);
            let known = state.live.silence_due_ms;
            state.live.silence_due_ms = known.into_iter().chain(due_ms).min();
        }
        alarms
    }

    /// Milliseconds by which a tenant's local time is ahead of UTC.
    fn local_offset(&self, tenant: &str) -> impl Fn(i64) -> i64 {
        let zone = self.bundle.resources.tenant_zone(tenant);
        move |at_ms| zone.map_or(0, |zone| offset_ms(zone, at_ms))
    }

    /// Whether a rule reads the metric's facts and no rule test sets them. For the others the
    /// expectation is not computed: it costs more than the count.
    fn is_read(&self, spec: &MetricSpec) -> bool {
        let slots = spec.facts.all_slots();
        spec.watched && !self.given.iter().any(|given| slots.contains(&given.slot))
    }
}

fn offset_ms(zone: &TimeZone, at_ms: i64) -> i64 {
    let at = Timestamp::from_millisecond(at_ms);
    at.map_or(0, |at| i64::from(zone.to_offset(at).seconds()) * 1_000)
}

/// What an action adds to a metric; `None` when it lacks the field.
fn share_of(spec: &MetricSpec, action: &AgentAction) -> Option<MetricShare> {
    if let CountedField::Actions = spec.counted {
        return Some(MetricShare::Amount(1.0));
    }
    Some(match spec.counted.share_of(action)? {
        FieldShare::Amount(amount) => MetricShare::Amount(amount),
        FieldShare::Member(text) => MetricShare::Member(text_fingerprint(&text)),
    })
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
        .map(|mean| MetricLearned::from_class(mean, &settings_of(spec), at_ms))
        .unwrap_or_default();
    state.learned.metrics.push((spec.name.clone(), learned));
    Some(slot)
}

fn settings_of(spec: &MetricSpec) -> MetricSettings {
    let direction = spec.direction;
    MetricSettings {
        pane_ms: spec.pane_ms,
        sides: AlarmSides {
            above: matches!(direction, AlarmDirection::Above | AlarmDirection::Both),
            below: matches!(direction, AlarmDirection::Below | AlarmDirection::Both),
            silence: direction == AlarmDirection::Silence,
        },
        false_alarms_per_30d: spec.false_alarms_per_30d,
        min_count: spec.min_count,
        min_ratio: spec.min_ratio,
        is_real: matches!(spec.counted, CountedField::Sum(_)),
    }
}
