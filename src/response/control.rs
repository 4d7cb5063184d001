//! Carries out control records: confirmations of the identity system, decisions, withdrawals and
//! verdicts of people.

use crate::event::{
    BudgetCommand, CommandKind, ConfirmedTarget, ControlRecord, IncidentVerdict, RevocationResult,
    Text,
};

use super::alert::CloseReason;
use super::alert_draft::{AlertDraft, next_alert, rule_note};
use super::block_target::BlockTarget;
use super::emit::{emit_alert, emit_audit, emit_request};
use super::id::DerivedId;
use super::incident_store::IncidentStore;
use super::input::BundleContext;
use super::message::{IncidentEnd, closing_alert};
use super::outcome::{AuditEntry, AuditKind, RequestKind, ResponseOutcome, RevocationRequest};
use super::own_incident::{OwnFinding, raise_own_incident};
use super::request_state::RequestState;
use super::rule_view::{REFUSED_RULE_VIEW, RuleFamily, RuleLevel};
use super::target::{PlannedTarget, RevocationTarget, name_targets};
use super::target_request::{RevokedTarget, TargetRequest};

/// When a control record arrived, epoch milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ControlArrival {
    pub append_ms: i64,
    pub stream_ms: i64,
    /// The time that decides whether a decision came too late: stream time, but in a recording,
    /// which control records do not move, the record's own time.
    pub decided_ms: i64,
}

/// Carries out a control record against the incidents of its agent. A record that names no incident
/// or request known here changes nothing and is audited as ignored.
pub fn handle_control(
    bundle: &BundleContext<'_>,
    store: &mut IncidentStore,
    control: &ControlRecord,
    arrival: ControlArrival,
    outcomes: &mut Vec<ResponseOutcome>,
) {
    let mut handler = ControlHandler {
        bundle,
        store,
        control,
        arrival,
        outcomes,
    };
    match &control.command {
        // The budgets are the tenant's: whoever keeps them re-arms them.
        CommandKind::Budget {
            command: BudgetCommand::Rearm,
        } => handler.report_rearmed(),
        // The profiles are the detector's.
        CommandKind::Acceptance(_) => handler.report_accepted(),
        // So is what is learned: it audits what it did.
        CommandKind::Learning(_) | CommandKind::Import(_) => {}
        CommandKind::Confirmation {
            txn,
            target,
            result,
        } => match DerivedId::parse(txn) {
            Some(txn) => handler.confirm_requests(txn, target.as_ref(), *result),
            None if txn.is_empty() => handler.ignore_record(
                "the identity system reports it of its own accord: no request asked for it",
            ),
            None => handler.ignore_record("the confirmation names no transaction of ours"),
        },
        CommandKind::Withdrawal { txn } => match DerivedId::parse(txn) {
            Some(txn) => handler.withdraw_transaction(txn),
            None => handler.ignore_record("the withdrawal names no transaction of ours"),
        },
        CommandKind::Verdict {
            incident_id,
            verdict,
        } => match DerivedId::parse(incident_id) {
            Some(incident) => handler.record_verdict(incident, *verdict),
            None => handler.ignore_record("the verdict names no incident of ours"),
        },
        CommandKind::Decision { txn, decision } => match DerivedId::parse(txn) {
            Some(txn) => handler.decide_plans(txn, *decision),
            None => handler.ignore_record("the decision names no transaction of ours"),
        },
    }
}

/// One control record with the state it changes.
pub(super) struct ControlHandler<'a> {
    pub(super) bundle: &'a BundleContext<'a>,
    pub(super) store: &'a mut IncidentStore,
    pub(super) control: &'a ControlRecord,
    pub(super) arrival: ControlArrival,
    pub(super) outcomes: &'a mut Vec<ResponseOutcome>,
}

/// What an audit entry is about.
#[derive(Debug, Default)]
pub(super) struct AuditSubject {
    pub(super) incident_id: Option<DerivedId>,
    pub(super) txn: Option<DerivedId>,
    pub(super) targets: Vec<BlockTarget>,
}

impl ControlHandler<'_> {
    fn report_rearmed(&mut self) {
        let why = self.control.reason.as_deref().unwrap_or("no reason given");
        let by = &self.control.by;
        let detail = format!("{by} made the tenant's revocation budgets whole again: {why}");
        self.audit(AuditKind::BudgetRearmed, AuditSubject::default(), &detail);
    }

    fn report_accepted(&mut self) {
        let why = self.control.reason.as_deref().unwrap_or("no reason given");
        let by = &self.control.by;
        let detail = format!("{by} accepted a use as usual for a class: {why}");
        self.audit(AuditKind::UseAccepted, AuditSubject::default(), &detail);
    }

    /// Notes the identity system's result on the requests of a transaction, of one target or all.
    fn confirm_requests(
        &mut self,
        txn: DerivedId,
        target: Option<&ConfirmedTarget>,
        result: RevocationResult,
    ) {
        // Not from before the request, nor from the future: the clock is the identity system's.
        let confirmed_ms = self.control.at_ms.min(self.arrival.stream_ms);
        let mut changed: Vec<TargetRequest> = Vec::new();
        for entry in &mut self.store.requests.entries {
            let meant = DerivedId::txn(entry.incident) == txn
                && entry.sent
                && entry.state != RequestState::Withdrawn
                && target.is_none_or(|named| entry.target.is_named(named));
            // Done is final: a later result about the same target is late or repeated.
            if !meant || entry.state == RequestState::Done {
                continue;
            }
            entry.state = result.into();
            if result == RevocationResult::Done {
                entry.confirmed_ms = Some(confirmed_ms.max(entry.asked_ms));
                entry.uses.note_reported(self.arrival.stream_ms);
            }
            changed.push(entry.clone());
        }
        let Some(incident) = changed.first().map(|entry| entry.incident) else {
            self.ignore_record("no open request has this transaction and target");
            return;
        };
        for entry in &changed {
            if let Some(at_ms) = entry.confirmed_ms {
                let target = entry.target.clone();
                let revoked = RevokedTarget { target, txn, at_ms };
                let of_member = entry.is_of_member();
                self.store.requests.remember_revoked(revoked, of_member);
            }
        }
        let targets: Vec<RevocationTarget> =
            changed.iter().map(|entry| entry.target.clone()).collect();
        let mut message = confirmation_sentence(&self.control.agent_id, &targets, result);
        message.push_str(&self.store.requests.progress_of(incident).remark());
        let subject = AuditSubject {
            incident_id: Some(incident),
            txn: Some(txn),
            targets: changed.iter().map(BlockTarget::of_request).collect(),
        };
        self.audit(AuditKind::Confirmed(result), subject, &message);
        let tenant = &self.control.tenant;
        let draft = AlertDraft::without_action(tenant, self.arrival.stream_ms, message);
        if let Some(alert) = next_alert(self.bundle, self.store, incident, draft) {
            emit_alert(alert, self.outcomes);
        }
        if result == RevocationResult::Refused {
            self.report_refused(&changed);
        }
    }

    /// Raises an alert about requests that the identity system refused: nobody asks again.
    fn report_refused(&mut self, refused: &[TargetRequest]) {
        for entry in refused {
            let message = format!(
                "The identity system refused to revoke {} of agent {} (txn {}); nobody asks again",
                name_targets(std::slice::from_ref(&entry.target)),
                entry.cause.agent,
                DerivedId::txn(entry.incident),
            );
            let finding = OwnFinding {
                rule: REFUSED_RULE_VIEW,
                at_ms: self.arrival.stream_ms,
                message,
            };
            let tenant = &self.control.tenant;
            raise_own_incident(
                self.bundle,
                self.store,
                tenant,
                entry,
                finding,
                self.outcomes,
            );
        }
    }

    /// Takes back everything that was asked under `txn`, mutes the rules that asked, and closes the
    /// incident as a false positive.
    fn withdraw_transaction(&mut self, txn: DerivedId) {
        let asked = |entry: &&TargetRequest| {
            DerivedId::txn(entry.incident) == txn && entry.state != RequestState::Withdrawn
        };
        let entries = self.store.requests.entries.iter();
        let requests: Vec<TargetRequest> = entries.filter(asked).cloned().collect();
        let mut open = self.store.open().iter();
        let open = open.find(|incident| DerivedId::txn(incident.id) == txn);
        let incident = requests.first().map(|request| request.incident);
        let Some(incident) = incident.or(open.map(|incident| incident.id)) else {
            self.forget_revoked(txn);
            return;
        };
        for entry in &mut self.store.requests.entries {
            if DerivedId::txn(entry.incident) == txn {
                entry.state = RequestState::Withdrawn;
            }
        }
        let cascades = &mut self.store.requests.cascades;
        cascades.retain(|cascade| DerivedId::txn(cascade.incident) != txn);
        let revoked = &mut self.store.requests.revoked;
        revoked.retain(|known| known.txn != txn);
        let mut rules: Vec<Text> = requests
            .iter()
            .map(|request| request.rule.clone())
            .collect();
        rules.extend(self.store.get(incident).map(|open| open.rule.clone()));
        for rule in rules {
            self.store.requests.mute_rule(&rule, self.arrival.stream_ms);
        }
        self.send_withdrawal(txn, incident, &requests);
        self.close_incident(incident);
    }

    /// Withdraws a transaction of which only revoked targets are remembered: its incident and
    /// requests were forgotten long ago.
    fn forget_revoked(&mut self, txn: DerivedId) {
        let revoked = &mut self.store.requests.revoked;
        let forgotten = revoked.extract_if(.., |known| known.txn == txn);
        let targets: Vec<BlockTarget> = forgotten.map(BlockTarget::of_forgotten).collect();
        if targets.is_empty() {
            self.ignore_record("nothing here has this transaction");
            return;
        }
        let subject = AuditSubject {
            incident_id: None,
            txn: Some(txn),
            targets,
        };
        let detail = "the revocation is taken back; its incident was closed before";
        self.audit(AuditKind::Withdrawn, subject, detail);
    }

    /// Audits a withdrawal, and sends it to the identity system where a request was sent.
    fn send_withdrawal(&mut self, txn: DerivedId, incident: DerivedId, requests: &[TargetRequest]) {
        let why = self.control.reason.as_deref().unwrap_or("no reason given");
        let detail = format!(
            "Withdrawn as a false positive by {}: {why}",
            self.control.by
        );
        let subject = AuditSubject {
            incident_id: Some(incident),
            txn: Some(txn),
            targets: (requests.iter())
                .map(|request| BlockTarget {
                    state: RequestState::Withdrawn,
                    ..BlockTarget::of_request(request)
                })
                .collect(),
        };
        self.audit(AuditKind::Withdrawn, subject, &detail);
        let sent = || requests.iter().filter(|request| request.sent);
        let Some(number) = sent().map(|request| request.number).max() else {
            return;
        };
        let open = self.store.get(incident);
        let rule = match (open, requests.first()) {
            (Some(open), _) => rule_note(self.bundle, &open.rule, open.family),
            (None, Some(request)) => rule_note(self.bundle, &request.rule, RuleFamily::Policy),
            (None, None) => return,
        };
        let of = u32::try_from(sent().count()).unwrap_or(u32::MAX);
        let targets = (1..).zip(sent()).map(|(order, request)| PlannedTarget {
            order: (order, of),
            ..request.planned()
        });
        let withdrawal = RevocationRequest {
            kind: RequestKind::Withdrawn,
            txn,
            number,
            tenant: self.control.tenant.clone(),
            agent_id: self.control.agent_id.clone(),
            task_id: open.and_then(|open| open.task().cloned()),
            incident_id: incident,
            // The alert that closes the incident comes next.
            message_id: open
                .map(|open| DerivedId::message(incident, open.message_n.saturating_add(1))),
            rule,
            severity: open.map_or(RuleLevel::Informational, |open| open.severity),
            reason: detail,
            targets: targets.collect(),
            event_ids: Vec::new(),
            requested_at_ms: self.arrival.append_ms,
            bundle: self.bundle.bundle.into(),
        };
        emit_request(withdrawal, self.outcomes);
    }

    /// Audits a verdict. A false positive takes back the incident's requests and closes it.
    fn record_verdict(&mut self, incident: DerivedId, verdict: IncidentVerdict) {
        if self.store.get(incident).is_none() {
            self.ignore_record("no open incident has this id");
            return;
        }
        let subject = AuditSubject {
            incident_id: Some(incident),
            ..AuditSubject::default()
        };
        let detail = format!("{} judged the incident", self.control.by);
        self.audit(AuditKind::VerdictGiven(verdict), subject, &detail);
        if verdict == IncidentVerdict::TruePositive {
            return;
        }
        let asked = |entry: &TargetRequest| {
            entry.incident == incident && entry.state != RequestState::Withdrawn
        };
        if self.store.requests.entries.iter().any(asked) {
            self.withdraw_transaction(DerivedId::txn(incident));
        } else {
            self.close_incident(incident);
        }
    }

    /// Closes an incident as a false positive, if it is open.
    fn close_incident(&mut self, incident: DerivedId) {
        if let Some(closed) = self.store.close_incident(incident) {
            let (tenant, time_ms) = (&self.control.tenant, self.arrival.stream_ms);
            let reason = CloseReason::FalsePositive;
            let end = IncidentEnd {
                reason,
                time_ms,
                burst: None,
            };
            let alert = closing_alert(self.bundle, closed, tenant, end);
            emit_alert(alert, self.outcomes);
        }
    }

    pub(super) fn ignore_record(&mut self, why: &str) {
        self.audit(AuditKind::ControlIgnored, AuditSubject::default(), why);
    }

    pub(super) fn ignore_transaction(&mut self, txn: DerivedId, why: &str) {
        let subject = AuditSubject {
            txn: Some(txn),
            ..AuditSubject::default()
        };
        self.audit(AuditKind::ControlIgnored, subject, why);
    }

    pub(super) fn audit(&mut self, what: AuditKind, subject: AuditSubject, detail: &str) {
        let entry = AuditEntry {
            at_ms: self.arrival.append_ms,
            tenant: self.control.tenant.clone(),
            agent_id: self.control.agent_id.clone(),
            incident_id: subject.incident_id,
            txn: subject.txn,
            what,
            by: Some(self.control.by.clone()),
            targets: subject.targets,
            detail: detail.to_owned(),
        };
        emit_audit(entry, self.outcomes);
    }
}

/// Audits a command that another room carried out. `did`: what it did, in one sentence.
pub fn audit_command(
    control: &ControlRecord,
    at_ms: i64,
    what: AuditKind,
    did: &str,
    outcomes: &mut Vec<ResponseOutcome>,
) {
    let why = control.reason.as_deref().unwrap_or("no reason given");
    let entry = AuditEntry {
        at_ms,
        tenant: control.tenant.clone(),
        agent_id: control.agent_id.clone(),
        incident_id: None,
        txn: None,
        what,
        by: Some(control.by.clone()),
        targets: Vec::new(),
        detail: format!("{did}: {why}"),
    };
    emit_audit(entry, outcomes);
}

fn confirmation_sentence(
    agent: &str,
    targets: &[RevocationTarget],
    result: RevocationResult,
) -> String {
    let named = name_targets(targets);
    match result {
        RevocationResult::Done => format!("The identity system confirmed: {named} is revoked"),
        RevocationResult::NotFound => {
            format!(
                "The identity system does not know {named} of agent {agent}; nothing is revoked"
            )
        }
        RevocationResult::Refused => format!("The identity system refused to revoke {named}"),
        RevocationResult::Partial => format!("The identity system revoked {named} only in part"),
        RevocationResult::Failed => format!("The identity system failed to revoke {named}"),
    }
}
