//! A metric of an agent that a person froze: it goes on judging by what it had learned.
//!
//! A frozen pane is learned like any other, and then everything that was learned is put back as it
//! was before. What stays is where the metric is in time: the panes that it has passed, the sums of
//! the open hour and half day, the present silence, and what its alarms ask of the next one. So a
//! frozen metric judges with the same code as any other.

use super::comparison::{MetricState, PaneComparison};
use super::knowledge::{LearnContext, MetricKnowledge};

impl MetricKnowledge {
    /// Learns by `learn`, unless the metric is frozen: then nothing of it stays learned.
    pub(super) fn learn_unless_frozen(
        &mut self,
        context: &LearnContext<'_>,
        learn: impl FnOnce(&mut Self) -> Option<PaneComparison>,
    ) -> Option<PaneComparison> {
        if !context.frozen {
            return learn(self);
        }
        let before = self.clone();
        let alarm = learn(self);
        self.put_back(before);
        alarm.map(|alarm| PaneComparison {
            state: MetricState::Frozen,
            ..alarm
        })
    }

    /// Puts back what was learned `before` a frozen time, and keeps where the metric is in it.
    fn put_back(&mut self, before: MetricKnowledge) {
        let panes = self.pane.saturating_sub(before.pane).max(0);
        let frozen_ms = panes.saturating_mul(self.pane_ms);
        let after = std::mem::replace(self, before);
        self.pane = after.pane;
        self.passed = after.passed;
        // The frozen time is no time of learning: whoever is young stays so.
        self.first_ms = self.first_ms.saturating_add(frozen_ms);
        self.silence.gap = after.silence.gap;
        let habits = std::mem::take(&mut self.habits);
        self.habits = after.habits;
        self.habits.put_back(habits);
        if let (Some(level), Some(after)) = (&mut self.level, after.level) {
            level.alarms = after.alarms;
        }
        if let (Some(drops), Some(after)) = (&mut self.drops, after.drops) {
            drops.alarms = after.alarms;
        }
        if let (Some(agent), Some(after)) = (&mut self.agent, after.agent) {
            let before = std::mem::replace(agent, after);
            agent.put_back(*before, frozen_ms);
        }
    }
}
