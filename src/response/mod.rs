//! Findings become incidents, incidents become alerts, and some findings revocation requests.
//!
//! Place in the flow: `detector` calls [`respond_to_findings`] with the findings on one action,
//! [`close_due_incidents`] when stream time has passed, and [`handle_control`] with what people
//! and the identity system send. Each adds [`ResponseOutcome`]s, which `codec` turns into bytes.
//!
//! One action passes five stages, each in the file of its name: `rank` orders the findings, `fold`
//! counts them in an incident, `plan` decides what may be revoked, `message` writes alert, request
//! and audit entries, `emit` hands them out in their order. `respond` calls the stages; a stage
//! knows those before it only by what they return.
//!
//! This room knows a rule only as a [`RuleView`]. It must not know of rule engines, wire formats,
//! keys, topics, clocks, or partitions other than their number.
//!
//! It owns, as part of a subject's live state, the [`IncidentStore`] (at most [`OPEN_MAX`] open
//! incidents, evidence of [`EVIDENCE_SUBJECT_MAX`] events, [`REQUESTS_MAX`] requests,
//! [`REVOKED_MAX`] revoked targets) and, per tenant, a [`RevocationBudget`] (at most its share of
//! agents). What exceeds a limit is counted or stands in an alert, never lost silently. A full
//! store closes nothing: what would open one more incident is counted in the gravest open one.
//!
//! Read first: `tests/folding.rs`, then `tests/folding_load.rs` and `tests/requests.rs`.

#![deny(clippy::disallowed_methods)]

mod alert;
mod budget;
mod control;
mod emit;
mod fold;
mod id;
mod incident;
mod incident_store;
mod input;
mod message;
mod outcome;
mod plan;
mod policy;
mod rank;
mod request_ledger;
mod respond;
mod rule_view;
mod target;
#[cfg(test)]
mod tests;

pub use alert::{
    Alert, AlertActivity, BaselineComparison, BlockTarget, CloseReason, FirstEvent, RequestState,
    RevocationBlock, RuleNote,
};
pub use budget::{RevocationBudget, share_of};
pub use control::{ControlArrival, handle_control};
pub use fold::{CLASSES_MAX, TASKS_MAX};
pub use id::DerivedId;
pub use incident::{
    AGENTS_MAX, ALSO_MAX, DayNews, EVIDENCE_ID_BYTES_MAX, EVIDENCE_MAX, EVIDENCE_MIN,
    EVIDENCE_SUBJECT_MAX, Incident, NEWS_DAY_MAX, QUIET_AGENT_MS, QUIET_TENANT_MS,
};
pub use incident_store::{IncidentStore, OPEN_MAX};
pub use input::{
    ActionContext, BundleContext, EvidenceKeep, Finding, FindingDetail, IncidentStores,
};
pub use outcome::{
    AuditEntry, AuditKind, PlannedTarget, RequestKind, ResponseOutcome, RevocationRequest,
};
pub use policy::Policy;
pub use request_ledger::{
    GRACE_CONFIRMED_MS, GRACE_UNCONFIRMED_MS, MUTED_MS, REQUEST_KEPT_MS, REQUESTS_MAX, REVOKED_MAX,
    RequestLedger, RevocationEffect, RevokedTarget, TargetRequest,
};
pub use respond::{close_due_incidents, report_pending_events, respond_to_findings};
pub use rule_view::{
    BUDGET_RULE, IncidentFold, RevocationMode, RevokeTarget, RuleFamily, RuleLookup, RuleView,
    Severity,
};
pub use target::{RevocationTarget, TargetKind, TargetName};
