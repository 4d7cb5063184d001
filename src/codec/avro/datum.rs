//! One Avro value without framing.

use std::io::BufRead;

use serde_avro_fast::Schema;
use serde_avro_fast::de::read::SliceRead;
use serde_avro_fast::de::{DeserializerConfig, DeserializerState};

use super::super::decode::{self, Decodable, Decoded, SkippedDatum};
use super::super::error::{DecodeError, DecodeErrorKind};
use super::read;
use super::schema::{SCHEMA_DEPTH_MAX, WriterSchema};
use crate::event::{AgentAction, AgentScope};

/// A kind of record that is written as Avro.
pub(crate) trait Datum: Decodable {
    /// Reads the value at the start of `bytes` and says what is left.
    fn read<'b>(
        writer: &WriterSchema,
        bytes: &'b [u8],
    ) -> Result<(Decoded<Self>, &'b [u8]), DecodeError> {
        general(&writer.schema, bytes).map_err(|error| error_in(error, bytes))
    }
}

impl Datum for AgentScope {}

/// How the end of a record is found that was refused.
impl Datum for SkippedDatum {}

impl Datum for Box<AgentAction> {
    fn read<'b>(
        writer: &WriterSchema,
        bytes: &'b [u8],
    ) -> Result<(Decoded<Self>, &'b [u8]), DecodeError> {
        let read = match &writer.actions {
            Some(plan) => read::action(plan, bytes),
            None => general(&writer.schema, bytes),
        };
        read.map_err(|error| error_in(error, bytes))
    }
}

impl Datum for AgentAction {
    fn read<'b>(
        writer: &WriterSchema,
        bytes: &'b [u8],
    ) -> Result<(Decoded<Self>, &'b [u8]), DecodeError> {
        let (
            Decoded {
                value,
                unknown_fields,
            },
            rest,
        ) = Box::<AgentAction>::read(writer, bytes)?;
        Ok((
            Decoded {
                value: *value,
                unknown_fields,
            },
            rest,
        ))
    }
}

/// Decodes a value that fills `bytes`.
pub(crate) fn decode_whole<T: Datum>(
    writer: &WriterSchema,
    bytes: &[u8],
) -> Result<Decoded<T>, DecodeError> {
    let (decoded, rest) = T::read(writer, bytes)?;
    if !rest.is_empty() {
        let message = format!("{} bytes are left over after the value", rest.len());
        return Err(DecodeError::malformed(message));
    }
    Ok(decoded)
}

/// Reads any value by any schema.
fn general<'b, T: Decodable>(
    schema: &Schema,
    bytes: &'b [u8],
) -> Result<(Decoded<T>, &'b [u8]), DecodeError> {
    let mut state = state(schema, bytes);
    let decoded = decode::run_decoder(|context| T::decode(state.deserializer(), context))?;
    Ok((decoded, rest(state, bytes)))
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
