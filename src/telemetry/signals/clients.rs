//! Reports of the libraries below: Kafka clients and the store.

use tracing::{debug, error, warn};

/// A line of librdkafka's own log.
#[derive(Debug)]
pub struct KafkaLogLine<'a> {
    pub client: &'a str,
    /// librdkafka's level is warning or worse.
    pub is_warning: bool,
    pub facility: &'a str,
    pub line: &'a str,
}

impl KafkaLogLine<'_> {
    pub fn emit(&self) {
        let (client, facility, line) = (self.client, self.facility, self.line);
        if self.is_warning {
            warn!(target: "librdkafka", client, facility, "{line}");
        } else {
            debug!(target: "librdkafka", client, facility, "{line}");
        }
    }
}

/// A line of RocksDB's own log, a warning or an error.
#[derive(Debug)]
pub struct StoreLogLine<'a> {
    pub is_error: bool,
    pub line: &'a str,
}

impl StoreLogLine<'_> {
    pub fn emit(&self) {
        let line = self.line;
        if self.is_error {
            error!(target: "rocksdb", "{line}");
        } else {
            warn!(target: "rocksdb", "{line}");
        }
    }
}

log_signals! {
    /// An error of a Kafka client that passes by itself.
    warn KafkaClientTrouble<'a> "kafka client error" {
        client: &'a str,
        error: &'a str,
        /// What to look at.
        cause: &'a str,
        /// Errors of this cause since the last line that were not logged.
        unlogged: u64,
        /// Errors of all clients so far.
        total: u64,
    }

    /// An error of a Kafka client that needs no reaction.
    debug KafkaErrorIgnored<'a> "ignored kafka client error" {
        client: &'a str,
        error: &'a str,
    }

    /// The store closed before its latest writes were in its files; the changelog has them.
    warn StoreUnflushed<'a> "store closed without a flush" {
        error: &'a str,
    }
}
