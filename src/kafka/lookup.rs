//! Questions whose answers make a caller wait, asked on a thread of their own: the ends of logs and
//! the committed offsets of a group. A worker that asked them itself would stop polling, and a
//! stable offset is only known once a predecessor's open transaction has ended.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::consumer::{TopicPartition, log_line};
use super::error::{Error, describe};
use super::options::KafkaOptions;

/// Time for one question; an unanswered one is told as an error and may be asked again.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// The two ends of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    /// The first offset that is still there.
    pub low: i64,
    /// The high watermark: the next offset, open transactions included.
    pub high: i64,
}

/// What may be asked.
#[derive(Debug, Clone)]
pub enum Question {
    /// The ends of each of these logs.
    Ends(Vec<TopicPartition>),
    /// The group's stable committed offset.
    Committed(TopicPartition),
    /// The first offset at or after a time, epoch milliseconds.
    OffsetAt(TopicPartition, i64),
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Ends(BTreeMap<TopicPartition, Ends>),
    Committed(Option<i64>),
    /// `None`: nothing at or after that time.
    OffsetAt(Option<i64>),
}

struct Asked {
    question: Question,
    reply: Sender<Result<Answer, String>>,
}

/// The door to the thread; clones share it. The thread ends with the last of them.
#[derive(Clone)]
pub struct Lookup {
    asked: Sender<Asked>,
}

impl Lookup {
    /// Starts the thread for the committed offsets of `group_id`.
    ///
    /// # Errors
    /// When a setting is refused or no thread can be made.
    pub fn start(options: &KafkaOptions, group_id: &str) -> Result<Self, Error> {
        let make = |config: rdkafka::ClientConfig, client: &str| {
            config
                .create_with_context::<_, BaseConsumer<Quiet>>(Quiet(client.to_owned()))
                .map_err(|e| Error::Client {
                    client: client.to_owned(),
                    reason: describe(&e),
                })
        };
        let ends = make(options.watermark_client(), "ends")?;
        let committed = make(options.committed_client(group_id), "offsets")?;
        let (asked, questions) = channel();
        std::thread::Builder::new()
            .name("lookup".into())
            .spawn(move || serve(&ends, &committed, &questions))
            .map_err(|e| Error::Client {
                client: "lookup".into(),
                reason: e.to_string(),
            })?;
        Ok(Lookup { asked })
    }

    /// Asks; the answer comes through the receiver.
    #[must_use]
    pub fn ask(&self, question: Question) -> Receiver<Result<Answer, String>> {
        let (reply, answer) = channel();
        // A thread that is gone drops the reply, which the receiver sees.
        let _ = self.asked.send(Asked { question, reply });
        answer
    }
}

struct Quiet(String);

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log_line(&self.0, level, facility, message);
    }

    // Answers carry their own errors.
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(client = %self.0, %error, "{reason}");
    }

    fn stats_raw(&self, _statistics: &[u8]) {}
}

impl ConsumerContext for Quiet {}

fn serve(ends: &BaseConsumer<Quiet>, committed: &BaseConsumer<Quiet>, questions: &Receiver<Asked>) {
    loop {
        let asked = match questions.recv_timeout(Duration::from_secs(1)) {
            Ok(asked) => asked,
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                // Serves log lines and token refreshes of clients that never get records.
                drop(ends.poll(Duration::ZERO));
                drop(committed.poll(Duration::ZERO));
                continue;
            }
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return,
        };
        let answer = match &asked.question {
            Question::Ends(places) => ends_of(ends, places),
            Question::Committed(place) => committed_of(committed, place),
            Question::OffsetAt(place, at_ms) => offset_at(ends, place, *at_ms),
        };
        // Whoever asked may be gone.
        let _ = asked.reply.send(answer);
    }
}

fn ends_of(client: &BaseConsumer<Quiet>, places: &[TopicPartition]) -> Result<Answer, String> {
    let mut answer = BTreeMap::new();
    for place in places {
        let (low, high) = client
            .fetch_watermarks(&place.topic, place.partition, ANSWER_WITHIN)
            .map_err(|e| format!("ends of {}/{}: {e}", place.topic, place.partition))?;
        answer.insert(place.clone(), Ends { low, high });
    }
    Ok(Answer::Ends(answer))
}

fn committed_of(client: &BaseConsumer<Quiet>, place: &TopicPartition) -> Result<Answer, String> {
    let tell = |e: &KafkaError| {
        format!(
            "committed offset of {}/{}: {}",
            place.topic,
            place.partition,
            describe(e)
        )
    };
    let mut list = TopicPartitionList::new();
    list.add_partition(&place.topic, place.partition);
    let list = client
        .committed_offsets(list, ANSWER_WITHIN)
        .map_err(|e| tell(&e))?;
    let element = list
        .find_partition(&place.topic, place.partition)
        .ok_or_else(|| format!("no committed offset told for {}", place.topic))?;
    element.error().map_err(|e| tell(&e))?;
    Ok(Answer::Committed(match element.offset() {
        Offset::Offset(offset) => Some(offset),
        _ => None,
    }))
}

fn offset_at(
    client: &BaseConsumer<Quiet>,
    place: &TopicPartition,
    at_ms: i64,
) -> Result<Answer, String> {
    let tell = |e: &KafkaError| format!("offset by time of {}: {}", place.topic, describe(e));
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&place.topic, place.partition, Offset::Offset(at_ms))
        .map_err(|e| tell(&e))?;
    let list = client
        .offsets_for_times(list, ANSWER_WITHIN)
        .map_err(|e| tell(&e))?;
    let element = list
        .find_partition(&place.topic, place.partition)
        .ok_or_else(|| format!("no offset told for {}", place.topic))?;
    element.error().map_err(|e| tell(&e))?;
    Ok(Answer::OffsetAt(match element.offset() {
        Offset::Offset(offset) => Some(offset),
        _ => None,
    }))
}
