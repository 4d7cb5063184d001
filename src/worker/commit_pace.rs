//! When to commit: soon for a revocation, late for mere state, never too often.

use std::time::{Duration, Instant};

use super::member::reduced_limit;
use super::settings::{COMMIT_RECORDS_MAX, DIRTY_BYTES_MAX};
use crate::engine::contract::CommitUrgency;

/// A commit right after another waits until the broker has written the markers of the last one;
/// this much later it does not.
const REVOCATION_AFTER: Duration = Duration::from_millis(20);
const ALERT_AFTER: Duration = Duration::from_millis(50);
const BATCH_AFTER: Duration = Duration::from_secs(1);

/// The work of all tasks that is not committed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct UncommittedWork {
    pub urgency: CommitUrgency,
    pub dirty_bytes: usize,
    /// Records applied since the last commit.
    pub records: u64,
    /// Transactions aborted one after the other.
    pub aborts: u32,
    /// A commit is due however little there is.
    pub full: bool,
}

/// The time of the last commit, and since when work waits for the next.
#[derive(Debug)]
pub(super) struct CommitPace {
    committed_at: Instant,
    waiting_since: Option<Instant>,
}

impl CommitPace {
    pub fn new(now: Instant) -> Self {
        CommitPace {
            committed_at: now,
            waiting_since: None,
        }
    }

    /// The time until the next commit is due, zero when it is due now; `None` when no work waits.
    pub fn due_in(&mut self, waiting: &UncommittedWork, now: Instant) -> Option<Duration> {
        if waiting.urgency == CommitUrgency::Idle {
            self.waiting_since = None;
            return None;
        }
        let since = *self.waiting_since.get_or_insert(now);
        let records = usize::try_from(waiting.records).unwrap_or(usize::MAX);
        let full = waiting.full
            || waiting.dirty_bytes >= reduced_limit(DIRTY_BYTES_MAX, waiting.aborts)
            || records >= reduced_limit(COMMIT_RECORDS_MAX, waiting.aborts);
        let at = match waiting.urgency {
            _ if full => now,
            CommitUrgency::Revocation => self.committed_at + REVOCATION_AFTER,
            CommitUrgency::Alert => self.committed_at + ALERT_AFTER,
            CommitUrgency::Batch | CommitUrgency::Idle => since + BATCH_AFTER,
        };
        Some(at.saturating_duration_since(now))
    }

    pub fn note_commit(&mut self, now: Instant) {
        self.committed_at = now;
        self.waiting_since = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn waiting(urgency: CommitUrgency) -> UncommittedWork {
        UncommittedWork {
            urgency,
            dirty_bytes: 1,
            records: 1,
            ..UncommittedWork::default()
        }
    }

    #[test]
    fn a_revocation_goes_20_ms_after_the_last_commit_and_at_once_when_that_is_past() {
        let start = Instant::now();
        let mut pace = CommitPace::new(start);
        let revocation = waiting(CommitUrgency::Revocation);
        assert_eq!(pace.due_in(&revocation, start), Some(ms(20)));
        assert_eq!(pace.due_in(&revocation, start + ms(15)), Some(ms(5)));
        assert_eq!(pace.due_in(&revocation, start + ms(500)), Some(ms(0)));
    }

    #[test]
    fn an_alert_never_waits_more_than_50_ms_after_the_last_commit() {
        let start = Instant::now();
        let mut pace = CommitPace::new(start);
        assert_eq!(
            pace.due_in(&waiting(CommitUrgency::Alert), start + ms(30)),
            Some(ms(20))
        );
        assert_eq!(
            pace.due_in(&waiting(CommitUrgency::Alert), start + ms(60)),
            Some(ms(0))
        );
    }

    #[test]
    fn state_alone_waits_a_second_from_its_first_change() {
        let start = Instant::now();
        let mut pace = CommitPace::new(start);
        let now = start + ms(5_000);
        assert_eq!(
            pace.due_in(&waiting(CommitUrgency::Batch), now),
            Some(ms(1_000))
        );
        assert_eq!(
            pace.due_in(&waiting(CommitUrgency::Batch), now + ms(400)),
            Some(ms(600))
        );
        pace.note_commit(now + ms(1_000));
        assert_eq!(
            pace.due_in(&waiting(CommitUrgency::Batch), now + ms(1_000)),
            Some(ms(1_000))
        );
    }

    #[test]
    fn full_means_now_and_idle_means_never() {
        let start = Instant::now();
        let mut pace = CommitPace::new(start);
        let full = UncommittedWork {
            dirty_bytes: DIRTY_BYTES_MAX,
            ..waiting(CommitUrgency::Batch)
        };
        assert_eq!(pace.due_in(&full, start), Some(ms(0)));
        let many = UncommittedWork {
            records: COMMIT_RECORDS_MAX as u64,
            ..waiting(CommitUrgency::Batch)
        };
        assert_eq!(pace.due_in(&many, start), Some(ms(0)));
        let half = UncommittedWork {
            records: COMMIT_RECORDS_MAX as u64 / 2,
            ..waiting(CommitUrgency::Batch)
        };
        assert_ne!(pace.due_in(&half, start), Some(ms(0)));
        let after_an_abort = UncommittedWork { aborts: 1, ..half };
        assert_eq!(pace.due_in(&after_an_abort, start), Some(ms(0)));
        assert_eq!(
            pace.due_in(&waiting(CommitUrgency::Idle), start + ms(9_000)),
            None
        );
    }
}
