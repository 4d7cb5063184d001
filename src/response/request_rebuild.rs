//! Requests that are sent later than their alert, or again: made of the entries of the ledger.

use crate::event::Text;

use super::alert_draft::rule_note;
use super::id::DerivedId;
use super::incident_store::IncidentStore;
use super::input::BundleContext;
use super::outcome::{RequestKind, RevocationRequest};
use super::rule_view::{RevocationMode, RuleFamily};
use super::target::TargetName;
use super::target_request::TargetRequest;

/// Whether the response policy still allows a planned request to be sent: it may have changed
/// since it was planned.
pub(super) fn is_permitted(
    bundle: &BundleContext<'_>,
    tenant: &str,
    entry: &TargetRequest,
) -> bool {
    let credential = match &entry.target.name {
        TargetName::JwtId { jti, .. } => Some(jti.as_str()),
        TargetName::IssSub { .. } | TargetName::Opaque { .. } => None,
    };
    let mode = bundle
        .rule_view(&entry.rule)
        .map_or(RevocationMode::Off, |rule| {
            bundle.policy.mode(tenant, &rule)
        });
    mode >= RevocationMode::Approve && !bundle.policy.never_revokes(entry.agent(), credential)
}

/// The requests of ledger entries of one incident, one for each number of its plans.
pub(super) fn rebuild_requests(
    bundle: &BundleContext<'_>,
    store: &IncidentStore,
    tenant: &Text,
    entries: &[TargetRequest],
    kind: RequestKind,
) -> Vec<RevocationRequest> {
    let mut requests: Vec<RevocationRequest> = Vec::new();
    for entry in entries {
        let planned = entry.planned();
        let same = requests.iter_mut().find(|request| {
            request.incident_id == entry.incident && request.number == entry.number
        });
        if let Some(request) = same {
            request.targets.push(planned);
            continue;
        }
        let rule = match store.get(entry.incident) {
            Some(open) => rule_note(bundle, &open.rule, open.family),
            None => rule_note(bundle, &entry.rule, RuleFamily::Policy),
        };
        let cause = &entry.cause;
        requests.push(RevocationRequest {
            kind,
            txn: DerivedId::txn(entry.incident),
            number: entry.number,
            tenant: tenant.clone(),
            agent_id: cause.agent.clone(),
            task_id: cause.task.clone(),
            incident_id: entry.incident,
            message_id: Some(cause.message),
            rule,
            severity: cause.severity,
            reason: store.requests.reason_of(entry).to_string(),
            targets: vec![planned],
            event_ids: vec![cause.event_id.clone()],
            requested_at_ms: cause.append_ms,
            bundle: bundle.bundle.into(),
        });
    }
    requests
}
