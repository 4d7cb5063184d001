//! A metric that begins with what is usual for its class, and what a metric tells its class.

use super::agent_channel::{AgentChannel, UsualSums};
use super::comparison::MetricSettings;
use super::knowledge::MetricKnowledge;
use super::learned::MetricLearned;
use super::metric::MetricLive;
use super::wall_time::LocalOffset;
use super::zero_share::ZeroShare;

impl MetricLearned {
    /// A metric that knows what is usual for its class.
    #[must_use]
    pub fn from_class(class: &UsualSums, settings: &MetricSettings, at_ms: i64) -> Self {
        MetricLearned::of_knowledge(MetricKnowledge::from_class(class, settings, at_ms))
    }
}

impl MetricKnowledge {
    /// A metric that knows what is usual for its class.
    fn from_class(class: &UsualSums, settings: &MetricSettings, at_ms: i64) -> Self {
        let pane_ms = settings.pane_ms.unwrap_or(60_000).max(1);
        let pane = at_ms.div_euclid(pane_ms);
        let agent = AgentChannel::from_class(*class, pane.saturating_mul(pane_ms));
        MetricKnowledge {
            pane_ms,
            pane: pane.saturating_sub(1),
            passed: pane,
            first_ms: at_ms.max(1),
            zeros: ZeroShare {
                share: (1.0 - class.active).clamp(0.0, 1.0) as f32,
                panes: class.panes(),
            },
            agent: Some(Box::new(agent)),
            ..MetricKnowledge::default()
        }
    }

    /// What the metric usually does, if its bursts are what is judged and its own history says it.
    pub(super) fn usual_sums(&self, at_ms: i64) -> Option<UsualSums> {
        let sums = self.agent.as_ref()?.usual_sums(at_ms)?;
        Some(UsualSums {
            active: 1.0 - f64::from(self.zeros.share),
            sums,
        })
    }
}

impl MetricLive {
    /// What the metric usually does, if its own history says it.
    #[must_use]
    pub fn usual_sums(
        &self,
        learned: &MetricLearned,
        settings: &MetricSettings,
        offset: LocalOffset<'_>,
        at_ms: i64,
    ) -> Option<UsualSums> {
        // From the stored half, so that a restart changes nothing.
        let mut known = learned.copy_expanded();
        if known.pane_ms != settings.pane_ms? || known.first_ms == 0 {
            return None;
        }
        self.catch_up(&mut known, &self.context(settings, offset));
        known.usual_sums(at_ms)
    }
}
