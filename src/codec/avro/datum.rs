//! One Avro value without framing.

use std::io::BufRead;

use serde_avro_fast::Schema;
use serde_avro_fast::de::read::SliceRead;
use serde_avro_fast::de::{DeserializerConfig, DeserializerState};

use super::super::decode::{self, Decodable, Decoded, Skipped};
use super::super::error::{DecodeError, DecodeErrorKind};
use super::schema::SCHEMA_DEPTH_MAX;

/// Decodes a value that fills `bytes`.
pub(crate) fn decode_whole<T: Decodable>(
    schema: &Schema,
    bytes: &[u8],
) -> Result<Decoded<T>, DecodeError> {
    let (decoded, rest) = decode_next(schema, bytes)?;
    if !rest.is_empty() {
        let message = format!("{} bytes are left over after the value", rest.len());
        return Err(DecodeError::malformed(message));
    }
    Ok(decoded)
}

/// Decodes the value at the start of `bytes` and says what is left.
pub(super) fn decode_next<'b, T: Decodable>(
    schema: &Schema,
    bytes: &'b [u8],
) -> Result<(Decoded<T>, &'b [u8]), DecodeError> {
    let mut state = state(schema, bytes);
    let decoded = decode::run(|context| T::decode(state.deserializer(), context))
        .map_err(|error| error_in(error, bytes))?;
    Ok((decoded, rest(state, bytes)))
}

/// Skips the value at the start of `bytes`.
pub(super) fn skip<'b>(schema: &Schema, bytes: &'b [u8]) -> Result<&'b [u8], DecodeError> {
    decode_next::<Skipped>(schema, bytes).map(|(_, rest)| rest)
}

fn state<'s, 'b>(schema: &'s Schema, bytes: &'b [u8]) -> DeserializerState<'s, SliceRead<'b>> {
    let mut config = DeserializerConfig::new(schema);
    // Every item takes at least a byte, so a longer list cannot be there.
    config.max_seq_size = bytes.len();
    config.allowed_depth = SCHEMA_DEPTH_MAX;
    DeserializerState::with_config(SliceRead::new(bytes), config)
}

fn rest<'b>(state: DeserializerState<'_, SliceRead<'b>>, bytes: &'b [u8]) -> &'b [u8] {
    let mut reader = state.into_reader();
    let left = reader.fill_buf().map_or(0, <[u8]>::len);
    bytes.get(bytes.len() - left..).unwrap_or_default()
}

fn error_in(error: DecodeError, bytes: &[u8]) -> DecodeError {
    if error.kind == DecodeErrorKind::Malformed {
        error.within(&format!(
            "not the Avro value its schema says ({} bytes)",
            bytes.len()
        ))
    } else {
        error
    }
}
