//! What a worker asks of the state machine of one partition, and what the two exchange. The worker
//! knows Kafka and the store; the task knows records and state; neither knows the other's half.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::event::{Input, RecordPosition};
use crate::store::Store;

use super::outcome::{DeadLetter, TaskOutcome};

/// A record as it came from Kafka, owned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputRecord {
    pub input: Input,
    pub position: RecordPosition,
    /// The broker's stamp, epoch milliseconds.
    pub append_ms: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

/// The input's name in journals and metrics.
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

/// Where an output goes; the worker knows the names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OutputTopic {
    Alerts,
    Revocations,
    DeadLetter,
    Links,
    Audit,
}

/// A record to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputRecord {
    pub topic: OutputTopic,
    /// `None`: by the key, as the Java clients do.
    pub partition: Option<i32>,
    /// `None` only for a dead letter whose original had no key.
    pub key: Option<Vec<u8>>,
    /// `None` only for a dead letter whose original had no value.
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

/// How soon what a task holds has to be committed; the strongest of a worker's tasks counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum CommitUrgency {
    /// Nothing to commit.
    #[default]
    Idle,
    /// Within a second.
    Batch,
    /// Within 50 ms: an alert or a link.
    Alert,
    /// 20 ms after the last commit: a revocation request.
    Revocation,
}

/// What one transaction carries for one partition.
#[derive(Debug, Clone, PartialEq)]
pub struct PartitionCommit {
    pub partition: i32,
    /// What the records led to besides state. To be counted and logged once the transaction is
    /// through, and not before: what a failed one carries never happened.
    pub outcomes: Vec<TaskOutcome>,
    /// The same as records of the output topics.
    pub outputs: Vec<OutputRecord>,
    /// State by key; `None` deletes. Never holds META.
    pub changelog: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// Entries of the store only: indices that [`TaskFactory::local_entry`] rebuilds at a restore.
    pub local: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// The worker sets `changelog_next` from what was delivered, and raises offsets over what is no
    /// record, such as transaction markers.
    pub meta: PartitionMeta,
    /// Next offset of the actions, once one was applied.
    pub actions_offset_next: Option<i64>,
    pub urgency: CommitUrgency,
    /// Agents and tenants the task has in memory; `None` where the task was not asked.
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

    /// What the store takes: the state and the local entries, META apart.
    #[must_use]
    pub fn store_entries(&self) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
        self.changelog.iter().chain(&self.local).cloned().collect()
    }
}

/// The format of META that this version writes, and the newest it reads.
pub const META_FORMAT: u8 = 1;

/// Where a partition stands: the last record of a commit in the changelog, and stored with the
/// state in one batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionMeta {
    /// Version of the state machine that wrote it.
    pub core_version: u32,
    /// A key's partition depends on it, so a change makes the state useless until it is rekeyed.
    pub partition_count: u32,
    /// Next offset per input, in the order of [`Input::ALL`]; `None`: nothing applied yet.
    pub offsets_next: [Option<i64>; 5],
    /// Next offset of the changelog that the store does not hold yet. In the changelog itself it is
    /// one commit behind, for a record cannot know its own offset.
    pub changelog_next: i64,
    /// Stream time, epoch milliseconds.
    pub stream_ms: i64,
    /// Actions that wait for their scope, over all agents: they have a common bound.
    pub held: u64,
    /// Commits of this partition so far.
    pub sequence: u64,
    pub bundle_hash: [u8; 32],
    /// Hash of the META before.
    pub previous_hash: [u8; 32],
}

/// Why bytes are no META.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetaError {
    #[error("META has format {found}, written by a newer scopewatch; this one reads {newest}")]
    Newer { found: u8, newest: u8 },
    #[error("META is damaged")]
    Damaged,
}

impl PartitionMeta {
    /// The META of a partition in which nothing was applied.
    #[must_use]
    pub fn new(core_version: u32, partition_count: u32) -> Self {
        PartitionMeta {
            core_version,
            partition_count,
            offsets_next: [None; 5],
            changelog_next: 0,
            stream_ms: i64::MIN,
            held: 0,
            sequence: 0,
            bundle_hash: [0; 32],
            previous_hash: [0; 32],
        }
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

    /// Refuses state that was written with another number of partitions: agents would be looked for
    /// in partitions that do not have their state.
    ///
    /// # Errors
    /// The refusal, for the operator.
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

    /// One format byte and postcard.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        // Plain numbers and arrays cannot fail to serialise into a growing buffer.
        postcard::to_extend(self, vec![META_FORMAT]).unwrap_or_default()
    }

    /// # Errors
    /// [`MetaError::Newer`] when a later version wrote it, [`MetaError::Damaged`] otherwise.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, MetaError> {
        match bytes.split_first() {
            Some((&META_FORMAT, rest)) => {
                postcard::from_bytes(rest).map_err(|_| MetaError::Damaged)
            }
            Some((&found, _)) if found > META_FORMAT => Err(MetaError::Newer {
                found,
                newest: META_FORMAT,
            }),
            _ => Err(MetaError::Damaged),
        }
    }
}

/// Why a task could not go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TaskError {
    /// This input has to wait, for example for an unknown schema id; the record stays queued and
    /// [`PartitionTask::process_queued`] may be called again.
    #[error("{reason}")]
    Paused { input: Input, reason: String },
    /// The partition cannot go on; others can.
    #[error("{reason}")]
    Stopped { reason: String },
    /// The process cannot go on.
    #[error("{reason}")]
    Fatal { reason: String },
}

/// The state machine of one partition.
pub trait PartitionTask {
    /// Queues a record. Per input they come in order and without repeats.
    fn push(&mut self, record: InputRecord);

    /// Records queued and not applied.
    fn pending_records(&self) -> usize;

    /// Bytes of them.
    fn pending_bytes(&self) -> usize;

    /// Applies what is queued.
    ///
    /// # Errors
    /// See [`TaskError`].
    fn process_queued(&mut self, store: &dyn Store) -> Result<(), TaskError>;

    /// How soon [`PartitionTask::take_commit`] should be called.
    fn commit_urgency(&self) -> CommitUrgency;

    /// Bytes that a commit would write, about.
    fn dirty_bytes(&self) -> usize;

    /// Takes what a transaction must carry; `None` when there is nothing.
    fn take_commit(&mut self) -> Option<PartitionCommit>;

    /// Called once `commit` is committed and stored; continue from `commit.meta`. Also called for
    /// commits of offsets only, which the task did not make. After a failed transaction the worker
    /// drops the task and opens it again.
    fn confirm_commit(&mut self, commit: &PartitionCommit);

    /// The tick this task would like on its own partition of the links, if time must pass for it.
    fn tick_record(&self) -> Option<OutputRecord>;
}

/// Makes tasks.
pub trait TaskFactory: Send + Sync + 'static {
    type Task: PartitionTask;

    /// Opens the task of a restored partition: it reads META and its timers from the store.
    ///
    /// # Errors
    /// See [`TaskError`]; `Paused` counts as `Stopped`.
    fn open(&self, partition: i32, store: &dyn Store) -> Result<Self::Task, TaskError>;

    /// The store-only entry that belongs to a state entry, for a store that is rebuilt from the
    /// changelog.
    fn local_entry(&self, _key: &[u8], _value: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
        None
    }

    /// The audit record about something that happened to a partition.
    fn audit_record(&self, _notice: &PartitionNotice) -> Option<OutputRecord> {
        None
    }
}

/// What happened to a partition outside its records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartitionNotice {
    /// Records `[from, to)` of a topic were deleted before they were read.
    Gap {
        topic: Arc<str>,
        partition: i32,
        from: i64,
        to: i64,
    },
    /// The state was gone while the group had offsets: detection starts afresh at `offset_next`.
    ColdStart { partition: i32, offset_next: i64 },
    /// The partition was stopped.
    Stopped { partition: i32, reason: String },
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
            Err(MetaError::Newer { .. })
        ));
        assert_eq!(
            PartitionMeta::from_bytes(&bytes[..9]),
            Err(MetaError::Damaged)
        );
        assert_eq!(PartitionMeta::from_bytes(&[]), Err(MetaError::Damaged));
    }
}
