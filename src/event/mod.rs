//! The vocabulary: what an agent did, what it was declared to do, and where a record stood.
//!
//! Place in the flow: `codec` makes these values from bytes, every other room reads them, and
//! `codec` makes bytes of them again.
//!
//! This room knows nothing of wire formats, topics' configuration, state, rules or clocks. It owns
//! no state; its limits are those of [`limits`], which `codec` enforces before a value exists.
//!
//! Read first: the tests beside `action` and `position`.

#![deny(clippy::disallowed_methods)]

mod action;
mod control;
mod declaration;
pub mod diagnostic;
mod fingerprint;
pub mod limits;
mod link;
mod position;
mod record;
mod words;
pub mod yaml;

pub use action::{AgentAction, RESOURCE_TYPE_UNKNOWN, TENANT_DEFAULT};
pub use control::{CommandKind, Confirmation, Control, Decision, Verdict};
pub use declaration::{
    AgentScope, ChannelRule, DelegationRule, Grant, Hours, Limit, Measure, MeasureKind, Parent,
};
pub use fingerprint::fingerprint;
pub use link::{Link, LinkBody};
pub use position::{AgentKey, Position, TimeSource};
pub use record::{Body, Input, Record};
pub(crate) use words::words;
pub use words::{
    DeclaredStatus, DelegationState, Effect, InstructionSource, Network, Outcome, Sensitivity, Verb,
};

/// Text of the vocabulary: inline up to 24 bytes, so that most ids cost no allocation.
pub type Text = compact_str::CompactString;
