//! One worker: a thread with its Kafka clients and the tasks of its partitions.
//!
//! One turn: answer the group, take restores a step on, read a batch, let the tasks apply it,
//! commit when it is time. Everything happens on this thread, so nothing can change hands between
//! two lines of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::assignment::{Life, Partition, Worked};
use super::back_off;
use super::error::WorkerError;
use super::fences::Fences;
use super::index::Indexer;
use super::pace::{Pace, Waiting};
use super::records::input_record;
use super::refusals::Refusals;
use super::restore::Tools;
use super::settings::{BATCH_BYTES_MAX, BATCH_RECORDS_MAX, Delivery, POLL_WAIT, WorkerOptions};
use super::stats::{Stats, add};
use super::supervisor::Stop;
use crate::engine::contract::{Output, Task, TaskFactory, Urgency, input_name};
use crate::kafka::{
    BorrowedMessage, GroupConsumer, Message, OffsetLookup, PollResult, SideConsumer,
    TransactionalProducer,
};
use crate::store::Store;
use crate::telemetry::{
    ConsumerAbandoned, InputPaused, PartitionStopped, PositionOutOfRange, ProducerRetried,
};

/// Time for each of the two consumers to close.
const CLOSE_WITHIN: Duration = Duration::from_secs(3);

/// See the module.
pub(super) struct Worker<F: TaskFactory> {
    pub(super) options: WorkerOptions,
    pub(super) factory: Arc<F>,
    pub(super) store: Arc<dyn Store>,
    pub(super) stats: Arc<Stats>,
    pub(super) stop: Stop,
    pub(super) lookup: OffsetLookup,
    pub(super) group: GroupConsumer,
    pub(super) side: SideConsumer,
    pub(super) producer: TransactionalProducer,
    pub(super) partitions: BTreeMap<i32, Partition<F::Task>>,
    /// Records about partitions that the next transaction takes along.
    pub(super) notices: Vec<Output>,
    pub(super) pace: Pace,
    pub(super) fences: Fences,
    /// Transactions given up one after the other.
    pub(super) aborts: u32,
    pub(super) refusals: Refusals,
    /// The group's consumer met a gap while nobody could look into it.
    pub(super) out_of_range: bool,
    /// When markers were last looked for, and whether the next commit is to pass over them.
    pub(super) markers_at: Instant,
    pub(super) markers_due: bool,
    /// Records handed to tasks since the last commit.
    pub(super) uncommitted: u64,
}

impl<F: TaskFactory> Worker<F> {
    /// Makes the clients. The producer comes first, so that a predecessor's open transaction is
    /// over before anything is read; the group is joined last.
    pub fn open(
        options: WorkerOptions,
        factory: Arc<F>,
        store: Arc<dyn Store>,
        stats: Arc<Stats>,
        stop: Stop,
        lookup: OffsetLookup,
    ) -> Result<Self, WorkerError> {
        let (kafka, n) = (&options.kafka, options.worker.to_string());
        let config = match options.delivery {
            Delivery::ExactlyOnce => kafka.transactional_producer(&n),
            Delivery::AtLeastOnce => kafka.idempotent_producer(&n),
        };
        let timeout = Duration::from_millis(kafka.transaction_timeout_ms());
        let mut producer = TransactionalProducer::new(config, &options.topics.changelog, timeout);
        producer.rebuild_client(&mut |trouble| {
            stats.beat(options.worker);
            if let Some(trouble) = trouble {
                ProducerRetried {
                    worker: &n,
                    error: trouble,
                }
                .emit();
            }
            if stop.requested() {
                std::ops::ControlFlow::Break(())
            } else {
                std::ops::ControlFlow::Continue(())
            }
        })?;
        let side = SideConsumer::new(&kafka.side_consumer(&format!("side-{n}")))?;
        let config = kafka.group_consumer(&kafka.group_id, &n);
        let group = GroupConsumer::subscribe(&config, &[&options.topics.actions])?;
        let now = Instant::now();
        Ok(Worker {
            factory,
            store,
            stats,
            stop,
            lookup,
            group,
            side,
            producer,
            partitions: BTreeMap::new(),
            notices: Vec::new(),
            pace: Pace::new(now),
            fences: Fences::new(now),
            aborts: 0,
            refusals: Refusals::default(),
            out_of_range: false,
            markers_at: now,
            markers_due: false,
            uncommitted: 0,
            options,
        })
    }

    /// Works until it is told to stop, then commits what is done and closes.
    pub fn run(mut self) -> Result<(), WorkerError> {
        let done = self.work_until_stopped();
        for number in self.partitions.keys() {
            self.stats.hide(*number, self.options.worker);
        }
        // Even a worker that failed leaves cleanly; what it did not commit never happened.
        self.producer.discard_client();
        let number = self.options.worker.to_string();
        let Worker {
            group,
            side,
            partitions,
            ..
        } = self;
        drop(partitions);
        let closed = group.close(CLOSE_WITHIN) & side.close(CLOSE_WITHIN);
        if !closed {
            ConsumerAbandoned { worker: &number }.emit();
        }
        done
    }

    fn work_until_stopped(&mut self) -> Result<(), WorkerError> {
        while !self.stop.requested() {
            self.turn()?;
        }
        self.apply()?;
        self.commit()
    }

    fn turn(&mut self) -> Result<(), WorkerError> {
        self.stats.beat(self.options.worker);
        self.fences.alive(Instant::now());
        self.producer.poll();
        if self.producer.is_suspect() {
            self.replace_producer()?;
        }
        self.answer_group(true)?;
        if std::mem::take(&mut self.out_of_range) {
            self.look_for_gaps()?;
        }
        self.advance()?;
        let wait = self.wait();
        let before = self.uncommitted;
        self.read_side()?;
        self.read_group(wait)?;
        let began = Instant::now();
        self.apply()?;
        if self.uncommitted > before {
            self.stats.batch_took(began.elapsed());
        }
        let now = Instant::now();
        let due = self.due_in(now) == Some(Duration::ZERO) || self.tick_due(now);
        if due || self.markers_due(now) {
            self.commit()?;
        }
        Ok(())
    }

    /// How long the next poll may wait.
    fn wait(&mut self) -> Duration {
        self.due_in(Instant::now())
            .map_or(POLL_WAIT, |due| due.min(POLL_WAIT))
    }

    fn due_in(&mut self, now: Instant) -> Option<Duration> {
        let mut waiting = Waiting {
            records: self.uncommitted,
            aborts: self.aborts,
            ..Waiting::default()
        };
        for task in self.partitions.values().filter_map(Partition::task_ref) {
            waiting.urgency = waiting.urgency.max(task.urgency());
            waiting.dirty_bytes += task.dirty_bytes();
        }
        if !self.notices.is_empty() {
            waiting.urgency = waiting.urgency.max(Urgency::Batch);
        }
        self.pace.due_in(&waiting, now)
    }

    fn tick_due(&self, now: Instant) -> bool {
        self.partitions.values().any(|partition| {
            partition.quiet(self.options.tick_after, now)
                && partition
                    .task_ref()
                    .is_some_and(|task| task.tick().is_some())
        })
    }

    /// Takes every restore as far as it goes without waiting.
    pub(super) fn advance(&mut self) -> Result<(), WorkerError> {
        let now = Instant::now();
        let mut tools = Tools {
            options: &self.options,
            factory: &*self.factory,
            store: &*self.store,
            lookup: &self.lookup,
            group: &self.group,
            side: &self.side,
            stats: &self.stats,
            notices: &mut self.notices,
        };
        for partition in self.partitions.values_mut() {
            while partition.advance(&mut tools, now)? {}
            self.stats
                .show(partition.number, partition.view(self.options.worker));
        }
        Ok(())
    }

    /// Reads what the other inputs and the changelog have ready.
    fn read_side(&mut self) -> Result<(), WorkerError> {
        let mut batch = Batch::after(self.aborts);
        while batch.has_room() {
            match self.side.poll(Duration::ZERO) {
                PollResult::Record(message) => {
                    batch.count(&message);
                    let indexer = |key: &[u8], value: &[u8]| self.factory.index(key, value);
                    let parts = (
                        &self.options,
                        &*self.store,
                        &*self.stats,
                        &indexer as Indexer<'_>,
                    );
                    let n = take_side(parts, &mut self.partitions, &message)?;
                    self.uncommitted += n;
                }
                PollResult::Nothing => break,
                PollResult::OutOfRange => return self.look_for_gaps(),
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

    /// Reads actions; waits for the first of them no longer than `wait`.
    fn read_group(&mut self, wait: Duration) -> Result<(), WorkerError> {
        let mut taken = Batch::after(0);
        let read = self.read_actions(wait, &mut taken);
        // Once a batch: the counters are behind a lock that all workers share.
        add(&self.stats.records, taken.records);
        let records = u64::try_from(taken.records).unwrap_or(u64::MAX);
        self.stats.took("actions", records, taken.bytes);
        read
    }

    /// Hands actions to their tasks; adds those to `taken`.
    fn read_actions(&mut self, mut wait: Duration, taken: &mut Batch) -> Result<(), WorkerError> {
        let mut batch = Batch::after(self.aborts);
        while batch.has_room() {
            match self.group.poll(wait) {
                PollResult::Record(message) => {
                    batch.count(&message);
                    let Some(partition) = self.partitions.get_mut(&message.partition()) else {
                        continue;
                    };
                    let topic = &self.options.topics.actions;
                    let record = input_record(&message, crate::event::Input::Actions, topic);
                    if partition.push(record, Instant::now()) {
                        self.uncommitted += 1;
                        taken.records += 1;
                        taken.bytes += message.payload_len();
                    }
                }
                // Perhaps the group has decided something: that is answered before the next poll.
                PollResult::Nothing => break,
                PollResult::OutOfRange => return self.look_for_gaps(),
                PollResult::Trouble => {}
                PollResult::Fatal(reason) => {
                    let kafka = &self.options.kafka;
                    let reason = format!(
                        "{reason}; if another process uses kafka.instance_id `{}`, give each its \
                         own",
                        kafka.instance_id
                    );
                    return Err(WorkerError::Consumer {
                        client: "the actions".into(),
                        reason,
                    });
                }
            }
            wait = Duration::ZERO;
        }
        Ok(())
    }

    /// Lets the tasks apply what they were given.
    pub(super) fn apply(&mut self) -> Result<(), WorkerError> {
        let now = Instant::now();
        let topics = &self.options.topics;
        for partition in self.partitions.values_mut() {
            let was_paused = partition.paused_reason.is_some();
            let (worked, paused) = partition.work(&*self.store, now);
            if let Some(input) = paused.filter(|_| !was_paused) {
                InputPaused {
                    partition: partition.number,
                    input: input_name(input),
                    reason: partition.paused_reason.as_deref().unwrap_or_default(),
                }
                .emit(&self.stats.metrics);
            }
            match worked {
                Worked::Fine => partition.balance(paused, topics, &self.group, &self.side),
                Worked::Stopped(reason) => {
                    PartitionStopped {
                        partition: partition.number,
                        reason: &reason,
                    }
                    .emit(&self.stats.metrics);
                    let notice = crate::engine::contract::Notice::Stopped {
                        partition: partition.number,
                        reason: reason.clone(),
                    };
                    self.notices.extend(self.factory.audit(&notice));
                    partition.stop(reason, topics, &self.group, &self.side);
                }
                Worked::Fatal(reason) => {
                    return Err(WorkerError::Task {
                        partition: partition.number,
                        reason,
                    });
                }
            }
        }
        Ok(())
    }

    /// A position fell out of its log, and librdkafka does not say whose. All partitions with a
    /// task begin anew: the restore compares every position with its log and names the gap.
    fn look_for_gaps(&mut self) -> Result<(), WorkerError> {
        self.apply()?;
        self.commit()?;
        let now = Instant::now();
        let topics = &self.options.topics;
        for partition in self
            .partitions
            .values_mut()
            .filter(|p| p.task_ref().is_some())
        {
            PositionOutOfRange {
                partition: partition.number,
            }
            .emit();
            partition.restart(topics, &self.group, &self.side, now);
        }
        Ok(())
    }
}

/// Counts what is read, to bound it before it is applied.
struct Batch {
    records: usize,
    bytes: usize,
    aborts: u32,
}

impl Batch {
    /// After so many aborts in a row.
    fn after(aborts: u32) -> Self {
        Batch {
            records: 0,
            bytes: 0,
            aborts,
        }
    }

    fn has_room(&self) -> bool {
        self.records < back_off::bound(BATCH_RECORDS_MAX, self.aborts)
            && self.bytes < back_off::bound(BATCH_BYTES_MAX, self.aborts)
    }

    fn count(&mut self, message: &BorrowedMessage<'_>) {
        self.records += 1;
        self.bytes += message.payload_len() + message.key_len();
    }
}

/// Brings a record of the side consumer where it belongs; says how many went to a task.
fn take_side<T: Task>(
    (options, store, stats, indexer): (&WorkerOptions, &dyn Store, &Stats, Indexer<'_>),
    partitions: &mut BTreeMap<i32, Partition<T>>,
    message: &BorrowedMessage<'_>,
) -> Result<u64, WorkerError> {
    let Some(partition) = partitions.get_mut(&message.partition()) else {
        return Ok(0);
    };
    if message.topic() == &*options.topics.changelog {
        if let Life::Reading(reading) = &mut partition.life
            && reading.take(message.key().unwrap_or_default(), message.payload())
        {
            reading.flush(store, stats, indexer)?;
        }
        return Ok(0);
    }
    let Some(input) = options.topics.input_named(message.topic()) else {
        return Ok(0);
    };
    let Some(topic) = options.topics.input(input) else {
        return Ok(0);
    };
    if partition.push(input_record(message, input, topic), Instant::now()) {
        add(&stats.records, 1);
        stats.took(input_name(input), 1, message.payload_len());
        return Ok(1);
    }
    Ok(0)
}
