//! What an agent usually does, as it is told to the agents of its class, and a channel that begins
//! with it.

use super::scale_moments::ScaleMoments;
use super::{ACTIVE_PANES_MIN, AgentChannel, BLOCKS_MIN, HOUR_MS, PaneTime};
use crate::baseline::wall_time::UTC;

/// Stream time since an alarm after which the moments are told to others.
const CALM_MS: i64 = 24 * HOUR_MS;
/// The share of active panes of bursts.
const BURSTS_ACTIVE: f64 = 0.05;
/// The least share of active panes that a class is taken to have.
const ACTIVE_SHARE_MIN: f64 = 0.001;

/// What an agent, or a class of agents, usually does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UsualSums {
    /// The share of panes with something in them, above 0.
    pub active: f64,
    /// Mean and variance of the sums over a pane, an hour and half a day.
    pub sums: [(f64, f64); 3],
}

impl UsualSums {
    /// The sums of independent panes with so much in them on average, most of them with nothing.
    #[must_use]
    pub fn of_bursts(mean: f64, pane_ms: i64) -> Self {
        let time = PaneTime {
            start_ms: 0,
            pane_ms: pane_ms.max(1),
            offset: UTC,
        };
        let sums = [0, 1, 2].map(|scale| {
            let panes = (time.block_ms(scale) / time.pane_ms) as f64;
            (mean * panes, mean * panes)
        });
        UsualSums {
            active: BURSTS_ACTIVE,
            sums,
        }
    }

    /// The panes in which there are sixty active ones.
    pub(in crate::baseline) fn panes(&self) -> u32 {
        let panes = f64::from(ACTIVE_PANES_MIN) / self.active.max(ACTIVE_SHARE_MIN);
        panes.ceil() as u32
    }
}

impl AgentChannel {
    /// A channel that knows the sums of a class: they are worth sixty active panes.
    pub fn from_class(class: &UsualSums, is_real: bool, time: &PaneTime<'_>) -> Self {
        let mut channel = AgentChannel::new(time.start_ms);
        let panes = f64::from(class.panes());
        channel.set_unit(class.sums[0].0 / class.active.max(1e-6), is_real);
        let unit = channel.unit();
        for (scale, (mean, variance)) in class.sums.into_iter().enumerate() {
            let length = (time.block_ms(scale) / time.pane_ms.max(1)).max(1) as f64;
            let blocks = (panes / length).ceil() as u32;
            let blocks = blocks.max(BLOCKS_MIN[scale]);
            channel.scales[scale] =
                ScaleMoments::from_prior(mean / unit, variance / (unit * unit), blocks);
        }
        channel.from_class = true;
        channel
    }

    /// Mean and variance of the sums, once they are its own: not those of a class, nor of a time
    /// with an alarm.
    pub fn usual_sums(&self, at_ms: i64) -> Option<[(f64, f64); 3]> {
        let calm = at_ms.saturating_sub(self.alarm_last_ms) >= CALM_MS;
        let known = self.active_panes >= ACTIVE_PANES_MIN && !self.is_young(at_ms);
        let whole = (0..3).all(|scale| self.scales[scale].blocks >= BLOCKS_MIN[scale]);
        let unit = self.unit();
        (known && whole && calm).then(|| {
            self.scales.map(|one| {
                let (mean, variance) = (f64::from(one.mean), f64::from(one.variance));
                (mean * unit, variance * unit * unit)
            })
        })
    }
}
