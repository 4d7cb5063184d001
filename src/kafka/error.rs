//! What can go wrong with Kafka, sorted by what the caller has to do.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::types::RDKafkaConfRes;

/// An error of a Kafka client. Every message names the servers, the topic or the partition.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// A client could not be made from its settings.
    #[error("kafka client `{client}`: {reason}")]
    Client { client: String, reason: String },
    /// No broker answered within the time for the first contact.
    #[error("no Kafka broker at `{servers}` answered within {waited_ms} ms: {reason}")]
    Unreachable {
        servers: String,
        waited_ms: u64,
        reason: String,
    },
    /// The broker refused for a reason that lasts: missing rights, settings, an unknown version.
    #[error("kafka refused {what}: {reason}")]
    Refused { what: String, reason: String },
    /// The call may succeed when it is repeated.
    #[error("kafka: {what}: {reason}")]
    Transient { what: String, reason: String },
    /// A transaction must be aborted.
    #[error(transparent)]
    Abort(#[from] TransactionAbort),
}

/// Why a transaction was aborted. The caller drops the records of the transaction and rebuilds the
/// producer: nothing else is safe (rule 1 of [`super::TransactionalProducer`]).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("transaction given up at {step}: {reason}")]
pub struct TransactionAbort {
    /// The call that failed, such as `send_offsets`.
    pub step: &'static str,
    pub reason: String,
    pub cause: AbortCause,
    /// A record that the broker refused for a reason that a retry is unlikely to remove.
    pub refused: Option<Box<RefusedRecord>>,
}

/// A record that the broker refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedRecord {
    pub topic: String,
    /// The name of librdkafka's code, such as `MessageSizeTooLarge`.
    pub code: String,
}

/// What an abort says about the producer and the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AbortCause {
    /// Another producer took over our transactional id, or the broker timed our transaction out.
    Fenced,
    /// The group has a newer generation than the one the transaction was sent with.
    Generation,
    /// Transport errors, time-outs, a failed delivery: it is unknown what the broker has done.
    Doubt,
    /// The broker refused for a reason that a retry cannot remove.
    Refused,
}

impl AbortCause {
    /// For logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            AbortCause::Fenced => "fenced",
            AbortCause::Generation => "generation",
            AbortCause::Doubt => "doubt",
            AbortCause::Refused => "refused",
        }
    }
}

impl TransactionAbort {
    pub(super) fn new(step: &'static str, error: &KafkaError) -> Self {
        TransactionAbort {
            step,
            reason: describe_error(error),
            cause: abort_cause(error),
            refused: None,
        }
    }

    /// The consumer has no group metadata: it is not a member at the moment.
    #[must_use]
    pub fn no_group_metadata() -> Self {
        TransactionAbort {
            cause: AbortCause::Generation,
            ..TransactionAbort::in_doubt("send_offsets", "the consumer has no group metadata")
        }
    }

    /// The same abort with the topic and error code of a failed record.
    pub(super) fn with_failed_record(mut self, topic: &str, code: RDKafkaErrorCode) -> Self {
        if code == RDKafkaErrorCode::TopicAuthorizationFailed {
            self.cause = AbortCause::Refused;
        }
        self.refused = is_lasting(code).then(|| {
            Box::new(RefusedRecord {
                topic: topic.to_owned(),
                code: format!("{code:?}"),
            })
        });
        self
    }

    /// The caller has dealt with the refused record: another attempt may succeed.
    pub fn set_handled(&mut self) {
        self.refused = None;
        if self.cause == AbortCause::Refused {
            self.cause = AbortCause::Doubt;
        }
    }

    /// An abort after which it is unknown what the broker has done.
    pub fn in_doubt(step: &'static str, reason: impl Into<String>) -> Self {
        TransactionAbort {
            step,
            reason: reason.into(),
            cause: AbortCause::Doubt,
            refused: None,
        }
    }
}

/// The text of an error, with librdkafka's own message where it has one.
pub(super) fn describe_error(error: &KafkaError) -> String {
    match error {
        KafkaError::Transaction(e) => format!("{} ({})", e.string(), e.name()),
        // The library's own text quotes the value, which can be a secret under a misspelt name.
        KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, _, name, _) => {
            format!("librdkafka has no property `{name}`")
        }
        KafkaError::ClientConfig(_, _, name, _) => {
            format!("librdkafka refuses the value of `{name}`")
        }
        other => other.to_string(),
    }
}

fn abort_cause(error: &KafkaError) -> AbortCause {
    use RDKafkaErrorCode as Code;
    let KafkaError::Transaction(inner) = error else {
        return AbortCause::Doubt;
    };
    match inner.code() {
        Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch => AbortCause::Fenced,
        Code::IllegalGeneration | Code::UnknownMemberId | Code::FencedInstanceId => {
            AbortCause::Generation
        }
        Code::TransactionalIdAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::InvalidTransactionTimeout
        | Code::SaslAuthenticationFailed
        | Code::UnsupportedFeature => AbortCause::Refused,
        _ => AbortCause::Doubt,
    }
}

/// Whether a record was refused because of its content, its topic or our rights, rather than the
/// state of the cluster. Not final at the first time: a topic can be unknown for a moment.
pub(super) fn is_lasting(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::TopicAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::TransactionalIdAuthorizationFailed
            | Code::MessageSizeTooLarge
            | Code::InvalidMessageSize
            | Code::MessageBatchTooLarge
            | Code::InvalidTimestamp
            | Code::InvalidRecord
            | Code::PolicyViolation
            | Code::UnknownTopic
            | Code::UnknownPartition
            | Code::UnknownTopicOrPartition
            | Code::InvalidTopic
    )
}

/// Whether a consumer's error passes by itself: all do, except a fatal error of the client and
/// missing rights.
pub(super) fn is_transient(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    match error {
        KafkaError::MessageConsumptionFatal(_) => false,
        KafkaError::MessageConsumption(code) | KafkaError::Global(code) => !matches!(
            code,
            Code::TopicAuthorizationFailed
                | Code::GroupAuthorizationFailed
                | Code::ClusterAuthorizationFailed
                | Code::Fatal
                | Code::FencedInstanceId
        ),
        _ => true,
    }
}

/// Whether a consumer's error says that a position lies outside its log. `auto.offset.reset` is
/// `error`, so librdkafka reports this instead of jumping to another offset.
pub(super) fn is_out_of_range(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        error,
        KafkaError::MessageConsumption(Code::AutoOffsetReset | Code::OffsetOutOfRange)
    )
}
