//! The transactional producer with its hygiene rules (DESIGN 12):
//!
//! 1. after any error of a transaction call or any failed delivery the producer is thrown away; a
//!    new one with the same transactional id fences whatever of the old is still on its way;
//! 2. trouble on the wire makes a producer *suspect*: it is replaced before the next transaction;
//! 3. a commit is given all the time the transaction has, and its outcome is never guessed;
//! 4. deliveries are drained by polls of one millisecond before a flush or commit, which would
//!    otherwise wait 100 ms inside the client;
//! 5. one transaction at a time.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::util::Timeout;

use super::consumer::{TopicPartition, log_line};
use super::error::{Abort, AbortCause, Error, describe, is_lasting};
use super::fold::Fold;

/// One slice of waiting for deliveries.
const DRAIN_SLICE: Duration = Duration::from_millis(1);
/// One slice of `init_transactions`, between which the caller polls its consumer: a call that
/// blocks longer would cost the group membership.
const INIT_SLICE: Duration = Duration::from_secs(1);
/// Failed deliveries kept for the message; all are counted.
const FAILURES_KEPT: usize = 3;

/// A record to be produced.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    pub topic: &'a str,
    /// `None`: by the key, as the Java clients do.
    pub partition: Option<i32>,
    pub key: Option<&'a [u8]>,
    /// `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    pub headers: &'a [(String, Option<Vec<u8>>)],
}

struct Context {
    name: String,
    /// The topic whose delivered offsets are kept.
    tracked_topic: String,
    deliveries: Mutex<Deliveries>,
    suspect: AtomicBool,
    fold: Fold,
}

#[derive(Debug, Default)]
struct Deliveries {
    failed: u64,
    reasons: Vec<String>,
    /// Topic and code of the first failure that may last, else of none.
    lasting: Option<(String, RDKafkaErrorCode)>,
    /// Last delivered offset of the tracked topic, per partition.
    offset_last: BTreeMap<i32, i64>,
}

impl Context {
    fn deliveries(&self) -> std::sync::MutexGuard<'_, Deliveries> {
        self.deliveries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log_line(&self.name, level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.suspect.store(true, Ordering::Release);
        let text = format!("{error}: {reason}");
        if let Some(unsaid) = self.fold.note(&text, Instant::now()) {
            tracing::warn!(client = %self.name, unsaid, "{text}");
        }
    }

    fn stats_raw(&self, _statistics: &[u8]) {}
}

impl ProducerContext for Context {
    type DeliveryOpaque = ();

    // Called from C code: it must not panic.
    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let mut deliveries = self.deliveries();
        match result {
            Ok(message) if message.topic() == self.tracked_topic => {
                let last = deliveries
                    .offset_last
                    .entry(message.partition())
                    .or_insert(-1);
                *last = (*last).max(message.offset());
            }
            Ok(_) => {}
            Err((error, message)) => {
                deliveries.failed += 1;
                if deliveries.lasting.is_none()
                    && let Some(code) = error.rdkafka_error_code().filter(|c| is_lasting(*c))
                {
                    deliveries.lasting = Some((message.topic().to_owned(), code));
                }
                if deliveries.reasons.len() < FAILURES_KEPT {
                    let (topic, partition) = (message.topic(), message.partition());
                    deliveries
                        .reasons
                        .push(format!("{topic}/{partition}: {error}"));
                }
            }
        }
    }
}

/// A producer that is replaced whenever it is in doubt. Without a transactional id in its settings
/// it is the producer of `delivery = "at_least_once"`: then the transaction calls are left out by
/// the caller.
pub struct TransactionalProducer {
    name: String,
    config: ClientConfig,
    tracked_topic: String,
    timeout: Duration,
    inner: Option<BaseProducer<Context>>,
    rebuilds: u64,
}

impl TransactionalProducer {
    /// Settings only; [`Self::rebuild`] makes the client. `timeout` is the transaction time-out,
    /// `tracked_topic` the one whose delivered offsets [`Self::offset_last`] tells.
    #[must_use]
    pub fn new(name: &str, config: ClientConfig, tracked: &str, timeout: Duration) -> Self {
        TransactionalProducer {
            name: name.to_owned(),
            config,
            tracked_topic: tracked.to_owned(),
            timeout,
            inner: None,
            rebuilds: 0,
        }
    }

    fn transactional(&self) -> bool {
        self.config.get("transactional.id").is_some()
    }

    /// Whether the producer has to be rebuilt before the next transaction. One without transactions
    /// has nothing to be fenced: it retries by itself what trouble on the wire has cost.
    #[must_use]
    pub fn suspect(&self) -> bool {
        let transactional = self.transactional();
        self.inner
            .as_ref()
            .is_none_or(|p| transactional && p.context().suspect.load(Ordering::Acquire))
    }

    /// How often a producer was made.
    #[must_use]
    pub fn rebuilds(&self) -> u64 {
        self.rebuilds
    }

    /// Throws the producer away, and with it an open transaction.
    pub fn discard(&mut self) {
        self.inner = None;
    }

    /// Makes a new producer and fences the one before. `serve` is called between slices, with
    /// the last trouble if there was one; it polls the consumer and may break off.
    ///
    /// # Errors
    /// [`Error::Client`] for settings, [`Error::Abort`] with the cause `Refused` or `Fenced`, and
    /// [`Error::Transient`] when `serve` broke off. Other trouble is tried again for ever.
    pub fn rebuild(
        &mut self,
        serve: &mut dyn FnMut(Option<&str>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        self.inner = None;
        loop {
            let producer = self.create()?;
            match self.init(&producer, serve) {
                Ok(()) => {
                    // Trouble on the way to the broker is over once it has answered.
                    producer.context().suspect.store(false, Ordering::Release);
                    self.inner = Some(producer);
                    self.rebuilds += 1;
                    return Ok(());
                }
                Err(Some(error)) => return Err(error),
                // A client that is beyond retrying, though another may do.
                Err(None) => {}
            }
        }
    }

    fn create(&self) -> Result<BaseProducer<Context>, Error> {
        let context = Context {
            name: self.name.clone(),
            tracked_topic: self.tracked_topic.clone(),
            deliveries: Mutex::default(),
            suspect: AtomicBool::new(false),
            fold: Fold::default(),
        };
        self.config
            .create_with_context(context)
            .map_err(|e| Error::Client {
                client: self.name.clone(),
                reason: describe(&e),
            })
    }

    /// `Err(None)`: make another client and try again.
    fn init(
        &self,
        producer: &BaseProducer<Context>,
        serve: &mut dyn FnMut(Option<&str>) -> ControlFlow<()>,
    ) -> Result<(), Option<Error>> {
        if !self.transactional() {
            return Ok(());
        }
        loop {
            let Err(error) = producer.init_transactions(INIT_SLICE) else {
                return Ok(());
            };
            let abort = Abort::new("init_transactions", &error);
            if matches!(abort.cause, AbortCause::Refused | AbortCause::Fenced) {
                return Err(Some(abort.into()));
            }
            producer.poll(Duration::ZERO);
            if serve(Some(&abort.reason)).is_break() {
                let what = format!("{}: init_transactions", self.name);
                return Err(Some(Error::Transient {
                    what,
                    reason: abort.reason,
                }));
            }
            let again = matches!(&error, KafkaError::Transaction(e) if e.is_retriable());
            if !again {
                return Err(None);
            }
        }
    }

    fn live(&self, step: &'static str) -> Result<&BaseProducer<Context>, Abort> {
        self.inner
            .as_ref()
            .ok_or_else(|| Abort::doubt(step, "there is no producer"))
    }

    /// Serves the client's events; call it in every turn of the loop.
    pub fn poll(&self) {
        if let Some(producer) = &self.inner {
            producer.poll(Duration::ZERO);
        }
    }

    /// Begins a transaction and forgets the deliveries of the one before.
    ///
    /// # Errors
    /// Any: discard and rebuild.
    pub fn begin(&self) -> Result<(), Abort> {
        let producer = self.live("begin")?;
        *producer.context().deliveries() = Deliveries::default();
        if !self.transactional() {
            return Ok(());
        }
        producer
            .begin_transaction()
            .map_err(|e| Abort::new("begin", &e))
    }

    /// Hands a record to the client; waits, polling, while its queue is full.
    ///
    /// # Errors
    /// Any: discard and rebuild.
    pub fn send(&self, out: &Outgoing<'_>) -> Result<(), Abort> {
        let producer = self.live("produce")?;
        let deadline = Instant::now() + self.timeout;
        let mut record = base_record(out);
        loop {
            match producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    if Instant::now() >= deadline {
                        return Err(Abort::doubt("produce", "the producer's queue stays full"));
                    }
                    record = back;
                    producer.poll(DRAIN_SLICE);
                }
                Err((error, _)) => {
                    let mut abort = Abort::new("produce", &error);
                    abort.reason = format!("{}: {}", out.topic, abort.reason);
                    return Err(match error.rdkafka_error_code() {
                        Some(code) => abort.with_failure(out.topic, code),
                        None => abort,
                    });
                }
            }
        }
    }

    /// Waits until every record handed over is acknowledged.
    ///
    /// # Errors
    /// A failed delivery, or no end within the transaction time-out: discard and rebuild.
    pub fn drain(&self) -> Result<(), Abort> {
        let producer = self.live("drain")?;
        let deadline = Instant::now() + self.timeout;
        while producer.in_flight_count() > 0 {
            producer.poll(DRAIN_SLICE);
            if Instant::now() >= deadline {
                let left = producer.in_flight_count();
                return Err(Abort::doubt(
                    "drain",
                    format!("{left} records unacknowledged"),
                ));
            }
        }
        let deliveries = producer.context().deliveries();
        if deliveries.failed == 0 {
            return Ok(());
        }
        let (failed, reasons) = (deliveries.failed, deliveries.reasons.join("; "));
        let lasting = deliveries.lasting.clone();
        drop(deliveries);
        let fatal = producer.client().fatal_error();
        let mut abort = Abort::doubt("drain", format!("{failed} records failed: {reasons}"));
        if let Some((topic, code)) = lasting {
            abort = abort.with_failure(&topic, code);
        }
        if let Some((RDKafkaErrorCode::Fenced | RDKafkaErrorCode::ProducerFenced, _)) = fatal {
            abort.cause = AbortCause::Fenced;
        }
        Err(abort)
    }

    /// The last delivered offset of the tracked topic in this transaction.
    #[must_use]
    pub fn offset_last(&self, partition: i32) -> Option<i64> {
        let producer = self.inner.as_ref()?;
        producer
            .context()
            .deliveries()
            .offset_last
            .get(&partition)
            .copied()
    }

    /// Adds the group's next offsets. The broker refuses them, and with them the transaction,
    /// when `metadata` is of a past generation.
    ///
    /// # Errors
    /// Any: discard and rebuild.
    pub fn send_offsets(
        &self,
        offsets: &[(TopicPartition, i64)],
        metadata: &ConsumerGroupMetadata,
    ) -> Result<(), Abort> {
        let producer = self.live("send_offsets")?;
        let mut list = TopicPartitionList::with_capacity(offsets.len());
        for (place, offset) in offsets {
            list.add_partition_offset(&place.topic, place.partition, Offset::Offset(*offset))
                .map_err(|e| Abort::new("send_offsets", &e))?;
        }
        producer
            .send_offsets_to_transaction(&list, metadata, self.timeout)
            .map_err(|e| Abort::new("send_offsets", &e))
    }

    /// Commits; [`Self::drain`] must have returned first. An error leaves the outcome open.
    ///
    /// # Errors
    /// Any: discard and rebuild.
    pub fn commit(&self) -> Result<(), Abort> {
        let producer = self.live("commit")?;
        producer
            .commit_transaction(Timeout::Never)
            .map_err(|e| Abort::new("commit", &e))
    }
}

fn base_record<'a>(out: &Outgoing<'a>) -> BaseRecord<'a, [u8], [u8]> {
    let mut record = BaseRecord::<[u8], [u8]>::to(out.topic);
    if let Some(partition) = out.partition {
        record = record.partition(partition);
    }
    if let Some(key) = out.key {
        record = record.key(key);
    }
    if let Some(value) = out.value {
        record = record.payload(value);
    }
    if !out.headers.is_empty() {
        let headers = out.headers.iter().fold(
            OwnedHeaders::new_with_capacity(out.headers.len()),
            |headers, (key, value)| {
                headers.insert(Header {
                    key,
                    value: value.as_deref(),
                })
            },
        );
        record = record.headers(headers);
    }
    record
}
