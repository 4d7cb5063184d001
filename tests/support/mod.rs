//! What the tests against Kafka share.

pub mod counting;
pub mod kafka;
