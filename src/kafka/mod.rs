//! Kafka as Scopewatch uses it: consumers, the transactional producer, look-ups of log ends and
//! committed offsets, topic administration.
//!
//! Place in the flow: the worker threads drive these clients. Records arrive through
//! [`GroupConsumer`] and [`SideConsumer`]; the records and offsets of a transaction leave through
//! [`TransactionalProducer`].
//!
//! This room knows topics, partitions, offsets and bytes. It must not know what a record means,
//! what the state is, or how partitions are restored. It writes no log: a client hands what it has
//! to report to the [`ClientEventHandler`] of its [`KafkaOptions`]. It owns the librdkafka clients
//! and nothing else; every queue in them is bounded by the settings of [`KafkaOptions`]. Kafka says
//! "revoke" when it takes partitions away; here partitions are *released* (they may still commit)
//! or *lost* (another member has them already), because revocation is about credentials.
//!
//! Read first: the tests of [`options`](KafkaOptions), then `tests/kafka_mock.rs`.

#[cfg(feature = "kafka")]
mod client;
#[cfg(feature = "kafka")]
mod consumer;
#[cfg(feature = "kafka")]
mod error;
#[cfg(feature = "kafka")]
mod log_throttle;
#[cfg(feature = "kafka")]
mod offset_lookup;
#[cfg(feature = "kafka")]
mod options;
#[cfg(feature = "kafka")]
mod producer;
mod property_values;
mod refused_properties;
#[cfg(feature = "kafka")]
mod topic_admin;
#[cfg(feature = "kafka")]
mod trouble_cause;

#[cfg(feature = "kafka")]
pub use client::{ClientEvent, ClientEventHandler, ClientSettings};
#[cfg(feature = "kafka")]
pub use consumer::{GroupConsumer, PartitionConsumer, PollResult, RebalanceEvent, SideConsumer};
#[cfg(feature = "kafka")]
pub use error::{AbortCause, ClientError, RefusedRecord, TransactionAbort};
#[cfg(feature = "kafka")]
pub use offset_lookup::{LogEnds, LookupReply, LookupRequest, OffsetLookup, PendingReply};
#[cfg(feature = "kafka")]
pub use options::{KafkaOptions, SESSION_TIMEOUT_MS, TRANSACTION_TIMEOUT_MS};
#[cfg(feature = "kafka")]
pub use producer::{OutgoingRecord, TransactionalProducer};
pub use property_values::{HIDDEN, is_shown_property};
pub use refused_properties::REFUSED_PROPERTIES;
#[cfg(feature = "kafka")]
pub use topic_admin::{CleanupPolicy, TimestampType, TopicAdmin, TopicReport, TopicSpec};

/// What a `poll` returns; re-exported so that no other room depends on the client library.
#[cfg(feature = "kafka")]
pub use rdkafka::message::{BorrowedMessage, Headers, Message};

/// How often a reader of the outputs gets each message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeliveryGuarantee {
    /// Transactions: a `read_committed` reader gets every message once.
    #[default]
    ExactlyOnce,
    /// Acknowledged writes, then offsets: after a failure messages repeat with the same ids.
    AtLeastOnce,
}

/// A partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    pub topic: String,
    pub partition: i32,
}

impl TopicPartition {
    #[must_use]
    pub fn new(topic: &str, partition: i32) -> Self {
        TopicPartition {
            topic: topic.to_owned(),
            partition,
        }
    }
}

impl std::fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.topic, self.partition)
    }
}
