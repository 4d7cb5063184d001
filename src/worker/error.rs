//! The errors that end a worker, and with it the process.

use crate::kafka::{ClientError, RefusedRecord, TransactionAbort};
use crate::store::StoreError;

/// Why a worker ended. The process exits with code 4 and this text; the next start goes on from the
/// last commit.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    #[error(transparent)]
    Kafka(#[from] ClientError),
    /// After a failed write the content of the store is unknown until it is opened again.
    #[error("the store failed, so this process ends: {0}")]
    Store(#[from] StoreError),
    #[error(
        "another process uses the transactional id `{id}`: it fenced this one {times} times within \
         a minute; give every process a kafka.instance_id of its own ({reason})"
    )]
    Fenced {
        id: String,
        times: usize,
        reason: String,
    },
    #[error("the broker refused a transaction for good: {0}")]
    Refused(TransactionAbort),
    #[error(
        "the broker refused records of topic `{}` {times} times in a row with {}: {abort}",
        failure.topic, failure.code
    )]
    Rejected {
        failure: Box<RefusedRecord>,
        times: u32,
        abort: Box<TransactionAbort>,
    },
    #[error("the consumer of {client} ended: {reason}")]
    Consumer { client: String, reason: String },
    #[error("partition {partition}: {reason}")]
    Task { partition: i32, reason: String },
    #[error("topics do not match their specification; see `scopewatch topics check`:\n{0}")]
    Topics(String),
    #[error("worker {worker} panicked: {reason}")]
    Panicked { worker: String, reason: String },
    #[error("not everything could be committed and closed within {within_ms} ms")]
    Late { within_ms: u128 },
}
