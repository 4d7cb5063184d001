//! A decoded record with its place and times: what the detector is driven by.

use super::{AgentAction, AgentKey, AgentScope, ControlRecord, Link, RecordPosition, TimeSource};

/// The inputs of a partition task, in the order that breaks ties of time: what changes judgement
/// comes before what is judged.
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
    /// The broker's stamp, epoch milliseconds.
    pub append_ms: i64,
    /// Which time moves stream time for this record.
    pub time: TimeSource,
    pub body: RecordBody,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq)]
pub enum RecordBody {
    Action(Box<AgentAction>),
    Scope(Box<AgentScope>),
    Control(Box<ControlRecord>),
    Link(Box<Link>),
}

impl RecordBody {
    /// The agent whose partition this record must stand in; links carry their own address.
    #[must_use]
    pub fn agent(&self) -> Option<AgentKey> {
        match self {
            RecordBody::Action(a) => Some(AgentKey {
                tenant: a.tenant.clone(),
                agent: a.agent_id.clone(),
            }),
            RecordBody::Scope(s) => Some(AgentKey {
                tenant: s.tenant.clone(),
                agent: s.agent_id.clone(),
            }),
            RecordBody::Control(c) => Some(AgentKey {
                tenant: c.tenant.clone(),
                agent: c.agent_id.clone(),
            }),
            RecordBody::Link(_) => None,
        }
    }
}
