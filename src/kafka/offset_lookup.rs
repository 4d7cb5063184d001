//! Look-ups that make a caller wait: the ends of logs, the committed offsets of a group, offsets by
//! time. They run on a thread of their own: a worker that waited for them would stop polling, and a
//! stable committed offset is known only once a predecessor's open transaction has ended.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::TopicPartition;
use super::client::{ClientSettings, RequestContext};
use super::error::{ClientError, describe_error};
use super::options::KafkaOptions;

/// Time for one look-up. After it the reply is an error, and the caller may ask again.
const REPLY_WITHIN: Duration = Duration::from_secs(5);
/// Time between two polls of the idle clients.
const IDLE_POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The two ends of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogEnds {
    /// The first offset that is still there.
    pub low: i64,
    /// The high watermark: the next offset, open transactions included.
    pub high: i64,
}

/// What to look up.
#[derive(Debug, Clone)]
pub enum LookupRequest {
    /// The ends of each of these logs.
    Ends(Vec<TopicPartition>),
    /// The group's stable committed offset.
    Committed(TopicPartition),
    /// The first offset at or after a time, epoch milliseconds.
    OffsetAt(TopicPartition, i64),
}

/// The reply to a request of the same name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookupReply {
    Ends(BTreeMap<TopicPartition, LogEnds>),
    Committed(Option<i64>),
    /// `None`: no record at or after that time.
    OffsetAt(Option<i64>),
}

type LookupResult = Result<LookupReply, String>;

/// The reply to one request, once it is there.
#[derive(Debug)]
pub struct PendingReply(Receiver<LookupResult>);

impl PendingReply {
    /// The reply; `None` while the look-up goes on. The error says in words what failed.
    #[must_use]
    pub fn try_receive(&self) -> Option<LookupResult> {
        match self.0.try_recv() {
            Ok(reply) => Some(reply),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Err("the lookup thread has ended".into())),
        }
    }
}

struct QueuedRequest {
    request: LookupRequest,
    reply: Sender<LookupResult>,
}

/// Sends requests to the look-up thread. Clones share the thread; it ends with the last clone.
#[derive(Clone)]
pub struct OffsetLookup {
    queue: Sender<QueuedRequest>,
}

impl OffsetLookup {
    /// Starts the thread; committed offsets are those of `group_id`.
    ///
    /// # Errors
    /// When librdkafka refuses a setting or the thread cannot be started.
    pub fn start(options: &KafkaOptions, group_id: &str) -> Result<Self, ClientError> {
        let create = |settings: ClientSettings| -> Result<BaseConsumer<RequestContext>, _> {
            settings.create_client(RequestContext(settings.event_reporter()))
        };
        let ends = create(options.watermark_client())?;
        let committed = create(options.committed_client(group_id))?;
        let (queue, requests) = channel();
        std::thread::Builder::new()
            .name("lookup".into())
            .spawn(move || serve_requests(&ends, &committed, &requests))
            .map_err(|e| ClientError::Client {
                client: "lookup".into(),
                reason: e.to_string(),
            })?;
        Ok(OffsetLookup { queue })
    }

    /// Sends a request without waiting for its reply.
    #[must_use]
    pub fn send_request(&self, request: LookupRequest) -> PendingReply {
        let (reply, receiver) = channel();
        // A thread that has ended drops the sender of the reply, which the receiver sees.
        let _ = self.queue.send(QueuedRequest { request, reply });
        PendingReply(receiver)
    }
}

fn serve_requests(
    ends: &BaseConsumer<RequestContext>,
    committed: &BaseConsumer<RequestContext>,
    requests: &Receiver<QueuedRequest>,
) {
    loop {
        let queued = match requests.recv_timeout(IDLE_POLL_INTERVAL) {
            Ok(queued) => queued,
            Err(RecvTimeoutError::Timeout) => {
                // Serves log lines and token refreshes of clients that never get records.
                drop(ends.poll(Duration::ZERO));
                drop(committed.poll(Duration::ZERO));
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let reply = match &queued.request {
            LookupRequest::Ends(partitions) => look_up_ends(ends, partitions),
            LookupRequest::Committed(of) => look_up_committed(committed, of),
            LookupRequest::OffsetAt(of, at_ms) => look_up_offset_at(ends, of, *at_ms),
        };
        // The receiver of the reply may be dropped by now.
        let _ = queued.reply.send(reply);
    }
}

fn look_up_ends(
    client: &BaseConsumer<RequestContext>,
    partitions: &[TopicPartition],
) -> LookupResult {
    let mut ends = BTreeMap::new();
    for of in partitions {
        let (low, high) = client
            .fetch_watermarks(&of.topic, of.partition, REPLY_WITHIN)
            .map_err(|e| format!("ends of {of}: {e}"))?;
        ends.insert(of.clone(), LogEnds { low, high });
    }
    Ok(LookupReply::Ends(ends))
}

fn look_up_committed(client: &BaseConsumer<RequestContext>, of: &TopicPartition) -> LookupResult {
    let failed = |e: &KafkaError| format!("committed offset of {of}: {}", describe_error(e));
    let mut list = TopicPartitionList::new();
    list.add_partition(&of.topic, of.partition);
    let found = client
        .committed_offsets(list, REPLY_WITHIN)
        .map_err(|e| failed(&e))?;
    only_offset(&found, of, failed).map(LookupReply::Committed)
}

fn look_up_offset_at(
    client: &BaseConsumer<RequestContext>,
    of: &TopicPartition,
    at_ms: i64,
) -> LookupResult {
    let failed = |e: &KafkaError| format!("offset of {of} by time: {}", describe_error(e));
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&of.topic, of.partition, Offset::Offset(at_ms))
        .map_err(|e| failed(&e))?;
    let found = client
        .offsets_for_times(list, REPLY_WITHIN)
        .map_err(|e| failed(&e))?;
    only_offset(&found, of, failed).map(LookupReply::OffsetAt)
}

/// The offset of the one partition that was asked for.
fn only_offset(
    list: &TopicPartitionList,
    of: &TopicPartition,
    failed: impl Fn(&KafkaError) -> String,
) -> Result<Option<i64>, String> {
    let element = list
        .find_partition(&of.topic, of.partition)
        .ok_or_else(|| format!("the broker's reply has no offset of {of}"))?;
    element.error().map_err(|e| failed(&e))?;
    Ok(match element.offset() {
        Offset::Offset(offset) => Some(offset),
        _ => None,
    })
}
