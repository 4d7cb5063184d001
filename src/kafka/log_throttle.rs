//! Turns a flood of equal errors into one log line and a count: when a broker goes away, librdkafka
//! reports it hundreds of times a second, on every client and in changing words.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::trouble_cause::TroubleCause;

/// Shortest time between two lines about errors of one kind.
const LINE_INTERVAL: Duration = Duration::from_secs(10);
/// Kinds that are known at once; a further one takes the place of the one that was logged first.
const KINDS_MAX: usize = 32;
/// Characters of an error of no known cause that tell its kind.
const KIND_CHARS: usize = 80;

/// Counts errors and decides which are logged.
#[derive(Debug)]
pub(super) struct LogThrottle {
    total: AtomicU64,
    kinds: Mutex<BTreeMap<String, KindState>>,
}

#[derive(Debug)]
struct KindState {
    logged_at: Instant,
    unlogged: u64,
}

impl LogThrottle {
    pub(super) const fn new() -> Self {
        LogThrottle {
            total: AtomicU64::new(0),
            kinds: Mutex::new(BTreeMap::new()),
        }
    }

    /// Counts one error. Returns `Some(n)` when it is to be logged, where `n` errors of its kind
    /// since the last line were not logged.
    pub(super) fn count_trouble(&self, text: &str, now: Instant) -> Option<u64> {
        self.total.fetch_add(1, Ordering::Relaxed);
        let kind = kind_of(text);
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(state) = kinds.get_mut(&kind) {
            if now.saturating_duration_since(state.logged_at) < LINE_INTERVAL {
                state.unlogged += 1;
                return None;
            }
            state.logged_at = now;
            return Some(std::mem::take(&mut state.unlogged));
        }
        if kinds.len() >= KINDS_MAX {
            let oldest = kinds.iter().min_by_key(|(_, state)| state.logged_at);
            if let Some(kind) = oldest.map(|(kind, _)| kind.clone()) {
                kinds.remove(&kind);
            }
        }
        let state = KindState {
            logged_at: now,
            unlogged: 0,
        };
        kinds.insert(kind, state);
        Some(0)
    }

    /// All errors counted so far.
    pub(super) fn troubles_total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }
}

/// The cause; without a known one the text without its numbers, which change.
fn kind_of(text: &str) -> String {
    match TroubleCause::of_text(text) {
        TroubleCause::Other => {
            let letters = text.chars().filter(|c| !c.is_ascii_digit());
            letters.take(KIND_CHARS).collect()
        }
        cause => cause.as_str().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn troubles_of_one_cause_fold_and_the_next_line_says_how_many() {
        let throttle = LogThrottle::new();
        let start = Instant::now();
        let second = start + Duration::from_secs(1);
        assert_eq!(
            throttle.count_trouble("Disconnected (after 7ms)", start),
            Some(0)
        );
        for n in 0..250 {
            let text = format!("Connect to b:9092 failed: Connection refused (after {n}ms)");
            assert_eq!(throttle.count_trouble(&text, second), None);
            assert_eq!(throttle.count_trouble("3/3 brokers are down", second), None);
        }
        let later = start + LINE_INTERVAL;
        assert_eq!(throttle.count_trouble("Disconnected", later), Some(500));
        assert_eq!(throttle.troubles_total(), 502);
    }

    #[test]
    fn another_cause_is_logged_at_once_and_kinds_are_bounded() {
        let throttle = LogThrottle::new();
        let start = Instant::now();
        assert_eq!(throttle.count_trouble("Disconnected", start), Some(0));
        assert_eq!(
            throttle.count_trouble("SASL authentication error", start),
            Some(0)
        );
        assert_eq!(throttle.count_trouble("Disconnected", start), None);
        assert_eq!(throttle.count_trouble("queue 7 is full", start), Some(0));
        assert_eq!(throttle.count_trouble("queue 8 is full", start), None);
        for n in 0..100_u8 {
            let text = format!("{} is new", "x".repeat(usize::from(n % 70) + 1));
            throttle.count_trouble(&text, start + Duration::from_secs(1));
            assert!(throttle.kinds.lock().unwrap().len() <= KINDS_MAX);
        }
    }
}
