//! What every librdkafka client needs: its settings, and the receiver of its reports.

use std::time::Instant;

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;

use super::error::{ClientError, describe_error};
use super::log_throttle::LogThrottle;
use super::property_values::ValueScrubber;
use super::trouble_cause::TroubleCause;

/// Of all clients of the process: a dead broker is one trouble, not one for each.
static TROUBLES: LogThrottle = LogThrottle::new();

/// What a client reports about itself.
#[derive(Debug, Clone, Copy)]
pub enum ClientEvent<'a> {
    /// A line of librdkafka's own log.
    LogLine {
        client: &'a str,
        /// librdkafka's level is warning or worse.
        warning: bool,
        facility: &'a str,
        message: &'a str,
    },
    /// An error that passes by itself, such as a broken connection. Errors of one cause are
    /// reported once in ten seconds, whichever client has them.
    Trouble {
        client: &'a str,
        message: &'a str,
        /// What to look at.
        cause: &'static str,
        /// Errors of this cause since the last report that were not reported.
        unreported: u64,
        /// All errors of all clients so far.
        total: u64,
    },
    /// An error that needs no reaction: the caller of the request gets it too, or the client is
    /// closing.
    Ignored { client: &'a str, message: &'a str },
}

/// Receives the events of clients, on the thread that polls the client and inside a callback of C
/// code: it must return soon and must not panic.
pub type ClientEventHandler = fn(ClientEvent<'_>);

/// The settings of one client, and the receiver of its events.
#[derive(Clone)]
pub struct ClientSettings {
    config: ClientConfig,
    on_event: ClientEventHandler,
    /// No text of the client shows the value of a property.
    scrubber: ValueScrubber,
}

impl ClientSettings {
    pub(super) fn new(
        config: ClientConfig,
        on_event: ClientEventHandler,
        scrubber: ValueScrubber,
    ) -> Self {
        ClientSettings {
            config,
            on_event,
            scrubber,
        }
    }

    /// The value of a librdkafka property.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.config.get(name)
    }

    pub(super) fn set(&mut self, name: &str, value: impl Into<String>) -> &mut Self {
        self.config.set(name, value);
        self
    }

    /// Sets a property that the operator has not set.
    pub(super) fn set_default(&mut self, name: &str, value: &str) {
        if self.config.get(name).is_none() {
            self.config.set(name, value);
        }
    }

    /// The client's name in events and errors: its `client.id`, which brokers log too.
    pub(super) fn client_id(&self) -> &str {
        self.get("client.id").unwrap_or("scopewatch")
    }

    pub(super) fn event_reporter(&self) -> EventReporter {
        EventReporter {
            client: self.client_id().to_owned(),
            on_event: self.on_event,
            scrubber: self.scrubber.clone(),
        }
    }

    /// Makes the client.
    ///
    /// # Errors
    /// [`ClientError::Client`] when librdkafka refuses a setting.
    pub(super) fn create_client<C, T>(&self, context: C) -> Result<T, ClientError>
    where
        C: ClientContext,
        T: FromClientConfigAndContext<C>,
    {
        self.config
            .create_with_context(context)
            .map_err(|e| ClientError::Client {
                client: self.client_id().to_owned(),
                reason: self.scrubber.scrub_text(&describe_error(&e)),
            })
    }
}

/// Hands the events of one client to its receiver.
pub(super) struct EventReporter {
    client: String,
    on_event: ClientEventHandler,
    scrubber: ValueScrubber,
}

impl EventReporter {
    pub(super) fn report_log_line(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        let warning = matches!(
            level,
            RDKafkaLogLevel::Emerg
                | RDKafkaLogLevel::Alert
                | RDKafkaLogLevel::Critical
                | RDKafkaLogLevel::Error
                | RDKafkaLogLevel::Warning
        );
        // It says what the error of the same client says too, in other words.
        if warning && TroubleCause::of_text(message) != TroubleCause::Other {
            return self.report_trouble(message);
        }
        if warning && TROUBLES.count_trouble(message, Instant::now()).is_none() {
            return;
        }
        (self.on_event)(ClientEvent::LogLine {
            client: &self.client,
            warning,
            facility,
            message: &self.scrubber.scrub_text(message),
        });
    }

    pub(super) fn report_trouble(&self, message: &str) {
        if let Some(unreported) = TROUBLES.count_trouble(message, Instant::now()) {
            (self.on_event)(ClientEvent::Trouble {
                client: &self.client,
                message: &self.scrubber.scrub_text(message),
                cause: TroubleCause::of_text(message).as_str(),
                unreported,
                total: TROUBLES.troubles_total(),
            });
        }
    }

    /// Counts an error that the caller reports; whether it is due to be reported.
    pub(super) fn count_trouble(&self, message: &str) -> bool {
        TROUBLES.count_trouble(message, Instant::now()).is_some()
    }

    pub(super) fn report_ignored(&self, message: &str) {
        (self.on_event)(ClientEvent::Ignored {
            client: &self.client,
            message: &self.scrubber.scrub_text(message),
        });
    }
}

/// Context of a client that only makes requests: each request returns its own error.
pub(super) struct RequestContext(pub(super) EventReporter);

impl ClientContext for RequestContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.0.report_log_line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.report_ignored(&format!("{error}: {reason}"));
    }

    fn stats_raw(&self, _statistics: &[u8]) {}
}

impl ConsumerContext for RequestContext {}
