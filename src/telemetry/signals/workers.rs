//! Workers and their transactions. The worker of the raw inputs is named `raw`, the others by
//! number.

log_signals! {
    /// A topic differs from its specification in a way that `run` accepts.
    warn TopicWarning<'a> "topic warning" {
        topic: &'a str,
        warning: &'a str,
    }

    /// A worker ended with an error, and the process ends.
    error WorkerFailed<'a> "worker failure" {
        worker: &'a str,
        error: &'a str,
    }

    /// A worker ended although nobody asked for it, and the process ends.
    warn WorkerEnded<'a> "worker end without a request" {
        worker: &'a str,
    }

    /// A transaction was aborted; its records are read and judged again.
    warn TransactionAborted<'a> "transaction abort" {
        worker: &'a str,
        cause: &'a str,
        error: &'a str,
    }

    /// Offsets could not be committed under `at_least_once`; the next commit includes them.
    warn OffsetCommitFailed<'a> "failed offset commit" {
        worker: &'a str,
        error: &'a str,
    }

    /// librdkafka refused to release partitions; an empty list was sent instead.
    warn ReleaseFailed<'a> "failed release of partitions" {
        worker: &'a str,
        error: &'a str,
    }

    /// A new producer could not begin its transactions; it is tried again.
    warn ProducerRetried<'a> "producer start retry" {
        worker: &'a str,
        error: &'a str,
    }

    /// A consumer did not close in time, and its thread was left behind.
    warn ConsumerAbandoned<'a> "consumer not closed in time" {
        worker: &'a str,
    }

    /// Health and metrics are served at this address.
    info ConsoleStarted<'a> "health and metrics served" {
        /// With the port that was chosen, where the setting leaves it open.
        address: &'a str,
    }

    /// The lag is not measured in this run.
    warn LagUnavailable<'a> "lag not measured" {
        error: &'a str,
    }

    /// One measurement of the lag failed.
    debug LagLookupFailed<'a> "failed lag look-up" {
        error: &'a str,
    }
}
