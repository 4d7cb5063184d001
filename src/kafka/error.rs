//! What can go wrong between us and Kafka, sorted by what the caller has to do about it.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// A failure of the Kafka room. Every message names the servers, topic or partition it is about.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A client could not be made from its settings.
    #[error("kafka client `{client}`: {reason}")]
    Client { client: String, reason: String },
    /// Nobody answered within the time of the first contact.
    #[error("no Kafka broker at `{servers}` answered within {waited_ms} ms: {reason}")]
    Unreachable {
        servers: String,
        waited_ms: u64,
        reason: String,
    },
    /// The broker refused, for ever: rights, settings, an unknown version.
    #[error("kafka refused {what}: {reason}")]
    Refused { what: String, reason: String },
    /// A call that may succeed when it is made again.
    #[error("kafka: {what}: {reason}")]
    Transient { what: String, reason: String },
    /// A transaction must be given up; see [`Abort`].
    #[error(transparent)]
    Abort(#[from] Abort),
}

/// Why a transaction was given up. The caller drops what the transaction carried and rebuilds the
/// producer: nothing else is safe (hygiene rule 1).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("transaction given up at {step}: {reason}")]
pub struct Abort {
    /// The call that failed, such as `send_offsets`.
    pub step: &'static str,
    pub reason: String,
    pub cause: AbortCause,
    /// A record that was refused in a way that trying again is unlikely to cure.
    pub failure: Option<Box<Failure>>,
}

/// A refused record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub topic: String,
    /// The name of librdkafka's code, such as `MessageSizeTooLarge`.
    pub code: String,
}

/// What an abort means beyond itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AbortCause {
    /// Another producer took over our transactional id, or the broker timed our transaction out.
    Fenced,
    /// The group no longer knows us under the generation we gave.
    Generation,
    /// Anything else: transport, time-outs, a failed delivery.
    Doubt,
    /// Never to be cured by trying again.
    Refused,
}

impl Abort {
    pub(super) fn new(step: &'static str, error: &KafkaError) -> Self {
        Abort {
            step,
            reason: describe(error),
            cause: cause_of(error),
            failure: None,
        }
    }

    /// The group no longer says who we are in it.
    #[must_use]
    pub fn no_metadata() -> Self {
        Abort {
            cause: AbortCause::Generation,
            ..Abort::doubt("send_offsets", "the consumer has no group metadata")
        }
    }

    /// With the topic and code of a record that was refused.
    pub(super) fn with_failure(mut self, topic: &str, code: RDKafkaErrorCode) -> Self {
        if code == RDKafkaErrorCode::TopicAuthorizationFailed {
            self.cause = AbortCause::Refused;
        }
        self.failure = is_lasting(code).then(|| {
            Box::new(Failure {
                topic: topic.to_owned(),
                code: format!("{code:?}"),
            })
        });
        self
    }

    /// An abort of no certain meaning.
    pub fn doubt(step: &'static str, reason: impl Into<String>) -> Self {
        Abort {
            step,
            reason: reason.into(),
            cause: AbortCause::Doubt,
            failure: None,
        }
    }
}

/// The text of an error with librdkafka's own words where it has any.
pub(super) fn describe(error: &KafkaError) -> String {
    match error {
        KafkaError::Transaction(e) => format!("{} ({})", e.string(), e.name()),
        other => other.to_string(),
    }
}

fn cause_of(error: &KafkaError) -> AbortCause {
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

/// Whether a refusal of a record is about the record, its topic or our rights, not about the
/// moment. A topic may be unknown for a moment, so none of these is final at once.
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

/// Whether a consumer's error passes by itself. Everything does but a fatal client and missing
/// rights.
#[must_use]
pub fn is_transient(error: &KafkaError) -> bool {
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

/// Whether a consumer's error says that a position lies outside the log (`auto.offset.reset` is
/// `error`, so librdkafka asks us instead of jumping).
#[must_use]
pub fn is_out_of_range(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        error,
        KafkaError::MessageConsumption(Code::AutoOffsetReset | Code::OffsetOutOfRange)
    )
}
