//! The two consumers of a worker: one in the group for the actions, one whose partitions are
//! assigned by hand.
//!
//! A rebalance is *recorded* by the callback and *carried out* by the worker as soon as `poll`
//! returns, which it does after every rebalance event: same thread, nothing polled in between. The
//! group waits for our answer as it would inside the callback, and the worker can finish its commit
//! with all of its state at hand before it lets a partition go.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{
    BaseConsumer, CommitMode, Consumer, ConsumerContext, ConsumerGroupMetadata,
};
use rdkafka::error::KafkaError;
use rdkafka::message::BorrowedMessage;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaRespErr;

use super::error::{Error, describe, is_out_of_range, is_transient};
use super::fold::Fold;

/// How long a seek may take to be accepted; it is handled inside the client.
const SEEK_WITHIN: Duration = Duration::from_secs(2);

/// A partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    pub topic: String,
    pub partition: i32,
}

/// What the group decided. Lists may be empty and must be answered all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RebalanceEvent {
    /// Ours from now on; answer with [`GroupConsumer::accept`].
    Assigned(Vec<TopicPartition>),
    /// Ours no longer; ask [`GroupConsumer::lost`], then answer with [`GroupConsumer::let_go`].
    Released(Vec<TopicPartition>),
}

/// What a poll brought.
pub enum Polled<'a> {
    Record(BorrowedMessage<'a>),
    /// Nothing, or an event that has been recorded.
    Nothing,
    /// A position lies outside its log; which one has to be looked up.
    OutOfRange,
    /// Trouble that passes; it has been counted and logged.
    Trouble,
    /// The client is finished; the process should end with this reason.
    Fatal(String),
}

/// Receives the events of one consumer on the thread that polls it.
pub struct Context {
    name: String,
    events: Mutex<VecDeque<RebalanceEvent>>,
    /// While closing nobody is left to carry out events, so the callback answers itself.
    closing: AtomicBool,
    fold: Fold,
}

impl Context {
    fn new(name: &str) -> Self {
        Context {
            name: name.to_owned(),
            events: Mutex::new(VecDeque::new()),
            closing: AtomicBool::new(false),
            fold: Fold::default(),
        }
    }

    fn trouble(&self, text: &str) {
        if let Some(unsaid) = self.fold.note(text, Instant::now()) {
            tracing::warn!(client = %self.name, unsaid, "{text}");
        }
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log_line(&self.name, level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.trouble(&format!("{error}: {reason}"));
    }

    fn stats_raw(&self, _statistics: &[u8]) {}
}

impl ConsumerContext for Context {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        kind: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        let assigned = kind == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if self.closing.load(Ordering::Acquire) {
            // While the client closes librdkafka treats an assign as an unassign.
            let answer = if assigned {
                consumer.incremental_assign(list)
            } else {
                consumer.incremental_unassign(list)
            };
            if let Err(error) = answer {
                tracing::debug!(client = %self.name, %error, "answering a rebalance at close");
            }
            return;
        }
        let partitions = list
            .elements()
            .iter()
            .map(|e| TopicPartition {
                topic: e.topic().to_owned(),
                partition: e.partition(),
            })
            .collect();
        let event = if assigned {
            RebalanceEvent::Assigned(partitions)
        } else {
            RebalanceEvent::Released(partitions)
        };
        self.events
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_back(event);
    }

    fn main_queue_min_poll_interval(&self) -> rdkafka::util::Timeout {
        rdkafka::util::Timeout::After(Duration::from_millis(100))
    }
}

/// Hands a librdkafka log line to our own logging.
pub(super) fn log_line(client: &str, level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg
        | RDKafkaLogLevel::Alert
        | RDKafkaLogLevel::Critical
        | RDKafkaLogLevel::Error
        | RDKafkaLogLevel::Warning => {
            tracing::warn!(target: "librdkafka", client, facility, "{message}");
        }
        _ => tracing::debug!(target: "librdkafka", client, facility, "{message}"),
    }
}

fn create(config: &ClientConfig, name: &str) -> Result<BaseConsumer<Context>, Error> {
    config
        .create_with_context(Context::new(name))
        .map_err(|e| Error::Client {
            client: name.to_owned(),
            reason: describe(&e),
        })
}

fn transient(what: &str, error: &KafkaError) -> Error {
    Error::Transient {
        what: what.to_owned(),
        reason: describe(error),
    }
}

fn poll(consumer: &BaseConsumer<Context>, wait: Duration) -> Polled<'_> {
    match consumer.poll(wait) {
        None => Polled::Nothing,
        Some(Ok(record)) => Polled::Record(record),
        Some(Err(error)) if is_out_of_range(&error) => Polled::OutOfRange,
        Some(Err(error)) if is_transient(&error) => {
            consumer.context().trouble(&describe(&error));
            Polled::Trouble
        }
        Some(Err(error)) => {
            let detail = consumer
                .client()
                .fatal_error()
                .map_or(String::new(), |(_, d)| d);
            Polled::Fatal(format!("{}; {detail}", describe(&error)))
        }
    }
}

fn list(partitions: &[(TopicPartition, i64)]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for (place, offset) in partitions {
        // Fails only for offsets that are no offsets; `Beginning` is then what is meant.
        let _ = list.add_partition_offset(&place.topic, place.partition, Offset::Offset(*offset));
    }
    list
}

fn names(partitions: &[TopicPartition]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for place in partitions {
        list.add_partition(&place.topic, place.partition);
    }
    list
}

fn seek(consumer: &BaseConsumer<Context>, to: &[(TopicPartition, i64)]) -> Result<(), Error> {
    let done = consumer
        .seek_partitions(list(to), SEEK_WITHIN)
        .map_err(|e| transient("seek", &e))?;
    for element in done.elements() {
        element.error().map_err(|e| transient("seek", &e))?;
    }
    Ok(())
}

fn pause(consumer: &BaseConsumer<Context>, place: &TopicPartition) -> Result<(), Error> {
    consumer
        .pause(&names(std::slice::from_ref(place)))
        .map_err(|e| transient("pause", &e))
}

fn resume(consumer: &BaseConsumer<Context>, place: &TopicPartition) -> Result<(), Error> {
    consumer
        .resume(&names(std::slice::from_ref(place)))
        .map_err(|e| transient("resume", &e))
}

fn position(consumer: &BaseConsumer<Context>, place: &TopicPartition) -> Option<i64> {
    positions(consumer).remove(place)
}

fn positions(consumer: &BaseConsumer<Context>) -> BTreeMap<TopicPartition, i64> {
    let Ok(list) = consumer.position() else {
        return BTreeMap::new();
    };
    let elements = list.elements();
    let known = elements.iter().filter_map(|e| match e.offset() {
        Offset::Offset(offset) => Some((
            TopicPartition {
                topic: e.topic().to_owned(),
                partition: e.partition(),
            },
            offset,
        )),
        _ => None,
    });
    known.collect()
}

/// A member of a group.
pub struct GroupConsumer {
    consumer: BaseConsumer<Context>,
}

impl GroupConsumer {
    /// Joins the group; partitions come as [`RebalanceEvent`]s.
    ///
    /// # Errors
    /// When a setting is refused.
    pub fn subscribe(config: &ClientConfig, name: &str, topics: &[&str]) -> Result<Self, Error> {
        let consumer = create(config, name)?;
        consumer
            .subscribe(topics)
            .map_err(|e| transient("subscribe", &e))?;
        Ok(GroupConsumer { consumer })
    }

    /// Waits up to `wait` for a record or an event.
    pub fn poll(&self, wait: Duration) -> Polled<'_> {
        poll(&self.consumer, wait)
    }

    /// The next thing the group decided, to be answered before the next poll.
    pub fn next_event(&self) -> Option<RebalanceEvent> {
        let context = self.consumer.context();
        context
            .events
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front()
    }

    /// Whether the assignment was taken away rather than asked back: nothing of it may be
    /// committed any more.
    #[must_use]
    pub fn lost(&self) -> bool {
        self.consumer.assignment_lost()
    }

    /// Answers an assignment. The partitions are paused: nothing arrives before [`Self::resume`].
    ///
    /// # Errors
    /// When librdkafka refuses; the member is then of no use.
    pub fn accept(&self, partitions: &[(TopicPartition, i64)]) -> Result<(), Error> {
        let list = list(partitions);
        self.consumer
            .incremental_assign(&list)
            .map_err(|e| transient("assign", &e))?;
        if partitions.is_empty() {
            return Ok(());
        }
        self.consumer
            .pause(&list)
            .map_err(|e| transient("pause", &e))
    }

    /// Answers a release.
    ///
    /// # Errors
    /// When librdkafka refuses; the member is then of no use.
    pub fn let_go(&self, partitions: &[TopicPartition]) -> Result<(), Error> {
        self.consumer
            .incremental_unassign(&names(partitions))
            .map_err(|e| transient("unassign", &e))
    }

    /// Holds a partition back; what was fetched ahead is fetched again later.
    ///
    /// # Errors
    /// When librdkafka does not know the partition.
    pub fn pause(&self, place: &TopicPartition) -> Result<(), Error> {
        pause(&self.consumer, place)
    }

    /// Lets a partition flow.
    ///
    /// # Errors
    /// When librdkafka does not know the partition.
    pub fn resume(&self, place: &TopicPartition) -> Result<(), Error> {
        resume(&self.consumer, place)
    }

    /// Moves a paused partition to an offset. Right after an assignment this may fail because
    /// the fetcher has not begun; call again.
    ///
    /// # Errors
    /// See above.
    pub fn seek(&self, place: &TopicPartition, offset: i64) -> Result<(), Error> {
        seek(&self.consumer, &[(place.clone(), offset)])
    }

    /// As [`SideConsumer::position`]. A seek forgets it at once, a new assignment a little later.
    #[must_use]
    pub fn position(&self, place: &TopicPartition) -> Option<i64> {
        position(&self.consumer, place)
    }

    /// [`Self::position`] of everything assigned.
    #[must_use]
    pub fn positions(&self) -> BTreeMap<TopicPartition, i64> {
        positions(&self.consumer)
    }

    /// Who we are in the group right now. Never keep it: the generation changes.
    #[must_use]
    pub fn metadata(&self) -> Option<ConsumerGroupMetadata> {
        self.consumer.group_metadata()
    }

    /// Commits offsets outside a transaction, for `delivery = "at_least_once"` only.
    ///
    /// # Errors
    /// When the group refuses or nobody answers.
    pub fn commit(&self, offsets: &[(TopicPartition, i64)]) -> Result<(), Error> {
        self.consumer
            .commit(&list(offsets), CommitMode::Sync)
            .map_err(|e| transient("commit offsets", &e))
    }

    /// Troubles so far.
    #[must_use]
    pub fn troubles(&self) -> u64 {
        self.consumer.context().fold.total()
    }

    /// Leaves, waiting for librdkafka no longer than `within`: its close has no limit of its own,
    /// so it runs on a thread that is left behind when it is late. A static member's partitions
    /// stay reserved for it until the session ends. Returns whether the close finished.
    pub fn close(self, within: Duration) -> bool {
        self.consumer
            .context()
            .closing
            .store(true, Ordering::Release);
        drop_within(self.consumer, within)
    }
}

/// Drops `value` on a thread of its own and waits up to `within`.
fn drop_within<T: Send + 'static>(value: T, within: Duration) -> bool {
    let (done, finished) = std::sync::mpsc::channel::<()>();
    let spawned = std::thread::Builder::new()
        .name("close".into())
        .spawn(move || {
            drop(value);
            drop(done);
        });
    // The sender is dropped when the thread is through: that ends the wait, not a message.
    spawned.is_ok()
        && finished.recv_timeout(within) == Err(std::sync::mpsc::RecvTimeoutError::Disconnected)
}

/// A consumer whose partitions its owner assigns.
pub struct SideConsumer {
    consumer: BaseConsumer<Context>,
}

impl SideConsumer {
    /// # Errors
    /// When a setting is refused.
    pub fn new(config: &ClientConfig, name: &str) -> Result<Self, Error> {
        Ok(SideConsumer {
            consumer: create(config, name)?,
        })
    }

    /// Waits up to `wait` for a record.
    pub fn poll(&self, wait: Duration) -> Polled<'_> {
        poll(&self.consumer, wait)
    }

    /// Starts reading partitions at offsets.
    ///
    /// # Errors
    /// When one is assigned already.
    pub fn add(&self, partitions: &[(TopicPartition, i64)]) -> Result<(), Error> {
        self.consumer
            .incremental_assign(&list(partitions))
            .map_err(|e| transient("assign by hand", &e))
    }

    /// Stops reading partitions; nothing of theirs arrives afterwards.
    ///
    /// # Errors
    /// When one is not assigned.
    pub fn remove(&self, partitions: &[TopicPartition]) -> Result<(), Error> {
        self.consumer
            .incremental_unassign(&names(partitions))
            .map_err(|e| transient("unassign by hand", &e))
    }

    /// Holds a partition back.
    ///
    /// # Errors
    /// When it is not assigned.
    pub fn pause(&self, place: &TopicPartition) -> Result<(), Error> {
        pause(&self.consumer, place)
    }

    /// Lets a partition flow.
    ///
    /// # Errors
    /// When it is not assigned.
    pub fn resume(&self, place: &TopicPartition) -> Result<(), Error> {
        resume(&self.consumer, place)
    }

    /// The offset after the last record or transaction marker that was handed out of `place`;
    /// `None` before the first.
    #[must_use]
    pub fn position(&self, place: &TopicPartition) -> Option<i64> {
        position(&self.consumer, place)
    }

    /// [`Self::position`] of everything assigned.
    #[must_use]
    pub fn positions(&self) -> BTreeMap<TopicPartition, i64> {
        positions(&self.consumer)
    }

    /// Ends the client, waiting no longer than `within`.
    pub fn close(self, within: Duration) -> bool {
        self.consumer
            .context()
            .closing
            .store(true, Ordering::Release);
        drop_within(self.consumer, within)
    }
}
