//! What one transaction carries for the partitions of a worker.

use std::sync::atomic::Ordering;
use std::time::Instant;

use super::error::WorkerError;
use super::partition::{AssignedPartition, topic_partition};
use super::passed_offsets::ConsumerPositions;
use super::settings::WorkerOptions;
use super::stats::{WorkerStats, add};
use super::topics::Topics;
use crate::engine::contract::{OutputRecord, OutputTopic, PartitionCommit, PartitionTask};
use crate::event::Input;
use crate::kafka::{OutgoingRecord, TopicPartition, TransactionAbort, TransactionalProducer};
use crate::store::{META_KEY, PartitionBatch, Store, WriteBatch};
use crate::telemetry::wall_clock_ms;

/// The commits of the tasks, and what goes along with them.
#[derive(Default)]
pub(super) struct TransactionBatch {
    pub commits: Vec<PartitionCommit>,
    pub ticks: Vec<OutputRecord>,
    pub notices: Vec<OutputRecord>,
    /// The next offset of the actions of every partition in the batch, moved or not. Sent with a
    /// transaction, it proves that this member still owns the partition; without the proof a
    /// member could write to a partition that it has lost.
    pub offsets: Vec<(TopicPartition, i64)>,
}

/// What decides which work goes into a batch.
pub(super) struct CollectContext<'a> {
    pub options: &'a WorkerOptions,
    pub stats: &'a WorkerStats,
    pub positions: &'a ConsumerPositions,
    /// Partitions without work commit the offsets of transaction markers.
    pub markers_due: bool,
    pub now: Instant,
}

impl TransactionBatch {
    pub fn is_empty(&self) -> bool {
        self.commits.is_empty() && self.ticks.is_empty() && self.notices.is_empty()
    }

    /// Takes what the task of a partition has to commit, and its tick when one is due.
    pub fn add_partition<T: PartitionTask>(
        &mut self,
        partition: &mut AssignedPartition<T>,
        context: &CollectContext<'_>,
    ) {
        let (topics, positions) = (&context.options.topics, context.positions);
        let quiet = partition.is_quiet(context.options.tick_after, context.now);
        let (wall_ms, quiet_ms) = (wall_clock_ms(), partition.quiet_ms(context.now));
        // After a panic the partition takes no part: its work is done again.
        let taken = partition.run_task(|task| {
            let commit = task.take_commit();
            let tick = quiet.then(|| task.tick_record(wall_ms, quiet_ms));
            (commit, tick.flatten())
        });
        let Some((mut commit, tick)) = taken else {
            return;
        };
        match &mut commit {
            Some(commit) => partition.pass_over_markers(commit, topics, positions),
            // A tick writes the group's offset, and META has to agree with the group.
            None if context.markers_due || tick.is_some() => {
                commit = partition.offset_commit(topics, positions);
            }
            None => {}
        }
        if commit.is_none() && tick.is_none() {
            return;
        }
        if let Some(tick) = tick {
            partition.ticked_at = context.now;
            context.stats.ticks.fetch_add(1, Ordering::Relaxed);
            self.ticks.push(tick);
        }
        let moved = commit
            .as_ref()
            .and_then(|commit| commit.actions_offset_next);
        let next = moved.unwrap_or(partition.actions_next);
        if let Some(actions) = topic_partition(topics, Input::Actions, partition.number) {
            self.offsets.push((actions, next));
        }
        self.commits.extend(commit);
    }

    fn outputs(&self) -> impl Iterator<Item = &OutputRecord> {
        let of_tasks = self.commits.iter().flat_map(|commit| &commit.outputs);
        of_tasks.chain(&self.ticks).chain(&self.notices)
    }

    /// Step 2 of a transaction.
    pub fn send_outputs(
        &self,
        topics: &Topics,
        producer: &TransactionalProducer,
    ) -> Result<(), TransactionAbort> {
        for output in self.outputs() {
            producer.send_record(&OutgoingRecord {
                topic: topics.output(output.topic),
                partition: output.partition,
                key: output.key.as_deref(),
                value: output.value.as_deref(),
                headers: &output.headers,
            })?;
        }
        Ok(())
    }

    /// Step 4: for each partition the state that changed, and META after it, so that a reader of
    /// the changelog that has META has all of its state.
    pub fn send_state(
        &self,
        topics: &Topics,
        stats: &WorkerStats,
        producer: &TransactionalProducer,
    ) -> Result<usize, TransactionAbort> {
        let mut sent = 0;
        for commit in &self.commits {
            let meta = commit.meta.to_bytes();
            let state = commit
                .changelog
                .iter()
                .map(|(key, value)| (key.as_slice(), value.as_deref()));
            for (key, value) in state.chain([(META_KEY, Some(meta.as_slice()))]) {
                stats.count_changelog_bytes(key.len() + value.map_or(0, <[u8]>::len));
                producer.send_record(&OutgoingRecord {
                    topic: &topics.changelog,
                    partition: Some(commit.partition),
                    key: Some(key),
                    value,
                    headers: &[],
                })?;
                sent += 1;
            }
            add(&stats.changelog_records, commit.changelog.len() + 1);
        }
        Ok(sent)
    }

    /// Step 5: where the changelog of each partition goes on. The store keeps it with META; the
    /// changelog's own META cannot know it.
    pub fn note_state_offsets(
        &mut self,
        producer: &TransactionalProducer,
    ) -> Result<(), TransactionAbort> {
        for commit in &mut self.commits {
            let partition = commit.partition;
            let offset_last = producer.offset_last(partition).ok_or_else(|| {
                let reason = format!("no acknowledged offset of changelog partition {partition}");
                TransactionAbort::in_doubt("drain", reason)
            })?;
            commit.meta.changelog_next = offset_last + 1;
        }
        Ok(())
    }

    /// Step 8, first half: state and META of all partitions in one write.
    pub fn write_state(&self, store: &dyn Store) -> Result<(), WorkerError> {
        let partitions = self.commits.iter().map(|commit| PartitionBatch {
            partition: commit.partition,
            puts: commit.store_entries(),
            meta: commit.meta.to_bytes(),
        });
        let batch = WriteBatch {
            partitions: partitions.collect(),
        };
        if !batch.partitions.is_empty() {
            store.write(batch)?;
        }
        Ok(())
    }

    /// Whether it carries records that are moved to the partition of their key.
    pub fn moves_records(&self) -> bool {
        self.outputs()
            .any(|output| matches!(output.topic, OutputTopic::Input(_)))
    }

    /// Records of the second step, for the counter.
    pub fn output_count(&self) -> usize {
        self.outputs().count()
    }
}
