//! The share of panes without anything, by which a metric chooses its channel.

use serde::{Deserialize, Serialize};

/// What a pane weighs at least: its part of a week.
const MEMORY_S: f64 = 604_800.0;
/// From this share on a metric of one-minute panes is sparse.
const SPARSE_AT_1_MIN: f64 = 0.10;
/// What is added to it for panes of five minutes and more.
const SPARSE_RISE: f64 = 0.85;
/// The shortest panes whose level is judged in both directions, seconds.
pub(super) const LEVEL_PANE_S: f64 = 300.0;

/// The decayed share of zero panes.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct ZeroShare {
    pub share: f32,
    /// Panes so far.
    pub panes: u32,
}

impl ZeroShare {
    /// Learns one pane.
    pub fn learn_pane(&mut self, is_zero: bool, pane_s: f64) {
        if self.panes > 0 {
            let step = (1.0 / f64::from(self.panes))
                .max(pane_s / MEMORY_S)
                .min(1.0);
            let share = f64::from(self.share);
            self.share = (share + step * (f64::from(u8::from(is_zero)) - share)) as f32;
        }
        self.panes = self.panes.saturating_add(1);
    }

    /// Learns a run of zero panes at once.
    pub fn learn_zeros(&mut self, panes: i64, pane_s: f64) {
        let mut left = panes.max(0) as f64;
        if self.panes > 0 && left > 0.0 {
            let known = f64::from(self.panes);
            // As long as a pane weighs 1/k, the active share shrinks like (k - 1) / (k - 1 + n).
            let young = (MEMORY_S / pane_s - known).clamp(0.0, left).ceil();
            let mut active = 1.0 - f64::from(self.share);
            active *= match young > 0.0 {
                true => (known - 1.0) / (known - 1.0 + young),
                false => 1.0,
            };
            left -= young;
            active *= (1.0 - (pane_s / MEMORY_S).min(1.0)).powf(left.max(0.0));
            self.share = (1.0 - active) as f32;
        }
        self.panes = self
            .panes
            .saturating_add(u32::try_from(panes.max(0)).unwrap_or(u32::MAX));
    }

    /// Whether the metric is dense: most of its panes have something.
    pub fn is_dense(&self, pane_s: f64) -> bool {
        f64::from(self.share) < sparse_share(pane_s)
    }
}

/// The share of zero panes from which on a metric is sparse.
fn sparse_share(pane_s: f64) -> f64 {
    SPARSE_AT_1_MIN + SPARSE_RISE * ((pane_s / 60.0).ln() / 5_f64.ln()).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_limit_rises_with_the_length_of_a_pane() {
        for (pane_s, share) in [(60.0, 0.10), (300.0, 0.95), (86_400.0, 0.95), (10.0, 0.10)] {
            assert!((sparse_share(pane_s) - share).abs() < 1e-9);
        }
    }

    proptest! {
        #![proptest_config(crate::property::config(64))]

        #[test]
        fn a_run_in_one_step_equals_a_run_of_panes(
            runs in prop::collection::vec((0_i64..400, any::<bool>()), 1..30),
            pane_s in prop::sample::select(vec![60.0, 300.0, 3_600.0, 86_400.0]),
        ) {
            let (mut fast, mut slow) = (ZeroShare::default(), ZeroShare::default());
            for (zeros, last) in runs {
                fast.learn_pane(last, pane_s);
                fast.learn_zeros(zeros, pane_s);
                slow.learn_pane(last, pane_s);
                (0..zeros).for_each(|_| slow.learn_pane(true, pane_s));
                prop_assert!((fast.share - slow.share).abs() < 2e-3, "{fast:?} {slow:?}");
                prop_assert_eq!(fast.panes, slow.panes);
            }
        }
    }
}
