//! What one metric of one agent has learned: its channels, its habits and its silences.
//!
//! Panes are learned one after the other, in time order and each once. The same panes give the same
//! state, to the bit, whether they were learned as they closed or after a restart.

use serde::{Deserialize, Serialize};

use super::agent_channel::{AGENT_THRESHOLD, AgentChannel, PaneTime, ScaleVerdict};
use super::alarm_process::{AGENT_BOUND, AlarmProcess, LEVEL_BOUND};
use super::comparison::{AlarmKind, MetricSettings, PaneComparison};
use super::explained::{
    LevelComparison, floors_of, is_on_side, judges_values, listens_to, show_verdict,
};
use super::habit::{HabitPane, Habits};
use super::level::{LevelCore, LevelHistory, level_threshold};
use super::pane_length::PaneLengthChoice;
use super::silence::SilenceWatch;
use super::wall_time::{LocalOffset, WallTime};
use super::zero_share::{LEVEL_PANE_S, ZeroShare};

/// The longest panes for which the level channel knows habits, seconds.
const HABIT_PANE_S_MAX: f64 = 900.0;
/// Values beyond this are taken for it: their squares are still numbers.
const VALUE_MAX: f64 = 1e18;

/// The half of a metric's state that changes when panes close.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct MetricKnowledge {
    /// Length of the panes; zero before it is known.
    pub(super) pane_ms: i64,
    pub(super) choice: Option<Box<PaneLengthChoice>>,
    /// Every pane up to this one is learned.
    pub(super) pane: i64,
    /// The pane up to whose start time has passed; when the state is stored, the next one.
    #[serde(skip)]
    pub(super) passed: i64,
    /// When the first action was counted; zero before it.
    pub(super) first_ms: i64,
    pub(super) zeros: ZeroShare,
    pub(super) silence: SilenceWatch,
    pub(super) habits: Habits,
    pub(super) level: Option<Box<LevelChannel>>,
    pub(super) agent: Option<Box<AgentChannel>>,
    /// The level of short panes, which alarms on drops only.
    pub(super) drops: Option<Box<DropChannel>>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct LevelChannel {
    pub core: LevelCore,
    pub history: LevelHistory,
    pub alarms: AlarmProcess,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct DropChannel {
    pub core: LevelCore,
    pub alarms: AlarmProcess,
}

/// A pane that has closed with something in it.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct ClosedPane {
    pub pane: i64,
    pub observed: f32,
    /// It alarmed while it was open.
    pub alarmed: bool,
}

/// The rule's settings and the tenant's local time.
#[derive(Clone, Copy)]
pub(super) struct LearnContext<'a> {
    pub settings: &'a MetricSettings,
    pub offset: LocalOffset<'a>,
    /// A person froze the agent: panes are passed and judged, and teach nothing.
    pub frozen: bool,
}

/// A finite value within bounds.
pub(super) fn bounded(value: f64) -> f64 {
    match value.is_nan() {
        true => 0.0,
        false => value.clamp(-VALUE_MAX, VALUE_MAX),
    }
}

impl MetricKnowledge {
    /// Reads one word of what lies `depth` pointers away. The sum means nothing.
    pub(super) fn prefetch(&self, depth: u8) -> u64 {
        let (agent, level) = (self.agent.as_deref(), self.level.as_deref());
        match depth {
            0 => self.pane_ms as u64 ^ u64::from(agent.is_some()) ^ u64::from(level.is_some()),
            _ => {
                let agent = agent.map_or(0, |agent| agent.prefetch());
                agent ^ level.map_or(0, |level| level.core.prefetch())
            }
        }
    }

    /// Begins with the first action, or anew when the rule's pane changed. Returns whether the
    /// length of the panes is known.
    pub(super) fn begin(&mut self, settings: &MetricSettings, at_ms: i64, frozen: bool) -> bool {
        if let Some(pane_ms) = settings.pane_ms.filter(|pane_ms| *pane_ms != self.pane_ms) {
            *self = MetricKnowledge {
                pane_ms: pane_ms.max(1),
                ..MetricKnowledge::default()
            };
        }
        if self.pane_ms > 0 || frozen {
            return self.pane_ms > 0;
        }
        let choice = self.choice.get_or_insert_default();
        if let Some(pane_ms) = choice.note_value(at_ms) {
            (self.pane_ms, self.choice) = (pane_ms, None);
        }
        false
    }

    pub(super) fn time_of<'a>(&self, pane: i64, offset: LocalOffset<'a>) -> PaneTime<'a> {
        PaneTime {
            start_ms: pane.saturating_mul(self.pane_ms),
            pane_ms: self.pane_ms,
            offset,
        }
    }

    pub(super) fn pane_s(&self) -> f64 {
        (self.pane_ms as f64 / 1_000.0).max(1.0)
    }

    /// Whether the level channel judges, and not the agent channel.
    pub(super) fn judges_level(&self) -> bool {
        self.pane_s() >= LEVEL_PANE_S && self.zeros.is_dense(self.pane_s())
    }

    /// Creates the channels that listen now and drops the others.
    fn choose_channels(&mut self, start_ms: i64, settings: &MetricSettings) {
        let dense = self.zeros.is_dense(self.pane_s());
        if self.judges_level() && judges_values(settings) {
            self.level.get_or_insert_default();
            (self.agent, self.drops) = (None, None);
            return;
        }
        self.level = None;
        if !judges_values(settings) {
            return;
        }
        match settings.sides.above {
            true => {
                self.agent
                    .get_or_insert_with(|| Box::new(AgentChannel::new(start_ms)));
            }
            false => self.agent = None,
        }
        match dense && settings.sides.below {
            true => {
                self.drops.get_or_insert_default();
            }
            false => self.drops = None,
        }
    }

    /// Learns every pane before `pane`, in which nothing happened; `missing` panes are skipped.
    /// Returns the gravest alarm among them.
    pub(super) fn pass_panes(
        &mut self,
        pane: i64,
        missing: bool,
        context: &LearnContext<'_>,
    ) -> Option<PaneComparison> {
        if pane <= self.passed {
            return None;
        }
        self.learn_unless_frozen(context, |known| known.pass_time(pane, missing, context))
    }

    fn pass_time(
        &mut self,
        pane: i64,
        missing: bool,
        context: &LearnContext<'_>,
    ) -> Option<PaneComparison> {
        let from = self.passed;
        let panes = pane.saturating_sub(1).saturating_sub(self.pane).max(0);
        let mut alarm = None;
        if missing && panes > 0 {
            let elapsed_s = panes as f64 * self.pane_s();
            self.decay(elapsed_s);
            self.silence.decay(elapsed_s);
            self.pane = pane.saturating_sub(1);
        }
        if !missing {
            alarm = self.learn_zeros(pane, context);
        }
        let from_time = self.time_of(from, context.offset);
        let time = self.time_of(pane, context.offset);
        if let Some(agent) = &mut self.agent {
            let skips = missing && panes > 0;
            let drift = agent.pass_time(from_time.start_ms, &time, skips);
            let drift = drift.and_then(|verdict| self.judge_drift(verdict, &time, context));
            alarm = drift.map(|drift| drift.graver(alarm)).or(alarm);
        }
        self.passed = pane;
        alarm
    }

    fn decay(&mut self, elapsed_s: f64) {
        if let Some(level) = &mut self.level {
            level.alarms = level.alarms.after(&LEVEL_BOUND, elapsed_s);
        }
        if let Some(agent) = &mut self.agent {
            agent.alarms = agent.alarms.after(&AGENT_BOUND, elapsed_s);
        }
        if let Some(drops) = &mut self.drops {
            drops.alarms = drops.alarms.after(&LEVEL_BOUND, elapsed_s);
        }
    }

    /// Learns zero panes up to the one before `pane`: one by one as long as a level listens, the
    /// rest at once.
    fn learn_zeros(&mut self, pane: i64, context: &LearnContext<'_>) -> Option<PaneComparison> {
        let mut alarm: Option<PaneComparison> = None;
        let mut stepped = 0;
        while self.pane < pane.saturating_sub(1) {
            let next = self.pane + 1;
            self.choose_channels(next.saturating_mul(self.pane_ms), context.settings);
            if self.level.is_some() {
                let found = self.learn_pane(next, 0.0, false, context);
                alarm = found.map(|found| found.graver(alarm)).or(alarm);
                continue;
            }
            if self.drops.is_none() {
                break;
            }
            let found = self.learn_drop(next, 0.0, context);
            alarm = found.map(|found| found.graver(alarm)).or(alarm);
            self.zeros.learn_pane(true, self.pane_s());
            self.pane = next;
            stepped += 1;
        }
        let left = pane.saturating_sub(1).saturating_sub(self.pane).max(0);
        let zeros = u32::try_from(left + stepped).unwrap_or(u32::MAX);
        let elapsed_s = f64::from(zeros) * self.pane_s();
        self.zeros.learn_zeros(left, self.pane_s());
        self.pane = self.pane.max(pane.saturating_sub(1));
        if let Some(agent) = &mut self.agent {
            agent.alarms = agent.alarms.after(&AGENT_BOUND, elapsed_s);
            agent.learn_zeros(zeros, self.pane_ms);
        }
        if zeros > 0 {
            self.silence.learn_zeros(zeros, elapsed_s);
            self.habits
                .end_episode((elapsed_s / 60.0).min(1_440.0) as u16);
        }
        alarm
    }

    /// Learns a pane that has closed; returns its alarm where it alarms as a whole.
    pub(super) fn learn_closed(
        &mut self,
        closed: &ClosedPane,
        context: &LearnContext<'_>,
    ) -> Option<PaneComparison> {
        if closed.pane <= self.pane {
            return None;
        }
        let start_ms = closed.pane.saturating_mul(self.pane_ms);
        let observed = f64::from(closed.observed);
        self.learn_unless_frozen(context, |known| {
            known.choose_channels(start_ms, context.settings);
            known.learn_pane(closed.pane, observed, closed.alarmed, context)
        })
    }

    fn learn_pane(
        &mut self,
        pane: i64,
        value: f64,
        alarmed: bool,
        context: &LearnContext<'_>,
    ) -> Option<PaneComparison> {
        let pane_s = self.pane_s();
        let value = bounded(value);
        let alarm = match self.level.is_some() {
            true => self.learn_level(pane, value, context),
            false => {
                self.learn_burst(pane, value, alarmed, context);
                self.learn_drop(pane, value, context)
            }
        };
        self.zeros.learn_pane(value == 0.0, pane_s);
        match value == 0.0 {
            true => self.silence.learn_zeros(1, pane_s),
            false => self.silence.learn_active(pane_s),
        }
        self.pane = pane;
        alarm
    }

    fn learn_level(
        &mut self,
        pane: i64,
        value: f64,
        context: &LearnContext<'_>,
    ) -> Option<PaneComparison> {
        let pane_s = self.pane_s();
        let wall = self.wall(pane, context);
        let threshold = level_threshold(pane_s);
        let level = self.level.as_mut()?;
        level.alarms = level.alarms.after(&LEVEL_BOUND, pane_s);
        let mean = level.core.mean();
        let mut compared = level.core.compare(value)?;
        level
            .history
            .score(value, wall.hour(), pane_s, &mut compared);
        let usual_hour = level.history.hour_mean(wall.hour());
        let habitual = pane_s <= HABIT_PANE_S_MAX
            && self.habits.learn_pane(&HabitPane {
                wall,
                pane_s,
                score: compared.score,
                count: value,
                above: compared.score >= threshold,
                bounds_count: false,
            });
        let needed = threshold + context.settings.threshold_shift();
        let listens = listens_to(value, mean, usual_hour, context.settings);
        let alarms =
            !habitual && listens && level.alarms.allows(&LEVEL_BOUND, compared.score, needed);
        let comparison = LevelComparison {
            compared,
            mean,
            usual_hour,
            needed: level.alarms.needed(&LEVEL_BOUND, needed),
        };
        if alarms {
            level.alarms.add_alarm(&LEVEL_BOUND);
        }
        if is_on_side(value, mean, context.settings) {
            level.alarms.note_score(compared.score);
        }
        level.core.learn(value, compared.scale);
        let surprises = compared.score >= threshold;
        level
            .history
            .learn(value, wall.hour(), &compared, surprises);
        alarms.then(|| comparison.show(value, &self.time_of(pane, context.offset)))
    }

    fn learn_burst(&mut self, pane: i64, value: f64, alarmed: bool, context: &LearnContext<'_>) {
        let (pane_s, wall) = (self.pane_s(), self.wall(pane, context));
        let time = self.time_of(pane, context.offset);
        let floors = floors_of(context.settings);
        let Some(agent) = self.agent.as_mut() else {
            return;
        };
        agent.set_unit(value, context.settings.is_real);
        agent.alarms = agent.alarms.after(&AGENT_BOUND, pane_s);
        let threshold = AGENT_THRESHOLD + context.settings.threshold_shift();
        let score = agent
            .judge(value, &floors, &time)
            .map_or(0.0, |verdict| verdict.score);
        let habitual = self.habits.learn_pane(&HabitPane {
            wall,
            pane_s,
            score,
            count: value,
            above: score >= AGENT_THRESHOLD,
            bounds_count: true,
        });
        let surprises = !habitual && score >= threshold;
        if surprises && !agent.is_learning(time.start_ms) {
            agent.alarms.note_score(score);
        }
        agent.learn_pane(value.max(0.0), alarmed || surprises, &time);
        if alarmed {
            agent.note_alarm(time.start_ms);
        }
    }

    /// The level of short panes: a drop alarms.
    fn learn_drop(
        &mut self,
        pane: i64,
        value: f64,
        context: &LearnContext<'_>,
    ) -> Option<PaneComparison> {
        let pane_s = self.pane_s();
        let time = self.time_of(pane, context.offset);
        let drops = self.drops.as_mut()?;
        drops.alarms = drops.alarms.after(&LEVEL_BOUND, pane_s);
        let mean = drops.core.mean();
        let mut compared = drops.core.compare(value)?;
        compared.score = drops.core.magnitude(&compared);
        let threshold = level_threshold(pane_s) + context.settings.threshold_shift();
        let alarms = value < mean
            && listens_to(value, mean, None, context.settings)
            && drops.alarms.allows(&LEVEL_BOUND, compared.score, threshold);
        let needed = drops.alarms.needed(&LEVEL_BOUND, threshold);
        if alarms {
            drops.alarms.add_alarm(&LEVEL_BOUND);
        }
        drops.alarms.note_score(compared.score);
        drops.core.learn(value, compared.scale);
        let comparison = LevelComparison {
            compared,
            mean,
            usual_hour: None,
            needed,
        };
        alarms.then(|| comparison.show(value, &time))
    }

    /// Whether the bets on a drift alarm now; then they begin anew.
    fn judge_drift(
        &mut self,
        verdict: ScaleVerdict,
        time: &PaneTime<'_>,
        context: &LearnContext<'_>,
    ) -> Option<PaneComparison> {
        let agent = self.agent.as_mut()?;
        let threshold = AGENT_THRESHOLD + context.settings.threshold_shift();
        let alarms = context.settings.sides.above
            && verdict.observed >= context.settings.min_count
            && !agent.is_learning(time.start_ms)
            && agent.allows_alarm(verdict.score, threshold, time.start_ms);
        if !alarms {
            return None;
        }
        let needed = agent.alarms.needed(&AGENT_BOUND, threshold);
        agent.alarms.note_score(verdict.score);
        agent.note_alarm(time.start_ms);
        let mut comparison = show_verdict(&verdict, time, needed, f64::NAN);
        comparison.kind = AlarmKind::Drift;
        comparison.upper = verdict.observed;
        Some(comparison)
    }

    fn wall(&self, pane: i64, context: &LearnContext<'_>) -> WallTime {
        WallTime::new(pane.saturating_mul(self.pane_ms), context.offset)
    }

    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        let level = self.level.as_deref();
        let agent = self.agent.as_deref();
        self.habits.heap_bytes()
            + level.map_or(0, |level| {
                size_of::<LevelChannel>() + level.history.heap_bytes()
            })
            + agent.map_or(0, |agent| size_of::<AgentChannel>() + agent.heap_bytes())
            + self.drops.as_ref().map_or(0, |_| size_of::<DropChannel>())
    }
}
