//! Raw inputs: foreign records are consumed, mapped and produced to the topic of the actions or of
//! the backfill, in transactions with their own offsets.
//!
//! There is no state here, so any doubt ends the same way: everything read and not committed is
//! forgotten, and each partition is placed anew at what the group has committed. Until it is placed
//! its records are dropped, whoever polls them.

mod place;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use self::place::Place;
use super::back_off;
use super::error::WorkerError;
use super::records::input_record;
use super::refusals::Refusals;
use super::settings::{BATCH_BYTES_MAX, BATCH_RECORDS_MAX, Delivery};
use super::stats::Stats;
use super::supervisor::Stop;
use super::topics::Topics;
use crate::engine::contract::InputRecord;
use crate::engine::dead_letter::dead_letter;
use crate::engine::outcome::{DeadLetter, FailureStage};
use crate::event::Input;
use crate::kafka::{
    AbortCause, ClientError, GroupConsumer, KafkaOptions, Message, OffsetLookup, OutgoingRecord,
    PollResult, RebalanceEvent, TopicPartition, TransactionAbort, TransactionalProducer,
};
use crate::telemetry::{
    OffsetCommitFailed, ProducerRetried, ReleaseFailed, ResetIncomplete, TransactionAborted,
};

/// The name of this worker in logs.
const WORKER: &str = "raw";
/// Least time between two commits.
const COMMIT_EVERY: Duration = Duration::from_millis(100);
const POLL_WAIT: Duration = Duration::from_millis(50);
const CLOSE_WITHIN: Duration = Duration::from_secs(3);
/// Time between commits that carry nothing but transaction markers passed over.
const MARKERS_EVERY: Duration = Duration::from_secs(2);
/// Fences in a row that mean a second process has our name.
const FENCES_MAX: u32 = 3;

/// One mapped action: key and value.
pub type Mapped = (Vec<u8>, Vec<u8>);
/// Makes actions of a foreign record: none, one or many; an error makes a dead letter.
pub type Mapper = Box<dyn FnMut(&InputRecord) -> Result<Vec<Mapped>, String> + Send>;

/// A foreign topic.
pub struct RawInput {
    pub topic: Arc<str>,
    /// Actions go to the backfill topic, where their own times count, instead of to the actions.
    pub backfill: bool,
    pub mapper: Mapper,
}

/// The thread of all raw inputs.
pub(super) struct RawWorker {
    kafka: KafkaOptions,
    topics: Topics,
    delivery: Delivery,
    inputs: BTreeMap<Arc<str>, RawInput>,
    stats: Arc<Stats>,
    stop: Stop,
    lookup: OffsetLookup,
    group: GroupConsumer,
    producer: TransactionalProducer,
    batch: Vec<InputRecord>,
    bytes: usize,
    ours: BTreeMap<TopicPartition, Place>,
    fences: u32,
    aborts: u32,
    refusals: Refusals,
    committed_at: Instant,
    markers_at: Instant,
}

fn producer(kafka: &KafkaOptions, delivery: Delivery) -> TransactionalProducer {
    let timeout = Duration::from_millis(kafka.transaction_timeout_ms());
    let config = match delivery {
        Delivery::ExactlyOnce => kafka.transactional_producer("raw"),
        Delivery::AtLeastOnce => kafka.idempotent_producer("raw"),
    };
    TransactionalProducer::new(config, "", timeout)
}

impl RawWorker {
    /// Makes the clients; the first turn makes the producer.
    pub fn open(
        kafka: KafkaOptions,
        topics: Topics,
        delivery: Delivery,
        inputs: Vec<RawInput>,
        stats: Arc<Stats>,
        stop: Stop,
    ) -> Result<Self, WorkerError> {
        let group_id = kafka.raw_group_id();
        let lookup = OffsetLookup::start(&kafka, &group_id)?;
        let producer = producer(&kafka, delivery);
        let names: Vec<&str> = inputs.iter().map(|input| &*input.topic).collect();
        let config = kafka.group_consumer(&group_id, "raw");
        let group = GroupConsumer::subscribe(&config, &names)?;
        let inputs = inputs
            .into_iter()
            .map(|input| (Arc::clone(&input.topic), input))
            .collect();
        let now = Instant::now();
        Ok(RawWorker {
            kafka,
            topics,
            delivery,
            inputs,
            stats,
            stop,
            lookup,
            group,
            producer,
            batch: Vec::new(),
            bytes: 0,
            ours: BTreeMap::new(),
            fences: 0,
            aborts: 0,
            refusals: Refusals::default(),
            committed_at: now,
            markers_at: now,
        })
    }

    /// Maps until it is told to stop.
    pub fn run(mut self) -> Result<(), WorkerError> {
        let mut done = Ok(());
        while done.is_ok() && !self.stop.requested() {
            done = self.turn();
        }
        let done = done.and_then(|()| self.commit());
        self.producer.discard_client();
        self.group.close(CLOSE_WITHIN);
        done
    }

    fn turn(&mut self) -> Result<(), WorkerError> {
        self.producer.poll();
        if self.producer.is_suspect() {
            self.rewind(Duration::ZERO);
            return self.rebuild();
        }
        self.read()?;
        self.answer_group(true)?;
        self.place()?;
        if self.full() || self.committed_at.elapsed() >= COMMIT_EVERY {
            self.commit()?;
        }
        Ok(())
    }

    fn full(&self) -> bool {
        self.batch.len() >= back_off::bound(BATCH_RECORDS_MAX, self.aborts)
            || self.bytes >= back_off::bound(BATCH_BYTES_MAX, self.aborts)
    }

    fn flows(&self, place: &TopicPartition) -> bool {
        matches!(self.ours.get(place), Some(Place::Flowing { .. }))
    }

    fn read(&mut self) -> Result<(), WorkerError> {
        let mut wait = if self.batch.is_empty() {
            POLL_WAIT
        } else {
            Duration::from_millis(5)
        };
        while !self.full() {
            match self.group.poll(wait) {
                PollResult::Record(message) => {
                    let place = TopicPartition {
                        topic: message.topic().to_owned(),
                        partition: message.partition(),
                    };
                    if let Some((topic, _)) = self.inputs.get_key_value(message.topic())
                        && self.flows(&place)
                    {
                        self.bytes += message.payload_len() + message.key_len();
                        self.stats.took("raw", 1, message.payload_len());
                        self.batch
                            .push(input_record(&message, Input::Actions, topic));
                    }
                }
                PollResult::Nothing => return Ok(()),
                PollResult::Trouble => {}
                // Whose position it is, and whether anything is lost, the placing finds out.
                PollResult::OutOfRange => {
                    self.rewind(place::AGAIN_AFTER);
                    return Ok(());
                }
                PollResult::Fatal(reason) => return Err(ended(reason)),
            }
            wait = Duration::ZERO;
        }
        Ok(())
    }

    fn answer_group(&mut self, may_commit: bool) -> Result<(), WorkerError> {
        while let Some(event) = self.group.next_rebalance() {
            match event {
                RebalanceEvent::Assigned(places) => {
                    // Paused until they are placed, so the offset does not matter yet.
                    let starts: Vec<_> = places.into_iter().map(|place| (place, 0)).collect();
                    self.group.accept_assignment(&starts)?;
                    let (at, tries) = (Instant::now(), 0);
                    for (place, _) in starts {
                        self.ours.insert(place, Place::Waiting { at, tries });
                    }
                }
                RebalanceEvent::Released(places) => {
                    if may_commit && !self.group.assignment_lost() {
                        self.commit()?;
                    }
                    for place in &places {
                        self.ours.remove(place);
                        let gone = |r: &InputRecord| {
                            *r.position.topic == *place.topic
                                && r.position.partition == place.partition
                        };
                        self.batch.retain(|record| !gone(record));
                    }
                    self.release(&places)?;
                }
            }
        }
        Ok(())
    }

    fn release(&self, places: &[TopicPartition]) -> Result<(), WorkerError> {
        if let Err(error) = self.group.release_partitions(places) {
            // The group waits all the same; an empty list is the answer that always works.
            ReleaseFailed {
                worker: WORKER,
                error: &error.to_string(),
            }
            .emit();
            self.group.release_partitions(&[])?;
        }
        Ok(())
    }

    /// Maps and produces the batch in one transaction with its offsets.
    fn commit(&mut self) -> Result<(), WorkerError> {
        self.committed_at = Instant::now();
        let mut offsets = self.offsets();
        if self.batch.is_empty() {
            let due = self.markers_at.elapsed() >= MARKERS_EVERY && !self.producer.is_suspect();
            offsets.retain(|place, next| {
                matches!(self.ours.get(place), Some(Place::Flowing { next: n }) if *next > *n)
            });
            if !due || offsets.is_empty() {
                return Ok(());
            }
        }
        self.markers_at = self.committed_at;
        let offsets: Vec<_> = offsets.into_iter().collect();
        match self.transact(&offsets) {
            Ok(()) => {
                for (place, next) in offsets {
                    self.ours.insert(place, Place::Flowing { next });
                }
                self.batch.clear();
                self.bytes = 0;
                self.fences = 0;
                self.aborts = 0;
                self.refusals.committed();
                Ok(())
            }
            Err(abort) => self.give_up(&abort),
        }
    }

    /// Next offsets of what flows. Everything below a position is in the batch or committed; it
    /// counts transaction markers, and a log that ends in one may lose all its records.
    fn offsets(&self) -> BTreeMap<TopicPartition, i64> {
        let mut next = BTreeMap::new();
        for (place, state) in &self.ours {
            if let Place::Flowing { next: committed } = state {
                let position = self.group.position(place).unwrap_or(*committed);
                next.insert(place.clone(), position.max(*committed));
            }
        }
        next
    }

    fn transact(&mut self, offsets: &[(TopicPartition, i64)]) -> Result<(), TransactionAbort> {
        self.producer.begin_transaction()?;
        let (mut skipped, mut dead) = (0u64, 0u64);
        for record in &self.batch {
            let Some(input) = self.inputs.get_mut(&record.position.topic) else {
                continue;
            };
            match (input.mapper)(record) {
                Ok(mapped) if mapped.is_empty() => skipped += 1,
                Ok(mapped) => {
                    let target = match (&self.topics.backfill, input.backfill) {
                        (Some(backfill), true) => backfill,
                        _ => &self.topics.actions,
                    };
                    for (key, value) in &mapped {
                        send(&self.producer, target, Some(key), Some(value), &[])?;
                    }
                }
                Err(message) => {
                    dead += 1;
                    let letter = DeadLetter {
                        position: record.position.clone(),
                        stage: FailureStage::Mapping,
                        class: "mapping",
                        message,
                    };
                    self.stats.unmapped(&letter);
                    let out = dead_letter(record, &letter);
                    let (key, value) = (out.key.as_deref(), out.value.as_deref());
                    let topic = &self.topics.dead_letter;
                    send(&self.producer, topic, key, value, &out.headers)?;
                }
            }
        }
        self.producer.drain_deliveries()?;
        match self.delivery {
            Delivery::ExactlyOnce => {
                let metadata = self
                    .group
                    .group_metadata()
                    .ok_or_else(TransactionAbort::no_group_metadata)?;
                self.producer.send_offsets(offsets, &metadata)?;
                self.producer.commit_transaction()?;
            }
            Delivery::AtLeastOnce => {
                if let Err(error) = self.group.commit_offsets(offsets) {
                    // The results are out; the next commit carries the same offsets or later.
                    OffsetCommitFailed {
                        worker: WORKER,
                        error: &error.to_string(),
                    }
                    .emit();
                }
            }
        }
        let records = u64::try_from(self.batch.len()).unwrap_or(u64::MAX);
        self.stats.raw_records.fetch_add(records, Ordering::Relaxed);
        self.stats.metrics.transactions.add("committed", 1);
        self.stats.raw_skipped.fetch_add(skipped, Ordering::Relaxed);
        self.stats.raw_dead.fetch_add(dead, Ordering::Relaxed);
        Ok(())
    }

    /// After a transaction of unknown outcome: only the group knows what is committed.
    fn give_up(&mut self, abort: &TransactionAbort) -> Result<(), WorkerError> {
        TransactionAborted {
            worker: WORKER,
            cause: abort.cause.as_str(),
            error: &abort.to_string(),
        }
        .emit();
        self.stats.aborts.fetch_add(1, Ordering::Relaxed);
        self.producer.discard_client();
        self.aborts += 1;
        if let Some(error) = self.refusals.note(abort) {
            return Err(error);
        }
        match abort.cause {
            AbortCause::Refused => return Err(WorkerError::Refused(abort.clone())),
            AbortCause::Fenced => self.fences += 1,
            AbortCause::Generation | AbortCause::Doubt => {}
        }
        if self.fences >= FENCES_MAX {
            let id = self.kafka.transactional_id("raw");
            let reason = abort.reason.clone();
            return Err(WorkerError::Fenced {
                id,
                times: FENCES_MAX as usize,
                reason,
            });
        }
        self.rewind(back_off::pause(self.aborts));
        Ok(())
    }

    /// Forgets what is read and not committed; every partition is to be placed anew, `after` that.
    fn rewind(&mut self, after: Duration) {
        self.batch.clear();
        self.bytes = 0;
        let at = Instant::now() + after;
        for (place, state) in &mut self.ours {
            if let Err(error) = self.group.pause(place) {
                ResetIncomplete {
                    partition: place.partition,
                    error: &error.to_string(),
                }
                .emit();
            }
            *state = Place::Waiting { at, tries: 0 };
        }
    }

    /// A new producer. Meanwhile the group is served; nothing flows.
    fn rebuild(&mut self) -> Result<(), WorkerError> {
        self.producer.discard_client();
        let mut next = producer(&self.kafka, self.delivery);
        let mut failed = None;
        let done = next.rebuild_client(&mut |trouble| {
            if let Some(trouble) = trouble {
                ProducerRetried {
                    worker: WORKER,
                    error: trouble,
                }
                .emit();
            }
            let served = self.read().and_then(|()| self.answer_group(false));
            match served {
                Ok(()) if self.stop.requested() => ControlFlow::Break(()),
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            }
        });
        match (failed, done) {
            (Some(error), _) => Err(error),
            // Told to stop: what is not committed never happened.
            (None, Err(_)) if self.stop.requested() => Ok(()),
            (None, Err(ClientError::Abort(abort))) if abort.cause == AbortCause::Fenced => {
                self.give_up(&abort)
            }
            (None, Err(error)) => Err(error.into()),
            (None, Ok(())) => {
                self.producer = next;
                Ok(())
            }
        }
    }
}

fn ended(reason: String) -> WorkerError {
    WorkerError::Consumer {
        client: "the raw inputs".into(),
        reason,
    }
}

fn send(
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
