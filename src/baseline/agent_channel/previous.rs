//! The previous generation: what was known a week ago, untouched by what was learned since.
//!
//! Whoever raises an agent's activity a little every day teaches the present generation; the
//! previous one still knows what was usual.

use serde::{Deserialize, Serialize};

use super::buckets::{HISTORY_MARGIN, upper_edge};
use crate::baseline::negative_binomial::tail_bans;

/// Bans that a score by the previous generation is worth less.
pub(super) const PREVIOUS_PENALTY: f64 = 0.3;

/// Moments and highest sums of each scale, as they were. The season is the present one: who raises
/// one hour raises the others' share less than the mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct PreviousGeneration {
    pub scales: [PreviousScale; 3],
}

#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct PreviousScale {
    pub mean: f32,
    pub variance: f32,
    /// The highest bucket of its sums.
    pub highest: u8,
    pub blocks: u16,
}

impl PreviousGeneration {
    /// Bans of a sum: rare by the model and above everything that was.
    pub fn score(&self, scale: usize, value: f64, factor: f64) -> f64 {
        let Some(known) = self.scales.get(scale) else {
            return 0.0;
        };
        let highest = upper_edge(u16::from(known.highest));
        if value <= highest * HISTORY_MARGIN || known.blocks == 0 {
            return 0.0;
        }
        let (mean, variance) = (f64::from(known.mean), f64::from(known.variance));
        let rare = tail_bans(value, mean * factor, variance * factor);
        let value = value / HISTORY_MARGIN;
        let beyond = 0.5 * (highest.max(1.0) / value).min(1.0).powi(3);
        let history = -(beyond / (f64::from(known.blocks) + 0.5)).log10();
        (rare.min(history) - PREVIOUS_PENALTY).max(0.0)
    }
}
