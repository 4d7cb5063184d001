//! The two consumers of a worker: a member of the group for the actions, and a side consumer whose
//! partitions the worker assigns itself.
//!
//! The rebalance callback only *records* what the group decided. The worker *carries it out* as
//! soon as `poll` returns, which it does after every rebalance: on the same thread, with nothing
//! polled in between. So the group waits for our answer as it would inside the callback, and the
//! worker can finish its commit, with all of its state at hand, before it releases a partition.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{
    BaseConsumer, CommitMode, Consumer, ConsumerContext, ConsumerGroupMetadata,
};
use rdkafka::error::KafkaError;
use rdkafka::message::BorrowedMessage;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaRespErr;

use super::TopicPartition;
use super::client::{ClientSettings, EventReporter};
use super::error::{ClientError, describe_error, is_out_of_range, is_transient};

/// How long a seek may take to be accepted; the client handles it without a request.
const SEEK_WITHIN: Duration = Duration::from_secs(2);

/// What the group decided. A list may be empty; it needs a reply all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RebalanceEvent {
    /// The member gets these partitions; answer with [`GroupConsumer::accept_assignment`].
    Assigned(Vec<TopicPartition>),
    /// The member gives these partitions up; ask [`GroupConsumer::assignment_lost`], then answer
    /// with [`GroupConsumer::release_partitions`].
    Released(Vec<TopicPartition>),
}

/// The result of one poll.
pub enum PollResult<'a> {
    Record(BorrowedMessage<'a>),
    /// No record within the wait, or a rebalance that was recorded.
    Nothing,
    /// The position of a partition lies outside its log; the caller has to find out which one.
    OutOfRange,
    /// A transient error; it was counted and reported.
    Trouble,
    /// The client cannot go on; the process should end with this reason.
    Fatal(String),
}

/// Receives the events of one consumer on the thread that polls it.
struct ConsumerEvents {
    reporter: EventReporter,
    rebalances: Mutex<VecDeque<RebalanceEvent>>,
    /// While the consumer closes nobody carries rebalances out, so the callback answers itself.
    closing: AtomicBool,
}

impl ClientContext for ConsumerEvents {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.reporter.report_log_line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.reporter.report_trouble(&format!("{error}: {reason}"));
    }

    fn stats_raw(&self, _statistics: &[u8]) {}
}

impl ConsumerContext for ConsumerEvents {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        kind: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        let assigned = kind == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if self.closing.load(Ordering::Acquire) {
            // While the client closes librdkafka treats an assign as an unassign.
            let reply = if assigned {
                consumer.incremental_assign(list)
            } else {
                consumer.incremental_unassign(list)
            };
            if let Err(error) = reply {
                let message = format!("rebalance not answered while closing: {error}");
                self.reporter.report_ignored(&message);
            }
            return;
        }
        let partitions = list
            .elements()
            .iter()
            .map(|e| TopicPartition::new(e.topic(), e.partition()))
            .collect();
        let event = if assigned {
            RebalanceEvent::Assigned(partitions)
        } else {
            RebalanceEvent::Released(partitions)
        };
        self.rebalances
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_back(event);
    }

    fn main_queue_min_poll_interval(&self) -> rdkafka::util::Timeout {
        rdkafka::util::Timeout::After(Duration::from_millis(100))
    }
}

fn transient_error(what: &str, error: &KafkaError) -> ClientError {
    ClientError::Transient {
        what: what.to_owned(),
        reason: describe_error(error),
    }
}

fn offset_list(partitions: &[(TopicPartition, i64)]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for (of, offset) in partitions {
        // Fails only for a negative number that is no offset; the list then says `Beginning`.
        let _ = list.add_partition_offset(&of.topic, of.partition, Offset::Offset(*offset));
    }
    list
}

fn partition_list(partitions: &[TopicPartition]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for of in partitions {
        list.add_partition(&of.topic, of.partition);
    }
    list
}

/// The part that both consumers have: polling, and pausing and resuming single partitions.
pub struct PartitionConsumer {
    inner: BaseConsumer<ConsumerEvents>,
}

impl PartitionConsumer {
    fn create(settings: &ClientSettings) -> Result<Self, ClientError> {
        let events = ConsumerEvents {
            reporter: settings.event_reporter(),
            rebalances: Mutex::new(VecDeque::new()),
            closing: AtomicBool::new(false),
        };
        Ok(PartitionConsumer {
            inner: settings.create_client(events)?,
        })
    }

    /// Waits up to `wait` for a record or a rebalance.
    pub fn poll(&self, wait: Duration) -> PollResult<'_> {
        match self.inner.poll(wait) {
            None => PollResult::Nothing,
            Some(Ok(record)) => PollResult::Record(record),
            Some(Err(error)) if is_out_of_range(&error) => PollResult::OutOfRange,
            Some(Err(error)) if is_transient(&error) => {
                let reporter = &self.inner.context().reporter;
                reporter.report_trouble(&describe_error(&error));
                PollResult::Trouble
            }
            Some(Err(error)) => {
                let fatal = self.inner.client().fatal_error();
                let detail = fatal.map_or(String::new(), |(_, detail)| detail);
                PollResult::Fatal(format!("{}; {detail}", describe_error(&error)))
            }
        }
    }

    /// Stops fetching a partition. Records that were fetched ahead are dropped and fetched again
    /// after [`Self::resume`].
    ///
    /// # Errors
    /// When the partition is not assigned.
    pub fn pause(&self, of: &TopicPartition) -> Result<(), ClientError> {
        let list = partition_list(std::slice::from_ref(of));
        let paused = self.inner.pause(&list);
        paused.map_err(|e| transient_error("pause", &e))
    }

    /// Fetches a paused partition again.
    ///
    /// # Errors
    /// When the partition is not assigned.
    pub fn resume(&self, of: &TopicPartition) -> Result<(), ClientError> {
        let list = partition_list(std::slice::from_ref(of));
        let resumed = self.inner.resume(&list);
        resumed.map_err(|e| transient_error("resume", &e))
    }

    /// Moves a paused partition to an offset.
    ///
    /// # Errors
    /// Right after an assignment, while the fetcher has not begun: call it again.
    pub fn seek(&self, of: &TopicPartition, offset: i64) -> Result<(), ClientError> {
        let list = offset_list(&[(of.clone(), offset)]);
        let done = self
            .inner
            .seek_partitions(list, SEEK_WITHIN)
            .map_err(|e| transient_error("seek", &e))?;
        for element in done.elements() {
            element.error().map_err(|e| transient_error("seek", &e))?;
        }
        Ok(())
    }

    /// The offset after the last record or transaction marker that was polled from a partition;
    /// `None` before the first. A seek forgets it at once, a new assignment a little later.
    #[must_use]
    pub fn position(&self, of: &TopicPartition) -> Option<i64> {
        self.positions().remove(of)
    }

    /// [`Self::position`] of every assigned partition that has one.
    #[must_use]
    pub fn positions(&self) -> BTreeMap<TopicPartition, i64> {
        let Ok(list) = self.inner.position() else {
            return BTreeMap::new();
        };
        let elements = list.elements();
        let known = elements.iter().filter_map(|e| match e.offset() {
            Offset::Offset(offset) => Some((TopicPartition::new(e.topic(), e.partition()), offset)),
            _ => None,
        });
        known.collect()
    }

    fn assign(&self, partitions: &[(TopicPartition, i64)]) -> Result<(), ClientError> {
        self.inner
            .incremental_assign(&offset_list(partitions))
            .map_err(|e| transient_error("assign", &e))
    }

    fn unassign(&self, partitions: &[TopicPartition]) -> Result<(), ClientError> {
        self.inner
            .incremental_unassign(&partition_list(partitions))
            .map_err(|e| transient_error("unassign", &e))
    }

    /// Drops the client on a thread of its own and waits up to `within`: librdkafka's close has no
    /// time limit. Returns whether it ended in time; otherwise the thread is left behind.
    fn close_within(self, within: Duration) -> bool {
        let (done, finished) = std::sync::mpsc::channel::<()>();
        let spawned = std::thread::Builder::new()
            .name("close".into())
            .spawn(move || {
                drop(self);
                drop(done);
            });
        // The thread sends nothing: when it ends it drops the sender, and that ends the wait.
        spawned.is_ok()
            && finished.recv_timeout(within) == Err(std::sync::mpsc::RecvTimeoutError::Disconnected)
    }
}

impl Drop for PartitionConsumer {
    /// The end of the client waits for the answer to its last rebalance. Nobody carries rebalances
    /// out any more, however the consumer came to be dropped, so the callback answers.
    fn drop(&mut self) {
        let events = self.inner.context();
        events.closing.store(true, Ordering::Release);
        // Neither does the client end before those that were recorded are answered.
        let recorded = std::mem::take(
            &mut *events
                .rebalances
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        for event in recorded {
            let reply = match event {
                RebalanceEvent::Assigned(partitions) => {
                    self.inner.incremental_assign(&partition_list(&partitions))
                }
                RebalanceEvent::Released(partitions) => self
                    .inner
                    .incremental_unassign(&partition_list(&partitions)),
            };
            if let Err(error) = reply {
                let message = format!("rebalance not answered while closing: {error}");
                events.reporter.report_ignored(&message);
            }
        }
    }
}

/// A member of a consumer group.
pub struct GroupConsumer(PartitionConsumer);

impl Deref for GroupConsumer {
    type Target = PartitionConsumer;

    fn deref(&self) -> &PartitionConsumer {
        &self.0
    }
}

impl GroupConsumer {
    /// Joins the group; partitions arrive as [`RebalanceEvent`]s.
    ///
    /// # Errors
    /// When librdkafka refuses a setting.
    pub fn subscribe(settings: &ClientSettings, topics: &[&str]) -> Result<Self, ClientError> {
        let consumer = PartitionConsumer::create(settings)?;
        let subscribed = consumer.inner.subscribe(topics);
        subscribed.map_err(|e| transient_error("subscribe", &e))?;
        Ok(GroupConsumer(consumer))
    }

    /// The next decision of the group, to be answered before the next poll.
    pub fn next_rebalance(&self) -> Option<RebalanceEvent> {
        let events = self.inner.context();
        events
            .rebalances
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front()
    }

    /// Whether another member may have the partitions already: then nothing of theirs may be
    /// committed any more.
    #[must_use]
    pub fn assignment_lost(&self) -> bool {
        self.inner.assignment_lost()
    }

    /// Answers an assignment. The partitions are paused: no record arrives before
    /// [`PartitionConsumer::resume`].
    ///
    /// # Errors
    /// When librdkafka refuses; the member cannot be used any more.
    pub fn accept_assignment(
        &self,
        partitions: &[(TopicPartition, i64)],
    ) -> Result<(), ClientError> {
        self.assign(partitions)?;
        if partitions.is_empty() {
            return Ok(());
        }
        self.inner
            .pause(&offset_list(partitions))
            .map_err(|e| transient_error("pause", &e))
    }

    /// Answers a release.
    ///
    /// # Errors
    /// When librdkafka refuses; the member cannot be used any more.
    pub fn release_partitions(&self, partitions: &[TopicPartition]) -> Result<(), ClientError> {
        self.unassign(partitions)
    }

    /// The member's identity and generation in the group. Ask for it each time: the generation
    /// changes with every rebalance.
    #[must_use]
    pub fn group_metadata(&self) -> Option<ConsumerGroupMetadata> {
        self.inner.group_metadata()
    }

    /// Commits offsets outside a transaction, for `delivery = "at_least_once"` only.
    ///
    /// # Errors
    /// When the group refuses or no broker answers.
    pub fn commit_offsets(&self, offsets: &[(TopicPartition, i64)]) -> Result<(), ClientError> {
        self.inner
            .commit(&offset_list(offsets), CommitMode::Sync)
            .map_err(|e| transient_error("commit offsets", &e))
    }

    /// Leaves the group, waiting no longer than `within`; returns whether it ended in time. A
    /// static member's partitions stay reserved for it until its session ends.
    pub fn close(self, within: Duration) -> bool {
        self.0.close_within(within)
    }
}

/// A consumer without a group: its owner assigns its partitions.
pub struct SideConsumer(PartitionConsumer);

impl Deref for SideConsumer {
    type Target = PartitionConsumer;

    fn deref(&self) -> &PartitionConsumer {
        &self.0
    }
}

impl SideConsumer {
    /// A consumer without partitions.
    ///
    /// # Errors
    /// When librdkafka refuses a setting.
    pub fn new(settings: &ClientSettings) -> Result<Self, ClientError> {
        PartitionConsumer::create(settings).map(SideConsumer)
    }

    /// Starts reading partitions, each at its offset.
    ///
    /// # Errors
    /// When a partition is assigned already.
    pub fn add_partitions(&self, partitions: &[(TopicPartition, i64)]) -> Result<(), ClientError> {
        self.assign(partitions)
    }

    /// Stops reading partitions; none of their records arrives afterwards.
    ///
    /// # Errors
    /// When a partition is not assigned.
    pub fn remove_partitions(&self, partitions: &[TopicPartition]) -> Result<(), ClientError> {
        self.unassign(partitions)
    }

    /// Ends the client, waiting no longer than `within`; returns whether it ended in time.
    pub fn close(self, within: Duration) -> bool {
        self.0.close_within(within)
    }
}
