//! The workload of a worker: the actions, the other inputs, and the tasks of its partitions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::action_batch::{CollectContext, TransactionBatch};
use super::away_partitions::AwayPartitions;
use super::commit_pace::{CommitPace, UncommittedWork};
use super::error::WorkerError;
use super::member::{BatchSize, GroupMember, Workload};
use super::partition::{AssignedPartition, PartitionClients};
use super::passed_offsets::ConsumerPositions;
use super::records::input_record;
use super::refused_moves::RefusedMoves;
use super::restore::RestoreContext;
use super::settings::{MARKERS_EVERY, POLL_WAIT, WorkerOptions};
use super::stats::{WorkerStats, add};
use super::work_results::ResultContext;
use crate::engine::contract::{
    CommitUrgency, OutputRecord, PartitionMeta, PartitionTask, TaskFactory, input_name,
};
use crate::event::Input;
use crate::kafka::{
    BorrowedMessage, GroupConsumer, Message, PollResult, SideConsumer, TopicPartition,
    TransactionAbort, TransactionalProducer,
};
use crate::store::Store;
use crate::telemetry::wall_clock_ms;

/// A worker's partitions, with the consumer for everything that is not the actions.
pub(super) struct ActionWorkload<F: TaskFactory> {
    options: WorkerOptions,
    factory: Arc<F>,
    store: Arc<dyn Store>,
    stats: Arc<WorkerStats>,
    away: Arc<AwayPartitions>,
    side: SideConsumer,
    partitions: BTreeMap<i32, AssignedPartition<F::Task>>,
    /// Audit records about partitions, for the next transaction.
    notices: Vec<OutputRecord>,
    pace: CommitPace,
    moves: RefusedMoves,
    /// When a commit of nothing but offsets was last considered, and whether one is due.
    markers_at: Instant,
    markers_due: bool,
    /// Records given to tasks since the last commit.
    uncommitted: u64,
    /// How many of them the tasks had applied when the time of a batch was last measured.
    measured: u64,
    /// What was read from the group in this turn.
    unapplied: BatchSize,
    /// What of it was given to tasks.
    accepted: BatchSize,
}

impl<F: TaskFactory> ActionWorkload<F> {
    pub fn new(
        options: WorkerOptions,
        factory: Arc<F>,
        store: Arc<dyn Store>,
        stats: Arc<WorkerStats>,
        away: Arc<AwayPartitions>,
    ) -> Result<Self, WorkerError> {
        let name = format!("side-{}", options.worker);
        let side = SideConsumer::new(&options.kafka.side_consumer(&name))?;
        let now = Instant::now();
        Ok(ActionWorkload {
            options,
            factory,
            store,
            stats,
            away,
            side,
            partitions: BTreeMap::new(),
            notices: Vec::new(),
            pace: CommitPace::new(now),
            moves: RefusedMoves::default(),
            markers_at: now,
            markers_due: false,
            uncommitted: 0,
            measured: 0,
            unapplied: BatchSize::default(),
            accepted: BatchSize::default(),
        })
    }

    /// Advances every restore until it must wait.
    fn advance_restores(&mut self, member: &GroupMember) -> Result<(), WorkerError> {
        let mut context = RestoreContext {
            options: &self.options,
            factory: &*self.factory,
            store: &*self.store,
            lookup: &member.lookup,
            clients: clients(&self.options, &member.group, &self.side),
            stats: &self.stats,
            notices: &mut self.notices,
            now: Instant::now(),
        };
        for partition in self.partitions.values_mut() {
            // Step by step until a step has to wait for a reply or for records.
            while super::restore::advance(partition, &mut context)? {}
            self.stats
                .show_partition(partition.number, partition.view(self.options.worker));
        }
        Ok(())
    }

    /// Reads what the other inputs and the changelog have ready.
    fn read_side(&mut self, member: &mut GroupMember) -> Result<(), WorkerError> {
        let mut read = BatchSize::default();
        // Never waits, and is bounded: the group is polled next, and it expels a member that does
        // not poll. A restore of many gigabytes goes on over many turns.
        while read.is_below_limits(member.aborts) {
            match self.side.poll(Duration::ZERO) {
                PollResult::Record(message) => {
                    read.add(&message);
                    let partition = self.partitions.get_mut(&message.partition());
                    let Some(partition) = partition else { continue };
                    if message.topic() == &*self.options.topics.changelog {
                        let indexer =
                            |key: &[u8], value: &[u8]| self.factory.local_entry(key, value);
                        partition.restore_entry(&message, &*self.store, &self.stats, &indexer)?;
                    } else if receive_input(&self.options, &self.stats, partition, &message) {
                        self.uncommitted += 1;
                    }
                }
                PollResult::Nothing => break,
                PollResult::OutOfRange => {
                    member.out_of_range = true;
                    break;
                }
                PollResult::Trouble => {}
                PollResult::Fatal(reason) => {
                    return Err(WorkerError::Consumer {
                        client: "the side inputs".into(),
                        reason,
                    });
                }
            }
        }
        Ok(())
    }

    /// The time until the next commit is due; `None` when nothing waits for one.
    fn commit_due_in(&mut self, aborts: u32, now: Instant) -> Option<Duration> {
        let mut work = UncommittedWork {
            records: self.uncommitted,
            aborts,
            ..UncommittedWork::default()
        };
        // The most urgent task decides for all, because one transaction carries all.
        for partition in self.partitions.values() {
            let Some(task) = partition.task() else {
                continue;
            };
            let urgency = task.commit_urgency();
            work.urgency = work.urgency.max(urgency);
            work.dirty_bytes += task.dirty_bytes();
            // The next piece of a search waits for the commit of the last one.
            work.full |= partition.search.is_active() && urgency > CommitUrgency::Idle;
        }
        if !self.notices.is_empty() {
            work.urgency = work.urgency.max(CommitUrgency::Batch);
        }
        self.pace.due_in(&work, now)
    }

    /// Whether a quiet partition has something that waits for time to pass. Time comes from
    /// records, so the worker writes a record, the tick, whose append time moves the partition on.
    fn tick_due(&self, now: Instant) -> bool {
        self.partitions.values().any(|partition| {
            partition.is_quiet(self.options.tick_after, now)
                && partition.task().is_some_and(|task| {
                    let quiet_ms = partition.quiet_ms(now);
                    task.tick_record(wall_clock_ms(), quiet_ms).is_some()
                })
        })
    }

    /// Whether a commit of nothing but passed-over offsets is due.
    fn markers_due(&mut self, group: &GroupConsumer, now: Instant) -> bool {
        // Rarely, because the client has to be asked for the positions of all partitions.
        if now.saturating_duration_since(self.markers_at) < MARKERS_EVERY {
            return false;
        }
        self.markers_at = now;
        let positions = ConsumerPositions::of(group, &self.side);
        let topics = &self.options.topics;
        self.markers_due = self
            .partitions
            .values()
            .any(|partition| partition.offset_commit(topics, &positions).is_some());
        self.markers_due
    }

    /// Takes from every task what it has, and the ticks that are due.
    fn collect_from_tasks(&mut self, group: &GroupConsumer, now: Instant) -> TransactionBatch {
        let mut batch = TransactionBatch {
            notices: std::mem::take(&mut self.notices),
            ..TransactionBatch::default()
        };
        let positions = ConsumerPositions::of(group, &self.side);
        let context = CollectContext {
            options: &self.options,
            stats: &self.stats,
            positions: &positions,
            markers_due: std::mem::take(&mut self.markers_due),
            now,
        };
        // One transaction for all partitions: what a commit costs, it costs per transaction.
        for partition in self.partitions.values_mut() {
            batch.add_partition(partition, &context);
        }
        batch
    }
}

impl<F: TaskFactory> Workload for ActionWorkload<F> {
    type Batch = TransactionBatch;

    fn add_partitions(
        &mut self,
        partitions: &[TopicPartition],
    ) -> Result<Vec<(TopicPartition, i64)>, WorkerError> {
        let now = Instant::now();
        let mut starts = Vec::with_capacity(partitions.len());
        for assigned in partitions {
            let number = assigned.partition;
            self.away
                .open_for(self.options.worker, number, &*self.store)?;
            let meta = self
                .store
                .meta(number)?
                .and_then(|bytes| PartitionMeta::from_bytes(&bytes).ok());
            // A guess, for the partition is paused: the restore moves it to the committed offset.
            let start = meta.and_then(|meta| meta.offset_next(Input::Actions));
            starts.push((assigned.clone(), start.unwrap_or(0)));
            let before = self
                .partitions
                .insert(number, AssignedPartition::new(number, now));
            if let Some(mut before) = before {
                before.leave_side_inputs(&self.side);
            }
        }
        self.stats
            .emit_assignment(self.options.worker, &numbers(partitions));
        Ok(starts)
    }

    fn remove_partitions(&mut self, partitions: &[TopicPartition], lost: bool) {
        let mut removed = Vec::with_capacity(partitions.len());
        for number in numbers(partitions) {
            if let Some(mut partition) = self.partitions.remove(&number) {
                partition.leave_side_inputs(&self.side);
                self.stats.hide_partition(number, self.options.worker);
                self.away.note_released(self.options.worker, number);
                removed.push(number);
            }
        }
        self.stats.emit_removal(self.options.worker, &removed, lost);
    }

    fn restart_partitions(&mut self, group: &GroupConsumer, at: Instant) {
        let clients = clients(&self.options, group, &self.side);
        for partition in self.partitions.values_mut() {
            if partition.task().is_some() {
                partition.restart(&clients, at);
            }
        }
        self.uncommitted = 0;
        self.measured = 0;
    }

    fn restart_partition(&mut self, group: &GroupConsumer, of: &TopicPartition, at: Instant) {
        let clients = clients(&self.options, group, &self.side);
        if let Some(partition) = self.partitions.get_mut(&of.partition)
            && partition.task().is_some()
        {
            partition.restart(&clients, at);
        }
    }

    fn set_flow(&mut self, group: &GroupConsumer, flowing: bool) {
        let clients = clients(&self.options, group, &self.side);
        for partition in self.partitions.values() {
            partition.set_actions_flow(flowing, &clients);
        }
    }

    fn advance(&mut self, member: &mut GroupMember) -> Result<(), WorkerError> {
        self.away.sweep(&*self.store, Instant::now())?;
        self.advance_restores(member)?;
        self.read_side(member)
    }

    fn poll_wait(&mut self, member: &GroupMember) -> Duration {
        self.commit_due_in(member.aborts, Instant::now())
            .map_or(POLL_WAIT, |due| due.min(POLL_WAIT))
    }

    fn unapplied(&self) -> BatchSize {
        self.unapplied
    }

    fn receive_record(&mut self, message: &BorrowedMessage<'_>) {
        // Counted even if it is dropped below: reading it took time, and the turn is bounded.
        self.unapplied.add(message);
        let Some(partition) = self.partitions.get_mut(&message.partition()) else {
            return;
        };
        let record = input_record(message, Input::Actions, &self.options.topics.actions);
        if partition.push_record(record, Instant::now()) {
            self.uncommitted += 1;
            self.accepted.records += 1;
            self.accepted.bytes += message.payload_len();
        }
    }

    fn apply_records(&mut self, member: &GroupMember) -> Result<(), WorkerError> {
        self.unapplied = BatchSize::default();
        // Counted once a batch: the counters are behind a lock that all workers share.
        let accepted = std::mem::take(&mut self.accepted);
        add(&self.stats.records, accepted.records);
        self.stats
            .count_read("actions", accepted.records, accepted.bytes);
        let now = Instant::now();
        let mut context = ResultContext {
            factory: &*self.factory,
            clients: clients(&self.options, &member.group, &self.side),
            stats: &self.stats,
            notices: &mut self.notices,
            now,
        };
        // A partition that stops or waits does not affect the others: their agents are judged on.
        for partition in self.partitions.values_mut() {
            let was_paused = partition.paused_reason.is_some();
            let result = partition.process_records(&*self.store, self.options.schema_within, now);
            context.handle_result(partition, result, was_paused)?;
        }
        if self.uncommitted > self.measured {
            self.measured = self.uncommitted;
            self.stats.record_batch_time(now.elapsed());
        }
        Ok(())
    }

    fn commit_due(&mut self, member: &GroupMember) -> bool {
        let now = Instant::now();
        self.commit_due_in(member.aborts, now) == Some(Duration::ZERO)
            || self.tick_due(now)
            || self.markers_due(&member.group, now)
    }

    fn collect_batch(&mut self, member: &GroupMember) -> Option<TransactionBatch> {
        let now = Instant::now();
        let batch = self.collect_from_tasks(&member.group, now);
        if batch.is_empty() {
            self.pace.note_commit(now);
            return None;
        }
        Some(batch)
    }

    fn send_outputs(
        &mut self,
        batch: &mut TransactionBatch,
        producer: &TransactionalProducer,
    ) -> Result<(), TransactionAbort> {
        batch.send_outputs(&self.options.topics, producer)
    }

    fn send_state(
        &mut self,
        batch: &TransactionBatch,
        producer: &TransactionalProducer,
    ) -> Result<usize, TransactionAbort> {
        batch.send_state(&self.options.topics, &self.stats, producer)
    }

    fn note_state_offsets(
        &mut self,
        batch: &mut TransactionBatch,
        producer: &TransactionalProducer,
    ) -> Result<(), TransactionAbort> {
        batch.note_state_offsets(producer)
    }

    fn offsets(batch: &TransactionBatch) -> &[(TopicPartition, i64)] {
        &batch.offsets
    }

    fn batch_committed(
        &mut self,
        batch: &TransactionBatch,
        took: Duration,
    ) -> Result<(), WorkerError> {
        if self.moves.note_commit(batch, Instant::now()) {
            self.factory.set_moving(true);
        }
        add(&self.stats.outputs, batch.output_count());
        self.stats.record_commit(took);
        // Only now: state in the store or in a task that the changelog does not have could not be
        // restored by the next member.
        batch.write_state(&*self.store)?;
        for commit in &batch.commits {
            self.stats.emit_signals(commit);
            if let Some(partition) = self.partitions.get_mut(&commit.partition) {
                partition.settle_commit(commit);
            }
        }
        self.uncommitted = 0;
        self.measured = 0;
        self.pace.note_commit(Instant::now());
        Ok(())
    }

    fn batch_aborted(&mut self, batch: TransactionBatch, abort: &TransactionAbort) -> bool {
        let forbidden = self.moves.note_abort(&batch, abort, Instant::now());
        if forbidden {
            self.factory.set_moving(false);
        }
        // The tasks are opened anew and find their work again in Kafka. Only the notices exist
        // nowhere else.
        self.notices = batch.notices;
        forbidden
    }

    fn close(self, within: Duration) -> bool {
        for number in self.partitions.keys() {
            self.stats.hide_partition(*number, self.options.worker);
        }
        drop(self.partitions);
        self.side.close(within)
    }
}

fn clients<'a>(
    options: &'a WorkerOptions,
    group: &'a GroupConsumer,
    side: &'a SideConsumer,
) -> PartitionClients<'a> {
    PartitionClients {
        topics: &options.topics,
        group,
        side,
    }
}

fn numbers(partitions: &[TopicPartition]) -> Vec<i32> {
    partitions.iter().map(|of| of.partition).collect()
}

/// Gives a record of another input than the actions to its task; whether the task took it.
fn receive_input<T: PartitionTask>(
    options: &WorkerOptions,
    stats: &WorkerStats,
    partition: &mut AssignedPartition<T>,
    message: &BorrowedMessage<'_>,
) -> bool {
    let topics = &options.topics;
    let Some(input) = topics.input_named(message.topic()) else {
        return false;
    };
    let Some(topic) = topics.input(input) else {
        return false;
    };
    let accepted = partition.push_record(input_record(message, input, topic), Instant::now());
    if accepted {
        add(&stats.records, 1);
        stats.count_read(input_name(input), 1, message.payload_len());
    }
    accepted
}
