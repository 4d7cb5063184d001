//! Maps the records of a batch, and sends the actions or the dead letter of each.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::contract::{InputRecord, PartitionNotice, Rejection, index_headers};
use crate::engine::dead_letter::dead_letter;
use crate::engine::outcome::{DeadLetter, FailureStage};
use crate::event::limits::RECORD_BYTES_MAX;
use crate::kafka::{OutgoingRecord, TopicPartition, TransactionAbort, TransactionalProducer};
use crate::worker::panics::catch_panic;
use crate::worker::record_search::PROCESSOR_ERROR;
use crate::worker::stats::WorkerStats;
use crate::worker::topics::Topics;
use crate::worker::work_results::found_record;

/// Bytes of key and value of a mapped action: with its framing it must fit into a topic that takes
/// the largest record that is read.
const MAPPED_BYTES_MAX: usize = RECORD_BYTES_MAX - 1024;

/// One mapped action: key and value; or why an output of the mapping is none.
pub type MappedRecord = Result<(Vec<u8>, Vec<u8>), String>;

/// Makes actions of a foreign record: none, one or many. An error, of the record or of an output,
/// makes a dead letter.
pub type RecordMapper = Box<dyn FnMut(&InputRecord) -> Result<Vec<MappedRecord>, String> + Send>;

/// A foreign topic.
pub struct RawInput {
    pub topic: Arc<str>,
    /// Actions go to the backfill topic, where their own times count, instead of to the actions.
    pub backfill: bool,
    pub mapper: RecordMapper,
}

/// The mappings of all raw inputs, and the topics to which they write.
pub(super) struct RawMappings {
    pub topics: Topics,
    pub inputs: BTreeMap<Arc<str>, RawInput>,
    pub stats: Arc<WorkerStats>,
}

/// What the mappings made of the records of a batch.
#[derive(Default)]
pub(super) struct MappingCounts {
    /// Records that the mapping made nothing of.
    pub skipped: u64,
    pub dead: u64,
    /// What the audit topic gets to know of records on which the mapping panicked.
    pub failed: Vec<PartitionNotice>,
    /// Partitions with a record on which the mapping panicked, and the last message.
    pub panicked: BTreeMap<TopicPartition, String>,
}

/// Outputs of one record that are not sent. They make one dead letter together, because each would
/// hold the whole record.
#[derive(Default)]
struct RefusedOutputs {
    /// The class and the message of the first.
    first: Option<(&'static str, String)>,
    further: usize,
}

impl RefusedOutputs {
    fn add(&mut self, class: &'static str, message: impl FnOnce() -> String) {
        match self.first {
            Some(_) => self.further += 1,
            None => self.first = Some((class, message())),
        }
    }

    fn into_reason(self) -> Option<(&'static str, String)> {
        let (class, mut message) = self.first?;
        if self.further > 0 {
            message.push_str(&format!("; and {} more outputs are refused", self.further));
        }
        Some((class, message))
    }
}

impl RawMappings {
    /// Maps one record and sends what the mapping makes of it.
    pub(super) fn send_mapped(
        &mut self,
        record: &InputRecord,
        batch: &mut MappingCounts,
        producer: &TransactionalProducer,
    ) -> Result<(), TransactionAbort> {
        let Some(input) = self.inputs.get_mut(&record.position.topic) else {
            return Ok(());
        };
        let backfill = input.backfill;
        let mapped = match catch_panic(|| (input.mapper)(record)) {
            Ok(Ok(mapped)) => mapped,
            Ok(Err(message)) => {
                return self.send_letter(record, ("mapping", message), batch, producer);
            }
            Err(reason) => {
                let position = &record.position;
                let (topic, number) = (Arc::clone(&position.topic), position.partition);
                let notice = found_record(topic, number, position.offset, &reason);
                batch.failed.push(notice);
                let of = TopicPartition::new(&position.topic, position.partition);
                let message = format!("the mapping failed on this record: {reason}");
                batch.panicked.insert(of, reason);
                return self.send_letter(record, (PROCESSOR_ERROR, message), batch, producer);
            }
        };
        let target = match (&self.topics.backfill, backfill) {
            (Some(backfill), true) => Arc::clone(backfill),
            _ => Arc::clone(&self.topics.actions),
        };
        batch.skipped += u64::from(mapped.is_empty());
        let mut refused = RefusedOutputs::default();
        for (index, output) in mapped.iter().enumerate() {
            let (key, value) = match output {
                Ok(action) => action,
                Err(reason) => {
                    refused.add("mapping", || reason.clone());
                    continue;
                }
            };
            let bytes = key.len() + value.len();
            if bytes > MAPPED_BYTES_MAX {
                refused.add("too_large", || {
                    format!(
                        "action {index} of it has {bytes} bytes, at most {MAPPED_BYTES_MAX} are \
                         read"
                    )
                });
                continue;
            }
            let headers = match mapped.len() {
                1 => Vec::new(),
                _ => index_headers(index),
            };
            send_keyed(producer, &target, Some(key), Some(value), &headers)?;
        }
        // The other actions of the record are judged all the same.
        match refused.into_reason() {
            Some(reason) => self.send_letter(record, reason, batch, producer),
            None => Ok(()),
        }
    }

    /// Sends a record of which the broker refuses what is made as a dead letter.
    pub(super) fn send_rejected(
        &mut self,
        record: &InputRecord,
        rejection: Rejection,
        batch: &mut MappingCounts,
        producer: &TransactionalProducer,
    ) -> Result<(), TransactionAbort> {
        let why = (rejection.class, rejection.message);
        if rejection.reported {
            return self.send_letter(record, why, batch, producer);
        }
        // The letter was refused too.
        let record = InputRecord {
            value: None,
            headers: Vec::new(),
            ..record.clone()
        };
        self.send_letter(&record, why, batch, producer)
    }

    /// Sends a record as a dead letter.
    fn send_letter(
        &mut self,
        record: &InputRecord,
        (class, message): (&'static str, String),
        batch: &mut MappingCounts,
        producer: &TransactionalProducer,
    ) -> Result<(), TransactionAbort> {
        let letter = DeadLetter {
            position: record.position.clone(),
            stage: FailureStage::Mapping,
            class,
            message,
        };
        self.stats.emit_unmapped(&letter);
        batch.dead += 1;
        let output = dead_letter(record, &letter);
        let (key, value) = (output.key.as_deref(), output.value.as_deref());
        let topic = &self.topics.dead_letter;
        send_keyed(producer, topic, key, value, &output.headers)
    }
}

fn send_keyed(
    producer: &TransactionalProducer,
    topic: &str,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    headers: &[(String, Option<Vec<u8>>)],
) -> Result<(), TransactionAbort> {
    producer.send_record(&OutgoingRecord {
        topic,
        partition: None,
        key,
        value,
        headers,
    })
}
