//! What leaves this room: alerts, revocation requests, audit entries. All typed; `codec` writes
//! them.

use serde_json::{Map, Value};

use crate::event::{AgentAction, Confirmation, Position, Text, Verdict};

use super::id::Id;
use super::target::Target;
use super::terms::{Family, Mode, Severity};

/// One effect of the response stage.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    Alert(Box<Alert>),
    Revocation(Box<RevocationRequest>),
    Audit(Box<AuditEntry>),
}

/// An incident's message.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    pub message_id: Id,
    pub incident_id: Id,
    pub activity: Activity,
    /// Stream time of the message, epoch milliseconds.
    pub time_ms: i64,
    pub tenant: Text,
    /// The agent; of an incident folded wider, the agent that opened it, so that all messages of
    /// one incident have one key.
    pub agent_id: Text,
    pub agent_type: Option<Text>,
    pub task_id: Option<Text>,
    pub rule: RuleNote,
    /// Weaker rules that fired on the same actions since the last message, by id.
    pub also: Vec<Text>,
    pub severity: Severity,
    /// One sentence: who did what to what, expected against observed.
    pub message: String,
    /// The events since the last message, oldest first: at most [`super::EVIDENCE_MAX`].
    pub event_ids: Vec<Text>,
    /// Events since the last message that found no room in `event_ids`.
    pub event_ids_dropped: u64,
    pub first_event: FirstEvent,
    /// Stream time of the latest finding, epoch milliseconds.
    pub last_ms: i64,
    /// Findings so far.
    pub count: u64,
    /// The facts the rule read, with their values; empty on messages no action caused.
    pub facts: Map<String, Value>,
    pub expected: Option<Expected>,
    /// Delegation chain, root first.
    pub chain: Vec<Text>,
    pub atlas: Vec<Text>,
    pub asi: Vec<Text>,
    /// Agents gathered in an incident folded wider than one agent: the first
    /// [`super::AGENTS_MAX`].
    pub agents: Vec<Text>,
    pub revocation: Option<RevocationBlock>,
    /// Hash of the rule bundle, hex.
    pub bundle: Text,
    /// The action that caused this message, for forms that describe it.
    pub trigger: Option<Box<AgentAction>>,
}

/// What a message does to its incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    Create,
    Update,
    Close(CloseReason),
}

/// Why an incident ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// No findings for as long as the fold waits.
    Quiet,
    /// The subject's incidents were full and this one was least recently active.
    Crowded,
    /// A person said so.
    FalsePositive,
}

impl Activity {
    /// The word in alerts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Activity::Create => "create",
            Activity::Update => "update",
            Activity::Close(_) => "close",
        }
    }
}

impl CloseReason {
    /// The word in alerts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            CloseReason::Quiet => "quiet",
            CloseReason::Crowded => "crowded",
            CloseReason::FalsePositive => "false_positive",
        }
    }
}

/// The rule of an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleNote {
    pub id: Text,
    pub title: Text,
    pub family: Family,
}

/// The event that opened an incident.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FirstEvent {
    pub position: Position,
    pub occurred_at_ms: i64,
    pub append_ms: i64,
}

/// What a baseline expected and what it saw.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    pub metric: Text,
    /// Length of the window judged, milliseconds.
    pub window_ms: i64,
    pub observed: f64,
    pub expected: f64,
    /// The largest value that is still usual.
    pub upper: f64,
    /// Observed over expected.
    pub ratio: f64,
    /// learning, active, frozen, stale or class.
    pub state: Text,
}

/// The plan of an incident, in shadow too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationBlock {
    pub txn: Id,
    /// The highest mode among the targets, or the mode that would have held.
    pub mode: Mode,
    /// In the order in which they are to be taken back.
    pub targets: Vec<BlockTarget>,
    /// Why something was not planned.
    pub notes: Vec<String>,
}

/// One target in an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockTarget {
    pub target: Target,
    pub reason: String,
    pub mode: Mode,
    pub state: RequestState,
    /// Which of the incident's plans holds it, from 1.
    pub number: u32,
    /// The transaction of the incident that asked first, when this one joined its request.
    pub joined: Option<Id>,
}

/// How far a request has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum RequestState {
    /// In shadow: shown only.
    Planned,
    /// Sent, no answer yet.
    Sent,
    Done,
    NotFound,
    Refused,
    Partial,
    Failed,
    /// Taken back by a person.
    Withdrawn,
}

impl RequestState {
    /// The word in alerts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            RequestState::Planned => "planned",
            RequestState::Sent => "sent",
            RequestState::Done => "done",
            RequestState::NotFound => "not_found",
            RequestState::Refused => "refused",
            RequestState::Partial => "partial",
            RequestState::Failed => "failed",
            RequestState::Withdrawn => "withdrawn",
        }
    }
}

impl From<Confirmation> for RequestState {
    fn from(result: Confirmation) -> Self {
        match result {
            Confirmation::Done => RequestState::Done,
            Confirmation::NotFound => RequestState::NotFound,
            Confirmation::Refused => RequestState::Refused,
            Confirmation::Partial => RequestState::Partial,
            Confirmation::Failed => RequestState::Failed,
        }
    }
}

/// An immutable, numbered request to the identity system, or its withdrawal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationRequest {
    pub kind: RequestKind,
    pub txn: Id,
    /// Which plan of the transaction this is, from 1; a withdrawal carries the number it takes
    /// back.
    pub number: u32,
    pub tenant: Text,
    pub agent_id: Text,
    pub task_id: Option<Text>,
    pub incident_id: Id,
    /// The alert that tells of it; a withdrawal of a closed incident has none.
    pub message_id: Option<Id>,
    pub rule: RuleNote,
    pub severity: Severity,
    /// Why, in one sentence.
    pub reason: String,
    pub targets: Vec<PlannedTarget>,
    pub event_ids: Vec<Text>,
    /// Append time of the record that caused it, epoch milliseconds.
    pub requested_at_ms: i64,
    pub bundle: Text,
}

/// A target of a request with its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedTarget {
    pub target: Target,
    pub reason: String,
}

/// Asked for or taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestKind {
    Requested,
    Withdrawn,
}

/// What the stage did, for the audit topic.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    /// Append time of the record that caused it, epoch milliseconds.
    pub at_ms: i64,
    pub tenant: Text,
    pub agent_id: Text,
    pub incident_id: Option<Id>,
    pub txn: Option<Id>,
    pub what: Audited,
    /// Who gave the command, for control records.
    pub by: Option<Text>,
    pub targets: Vec<Target>,
    /// One sentence.
    pub detail: String,
}

/// The kinds of audit entry of this stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audited {
    ShadowPlan,
    RequestSent,
    BudgetTripped,
    Confirmed(Confirmation),
    Withdrawn,
    VerdictGiven(Verdict),
    /// A control record that names nothing known here, or asks for what this version lacks.
    ControlIgnored,
}

impl Audited {
    /// The word in the audit topic.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Audited::ShadowPlan => "shadow_plan",
            Audited::RequestSent => "request_sent",
            Audited::BudgetTripped => "budget_tripped",
            Audited::Confirmed(_) => "confirmed",
            Audited::Withdrawn => "withdrawn",
            Audited::VerdictGiven(_) => "verdict_given",
            Audited::ControlIgnored => "control_ignored",
        }
    }
}
