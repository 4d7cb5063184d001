//! The level channel: how far a pane is from the slow mean, and how rare that is at its hour.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::sparse_counts::SparseCounts;
use super::zero_share::LEVEL_PANE_S;

/// Panes after which half of the slow mean is forgotten.
const HALF_LIFE_PANES: f64 = 100.0;
/// From so many panes on, deviations are cut before they are learned.
const WINSOR_PANES: u32 = 20;
const WINSOR_SCALES: f64 = 12.0;
const SLOW_STEP_MIN: f64 = 0.0005;
const SLOW_WINSOR: f64 = 10.0;
const HOUR_STEP_MIN: f64 = 0.1;
/// Panes of an hour of the day before its mean counts.
const HOUR_PANES_MIN: u8 = 3;
/// Largest count of the panes of an hour.
const HOUR_PANES_MAX: u8 = 250;
/// Histogram units of a pane, and of one that alarmed.
const UNITS: u32 = 4;
const UNITS_ALARMED: u32 = 1;
/// Units before a score is computed: twenty panes.
const UNITS_MIN: u32 = 80;
/// The highest score.
pub(super) const SCORE_MAX: f64 = 8.0;
/// Bans per deviation.
const MAGNITUDE_BANS: f64 = 0.9;
/// The histogram of the residuals from the hour, and that of the deviations.
const HOUR_RESIDUALS: u16 = 0;
const DEVIATIONS: u16 = 1;

/// The slow mean and its deviations.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct LevelCore {
    mean: f32,
    /// Mean absolute deviation.
    spread: f32,
    /// Mean absolute deviation over a long time.
    spread_slow: f32,
    /// The smallest step from pane to pane.
    step_min: f32,
    last: f32,
    panes: u32,
}

/// What is known of the hours and of how often each deviation was.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct LevelHistory {
    hour_means: [f32; 24],
    hour_panes: [u8; 24],
    counts: SparseCounts,
    total: u32,
}

/// How far a pane is from what is usual.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct LevelScore {
    /// One deviation.
    pub scale: f64,
    pub deviations: f64,
    /// Deviations from the mean of the hour; zero while it is unknown.
    pub from_hour: f64,
    pub score: f64,
}

/// The threshold of a pane length: shorter panes are more.
pub(super) fn level_threshold(pane_s: f64) -> f64 {
    2.75 + (3_600.0 / pane_s).log10()
}

impl LevelCore {
    /// Reads a word of it; see `MetricKnowledge::prefetch`.
    pub(super) fn prefetch(&self) -> u64 {
        u64::from(self.panes) ^ u64::from(self.mean.to_bits())
    }

    /// Compares a pane with the mean; notes it as the last one. `None` for the first pane, which is
    /// only noted.
    pub fn compare(&mut self, value: f64) -> Option<LevelScore> {
        if self.panes == 0 {
            (self.mean, self.last, self.panes) = (value as f32, value as f32, 1);
            return None;
        }
        let step = (value - f64::from(self.last)).abs() as f32;
        if step > 0.0 {
            self.step_min = match self.step_min > 0.0 {
                true => self.step_min.min(step),
                false => step,
            };
        }
        self.last = value as f32;
        let slow = f64::from(self.spread_slow);
        let scale = f64::from(self.spread)
            + 0.3 * slow
            + 0.5 * f64::from(self.step_min).min(slow)
            + 1e-6 * f64::from(self.mean).abs()
            + 1e-12;
        Some(LevelScore {
            scale,
            deviations: (value - f64::from(self.mean)) / scale,
            ..LevelScore::default()
        })
    }

    /// The score of a pane by its deviation alone, where no histogram is kept.
    pub fn magnitude(&self, compared: &LevelScore) -> f64 {
        match self.has_learned() {
            true => (MAGNITUDE_BANS * compared.deviations.abs()).min(SCORE_MAX),
            false => 0.0,
        }
    }

    /// Learns a pane that was compared with `scale`.
    pub fn learn(&mut self, value: f64, scale: f64) {
        let next = f64::from(self.panes) + 1.0;
        let cuts = self.panes > WINSOR_PANES;
        let residual = value - f64::from(self.mean);
        let cut = match cuts {
            true => residual.clamp(-WINSOR_SCALES * scale, WINSOR_SCALES * scale),
            false => residual,
        };
        let step = (1.0 - (-1.0 / HALF_LIFE_PANES).exp2()).max(1.0 / next);
        let spread = f64::from(self.spread);
        self.mean = (f64::from(self.mean) + step * cut) as f32;
        self.spread = (spread + step * (cut.abs() - spread)) as f32;
        let slow = f64::from(self.spread_slow);
        let far = match cuts {
            true => residual.abs().min(SLOW_WINSOR * slow),
            false => residual.abs(),
        };
        self.spread_slow = (slow + SLOW_STEP_MIN.max(1.0 / next) * (far - slow)) as f32;
        self.panes = self.panes.saturating_add(1);
    }

    pub fn mean(&self) -> f64 {
        f64::from(self.mean)
    }

    /// Whether there were as many panes as fill the histograms of the whole channel.
    pub fn has_learned(&self) -> bool {
        self.panes > UNITS_MIN / UNITS + 1
    }
}

impl LevelHistory {
    /// Completes the comparison of a pane: its residual from the hour and its score.
    pub fn score(&self, value: f64, hour: usize, pane_s: f64, compared: &mut LevelScore) {
        if let Some(mean) = self.hour_mean(hour) {
            compared.from_hour = (value - mean) / compared.scale;
        }
        if !self.has_learned() {
            return;
        }
        let (mut high, mut low) = (0.0, 0.0);
        if pane_s >= LEVEL_PANE_S {
            let of_hour = self.rarity(HOUR_RESIDUALS, compared.from_hour);
            let of_level = self.rarity(DEVIATIONS, compared.deviations);
            (high, low) = (of_hour.max(of_level), of_hour.min(of_level));
        }
        let rare = high + 0.2 * (low - 1.0).max(0.0);
        let score = rare.max(MAGNITUDE_BANS * compared.deviations.abs());
        compared.score = score.min(SCORE_MAX);
    }

    /// Learns a pane; one that `surprises` counts a quarter.
    pub fn learn(&mut self, value: f64, hour: usize, compared: &LevelScore, surprises: bool) {
        let units = match surprises {
            true => UNITS_ALARMED,
            false => UNITS,
        };
        let residuals = [
            (HOUR_RESIDUALS, compared.from_hour),
            (DEVIATIONS, compared.deviations),
        ];
        for (histogram, deviations) in residuals {
            self.counts.add(histogram, bucket_of(deviations), units);
        }
        self.total = self.counts.total(DEVIATIONS);
        let hour = hour.min(23);
        let panes = self.hour_panes[hour];
        let step = HOUR_STEP_MIN.max(1.0 / (f64::from(panes) + 1.0));
        let mean = f64::from(self.hour_means[hour]);
        self.hour_means[hour] = (mean + step * (value - mean)) as f32;
        self.hour_panes[hour] = (panes + 1).min(HOUR_PANES_MAX);
    }

    /// The usual value at an hour of the day, once it is known.
    pub fn hour_mean(&self, hour: usize) -> Option<f64> {
        let hour = hour.min(23);
        (self.hour_panes[hour] > HOUR_PANES_MIN).then(|| f64::from(self.hour_means[hour]))
    }

    /// Whether no count is larger than it can become.
    pub fn is_sound(&self) -> bool {
        self.hour_panes.iter().all(|panes| *panes <= HOUR_PANES_MAX)
    }

    pub fn has_learned(&self) -> bool {
        self.total > UNITS_MIN
    }

    fn rarity(&self, histogram: u16, deviations: f64) -> f64 {
        let (below, above) = self.counts.sums_around(histogram, bucket_of(deviations));
        let count = f64::from(below.min(above)) / f64::from(UNITS);
        let prior = (1.0 + deviations.abs() / 4.0).powi(-3);
        let all = f64::from(self.total) / f64::from(UNITS);
        -(2.0 * (count + 0.5 * prior) / (all + 0.5)).min(1.0).log10()
    }

    #[cfg(test)]
    pub fn heap_bytes(&self) -> usize {
        self.counts.heap_bytes()
    }
}

/// The deviations from which each bucket begins, from bucket 1 on. The buckets are even steps of a
/// quarter in asinh(2 x), so that small deviations are told apart finely and large ones roughly.
static BUCKET_EDGES: LazyLock<[f64; 63]> =
    LazyLock::new(|| std::array::from_fn(|below| ((below as f64 - 31.5) / 4.0).sinh() / 2.0));

fn bucket_of(deviations: f64) -> u16 {
    BUCKET_EDGES.partition_point(|edge| *edge <= deviations) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_even_steps_of_asinh() {
        for step in -4_000..4_000 {
            let deviations = f64::from(step) / 97.0;
            let step = (4.0 * (2.0 * deviations).asinh() + 0.5).floor();
            let bucket = (32.0 + step).clamp(0.0, 63.0) as u16;
            assert_eq!(bucket_of(deviations), bucket, "{deviations}");
        }
        for (extreme, bucket) in [(f64::NEG_INFINITY, 0), (f64::INFINITY, 63), (0.0, 32)] {
            assert_eq!(bucket_of(extreme), bucket);
        }
    }
}
