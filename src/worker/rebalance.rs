//! Answers to what the group decides, and the replacement of a producer, during which the group
//! still has to be answered.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::assignment::Partition;
use super::back_off;
use super::error::WorkerError;
use super::settings::Delivery;
use super::worker::Worker;
use crate::engine::contract::{Meta, TaskFactory};
use crate::kafka::{
    AbortCause, ClientError, PollResult, RebalanceEvent, TopicPartition, TransactionAbort,
    TransactionalProducer,
};
use crate::telemetry::{
    PartitionsAssigned, PartitionsLost, PartitionsReleased, ProducerRetried, ReleaseFailed,
    TransactionAborted,
};

/// One wait for group events.
const SLICE: Duration = Duration::from_millis(50);
/// Polls after a rebuild: a member that was asleep learns only there what it has lost.
const POLLS_AFTER_REBUILD: u32 = 4;

impl<F: TaskFactory> Worker<F> {
    /// Carries out what the group decided. `may_commit`: no transaction is in doubt, so work on
    /// partitions that go can be finished.
    pub(super) fn answer_group(&mut self, may_commit: bool) -> Result<(), WorkerError> {
        while let Some(event) = self.group.next_rebalance() {
            match event {
                RebalanceEvent::Assigned(places) => self.assigned(places)?,
                RebalanceEvent::Released(places) => self.released(&places, may_commit)?,
            }
        }
        Ok(())
    }

    /// Takes partitions over, paused, at the offset the store knows; the restore corrects it.
    fn assigned(&mut self, places: Vec<TopicPartition>) -> Result<(), WorkerError> {
        let now = Instant::now();
        let mut starts = Vec::with_capacity(places.len());
        let mut numbers = Vec::with_capacity(places.len());
        for place in places {
            let number = place.partition;
            self.store.open_partition(number)?;
            let meta = self
                .store
                .meta(number)?
                .and_then(|bytes| Meta::from_bytes(&bytes).ok());
            let start = meta.and_then(|meta| meta.offset_next(crate::event::Input::Actions));
            numbers.push(number);
            starts.push((place, start.unwrap_or(0)));
        }
        self.group.accept_assignment(&starts)?;
        self.stats.answered(self.options.worker);
        for number in &numbers {
            if let Some(mut before) = self
                .partitions
                .insert(*number, Partition::new(*number, now))
            {
                before.drop_side(&self.side);
            }
        }
        PartitionsAssigned {
            worker: self.options.worker,
            count: numbers.len() as u64,
            partitions: &format!("{numbers:?}"),
        }
        .emit(&self.stats.metrics);
        Ok(())
    }

    /// Lets partitions go: committed first when we still may, dropped when they are lost.
    fn released(&mut self, places: &[TopicPartition], may_commit: bool) -> Result<(), WorkerError> {
        let lost = self.group.assignment_lost();
        if lost {
            self.stats.unanswered(self.options.worker);
        }
        if may_commit && !lost && !places.is_empty() {
            self.apply()?;
            self.commit()?;
        }
        let mut numbers = Vec::with_capacity(places.len());
        for place in places {
            if let Some(mut partition) = self.partitions.remove(&place.partition) {
                partition.drop_side(&self.side);
                self.stats.hide(place.partition, self.options.worker);
                numbers.push(place.partition);
            }
        }
        // What is gone from librdkafka's assignment cannot be unassigned; the group waits all the
        // same, so an empty list is the answer that always works.
        if let Err(error) = self.group.release_partitions(places) {
            ReleaseFailed {
                worker: &self.options.worker.to_string(),
                error: &error.to_string(),
            }
            .emit();
            self.group.release_partitions(&[])?;
        }
        let (worker, count) = (self.options.worker, numbers.len() as u64);
        let (partitions, metrics) = (&*format!("{numbers:?}"), &self.stats.metrics);
        if lost {
            PartitionsLost {
                worker,
                count,
                partitions,
            }
            .emit(metrics);
        } else {
            PartitionsReleased {
                worker,
                count,
                partitions,
            }
            .emit(metrics);
        }
        Ok(())
    }

    /// After a transaction that was given up: its tasks are dropped, the producer is replaced, and
    /// the partitions are restored from what Kafka has.
    pub(super) fn give_up(&mut self, abort: &TransactionAbort) -> Result<(), WorkerError> {
        let now = Instant::now();
        self.stats
            .aborts
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        TransactionAborted {
            worker: &self.options.worker.to_string(),
            cause: abort.cause.as_str(),
            error: &abort.to_string(),
        }
        .emit();
        self.producer.discard_client();
        if let Some(error) = self.refusals.note(abort) {
            return Err(error);
        }
        match abort.cause {
            AbortCause::Refused => return Err(WorkerError::Refused(abort.clone())),
            AbortCause::Fenced => self.count_fence(now, &abort.reason)?,
            AbortCause::Generation | AbortCause::Doubt => {}
        }
        let topics = &self.options.topics;
        for partition in self
            .partitions
            .values_mut()
            .filter(|p| p.task_ref().is_some())
        {
            partition.restart(topics, &self.group, &self.side, now);
        }
        self.uncommitted = 0;
        self.aborts += 1;
        self.replace_producer()?;
        let until = Instant::now() + back_off::pause(self.aborts);
        let mut polls = 0;
        while polls < POLLS_AFTER_REBUILD || Instant::now() < until {
            if self.stop.requested() {
                break;
            }
            self.serve_group()?;
            polls += 1;
        }
        Ok(())
    }

    fn count_fence(&mut self, now: Instant, reason: &str) -> Result<(), WorkerError> {
        self.stats.metrics.transactions.add("fenced", 1);
        if self.fences.note(now) {
            let id = self
                .options
                .kafka
                .transactional_id(&self.options.worker.to_string());
            return Err(WorkerError::Fenced {
                id,
                times: 3,
                reason: reason.to_owned(),
            });
        }
        Ok(())
    }

    /// A new producer with the same id, between transactions. Tasks keep what they have: nothing
    /// of it is under way. Meanwhile the group is served; what it takes from us is dropped without
    /// a commit, for there is no producer to commit with.
    pub(super) fn replace_producer(&mut self) -> Result<(), WorkerError> {
        let options = &self.options;
        let n = options.worker.to_string();
        let config = match options.delivery {
            Delivery::ExactlyOnce => options.kafka.transactional_producer(&n),
            Delivery::AtLeastOnce => options.kafka.idempotent_producer(&n),
        };
        let timeout = Duration::from_millis(options.kafka.transaction_timeout_ms());
        let changelog = options.topics.changelog.clone();
        // The old producer ends before the new one begins. Meanwhile nothing is to arrive: the
        // polls below are for the group's events.
        self.producer.discard_client();
        self.flow(false);
        let mut fences = 0;
        loop {
            let mut next = TransactionalProducer::new(config.clone(), &changelog, timeout);
            let mut failed = None;
            let done = next.rebuild_client(&mut |trouble| {
                if let Some(trouble) = trouble {
                    ProducerRetried {
                        worker: &n,
                        error: trouble,
                    }
                    .emit();
                }
                match self.serve_group() {
                    Ok(()) if self.stop.requested() => ControlFlow::Break(()),
                    Ok(()) => ControlFlow::Continue(()),
                    Err(error) => {
                        failed = Some(error);
                        ControlFlow::Break(())
                    }
                }
            });
            if let Some(error) = failed {
                return Err(error);
            }
            match done {
                Ok(()) => {
                    self.producer = next;
                    self.flow(true);
                    self.stats
                        .rebuilds
                        .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    return Ok(());
                }
                Err(ClientError::Abort(abort)) if abort.cause == AbortCause::Fenced => {
                    fences += 1;
                    self.count_fence(Instant::now(), &abort.reason)?;
                    if fences > 3 {
                        return Err(ClientError::Abort(abort).into());
                    }
                }
                // Told to stop while the broker is away: what is not committed never happened.
                Err(ClientError::Transient { .. }) if self.stop.requested() => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Pauses the actions of the running partitions, or lets them flow again.
    fn flow(&mut self, on: bool) {
        for partition in self.partitions.values_mut() {
            partition.flow(on, &self.options.topics, &self.group);
        }
    }

    /// Polls the group for its events while the actions are paused. Should a record come all the
    /// same, its partition begins anew from what is committed: it must not be skipped.
    fn serve_group(&mut self) -> Result<(), WorkerError> {
        // A broker that is away is no reason to be taken for dead.
        self.stats.beat(self.options.worker);
        self.fences.alive(Instant::now());
        let until = Instant::now() + SLICE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let dropped = match self.group.poll(left) {
                PollResult::Record(message) => Some(crate::kafka::Message::partition(&message)),
                PollResult::Nothing | PollResult::Trouble => None,
                PollResult::OutOfRange => {
                    self.out_of_range = true;
                    None
                }
                PollResult::Fatal(reason) => {
                    return Err(WorkerError::Consumer {
                        client: "the actions".into(),
                        reason,
                    });
                }
            };
            if let Some(number) = dropped {
                self.rewind(number);
            }
            self.answer_group(false)?;
            if left.is_zero() {
                return Ok(());
            }
        }
    }

    /// A record was taken out of turn: its partition begins anew from what is committed.
    fn rewind(&mut self, number: i32) {
        let now = Instant::now();
        if let Some(partition) = self.partitions.get_mut(&number)
            && partition.task_ref().is_some()
        {
            partition.restart(&self.options.topics, &self.group, &self.side, now);
        }
    }
}
