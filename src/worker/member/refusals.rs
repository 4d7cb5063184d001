//! Distinguishes a record that the broker will never accept from one that it cannot accept now.

use crate::kafka::{RefusedRecord, TransactionAbort};
use crate::worker::error::WorkerError;

/// Equal refusals in a row after which another attempt has no point.
const REFUSALS_MAX: u32 = 5;

/// Counts equal refusals of records in a row.
#[derive(Debug, Default)]
pub(super) struct RefusalCounter {
    last: Option<Box<RefusedRecord>>,
    times: u32,
}

impl RefusalCounter {
    /// A commit succeeded.
    pub fn note_commit(&mut self) {
        *self = RefusalCounter::default();
    }

    /// Notes why a transaction was aborted. Returns the error that ends the process when another
    /// attempt has no point.
    pub fn note_abort(&mut self, abort: &TransactionAbort) -> Option<WorkerError> {
        // An abort for another reason in between says nothing about the record.
        let failure = abort.refused.as_ref()?;
        if self.last.as_ref() == Some(failure) {
            self.times += 1;
        } else {
            self.last = Some(failure.clone());
            self.times = 1;
        }
        (self.times >= REFUSALS_MAX).then(|| WorkerError::Rejected {
            failure: failure.clone(),
            times: REFUSALS_MAX,
            abort: Box::new(abort.clone()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::AbortCause;

    fn abort(topic: &str, code: &str) -> TransactionAbort {
        TransactionAbort {
            step: "drain",
            reason: "1 records failed".into(),
            cause: AbortCause::Doubt,
            refused: Some(Box::new(RefusedRecord {
                topic: topic.into(),
                code: code.into(),
            })),
        }
    }

    #[test]
    fn five_equal_refusals_in_a_row_name_topic_and_code() {
        let mut refusals = RefusalCounter::default();
        for _ in 0..4 {
            assert!(
                refusals
                    .note_abort(&abort("t", "InvalidTimestamp"))
                    .is_none()
            );
        }
        let error = refusals
            .note_abort(&abort("t", "InvalidTimestamp"))
            .unwrap();
        let text = error.to_string();
        assert!(
            text.contains("`t`") && text.contains("InvalidTimestamp"),
            "{text}"
        );
    }

    #[test]
    fn another_refusal_or_a_commit_begins_the_count_anew() {
        let mut refusals = RefusalCounter::default();
        for n in 0..20 {
            assert!(
                refusals
                    .note_abort(&abort(["t", "u"][n % 2], "PolicyViolation"))
                    .is_none()
            );
        }
        for _ in 0..20 {
            assert!(
                refusals
                    .note_abort(&abort("t", "PolicyViolation"))
                    .is_none()
            );
            refusals.note_commit();
        }
    }
}
