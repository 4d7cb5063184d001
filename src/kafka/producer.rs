//! The transactional producer and its five rules:
//!
//! 1. after any error of a transaction call, and after any failed delivery, the client is dropped;
//!    a new client with the same transactional id fences records of the old one that are still on
//!    their way;
//! 2. a connection error makes the client *suspect*: it is replaced before the next transaction;
//! 3. a commit may take as long as the transaction may, and its result is never guessed;
//! 4. before a commit, deliveries are drained with polls of one millisecond; the commit alone would
//!    wait 100 ms inside the client;
//! 5. there is one transaction at a time.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::util::Timeout;

use super::TopicPartition;
use super::client::{ClientSettings, EventReporter};
use super::error::{AbortCause, ClientError, TransactionAbort, is_lasting};

/// Wait of one poll for deliveries.
const DRAIN_SLICE: Duration = Duration::from_millis(1);
/// Wait of one call of `init_transactions`. Between two calls the caller polls its consumer: a
/// longer call would cost the group membership.
const INIT_SLICE: Duration = Duration::from_secs(1);
/// Failed deliveries whose reason is kept for the error message; all are counted.
const FAILURES_KEPT: usize = 3;

/// A record to be produced.
#[derive(Debug, Clone, Copy)]
pub struct OutgoingRecord<'a> {
    pub topic: &'a str,
    /// `None`: chosen by the key's murmur2 hash, as the Java clients do.
    pub partition: Option<i32>,
    pub key: Option<&'a [u8]>,
    /// `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    pub headers: &'a [(String, Option<Vec<u8>>)],
}

/// Receives the deliveries and events of one producer.
struct DeliveryTracker {
    reporter: EventReporter,
    /// The topic whose delivered offsets are kept.
    tracked_topic: String,
    deliveries: Mutex<DeliveryCounts>,
    suspect: AtomicBool,
}

/// The deliveries of one transaction.
#[derive(Debug, Default)]
struct DeliveryCounts {
    failed: u64,
    reasons: Vec<String>,
    /// Topic and error code of the first failure whose cause may last.
    lasting: Option<(String, RDKafkaErrorCode)>,
    /// Last delivered offset of the tracked topic, per partition.
    offset_last: BTreeMap<i32, i64>,
}

impl DeliveryTracker {
    fn lock_deliveries(&self) -> std::sync::MutexGuard<'_, DeliveryCounts> {
        self.deliveries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for DeliveryTracker {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.reporter.report_log_line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.suspect.store(true, Ordering::Release);
        self.reporter.report_trouble(&format!("{error}: {reason}"));
    }

    fn stats_raw(&self, _statistics: &[u8]) {}
}

impl ProducerContext for DeliveryTracker {
    type DeliveryOpaque = ();

    // Called from C code: it must not panic.
    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let mut deliveries = self.lock_deliveries();
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

/// A producer whose client is replaced whenever the state of its transaction is in doubt. Without a
/// transactional id in its settings it serves `delivery = "at_least_once"`: then it writes without
/// transactions, and its caller commits the offsets.
pub struct TransactionalProducer {
    settings: ClientSettings,
    tracked_topic: String,
    timeout: Duration,
    inner: Option<BaseProducer<DeliveryTracker>>,
}

impl TransactionalProducer {
    /// A producer without a client; [`Self::rebuild_client`] makes it. `timeout` is the transaction
    /// time-out, `tracked_topic` the topic of [`Self::offset_last`].
    #[must_use]
    pub fn new(settings: ClientSettings, tracked_topic: &str, timeout: Duration) -> Self {
        TransactionalProducer {
            settings,
            tracked_topic: tracked_topic.to_owned(),
            timeout,
            inner: None,
        }
    }

    fn is_transactional(&self) -> bool {
        self.settings.get("transactional.id").is_some()
    }

    /// Whether the client must be rebuilt before the next transaction. Without transactions only a
    /// missing client must: an existing one repeats by itself what a connection error has cost.
    #[must_use]
    pub fn is_suspect(&self) -> bool {
        let transactional = self.is_transactional();
        self.inner
            .as_ref()
            .is_none_or(|p| transactional && p.context().suspect.load(Ordering::Acquire))
    }

    /// Drops the client, and with it an open transaction.
    pub fn discard_client(&mut self) {
        self.inner = None;
    }

    /// Makes a new client, which fences the one before. `serve` is called while it waits for the
    /// broker, with the last error if there was one: it polls the consumer, and may break off.
    ///
    /// # Errors
    /// [`ClientError::Client`] for a refused setting, [`ClientError::Abort`] with the cause
    /// `Refused` or `Fenced`, and [`ClientError::Transient`] when `serve` broke off. After any
    /// other error it tries again, without limit.
    pub fn rebuild_client(
        &mut self,
        serve: &mut dyn FnMut(Option<&str>) -> ControlFlow<()>,
    ) -> Result<(), ClientError> {
        self.inner = None;
        loop {
            let producer = self.create_client()?;
            match self.init_transactions(&producer, serve) {
                Ok(()) => {
                    // The broker has answered: connection errors on the way to it are over.
                    producer.context().suspect.store(false, Ordering::Release);
                    self.inner = Some(producer);
                    return Ok(());
                }
                Err(Some(error)) => return Err(error),
                // This client cannot retry, but another may succeed.
                Err(None) => {}
            }
        }
    }

    fn create_client(&self) -> Result<BaseProducer<DeliveryTracker>, ClientError> {
        self.settings.create_client(DeliveryTracker {
            reporter: self.settings.event_reporter(),
            tracked_topic: self.tracked_topic.clone(),
            deliveries: Mutex::default(),
            suspect: AtomicBool::new(false),
        })
    }

    /// `Err(None)`: the caller should try with another client.
    fn init_transactions(
        &self,
        producer: &BaseProducer<DeliveryTracker>,
        serve: &mut dyn FnMut(Option<&str>) -> ControlFlow<()>,
    ) -> Result<(), Option<ClientError>> {
        if !self.is_transactional() {
            return Ok(());
        }
        loop {
            let Err(error) = producer.init_transactions(INIT_SLICE) else {
                return Ok(());
            };
            let abort = TransactionAbort::new("init_transactions", &error);
            if matches!(abort.cause, AbortCause::Refused | AbortCause::Fenced) {
                return Err(Some(abort.into()));
            }
            producer.poll(Duration::ZERO);
            let is_due = producer.context().reporter.count_trouble(&abort.reason);
            if serve(is_due.then_some(&abort.reason)).is_break() {
                let what = format!("{}: init_transactions", self.settings.client_id());
                return Err(Some(ClientError::Transient {
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

    fn require_client(
        &self,
        step: &'static str,
    ) -> Result<&BaseProducer<DeliveryTracker>, TransactionAbort> {
        self.inner
            .as_ref()
            .ok_or_else(|| TransactionAbort::in_doubt(step, "the producer has no client"))
    }

    /// Serves the client's callbacks; call it in every turn of the loop.
    pub fn poll(&self) {
        if let Some(producer) = &self.inner {
            producer.poll(Duration::ZERO);
        }
    }

    /// Begins a transaction and resets the counts of deliveries.
    ///
    /// # Errors
    /// After any error: discard and rebuild the client.
    pub fn begin_transaction(&self) -> Result<(), TransactionAbort> {
        let producer = self.require_client("begin")?;
        *producer.context().lock_deliveries() = DeliveryCounts::default();
        if !self.is_transactional() {
            return Ok(());
        }
        producer
            .begin_transaction()
            .map_err(|e| TransactionAbort::new("begin", &e))
    }

    /// Queues a record; while the client's queue is full it polls and waits.
    ///
    /// # Errors
    /// After any error: discard and rebuild the client.
    pub fn send_record(&self, out: &OutgoingRecord<'_>) -> Result<(), TransactionAbort> {
        let producer = self.require_client("produce")?;
        let deadline = Instant::now() + self.timeout;
        let mut record = base_record(out);
        loop {
            match producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    if Instant::now() >= deadline {
                        return Err(TransactionAbort::in_doubt(
                            "produce",
                            "the producer's queue stays full",
                        ));
                    }
                    record = back;
                    producer.poll(DRAIN_SLICE);
                }
                Err((error, _)) => {
                    // After a failed delivery the client takes nothing more: that failure counts.
                    producer.poll(DRAIN_SLICE);
                    if let Some(abort) = failed_deliveries(producer, "produce") {
                        return Err(abort);
                    }
                    let mut abort = TransactionAbort::new("produce", &error);
                    abort.reason = format!("{}: {}", out.topic, abort.reason);
                    return Err(match error.rdkafka_error_code() {
                        Some(code) => abort.with_failed_record(out.topic, code),
                        None => abort,
                    });
                }
            }
        }
    }

    /// Waits until the broker has acknowledged every queued record.
    ///
    /// # Errors
    /// As soon as a delivery has failed, or when records are left after the transaction time-out:
    /// discard and rebuild the client.
    pub fn drain_deliveries(&self) -> Result<(), TransactionAbort> {
        let producer = self.require_client("drain")?;
        let deadline = Instant::now() + self.timeout;
        while producer.in_flight_count() > 0 {
            producer.poll(DRAIN_SLICE);
            // The client may never say what becomes of the rest of this transaction.
            if let Some(abort) = failed_deliveries(producer, "drain") {
                return Err(abort);
            }
            if Instant::now() >= deadline {
                let left = producer.in_flight_count();
                return Err(TransactionAbort::in_doubt(
                    "drain",
                    format!("{left} records unacknowledged"),
                ));
            }
        }
        failed_deliveries(producer, "drain").map_or(Ok(()), Err)
    }

    /// The last delivered offset of the tracked topic in this transaction.
    #[must_use]
    pub fn offset_last(&self, partition: i32) -> Option<i64> {
        let producer = self.inner.as_ref()?;
        producer
            .context()
            .lock_deliveries()
            .offset_last
            .get(&partition)
            .copied()
    }

    /// Adds the group's next offsets to the transaction. The broker refuses both when `metadata` is
    /// of a past generation.
    ///
    /// # Errors
    /// After any error: discard and rebuild the client.
    pub fn send_offsets(
        &self,
        offsets: &[(TopicPartition, i64)],
        metadata: &ConsumerGroupMetadata,
    ) -> Result<(), TransactionAbort> {
        let producer = self.require_client("send_offsets")?;
        let mut list = TopicPartitionList::with_capacity(offsets.len());
        for (of, offset) in offsets {
            list.add_partition_offset(&of.topic, of.partition, Offset::Offset(*offset))
                .map_err(|e| TransactionAbort::new("send_offsets", &e))?;
        }
        producer
            .send_offsets_to_transaction(&list, metadata, self.timeout)
            .map_err(|e| TransactionAbort::new("send_offsets", &e))
    }

    /// Commits the transaction; call [`Self::drain_deliveries`] before. After an error it is
    /// unknown whether the broker has committed.
    ///
    /// # Errors
    /// After any error: discard and rebuild the client.
    pub fn commit_transaction(&self) -> Result<(), TransactionAbort> {
        let producer = self.require_client("commit")?;
        producer
            .commit_transaction(Timeout::Never)
            .map_err(|e| TransactionAbort::new("commit", &e))
    }
}

/// The abort that follows from failed deliveries; `None` while none has failed.
fn failed_deliveries(
    producer: &BaseProducer<DeliveryTracker>,
    step: &'static str,
) -> Option<TransactionAbort> {
    let deliveries = producer.context().lock_deliveries();
    if deliveries.failed == 0 {
        return None;
    }
    let (failed, reasons) = (deliveries.failed, deliveries.reasons.join("; "));
    let lasting = deliveries.lasting.clone();
    drop(deliveries);
    let mut abort = TransactionAbort::in_doubt(step, format!("{failed} records failed: {reasons}"));
    if let Some((topic, code)) = lasting {
        abort = abort.with_failed_record(&topic, code);
    }
    let fatal = producer.client().fatal_error();
    if let Some((RDKafkaErrorCode::Fenced | RDKafkaErrorCode::ProducerFenced, _)) = fatal {
        abort.cause = AbortCause::Fenced;
    }
    Some(abort)
}

fn base_record<'a>(out: &OutgoingRecord<'a>) -> BaseRecord<'a, [u8], [u8]> {
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
