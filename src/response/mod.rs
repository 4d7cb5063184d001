//! Findings become incidents, incidents become alerts, and some of them revocation requests.
//!
//! Place in the flow: `detector` calls [`respond()`] with the findings on one action, [`close_due`]
//! when stream time has passed, and [`control()`] for what people and the identity system answer;
//! each adds [`Outcome`]s that `codec` turns into bytes.
//!
//! This room knows a rule only by [`RuleFacts`]; it knows nothing of rule engines, wire formats,
//! keys, topics, clocks or partitions other than their number.
//!
//! It owns, as part of a subject's live state, [`Incidents`] (at most [`OPEN_MAX`] open, evidence
//! of [`EVIDENCE_SUBJECT_MAX`] events, [`REQUESTS_MAX`] requests, [`REVOKED_MAX`] revoked targets)
//! and, per tenant, a [`Budget`] (at most its share of agents). What does not fit is counted or
//! told in an alert, never lost silently.
//!
//! Read first: `tests/folding.rs`, then `tests/requests.rs`.

#![deny(clippy::disallowed_methods)]

mod alert;
mod budget;
mod control;
mod id;
mod incident;
mod incidents;
mod plan;
mod policy;
mod request;
mod respond;
mod target;
mod tell;
mod terms;
#[cfg(test)]
mod tests;

pub use alert::{
    Activity, Alert, AuditEntry, Audited, BlockTarget, CloseReason, Expected, FirstEvent, Outcome,
    PlannedTarget, RequestKind, RequestState, RevocationBlock, RevocationRequest, RuleNote,
};
pub use budget::{Budget, share};
pub use control::{Arrival, Cleared, control};
pub use id::Id;
pub use incident::{
    AGENTS_MAX, ALSO_MAX, EVIDENCE_ID_BYTES_MAX, EVIDENCE_MAX, EVIDENCE_MIN, EVIDENCE_SUBJECT_MAX,
    Incident, QUIET_AGENT_MS, QUIET_TENANT_MS,
};
pub use incidents::{CLASSES_MAX, Incidents, OPEN_MAX, TASKS_MAX};
pub use policy::Policy;
pub use request::{
    Effect, GRACE_CONFIRMED_MS, GRACE_UNCONFIRMED_MS, HELD_MS, REQUEST_KEPT_MS, REQUESTS_MAX,
    REVOKED_MAX, Request, Requests, RevokedTarget,
};
pub use respond::{
    ActionContext, BUDGET_RULE, Detail, Finding, Folders, Setting, close_due, respond,
};
pub use target::{Target, TargetKind, TargetName};
pub use terms::{Family, Fold, Mode, RevokeTarget, RuleFacts, Severity, supported};
