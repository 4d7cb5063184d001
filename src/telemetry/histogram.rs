//! A histogram of durations, rendered with fixed bucket bounds.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Upper bounds of the rendered buckets in microseconds, from a fast commit to a slow identity
/// system.
const BOUNDS_US: [u64; 16] = [
    1_000,
    2_000,
    5_000,
    10_000,
    20_000,
    45_000,
    100_000,
    120_000,
    250_000,
    500_000,
    1_000_000,
    5_000_000,
    10_000_000,
    60_000_000,
    300_000_000,
    3_600_000_000,
];
/// Significant digits kept of a duration: two, so a bucket's count is off by 1 % at most.
const SIGNIFICANT_DIGITS: u8 = 2;
const LONGEST_US: u64 = 3_600_000_000;

/// Durations in microseconds. Longer than an hour counts as an hour.
#[derive(Debug)]
pub struct Histogram(Mutex<HistogramState>);

#[derive(Debug, Default)]
struct HistogramState {
    /// `None` only if the constants above were invalid; then nothing is recorded.
    recorded: Option<hdrhistogram::Histogram<u64>>,
    sum_us: u64,
}

/// A histogram's content at one moment.
pub(super) struct HistogramSnapshot {
    /// For each bound, in microseconds: how many durations were not longer.
    pub(super) buckets: Vec<(u64, u64)>,
    pub(super) count: u64,
    pub(super) sum_us: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        let recorded =
            hdrhistogram::Histogram::new_with_bounds(1, LONGEST_US, SIGNIFICANT_DIGITS).ok();
        Histogram(Mutex::new(HistogramState {
            recorded,
            sum_us: 0,
        }))
    }
}

impl Histogram {
    /// Records one duration.
    pub fn record_us(&self, duration_us: u64) {
        let mut inner = self.lock_state();
        inner.sum_us = inner.sum_us.saturating_add(duration_us);
        if let Some(recorded) = &mut inner.recorded {
            recorded.saturating_record(duration_us.max(1));
        }
    }

    /// The quantile `share`, 0 to 1, of the recorded durations.
    #[must_use]
    pub fn quantile_us(&self, share: f64) -> u64 {
        self.lock_state()
            .recorded
            .as_ref()
            .map_or(0, |recorded| recorded.value_at_quantile(share))
    }

    pub(super) fn take_snapshot(&self) -> HistogramSnapshot {
        let inner = self.lock_state();
        let up_to = |bound: u64| {
            inner
                .recorded
                .as_ref()
                .map_or(0, |recorded| recorded.count_between(0, bound))
        };
        HistogramSnapshot {
            buckets: BOUNDS_US
                .iter()
                .map(|bound| (*bound, up_to(*bound)))
                .collect(),
            count: inner
                .recorded
                .as_ref()
                .map_or(0, hdrhistogram::Histogram::len),
            sum_us: inner.sum_us,
        }
    }

    fn lock_state(&self) -> MutexGuard<'_, HistogramState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
