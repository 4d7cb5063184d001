//! Kafka as Scopewatch uses it: consumers, the transactional producer, questions about ends and
//! offsets, topic administration.
//!
//! Place in the flow: `worker` drives these clients from its worker threads; records come in
//! through [`GroupConsumer`] and [`SideConsumer`], and what a transaction carries goes out through
//! [`TransactionalProducer`].
//!
//! This room knows topics, partitions, offsets and bytes. It must not know what a record means,
//! what the state is, or how partitions are restored. It owns the librdkafka clients and nothing
//! else; every queue in them is bounded by the settings of [`KafkaOptions`]. Kafka's own word for
//! taking partitions away is "revoke"; here they are *released* (in turn) or *lost* (already given
//! to another), because revocation is about credentials.
//!
//! Read first: the tests of [`options`](KafkaOptions), then `tests/kafka_mock.rs`.

mod admin;
mod consumer;
mod error;
mod fold;
mod lookup;
mod options;
mod producer;

pub use admin::{Admin, Cleanup, Stamp, TopicReport, TopicSpec};
pub use consumer::{GroupConsumer, Polled, RebalanceEvent, SideConsumer, TopicPartition};
pub use error::{Abort, AbortCause, Error, Failure};
pub use fold::Fold;
pub use lookup::{Answer, Ends, Lookup, Question};
pub use options::{
    KafkaOptions, REFUSED, RefusedProperty, SESSION_TIMEOUT_MS, TRANSACTION_TIMEOUT_MS,
};
pub use producer::{Outgoing, TransactionalProducer};

/// What a `poll` hands out; re-exported so that nobody else depends on the client library.
pub use rdkafka::message::{BorrowedMessage, Headers, Message};
