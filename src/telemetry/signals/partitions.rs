//! The life of a partition: assigned, restored, paused, stopped, released.

use tracing::{error, info, warn};

use crate::telemetry::metrics::Metrics;

/// The group assigned partitions to a worker.
#[derive(Debug)]
pub struct PartitionsAssigned<'a> {
    pub worker: usize,
    pub partitions: &'a [i32],
}

impl PartitionsAssigned<'_> {
    pub fn emit(&self, metrics: &Metrics) {
        let PartitionsAssigned { worker, partitions } = self;
        let count = u64::try_from(partitions.len()).unwrap_or(u64::MAX);
        metrics.partition_events.add("assigned", count);
        info!(worker, ?partitions, "partitions assigned");
    }
}

/// A worker gave partitions back, or the group took them.
#[derive(Debug)]
pub struct PartitionsReleased<'a> {
    pub worker: usize,
    pub partitions: &'a [i32],
    /// Another worker may have them already, so nothing was committed.
    pub lost: bool,
}

impl PartitionsReleased<'_> {
    pub fn emit(&self, metrics: &Metrics) {
        let PartitionsReleased {
            worker,
            partitions,
            lost,
        } = self;
        let count = u64::try_from(partitions.len()).unwrap_or(u64::MAX);
        let event = if *lost { "lost" } else { "released" };
        metrics.partition_events.add(event, count);
        info!(worker, ?partitions, lost, "partitions released");
    }
}

/// A partition has its state and judges actions from `offset_next`.
#[derive(Debug)]
pub struct PartitionRestored {
    pub partition: i32,
    pub offset_next: i64,
}

impl PartitionRestored {
    pub fn emit(&self, metrics: &Metrics) {
        metrics.partition_events.add("restored", 1);
        let PartitionRestored {
            partition,
            offset_next,
        } = self;
        info!(partition, offset_next, "partition restored");
    }
}

/// An input of a partition is not read until the reason is gone; it is tried again.
#[derive(Debug)]
pub struct InputPaused<'a> {
    pub partition: i32,
    pub input: &'static str,
    pub reason: &'a str,
}

impl InputPaused<'_> {
    pub fn emit(&self, metrics: &Metrics) {
        metrics.partition_events.add("paused", 1);
        let InputPaused {
            partition,
            input,
            reason,
        } = self;
        warn!(partition, input, reason, "input paused");
    }
}

/// A partition stopped: it goes on when it is assigned again or the process is started again.
#[derive(Debug)]
pub struct PartitionStopped<'a> {
    pub partition: i32,
    pub reason: &'a str,
}

impl PartitionStopped<'_> {
    pub fn emit(&self, metrics: &Metrics) {
        metrics.partition_events.add("stopped", 1);
        let PartitionStopped { partition, reason } = self;
        error!(partition, reason, "partition stopped");
    }
}

/// The group has committed offsets, but the changelog has no state: the partition learns anew.
#[derive(Debug)]
pub struct ColdStart {
    pub partition: i32,
    pub offset_next: i64,
}

impl ColdStart {
    pub fn emit(&self, metrics: &Metrics) {
        metrics.partition_events.add("cold_start", 1);
        let ColdStart {
            partition,
            offset_next,
        } = self;
        error!(
            partition,
            offset_next, "cold start without state in the changelog"
        );
    }
}

/// Records were deleted before they were read.
#[derive(Debug)]
pub struct RecordGap<'a> {
    pub topic: &'a str,
    pub partition: i32,
    /// Offset of the first missing record.
    pub from: i64,
    /// Offset of the first record after the gap.
    pub to: i64,
}

impl RecordGap<'_> {
    pub fn emit(&self, metrics: &Metrics) {
        metrics.partition_events.add("gap", 1);
        let RecordGap {
            topic,
            partition,
            from,
            to,
        } = self;
        error!(
            topic,
            partition, from, to, "gap of records deleted before they were read"
        );
    }
}

log_signals! {
    /// A partition reads its state from the changelog.
    info RestoreStarted "restore from the changelog" {
        partition: i32,
        /// From the start of the changelog rather than from the store's state.
        whole: bool,
        /// First changelog offset to read.
        from: i64,
        /// Changelog offset at which the restore ends.
        to: i64,
    }

    /// A restore takes long, often because a predecessor has an open transaction.
    info RestorePending "restore waiting for records or for an open transaction to end" {
        partition: i32,
        /// Changelog offset after the last record read.
        position: Option<i64>,
        /// Changelog offset at which the restore ends.
        to: i64,
    }

    /// A restore failed and starts again.
    warn RestoreRetried<'a> "restore retry" {
        partition: i32,
        reason: &'a str,
    }

    /// The store's META cannot be read, so the partition is restored whole.
    warn StoredMetaRefused<'a> "unreadable META in the store" {
        partition: i32,
        error: &'a str,
    }

    /// META and the group disagree about the next action; META's offset is used.
    warn GroupOffsetIgnored "offset of the group differs from META" {
        partition: i32,
        offset_meta: i64,
        offset_group: i64,
    }

    /// Some scopes were not read within the time limit, and the actions begin without them.
    warn ScopesIncomplete "actions begin before all scopes are read" {
        partition: i32,
    }

    /// A seek to the first action failed and is repeated.
    debug SeekRetried<'a> "seek retry" {
        partition: i32,
        error: &'a str,
    }

    /// A position lies outside its log, and the partition is restored to find out which one.
    warn PositionOutOfRange "read position outside the log" {
        partition: i32,
    }

    /// An input could not be paused or resumed; the next turn repeats it.
    warn FlowControlFailed<'a> "failed pause or resume of an input" {
        partition: i32,
        input: &'static str,
        error: &'a str,
    }

    /// A partition is being reset, and a client refused to pause or unassign it.
    debug ResetIncomplete<'a> "failed pause or unassignment at a reset" {
        partition: i32,
        error: &'a str,
    }

    /// The start offset of a raw input's partition could not be set; it is tried again.
    warn RawPartitionRetried<'a> "start of a raw partition retried" {
        topic: &'a str,
        partition: i32,
        reason: &'a str,
    }
}
