//! The life of a partition: assigned, restored, paused, stopped, released.

counted_signals! {
    /// The group assigned partitions to a worker.
    info PartitionsAssigned<'a> "partitions assigned" {
        worker: usize,
        count: u64,
        /// Their numbers, such as `[0, 2]`.
        partitions: &'a str,
    }
    counts |signal, metrics| metrics.partition_events.add("assigned", signal.count);

    /// A worker gave partitions back to the group.
    info PartitionsReleased<'a> "partitions released" {
        worker: usize,
        count: u64,
        /// Their numbers, such as `[0, 2]`.
        partitions: &'a str,
    }
    counts |signal, metrics| metrics.partition_events.add("released", signal.count);

    /// The group took partitions away; another worker may have them already, so nothing was
    /// committed.
    info PartitionsLost<'a> "partitions lost" {
        worker: usize,
        count: u64,
        /// Their numbers, such as `[0, 2]`.
        partitions: &'a str,
    }
    counts |signal, metrics| metrics.partition_events.add("lost", signal.count);

    /// A partition has its state and judges actions from `offset_next`.
    info PartitionRestored "partition restored" {
        partition: i32,
        offset_next: i64,
    }
    counts |_signal, metrics| metrics.partition_events.add("restored", 1);

    /// An input of a partition is not read until the reason is gone; it is tried again.
    warn InputPaused<'a> "input paused" {
        partition: i32,
        input: &'static str,
        reason: &'a str,
    }
    counts |_signal, metrics| metrics.partition_events.add("paused", 1);

    /// A partition stopped: it goes on when it is assigned again or the process is started again.
    error PartitionStopped<'a> "partition stopped" {
        partition: i32,
        reason: &'a str,
    }
    counts |_signal, metrics| metrics.partition_events.add("stopped", 1);

    /// A partition of a raw input stopped: it goes on when it is assigned again or the process is
    /// started again.
    error RawPartitionStopped<'a> "raw partition stopped" {
        topic: &'a str,
        partition: i32,
        reason: &'a str,
    }
    counts |_signal, metrics| metrics.partition_events.add("stopped", 1);

    /// The task of a partition panicked: its records are read again from the last commit.
    error TaskPanicked<'a> "panic while a partition was judged" {
        partition: i32,
        reason: &'a str,
    }
    counts |_signal, metrics| metrics.partition_events.add("panicked", 1);

    /// The group has committed offsets, but the changelog has no state: the partition learns anew.
    error ColdStart "cold start without state in the changelog" {
        partition: i32,
        offset_next: i64,
    }
    counts |_signal, metrics| metrics.partition_events.add("cold_start", 1);

    /// Records were deleted before they were read.
    error RecordGap<'a> "gap of records deleted before they were read" {
        topic: &'a str,
        partition: i32,
        /// Offset of the first missing record.
        from: i64,
        /// Offset of the first record after the gap.
        to: i64,
    }
    counts |_signal, metrics| metrics.partition_events.add("gap", 1);
}

log_signals! {
    /// The program panics on a record, or the broker refuses what was made of it. It becomes a dead
    /// letter.
    error RecordFailed<'a> "record set aside after failures" {
        topic: &'a str,
        partition: i32,
        offset: i64,
        reason: &'a str,
    }

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

    /// The state of a partition that moved away long ago is of no use any more.
    info StoredStateDropped "state of a partition dropped from the store" {
        partition: i32,
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
