//! A flood of equal troubles becomes one log line and a count: a broker that goes away makes
//! librdkafka report it hundreds of times a second.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The shortest time between two lines about the same client.
const QUIET: Duration = Duration::from_secs(10);

/// Counts troubles and says when one of them is worth a line.
#[derive(Debug, Default)]
pub struct Fold {
    total: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    said_at: Option<Instant>,
    said_kind: String,
    unsaid: u64,
}

impl Fold {
    /// Counts one trouble of `kind`. `Some(n)` when it is to be logged, with the number that were
    /// not since the last line; a new kind is always logged.
    pub fn note(&self, kind: &str, now: Instant) -> Option<u64> {
        self.total.fetch_add(1, Ordering::Relaxed);
        let mut state = self
            .state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let quiet = state
            .said_at
            .is_some_and(|at| now.saturating_duration_since(at) < QUIET);
        if quiet && state.said_kind == kind {
            state.unsaid += 1;
            return None;
        }
        state.said_at = Some(now);
        if state.said_kind != kind {
            kind.clone_into(&mut state.said_kind);
        }
        Some(std::mem::take(&mut state.unsaid))
    }

    /// All troubles since the start.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_troubles_fold_and_the_next_line_says_how_many() {
        let fold = Fold::default();
        let start = Instant::now();
        assert_eq!(fold.note("transport", start), Some(0));
        for _ in 0..500 {
            assert_eq!(fold.note("transport", start + Duration::from_secs(1)), None);
        }
        assert_eq!(fold.note("transport", start + QUIET), Some(500));
        assert_eq!(fold.total(), 502);
    }

    #[test]
    fn a_new_kind_is_said_at_once() {
        let fold = Fold::default();
        let start = Instant::now();
        assert_eq!(fold.note("transport", start), Some(0));
        assert_eq!(fold.note("authentication", start), Some(0));
    }
}
