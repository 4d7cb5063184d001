//! Raw inputs: foreign records are read, mapped, and written to the topic of the actions or of the
//! backfill, in transactions with their own offsets.
//!
//! There is no state here, so any doubt ends in the same way: what was read and not committed is
//! dropped, and each partition is moved to what the group has committed. Until then its records are
//! dropped, whoever polls them.
//!
//! A partition that cannot go on stops alone: records were deleted before they were read, the
//! broker refuses what is made of a record, or a mapping panics again and again. Health, metrics
//! and audit say so.

mod mapping;
mod partition;

pub use mapping::{MappedRecord, RawInput, RecordMapper};

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use self::mapping::{MappingCounts, RawMappings};
use self::partition::RawPartition;
use super::error::WorkerError;
use super::member::{BatchSize, GroupMember, Workload};
use super::panics::PanicCauses;
use super::record_search::{Failure, LogPartition, RecordSearch, SearchResult};
use super::records::input_record;
use super::settings::MARKERS_EVERY;
use super::stats::WorkerStats;
use super::topics::Topics;
use super::work_results::found_record;
use crate::engine::contract::{InputRecord, OutputRecord, PartitionNotice};
use crate::event::Input;
use crate::kafka::{
    BorrowedMessage, GroupConsumer, Message, OutgoingRecord, TopicPartition, TransactionAbort,
    TransactionalProducer,
};
use crate::telemetry::{RawPartitionStopped, ResetIncomplete};

/// Least time between two commits, unless a batch is full.
const COMMIT_EVERY: Duration = Duration::from_millis(100);
/// Longest wait for a record while there is nothing to commit.
const IDLE_POLL_WAIT: Duration = Duration::from_millis(50);
/// Longest wait for a further record while there is something to commit.
const BATCH_POLL_WAIT: Duration = Duration::from_millis(5);

/// The workload of the member that reads all raw inputs.
pub(super) struct RawWorkload {
    mappings: RawMappings,
    stats: Arc<WorkerStats>,
    partitions: BTreeMap<TopicPartition, RawPartition>,
    /// What was read and is not committed.
    records: Vec<InputRecord>,
    size: BatchSize,
    committed_at: Instant,
    markers_at: Instant,
    /// Finds a record of which the broker refuses what was made.
    search: RecordSearch,
    /// Panics of mappings, by partition.
    panics: BTreeMap<TopicPartition, PanicCauses>,
    audit: NoticeEncoder,
    /// Audit records about partitions, for the next transaction.
    notices: Vec<OutputRecord>,
    /// Stopped partitions that still have to be paused.
    unpaused: Vec<TopicPartition>,
}

/// Makes the audit record of an event that concerns a whole partition.
pub(super) type NoticeEncoder = Box<dyn Fn(&PartitionNotice) -> Option<OutputRecord> + Send>;

/// What one transaction carries.
pub(super) struct RawBatch {
    records: Vec<InputRecord>,
    offsets: Vec<(TopicPartition, i64)>,
    notices: Vec<OutputRecord>,
    mapped: MappingCounts,
}

impl RawWorkload {
    pub fn new(
        topics: Topics,
        inputs: Vec<RawInput>,
        stats: Arc<WorkerStats>,
        audit: NoticeEncoder,
    ) -> Self {
        let inputs = inputs
            .into_iter()
            .map(|input| (Arc::clone(&input.topic), input))
            .collect();
        let now = Instant::now();
        RawWorkload {
            mappings: RawMappings {
                topics,
                inputs,
                stats: Arc::clone(&stats),
            },
            stats,
            partitions: BTreeMap::new(),
            records: Vec::new(),
            size: BatchSize::default(),
            committed_at: now,
            markers_at: now,
            search: RecordSearch::default(),
            panics: BTreeMap::new(),
            audit,
            notices: Vec::new(),
            unpaused: Vec::new(),
        }
    }

    /// Reports that a partition has stopped.
    fn report_stop(&mut self, of: &TopicPartition, reason: &str) {
        RawPartitionStopped {
            topic: &of.topic,
            partition: of.partition,
            reason,
        }
        .emit(&self.stats.metrics);
        self.stats.set_raw_stopped(of, Some(reason.to_owned()));
        let notice = PartitionNotice::RawStopped {
            topic: of.topic.as_str().into(),
            partition: of.partition,
            reason: reason.to_owned(),
        };
        self.notices.extend((self.audit)(&notice));
    }

    fn stop_partition(&mut self, of: &TopicPartition, reason: String) {
        self.drop_records(of);
        self.report_stop(of, &reason);
        self.unpaused.push(of.clone());
        self.partitions
            .insert(of.clone(), RawPartition::Stopped(reason));
    }

    /// The next offset of each partition that flows, with the committed one. Every record below a
    /// position is in the batch or committed, or waits in the search. A position counts transaction
    /// markers too: a log that ends in one may lose all its records.
    fn next_offsets(&self, group: &GroupConsumer) -> Vec<(TopicPartition, i64, i64)> {
        let positions = group.positions();
        // The first record of each partition that waits for its piece.
        let mut waiting = BTreeMap::new();
        for record in self.search.waiting() {
            let position = &record.position;
            let of = TopicPartition::new(&position.topic, position.partition);
            waiting.entry(of).or_insert(position.offset);
        }
        let flowing = self.partitions.iter().filter_map(|(of, state)| {
            let committed = state.committed_next()?;
            let position = positions.get(of).copied().unwrap_or(committed);
            let next = waiting
                .get(of)
                .map_or(position, |first| position.min(*first));
            Some((of.clone(), next.max(committed), committed))
        });
        flowing.collect()
    }

    /// Drops the uncommitted records of a partition.
    fn drop_records(&mut self, of: &TopicPartition) {
        self.records.retain(|record| {
            *record.position.topic != *of.topic || record.position.partition != of.partition
        });
        self.search.drop_records(&of.topic, of.partition);
    }
}

impl Workload for RawWorkload {
    type Batch = RawBatch;

    fn add_partitions(
        &mut self,
        partitions: &[TopicPartition],
    ) -> Result<Vec<(TopicPartition, i64)>, WorkerError> {
        let now = Instant::now();
        for of in partitions {
            self.partitions
                .insert(of.clone(), RawPartition::starting(now));
        }
        // The partitions are paused until they are moved, so the offset does not matter yet.
        Ok(partitions.iter().map(|of| (of.clone(), 0)).collect())
    }

    fn remove_partitions(&mut self, partitions: &[TopicPartition], _lost: bool) {
        for of in partitions {
            self.partitions.remove(of);
            self.panics.remove(of);
            self.stats.set_raw_stopped(of, None);
            self.drop_records(of);
            self.search.forget_log(&of.topic, of.partition);
        }
    }

    fn restart_partitions(&mut self, group: &GroupConsumer, at: Instant) {
        self.records.clear();
        self.search.restart();
        self.size = BatchSize::default();
        for (of, state) in &mut self.partitions {
            pause_for_restart(group, of);
            if state.stop_reason().is_none() {
                *state = RawPartition::starting(at);
            }
        }
    }

    fn restart_partition(&mut self, group: &GroupConsumer, of: &TopicPartition, at: Instant) {
        // Its uncommitted records are read again, so the batch must not carry them.
        self.drop_records(of);
        if let Some(state) = self.partitions.get_mut(of) {
            pause_for_restart(group, of);
            if state.stop_reason().is_none() {
                *state = RawPartition::starting(at);
            }
        }
    }

    fn set_flow(&mut self, group: &GroupConsumer, flowing: bool) {
        let flows =
            |(_, state): &(&TopicPartition, &RawPartition)| state.committed_next().is_some();
        for (of, _) in self.partitions.iter().filter(flows) {
            let result = if flowing {
                group.resume(of)
            } else {
                group.pause(of)
            };
            if let Err(error) = result {
                report_incomplete(of, &error.to_string());
            }
        }
    }

    fn advance(&mut self, member: &mut GroupMember) -> Result<(), WorkerError> {
        let now = Instant::now();
        for of in self.unpaused.drain(..) {
            pause_for_restart(&member.group, &of);
        }
        let mut stopped = Vec::new();
        for (of, state) in &mut self.partitions {
            if state.stop_reason().is_some() {
                continue;
            }
            let before = std::mem::replace(state, RawPartition::starting(now));
            *state = before.advance(of, member, now);
            let reason = state.stop_reason();
            stopped.extend(reason.map(|reason| (of.clone(), reason.to_owned())));
        }
        for (of, reason) in stopped {
            self.report_stop(&of, &reason);
        }
        Ok(())
    }

    fn poll_wait(&mut self, _member: &GroupMember) -> Duration {
        if self.search.waiting().len() > 0 {
            Duration::ZERO
        } else if self.records.is_empty() {
            IDLE_POLL_WAIT
        } else {
            BATCH_POLL_WAIT
        }
    }

    fn unapplied(&self) -> BatchSize {
        self.size
    }

    fn receive_record(&mut self, message: &BorrowedMessage<'_>) {
        let of = TopicPartition::new(message.topic(), message.partition());
        let flows = self
            .partitions
            .get(&of)
            .is_some_and(|state| state.committed_next().is_some());
        if let Some((topic, _)) = self.mappings.inputs.get_key_value(message.topic())
            && flows
        {
            self.size.add(message);
            self.stats.count_read("raw", 1, message.payload_len());
            let record = input_record(message, Input::Actions, topic);
            self.records.extend(self.search.admit(record));
        }
    }

    /// Records are mapped when their batch is sent: there is nothing to apply before.
    fn apply_records(&mut self, _member: &GroupMember) -> Result<(), WorkerError> {
        Ok(())
    }

    fn commit_due(&mut self, member: &GroupMember) -> bool {
        !self.unapplied().is_below_limits(member.aborts)
            || self.search.waiting().len() > 0
            || self.committed_at.elapsed() >= COMMIT_EVERY
    }

    fn collect_batch(&mut self, member: &GroupMember) -> Option<RawBatch> {
        let now = Instant::now();
        self.committed_at = now;
        self.records.extend(self.search.next_piece());
        let mut offsets = self.next_offsets(&member.group);
        if self.records.is_empty() && self.notices.is_empty() {
            // Nothing but transaction markers was read. They are committed now and then.
            let due = now.saturating_duration_since(self.markers_at) >= MARKERS_EVERY;
            offsets.retain(|(_, next, committed)| next > committed);
            if !due || offsets.is_empty() || member.producer.is_suspect() {
                return None;
            }
        }
        self.markers_at = now;
        self.size = BatchSize {
            records: self.search.waiting().len(),
            bytes: self.search.waiting_bytes(),
        };
        Some(RawBatch {
            records: std::mem::take(&mut self.records),
            offsets: offsets
                .into_iter()
                .map(|(of, next, _)| (of, next))
                .collect(),
            notices: std::mem::take(&mut self.notices),
            mapped: MappingCounts::default(),
        })
    }

    fn send_outputs(
        &mut self,
        batch: &mut RawBatch,
        producer: &TransactionalProducer,
    ) -> Result<(), TransactionAbort> {
        for record in &batch.records {
            let counts = &mut batch.mapped;
            match self.search.rejection_of(record) {
                Some(rejection) => {
                    self.mappings
                        .send_rejected(record, rejection, counts, producer)?;
                }
                None => self.mappings.send_mapped(record, counts, producer)?,
            }
        }
        for notice in &batch.notices {
            producer.send_record(&OutgoingRecord {
                topic: self.mappings.topics.output(notice.topic),
                partition: notice.partition,
                key: notice.key.as_deref(),
                value: notice.value.as_deref(),
                headers: &notice.headers,
            })?;
        }
        Ok(())
    }

    fn offsets(batch: &RawBatch) -> &[(TopicPartition, i64)] {
        &batch.offsets
    }

    fn batch_committed(&mut self, batch: &RawBatch, _took: Duration) -> Result<(), WorkerError> {
        for (of, next) in &batch.offsets {
            self.partitions
                .insert(of.clone(), RawPartition::Flowing { next: *next });
        }
        let stats = &self.stats;
        let records = u64::try_from(batch.records.len()).unwrap_or(u64::MAX);
        stats.raw_records.fetch_add(records, Ordering::Relaxed);
        stats
            .raw_skipped
            .fetch_add(batch.mapped.skipped, Ordering::Relaxed);
        stats
            .raw_dead
            .fetch_add(batch.mapped.dead, Ordering::Relaxed);
        stats.metrics.transactions.add("committed", 1);
        self.search.end_piece();
        let now = Instant::now();
        for notice in &batch.mapped.failed {
            self.notices.extend((self.audit)(notice));
        }
        for (of, reason) in &batch.mapped.panicked {
            if !self.panics.entry(of.clone()).or_default().note_cause(now) {
                let reason = format!(
                    "the mapping failed again and again, at last with `{reason}`; report this error"
                );
                self.stop_partition(of, reason);
            }
        }
        Ok(())
    }

    /// The records are read again from the committed offsets.
    fn batch_aborted(&mut self, batch: RawBatch, abort: &TransactionAbort) -> bool {
        self.notices = batch.notices;
        let Some(refused) = &abort.refused else {
            return false;
        };
        if batch.records.is_empty() {
            return false;
        }
        let failure = Failure::Refusal {
            by_content: is_content_refused(&refused.code),
            reason: format!("{}: {}", refused.topic, refused.code),
        };
        let suspects = next_by_log(&batch.records);
        match self.search.note_failure(&failure, suspects, Instant::now()) {
            SearchResult::Search => true,
            SearchResult::Found((topic, partition), offset) => {
                let notice = found_record(topic, partition, offset, failure.reason());
                self.notices.extend((self.audit)(&notice));
                true
            }
            SearchResult::Stop(None) => false,
            SearchResult::Stop(Some(((topic, partition), offset))) => {
                let reason = format!(
                    "the broker refused again and again what was made of the record at offset \
                     {offset}: {}",
                    failure.reason()
                );
                self.stop_partition(&TopicPartition::new(&topic, partition), reason);
                true
            }
        }
    }

    /// The group's consumer is the only one, and the member closes it.
    fn close(self, _within: Duration) -> bool {
        true
    }
}

/// The next offset, by log, after these records.
fn next_by_log(records: &[InputRecord]) -> BTreeMap<LogPartition, i64> {
    let each = records.iter().map(|record| {
        let position = &record.position;
        let log = (Arc::clone(&position.topic), position.partition);
        (log, position.offset + 1)
    });
    each.collect()
}

/// Whether the broker refused a record for what is in it. Only then the others can be written by
/// leaving it out.
fn is_content_refused(code: &str) -> bool {
    matches!(
        code,
        "MessageSizeTooLarge" | "InvalidMessageSize" | "MessageBatchTooLarge" | "InvalidRecord"
    )
}

fn pause_for_restart(group: &GroupConsumer, of: &TopicPartition) {
    if let Err(error) = group.pause(of) {
        report_incomplete(of, &error.to_string());
    }
}

fn report_incomplete(of: &TopicPartition, error: &str) {
    ResetIncomplete {
        partition: of.partition,
        error,
    }
    .emit();
}
