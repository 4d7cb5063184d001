//! Mean and variance of a series of panes with exponential decay. A silent pane counts as zero.

use serde::{Deserialize, Serialize};

/// Half-life of a pane's weight: seven days.
pub const HALF_LIFE_MS: i64 = 7 * 24 * 3_600_000;

/// Weighted sums over closed panes: of 1, of the value and of its square, each multiplied by the
/// decay once per pane. A run of idle panes takes one multiplication.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct DecayedMoments {
    weight: f32,
    total: f32,
    squares: f32,
}

impl DecayedMoments {
    /// The moments of `weight` panes with this mean and variance.
    #[must_use]
    pub fn from_series(mean: f64, variance: f64, weight: f64) -> Self {
        DecayedMoments {
            weight: weight as f32,
            total: (mean * weight) as f32,
            squares: ((variance + mean * mean) * weight) as f32,
        }
    }

    /// Adds `count` panes of value zero.
    pub fn add_idle(&mut self, count: i64, pane_ms: i64) {
        if count <= 0 {
            return;
        }
        let decay = decay_per_pane(pane_ms);
        let kept = decay.powf(count as f64);
        self.decay_sums(kept);
        self.weight += ((1.0 - kept) / (1.0 - decay)) as f32;
    }

    /// Adds one pane of `value`.
    pub fn add_pane(&mut self, value: f64, pane_ms: i64) {
        self.decay_sums(decay_per_pane(pane_ms));
        self.weight += 1.0;
        self.total += value as f32;
        self.squares += (value * value) as f32;
    }

    fn decay_sums(&mut self, kept: f64) {
        self.weight = (f64::from(self.weight) * kept) as f32;
        self.total = (f64::from(self.total) * kept) as f32;
        self.squares = (f64::from(self.squares) * kept) as f32;
    }

    /// Mean per pane; zero before the first pane.
    #[must_use]
    pub fn mean(&self) -> f64 {
        if self.weight > 0.0 {
            f64::from(self.total) / f64::from(self.weight)
        } else {
            0.0
        }
    }

    /// Variance per pane, never negative.
    #[must_use]
    pub fn variance(&self) -> f64 {
        if self.weight <= 0.0 {
            return 0.0;
        }
        let mean = self.mean();
        (f64::from(self.squares) / f64::from(self.weight) - mean * mean).max(0.0)
    }

    /// Sum of the panes' weights, each by its age.
    #[must_use]
    pub fn weight(&self) -> f64 {
        f64::from(self.weight)
    }
}

/// The factor by which the weight of the past shrinks with each pane.
fn decay_per_pane(pane_ms: i64) -> f64 {
    (-(pane_ms as f64) / HALF_LIFE_MS as f64).exp2()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same moments by recomputing every pane's weight from the whole history.
    fn naive(panes: &[f64]) -> (f64, f64) {
        let decay = decay_per_pane(60_000);
        let weights: Vec<f64> = (0..panes.len())
            .map(|i| decay.powi((panes.len() - 1 - i) as i32))
            .collect();
        let weight: f64 = weights.iter().sum();
        let mean = panes.iter().zip(&weights).map(|(x, w)| x * w).sum::<f64>() / weight;
        let squares = panes
            .iter()
            .zip(&weights)
            .map(|(x, w)| x * x * w)
            .sum::<f64>()
            / weight;
        (mean, (squares - mean * mean).max(0.0))
    }

    proptest! {
        #![proptest_config(crate::property::config(256))]

        #[test]
        fn silence_in_one_step_equals_a_run_of_zeros(
            runs in prop::collection::vec((0_i64..200, 0_u32..50), 1..20),
        ) {
            let mut moments = DecayedMoments::default();
            let mut panes = Vec::new();
            for (idle, value) in runs {
                moments.add_idle(idle, 60_000);
                moments.add_pane(f64::from(value), 60_000);
                panes.extend(std::iter::repeat_n(0.0, idle as usize));
                panes.push(f64::from(value));
            }
            let (mean, variance) = naive(&panes);
            prop_assert!((moments.mean() - mean).abs() <= 1e-3 * (1.0 + mean));
            prop_assert!((moments.variance() - variance).abs() <= 1e-2 * (1.0 + variance));
        }
    }

    #[test]
    fn half_of_a_week_old_pane_is_forgotten() {
        let mut moments = DecayedMoments::default();
        moments.add_pane(100.0, 60_000);
        let before = moments.total;
        moments.add_idle(7 * 24 * 60, 60_000);
        assert!((moments.total / before - 0.5).abs() < 1e-3);
    }
}
