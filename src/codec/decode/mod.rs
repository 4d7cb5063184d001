//! Reads the fields of a record from a deserializer of either form, JSON or Avro.
//!
//! [`action_draft`] and [`assign`] check and set the fields of an action. Two readers use them:
//! [`action`], which visits a deserializer, and the Avro reader, which follows a plan made from the
//! schema. Scopes and control records are rarer: [`tree`] builds a tree of their values, from which
//! [`scope`] and [`control`] read them.
//!
//! These files must not know framing and schemas. They own the [`context`] of one record.

mod action;
pub(crate) mod action_draft;
pub(crate) mod assign;
pub(crate) mod bounds;
mod context;
mod control;
mod ignored_value;
mod name_seed;
mod object;
mod scope;
mod scope_times;
mod set_reply;
mod top_name;
mod tree;

use serde::de::{DeserializeSeed, Deserializer};

use self::action::ActionSeed;
pub(crate) use self::action_draft::ActionDraft;
pub(crate) use self::context::DecodeContext;
pub(crate) use self::ignored_value::IgnoredValue;
pub(crate) use self::top_name::TopName;
use self::tree::{TreeNode, TreeSeed};
use super::error::DecodeError;
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
}

impl Decodable for Box<AgentAction> {
    fn decode<'de, D: Deserializer<'de>>(
        deserializer: D,
        context: &mut DecodeContext,
    ) -> Result<Self, D::Error> {
        ActionSeed(context).deserialize(deserializer)
    }
}

impl Decodable for AgentAction {
    fn decode<'de, D: Deserializer<'de>>(
        deserializer: D,
        context: &mut DecodeContext,
    ) -> Result<Self, D::Error> {
        Box::decode(deserializer, context).map(|action| *action)
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
