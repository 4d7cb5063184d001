//! What the response stage hands out: alerts, revocation requests and audit entries, all typed.
//! `codec` turns each into bytes.

use crate::event::{IncidentVerdict, RevocationResult, Text};

use super::alert::{Alert, RuleNote};
use super::block_target::BlockTarget;
use super::id::DerivedId;
use super::rule_view::RuleLevel;
use super::target::PlannedTarget;

/// One product of the response stage.
#[derive(Debug, Clone, PartialEq)]
pub enum ResponseOutcome {
    Alert(Box<Alert>),
    Revocation(Box<RevocationRequest>),
    Audit(Box<AuditEntry>),
}

/// An immutable, numbered request to the identity system, or its withdrawal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationRequest {
    pub kind: RequestKind,
    pub txn: DerivedId,
    /// The number of the plan in its transaction, from 1. A withdrawal carries the number of the
    /// request that it takes back.
    pub number: u32,
    pub tenant: Text,
    pub agent_id: Text,
    pub task_id: Option<Text>,
    pub incident_id: DerivedId,
    /// The alert that shows it; a withdrawal for a closed incident has none.
    pub message_id: Option<DerivedId>,
    pub rule: RuleNote,
    pub severity: RuleLevel,
    /// Why, in one sentence.
    pub reason: String,
    pub targets: Vec<PlannedTarget>,
    pub event_ids: Vec<Text>,
    /// Append time of the record that caused it, epoch milliseconds.
    pub requested_at_ms: i64,
    pub bundle: Text,
}

/// Whether a request asks for a revocation or takes one back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestKind {
    /// Sent at once.
    Requested,
    /// Sent after a person approved it.
    Approved,
    /// Sent again, as before, because nobody answered.
    Repeated,
    Withdrawn,
}

/// Something that the response stage did, for the audit topic.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    /// Append time of the record that caused it, epoch milliseconds.
    pub at_ms: i64,
    pub tenant: Text,
    pub agent_id: Text,
    pub incident_id: Option<DerivedId>,
    pub txn: Option<DerivedId>,
    pub what: AuditKind,
    /// Who gave the command, where a control record caused the entry.
    pub by: Option<Text>,
    /// The targets as they are after what the entry reports.
    pub targets: Vec<BlockTarget>,
    /// One sentence.
    pub detail: String,
}

/// What an audit entry of the response stage is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditKind {
    ShadowPlan,
    RequestSent,
    /// A plan waits for a person's decision.
    PlanWaiting,
    /// A person approved a plan, and its request was sent.
    PlanApproved,
    /// A person denied a plan.
    PlanDenied,
    /// Nobody decided on a plan in time.
    PlanLapsed,
    /// A request was sent again because nobody answered.
    RequestRepeated,
    /// Somebody still acted with a requested target.
    TargetUsed,
    BudgetTripped,
    /// A person made the tenant's budgets whole again.
    BudgetRearmed,
    /// A person said what is usual for a class of tasks.
    UseAccepted,
    /// A task of the learning time of a replay is too strange to teach.
    TaskSetAside,
    /// A person froze an agent or a class: it learns nothing.
    LearningFrozen,
    LearningUnfrozen,
    /// What was learned of an agent or a class was forgotten.
    LearningReset,
    /// What was learned elsewhere was taken over.
    LearningImported,
    Confirmed(RevocationResult),
    Withdrawn,
    VerdictGiven(IncidentVerdict),
    /// A control record that names nothing known here, or a command that this version lacks.
    ControlIgnored,
}

impl AuditKind {
    /// The word in the audit topic.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            AuditKind::ShadowPlan => "shadow_plan",
            AuditKind::RequestSent => "request_sent",
            AuditKind::PlanWaiting => "plan_waiting",
            AuditKind::PlanApproved => "plan_approved",
            AuditKind::PlanDenied => "plan_denied",
            AuditKind::PlanLapsed => "plan_lapsed",
            AuditKind::RequestRepeated => "request_repeated",
            AuditKind::TargetUsed => "target_used",
            AuditKind::BudgetTripped => "budget_tripped",
            AuditKind::BudgetRearmed => "budget_rearmed",
            AuditKind::UseAccepted => "use_accepted",
            AuditKind::TaskSetAside => "task_set_aside",
            AuditKind::LearningFrozen => "learning_frozen",
            AuditKind::LearningUnfrozen => "learning_unfrozen",
            AuditKind::LearningReset => "learning_reset",
            AuditKind::LearningImported => "learning_imported",
            AuditKind::Confirmed(_) => "confirmed",
            AuditKind::Withdrawn => "withdrawn",
            AuditKind::VerdictGiven(_) => "verdict_given",
            AuditKind::ControlIgnored => "control_ignored",
        }
    }
}
