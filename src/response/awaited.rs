//! Plans that wait until a credential has said who else has it: sent, or given up.
//!
//! A credential may be used in another partition, so an agent does not know at once that nobody
//! else has it. Until then a request would be no proven one.

use crate::event::{AgentKey, ApprovalDecision, CommandKind, ControlRecord, Text};

use super::alert_draft::{AlertDraft, next_alert};
use super::control::{ControlArrival, ControlHandler};
use super::emit::{emit_alert, emit_audit};
use super::id::DerivedId;
use super::incident_store::IncidentStore;
use super::input::BundleContext;
use super::outcome::{AuditEntry, AuditKind, RequestKind, ResponseOutcome};
use super::planner::show_time;
use super::proof::USERS_MAX;
use super::request_state::RequestState;
use super::rule_view::RevocationMode;
use super::target::{RevocationTarget, TargetName, name_targets};
use super::target_request::{APPROVAL_MS, AwaitedUsers};

/// Who decides such a plan, in alerts and audit entries.
const DECIDED_BY: &str = "Scopewatch";

/// What a credential says to one of its agents.
#[derive(Debug, Clone, Copy)]
pub struct CredentialNews<'a> {
    pub agent: &'a AgentKey,
    pub credential: &'a str,
    /// The agents that have it, this one included.
    pub users: u32,
    /// Stream time, epoch milliseconds.
    pub stream_ms: i64,
}

/// A plan that waited.
struct Awaited {
    awaits: AwaitedUsers,
    txn: DerivedId,
    target: RevocationTarget,
    /// Stream time, epoch milliseconds.
    planned_ms: i64,
}

/// Sends the plans of an agent that waited for the users of a credential, or gives them up.
pub fn settle_awaited_plans(
    bundle: &BundleContext<'_>,
    store: &mut IncidentStore,
    news: &CredentialNews<'_>,
    outcomes: &mut Vec<ResponseOutcome>,
) {
    for Awaited {
        awaits,
        txn,
        target,
        planned_ms,
    } in take_awaited(store, news.credential)
    {
        let reason = match awaits {
            AwaitedUsers::NoOther if news.users > 1 => "another agent has the credential too",
            AwaitedUsers::NoOther => "no other agent has the credential",
            // More than a few: a person decides, as on every such plan.
            AwaitedUsers::Few if news.users > USERS_MAX => {
                await_person(bundle, store, news, (txn, &target), outcomes);
                continue;
            }
            AwaitedUsers::Few => "few agents have the credential",
            AwaitedUsers::Not => continue,
        };
        let proven = awaits == AwaitedUsers::Few || news.users <= 1;
        let decision = match proven {
            true => ApprovalDecision::Approve,
            false => ApprovalDecision::Deny,
        };
        let control = ControlRecord {
            tenant: news.agent.tenant.clone(),
            agent_id: news.agent.agent.clone(),
            by: DECIDED_BY.into(),
            at_ms: planned_ms,
            reason: Some(Text::new(reason)),
            command: CommandKind::Decision {
                txn: txn.to_string().into(),
                decision,
            },
        };
        let mut handler = ControlHandler {
            bundle,
            store,
            control: &control,
            // The link may be late, also by minutes of stream time where partitions catch up. The
            // times of the request must not depend on that.
            arrival: ControlArrival {
                append_ms: planned_ms,
                stream_ms: planned_ms,
                decided_ms: planned_ms,
            },
            outcomes,
        };
        // Only this target: others of the transaction may wait for a person.
        match proven {
            true => handler.approve_plans(txn, vec![target], RequestKind::Requested),
            false => handler.deny_plans(txn, &[target]),
        }
    }
}

/// Lets a plan wait for a person from now on, and says so.
fn await_person(
    bundle: &BundleContext<'_>,
    store: &mut IncidentStore,
    news: &CredentialNews<'_>,
    (txn, target): (DerivedId, &RevocationTarget),
    outcomes: &mut Vec<ResponseOutcome>,
) {
    let until_ms = news.stream_ms.saturating_add(APPROVAL_MS);
    let mut entries = store.requests.entries.iter_mut();
    let Some(entry) = entries.find(|entry| {
        DerivedId::txn(entry.incident) == txn
            && entry.target == *target
            && entry.state == RequestState::Waiting
    }) else {
        return;
    };
    entry.decide_by_ms = Some(until_ms);
    entry.mode = RevocationMode::Approve;
    let entry = entry.clone();
    let message = format!(
        "{} agents have {}: the request waits until {} for a person to approve or deny it",
        news.users,
        name_targets(std::slice::from_ref(target)),
        show_time(until_ms),
    );
    let (tenant, at_ms) = (&news.agent.tenant, news.stream_ms);
    let draft = AlertDraft::without_action(tenant, at_ms, message.clone());
    if let Some(alert) = next_alert(bundle, store, entry.incident, draft) {
        emit_alert(alert, outcomes);
    }
    // Also where the incident is closed, and has no alerts any more.
    let kind = AuditKind::PlanWaiting;
    let audit = AuditEntry::of_request(&entry, tenant, kind, at_ms, message);
    emit_audit(audit, outcomes);
}

/// The plans that wait for the users of `credential`. They wait for them no longer.
fn take_awaited(store: &mut IncidentStore, credential: &str) -> Vec<Awaited> {
    let mut awaited = Vec::new();
    for entry in &mut store.requests.entries {
        let is_it = match &entry.target.name {
            TargetName::JwtId { jti, .. } => jti == credential,
            TargetName::IssSub { .. } | TargetName::Opaque { .. } => false,
        };
        if entry.state == RequestState::Waiting && is_it && entry.awaits != AwaitedUsers::Not {
            awaited.push(Awaited {
                awaits: std::mem::take(&mut entry.awaits),
                txn: DerivedId::txn(entry.incident),
                target: entry.target.clone(),
                planned_ms: entry.asked_ms,
            });
        }
    }
    awaited
}
