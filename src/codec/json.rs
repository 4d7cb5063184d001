//! Encodes records as JSON in the nested form, without absent fields. The decoder decodes the
//! result to the same value.

use super::wire::{WireControl, WireScope};
use super::wire_action::WireAction;
use crate::event::{AddressedLink, AgentAction, AgentScope, ControlRecord};

/// Encodes an action as one line of JSON, without the newline.
#[must_use]
pub fn write_action(action: &AgentAction) -> Vec<u8> {
    to_bytes(&WireAction::for_json(action))
}

/// Encodes a scope.
#[must_use]
pub fn write_scope(scope: &AgentScope) -> Vec<u8> {
    to_bytes(&WireScope::from(scope))
}

/// Encodes a control record.
#[must_use]
pub fn write_control(control: &ControlRecord) -> Vec<u8> {
    to_bytes(&WireControl::from(control))
}

/// Encodes a link and its target.
#[must_use]
pub fn write_link(link: &AddressedLink) -> Vec<u8> {
    to_bytes(link)
}

/// Writing cannot fail: all keys are text, no serializer of ours returns an error, and a vector
/// accepts every byte. The fallback is an empty record, which every decoder refuses.
fn to_bytes(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}
