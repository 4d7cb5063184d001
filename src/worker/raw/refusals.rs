//! A record of a raw input of which the broker refuses what was made: it is found, and either
//! becomes a dead letter or stops its partition. The other raw inputs go on.
//!
//! A transaction says only that some record was refused. So the next transactions carry one record
//! each, until all records of the refused one have passed.

use std::collections::BTreeMap;

use crate::engine::contract::InputRecord;
use crate::kafka::{RefusedRecord, TopicPartition};

/// Equal refusals of what one record led to after which another attempt has no point.
const ATTEMPTS_MAX: u32 = 5;

/// What follows from the refusal of a transaction.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum RefusalResult {
    /// It is tried again.
    Retry,
    /// The record is found; it becomes a dead letter.
    Found,
    /// The partition of the record stops, for this reason.
    Stop(TopicPartition, String),
    /// No record was in it.
    Unknown,
}

/// The search for a record of which the broker refuses what was made.
#[derive(Debug, Default)]
pub(super) struct RefusalSearch {
    /// Records that are still sent one by one.
    singles: usize,
    /// The refused record of a partition, until it is committed.
    refused: BTreeMap<TopicPartition, SingleRefusal>,
}

/// The refusal of one record, at its offset.
#[derive(Debug, Default)]
struct SingleRefusal {
    record_offset: i64,
    attempts: u32,
    /// Why it becomes a dead letter.
    reason: Option<String>,
}

impl RefusalSearch {
    /// Whether a transaction carries one record only.
    pub fn is_active(&self) -> bool {
        self.singles > 0
    }

    /// Why a record becomes a dead letter.
    pub fn refusal_of(&self, record: &InputRecord) -> Option<&str> {
        let refusal = self.refused.get(&partition_of(record))?;
        let reason = refusal.reason.as_deref()?;
        (refusal.record_offset == record.position.offset).then_some(reason)
    }

    /// A transaction with these records is committed.
    pub fn note_commit(&mut self, records: &[InputRecord]) {
        self.singles = self.singles.saturating_sub(records.len());
        for record in records {
            self.refused.remove(&partition_of(record));
        }
    }

    /// The broker refused a transaction with these records. `letters`: the topic of dead letters.
    pub fn note_refusal(
        &mut self,
        records: &[InputRecord],
        refused: &RefusedRecord,
        letters: &str,
    ) -> RefusalResult {
        let record = match records {
            [] => return RefusalResult::Unknown,
            [record] => record,
            _ => {
                self.singles = self.singles.max(records.len());
                return RefusalResult::Retry;
            }
        };
        let of = partition_of(record);
        let at = record.position.offset;
        let (topic, code) = (&refused.topic, &refused.code);
        let refusal = self.refused.entry(of.clone()).or_default();
        if refusal.record_offset != at {
            *refusal = SingleRefusal::default();
        }
        refusal.record_offset = at;
        refusal.attempts += 1;
        // Only what is wrong with the record itself can be mended by leaving it out.
        let by_content = matches!(
            code.as_str(),
            "MessageSizeTooLarge" | "InvalidMessageSize" | "MessageBatchTooLarge" | "InvalidRecord"
        );
        if by_content && **topic != *letters && refusal.reason.is_none() {
            let reason = format!("the broker refused an action of this record: {topic}: {code}");
            refusal.reason = Some(reason);
            refusal.attempts = 0;
            return RefusalResult::Found;
        }
        if refusal.attempts < ATTEMPTS_MAX {
            return RefusalResult::Retry;
        }
        self.refused.remove(&of);
        let reason = format!(
            "the broker refused {ATTEMPTS_MAX} times what was made of the record at offset \
             {at}: {topic}: {code}"
        );
        RefusalResult::Stop(of, reason)
    }
}

fn partition_of(record: &InputRecord) -> TopicPartition {
    TopicPartition::new(&record.position.topic, record.position.partition)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Input;

    fn record(offset: i64) -> InputRecord {
        InputRecord::of_agent(Input::Actions, offset, 1, "k", "{}")
    }

    fn refused(topic: &str, code: &str) -> RefusedRecord {
        RefusedRecord {
            topic: topic.into(),
            code: code.into(),
        }
    }

    #[test]
    fn a_record_that_is_too_large_is_found_among_others_and_set_aside() {
        let mut search = RefusalSearch::default();
        let refusal = refused("actions", "MessageSizeTooLarge");
        let batch: Vec<_> = (0..3).map(record).collect();
        assert_eq!(
            search.note_refusal(&batch, &refusal, "dlq"),
            RefusalResult::Retry
        );
        assert!(search.is_active());
        search.note_commit(&[record(0)]);
        let bad = [record(1)];
        assert_eq!(
            search.note_refusal(&bad, &refusal, "dlq"),
            RefusalResult::Found
        );
        assert_eq!(search.refusal_of(&record(0)), None);
        assert!(
            search
                .refusal_of(&bad[0])
                .unwrap()
                .contains("MessageSizeTooLarge")
        );
        search.note_commit(&bad);
        search.note_commit(&[record(2)]);
        assert_eq!(
            (search.is_active(), search.refusal_of(&bad[0])),
            (false, None)
        );
    }

    #[test]
    fn commits_of_another_partition_do_not_begin_the_count_anew() {
        let mut search = RefusalSearch::default();
        let refusal = refused("actions", "UnknownTopic");
        let mut other = record(9);
        other.position.partition = 1;
        for _ in 1..ATTEMPTS_MAX {
            let result = search.note_refusal(&[record(4)], &refusal, "dlq");
            assert_eq!(result, RefusalResult::Retry);
            search.note_commit(std::slice::from_ref(&other));
        }
        let result = search.note_refusal(&[record(4)], &refusal, "dlq");
        assert!(matches!(result, RefusalResult::Stop(..)), "{result:?}");
    }

    #[test]
    fn a_refusal_that_no_dead_letter_mends_stops_the_partition() {
        for refusal in [
            refused("actions", "TopicAuthorizationFailed"),
            refused("dlq", "MessageSizeTooLarge"),
        ] {
            let mut search = RefusalSearch::default();
            for _ in 1..ATTEMPTS_MAX {
                let result = search.note_refusal(&[record(4)], &refusal, "dlq");
                assert_eq!(result, RefusalResult::Retry);
            }
            let result = search.note_refusal(&[record(4)], &refusal, "dlq");
            let RefusalResult::Stop(of, reason) = result else {
                panic!("{result:?}")
            };
            assert_eq!(of.to_string(), "actions/0");
            assert!(reason.contains("offset 4") && reason.contains(&refusal.code));
        }
        let mut search = RefusalSearch::default();
        let refusal = refused("audit", "MessageSizeTooLarge");
        assert_eq!(
            search.note_refusal(&[], &refusal, "dlq"),
            RefusalResult::Unknown
        );
    }
}
