//! Detects the form of a record (JSON, Avro with Confluent framing, Avro single object) and decodes
//! it.

use std::sync::Arc;

use serde::Deserialize as _;
use serde::de::IgnoredAny;

use super::avro::datum::{self, AvroDatum};
use super::avro::{SchemaSet, WriterSchema};
use super::control_keys::ControlKeys;
use super::decode::bounds;
use super::decode::{Decodable, Decoded};
use super::error::{DecodeError, DecodeErrorKind};
use super::lenient_json::LenientJson;
use super::link_bounds::check_link;
use super::token_scope::{self, ClaimNames};
use crate::event::limits::{LINK_BYTES_MAX, RECORD_BYTES_MAX};
use crate::event::{
    AddressedLink, AgentAction, AgentKey, AgentScope, CommandKind, ControlRecord, SubjectForm,
    Text, TextBound,
};

/// The first byte of a Confluent-framed record; a schema id of four bytes follows, big-endian.
pub(super) const CONFLUENT_MAGIC: u8 = 0x00;
/// The first characters of every compact JWS: a JSON object in base64url.
const JWS_START: &str = "ey";
/// What some writers put before a text in UTF-8.
const BYTE_ORDER_MARK: &[u8] = &[0xef, 0xbb, 0xbf];
/// The first bytes of an Avro single object; the schema's fingerprint follows, little-endian.
pub(super) const SINGLE_OBJECT_MAGIC: [u8; 2] = [0xc3, 0x01];

/// Decodes records of the input topics. All workers share one decoder; it contains only schemas.
#[derive(Debug, Clone)]
pub struct Decoder {
    schemas: SchemaSet,
    /// The keys with which confirmations must be signed; `None`: they need no signature.
    control_keys: Option<Arc<ControlKeys>>,
}

impl Decoder {
    #[must_use]
    pub fn new(schemas: SchemaSet) -> Self {
        Decoder {
            schemas,
            control_keys: None,
        }
    }

    /// The same decoder, which accepts a confirmation only if one of these keys signed it.
    #[must_use]
    pub fn with_control_keys(mut self, keys: ControlKeys) -> Self {
        self.control_keys = Some(Arc::new(keys));
        self
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
        self.decode_keyed_action(bytes, None)
    }

    /// As [`Decoder::decode_action`], for a record with a key. The key, `tenant/agent`, says whose
    /// action it is where the value does not.
    ///
    /// # Errors
    /// As [`Decoder::decode_action`].
    pub fn decode_keyed_action(
        &self,
        bytes: &[u8],
        key: Option<&[u8]>,
    ) -> Result<Decoded<Box<AgentAction>>, DecodeError> {
        self.decode(bytes, self.schemas.action_reading(), key)
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
            None => self.decode(bytes, self.schemas.scope_reading(), None),
        }
    }

    /// Decodes a control record, which is JSON or a JWS of it: our own form, or the claims of a
    /// security event token. A token names no agent and no tenant: it is about the agent of the
    /// record's `key`; without a key about the identity in its `sub_id`, in the default tenant.
    ///
    /// # Errors
    /// As [`Decoder::decode_action`], without the kinds that concern schemas.
    pub fn decode_control(
        &self,
        bytes: &[u8],
        key: Option<&[u8]>,
    ) -> Result<Decoded<ControlRecord>, DecodeError> {
        check_length(bytes)?;
        let mut decoded = self.read_signed(bytes)?;
        let control = &mut decoded.value;
        if !control.agent_id.is_empty() || control.command.is_of_tenant() {
            return Ok(decoded);
        }
        let key_text = key.and_then(|key| std::str::from_utf8(key).ok());
        let subject = key
            .is_none()
            .then(|| identity_of(&control.command))
            .flatten();
        let named = key_text.and_then(AgentKey::parse).or_else(|| {
            Some(AgentKey {
                tenant: control.tenant.clone(),
                agent: subject?.clone(),
            })
        });
        let named = named.ok_or_else(|| {
            DecodeError::contract("agent.id: required; no key of the record names the agent")
        })?;
        bounds::check_text("agent.id", &named.agent, TextBound::Id)
            .and_then(|()| bounds::check_text("tenant", &named.tenant, TextBound::Tenant))
            .map_err(DecodeError::contract)?;
        (control.tenant, control.agent_id) = (named.tenant, named.agent);
        Ok(decoded)
    }

    /// Reads a control record that is signed, or that needs no signature.
    fn read_signed(&self, bytes: &[u8]) -> Result<Decoded<ControlRecord>, DecodeError> {
        let refused = |why: &str| DecodeError::signature(format!("a signed record: {why}"));
        let text = std::str::from_utf8(bytes).unwrap_or_default().trim();
        let signed = text.starts_with(JWS_START);
        let Some(keys) = &self.control_keys else {
            return match signed {
                true => Err(refused("no keys are given for it with `control.keys`")),
                false => from_json(bytes),
            };
        };
        if !signed {
            let decoded: Decoded<ControlRecord> = from_json(bytes)?;
            return match decoded.value.command {
                CommandKind::Confirmation { .. } => Err(DecodeError::signature(
                    "an unsigned confirmation: the setting `control.keys` demands a signature",
                )),
                _ => Ok(decoded),
            };
        }
        let record = keys.verify_record(text).map_err(refused)?;
        let decoded: Decoded<ControlRecord> = from_json(&record.payload)?;
        // Only claims of a token leave the agent open; one that was signed for another purpose must
        // not count as a report.
        let open = decoded.value.agent_id.is_empty() && !decoded.value.command.is_of_tenant();
        match open && !record.is_token {
            true => Err(refused("its header has not the type `secevent+jwt`")),
            false => Ok(decoded),
        }
    }

    /// Decodes a link with its target, which is JSON that Scopewatch itself wrote.
    ///
    /// # Errors
    /// As [`Decoder::decode_control`].
    pub fn decode_link(&self, bytes: &[u8]) -> Result<Decoded<AddressedLink>, DecodeError> {
        if bytes.len() > LINK_BYTES_MAX {
            return Err(DecodeError::too_large(bytes.len(), LINK_BYTES_MAX));
        }
        let link: AddressedLink = serde_json::from_slice(bytes)
            .map_err(|error| DecodeError::malformed(format!("not a link: {error}")))?;
        check_link(&link).map_err(DecodeError::contract)?;
        Ok(Decoded {
            value: link,
            unknown_fields: 0,
        })
    }

    fn decode<T: AvroDatum>(
        &self,
        bytes: &[u8],
        own: &WriterSchema,
        key: Option<&[u8]>,
    ) -> Result<Decoded<T>, DecodeError> {
        let mut decoded: Decoded<T> = self.decode_value(bytes, own)?;
        decoded.value.complete(key)?;
        Ok(decoded)
    }

    fn decode_value<T: AvroDatum>(
        &self,
        bytes: &[u8],
        own: &WriterSchema,
    ) -> Result<Decoded<T>, DecodeError> {
        check_length(bytes)?;
        match bytes {
            [CONFLUENT_MAGIC, framed @ ..] => {
                let (schema, body) = self.framed_schema(framed)?;
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

    /// The writer schema of a record in Confluent framing and the bytes after its id. `framed` is
    /// the record without its first byte.
    fn framed_schema<'b>(
        &self,
        framed: &'b [u8],
    ) -> Result<(&WriterSchema, &'b [u8]), DecodeError> {
        if !self.schemas.has_ids() {
            return Err(DecodeError::not_json(
                "begins with a zero byte, as Confluent framing does, but [schema.ids] names no id",
            ));
        }
        let Some((id, body)) = framed.split_first_chunk::<4>() else {
            return Err(DecodeError::not_json(
                "begins with a zero byte and is too short for Confluent framing",
            ));
        };
        let id = u32::from_be_bytes(*id);
        match self.schemas.by_id(id) {
            Some(schema) => Ok((schema, body)),
            None if is_json_object(body) => Err(DecodeError::not_json(format!(
                "JSON behind the schema id {id}: only Avro is read in Confluent framing, and JSON \
                 without it"
            ))),
            None => Err(DecodeError {
                kind: DecodeErrorKind::UnknownSchemaId(id),
                message: format!("schema id {id} is mapped to no file"),
            }),
        }
    }
}

/// The identity that a token is about, where its subject is one.
fn identity_of(command: &CommandKind) -> Option<&Text> {
    match command {
        CommandKind::Confirmation {
            target: Some(target),
            ..
        } if matches!(target.subject, Some(SubjectForm::IssSub { .. })) => Some(&target.id),
        _ => None,
    }
}

/// Whether bytes are one JSON object.
fn is_json_object(bytes: &[u8]) -> bool {
    let mut json = LenientJson::new(bytes);
    bytes.trim_ascii_start().starts_with(b"{")
        && IgnoredAny::deserialize(&mut json).is_ok()
        && json.end().is_ok()
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
    if !claims {
        return Ok(None);
    }
    // The reader bounds the depth.
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

/// Decodes one JSON object; nothing but white space may follow it. A byte order mark before it is
/// skipped.
pub(super) fn from_json<T: Decodable>(bytes: &[u8]) -> Result<Decoded<T>, DecodeError> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') => T::decode_json(bytes),
        Some(_) => Err(DecodeError::not_json(NOT_A_FORM)),
        None => Err(DecodeError::not_json("the record is empty")),
    }
}

const NOT_A_FORM: &str =
    "neither a JSON object nor Avro with Confluent framing nor an Avro single object";

/// Decodes one output of a mapping: a JSON object. The caller has bounded its length.
pub(super) fn action_from_json(bytes: &[u8]) -> Result<Decoded<AgentAction>, DecodeError> {
    let mut decoded: Decoded<AgentAction> = from_json(bytes)?;
    decoded.value.complete(None)?;
    Ok(decoded)
}
