//! Detects the form of a record (JSON, Avro with Confluent framing, Avro single object) and decodes
//! it.

use serde::de::Deserializer as _;

use super::avro::datum::{self, AvroDatum};
use super::avro::{SchemaSet, WriterSchema};
use super::decode::bounds;
use super::decode::{self, Decodable, Decoded};
use super::error::{DecodeError, DecodeErrorKind};
use super::token_scope::{self, ClaimNames};
use crate::event::limits::RECORD_BYTES_MAX;
use crate::event::{AgentAction, AgentKey, AgentScope, ControlRecord, Link, LinkBody, TextBound};

/// The first byte of a Confluent-framed record; a schema id of four bytes follows, big-endian.
pub(super) const CONFLUENT_MAGIC: u8 = 0x00;
/// The first bytes of an Avro single object; the schema's fingerprint follows, little-endian.
pub(super) const SINGLE_OBJECT_MAGIC: [u8; 2] = [0xc3, 0x01];

/// Decodes records of the input topics. All workers share one decoder; it contains only schemas.
#[derive(Debug, Clone)]
pub struct Decoder {
    schemas: SchemaSet,
}

impl Decoder {
    #[must_use]
    pub fn new(schemas: SchemaSet) -> Self {
        Decoder { schemas }
    }

    /// The schemas this decoder reads with.
    #[must_use]
    pub fn schemas(&self) -> &SchemaSet {
        &self.schemas
    }

    /// Decodes an action: JSON, Avro with Confluent framing, or an Avro single object.
    ///
    /// # Errors
    /// [`DecodeErrorKind`] says what to do with the record.
    pub fn decode_action(&self, bytes: &[u8]) -> Result<Decoded<Box<AgentAction>>, DecodeError> {
        self.decode(bytes, self.schemas.action_reading())
    }

    /// Decodes a scope, in the same forms as an action. A JSON record may also name the claims of a
    /// token: see [`token_scope`].
    ///
    /// # Errors
    /// [`DecodeErrorKind`] says what to do with the record.
    pub fn decode_scope(&self, bytes: &[u8]) -> Result<Decoded<AgentScope>, DecodeError> {
        check_length(bytes)?;
        match expand_claims(bytes)? {
            Some(record) => from_json(&record),
            None => self.decode(bytes, self.schemas.scope_reading()),
        }
    }

    /// Decodes a control record, which is JSON: our own form, or the claims of a security event
    /// token. A token that does not name its agent is about the agent of the record's `key`.
    ///
    /// # Errors
    /// As [`Decoder::decode_action`], without the kinds that concern schemas.
    pub fn decode_control(
        &self,
        bytes: &[u8],
        key: Option<&[u8]>,
    ) -> Result<Decoded<ControlRecord>, DecodeError> {
        check_length(bytes)?;
        let mut decoded: Decoded<ControlRecord> = from_json(bytes)?;
        let control = &mut decoded.value;
        if !control.agent_id.is_empty() {
            return Ok(decoded);
        }
        let key = key.and_then(|key| std::str::from_utf8(key).ok());
        let named = key.and_then(AgentKey::parse).ok_or_else(|| {
            DecodeError::contract("agent.id: required; no key of the record names the agent")
        })?;
        bounds::check_text("agent.id", &named.agent, TextBound::Id)
            .and_then(|()| bounds::check_text("tenant", &named.tenant, TextBound::Tenant))
            .map_err(DecodeError::contract)?;
        (control.tenant, control.agent_id) = (named.tenant, named.agent);
        Ok(decoded)
    }

    /// Decodes a link, which is JSON that Scopewatch itself wrote.
    ///
    /// # Errors
    /// As [`Decoder::decode_control`].
    pub fn decode_link(&self, bytes: &[u8]) -> Result<Decoded<Link>, DecodeError> {
        check_length(bytes)?;
        let link: Link = serde_json::from_slice(bytes)
            .map_err(|error| DecodeError::malformed(format!("not a link: {error}")))?;
        match &link.body {
            LinkBody::Tick => {}
            LinkBody::TenantManaged { tenant } if tenant.is_empty() => {
                return Err(DecodeError::contract("tenant: required, and empty"));
            }
            LinkBody::TenantManaged { tenant } => {
                bounds::check_text("tenant", tenant, TextBound::Tenant)
                    .map_err(DecodeError::contract)?;
            }
        }
        Ok(Decoded {
            value: link,
            unknown_fields: 0,
        })
    }

    fn decode<T: AvroDatum>(
        &self,
        bytes: &[u8],
        own: &WriterSchema,
    ) -> Result<Decoded<T>, DecodeError> {
        check_length(bytes)?;
        match bytes {
            [CONFLUENT_MAGIC, a, b, c, d, body @ ..] => {
                let id = u32::from_be_bytes([*a, *b, *c, *d]);
                let schema = self.schemas.by_id(id).ok_or_else(|| DecodeError {
                    kind: DecodeErrorKind::UnknownSchemaId(id),
                    message: format!("schema id {id} is mapped to no file"),
                })?;
                datum::decode_whole(schema, body)
            }
            [0xc3, 0x01, rest @ ..] => {
                let Some((fingerprint, body)) = rest.split_first_chunk::<8>() else {
                    return Err(DecodeError::malformed(
                        "a single object of less than 10 bytes",
                    ));
                };
                let schema = if own.fingerprint() == fingerprint {
                    own
                } else {
                    self.schemas.by_fingerprint(*fingerprint).ok_or_else(|| {
                        let number = u64::from_le_bytes(*fingerprint);
                        DecodeError::malformed(format!(
                            "no schema with the CRC-64-AVRO fingerprint {number:016x} is known"
                        ))
                    })?
                };
                datum::decode_whole(schema, body)
            }
            _ => from_json(bytes),
        }
    }
}

/// A scope record with its claims made fields of the scope; `None` if it names no claims, or is not
/// JSON.
fn expand_claims(bytes: &[u8]) -> Result<Option<Vec<u8>>, DecodeError> {
    let is_object = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    let mentions = |name: &str| {
        let mut windows = bytes.windows(name.len());
        windows.any(|window| window == name.as_bytes())
    };
    let claims = is_object && (mentions("\"authorization_details\"") || mentions("\"act\""));
    if !claims || !depth_is_bounded(bytes) {
        return Ok(None);
    }
    let Ok(object) = serde_json::from_slice::<serde_json::Map<_, _>>(bytes) else {
        return Ok(None);
    };
    if !token_scope::names_authorization(&object) {
        return Ok(None);
    }
    let names = ClaimNames::default();
    let scope = token_scope::scope_of_claims(&object, &names).map_err(DecodeError::contract)?;
    let record = serde_json::to_vec(&scope.record);
    record
        .map(Some)
        .map_err(|error| DecodeError::malformed(error.to_string()))
}

/// Refuses a record that is too long, before it is read.
fn check_length(bytes: &[u8]) -> Result<(), DecodeError> {
    if bytes.len() > RECORD_BYTES_MAX {
        return Err(DecodeError::too_large(bytes.len(), RECORD_BYTES_MAX));
    }
    Ok(())
}

/// Decodes one JSON object; nothing but white space may follow it.
pub(super) fn from_json<T: Decodable>(bytes: &[u8]) -> Result<Decoded<T>, DecodeError> {
    match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') => {}
        Some(_) => return Err(DecodeError::malformed(NOT_A_FORM)),
        None => return Err(DecodeError::malformed("the record is empty")),
    }
    decode::run_decoder(|context| {
        let mut json = serde_json::Deserializer::from_slice(bytes);
        let value = T::decode(&mut json, context)?;
        json.end()?;
        Ok::<_, serde_json::Error>(value)
    })
}

const NOT_A_FORM: &str =
    "neither a JSON object nor Avro with Confluent framing nor an Avro single object";

/// Decodes one output of a mapping: a JSON object within the limits of a record.
pub(super) fn action_from_json(bytes: &[u8]) -> Result<Decoded<AgentAction>, DecodeError> {
    check_length(bytes)?;
    from_json(bytes)
}

/// Whether a text, which may not be JSON, nests at most [`crate::event::limits::JSON_DEPTH_MAX`]
/// levels deep. Checked before a parser that does not bound the depth reads the text.
pub(super) fn depth_is_bounded(bytes: &[u8]) -> bool {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let mut context = decode::DecodeContext::default();
    let skip = decode::IgnoredValue {
        context: &mut context,
        depth: 0,
    };
    // A text that is not JSON ends the walk early, before the bound was exceeded.
    let _ = json.deserialize_any(skip);
    context.refusal.is_none()
}
