//! The alert: one message about an incident, typed.

use serde_json::{Map, Value};

use crate::event::{AgentAction, EdgeEvidence, RecordPosition, RevocationResult, Text};

use super::id::DerivedId;
use super::progress::RevocationProgress;
use super::request_ledger::RevokedTarget;
use super::rule_view::{RevocationMode, RuleFamily, RuleLevel, RuleView};
use super::target::RevocationTarget;
use super::target_request::{TargetRequest, TargetUses};
use super::tree_plan::TreePart;

/// One message about an incident.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    pub message_id: DerivedId,
    pub incident_id: DerivedId,
    pub activity: AlertActivity,
    /// Stream time of the alert, epoch milliseconds.
    pub time_ms: i64,
    pub tenant: Text,
    /// The agent. Of an incident that spans agents, the agent that opened it, so that all alerts
    /// of one incident have one key.
    pub agent_id: Text,
    pub agent_type: Option<Text>,
    pub task_id: Option<Text>,
    pub rule: RuleNote,
    /// Ids of weaker rules that matched the same action. Where no action caused the alert: of all
    /// rules that ever joined the incident.
    pub also: Vec<Text>,
    pub severity: RuleLevel,
    /// One sentence: who did what to what, expected against observed.
    pub message: String,
    /// The events since the last alert, oldest first: at most [`super::EVIDENCE_MAX`].
    pub event_ids: Vec<Text>,
    /// Events since the last alert that `event_ids` leaves out.
    pub event_ids_dropped: u64,
    pub first_event: FirstEvent,
    /// Stream time of the latest finding, epoch milliseconds.
    pub last_ms: i64,
    /// Findings so far.
    pub count: u64,
    /// The facts the rule read, with their values; empty where no action caused the alert.
    pub facts: Map<String, Value>,
    pub expected: Option<BaselineComparison>,
    /// Delegation chain, root first.
    pub chain: Vec<Text>,
    /// How each edge of the chain is known, down to the agent.
    pub edges: Vec<ChainEdge>,
    pub atlas: Vec<Text>,
    pub asi: Vec<Text>,
    /// The agents of an incident that spans agents: the first [`super::AGENTS_MAX`], and the agent
    /// of the action that caused this alert.
    pub agents: Vec<Text>,
    pub revocation: Option<RevocationBlock>,
    /// Hash of the rule bundle, hex.
    pub bundle: Text,
    /// The action that caused this alert, for formats that describe it.
    pub trigger: Option<Box<AgentAction>>,
}

/// One agent of a delegation chain and the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainEdge {
    pub from: Text,
    pub to: Text,
    pub evidence: EdgeEvidence,
}

/// What an alert does to its incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertActivity {
    Create,
    Update,
    Close(CloseReason),
}

/// Why an incident ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// It had no finding for long enough.
    Quiet,
    /// A person called it a false positive.
    FalsePositive,
}

impl AlertActivity {
    /// The word in alerts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            AlertActivity::Create => "create",
            AlertActivity::Update => "update",
            AlertActivity::Close(_) => "close",
        }
    }
}

impl CloseReason {
    /// The word in alerts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            CloseReason::Quiet => "quiet",
            CloseReason::FalsePositive => "false_positive",
        }
    }
}

/// A rule as an alert names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleNote {
    pub id: Text,
    pub title: Text,
    pub family: RuleFamily,
}

impl From<&RuleView<'_>> for RuleNote {
    fn from(rule: &RuleView<'_>) -> Self {
        RuleNote {
            id: rule.id.into(),
            title: rule.title.into(),
            family: rule.family,
        }
    }
}

/// The event that opened an incident.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FirstEvent {
    pub position: RecordPosition,
    pub occurred_at_ms: i64,
    pub append_ms: i64,
}

/// What a baseline expected and what it observed.
#[derive(Debug, Clone, PartialEq)]
pub struct BaselineComparison {
    pub metric: Text,
    /// Length of the window that was judged, milliseconds.
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

/// What an alert shows of its incident's revocation requests, also of those in shadow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationBlock {
    pub txn: DerivedId,
    /// The most powerful mode among the targets; without a target, the mode that would apply.
    pub mode: RevocationMode,
    /// In the order in which they are to be revoked.
    pub targets: Vec<BlockTarget>,
    /// Why a target was not planned.
    pub notes: Vec<String>,
    /// How far the requests have come.
    pub progress: RevocationProgress,
}

/// One target in an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockTarget {
    pub target: RevocationTarget,
    pub reason: String,
    pub mode: RevocationMode,
    pub state: RequestState,
    /// The number of the incident's plan that has it, from 1.
    pub number: u32,
    /// Which request about the target it is, from 1.
    pub attempt: u32,
    /// Until when a person may decide, where the plan waits for that; epoch milliseconds.
    pub decide_by_ms: Option<i64>,
    /// Its position in that plan, from 1, and how many targets the plan has.
    pub order: (u32, u32),
    /// Its part in a delegation tree, where the plan is over one.
    pub part: Option<TreePart>,
    /// Stream time at which it was requested or planned, epoch milliseconds.
    pub asked_ms: i64,
    /// When the identity system says that it was revoked, epoch milliseconds.
    pub confirmed_ms: Option<i64>,
    /// From the request until nobody acted with it any more, milliseconds.
    pub effective_ms: Option<i64>,
    /// Who still acted after the request.
    pub uses: TargetUses,
    /// Somebody acted with it after it should have been revoked.
    pub still_acts: bool,
    /// Where this incident joined another's request: the transaction of that other incident.
    pub joined: Option<DerivedId>,
}

impl BlockTarget {
    /// A request's target as it is now.
    pub(super) fn of_request(entry: &TargetRequest) -> Self {
        let waits = entry.state == RequestState::Waiting;
        BlockTarget {
            target: entry.target.clone(),
            reason: entry.target_reason(),
            mode: entry.mode,
            state: entry.state,
            number: entry.number,
            attempt: entry.attempt,
            decide_by_ms: entry.decide_by_ms.filter(|_| waits),
            order: entry.order,
            part: entry.part.clone(),
            asked_ms: entry.asked_ms,
            confirmed_ms: entry.confirmed_ms,
            effective_ms: entry.effective_ms(),
            uses: entry.uses,
            still_acts: entry.still_acts(),
            joined: None,
        }
    }

    /// A revoked target that was withdrawn when nothing else of its request was remembered.
    pub(super) fn of_forgotten(known: RevokedTarget) -> Self {
        BlockTarget {
            target: known.target,
            reason: "its incident was closed before".to_owned(),
            mode: RevocationMode::Auto,
            state: RequestState::Withdrawn,
            number: 1,
            attempt: 1,
            decide_by_ms: None,
            order: (1, 1),
            part: None,
            asked_ms: known.at_ms,
            confirmed_ms: Some(known.at_ms),
            effective_ms: None,
            uses: TargetUses::default(),
            still_acts: false,
            joined: None,
        }
    }
}

/// How far a request has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum RequestState {
    /// In shadow: only shown.
    Planned,
    /// Sent, no answer yet.
    Sent,
    Done,
    NotFound,
    Refused,
    Partial,
    Failed,
    /// Withdrawn by a person.
    Withdrawn,
    /// It waits for a person's decision; nothing was sent.
    Waiting,
    /// A person decided that it is not sent.
    Denied,
    /// Nobody decided in time; nothing was sent.
    Lapsed,
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
            RequestState::Waiting => "waiting",
            RequestState::Denied => "denied",
            RequestState::Lapsed => "lapsed",
        }
    }
}

impl From<RevocationResult> for RequestState {
    fn from(result: RevocationResult) -> Self {
        match result {
            RevocationResult::Done => RequestState::Done,
            RevocationResult::NotFound => RequestState::NotFound,
            RevocationResult::Refused => RequestState::Refused,
            RevocationResult::Partial => RequestState::Partial,
            RevocationResult::Failed => RequestState::Failed,
        }
    }
}
