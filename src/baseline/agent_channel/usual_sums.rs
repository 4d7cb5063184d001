//! What an agent usually does in one metric, as the agents of its class learn it.

use serde::{Deserialize, Serialize};

use super::pane_time::PaneTime;
use crate::baseline::wall_time::UTC;

/// Panes with activity before the channel judges, and what the prior of a class is worth.
pub(in crate::baseline) const ACTIVE_PANES_MIN: u16 = 60;
/// The share of active panes of bursts.
const BURSTS_ACTIVE: f64 = 0.05;
/// The least share of active panes that a class is taken to have.
const ACTIVE_SHARE_MIN: f64 = 0.001;

/// What an agent, or a class of agents, usually does.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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

    /// Mean and variance of the class and of an agent's own sums of so many panes, in units: each
    /// by its number of blocks.
    pub(super) fn blend(
        &self,
        scale: usize,
        panes: f64,
        unit: f64,
        ((mean, variance), blocks): ((f64, f64), f64),
    ) -> (f64, f64) {
        let weight = f64::from(self.panes()) / panes;
        let all = weight + blocks;
        let blend = |of_class: f64, own: f64| (weight * of_class + blocks * own) / all;
        let (class_mean, class_variance) = self.sums[scale];
        let class_mean = class_mean / unit;
        let blended = blend(class_mean, mean);
        let squared = |one: f64| (one - blended) * (one - blended);
        let within = blend(class_variance / (unit * unit), variance);
        (blended, within + blend(squared(class_mean), squared(mean)))
    }
}
