//! Reads the fields of a record from a deserializer of either form, JSON or Avro.
//!
//! [`action_draft`] and [`assign`] set the fields of an action, and mark those whose values cannot
//! be used. Two readers use them: [`action`], which visits a deserializer, and the Avro reader,
//! which follows a plan made from the schema. Scopes and control records are rarer: [`tree`] builds
//! a tree of their values, from which [`scope`] and [`control`] read them.
//!
//! These files must not know framing and schemas. They own the [`context`] of one record.

mod action;
pub(crate) mod action_draft;
pub(crate) mod assign;
pub(crate) mod bounds;
mod context;
mod control;
mod name_seed;
mod object;
mod scope;
mod scope_times;
mod set_reply;
mod top_name;
mod tree;

use serde::de::{DeserializeSeed, Deserializer};

use self::action::ActionSeed;
pub(crate) use self::action_draft::{ActionDraft, complete_identity, parse_record_key};
pub(crate) use self::context::DecodeContext;
pub(crate) use self::top_name::{MALFORMED_LEAF, TopName};
use self::tree::{TreeNode, TreeSeed};
use super::error::DecodeError;
use super::lenient_json::LenientJson;
use crate::event::{AgentAction, AgentScope, ControlRecord};

/// A decoded record and the number of its unknown fields.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded<T> {
    pub value: T,
    /// Fields that the vocabulary does not have. They are ignored, and counted so that an operator
    /// notices a gateway that writes a newer schema.
    pub unknown_fields: u32,
}

/// A kind of record that can be decoded from both forms.
pub(crate) trait Decodable: Sized {
    /// Decodes one value from a deserializer of either form.
    fn decode<'de, D: Deserializer<'de>>(
        deserializer: D,
        context: &mut DecodeContext,
    ) -> Result<Self, D::Error>;

    /// Decodes one JSON text; nothing but white space may follow it.
    fn decode_json(bytes: &[u8]) -> Result<Decoded<Self>, DecodeError> {
        let decoded = run_decoder(|context| {
            let mut json = serde_json::Deserializer::from_slice(bytes);
            let value = Self::decode(&mut json, context)?;
            json.end()?;
            Ok::<_, serde_json::Error>(value)
        });
        decoded.map_err(DecodeError::of_json)
    }

    /// Completes a decoded value by the key of its record.
    ///
    /// # Errors
    /// If the value is not usable without what the key lacks.
    fn complete(&mut self, _key: Option<&[u8]>) -> Result<(), DecodeError> {
        Ok(())
    }
}

impl Decodable for Box<AgentAction> {
    fn decode<'de, D: Deserializer<'de>>(
        deserializer: D,
        context: &mut DecodeContext,
    ) -> Result<Self, D::Error> {
        ActionSeed(context).deserialize(deserializer)
    }

    fn decode_json(bytes: &[u8]) -> Result<Decoded<Self>, DecodeError> {
        let mut context = DecodeContext::default();
        let mut json = LenientJson::new(bytes);
        let read = ActionSeed(&mut context).deserialize(&mut json);
        let read = read.and_then(|value| json.end().map(|()| value));
        let value = read.map_err(|fault| DecodeError::not_json(json.locate_fault(&fault)))?;
        Ok(Decoded {
            value,
            unknown_fields: context.unknown_fields,
        })
    }

    fn complete(&mut self, key: Option<&[u8]>) -> Result<(), DecodeError> {
        complete_identity(self, key)
    }
}

impl Decodable for AgentAction {
    fn decode<'de, D: Deserializer<'de>>(
        deserializer: D,
        context: &mut DecodeContext,
    ) -> Result<Self, D::Error> {
        Box::decode(deserializer, context).map(|action| *action)
    }

    fn decode_json(bytes: &[u8]) -> Result<Decoded<Self>, DecodeError> {
        let decoded = Box::<AgentAction>::decode_json(bytes)?;
        Ok(Decoded {
            value: *decoded.value,
            unknown_fields: decoded.unknown_fields,
        })
    }

    fn complete(&mut self, key: Option<&[u8]>) -> Result<(), DecodeError> {
        complete_identity(self, key)
    }
}

impl Decodable for AgentScope {
    fn decode<'de, D: Deserializer<'de>>(
        deserializer: D,
        context: &mut DecodeContext,
    ) -> Result<Self, D::Error> {
        through_tree(deserializer, context, scope::read_scope)
    }
}

impl Decodable for ControlRecord {
    fn decode<'de, D: Deserializer<'de>>(
        deserializer: D,
        context: &mut DecodeContext,
    ) -> Result<Self, D::Error> {
        through_tree(deserializer, context, control::read_control)
    }
}

fn through_tree<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    context: &mut DecodeContext,
    read: impl FnOnce(TreeNode, &mut u32) -> Result<T, String>,
) -> Result<T, D::Error> {
    let node = TreeSeed { context, depth: 0 }.deserialize(deserializer)?;
    let mut unknown = 0;
    let value = read(node, &mut unknown).map_err(|message| context.refuse(message))?;
    context.unknown_fields = context.unknown_fields.saturating_add(unknown);
    Ok(value)
}

/// Runs `decode` with a new context. A recorded refusal becomes a contract error, any other error a
/// malformed record.
pub(crate) fn run_decoder<T, E: std::fmt::Display>(
    decode: impl FnOnce(&mut DecodeContext) -> Result<T, E>,
) -> Result<Decoded<T>, DecodeError> {
    let mut context = DecodeContext::default();
    match (decode(&mut context), context.refusal.take()) {
        (Ok(value), None) => Ok(Decoded {
            value,
            unknown_fields: context.unknown_fields,
        }),
        (_, Some(refusal)) => Err(DecodeError::contract(refusal)),
        (Err(error), None) => Err(DecodeError::malformed(error.to_string())),
    }
}
