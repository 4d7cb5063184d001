//! Counts an action in the metrics of its agent, and fills in what rules read of them.

use std::borrow::Cow;
use std::cell::{Cell, LazyCell};
use std::hash::Hasher as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use siphasher::sip::SipHasher13;

use crate::baseline::{
    AlarmSides, LocalOffset, MetricAction, MetricLearned, MetricLive, MetricSettings, MetricShare,
};
use crate::event::AgentAction;
use crate::response::BurstNote;
use crate::rule::{AlarmDirection, Facts, MetricIndex, MetricSpec};
use crate::scope::{CountedField, FieldShare};

use super::action::Pass;
use super::class_volume::CountedBy;
use super::dispatch::Detector;
use super::effects::RecordEffects;
use super::facts;
use super::limits::{METRIC_GROUPS_MAX, METRICS_MAX, RATE_MIN_PERCENT};
use super::metric_slots::{MetricAlarm, MetricSlots, OTHERS, describe_metric, group_of, metric_of};
use super::partition_state::PartitionState;
use super::stream_pauses::{SilenceView, StreamPauses};
use super::subject::{AgentState, SubjectKey};
use super::timed_action::TimedAction;

const HOUR_MS: i64 = 3_600_000;
/// Times whose local offset is known while the metrics of one action are counted.
const OFFSETS_KNOWN: usize = 8;

/// What counting an action in its metrics led to.
#[derive(Debug, Default)]
pub(super) struct CountedMetrics {
    pub alarms: Vec<MetricAlarm>,
    /// Whether a learned value changed.
    pub learned: bool,
    /// Whether a silence has a time at which it would alarm, or an earlier one than before.
    pub awaits_silence: bool,
    /// Metrics that were not counted because the agent has [`METRICS_MAX`].
    pub refused: u64,
    /// Metrics of which further groups are counted together from now on.
    pub groups_full: u64,
    /// Metrics that did not count the action because it lacks the field that they are grouped by.
    pub ungrouped: u64,
}

impl CountedMetrics {
    /// Counts what was refused, lists what must be written, and sets the timer of a silence.
    pub(super) fn note_changes(
        &self,
        partition: &mut PartitionState,
        key: &SubjectKey,
        effects: &mut RecordEffects,
    ) {
        let counts = &mut effects.counts;
        counts.metrics_full += self.refused;
        counts.metric_groups_full += self.groups_full;
        counts.metrics_ungrouped += self.ungrouped;
        if self.learned {
            partition.mark_changed(key, true);
        }
        if self.awaits_silence {
            partition.set_timer(key);
        }
    }
}

impl Detector {
    /// Counts an action in its metrics, or fills in what they expect of one that was counted when
    /// it came: a second time would distort the baseline.
    pub(super) fn count_once(
        &self,
        pass: Pass,
        metrics: &[MetricIndex],
        state: &mut AgentState,
        by: CountedBy<'_>,
        facts: &mut Facts<'_>,
    ) -> CountedMetrics {
        match pass {
            Pass::AfterScope => {
                self.fill_metrics(metrics, state, by.timed, facts);
                CountedMetrics::default()
            }
            Pass::Complete | Pass::BeforeScope => self.count_metrics(metrics, state, by, facts),
        }
    }

    /// Counts an action in `metrics`, and fills in what rules read of them.
    pub(super) fn count_metrics(
        &self,
        metrics: &[MetricIndex],
        state: &mut AgentState,
        by: CountedBy<'_>,
        facts: &mut Facts<'_>,
    ) -> CountedMetrics {
        let mut counted = CountedMetrics::default();
        let offset = self.local_offset(&by.timed.action.tenant);
        for (spec, settings) in metrics.iter().filter_map(|ix| self.metric(*ix)) {
            let key = state.live.recent_ids.known_key();
            if let Some(share) = share_of(spec, by.timed.action, key) {
                let metric = (spec, settings, share);
                self.count_metric(metric, state, by, &offset, facts, &mut counted);
            }
        }
        // Of what no rule selects, only rates ask.
        let others = self.bundle.rate_metrics().iter();
        let others = others.filter(|ix| !metrics.contains(ix));
        for (spec, settings) in others.filter_map(|ix| self.metric(*ix)) {
            let metric = (spec, settings, MetricShare::Amount(0.0));
            self.count_metric(metric, state, by, &offset, facts, &mut counted);
        }
        counted
    }

    /// Counts an action in one metric.
    fn count_metric(
        &self,
        (spec, settings, share): (&MetricSpec, &MetricSettings, MetricShare),
        state: &mut AgentState,
        by: CountedBy<'_>,
        offset: LocalOffset<'_>,
        facts: &mut Facts<'_>,
        counted: &mut CountedMetrics,
    ) {
        let timed = by.timed;
        let known = state.live.metrics.len();
        let Ok(group) = group_of_action(spec, timed.action) else {
            counted.ungrouped += 1;
            return;
        };
        let group = group.as_deref();
        let slot = state
            .metric_slots
            .find(spec, group, &state.learned.metrics)
            .or_else(|| {
                let learned = self.learned_before(spec, settings, by);
                add_metric(state, spec, group, learned)
            });
        let Some(slot) = slot else {
            counted.refused += 1;
            return;
        };
        let (Some(live), Some((name, learned))) = (
            state.live.metrics.get_mut(slot),
            state.learned.metrics.get_mut(slot),
        ) else {
            return;
        };
        let action = MetricAction {
            settings,
            offset,
            // A metric begins at the action's own time: claims of the past are no time of
            // learning.
            at_ms: match slot < known {
                true => timed.counted_ms,
                false => timed.at_ms,
            },
            share,
            outage: timed.outage,
            frozen: state.live.frozen,
        };
        let result = live.count_action(learned, &action);
        counted.learned |= result.learned || slot >= known;
        counted.groups_full += u64::from(slot >= known && group_of(name) == Some(OTHERS));
        if result.opened
            && settings.sides.silence
            && let Some(due_ms) = live.silence_due_ms(learned, settings, offset)
            && state.live.silence_due_ms.is_none_or(|known| known > due_ms)
        {
            state.live.silence_due_ms = Some(due_ms);
            counted.awaits_silence = true;
        }
        if let Some(found) = result.alarm {
            facts::fill_expected(facts, spec, &found);
            let (metric, name) = (spec.index, name.clone());
            counted.alarms.push(MetricAlarm {
                metric,
                name,
                found,
            });
        } else if self.is_read(spec) {
            let expected = live.compare_pane(learned, settings, offset);
            facts::fill_expected(facts, spec, &expected);
        }
    }

    /// What the bursts of an agent's metrics have become since they alarmed.
    pub(super) fn bursts_of(&self, partition: &PartitionState, key: &SubjectKey) -> Vec<BurstNote> {
        let Some(state) = partition.agents.get(key) else {
            return Vec::new();
        };
        let halves = state.live.metrics.iter().zip(&state.learned.metrics);
        let bursts = halves.filter_map(|(live, (name, _))| {
            let size = live.spike_size()?;
            let (spec, _) = self.metric_stored(name)?;
            let rule = self.bundle.rule(spec.rule)?;
            Some(BurstNote {
                rule: rule.id.clone(),
                metric: describe_metric(spec, name).into(),
                window_ms: size.window_ms,
                observed: size.observed,
            })
        });
        bursts.collect()
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
        let metrics = metrics.iter().filter_map(|ix| self.metric(*ix));
        for (spec, settings) in metrics.filter(|(spec, _)| self.is_read(spec)) {
            let group = group_of_action(spec, timed.action).ok();
            let slot = group.and_then(|group| {
                let slots = &state.metric_slots;
                slots.find(spec, group.as_deref(), &state.learned.metrics)
            });
            let live = slot.and_then(|slot| state.live.metrics.get(slot));
            let learned = slot.and_then(|slot| state.learned.metrics.get(slot));
            if let (Some(live), Some((_, learned))) = (live, learned) {
                let expected = live.compare_pane(learned, settings, &offset);
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
        let tenant = partition.tenants.get(key.tenant());
        let pauses = tenant.map(|tenant| &tenant.live.pauses);
        match partition.agents.get_mut(key) {
            Some(state)
                if state
                    .live
                    .silence_due_ms
                    .is_some_and(|due_ms| due_ms <= stream_ms) =>
            {
                self.alarm_silences(key, state, pauses, stream_ms)
            }
            _ => Vec::new(),
        }
    }

    /// The alarms of metrics whose silence is too long at `at_ms`; sets the time of the next check.
    fn alarm_silences(
        &self,
        key: &SubjectKey,
        state: &mut AgentState,
        pauses: Option<&StreamPauses>,
        at_ms: i64,
    ) -> Vec<MetricAlarm> {
        let offset = self.local_offset(key.tenant());
        let acted_ms = state.live.acted_last_ms;
        let mut alarms = Vec::new();
        let mut next_ms: Option<i64> = None;
        let halves = state
            .live
            .metrics
            .iter_mut()
            .zip(&mut state.learned.metrics);
        for (live, (name, learned)) in halves {
            let Some((spec, settings)) = self
                .metric_stored(name)
                .filter(|(_, settings)| settings.sides.silence)
            else {
                continue;
            };
            let mut due_ms = live
                .silence_due_ms(learned, settings, &offset)
                .map(|due_ms| due_in_stream(key, pauses, acted_ms, due_ms, at_ms));
            if due_ms.is_some_and(|due_ms| due_ms <= at_ms) {
                let alarm = live.alarm_silence(learned, settings, &offset, at_ms);
                alarms.extend(alarm.map(|found| MetricAlarm {
                    metric: spec.index,
                    name: name.clone(),
                    found,
                }));
                due_ms = live.silence_due_ms(learned, settings, &offset);
            }
            let due_ms = due_ms.filter(|due_ms| *due_ms > at_ms);
            next_ms = next_ms.into_iter().chain(due_ms).min();
        }
        state.live.silence_due_ms = next_ms;
        alarms
    }

    /// Finds which of the bundle's metrics the agent's are, by their names.
    pub(super) fn adapt_metrics(&self, state: &mut AgentState) {
        let (live, learned) = (&mut state.live.metrics, &mut state.learned.metrics);
        // Halves that do not list the same metrics are damaged: both start anew.
        if live.len() != learned.len() {
            live.clear();
            learned.clear();
        }
        state.metric_slots = MetricSlots::of_names(learned, &|name| {
            let metric = self.metric_stored(name);
            metric.map_or(MetricIndex::NONE, |(spec, _)| spec.index)
        });
    }

    /// The metric of the bundle with a stored name, with what it asks of the baselines.
    pub(super) fn metric_stored(&self, name: &str) -> Option<(&MetricSpec, &MetricSettings)> {
        let spec = self.bundle.metric_named(metric_of(name))?;
        (spec.group.is_some() == group_of(name).is_some()).then_some(())?;
        self.metric(spec.index)
    }

    /// A metric of the bundle, with what it asks of the baselines.
    pub(super) fn metric(&self, index: MetricIndex) -> Option<(&MetricSpec, &MetricSettings)> {
        let spec = self.bundle.metric(index)?;
        Some((spec, self.metric_settings.get(index.index())?))
    }

    /// Milliseconds by which a tenant's local time is ahead of UTC. The zone is looked up when it
    /// is asked for, which most actions do not; the metrics of an agent ask for the same times.
    pub(super) fn local_offset<'a>(&'a self, tenant: &'a str) -> impl Fn(i64) -> i64 + 'a {
        let zone = LazyCell::new(|| self.bundle.resources.tenant_zone(tenant));
        let known = Cell::new([(i64::MIN, 0); OFFSETS_KNOWN]);
        move |at_ms| {
            let Some(zone) = *zone else {
                return 0;
            };
            let slot = at_ms.div_euclid(HOUR_MS).rem_euclid(OFFSETS_KNOWN as i64) as usize;
            let mut times = known.get();
            if times[slot].0 != at_ms {
                times[slot] = (at_ms, offset_ms(zone, at_ms));
                known.set(times);
            }
            times[slot].1
        }
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

/// When a silence that is due at `due_ms` by itself alarms, as far as others of the tenant acted.
fn due_in_stream(
    key: &SubjectKey,
    pauses: Option<&StreamPauses>,
    acted_ms: i64,
    due_ms: i64,
    at_ms: i64,
) -> i64 {
    let (SubjectKey::Agent(agent), Some(pauses)) = (key, pauses) else {
        return due_ms;
    };
    if due_ms > at_ms {
        return due_ms;
    }
    let needed_ms = due_ms.saturating_sub(acted_ms);
    match pauses.view_silence(&agent.agent, acted_ms, needed_ms, at_ms) {
        SilenceView::Since(since_ms) => since_ms.saturating_add(needed_ms),
        SilenceView::Unknown { again_ms } => again_ms,
    }
}

/// What an action adds to a metric; `None` when it lacks the field. Values are hashed by the `key`
/// of the agent: whoever chose values of one hash would act on many resources that count as one.
fn share_of(spec: &MetricSpec, action: &AgentAction, key: u64) -> Option<MetricShare> {
    if let CountedField::Actions = spec.counted {
        // A share of the actions is shown in percent.
        let amount = if spec.is_rate() { 100.0 } else { 1.0 };
        return Some(MetricShare::Amount(amount));
    }
    Some(match spec.counted.share_of(action)? {
        FieldShare::Amount(amount) => MetricShare::Amount(amount),
        FieldShare::Member(text) => {
            let mut hasher = SipHasher13::new_with_keys(key, 2);
            hasher.write(text.as_bytes());
            MetricShare::Member(hasher.finish())
        }
    })
}

/// Adds a metric to an agent; `None` when it has too many. Both halves of the state list their
/// metrics in the same order.
fn add_metric(
    state: &mut AgentState,
    spec: &MetricSpec,
    group: Option<&str>,
    learned: MetricLearned,
) -> Option<usize> {
    let slot = state.metric_slots.len();
    if slot >= METRICS_MAX {
        return None;
    }
    let name = state.metric_slots.add(spec, group);
    state.live.metrics.push(MetricLive::default());
    state.learned.metrics.push((name, learned));
    Some(slot)
}

/// The group of an action in a metric: `None` if the metric has none, and `Err` if the action lacks
/// the field.
fn group_of_action<'a>(
    spec: &MetricSpec,
    action: &'a AgentAction,
) -> Result<Option<Cow<'a, str>>, Ungrouped> {
    let Some(field) = spec.group else {
        return Ok(None);
    };
    match CountedField::Distinct(field).share_of(action) {
        Some(FieldShare::Member(group)) => Ok(Some(group)),
        _ => Err(Ungrouped),
    }
}

/// An action lacks the field that a metric is grouped by.
struct Ungrouped;

/// What a metric asks of the baselines.
pub(super) fn settings_of(spec: &MetricSpec) -> MetricSettings {
    let direction = spec.direction;
    // What the rule accepts is for all groups together.
    let baselines = match spec.group {
        Some(_) => METRIC_GROUPS_MAX + 1,
        None => 1,
    };
    // Of a rate, the count says how many actions a share is of.
    let mean_of = spec.is_rate().then_some(spec.min_count as u32);
    MetricSettings {
        pane_ms: spec.pane_ms,
        sides: AlarmSides {
            above: matches!(direction, AlarmDirection::Above | AlarmDirection::Both),
            below: matches!(direction, AlarmDirection::Below | AlarmDirection::Both),
            silence: direction == AlarmDirection::Silence,
        },
        false_alarms_per_30d: spec.false_alarms_per_30d / baselines as f64,
        min_count: mean_of.map_or(spec.min_count, |_| RATE_MIN_PERCENT),
        min_ratio: spec.min_ratio,
        is_real: matches!(spec.counted, CountedField::Sum(_)) || spec.is_rate(),
        mean_of,
    }
}
