//! Plans that wait until a credential has said who else has it: sent, or given up.
//!
//! A credential may be used in another partition, so an agent does not know at once that nobody
//! else has it. Until then a request would be no proven one.

use crate::event::{AgentKey, ApprovalDecision, CommandKind, ControlRecord, Text};

use super::alert::RequestState;
use super::control::{ControlArrival, ControlHandler};
use super::id::DerivedId;
use super::incident_store::IncidentStore;
use super::input::BundleContext;
use super::outcome::{RequestKind, ResponseOutcome};
use super::proof::USERS_MAX;
use super::target::{RevocationTarget, TargetName};
use super::target_request::AwaitedUsers;

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

/// Sends the plans of an agent that waited for the users of a credential, or gives them up.
pub fn settle_awaited_plans(
    bundle: &BundleContext<'_>,
    store: &mut IncidentStore,
    news: &CredentialNews<'_>,
    outcomes: &mut Vec<ResponseOutcome>,
) {
    for (awaits, txn, target) in take_awaited(store, news.credential) {
        let reason = match awaits {
            AwaitedUsers::NoOther if news.users > 1 => "another agent has the credential too",
            AwaitedUsers::NoOther => "no other agent has the credential",
            // More than a few: a person decides, as on every such plan.
            AwaitedUsers::Few if news.users > USERS_MAX => continue,
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
            at_ms: news.stream_ms,
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
            arrival: ControlArrival {
                append_ms: news.stream_ms,
                stream_ms: news.stream_ms,
                decided_ms: news.stream_ms,
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

/// The plans that wait for the users of `credential`. They wait for them no longer.
fn take_awaited(
    store: &mut IncidentStore,
    credential: &str,
) -> Vec<(AwaitedUsers, DerivedId, RevocationTarget)> {
    let mut awaited = Vec::new();
    for entry in &mut store.requests.entries {
        let is_it = match &entry.target.name {
            TargetName::JwtId { jti, .. } => jti == credential,
            TargetName::IssSub { .. } | TargetName::Opaque { .. } => false,
        };
        if entry.state == RequestState::Waiting && is_it && entry.awaits != AwaitedUsers::Not {
            let awaits = std::mem::take(&mut entry.awaits);
            let txn = DerivedId::txn(entry.incident);
            awaited.push((awaits, txn, entry.target.clone()));
        }
    }
    awaited
}
