//! Transactions that carry moved records and are aborted. Writing to the inputs is a right that
//! nothing else in a worker needs, so the broker may refuse it. Then such records become dead
//! letters for a while, and everything else is committed.

use std::time::{Duration, Instant};

use super::action_batch::TransactionBatch;
use crate::kafka::{AbortCause, TransactionAbort};

/// Aborts in a row of transactions with moved records after which none is moved: more than a
/// broker's restart causes.
const ABORTS_MAX: u32 = 5;
/// Time until moving is tried again.
const FORBIDDEN_FOR: Duration = Duration::from_secs(600);

/// Counts these aborts.
#[derive(Debug, Default)]
pub(super) struct RefusedMoves {
    aborts: u32,
    allowed_at: Option<Instant>,
}

impl RefusedMoves {
    /// A transaction was aborted; whether nothing may be moved from now on.
    pub fn note_abort(
        &mut self,
        batch: &TransactionBatch,
        abort: &TransactionAbort,
        now: Instant,
    ) -> bool {
        if !batch.moves_records() {
            return false;
        }
        self.aborts += 1;
        let refused = abort.refused.is_some() || abort.cause == AbortCause::Refused;
        if !refused && self.aborts < ABORTS_MAX {
            return false;
        }
        self.aborts = 0;
        self.allowed_at = Some(now + FORBIDDEN_FOR);
        true
    }

    /// A transaction was committed; whether records may be moved again.
    pub fn note_commit(&mut self, batch: &TransactionBatch, now: Instant) -> bool {
        if batch.moves_records() {
            self.aborts = 0;
        }
        let over = self.allowed_at.is_some_and(|at| now >= at);
        if over {
            self.allowed_at = None;
        }
        over
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::contract::{OutputRecord, OutputTopic};
    use crate::event::Input;

    fn batch(topic: OutputTopic) -> TransactionBatch {
        let record = OutputRecord {
            topic,
            partition: None,
            key: None,
            value: None,
            headers: Vec::new(),
        };
        TransactionBatch {
            ticks: vec![record],
            ..TransactionBatch::default()
        }
    }

    #[test]
    fn a_refusal_forbids_moving_at_once_and_doubt_only_after_several_aborts() {
        let (now, doubt) = (Instant::now(), TransactionAbort::in_doubt("drain", "x"));
        let (moving, other) = (
            batch(OutputTopic::Input(Input::Actions)),
            batch(OutputTopic::Alerts),
        );
        let mut moves = RefusedMoves::default();
        for _ in 0..9 {
            assert!(!moves.note_abort(&other, &doubt, now));
        }
        for _ in 1..ABORTS_MAX {
            assert!(!moves.note_abort(&moving, &doubt, now));
        }
        assert!(!moves.note_commit(&moving, now));
        for _ in 1..ABORTS_MAX {
            assert!(!moves.note_abort(&moving, &doubt, now));
        }
        assert!(moves.note_abort(&moving, &doubt, now));

        let mut refused = doubt;
        refused.cause = AbortCause::Refused;
        let mut moves = RefusedMoves::default();
        assert!(!moves.note_abort(&other, &refused, now));
        assert!(moves.note_abort(&moving, &refused, now));
        assert!(!moves.note_commit(&other, now));
        assert!(moves.note_commit(&other, now + FORBIDDEN_FOR));
        assert!(!moves.note_commit(&other, now + FORBIDDEN_FOR));
    }
}
