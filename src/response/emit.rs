//! Stage 5: adds the messages to the outcomes, in the order that consumers rely on.
//!
//! An alert goes before the request that names it, and a request before its audit entry: a reader
//! that sees the later one can find the earlier one.

use super::alert::Alert;
use super::message::GroupMessages;
use super::outcome::{AuditEntry, ResponseOutcome, RevocationRequest};

/// Emits the messages of one group of findings.
pub(super) fn emit_messages(messages: GroupMessages, outcomes: &mut Vec<ResponseOutcome>) {
    if let Some(alert) = messages.alert {
        emit_alert(alert, outcomes);
    }
    if let Some(entry) = messages.shadow_plan {
        emit_audit(entry, outcomes);
    }
    if let Some(entry) = messages.waiting_plan {
        emit_audit(entry, outcomes);
    }
    if let Some(request) = messages.request {
        emit_request(request, outcomes);
    }
    if let Some(entry) = messages.request_sent {
        emit_audit(entry, outcomes);
    }
    for entry in messages.budgets_used_up {
        emit_audit(entry, outcomes);
    }
}

pub(super) fn emit_alert(alert: Alert, outcomes: &mut Vec<ResponseOutcome>) {
    outcomes.push(ResponseOutcome::Alert(Box::new(alert)));
}

pub(super) fn emit_request(request: RevocationRequest, outcomes: &mut Vec<ResponseOutcome>) {
    outcomes.push(ResponseOutcome::Revocation(Box::new(request)));
}

pub(super) fn emit_audit(entry: AuditEntry, outcomes: &mut Vec<ResponseOutcome>) {
    outcomes.push(ResponseOutcome::Audit(Box::new(entry)));
}
