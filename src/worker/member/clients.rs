//! The clients of a group member, and what it counts about its transactions.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::fences::FenceCounter;
use super::refusals::RefusalCounter;
use crate::kafka::{
    AbortCause, DeliveryGuarantee, GroupConsumer, KafkaOptions, OffsetLookup, TransactionAbort,
    TransactionalProducer,
};
use crate::telemetry::{ProducerRetried, TransactionAborted};
use crate::worker::error::WorkerError;
use crate::worker::stats::WorkerStats;
use crate::worker::stop::Stop;

/// How a member names itself and what it subscribes to.
#[derive(Debug, Clone)]
pub(in crate::worker) struct MemberOptions {
    pub kafka: KafkaOptions,
    pub delivery: DeliveryGuarantee,
    /// Names the member's clients: the number of a worker, or `raw`.
    pub name: String,
    /// Names the inputs in errors.
    pub reads: &'static str,
    pub group_id: String,
    pub topics: Vec<Arc<str>>,
    /// The topic of the changelog; empty for a member without state.
    pub changelog: String,
    /// The number of a worker; `None`: the member of the raw inputs.
    pub worker: Option<usize>,
}

impl MemberOptions {
    /// Counts a turn of the loop, for the health of the process.
    fn count_turn(&self, stats: &WorkerStats) {
        match self.worker {
            Some(worker) => stats.count_turn(worker),
            None => stats.count_raw_turn(),
        }
    }

    /// A producer that has no client yet.
    pub fn new_producer(&self) -> TransactionalProducer {
        let settings = match self.delivery {
            DeliveryGuarantee::ExactlyOnce => self.kafka.transactional_producer(&self.name),
            DeliveryGuarantee::AtLeastOnce => self.kafka.idempotent_producer(&self.name),
        };
        let timeout = Duration::from_millis(self.kafka.transaction_timeout_ms());
        TransactionalProducer::new(settings, &self.changelog, timeout)
    }
}

/// A member of a group with its transactional producer.
pub(in crate::worker) struct GroupMember {
    pub options: MemberOptions,
    pub stats: Arc<WorkerStats>,
    pub stop: Stop,
    pub lookup: OffsetLookup,
    pub group: GroupConsumer,
    pub producer: TransactionalProducer,
    /// Transactions aborted one after the other.
    pub aborts: u32,
    /// A consumer's position fell out of its log; librdkafka does not say of which partition.
    pub out_of_range: bool,
    fences: FenceCounter,
    refusals: RefusalCounter,
}

impl GroupMember {
    /// Makes the clients. The producer comes first, so that an open transaction of a predecessor
    /// has ended before anything is read; the group is joined last.
    pub fn join(
        options: MemberOptions,
        lookup: OffsetLookup,
        stats: Arc<WorkerStats>,
        stop: Stop,
    ) -> Result<Self, WorkerError> {
        let mut producer = options.new_producer();
        producer.rebuild_client(&mut |trouble| {
            options.count_turn(&stats);
            if let Some(trouble) = trouble {
                ProducerRetried {
                    worker: &options.name,
                    error: trouble,
                }
                .emit();
            }
            if stop.requested() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        let settings = options
            .kafka
            .group_consumer(&options.group_id, &options.name);
        let topics: Vec<&str> = options.topics.iter().map(|topic| &**topic).collect();
        let group = GroupConsumer::subscribe(&settings, &topics)?;
        Ok(GroupMember {
            options,
            stats,
            stop,
            lookup,
            group,
            producer,
            aborts: 0,
            out_of_range: false,
            fences: FenceCounter::new(Instant::now()),
            refusals: RefusalCounter::default(),
        })
    }

    /// Notes that the loop turns: for the health of the process, and to notice a time in which the
    /// process stood still.
    pub fn note_alive(&mut self) {
        self.options.count_turn(&self.stats);
        self.fences.note_alive(Instant::now());
    }

    /// Notes whether the group has given this member an assignment, even an empty one.
    pub fn note_assignment(&self, assigned: bool) {
        if let Some(worker) = self.options.worker {
            self.stats.set_assignment(worker, assigned);
        }
    }

    /// Notes that a transaction was committed.
    pub fn note_commit(&mut self) {
        self.fences.note_commit();
        self.refusals.note_commit();
        self.aborts = 0;
    }

    /// Notes that a transaction was aborted, and discards the producer with what it has open.
    ///
    /// # Errors
    /// When another attempt cannot succeed: the process has to end.
    pub fn note_abort(&mut self, abort: &TransactionAbort) -> Result<(), WorkerError> {
        self.stats.aborts.fetch_add(1, Ordering::Relaxed);
        TransactionAborted {
            worker: &self.options.name,
            cause: abort.cause.as_str(),
            error: &abort.to_string(),
        }
        .emit();
        self.producer.discard_client();
        self.aborts += 1;
        if let Some(error) = self.refusals.note_abort(abort) {
            return Err(error);
        }
        match abort.cause {
            AbortCause::Refused => Err(WorkerError::Refused(abort.clone())),
            AbortCause::Fenced => self.note_fence(&abort.reason),
            AbortCause::Generation | AbortCause::Doubt => Ok(()),
        }
    }

    /// Notes that another producer has taken our transactional id.
    ///
    /// # Errors
    /// When it happened so often that a second process must be using the id.
    pub fn note_fence(&mut self, reason: &str) -> Result<(), WorkerError> {
        self.stats.metrics.transactions.add("fenced", 1);
        match self.fences.note_fence(Instant::now()) {
            None => Ok(()),
            Some(times) => Err(WorkerError::Fenced {
                id: self.options.kafka.transactional_id(&self.options.name),
                times,
                reason: reason.to_owned(),
            }),
        }
    }

    /// The error of a consumer that cannot go on.
    pub fn consumer_ended(&self, reason: &str) -> WorkerError {
        WorkerError::Consumer {
            client: self.options.reads.to_owned(),
            reason: format!(
                "{reason}; if another process uses kafka.instance_id `{}`, give each its own",
                self.options.kafka.instance_id
            ),
        }
    }
}
