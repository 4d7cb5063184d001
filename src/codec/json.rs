//! Writes records as JSON in the nested form, absent fields left out. What is written here, the
//! decoder reads back to the same value.

use super::wire::{WireControl, WireScope};
use super::wire_action::WireAction;
use crate::event::{AgentAction, AgentScope, ControlRecord, Link};

/// One action as one line of JSON, without the newline.
#[must_use]
pub fn write_action(action: &AgentAction) -> Vec<u8> {
    to_bytes(&WireAction::from(action))
}

/// One scope.
#[must_use]
pub fn write_scope(scope: &AgentScope) -> Vec<u8> {
    to_bytes(&WireScope::from(scope))
}

/// One control record.
#[must_use]
pub fn write_control(control: &ControlRecord) -> Vec<u8> {
    to_bytes(&WireControl::from(control))
}

/// One link.
#[must_use]
pub fn write_link(link: &Link) -> Vec<u8> {
    to_bytes(link)
}

/// The wire forms have text keys and no serializers of their own, and a vector takes every byte,
/// so writing cannot fail; were it to, the empty record is refused by every reader.
fn to_bytes(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}
