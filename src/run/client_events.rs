//! Logs what the Kafka clients and the store report about themselves.

use crate::kafka::ClientEvent;
use crate::store::StoreEvent;
use crate::telemetry::{
    KafkaClientTrouble, KafkaErrorIgnored, KafkaLogLine, StoreLogLine, StoreUnflushed,
};

pub(super) fn log_client_event(event: ClientEvent<'_>) {
    match event {
        ClientEvent::LogLine {
            client,
            warning,
            facility,
            message,
        } => KafkaLogLine {
            client,
            is_warning: warning,
            facility,
            line: message,
        }
        .emit(),
        ClientEvent::Trouble {
            client,
            message,
            cause,
            unreported,
            total,
        } => KafkaClientTrouble {
            client,
            error: message,
            cause,
            unlogged: unreported,
            total,
        }
        .emit(),
        ClientEvent::Ignored { client, message } => KafkaErrorIgnored {
            client,
            error: message,
        }
        .emit(),
    }
}

pub(super) fn log_store_event(event: StoreEvent<'_>) {
    match event {
        StoreEvent::LogLine { is_error, message } => StoreLogLine {
            is_error,
            line: message,
        }
        .emit(),
        StoreEvent::UnflushedClose { reason } => StoreUnflushed { error: reason }.emit(),
    }
}
