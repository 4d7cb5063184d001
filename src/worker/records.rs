//! Copies a message of librdkafka into a record that owns its bytes.

use std::sync::Arc;

use crate::engine::contract::InputRecord;
use crate::event::{Input, RecordPosition};
use crate::kafka::{BorrowedMessage, Headers, Message};

/// Copies a message; `topic` is the name of its topic, shared by all records.
pub(super) fn input_record(
    message: &BorrowedMessage<'_>,
    input: Input,
    topic: &Arc<str>,
) -> InputRecord {
    let headers = message.headers().map_or_else(Vec::new, |headers| {
        headers
            .iter()
            .map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec)))
            .collect()
    });
    InputRecord {
        input,
        position: RecordPosition {
            topic: Arc::clone(topic),
            partition: message.partition(),
            offset: message.offset(),
            index: 0,
        },
        append_ms: message.timestamp().to_millis().unwrap_or(0),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers,
    }
}
