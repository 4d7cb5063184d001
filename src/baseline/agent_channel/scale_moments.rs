//! Decayed mean and variance of sums over one length of time.

use serde::{Deserialize, Serialize};

/// Half-life of a sum's weight: seven days.
const HALF_LIFE_MS: f64 = 7.0 * 24.0 * 3_600_000.0;

/// Mean and variance of the closed sums, and the sum that is open.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct ScaleMoments {
    pub mean: f32,
    pub variance: f32,
    /// Closed panes of the open block.
    pub sum: f32,
    /// Closed blocks.
    pub blocks: u32,
}

impl ScaleMoments {
    /// Learns a closed block.
    pub fn learn(&mut self, value: f64, block_ms: i64) {
        let step = step_min(block_ms).max(1.0 / (f64::from(self.blocks) + 1.0));
        let away = value - f64::from(self.mean);
        self.mean = (f64::from(self.mean) + step * away) as f32;
        let variance = f64::from(self.variance) + step * away * away;
        self.variance = ((1.0 - step) * variance) as f32;
        self.blocks = self.blocks.saturating_add(1);
    }

    /// Learns a closed block of a season in which the mean is `factor` times the whole one: what
    /// the season explains is no variance.
    pub fn learn_in_season(&mut self, value: f64, factor: f64, block_ms: i64) {
        let step = step_min(block_ms).max(1.0 / (f64::from(self.blocks) + 1.0));
        let mean = f64::from(self.mean);
        let away = value - mean * factor;
        let variance = f64::from(self.variance);
        self.variance = (variance + step * (away * away / factor - variance)) as f32;
        self.mean = (mean + step * (value - mean)) as f32;
        self.blocks = self.blocks.saturating_add(1);
    }

    /// Learns a run of blocks without anything.
    pub fn learn_zeros(&mut self, blocks: u32, block_ms: i64) {
        if blocks == 0 {
            return;
        }
        let step = step_min(block_ms);
        let known = f64::from(self.blocks);
        // As long as a block weighs 1/(k + 1), the mean shrinks like k / (k + n).
        let young = (1.0 / step - known - 1.0)
            .ceil()
            .clamp(0.0, f64::from(blocks));
        let mut kept = match young > 0.0 {
            true => known / (known + young),
            false => 1.0,
        };
        kept *= (1.0 - step).powf(f64::from(blocks) - young);
        let mean = f64::from(self.mean);
        let square = f64::from(self.variance) + mean * mean;
        self.mean = (kept * mean) as f32;
        self.variance = (kept * square - kept * kept * mean * mean).max(0.0) as f32;
        self.blocks = self.blocks.saturating_add(blocks);
    }
}

/// What a block weighs at least.
fn step_min(block_ms: i64) -> f64 {
    1.0 - (-(block_ms as f64) / HALF_LIFE_MS).exp2()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(crate::property::config(128))]

        #[test]
        fn silence_in_one_step_equals_a_run_of_zeros(
            runs in prop::collection::vec((0_u32..400, 0_u32..50), 1..30),
            block_ms in prop::sample::select(vec![60_000_i64, 3_600_000, 43_200_000]),
        ) {
            let (mut fast, mut slow) = (ScaleMoments::default(), ScaleMoments::default());
            for (zeros, value) in runs {
                fast.learn_zeros(zeros, block_ms);
                fast.learn(f64::from(value), block_ms);
                (0..zeros).for_each(|_| slow.learn(0.0, block_ms));
                slow.learn(f64::from(value), block_ms);
            }
            prop_assert!((fast.mean - slow.mean).abs() <= 1e-3 * (0.1 + slow.mean));
            let off = (fast.variance - slow.variance).abs();
            prop_assert!(off <= 5e-3 * (1.0 + slow.variance), "{fast:?} {slow:?}");
            prop_assert_eq!(fast.blocks, slow.blocks);
        }

        /// The same moments from the whole history, while every block weighs the same.
        #[test]
        fn young_moments_are_those_of_the_history(
            values in prop::collection::vec(0_u32..1_000, 1..100),
        ) {
            let mut moments = ScaleMoments::default();
            values.iter().for_each(|value| moments.learn(f64::from(*value), 60_000));
            let count = values.len() as f64;
            let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / count;
            let squares = values.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>();
            prop_assert!((f64::from(moments.mean) - mean).abs() < 1e-2);
            let variance = squares / count;
            prop_assert!((f64::from(moments.variance) - variance).abs() < 1e-3 * (1.0 + variance));
        }
    }

    #[test]
    fn half_of_a_week_old_history_is_forgotten() {
        let mut moments = ScaleMoments {
            mean: 100.0,
            blocks: 1_000_000,
            ..ScaleMoments::default()
        };
        moments.learn_zeros(7 * 24 * 60, 60_000);
        assert!((moments.mean - 50.0).abs() < 0.1, "{moments:?}");
    }
}
