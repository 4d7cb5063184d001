//! Plans that wait for a person: approved, denied, lapsed.
//!
//! A decision is for the plans of one transaction of the agent that its record names. One for a
//! plan that lapsed, was withdrawn, sent or decided before, or that this agent never had, changes
//! nothing, and the audit topic says why.

use crate::event::{ApprovalDecision, Text};

use super::alert_draft::{AlertDraft, next_alert};
use super::block_target::BlockTarget;
use super::control::{AuditSubject, ControlHandler};
use super::emit::{emit_alert, emit_audit, emit_request};
use super::id::DerivedId;
use super::incident_store::IncidentStore;
use super::input::BundleContext;
use super::outcome::{AuditEntry, AuditKind, RequestKind, ResponseOutcome};
use super::planner::show_time;
use super::request_rebuild::{is_permitted, rebuild_requests};
use super::request_state::RequestState;
use super::target::{RevocationTarget, name_targets};
use super::target_request::{DENIED_MS, REQUEST_KEPT_MS, TargetRequest};

impl ControlHandler<'_> {
    /// Carries out a person's decision on the plans of a transaction that wait for one.
    pub(super) fn decide_plans(&mut self, txn: DerivedId, decision: ApprovalDecision) {
        let decided_ms = self.arrival.decided_ms;
        let of_txn = |entry: &&TargetRequest| DerivedId::txn(entry.incident) == txn;
        let mut entries = self.store.requests.entries.iter().filter(of_txn);
        let waiting = entries
            .clone()
            .filter(|entry| entry.state == RequestState::Waiting);
        let in_time = |entry: &&TargetRequest| {
            entry
                .decide_by_ms
                .is_some_and(|until_ms| decided_ms < until_ms)
        };
        let open: Vec<RevocationTarget> = waiting
            .clone()
            .filter(in_time)
            .map(|entry| entry.target.clone())
            .collect();
        if open.is_empty() {
            let late = waiting.count() > 0;
            let joined = |entry: &TargetRequest| {
                let mut joined = entry.joined.iter();
                joined.any(|incident| DerivedId::txn(*incident) == txn)
            };
            let mut others = self.store.requests.entries.iter();
            let last = entries
                .next_back()
                .or_else(|| others.find(|entry| joined(entry)));
            let why = why_undecidable(last.map(|entry| entry.state), late);
            self.ignore_transaction(txn, why);
            return;
        }
        match decision {
            ApprovalDecision::Deny => self.deny_plans(txn, &open),
            ApprovalDecision::Approve => self.approve_plans(txn, open, RequestKind::Approved),
        }
    }

    pub(super) fn deny_plans(&mut self, txn: DerivedId, targets: &[RevocationTarget]) {
        let until_ms = self.arrival.stream_ms.saturating_add(DENIED_MS);
        let decided = self.settle_plans(txn, targets, |entry| {
            entry.state = RequestState::Denied;
            entry.kept_until_ms = until_ms;
        });
        let (by, named) = (&self.control.by, name_targets(targets));
        let message = format!("Denied by {by}: {named} is not requested{}", self.because());
        self.report_decision(AuditKind::PlanDenied, txn, &decided, message);
    }

    /// Sends what was approved, as far as the response policy still allows it. `kind`: whether a
    /// person approved it, or it needed no person.
    pub(super) fn approve_plans(
        &mut self,
        txn: DerivedId,
        targets: Vec<RevocationTarget>,
        kind: RequestKind,
    ) {
        let allowed = |target: &RevocationTarget| {
            let mut entries = self.store.requests.entries.iter();
            let entry = entries.find(|entry| entry.target == *target && is_of(entry, txn));
            entry.is_some_and(|entry| is_permitted(self.bundle, &self.control.tenant, entry))
        };
        let targets: Vec<RevocationTarget> = targets.into_iter().filter(allowed).collect();
        if targets.is_empty() {
            self.ignore_transaction(
                txn,
                "the response policy does not allow the request any more",
            );
            return;
        }
        let stream_ms = self.arrival.stream_ms;
        let decided = self.settle_plans(txn, &targets, |entry| {
            entry.state = RequestState::Sent;
            entry.sent = true;
            entry.asked_ms = stream_ms;
            let kept_ms = stream_ms.saturating_add(REQUEST_KEPT_MS);
            entry.kept_until_ms = entry.kept_until_ms.max(kept_ms);
        });
        let (by, named) = (&self.control.by, name_targets(&targets));
        let because = self.because();
        let (what, message) = match kind {
            RequestKind::Requested => (
                AuditKind::RequestSent,
                format!("Revocation of {named} is requested{because}"),
            ),
            _ => (
                AuditKind::PlanApproved,
                format!("Approved by {by}: {named} is requested{because}"),
            ),
        };
        let message_id = self.report_decision(what, txn, &decided, message);
        for mut request in rebuild_requests(
            self.bundle,
            self.store,
            &self.control.tenant,
            &decided,
            kind,
        ) {
            request.message_id = message_id.or(request.message_id);
            request.requested_at_ms = self.arrival.append_ms;
            emit_request(request, self.outcomes);
        }
    }

    /// Changes the plans of a transaction for `targets` that wait; returns them as changed.
    fn settle_plans(
        &mut self,
        txn: DerivedId,
        targets: &[RevocationTarget],
        settle: impl Fn(&mut TargetRequest),
    ) -> Vec<TargetRequest> {
        let mut settled = Vec::new();
        for entry in &mut self.store.requests.entries {
            let waits = is_of(entry, txn) && entry.state == RequestState::Waiting;
            if waits && targets.contains(&entry.target) {
                entry.decide_by_ms = None;
                settle(entry);
                settled.push(entry.clone());
            }
        }
        settled
    }

    /// Audits a decision, and says it in an alert of the incident. Returns the id of that alert.
    fn report_decision(
        &mut self,
        what: AuditKind,
        txn: DerivedId,
        decided: &[TargetRequest],
        message: String,
    ) -> Option<DerivedId> {
        let incident = decided.first().map(|entry| entry.incident)?;
        let subject = AuditSubject {
            incident_id: Some(incident),
            txn: Some(txn),
            targets: decided.iter().map(BlockTarget::of_request).collect(),
        };
        let tenant = &self.control.tenant;
        // Stream time may be behind the clock of the gateway that reported the finding.
        let last_ms = self.store.get_mut(incident).map(|open| open.last_ms);
        let at_ms = self.arrival.stream_ms.max(last_ms.unwrap_or(i64::MIN));
        let draft = AlertDraft::without_action(tenant, at_ms, message.clone());
        let alert = next_alert(self.bundle, self.store, incident, draft);
        let message_id = alert.as_ref().map(|alert| alert.message_id);
        if let Some(alert) = alert {
            emit_alert(alert, self.outcomes);
        }
        self.audit(what, subject, &message);
        message_id
    }

    /// The reason that the person gave, as the end of a sentence.
    fn because(&self) -> String {
        let reason = self.control.reason.as_deref();
        reason.map_or_else(String::new, |reason| format!(" ({reason})"))
    }
}

fn is_of(entry: &TargetRequest, txn: DerivedId) -> bool {
    DerivedId::txn(entry.incident) == txn
}

/// Why a decision on a transaction changes nothing; `state` is that of its last request.
fn why_undecidable(state: Option<RequestState>, late: bool) -> &'static str {
    match state {
        None => "no plan of this agent has this transaction",
        _ if late => "the plan lapsed before the decision",
        Some(RequestState::Lapsed) => "the plan lapsed before the decision",
        Some(RequestState::Denied) => "the plan was denied before",
        Some(RequestState::Withdrawn) => "the plan was withdrawn before the decision",
        Some(RequestState::Planned) => "the plan is only shown and waits for no decision",
        Some(RequestState::Waiting) => "the plan that waits has another transaction",
        Some(_) => "the request was sent before",
    }
}

/// Lets the plans lapse on which nobody decided in time, and says so.
pub(super) fn lapse_plans(
    bundle: &BundleContext<'_>,
    store: &mut IncidentStore,
    tenant: &Text,
    stream_ms: i64,
    outcomes: &mut Vec<ResponseOutcome>,
) {
    let mut lapsed: Vec<TargetRequest> = Vec::new();
    for entry in &mut store.requests.entries {
        let due_ms = entry
            .decide_by_ms
            .filter(|_| entry.state == RequestState::Waiting);
        if due_ms.is_some_and(|due_ms| due_ms <= stream_ms) {
            entry.state = RequestState::Lapsed;
            lapsed.push(entry.clone());
        }
    }
    for entry in lapsed {
        let due_ms = entry.decide_by_ms.unwrap_or(stream_ms);
        let message = format!(
            "The plan lapsed, because nobody decided until {}: {} is not requested",
            show_time(due_ms),
            name_targets(std::slice::from_ref(&entry.target)),
        );
        let draft = AlertDraft::without_action(tenant, due_ms, message.clone());
        if let Some(alert) = next_alert(bundle, store, entry.incident, draft) {
            emit_alert(alert, outcomes);
        }
        let audit = AuditEntry::of_request(&entry, tenant, AuditKind::PlanLapsed, due_ms, message);
        emit_audit(audit, outcomes);
    }
}

/// Reports who still acted with requested targets since the last report, in the audit topic; the
/// first time also in an alert.
pub(super) fn report_uses(
    bundle: &BundleContext<'_>,
    store: &mut IncidentStore,
    tenant: &Text,
    stream_ms: i64,
    outcomes: &mut Vec<ResponseOutcome>,
) {
    let mut due: Vec<(i64, bool, TargetRequest)> = Vec::new();
    for entry in &mut store.requests.entries {
        if let Some(due_ms) = entry.uses_due_ms().filter(|due_ms| *due_ms <= stream_ms) {
            let first = entry.uses.is_unreported();
            entry.uses.note_reported(stream_ms);
            due.push((due_ms, first, entry.clone()));
        }
    }
    for (due_ms, first, entry) in due {
        let message = format!(
            "{} actions with {} after the revocation was requested, the last at {}",
            entry.uses.count(),
            name_targets(std::slice::from_ref(&entry.target)),
            show_time(entry.uses.last_ms().unwrap_or(due_ms)),
        );
        let draft = AlertDraft::without_action(tenant, due_ms, message.clone());
        if first && let Some(alert) = next_alert(bundle, store, entry.incident, draft) {
            emit_alert(alert, outcomes);
        }
        let kind = AuditKind::TargetUsed;
        let audit = AuditEntry::of_request(&entry, tenant, kind, due_ms, message);
        emit_audit(audit, outcomes);
    }
}

impl AuditEntry {
    /// An entry about a request, which no control record caused.
    pub(super) fn of_request(
        entry: &TargetRequest,
        tenant: &Text,
        what: AuditKind,
        at_ms: i64,
        detail: String,
    ) -> Self {
        AuditEntry {
            at_ms,
            tenant: tenant.clone(),
            agent_id: entry.cause.agent.clone(),
            incident_id: Some(entry.incident),
            txn: Some(DerivedId::txn(entry.incident)),
            what,
            by: None,
            targets: vec![BlockTarget::of_request(entry)],
            detail,
        }
    }
}
