//! The decoder core: what a record means, whichever form it came in.
//!
//! [`draft`] and [`assign`] say what a field may hold, for both forms. [`action`] drives them from
//! JSON, and so does the Avro reader by its plan; [`tree`] holds the rarer scopes and control
//! records of either form until [`scope`] and [`control`] have read them.
//!
//! Knows no bytes, no framing and no schemas. Owns no state beyond one record's [`context`].

mod action;
pub(crate) mod action_draft;
pub(crate) mod assign;
pub(crate) mod bounds;
mod context;
mod control;
mod ignored_value;
mod object;
mod scope;
mod scope_times;
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

/// A decoded record and how many of its fields the vocabulary does not have.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded<T> {
    pub value: T,
    /// Ignored, and counted so that a gateway that speaks a newer vocabulary is noticed.
    pub unknown_fields: u32,
}

/// A kind of record that both forms carry.
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

/// A datum of no interest: how a reader of many finds the end of one it refused.
pub(crate) struct SkippedDatum;

impl Decodable for SkippedDatum {
    fn decode<'de, D: Deserializer<'de>>(
        deserializer: D,
        context: &mut DecodeContext,
    ) -> Result<Self, D::Error> {
        ignored_value::IgnoredValue { context, depth: 0 }
            .deserialize(deserializer)
            .map(|()| SkippedDatum)
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

/// Runs a decoder and sorts its errors: a breach of the contract is told apart from bytes that are
/// not of their form at all.
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
