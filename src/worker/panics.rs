//! Catches panics. Unwinding through a Kafka client would wait for ever: its end waits for an
//! answer to a rebalance that only the loop of the worker can give.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// Causes of panics within [`CAUSES_WITHIN`] with which a partition goes on. With one more it
/// stops: then it is hardly a single record.
pub(super) const CAUSES_MAX: usize = 3;
pub(super) const CAUSES_WITHIN: Duration = Duration::from_secs(3_600);
/// Characters of a panic's message that are kept.
const MESSAGE_CHARS_MAX: usize = 400;

/// The result of `work`, or the message of its panic. After a panic the caller drops whatever
/// `work` could have changed.
pub(super) fn catch_panic<R>(work: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("no reason given");
        text.chars().take(MESSAGE_CHARS_MAX).collect()
    })
}

/// When causes of panics were found in one partition.
#[derive(Debug, Default)]
pub(super) struct PanicCauses(VecDeque<Instant>);

impl PanicCauses {
    /// Notes one more; whether the partition may go on.
    pub fn note_cause(&mut self, now: Instant) -> bool {
        self.0
            .retain(|at| now.saturating_duration_since(*at) < CAUSES_WITHIN);
        if self.0.len() >= CAUSES_MAX {
            return false;
        }
        self.0.push_back(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_of_a_panic_is_kept_up_to_a_limit() {
        assert_eq!(catch_panic(|| 7), Ok(7));
        let error = catch_panic(|| panic!("{}", "ä".repeat(1_000))).unwrap_err();
        assert_eq!(error.chars().count(), MESSAGE_CHARS_MAX);
        let error = catch_panic(|| std::panic::panic_any(7)).unwrap_err();
        assert_eq!(error, "no reason given");
    }
}
