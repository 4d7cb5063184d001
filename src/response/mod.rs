//! Findings become incidents, incidents become alerts, and some findings revocation requests.
//!
//! Place in the flow: `detector` calls [`respond_to_findings`] with the findings on one action,
//! [`close_due_incidents`] when stream time has passed, and [`handle_control`] with what people
//! and the identity system send. Each adds [`ResponseOutcome`]s, which `codec` turns into bytes.
//!
//! One action passes five stages, each in the file of its name: `rank` orders the findings, `fold`
//! counts them in an incident, `plan` decides what may be revoked, `message` writes alert, request
//! and audit entries, `emit` hands them out in their order. `respond` calls the stages; a stage
//! knows those before it only by what they return. Whom a request may hit says `proof`; what waits
//! for a person is decided in `approval`.
//!
//! This room knows a rule only as a [`RuleView`]. It must not know of rule engines, wire formats,
//! keys, topics, clocks, or partitions other than their number.
//!
//! It owns, as part of a subject's live state, the credentials that an agent was accepted with
//! ([`CredentialUses`], at most [`CREDENTIALS_MAX`]), their other users ([`CredentialShares`], at
//! most [`SHARES_MAX`]) and the [`IncidentStore`] (at most
//! [`OPEN_MAX`] open incidents, evidence of [`EVIDENCE_SUBJECT_MAX`] events, [`REQUESTS_MAX`]
//! requests, [`REVOKED_MAX`] revoked targets, [`WATCHED_MAX`] requests of agents above) and, per
//! tenant, the [`TenantBudgets`] (at most their shares of agents). What
//! exceeds a limit is counted or stands in an alert, never lost silently. A full store closes
//! nothing: what would open one more incident is counted in the gravest open one.
//!
//! Read first: `tests/folding.rs`, then `tests/folding_load.rs` and `tests/requests.rs`.

#![deny(clippy::disallowed_methods)]

mod alert;
mod alert_draft;
mod approval;
mod awaited;
mod block_target;
mod budget;
mod cascade;
mod case;
mod channel_end;
mod control;
mod credential_holders;
mod credential_shares;
mod credential_uses;
mod emit;
mod fold;
mod id;
mod incident;
mod incident_store;
mod input;
mod message;
mod open_cascade;
mod outcome;
mod own_incident;
mod plan;
mod planner;
mod policy;
mod progress;
mod proof;
mod rank;
mod request_ledger;
mod request_rebuild;
mod request_state;
mod respond;
mod revocation_plan;
mod rule_view;
mod taken;
mod target;
mod target_notices;
mod target_request;
#[cfg(test)]
mod tests;
mod tree_plan;
mod tree_view;
mod watched_target;

pub use alert::{
    Alert, AlertActivity, AlertContext, BaselineComparison, ChainEdge, CloseReason, EvidenceNote,
    MetricGroup, RecentAction, RevocationBlock, RuleAdvice, RuleNote, ScopeNote, SignalNote,
};
pub use awaited::{CredentialNews, settle_awaited_plans};
pub use block_target::BlockTarget;
pub use budget::{RevocationBudget, SHARE_MIN, TenantBudgets, share_of};
pub use cascade::{TreeArrival, extend_cascades};
pub use case::{CASE_MS, CaseAnchor};
pub use channel_end::{TWO_NETWORKS_MS, is_other_end_name};
pub use control::{ControlArrival, audit_command, handle_control};
pub use credential_holders::{CredentialHolders, HOLDERS_MAX};
pub use credential_shares::{CredentialShares, LINKS_HOUR_MAX, LinkDue, SHARES_MAX, SharedUse};
pub use credential_uses::{
    CREDENTIALS_MAX, CredentialSigns, CredentialUse, CredentialUses, ISSUERS_MAX, is_accepted,
};
pub use fold::{CLASSES_MAX, TASKS_MAX};
pub use id::DerivedId;
pub use incident::{
    AGENTS_MAX, ALSO_MAX, DayNews, EVIDENCE_ID_BYTES_MAX, EVIDENCE_MAX, EVIDENCE_MIN,
    EVIDENCE_SUBJECT_MAX, EvidenceKeep, FirstEvent, Incident, NEWS_DAY_MAX, QUIET_AGENT_MS,
    QUIET_TENANT_MS,
};
pub use incident_store::{IncidentStore, OPEN_MAX};
pub use input::{ActionContext, BundleContext, BurstNote, Finding, FindingDetail, IncidentStores};
pub use open_cascade::{CASCADES_MAX, Cascade};
pub use outcome::{AuditEntry, AuditKind, RequestKind, ResponseOutcome, RevocationRequest};
pub use policy::Policy;
pub use progress::{IssuerProgress, RevocationProgress};
pub use proof::{CredentialProof, USERS_MAX};
pub use request_ledger::{
    GRACE_CONFIRMED_MS, GRACE_UNCONFIRMED_MS, MEMBER_REQUESTS_MAX, MUTED_MS, REQUESTS_MAX,
    REVOKED_MAX, RequestLedger, RevocationEffect,
};
pub use request_state::RequestState;
pub use respond::{close_due_incidents, report_pending_events, respond_to_findings};
pub use revocation_plan::PLAN_TARGETS_MAX;
pub use rule_view::{
    BUDGET_RULE, IncidentFold, REFUSED_RULE, RevocationMode, RevokeTarget, RuleConfidence,
    RuleFamily, RuleLevel, RuleLookup, RuleView, UNANSWERED_RULE,
};
pub use target::{PlannedTarget, RevocationTarget, TargetKind, TargetName};
pub use target_request::{
    APPROVAL_MS, DENIED_MS, KEPT_MAX_MS, KEPT_UNKNOWN_MS, REQUEST_KEPT_MS, RequestCause,
    RevokedTarget, TargetRequest, TargetUses, UNANSWERED_MS,
};
pub use tree_plan::{CascadeOrder, TREE_TARGETS_MAX, TreePart};
pub use tree_view::{TreeMember, TreeView};
pub use watched_target::{WATCHED_MAX, WatchedTarget};
