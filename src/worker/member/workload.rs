//! What a group member reads and writes: the part that differs between the actions and the raw
//! inputs.

use std::time::{Duration, Instant};

use super::back_off::reduced_limit;
use super::clients::GroupMember;
use crate::kafka::{
    BorrowedMessage, GroupConsumer, TopicPartition, TransactionAbort, TransactionalProducer,
};
use crate::worker::error::WorkerError;
use crate::worker::settings::{BATCH_BYTES_MAX, BATCH_RECORDS_MAX};

/// Partitions with their state, and the batch that a transaction makes of what was read.
///
/// A partition prepares (then it is paused), flows, or is removed. A workload resumes a partition
/// itself, from [`advance`](Workload::advance).
pub(in crate::worker) trait Workload {
    /// What one transaction carries.
    type Batch;

    /// Takes newly assigned partitions over, paused; says at which offset each is accepted.
    fn add_partitions(
        &mut self,
        partitions: &[TopicPartition],
    ) -> Result<Vec<(TopicPartition, i64)>, WorkerError>;

    /// Forgets partitions that were released, or lost to another member.
    fn remove_partitions(&mut self, partitions: &[TopicPartition], lost: bool);

    /// Drops the uncommitted work of all partitions and pauses them; each begins anew at `at` from
    /// what the group has committed.
    fn restart_partitions(&mut self, group: &GroupConsumer, at: Instant);

    /// The same for one partition, of which a record was skipped.
    fn restart_partition(&mut self, group: &GroupConsumer, of: &TopicPartition, at: Instant);

    /// Pauses the partitions that flow, or resumes them; their work is kept.
    fn set_flow(&mut self, group: &GroupConsumer, flowing: bool);

    /// Advances every partition that prepares until it must wait, and reads what consumers other
    /// than the group's have ready.
    fn advance(&mut self, member: &mut GroupMember) -> Result<(), WorkerError>;

    /// How long the next poll of the group may wait for a record.
    fn poll_wait(&mut self, member: &GroupMember) -> Duration;

    /// What was read and is not applied yet.
    fn unapplied(&self) -> BatchSize;

    /// Keeps a record of the group, unless its partition does not flow.
    fn receive_record(&mut self, message: &BorrowedMessage<'_>);

    /// Applies what was read.
    fn apply_records(&mut self, member: &GroupMember) -> Result<(), WorkerError>;

    /// Whether a commit should be made in this turn.
    fn commit_due(&mut self, member: &GroupMember) -> bool;

    /// Everything that is ready to be committed; `None` when there is nothing.
    fn collect_batch(&mut self, member: &GroupMember) -> Option<Self::Batch>;

    /// Hands the outputs of a batch to the producer.
    fn send_outputs(
        &mut self,
        batch: &mut Self::Batch,
        producer: &TransactionalProducer,
    ) -> Result<(), TransactionAbort>;

    /// Hands the changed state of a batch to the producer; returns how many records that were. A
    /// workload without state has none.
    fn send_state(
        &mut self,
        _batch: &Self::Batch,
        _producer: &TransactionalProducer,
    ) -> Result<usize, TransactionAbort> {
        Ok(0)
    }

    /// Notes the changelog offsets at which the state was acknowledged.
    fn note_state_offsets(
        &mut self,
        _batch: &mut Self::Batch,
        _producer: &TransactionalProducer,
    ) -> Result<(), TransactionAbort> {
        Ok(())
    }

    /// The next offset of each partition of the group that the batch commits.
    fn offsets(batch: &Self::Batch) -> &[(TopicPartition, i64)];

    /// The transaction with the batch is committed, `took` after it was begun.
    fn batch_committed(&mut self, batch: &Self::Batch, took: Duration) -> Result<(), WorkerError>;

    /// The transaction with the batch was aborted; [`Workload::restart_partitions`] follows.
    /// Returns whether the workload deals with a record that the broker refused: then its refusals
    /// do not end the process.
    fn batch_aborted(&mut self, batch: Self::Batch, abort: &TransactionAbort) -> bool;

    /// Drops the partitions and closes the workload's own clients; whether they closed in time.
    fn close(self, within: Duration) -> bool;
}

/// Records and bytes that were read, to bound them before they are applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::worker) struct BatchSize {
    pub records: usize,
    pub bytes: usize,
}

impl BatchSize {
    /// Whether more may be read. After aborts the limits are lower: see [`reduced_limit`].
    pub fn is_below_limits(&self, aborts: u32) -> bool {
        self.records < reduced_limit(BATCH_RECORDS_MAX, aborts)
            && self.bytes < reduced_limit(BATCH_BYTES_MAX, aborts)
    }

    pub fn add(&mut self, message: &BorrowedMessage<'_>) {
        self.records += 1;
        self.bytes += message.payload_len() + message.key_len();
    }
}
