//! One Avro value without framing.

use apache_avro::reader::datum::GenericDatumReader;
use serde::{Deserialize, Deserializer};

use super::super::decode::{self, Decodable, Decoded};
use super::super::error::{DecodeError, DecodeErrorKind};
use super::action_reader::read_action;
use super::schema::WriterSchema;
use super::value_walk::sound_length;
use crate::event::{AgentAction, AgentScope};

/// A kind of record that is written as Avro.
pub(crate) trait AvroDatum: Decodable {
    /// Reads the value at the start of `bytes` and says what is left.
    fn read_datum<'b>(
        writer: &WriterSchema,
        bytes: &'b [u8],
    ) -> Result<(Decoded<Self>, &'b [u8]), DecodeError> {
        read_by_apache(writer, bytes).map_err(|error| name_form(error, bytes))
    }
}

impl AvroDatum for AgentScope {}

impl AvroDatum for Box<AgentAction> {
    fn read_datum<'b>(
        writer: &WriterSchema,
        bytes: &'b [u8],
    ) -> Result<(Decoded<Self>, &'b [u8]), DecodeError> {
        read_action(&writer.types, &writer.action_plan, bytes)
            .map_err(|error| name_form(error, bytes))
    }
}

impl AvroDatum for AgentAction {
    fn read_datum<'b>(
        writer: &WriterSchema,
        bytes: &'b [u8],
    ) -> Result<(Decoded<Self>, &'b [u8]), DecodeError> {
        let (decoded, rest) = Box::<AgentAction>::read_datum(writer, bytes)?;
        let unboxed = Decoded {
            value: *decoded.value,
            unknown_fields: decoded.unknown_fields,
        };
        Ok((unboxed, rest))
    }
}

/// Decodes a value that fills `bytes`.
pub(crate) fn decode_whole<T: AvroDatum>(
    writer: &WriterSchema,
    bytes: &[u8],
) -> Result<Decoded<T>, DecodeError> {
    let (decoded, rest) = T::read_datum(writer, bytes)?;
    if !rest.is_empty() {
        let message = format!("{} bytes are left over after the value", rest.len());
        return Err(DecodeError::malformed(message));
    }
    Ok(decoded)
}

/// What is left after the value at the start of `bytes`: how a reader of many values finds the end
/// of one that it refused.
pub(super) fn skip_datum<'b>(
    writer: &WriterSchema,
    bytes: &'b [u8],
) -> Result<&'b [u8], DecodeError> {
    match sound_length(&writer.types, bytes) {
        (length, None) => Ok(bytes.get(length..).unwrap_or_default()),
        (_, Some(fault)) => Err(name_form(*fault, bytes)),
    }
}

/// Reads a value with apache-avro. It gets only the bytes that are sound, so that it never
/// allocates for a length that the record merely claims; what follows them is the fault, unless the
/// value breaks the contract before it.
fn read_by_apache<'b, T: Decodable>(
    writer: &WriterSchema,
    bytes: &'b [u8],
) -> Result<(Decoded<T>, &'b [u8]), DecodeError> {
    let (length, fault) = sound_length(&writer.types, bytes);
    let (mut sound, rest) = bytes.split_at_checked(length).unwrap_or((bytes, &[]));
    let read = GenericDatumReader::builder(&writer.schema)
        .human_readable(false)
        .build()
        .and_then(|reader| reader.read_deser::<DecodeResult<T>>(&mut sound));
    match (read, fault) {
        (Ok(DecodeResult(Ok(decoded))), None) => Ok((decoded, rest)),
        (Ok(DecodeResult(Err(error))), _) if error.kind == DecodeErrorKind::Contract => Err(error),
        (_, Some(fault)) => Err(*fault),
        // Its own words can hold the whole schema.
        (_, None) => Err(DecodeError::malformed("apache-avro does not read it")),
    }
}

/// A decoder's result, as a type that apache-avro can read.
struct DecodeResult<T>(Result<Decoded<T>, DecodeError>);

impl<'de, T: Decodable> Deserialize<'de> for DecodeResult<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(DecodeResult(decode::run_decoder(|context| {
            T::decode(deserializer, context)
        })))
    }
}

fn name_form(error: DecodeError, bytes: &[u8]) -> DecodeError {
    if error.kind == DecodeErrorKind::Malformed {
        error.within(&format!(
            "not the Avro value its schema says ({} bytes)",
            bytes.len()
        ))
    } else {
        error
    }
}
