//! A decoded record with its position and times: the input of the detector.

use super::{
    AddressedLink, AgentAction, AgentKey, AgentScope, ControlRecord, RecordPosition, Text,
    TimeSource,
};

/// The inputs of a partition task. Records with equal times are applied in this order: the records
/// that change judgement come before the actions that are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Input {
    Scopes,
    Control,
    Links,
    Actions,
    /// Mapped actions of a backfill, on event time.
    Backfill,
}

impl Input {
    pub const ALL: [Input; 5] = [
        Input::Scopes,
        Input::Control,
        Input::Links,
        Input::Actions,
        Input::Backfill,
    ];
}

/// One decoded record.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    pub input: Input,
    pub position: RecordPosition,
    /// The broker's append time in epoch milliseconds.
    pub append_ms: i64,
    /// Which time of this record moves stream time.
    pub time: TimeSource,
    pub body: RecordBody,
}

/// The content of a record.
#[derive(Debug, Clone, PartialEq)]
pub enum RecordBody {
    Action(Box<AgentAction>),
    Scope(Box<AgentScope>),
    Control(Box<ControlRecord>),
    Link(Box<AddressedLink>),
    /// A record of the actions topic that became a dead letter, and whose key names an agent.
    Unreadable(Box<UnreadableRecord>),
}

/// What is known of an action whose record cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableRecord {
    /// The agent that the record's key names.
    pub agent: AgentKey,
    /// The class of the dead letter, such as `not_json`.
    pub class: Text,
}

impl RecordBody {
    /// The agent whose key the record has; `None` for a link, which has the key of its target.
    #[must_use]
    pub fn agent_key(&self) -> Option<AgentKey> {
        match self {
            RecordBody::Action(action) => Some(action.agent_key()),
            RecordBody::Scope(scope) => Some(scope.agent_key()),
            RecordBody::Control(control) => Some(control.agent_key()),
            RecordBody::Link(_) => None,
            RecordBody::Unreadable(unreadable) => Some(unreadable.agent.clone()),
        }
    }
}
