//! What the learned half of a metric says of the pane that is open.

use super::agent_channel::{AGENT_THRESHOLD, AgentChannel, PaneTime, ScaleVerdict};
use super::alarm_process::{AGENT_BOUND, LEVEL_BOUND};
use super::comparison::{AlarmKind, MetricState, PaneComparison, PaneHistory};
use super::explained::{LevelComparison, floors_of, judges_values, show_verdict};
use super::habit::HabitPane;
use super::knowledge::{LearnContext, MetricKnowledge};
use super::level::{SCORE_MAX, level_threshold};
use super::silence::SilenceContext;
use super::wall_time::{LocalOffset, WallTime};

/// Silence after which a metric is stale: what it learned may no longer be true.
pub(super) const STALE_MS: i64 = 30 * 24 * 3_600_000;
/// The largest value that is tried in the search for the one that alarms.
const VALUE_SEARCHED_MAX: f64 = 1e15;

impl MetricKnowledge {
    /// The least value at which the open pane may alarm before it closes; infinite when it cannot.
    /// Cheap: what lies above it is computed once it is reached.
    pub(super) fn floor_of_pane(&self, pane: i64, context: &LearnContext<'_>) -> f64 {
        // A mean may fall again while its pane is open.
        if context.settings.mean_of.is_some() {
            return f64::INFINITY;
        }
        let time = self.time_of(pane, context.offset);
        match self.listening_agent(time.start_ms, context) {
            Some(agent) => agent.floor_value(&floors_of(context.settings), &time),
            None => f64::INFINITY,
        }
    }

    /// The least value from `floor` on at which the open pane alarms. The test is inverted by
    /// search: it is monotone, since a larger sum is never less rare.
    pub(super) fn alarm_value(&self, floor: f64, pane: i64, context: &LearnContext<'_>) -> f64 {
        let start_ms = self.time_of(pane, context.offset).start_ms;
        let Some(agent) = self.listening_agent(start_ms, context) else {
            return f64::INFINITY;
        };
        let threshold = AGENT_THRESHOLD + context.settings.threshold_shift();
        if !agent.allows_alarm(SCORE_MAX, threshold, start_ms) {
            return f64::INFINITY;
        }
        let step = agent.value_step();
        let alarms = |steps: f64| self.judge_open(steps * step, pane, context).is_some();
        let mut low = (floor / step).ceil().max(1.0);
        if alarms(low) {
            return low * step;
        }
        let mut high = low * 2.0;
        while !alarms(high) {
            low = high;
            high *= 2.0;
            if high > VALUE_SEARCHED_MAX {
                return f64::INFINITY;
            }
        }
        while low + 1.0 < high {
            let middle = ((low + high) / 2.0).floor();
            match alarms(middle) {
                true => high = middle,
                false => low = middle,
            }
        }
        high * step
    }

    /// The verdict on the open pane with this value in it, if it alarms.
    pub(super) fn judge_open(
        &self,
        value: f64,
        pane: i64,
        context: &LearnContext<'_>,
    ) -> Option<ScaleVerdict> {
        let time = self.time_of(pane, context.offset);
        let agent = self.listening_agent(time.start_ms, context)?;
        let verdict = agent.judge(value, &floors_of(context.settings), &time)?;
        let threshold = AGENT_THRESHOLD + context.settings.threshold_shift();
        let habitual = || {
            self.habits.covers(&HabitPane {
                wall: WallTime::new(time.start_ms, context.offset),
                pane_s: self.pane_s(),
                score: verdict.score,
                count: value,
                above: true,
                bounds_count: true,
            })
        };
        let alarms = agent.allows_alarm(verdict.score, threshold, time.start_ms) && !habitual();
        alarms.then_some(verdict)
    }

    /// Compares the open pane with what is usual. `alarm_value` is known where it was computed.
    pub(super) fn compare_open(
        &self,
        value: f64,
        pane: i64,
        alarm_value: Option<f64>,
        context: &LearnContext<'_>,
    ) -> PaneComparison {
        let time = self.time_of(pane, context.offset);
        if let Some(level) = self.level.as_ref() {
            let threshold = level_threshold(self.pane_s()) + context.settings.threshold_shift();
            let mut core = level.core;
            let wall = WallTime::new(time.start_ms, context.offset);
            let mut compared = core.compare(value).unwrap_or_default();
            level
                .history
                .score(value, wall.hour(), self.pane_s(), &mut compared);
            let comparison = LevelComparison {
                compared,
                mean: level.core.mean(),
                usual_hour: level.history.hour_mean(wall.hour()),
                needed: level.alarms.needed(&LEVEL_BOUND, threshold),
            };
            let state = self.state_in(time.start_ms, context);
            return PaneComparison {
                state,
                ..comparison.show(value, &time)
            };
        }
        let threshold = AGENT_THRESHOLD + context.settings.threshold_shift();
        let (needed, verdict) = match &self.agent {
            Some(agent) => (
                agent.alarms.needed(&AGENT_BOUND, threshold),
                agent.describe(value, &floors_of(context.settings), &time),
            ),
            None => (threshold, ScaleVerdict::default()),
        };
        let upper = alarm_value.unwrap_or_else(|| {
            let floor = self.floor_of_pane(pane, context);
            match floor.is_finite() {
                true => self.alarm_value(floor, pane, context),
                false => f64::INFINITY,
            }
        });
        PaneComparison {
            window_ms: match verdict.window_ms {
                0 => self.pane_ms,
                window_ms => window_ms,
            },
            observed: if verdict.window_ms == 0 {
                value
            } else {
                verdict.observed
            },
            state: self.state_in(time.start_ms, context),
            ..show_verdict(&verdict, &time, needed, upper)
        }
    }

    /// Whether the silence since `pane` alarms at `now_pane`; its numbers are seconds.
    pub(super) fn judge_silence(
        &self,
        pane: i64,
        now_pane: i64,
        context: &LearnContext<'_>,
    ) -> Option<PaneComparison> {
        let gap = now_pane.saturating_sub(pane).saturating_sub(1);
        let now_ms = now_pane.saturating_mul(self.pane_ms);
        let silence = SilenceContext {
            pane_s: self.pane_s(),
            history_s: now_ms.saturating_sub(self.first_ms) as f64 / 1_000.0,
            zero_share: self.zeros.share,
        };
        if !context.settings.sides.silence || !self.silence.is_alarm(gap, &silence) {
            return None;
        }
        let observed = gap as f64 * self.pane_s();
        let expected = self.silence.gap_max() * self.pane_s();
        Some(PaneComparison {
            kind: AlarmKind::Silence,
            start_ms: pane.saturating_add(1).saturating_mul(self.pane_ms),
            window_ms: gap.saturating_mul(self.pane_ms),
            observed,
            expected,
            upper: self.silence.needed_panes(self.pane_s()) * self.pane_s(),
            ratio: PaneComparison::ratio_of(observed, expected),
            p_value: 0.0,
            state: match context.frozen {
                true => MetricState::Frozen,
                false => MetricState::Active,
            },
            score: AGENT_THRESHOLD,
            needed: AGENT_THRESHOLD,
            deviations: 0.0,
            history: PaneHistory::default(),
        })
    }

    /// What the metric has seen before an alarm.
    pub(super) fn history_before(
        &self,
        alarm: &PaneComparison,
        offset: LocalOffset<'_>,
    ) -> PaneHistory {
        let time = PaneTime {
            start_ms: alarm.start_ms,
            pane_ms: self.pane_ms,
            offset,
        };
        let agent = self.agent.as_deref().filter(|_| !self.judges_level());
        let (highest, last_week) = match (alarm.kind, agent) {
            (AlarmKind::Burst, Some(agent)) => agent.history_of(alarm.window_ms, &time),
            _ => (None, None),
        };
        PaneHistory {
            learned_ms: alarm.start_ms.saturating_sub(self.first_ms).max(0),
            highest,
            last_week,
        }
    }

    /// When a silence that began behind `pane` would alarm, if it would.
    pub(super) fn silence_due_ms(&self, pane: i64) -> Option<i64> {
        let panes = self.silence.needed_panes(self.pane_s()).ceil().min(1e9) as i64;
        let due_pane = pane.saturating_add(1).saturating_add(panes);
        let watched = self.silence.is_watched() && self.pane_ms > 0;
        watched.then(|| due_pane.saturating_mul(self.pane_ms))
    }

    /// The agent channel, where it judges the pane.
    fn listening_agent(&self, start_ms: i64, context: &LearnContext<'_>) -> Option<&AgentChannel> {
        let listens = context.settings.sides.above
            && judges_values(context.settings)
            && !self.judges_level()
            && !self.is_stale();
        let agent = self.agent.as_deref().filter(|_| listens)?;
        (!agent.is_learning(start_ms)).then_some(agent)
    }

    fn is_stale(&self) -> bool {
        i64::from(self.silence.gap()).saturating_mul(self.pane_ms) > STALE_MS
    }

    fn state_in(&self, at_ms: i64, context: &LearnContext<'_>) -> MetricState {
        match context.frozen {
            true => MetricState::Frozen,
            false => self.state(at_ms),
        }
    }

    /// Whether the metric has learned enough to judge.
    pub(super) fn state(&self, at_ms: i64) -> MetricState {
        if self.is_stale() {
            return MetricState::Stale;
        }
        match (&self.level, &self.agent) {
            (Some(level), _) if level.history.has_learned() => MetricState::Active,
            (None, Some(agent)) if agent.judges_by_class(at_ms) => MetricState::Class,
            (None, Some(agent)) if !agent.is_learning(at_ms) => MetricState::Active,
            (None, None)
                if self
                    .drops
                    .as_ref()
                    .is_some_and(|drops| drops.core.has_learned()) =>
            {
                MetricState::Active
            }
            _ => MetricState::Learning,
        }
    }
}
