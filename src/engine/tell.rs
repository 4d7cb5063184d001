//! What the worker counts and logs of a task's work, gathered until its commit.

use std::collections::VecDeque;

use crate::engine::contract::Told;
use crate::event::{Input, Record, RecordBody, RevocationResult, TimeSource};
use crate::response::{AuditEntry, AuditKind, DerivedId, Mode, RequestKind, ResponseOutcome};

/// Requests whose confirmation is still timed. An older one is confirmed as well, only untimed.
const ASKED_MAX: usize = 1_000;

/// Gathers what is told.
#[derive(Debug, Default)]
pub(super) struct Teller {
    pub told: Vec<Told>,
    /// Whether stream time is the broker's clock.
    append: bool,
    /// When the action that is judged was appended, epoch milliseconds.
    cause_ms: Option<i64>,
    /// Requests of this task's life with the append time of their causes: only for the histogram,
    /// so they are in no state and a restart forgets them.
    asked: VecDeque<(DerivedId, i64)>,
}

impl Teller {
    /// From here on `record` is the cause.
    pub(super) fn begin(&mut self, record: &Record) {
        self.append = record.time == TimeSource::Append;
        let acts = matches!(record.body, RecordBody::Action(_)) && record.input == Input::Actions;
        self.cause_ms = (acts && self.append).then_some(record.append_ms);
    }

    pub(super) fn outcome(&mut self, outcome: &ResponseOutcome) {
        match outcome {
            ResponseOutcome::Alert(alert) => self.told.push(Told::Alert {
                severity: alert.severity.as_str(),
                // A message that no action caused carries no facts.
                append_ms: self.cause_ms.filter(|_| !alert.facts.is_empty()),
            }),
            ResponseOutcome::Revocation(request) => {
                let mode = match request.kind {
                    RequestKind::Requested => Mode::Auto.as_str(),
                    RequestKind::Withdrawn => "withdrawn",
                };
                if request.kind == RequestKind::Requested && self.append {
                    self.asked.push_back((request.txn, request.requested_at_ms));
                    if self.asked.len() > ASKED_MAX {
                        self.asked.pop_front();
                    }
                }
                self.told.push(Told::Plan {
                    mode,
                    tenant: request.tenant.clone(),
                    txn: request.txn.to_string(),
                    targets: request.targets.len(),
                });
            }
            ResponseOutcome::Audit(entry) => self.audited(entry),
        }
    }

    fn audited(&mut self, entry: &AuditEntry) {
        let tenant = || entry.tenant.clone();
        let txn = || entry.txn.map(|txn| txn.to_string()).unwrap_or_default();
        match entry.what {
            AuditKind::ShadowPlan => self.told.push(Told::Plan {
                mode: Mode::Shadow.as_str(),
                tenant: tenant(),
                txn: txn(),
                targets: entry.targets.len(),
            }),
            AuditKind::BudgetTripped => self.told.push(Told::BudgetTripped { tenant: tenant() }),
            AuditKind::Confirmed(RevocationResult::Done) => {
                let asked = |(of, _): &(DerivedId, i64)| Some(*of) == entry.txn;
                let at = self.asked.iter().position(asked);
                if let Some((_, asked_ms)) = at.and_then(|at| self.asked.remove(at)) {
                    let after_ms = entry.at_ms.saturating_sub(asked_ms);
                    self.told.push(Told::Confirmed {
                        txn: txn(),
                        after_ms: u64::try_from(after_ms).unwrap_or(0),
                    });
                }
            }
            // Of these the audit topic tells.
            AuditKind::Confirmed(_)
            | AuditKind::RequestSent
            | AuditKind::Withdrawn
            | AuditKind::VerdictGiven(_)
            | AuditKind::ControlIgnored => {}
        }
    }
}
