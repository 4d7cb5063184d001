//! The contract between a worker and the state machine of one partition, and the values that both
//! exchange. The worker knows Kafka and the store, the task knows records and state.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::detector::DeferredTotals;
use crate::event::{Input, RecordPosition};
use crate::store::Store;

use super::outcome::{DeadLetter, FailureStage, TaskOutcome};

/// An input record as it came from Kafka.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputRecord {
    pub input: Input,
    pub position: RecordPosition,
    /// Append time set by the broker, epoch ms; 0 if no broker set one.
    pub append_ms: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl InputRecord {
    /// A record of partition 0 without headers, in a topic with the name of its input. For drivers
    /// without Kafka. `key` is `tenant/agent`.
    #[must_use]
    pub fn of_agent(input: Input, offset: i64, append_ms: i64, key: &str, value: &str) -> Self {
        InputRecord {
            input,
            position: RecordPosition {
                topic: input_name(input).into(),
                partition: 0,
                offset,
                index: 0,
            },
            append_ms,
            key: Some(key.as_bytes().to_vec()),
            value: Some(value.as_bytes().to_vec()),
            headers: Vec::new(),
        }
    }

    /// Size of key, value and headers in bytes.
    #[must_use]
    pub fn byte_count(&self) -> usize {
        let length = |part: &Option<Vec<u8>>| part.as_ref().map_or(0, Vec::len);
        let headers = self.headers.iter();
        let headers: usize = headers
            .map(|(name, value)| name.len() + length(value))
            .sum();
        length(&self.key) + length(&self.value) + headers
    }
}

/// The header of an action that a raw input made: its number among the actions of its record.
/// Actions of one record may have one event id.
const INDEX_HEADER: &str = "scopewatch.index";

/// The headers of the action with this number among those of its record.
#[must_use]
pub fn index_headers(index: usize) -> Vec<(String, Option<Vec<u8>>)> {
    vec![(INDEX_HEADER.into(), Some(index.to_string().into_bytes()))]
}

/// The number of an action among those of its record; 0 for a record that has no such header.
#[must_use]
pub fn index_of(headers: &[(String, Option<Vec<u8>>)]) -> u32 {
    let found = headers.iter().find(|(name, _)| name == INDEX_HEADER);
    let text = found.and_then(|(_, value)| std::str::from_utf8(value.as_deref()?).ok());
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Why a record is not judged: it becomes a dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    pub stage: FailureStage,
    /// The class of the dead letter.
    pub class: &'static str,
    /// One sentence for the operator.
    pub message: String,
    /// Whether the agent that the key names gets a finding.
    pub reported: bool,
}

/// The name of an input in journals and metrics.
#[must_use]
pub const fn input_name(input: Input) -> &'static str {
    match input {
        Input::Scopes => "scopes",
        Input::Control => "control",
        Input::Links => "links",
        Input::Actions => "actions",
        Input::Backfill => "backfill",
    }
}

/// An output topic. The worker knows its configured name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OutputTopic {
    Alerts,
    Revocations,
    DeadLetter,
    Links,
    Audit,
    /// The topic of an input, for a record that is moved to the partition of its key.
    Input(Input),
}

/// A record for an output topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputRecord {
    pub topic: OutputTopic,
    /// `None`: the partition of the key, as the Java clients compute it.
    pub partition: Option<i32>,
    /// `None` only for a dead letter whose original record had no key or a key too long.
    pub key: Option<Vec<u8>>,
    /// `None` only for a dead letter whose original record had no value or a value too large.
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

/// How soon the changes of a task must be committed. A worker obeys the most urgent of its tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum CommitUrgency {
    /// Nothing to commit.
    #[default]
    Idle,
    /// State has changed: within one second.
    Batch,
    /// An alert or a link is pending: within 50 ms.
    Alert,
    /// A revocation request is pending: 20 ms after the last commit.
    Revocation,
}

/// Everything that one transaction carries for one partition.
#[derive(Debug, Clone, PartialEq)]
pub struct PartitionCommit {
    pub partition: i32,
    /// What the records caused besides state. Count and log these only after the transaction is
    /// committed; the outcomes of a failed transaction never happened.
    pub outcomes: Vec<TaskOutcome>,
    /// The outcomes as records of the output topics, and the journal record.
    pub outputs: Vec<OutputRecord>,
    /// Changed state by key; `None` deletes. Never contains META.
    pub changelog: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// Changed entries of the store alone: indices, which [`TaskFactory::local_entry`] rebuilds
    /// from the changelog.
    pub local: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// The META of this commit. The worker sets its `changelog_next` from the delivery reports, and
    /// moves its offsets past log entries that are not records, such as transaction markers.
    pub meta: PartitionMeta,
    /// Next offset of the actions, if at least one was ever applied.
    pub actions_offset_next: Option<i64>,
    pub urgency: CommitUrgency,
    /// Number of agents and tenants that the task has in memory; `None` if the task did not make
    /// this commit.
    pub agents_cached: Option<usize>,
}

impl PartitionCommit {
    /// The dead letters, each with its output record.
    pub fn dead_letters(&self) -> impl Iterator<Item = (&DeadLetter, &OutputRecord)> {
        let letters = self.outcomes.iter().filter_map(|outcome| match outcome {
            TaskOutcome::DeadLetter(letter) => Some(letter),
            _ => None,
        });
        let outputs = self.outputs.iter();
        letters.zip(outputs.filter(|output| output.topic == OutputTopic::DeadLetter))
    }

    /// The entries to store: state and indices, without META.
    #[must_use]
    pub fn store_entries(&self) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
        self.changelog.iter().chain(&self.local).cloned().collect()
    }
}

/// The META format that this version writes, and the only one that it can read.
pub const META_FORMAT: u8 = 2;

/// META, the progress of a partition. It is the last changelog record of a commit, and it is stored
/// with the state in one batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionMeta {
    /// Version of the state machine that wrote it.
    pub core_version: u32,
    /// The number of partitions at the time. The partition of an agent depends on it, so state that
    /// was written with another number is useless.
    pub partition_count: u32,
    /// Next offset per input, in the order of [`Input::ALL`]; `None` if no record was applied.
    pub offsets_next: [Option<i64>; 5],
    /// Next offset of the changelog after the entries in the store. In the changelog itself this is
    /// one commit behind, because a record cannot contain its own offset.
    pub changelog_next: i64,
    /// Stream time, epoch ms.
    pub stream_ms: i64,
    /// Number of deferred actions of all agents. The partition has one limit for all of them.
    pub deferred: u64,
    /// Their stored bytes, which are limited too.
    pub deferred_bytes: u64,
    /// Number of commits of this partition.
    pub sequence: u64,
    pub bundle_hash: [u8; 32],
    /// Hash of the META of the commit before.
    pub previous_hash: [u8; 32],
}

/// Why bytes are not a META.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetaError {
    #[error("META has format {found}, written by another version; this one reads {readable}")]
    OtherFormat { found: u8, readable: u8 },
    #[error("META is damaged")]
    Damaged,
}

impl PartitionMeta {
    /// The META of a partition without any applied record.
    #[must_use]
    pub fn new(core_version: u32, partition_count: u32) -> Self {
        PartitionMeta {
            core_version,
            partition_count,
            offsets_next: [None; 5],
            changelog_next: 0,
            stream_ms: i64::MIN,
            deferred: 0,
            deferred_bytes: 0,
            sequence: 0,
            bundle_hash: [0; 32],
            previous_hash: [0; 32],
        }
    }

    /// How much is deferred in the partition.
    #[must_use]
    pub fn deferred_totals(&self) -> DeferredTotals {
        DeferredTotals {
            count: self.deferred,
            bytes: self.deferred_bytes,
        }
    }

    /// Sets how much is deferred in the partition.
    pub fn set_deferred_totals(&mut self, totals: DeferredTotals) {
        (self.deferred, self.deferred_bytes) = (totals.count, totals.bytes);
    }

    /// Next offset of `input`.
    #[must_use]
    pub fn offset_next(&self, input: Input) -> Option<i64> {
        let place = Input::ALL.iter().position(|i| *i == input)?;
        self.offsets_next.get(place).copied().flatten()
    }

    /// Sets the next offset of `input`.
    pub fn set_offset_next(&mut self, input: Input, offset: i64) {
        let place = Input::ALL.iter().position(|i| *i == input);
        if let Some(slot) = place.and_then(|place| self.offsets_next.get_mut(place)) {
            *slot = Some(offset);
        }
    }

    /// Rejects state that was written with another number of partitions. Agents would be looked up
    /// in partitions that do not have their state.
    ///
    /// # Errors
    /// The reason, for the operator.
    pub fn check_partition_count(&self, partitions: u32) -> Result<(), String> {
        let written = self.partition_count;
        if written == partitions {
            return Ok(());
        }
        Err(format!(
            "its state was written with {written} partitions and the topics now have {partitions}; \
             agents would be judged without their state. Restore the count, or start with an empty \
             store and changelog"
        ))
    }

    /// Encodes META: one format byte, then postcard.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        // Serialisation of plain numbers and arrays into a growing buffer cannot fail.
        postcard::to_extend(self, vec![META_FORMAT]).unwrap_or_default()
    }

    /// Decodes META.
    ///
    /// # Errors
    /// [`MetaError::OtherFormat`] if another version wrote it, [`MetaError::Damaged`] otherwise.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, MetaError> {
        match bytes.split_first() {
            Some((&META_FORMAT, rest)) => {
                postcard::from_bytes(rest).map_err(|_| MetaError::Damaged)
            }
            Some((&found, _)) => Err(MetaError::OtherFormat {
                found,
                readable: META_FORMAT,
            }),
            None => Err(MetaError::Damaged),
        }
    }
}

/// Why a task cannot continue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TaskError {
    /// The input must wait, for example for an unknown schema id. Its record stays queued;
    /// [`PartitionTask::process_queued`] may be called again.
    #[error("{reason}")]
    Paused { input: Input, reason: String },
    /// This partition cannot continue. Other partitions can.
    #[error("{reason}")]
    Stopped { reason: String },
    /// The process cannot continue.
    #[error("{reason}")]
    Fatal { reason: String },
}

/// The state machine of one partition, as the worker drives it.
pub trait PartitionTask {
    /// Queues a record. The records of an input arrive in order, each once.
    fn push(&mut self, record: InputRecord);

    /// Queues a record that becomes a dead letter when its turn comes. It is not decoded.
    fn push_rejected(&mut self, record: InputRecord, rejection: Rejection);

    /// The record for which [`TaskError::Paused`] named `input` becomes a dead letter instead of
    /// waiting any longer.
    fn reject_waiting(&mut self, input: Input);

    /// Number of records that are queued and not yet applied.
    fn pending_records(&self) -> usize;

    /// Size of these records in bytes.
    fn pending_bytes(&self) -> usize;

    /// Applies all queued records that are due.
    ///
    /// # Errors
    /// See [`TaskError`].
    fn process_queued(&mut self, store: &dyn Store) -> Result<(), TaskError>;

    /// How soon [`PartitionTask::take_commit`] should be called.
    fn commit_urgency(&self) -> CommitUrgency;

    /// Approximate size of the next commit in bytes.
    fn dirty_bytes(&self) -> usize;

    /// Takes the changes since the last commit; `None` if there are none.
    fn take_commit(&mut self) -> Option<PartitionCommit>;

    /// Called once `commit` is committed and stored; continue from `commit.meta`. Also called for
    /// commits of offsets only, which the task did not make. After a failed transaction the worker
    /// drops the task and opens it again.
    fn confirm_commit(&mut self, commit: &PartitionCommit);

    /// A tick for the task's own partition of the links topic, if a timer is due and no record has
    /// come that moves time. `wall_ms` is the wall clock, epoch ms; `quiet_ms` is how long no
    /// record has come. The later of the two times that they give counts: a clock that is behind
    /// the broker's must not keep waits from ending.
    fn tick_record(&self, wall_ms: i64, quiet_ms: i64) -> Option<OutputRecord>;
}

/// Opens the tasks of a worker.
pub trait TaskFactory: Send + Sync + 'static {
    type Task: PartitionTask;

    /// Opens the task of a restored partition. Reads META and the timers from the store.
    ///
    /// # Errors
    /// See [`TaskError`]. `Paused` counts as `Stopped`.
    fn open(&self, partition: i32, store: &dyn Store) -> Result<Self::Task, TaskError>;

    /// The index entry of a state entry, for a store that is rebuilt from the changelog.
    fn local_entry(&self, _key: &[u8], _value: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
        None
    }

    /// Whether records in another partition than their key's are moved. The worker forbids it while
    /// the broker refuses them; they are dead letters then.
    fn set_moving(&self, _allowed: bool) {}

    /// The audit record of an event that concerns a whole partition.
    fn audit_record(&self, _notice: &PartitionNotice) -> Option<OutputRecord> {
        None
    }
}

/// An event that concerns a whole partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartitionNotice {
    /// The records `[from, to)` of a topic were deleted before they were read.
    Gap {
        topic: Arc<str>,
        partition: i32,
        from: i64,
        to: i64,
    },
    /// The group has offsets but the state is lost. Detection starts from nothing at `offset_next`.
    ColdStart { partition: i32, offset_next: i64 },
    /// The partition was stopped.
    Stopped { partition: i32, reason: String },
    /// A partition of a raw input was stopped.
    RawStopped {
        topic: Arc<str>,
        partition: i32,
        reason: String,
    },
    /// A record is in another partition than its key's, and is moved there. Reported for the first
    /// one after the task was opened.
    RecordMoved {
        topic: Arc<str>,
        partition: i32,
        offset: i64,
        home: i32,
    },
    /// The program panicked on a record, or the broker refused what was made of it. It becomes a
    /// dead letter.
    RecordFailed {
        topic: Arc<str>,
        partition: i32,
        offset: i64,
        reason: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meta_reads_back_and_tells_newer_from_damaged() {
        let mut meta = PartitionMeta::new(3, 12);
        meta.set_offset_next(Input::Actions, 77);
        meta.previous_hash = [9; 32];
        let bytes = meta.to_bytes();
        assert_eq!(PartitionMeta::from_bytes(&bytes), Ok(meta.clone()));
        assert_eq!(meta.offset_next(Input::Actions), Some(77));
        assert_eq!(meta.offset_next(Input::Scopes), None);
        let mut newer = bytes.clone();
        newer[0] = META_FORMAT + 1;
        assert!(matches!(
            PartitionMeta::from_bytes(&newer),
            Err(MetaError::OtherFormat { .. })
        ));
        assert_eq!(
            PartitionMeta::from_bytes(&bytes[..9]),
            Err(MetaError::Damaged)
        );
        assert_eq!(PartitionMeta::from_bytes(&[]), Err(MetaError::Damaged));
    }
}
