//! Turns a flood of equal errors into one log line and a count: when a broker goes away, librdkafka
//! reports it hundreds of times a second.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Shortest time between two lines about equal errors of one client.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// Counts errors and decides which are logged.
#[derive(Debug, Default)]
pub(super) struct LogThrottle {
    total: AtomicU64,
    state: Mutex<ThrottleState>,
}

#[derive(Debug, Default)]
struct ThrottleState {
    logged_at: Option<Instant>,
    logged_kind: String,
    unlogged: u64,
}

impl LogThrottle {
    /// Counts one error of `kind`. Returns `Some(n)` when it is to be logged, where `n` errors
    /// since the last line were not logged; an error of another kind than the last is always
    /// logged.
    pub(super) fn count_trouble(&self, kind: &str, now: Instant) -> Option<u64> {
        self.total.fetch_add(1, Ordering::Relaxed);
        let mut state = self
            .state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let recent = state
            .logged_at
            .is_some_and(|at| now.saturating_duration_since(at) < LINE_INTERVAL);
        if recent && state.logged_kind == kind {
            state.unlogged += 1;
            return None;
        }
        state.logged_at = Some(now);
        if state.logged_kind != kind {
            kind.clone_into(&mut state.logged_kind);
        }
        Some(std::mem::take(&mut state.unlogged))
    }

    /// All errors counted so far.
    pub(super) fn troubles_total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_troubles_fold_and_the_next_line_says_how_many() {
        let throttle = LogThrottle::default();
        let start = Instant::now();
        let second = start + Duration::from_secs(1);
        assert_eq!(throttle.count_trouble("transport", start), Some(0));
        for _ in 0..500 {
            assert_eq!(throttle.count_trouble("transport", second), None);
        }
        let later = start + LINE_INTERVAL;
        assert_eq!(throttle.count_trouble("transport", later), Some(500));
        assert_eq!(throttle.troubles_total(), 502);
    }

    #[test]
    fn a_new_kind_is_logged_at_once() {
        let throttle = LogThrottle::default();
        let start = Instant::now();
        assert_eq!(throttle.count_trouble("transport", start), Some(0));
        assert_eq!(throttle.count_trouble("authentication", start), Some(0));
    }
}
