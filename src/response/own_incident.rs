//! Incidents about the identity system: it does not answer, or it refuses. No rule of the bundle
//! finds them.

use crate::event::Text;

use super::alert_draft::{AlertDraft, next_alert};
use super::case::{CaseAnchor, join_case};
use super::emit::{emit_alert, emit_audit, emit_request};
use super::id::DerivedId;
use super::incident::{EVIDENCE_MIN, Incident, QUIET_AGENT_MS};
use super::incident_store::IncidentStore;
use super::input::BundleContext;
use super::outcome::{AuditEntry, AuditKind, RequestKind, ResponseOutcome};
use super::request_rebuild::{is_permitted, rebuild_requests};
use super::rule_view::{RuleView, UNANSWERED_RULE_VIEW};
use super::target::name_targets;
use super::target_request::TargetRequest;

/// Sends the requests again that nobody answered in time, under the same ids, and raises an alert.
pub(super) fn repeat_unanswered(
    bundle: &BundleContext<'_>,
    store: &mut IncidentStore,
    tenant: &Text,
    stream_ms: i64,
    outcomes: &mut Vec<ResponseOutcome>,
) {
    let mut due: Vec<(i64, TargetRequest)> = Vec::new();
    for entry in &mut store.requests.entries {
        let Some(due_ms) = entry.repeat_due_ms().filter(|due_ms| *due_ms <= stream_ms) else {
            continue;
        };
        // Once, however many times it was due meanwhile.
        while entry
            .repeat_due_ms()
            .is_some_and(|due_ms| due_ms <= stream_ms)
        {
            entry.repeats += 1;
        }
        due.push((due_ms, entry.clone()));
    }
    due.sort_by_key(|(due_ms, _)| *due_ms);
    for (due_ms, entry) in due {
        let minutes = due_ms.saturating_sub(entry.asked_ms) / 60_000;
        let message = format!(
            "The identity system has not answered for {minutes} min: {} of agent {} was requested \
             (txn {})",
            name_targets(std::slice::from_ref(&entry.target)),
            entry.cause.agent,
            DerivedId::txn(entry.incident),
        );
        let raised = OwnFinding {
            rule: UNANSWERED_RULE_VIEW,
            at_ms: due_ms,
            message: message.clone(),
        };
        raise_own_incident(bundle, store, tenant, &entry, raised, outcomes);
        if !is_permitted(bundle, tenant, &entry) {
            continue;
        }
        let again = std::slice::from_ref(&entry);
        for request in rebuild_requests(bundle, store, tenant, again, RequestKind::Repeated) {
            emit_request(request, outcomes);
        }
        let kind = AuditKind::RequestRepeated;
        emit_audit(
            AuditEntry::of_request(&entry, tenant, kind, due_ms, message),
            outcomes,
        );
    }
}

/// What an incident about the identity system is to say.
pub(super) struct OwnFinding {
    pub(super) rule: RuleView<'static>,
    pub(super) at_ms: i64,
    pub(super) message: String,
}

/// Counts a finding about `entry` in the agent's incident of its rule, and emits the alert that is
/// due: at counts 1, 2, 4, 8 and so on.
pub(super) fn raise_own_incident(
    bundle: &BundleContext<'_>,
    store: &mut IncidentStore,
    tenant: &Text,
    entry: &TargetRequest,
    finding: OwnFinding,
    outcomes: &mut Vec<ResponseOutcome>,
) {
    let rule = &finding.rule;
    let open = store.find_open(rule.id, rule.fold, None);
    let id = open.unwrap_or_else(|| {
        let mut opened = new_own_incident(entry, &finding);
        let about = store.get(entry.incident);
        opened.case = Some(about.and_then(|incident| incident.case).unwrap_or_else(|| {
            let anchor = CaseAnchor::Agent(&entry.cause.agent);
            join_case(
                &mut store.case,
                (tenant, &entry.cause.agent),
                anchor,
                finding.at_ms,
            )
        }));
        let id = opened.id;
        store.add_own_incident(opened);
        id
    });
    let Some(incident) = store.get_mut(id) else {
        return;
    };
    incident.count = incident.count.saturating_add(1);
    incident.last_ms = incident.last_ms.max(finding.at_ms);
    incident.due_ms = incident.last_ms.saturating_add(QUIET_AGENT_MS);
    let event_id = entry.cause.event_id.clone();
    incident.evidence.push(event_id, EVIDENCE_MIN);
    if !incident.count.is_power_of_two() {
        return;
    }
    let draft = AlertDraft {
        rule: Some(finding.rule),
        ..AlertDraft::without_action(tenant, finding.at_ms, finding.message)
    };
    if let Some(alert) = next_alert(bundle, store, id, draft) {
        emit_alert(alert, outcomes);
    }
}

fn new_own_incident(entry: &TargetRequest, finding: &OwnFinding) -> Incident {
    let rule = &finding.rule;
    let at = finding.at_ms.to_le_bytes();
    let request = DerivedId::jti(&entry.target, entry.incident, rule.id, entry.attempt);
    let request = request.to_string();
    // The request and the time name it, so that a later incident about it has another id.
    let id = DerivedId::of("own incident", &[request.as_bytes(), &at]);
    let cause = &entry.cause;
    Incident::without_findings(
        id,
        rule,
        cause.agent.clone(),
        cause.first.clone(),
        finding.at_ms,
    )
}
