//! Longer pauses and smaller batches while transactions abort one after the other.

use std::time::Duration;

/// Longest pause between transactions that abort one after the other.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// A limit is halved at most this often: to 1/1024.
const HALVINGS_MAX: u32 = 10;

/// The pause after `aborts` aborts in a row: 50 ms, then twice the last one.
pub(super) fn back_off_pause(aborts: u32) -> Duration {
    Duration::from_millis(50)
        .saturating_mul(1 << aborts.saturating_sub(1).min(8))
        .min(PAUSE_MAX)
}

/// A limit of a batch after `aborts` aborts in a row: half of it for each, because the batch may
/// have been too large for the broker or for the time of a transaction.
pub(in crate::worker) fn reduced_limit(most: usize, aborts: u32) -> usize {
    (most >> aborts.min(HALVINGS_MAX)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_abort_halves_a_batch_down_to_a_thousandth() {
        assert_eq!(
            [0, 1, 2].map(|n| reduced_limit(2_000, n)),
            [2_000, 1_000, 500]
        );
        assert_eq!(reduced_limit(1 << 20, 400), 1 << 10);
        assert_eq!(reduced_limit(2_000, 400), 1);
    }

    #[test]
    fn pauses_double_up_to_five_seconds() {
        assert_eq!(
            [1, 2, 3].map(|n| back_off_pause(n).as_millis()),
            [50, 100, 200]
        );
        assert_eq!(back_off_pause(4_000), PAUSE_MAX);
    }
}
