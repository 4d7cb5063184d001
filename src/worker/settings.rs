//! The settings of a worker, and its limits.

use std::time::Duration;

use super::topics::Topics;
use crate::kafka::{DeliveryGuarantee, KafkaOptions};

/// Records taken from each consumer before they are applied: bounds memory and latency.
pub const BATCH_RECORDS_MAX: usize = 2_000;
/// Bytes of records taken from each consumer before they are applied.
pub const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Queued records of a task above which none of its inputs are read.
pub const PENDING_MAX: usize = 10_000;
/// Bytes of queued records of a task above which none of its inputs are read: two batches, for
/// there is one such queue per partition.
pub const PENDING_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Bytes of changed state that force a commit.
pub const DIRTY_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Applied records that force a commit.
pub const COMMIT_RECORDS_MAX: usize = 200_000;
/// Longest wait for a record of the group: the side consumer is polled after it.
pub const POLL_WAIT: Duration = Duration::from_millis(10);
/// Time between tries of a paused input.
pub const INPUT_RETRY_AFTER: Duration = Duration::from_secs(5);
/// Pause before a partition's start is looked up again.
pub const LOOKUP_RETRY_AFTER: Duration = Duration::from_millis(500);
/// Time between commits of nothing but transaction markers that were passed over.
pub const MARKERS_EVERY: Duration = Duration::from_secs(2);
/// Changelog entries in memory during a restore before they are written to the store.
pub const RESTORE_ENTRIES_MAX: usize = 10_000;
/// Bytes of changelog entries in memory before they are written to the store.
pub const RESTORE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Time without progress after which a restored partition no longer waits for its scopes, and
/// judges without the last of them. An action waits for its scope as long.
pub const SCOPES_WITHIN: Duration = Duration::from_secs(30);
/// A store that was not used for this long is restored whole: compaction may have removed deletions
/// that it has not seen (`delete.retention.ms` is a day). Milliseconds.
pub const STORE_AGE_MAX_MS: i64 = 12 * 3_600_000;

/// How long the state of a partition that moved away is kept for its return. A store that is older
/// is restored whole, so it is of no use after that.
pub const STORE_KEPT: Duration = Duration::from_millis(STORE_AGE_MAX_MS.unsigned_abs());
/// How often a worker looks for such a partition that is too old.
pub const STORE_SWEEP_EVERY: Duration = Duration::from_secs(60);

/// What to do when records were deleted before we read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GapPolicy {
    /// The partition stops until somebody decides.
    #[default]
    Stop,
    /// The gap is reported and passed over.
    Accept,
}

/// One worker's settings.
#[derive(Debug, Clone)]
pub struct WorkerOptions {
    pub kafka: KafkaOptions,
    pub topics: Topics,
    /// Number of the worker in its process, from 0.
    pub worker: usize,
    pub delivery: DeliveryGuarantee,
    pub gap: GapPolicy,
    /// Partitions of the actions' topic.
    pub partition_count: u32,
    /// Time without a record after which a partition's task may write a tick.
    pub tick_after: Duration,
    /// Time that a record waits for a schema which is not configured.
    pub schema_within: Duration,
}
