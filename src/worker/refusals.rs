//! Tells a record that the broker will never take from one that it could not take just now.

use super::error::WorkerError;
use crate::kafka::{RefusedRecord, TransactionAbort};

/// The same refusal so often in a row is for good.
const REFUSALS_MAX: u32 = 5;

/// Refusals of records, one after the other.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    last: Option<Box<RefusedRecord>>,
    times: u32,
}

impl Refusals {
    /// A commit went through.
    pub fn committed(&mut self) {
        *self = Refusals::default();
    }

    /// Notes why a transaction was given up; the error with which to end when trying again has no
    /// point.
    pub fn note(&mut self, abort: &TransactionAbort) -> Option<WorkerError> {
        // Trouble of another kind in between says nothing about the record.
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
        let mut refusals = Refusals::default();
        for _ in 0..4 {
            assert!(refusals.note(&abort("t", "InvalidTimestamp")).is_none());
        }
        let error = refusals.note(&abort("t", "InvalidTimestamp")).unwrap();
        let text = error.to_string();
        assert!(
            text.contains("`t`") && text.contains("InvalidTimestamp"),
            "{text}"
        );
    }

    #[test]
    fn another_refusal_or_a_commit_begins_the_count_anew() {
        let mut refusals = Refusals::default();
        for n in 0..20 {
            assert!(
                refusals
                    .note(&abort(["t", "u"][n % 2], "PolicyViolation"))
                    .is_none()
            );
        }
        for _ in 0..20 {
            assert!(refusals.note(&abort("t", "PolicyViolation")).is_none());
            refusals.committed();
        }
    }
}
