//! Raw inputs: foreign records are consumed, mapped and produced to the topic of the actions or of
//! the backfill, in transactions with their own offsets.
//!
//! There is no state here, so a failed transaction costs no more than reading its records again
//! from the group's committed offset.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::dead_letter::{Death, dead_letter};
use super::task::InputRecord;
use super::topics::Topics;
use super::worker::settings::{BATCH_BYTES_MAX, BATCH_RECORDS_MAX};
use super::worker::{Stats, Stop, WorkerError, input_record};
use crate::event::Input;
use crate::kafka::{
    Abort, AbortCause, Answer, GroupConsumer, KafkaOptions, Lookup, Message, Outgoing, Polled,
    Question, RebalanceEvent, TopicPartition, TransactionalProducer,
};

/// Least time between two commits.
const COMMIT_EVERY: Duration = Duration::from_millis(100);
const POLL_WAIT: Duration = Duration::from_millis(50);
const CLOSE_WITHIN: Duration = Duration::from_secs(3);
/// Time for the offsets of an assignment to be told.
const OFFSETS_WITHIN: Duration = Duration::from_secs(20);
const BACK_OFF_MAX: Duration = Duration::from_secs(5);
/// Fences in a row that mean a second process has our name.
const FENCES_MAX: u32 = 3;

/// One mapped action: key, value, and its own time for a backfill (epoch milliseconds).
pub type Mapped = (Vec<u8>, Vec<u8>, i64);
/// Makes actions of a foreign record: none, one or many; an error makes a dead letter.
pub type Mapper = Box<dyn FnMut(&InputRecord) -> Result<Vec<Mapped>, String> + Send>;

/// A foreign topic.
pub struct RawInput {
    pub topic: Arc<str>,
    /// Actions go to the backfill topic with their own times, instead of to the actions.
    pub backfill: bool,
    pub mapper: Mapper,
}

/// The thread of all raw inputs.
pub(super) struct RawWorker {
    kafka: KafkaOptions,
    topics: Topics,
    inputs: BTreeMap<Arc<str>, RawInput>,
    stats: Arc<Stats>,
    stop: Stop,
    lookup: Lookup,
    group: GroupConsumer,
    producer: TransactionalProducer,
    batch: Vec<InputRecord>,
    bytes: usize,
    /// Next offset as committed, per partition that is ours.
    ours: BTreeMap<TopicPartition, i64>,
    fences: u32,
    aborts: u32,
    committed_at: Instant,
}

impl RawWorker {
    pub fn open(
        kafka: KafkaOptions,
        topics: Topics,
        inputs: Vec<RawInput>,
        stats: Arc<Stats>,
        stop: Stop,
    ) -> Result<Self, WorkerError> {
        let group_id = kafka.raw_group_id();
        let lookup = Lookup::start(&kafka, &group_id)?;
        let timeout = Duration::from_millis(kafka.transaction_timeout_ms());
        let config = kafka.transactional_producer("raw");
        let mut producer = TransactionalProducer::new("producer-raw", config, "", timeout);
        producer.rebuild(&mut |_| breaks(&stop))?;
        let names: Vec<&str> = inputs.iter().map(|input| &*input.topic).collect();
        let config = kafka.group_consumer(&group_id, "raw");
        let group = GroupConsumer::subscribe(&config, "raw", &names)?;
        let inputs = inputs
            .into_iter()
            .map(|input| (Arc::clone(&input.topic), input))
            .collect();
        Ok(RawWorker {
            kafka,
            topics,
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
            committed_at: Instant::now(),
        })
    }

    /// Maps until it is told to stop.
    pub fn run(mut self) -> Result<(), WorkerError> {
        let mut done = Ok(());
        while done.is_ok() && !self.stop.requested() {
            done = self.turn();
        }
        let done = done.and_then(|()| self.commit());
        self.producer.discard();
        self.group.close(CLOSE_WITHIN);
        done
    }

    fn turn(&mut self) -> Result<(), WorkerError> {
        self.producer.poll();
        if self.producer.suspect() {
            // Between transactions: the batch has not been produced yet.
            self.rebuild()?;
        }
        self.read()?;
        self.answer_group(true)?;
        let full = self.batch.len() >= BATCH_RECORDS_MAX || self.bytes >= BATCH_BYTES_MAX;
        if full || self.committed_at.elapsed() >= COMMIT_EVERY {
            self.commit()?;
        }
        Ok(())
    }

    fn read(&mut self) -> Result<(), WorkerError> {
        let mut wait = if self.batch.is_empty() {
            POLL_WAIT
        } else {
            Duration::from_millis(5)
        };
        while self.batch.len() < BATCH_RECORDS_MAX && self.bytes < BATCH_BYTES_MAX {
            match self.group.poll(wait) {
                Polled::Record(message) => {
                    let place = TopicPartition {
                        topic: message.topic().to_owned(),
                        partition: message.partition(),
                    };
                    let known = self.ours.contains_key(&place);
                    if let Some((topic, _)) = self.inputs.get_key_value(message.topic())
                        && known
                    {
                        self.bytes += message.payload_len() + message.key_len();
                        self.stats.took("raw", 1, message.payload_len());
                        self.batch
                            .push(input_record(&message, Input::Actions, topic));
                    }
                }
                Polled::Nothing => return Ok(()),
                Polled::Trouble => {}
                Polled::OutOfRange => {
                    let topics: Vec<&str> = self.inputs.keys().map(|name| &**name).collect();
                    let reason = format!(
                        "records of {} were deleted before they were read; set the offsets of \
                         group `{}` to go on",
                        topics.join(", "),
                        self.kafka.raw_group_id()
                    );
                    return Err(WorkerError::Consumer {
                        client: "the raw inputs".into(),
                        reason,
                    });
                }
                Polled::Fatal(reason) => {
                    return Err(WorkerError::Consumer {
                        client: "the raw inputs".into(),
                        reason,
                    });
                }
            }
            wait = Duration::ZERO;
        }
        Ok(())
    }

    fn answer_group(&mut self, may_commit: bool) -> Result<(), WorkerError> {
        while let Some(event) = self.group.next_event() {
            match event {
                RebalanceEvent::Assigned(places) => {
                    let mut starts = Vec::with_capacity(places.len());
                    for place in places {
                        let start = self.start_of(&place)?;
                        starts.push((place, start));
                    }
                    self.group.accept(&starts)?;
                    for (place, start) in starts {
                        self.group.resume(&place)?;
                        self.ours.insert(place, start);
                    }
                }
                RebalanceEvent::Released(places) => {
                    if may_commit && !self.group.lost() {
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
                    self.group.let_go(&places)?;
                }
            }
        }
        Ok(())
    }

    /// The group's stable offset, else the beginning of the log.
    fn start_of(&self, place: &TopicPartition) -> Result<i64, WorkerError> {
        let until = Instant::now() + OFFSETS_WITHIN;
        let mut last = String::from("no answer");
        while Instant::now() < until && !self.stop.requested() {
            let committed = self.lookup.ask(Question::Committed(place.clone()));
            match committed.recv_timeout(OFFSETS_WITHIN) {
                Ok(Ok(Answer::Committed(Some(offset)))) => return Ok(offset),
                Ok(Ok(_)) => {
                    let ends = self.lookup.ask(Question::Ends(vec![place.clone()]));
                    match ends.recv_timeout(OFFSETS_WITHIN) {
                        Ok(Ok(Answer::Ends(ends))) => {
                            return Ok(ends.get(place).map_or(0, |ends| ends.low));
                        }
                        Ok(Err(reason)) => last = reason,
                        _ => {}
                    }
                }
                Ok(Err(reason)) => last = reason,
                Err(_) => {}
            }
        }
        let what = format!("offset of {}/{}", place.topic, place.partition);
        Err(crate::kafka::Error::Transient { what, reason: last }.into())
    }

    /// Maps and produces the batch in one transaction with its offsets.
    fn commit(&mut self) -> Result<(), WorkerError> {
        self.committed_at = Instant::now();
        if self.batch.is_empty() {
            return Ok(());
        }
        match self.transact() {
            Ok(offsets) => {
                for (place, next) in offsets {
                    self.ours.insert(place, next);
                }
                self.batch.clear();
                self.bytes = 0;
                self.fences = 0;
                self.aborts = 0;
                Ok(())
            }
            Err(abort) => self.give_up(&abort),
        }
    }

    fn transact(&mut self) -> Result<Vec<(TopicPartition, i64)>, Abort> {
        self.producer.begin()?;
        let mut next = BTreeMap::new();
        let (mut skipped, mut dead) = (0u64, 0u64);
        for record in &self.batch {
            let position = &record.position;
            let place = TopicPartition {
                topic: position.topic.to_string(),
                partition: position.partition,
            };
            next.insert(place, position.offset + 1);
            let Some(input) = self.inputs.get_mut(&position.topic) else {
                continue;
            };
            match (input.mapper)(record) {
                Ok(mapped) if mapped.is_empty() => skipped += 1,
                Ok(mapped) => {
                    let target = match (&self.topics.backfill, input.backfill) {
                        (Some(backfill), true) => backfill,
                        _ => &self.topics.actions,
                    };
                    for (key, value, at_ms) in &mapped {
                        let at = input.backfill.then_some(*at_ms);
                        send(&self.producer, target, Some(key), Some(value), &[], at)?;
                    }
                }
                Err(message) => {
                    dead += 1;
                    self.stats.unmapped(record, &message);
                    let death = Death {
                        stage: "mapping",
                        class: "mapping",
                        message: &message,
                    };
                    let out = dead_letter(record, &death);
                    let (key, value) = (out.key.as_deref(), out.value.as_deref());
                    let topic = &self.topics.dead_letter;
                    send(&self.producer, topic, key, value, &out.headers, None)?;
                }
            }
        }
        self.producer.drain()?;
        let offsets: Vec<_> = next.into_iter().collect();
        let metadata = self.group.metadata().ok_or_else(|| Abort {
            step: "send_offsets",
            reason: "the consumer has no group metadata".into(),
            cause: AbortCause::Generation,
        })?;
        self.producer.send_offsets(&offsets, &metadata)?;
        self.producer.commit()?;
        let records = u64::try_from(self.batch.len()).unwrap_or(u64::MAX);
        self.stats.raw_records.fetch_add(records, Ordering::Relaxed);
        self.stats.metrics.transactions.add("committed", 1);
        self.stats.raw_skipped.fetch_add(skipped, Ordering::Relaxed);
        self.stats.raw_dead.fetch_add(dead, Ordering::Relaxed);
        Ok(offsets)
    }

    /// Forgets the batch, replaces the producer and goes back to what is committed: after a commit
    /// of unknown outcome only the group knows what that is.
    fn give_up(&mut self, abort: &Abort) -> Result<(), WorkerError> {
        tracing::warn!(cause = ?abort.cause, "raw inputs: {abort}");
        self.stats.aborts.fetch_add(1, Ordering::Relaxed);
        self.batch.clear();
        self.bytes = 0;
        self.aborts += 1;
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
        self.rebuild()?;
        let pause = Duration::from_millis(50)
            .saturating_mul(1 << self.aborts.saturating_sub(1).min(8))
            .min(BACK_OFF_MAX);
        self.serve(pause)?;
        for place in self.ours.keys().cloned().collect::<Vec<_>>() {
            let start = self.start_of(&place)?;
            self.group.pause(&place)?;
            self.group.seek(&place, start)?;
            self.group.resume(&place)?;
            self.ours.insert(place, start);
        }
        Ok(())
    }

    fn rebuild(&mut self) -> Result<(), WorkerError> {
        self.producer.discard();
        let timeout = Duration::from_millis(self.kafka.transaction_timeout_ms());
        let config = self.kafka.transactional_producer("raw");
        let mut next = TransactionalProducer::new("producer-raw", config, "", timeout);
        let mut failed = None;
        let done = next.rebuild(&mut |_| match self.serve(Duration::from_millis(50)) {
            Ok(()) => breaks(&self.stop),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        });
        if let Some(error) = failed {
            return Err(error);
        }
        match done {
            Err(_) if self.stop.requested() => {
                // Not committed, so it never happened.
                self.batch.clear();
                Ok(())
            }
            Err(error) => Err(error.into()),
            Ok(()) => {
                self.producer = next;
                Ok(())
            }
        }
    }

    /// Polls for the group's events. Records that come are kept like any others.
    fn serve(&mut self, within: Duration) -> Result<(), WorkerError> {
        let until = Instant::now() + within;
        loop {
            self.read()?;
            self.answer_group(false)?;
            if Instant::now() >= until || self.stop.requested() {
                return Ok(());
            }
        }
    }
}

fn breaks(stop: &Stop) -> ControlFlow<()> {
    if stop.requested() {
        ControlFlow::Break(())
    } else {
        ControlFlow::Continue(())
    }
}

fn send(
    producer: &TransactionalProducer,
    topic: &str,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    headers: &[(String, Option<Vec<u8>>)],
    timestamp_ms: Option<i64>,
) -> Result<(), Abort> {
    producer.send(&Outgoing {
        topic,
        partition: None,
        key,
        value,
        headers,
        timestamp_ms,
    })
}
