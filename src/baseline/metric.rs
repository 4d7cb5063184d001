//! One metric of one agent: counts actions in panes, and raises an alarm at the action that makes a
//! pane alarming.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::alarm_lift::AlarmLift;
use super::moments::DecayedMoments;
use super::tail;

/// Closed panes that may wait in the live value before they are folded into the learned one: the
/// learned value is written to the store once for so many.
pub const PENDING_MAX: usize = 10;
/// Panes with activity before a metric judges.
pub const ACTIVE_PANES_MIN: u32 = 60;
/// Stream time since the first action before a metric judges.
pub const LEARNING_MS: i64 = 3 * 3_600_000;
/// How long after its pane has closed an action still counts.
pub const LATE_MS: i64 = 15 * 60_000;
/// The span for which a rule says how many false alarms it accepts.
const FALSE_ALARM_SPAN_MS: f64 = 30.0 * 24.0 * 3_600_000.0;
/// Silence after which a metric is stale: what it learned may no longer be true.
const STALE_MS: i64 = 30 * 24 * 3_600_000;
/// A closed pane is learned as at most this many standard deviations above the mean.
const WINSOR_SD: f64 = 8.0;
/// The same for a pane that alarmed: a lasting change is learned in the end, a burst hardly.
const WINSOR_ALARMED_SD: f64 = 4.0;

/// What a rule asks of its metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MetricSettings {
    /// Length of a pane, 1 min to 1 h.
    pub pane_ms: i64,
    /// False alarms per agent and 30 days that the rule accepts.
    pub false_alarms_per_30d: f64,
    /// Least count that alarms.
    pub min_count: u64,
    /// Least ratio of observed to expected that alarms.
    pub min_ratio: f64,
}

/// The half of a metric's state that changes with every action.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct MetricLive {
    /// Index of the open pane: stream time divided by the pane's length.
    pane: i64,
    observed: u64,
    /// Count at which the open pane alarms; computed once the floor is reached.
    level: Option<u64>,
    /// Whether the open pane is alarming, with an alarm or in the pause behind one.
    alarmed: bool,
    /// Least count that may alarm in the open pane; computed from the state, so it is not stored.
    #[serde(skip)]
    floor: Option<u64>,
    /// Closed panes with activity, oldest first.
    pending: SmallVec<[ClosedPane; 2]>,
    lift: AlarmLift,
}

#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct ClosedPane {
    pane: i64,
    observed: u64,
    alarmed: bool,
}

/// The half of a metric's state that changes when panes are folded.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct MetricLearned {
    moments: DecayedMoments,
    /// The last pane that is counted in `moments`.
    pane: i64,
    /// When the first action was counted.
    first_ms: i64,
    active_panes: u32,
}

/// Whether a metric has learned enough to judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetricState {
    Learning,
    Active,
    Stale,
}

impl MetricState {
    /// The word of `baseline.<metric>.state`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            MetricState::Learning => "learning",
            MetricState::Active => "active",
            MetricState::Stale => "stale",
        }
    }
}

/// The observed count of a pane beside the expected one, for facts and explanations.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PaneComparison {
    pub observed: f64,
    /// Mean per pane.
    pub expected: f64,
    /// The count that would alarm.
    pub upper: f64,
    pub ratio: f64,
    /// Probability of the observed count or more.
    pub p_value: f64,
    pub state: MetricState,
}

/// The open pane has just become alarming.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PaneAlarm(pub PaneComparison);

impl MetricLive {
    /// Counts one action at `at_ms`. Returns the alarm, if this action made the pane alarming, and
    /// whether the learned half changed. An action of an earlier pane is counted in the open pane,
    /// so that a late report hides nothing; one more than [`LATE_MS`] late is not counted.
    ///
    /// While a metric learns, nothing alarms and nothing raises its threshold.
    pub fn count_action(
        &mut self,
        learned: &mut MetricLearned,
        settings: &MetricSettings,
        at_ms: i64,
    ) -> (Option<PaneAlarm>, bool) {
        if at_ms.saturating_add(LATE_MS) < self.pane.saturating_mul(settings.pane_ms) {
            return (None, false);
        }
        let folded = self.open_pane(learned, settings, at_ms);
        self.observed += 1;
        if self.alarmed
            || self.metric_state(learned, settings.pane_ms, at_ms) != MetricState::Active
        {
            return (None, folded);
        }
        if self.floor.is_some_and(|floor| self.observed < floor) {
            return (None, folded);
        }
        if self.observed < self.level_now(learned, settings, at_ms) {
            return (None, folded);
        }
        self.alarmed = true;
        if !self.lift.allows_alarm(at_ms) {
            return (None, folded);
        }
        let alarm = PaneAlarm(self.compare_pane(learned, settings, at_ms));
        self.lift.add_alarm(at_ms);
        (Some(alarm), folded)
    }

    /// The count at which the open pane alarms. Inverting the tail is costly, so it waits until the
    /// floor is reached, which most panes never do.
    fn level_now(&mut self, learned: &MetricLearned, settings: &MetricSettings, at_ms: i64) -> u64 {
        if let Some(level) = self.level {
            return level;
        }
        let (mean, variance) = self.current_moments(learned, settings);
        let floor = alarm_floor(settings, mean);
        self.floor = Some(floor);
        if self.observed < floor {
            return floor;
        }
        let level = tail::alarm_level(
            floor,
            self.alarm_probability(settings, at_ms),
            mean,
            variance,
        );
        self.level = Some(level);
        level
    }

    /// Compares the open pane with the baseline. Computes a tail, so only alarms and tests call it.
    #[must_use]
    pub fn compare_pane(
        &self,
        learned: &MetricLearned,
        settings: &MetricSettings,
        at_ms: i64,
    ) -> PaneComparison {
        let (mean, variance) = self.current_moments(learned, settings);
        let probability = self.alarm_probability(settings, at_ms);
        let upper = self.level.unwrap_or_else(|| {
            tail::alarm_level(alarm_floor(settings, mean), probability, mean, variance)
        });
        PaneComparison {
            observed: self.observed as f64,
            expected: mean,
            upper: upper as f64,
            ratio: self.observed as f64 / mean.max(f64::MIN_POSITIVE).max(1e-3),
            p_value: tail::upper_tail(self.observed, mean, variance),
            state: self.metric_state(learned, settings.pane_ms, at_ms),
        }
    }

    /// Whether the metric has learned enough to judge.
    #[must_use]
    pub fn metric_state(&self, learned: &MetricLearned, pane_ms: i64, at_ms: i64) -> MetricState {
        let active = learned.active_panes as usize + self.pending.len();
        if active < ACTIVE_PANES_MIN as usize || at_ms - learned.first_ms < LEARNING_MS {
            MetricState::Learning
        } else if at_ms - self.active_last_ms(learned, pane_ms) > STALE_MS {
            MetricState::Stale
        } else {
            MetricState::Active
        }
    }

    /// Start of the newest closed pane with activity.
    fn active_last_ms(&self, learned: &MetricLearned, pane_ms: i64) -> i64 {
        self.pending
            .last()
            .map_or(learned.pane, |closed| closed.pane)
            * pane_ms
    }

    /// Moves to the pane of `at_ms`, and folds the pending panes once there are [`PENDING_MAX`].
    /// Returns whether the learned half changed.
    fn open_pane(
        &mut self,
        learned: &mut MetricLearned,
        settings: &MetricSettings,
        at_ms: i64,
    ) -> bool {
        let pane = at_ms.div_euclid(settings.pane_ms);
        if learned.first_ms == 0 && self.observed == 0 {
            learned.first_ms = at_ms;
            learned.pane = pane - 1;
            self.pane = pane;
            return true;
        }
        if pane <= self.pane {
            return false;
        }
        if self.observed > 0 {
            self.pending.push(ClosedPane {
                pane: self.pane,
                observed: self.observed,
                alarmed: self.alarmed,
            });
        }
        (self.pane, self.observed, self.alarmed) = (pane, 0, false);
        (self.level, self.floor) = (None, None);
        if self.pending.len() < PENDING_MAX {
            return false;
        }
        learned.fold_panes(&self.pending, settings.pane_ms);
        self.pending.clear();
        true
    }

    /// Mean and variance as if the pending panes had been folded.
    fn current_moments(&self, learned: &MetricLearned, settings: &MetricSettings) -> (f64, f64) {
        let mut now = *learned;
        now.fold_panes(&self.pending, settings.pane_ms);
        now.moments
            .add_idle(self.pane - now.pane - 1, settings.pane_ms);
        (now.moments.mean(), now.moments.variance())
    }

    fn alarm_probability(&self, settings: &MetricSettings, at_ms: i64) -> f64 {
        let panes_per_30d = FALSE_ALARM_SPAN_MS / settings.pane_ms as f64;
        settings.false_alarms_per_30d / panes_per_30d * 10_f64.powf(-self.lift.current_bans(at_ms))
    }
}

impl MetricLearned {
    /// A metric that has counted `mean` per pane for a week. Rule tests set a baseline so instead
    /// of learning it.
    #[must_use]
    pub fn from_mean(mean: f64, settings: &MetricSettings, at_ms: i64) -> Self {
        let week_ms = super::moments::HALF_LIFE_MS;
        MetricLearned {
            moments: DecayedMoments::from_series(mean, mean, (week_ms / settings.pane_ms) as f64),
            pane: at_ms.div_euclid(settings.pane_ms) - 1,
            first_ms: at_ms - week_ms,
            active_panes: ACTIVE_PANES_MIN,
        }
    }

    fn fold_panes(&mut self, panes: &[ClosedPane], pane_ms: i64) {
        for closed in panes {
            self.moments.add_idle(closed.pane - self.pane - 1, pane_ms);
            self.pane = self.pane.max(closed.pane);
            self.active_panes = self.active_panes.saturating_add(1);
            let (mean, variance) = (self.moments.mean(), self.moments.variance());
            let mut taught = closed.observed as f64;
            if self.active_panes >= ACTIVE_PANES_MIN {
                let winsor_sd = match closed.alarmed {
                    true => WINSOR_ALARMED_SD,
                    false => WINSOR_SD,
                };
                taught = taught.min(mean + winsor_sd * variance.max(mean).max(1.0).sqrt());
            }
            self.moments.add_pane(taught, pane_ms);
        }
    }
}

/// The least count that may alarm by `min_count` and `min_ratio`.
fn alarm_floor(settings: &MetricSettings, mean: f64) -> u64 {
    settings
        .min_count
        .max((settings.min_ratio * mean).ceil() as u64)
        .max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE_MS: i64 = 60_000;
    const START_MS: i64 = 1_700_000_000_000 / MINUTE_MS * MINUTE_MS;

    fn settings() -> MetricSettings {
        MetricSettings {
            pane_ms: MINUTE_MS,
            false_alarms_per_30d: 1.0,
            min_count: 20,
            min_ratio: 3.0,
        }
    }

    /// Counts `per_minute[i]` actions in minute `i`; returns the minutes that alarmed.
    fn run(
        live: &mut MetricLive,
        learned: &mut MetricLearned,
        from_ms: i64,
        per_minute: impl IntoIterator<Item = u64>,
    ) -> Vec<usize> {
        let mut alarms = Vec::new();
        for (minute, count) in per_minute.into_iter().enumerate() {
            for i in 0..count {
                let at_ms = from_ms + minute as i64 * MINUTE_MS + (i % 60) as i64 * 900;
                if live.count_action(learned, &settings(), at_ms).0.is_some() {
                    alarms.push(minute);
                }
            }
        }
        alarms
    }

    fn warm() -> (MetricLive, MetricLearned, i64) {
        let (mut live, mut learned) = (MetricLive::default(), MetricLearned::default());
        let alarms = run(
            &mut live,
            &mut learned,
            START_MS,
            (0..24 * 60).map(|m| 2 + m % 5),
        );
        assert!(alarms.is_empty(), "{alarms:?}");
        (live, learned, START_MS + 24 * 60 * MINUTE_MS)
    }

    #[test]
    fn a_spike_alarms_within_its_minute_and_once() {
        let (mut live, mut learned, now_ms) = warm();
        let alarms = run(&mut live, &mut learned, now_ms, [4, 3, 60, 4]);
        assert_eq!(alarms, vec![2]);
    }

    #[test]
    fn below_either_floor_nothing_alarms() {
        let (mut live, mut learned, now_ms) = warm();
        assert!(
            run(&mut live, &mut learned, now_ms, [11, 11, 11]).is_empty(),
            "min-ratio 3"
        );
        let (mut live, mut learned) = (
            MetricLive::default(),
            MetricLearned::from_mean(0.01, &settings(), START_MS),
        );
        assert!(
            run(&mut live, &mut learned, START_MS, [19]).is_empty(),
            "min-count 20"
        );
        assert_eq!(
            run(&mut live, &mut learned, START_MS + 5 * MINUTE_MS, [20]),
            vec![0]
        );
    }

    #[test]
    fn while_learning_nothing_alarms_and_nothing_lifts_the_threshold() {
        let (mut live, mut learned) = (MetricLive::default(), MetricLearned::default());
        let bursts = (0..LEARNING_MS / MINUTE_MS).map(|m| if m % 9 == 4 { 500 } else { 3 });
        assert!(run(&mut live, &mut learned, START_MS, bursts).is_empty());
        assert_eq!(live.lift, AlarmLift::default());
    }

    /// What an agent needs to be heard again, after a week in which every day alarmed.
    #[test]
    fn a_week_of_alarms_does_not_make_a_metric_deaf() {
        let (mut live, mut learned, now_ms) = warm();
        let day = |burst| (0..24 * 60).map(move |m| if m == 600 { burst } else { 2 + m % 5 });
        let week = (0..7).flat_map(|_| day(600));
        let alarms = run(&mut live, &mut learned, now_ms, week);
        assert!(!alarms.is_empty(), "{alarms:?}");
        let later_ms = now_ms + 7 * 24 * 60 * MINUTE_MS;
        let month = (0..30).flat_map(|d| day(if d == 29 { 900 } else { 4 }));
        let alarms = run(&mut live, &mut learned, later_ms, month);
        assert_eq!(alarms, [29 * 24 * 60 + 600]);
    }

    #[test]
    fn a_second_alarm_follows_after_an_hour_at_the_earliest() {
        let (mut live, mut learned, now_ms) = warm();
        let bursts = (0..200).map(|m| if m % 10 == 0 { 5_000 } else { 3 });
        assert_eq!(
            run(&mut live, &mut learned, now_ms, bursts),
            [0, 60, 120, 180]
        );
    }

    #[test]
    fn a_pane_that_alarmed_hardly_teaches() {
        let (mut live, mut learned, now_ms) = warm();
        let before = live.compare_pane(&learned, &settings(), now_ms).expected;
        run(&mut live, &mut learned, now_ms, [5_000, 1]);
        let after = live.compare_pane(&learned, &settings(), now_ms).expected;
        assert!(after <= before * 1.01, "{before} -> {after}");
    }

    #[test]
    fn the_controller_bounds_the_alarms_of_a_steady_shift() {
        let (mut live, mut learned, now_ms) = warm();
        let shifted = (0..3 * 24 * 60).map(|m| 24 + m % 7);
        let alarms = run(&mut live, &mut learned, now_ms, shifted);
        assert!(
            !alarms.is_empty() && alarms.len() <= 12,
            "{} alarms",
            alarms.len()
        );
    }

    #[test]
    fn a_month_of_silence_makes_a_metric_stale_and_mute() {
        let (mut live, mut learned, now_ms) = warm();
        let later_ms = now_ms + STALE_MS + MINUTE_MS;
        assert!(run(&mut live, &mut learned, later_ms, [200]).is_empty());
        assert_eq!(
            live.metric_state(&learned, MINUTE_MS, later_ms),
            MetricState::Stale
        );
    }

    #[test]
    fn pending_panes_count_at_once_though_they_are_folded_late() {
        let (mut live, mut learned) = (MetricLive::default(), MetricLearned::default());
        run(&mut live, &mut learned, START_MS, [6; 9]);
        assert_eq!(learned.active_panes, 0, "nothing folded yet");
        let at_ms = START_MS + 9 * MINUTE_MS;
        live.count_action(&mut learned, &settings(), at_ms);
        assert!((live.compare_pane(&learned, &settings(), at_ms).expected - 6.0).abs() < 0.1);
    }
}
