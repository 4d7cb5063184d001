//! Adds the causing record to outcomes, for the measurement of latency.

use std::collections::VecDeque;

use crate::event::{Input, Record, RecordBody, RevocationResult, TimeSource};
use crate::response::{AuditEntry, AuditKind, DerivedId, RequestKind, ResponseOutcome};

use super::outcome::TaskOutcome;

/// Maximum number of requests that wait for a timed confirmation. The confirmation of an older
/// request is processed, but not timed.
const REQUESTS_TIMED_MAX: usize = 1_000;

/// The record that is being applied, and the recent requests.
#[derive(Debug, Default)]
pub(super) struct CauseTracker {
    /// Whether stream time is the broker's clock.
    append: bool,
    /// Append time of the action that is being judged, epoch ms.
    cause_ms: Option<i64>,
    /// Requests since the task was opened, and the append times of their causes. A restart forgets
    /// them: they serve one histogram and are not part of the state.
    requests: VecDeque<(DerivedId, i64)>,
}

impl CauseTracker {
    /// Makes `record` the cause of the outcomes that follow.
    pub(super) fn set_cause(&mut self, record: &Record) {
        self.append = record.time == TimeSource::Append;
        let acts = matches!(record.body, RecordBody::Action(_)) && record.input == Input::Actions;
        self.cause_ms = (acts && self.append).then_some(record.append_ms);
    }

    /// Adds the known cause to an outcome.
    pub(super) fn attribute_cause(&mut self, outcome: ResponseOutcome) -> TaskOutcome {
        match outcome {
            ResponseOutcome::Alert(alert) => TaskOutcome::Alert {
                // An alert without facts was not caused by an action.
                cause_ms: self.cause_ms.filter(|_| !alert.facts.is_empty()),
                alert,
            },
            ResponseOutcome::Revocation(request) => {
                if request.kind == RequestKind::Requested && self.append {
                    let timed = (request.txn, request.requested_at_ms);
                    self.requests.push_back(timed);
                    if self.requests.len() > REQUESTS_TIMED_MAX {
                        self.requests.pop_front();
                    }
                }
                TaskOutcome::Revocation(request)
            }
            ResponseOutcome::Audit(entry) => TaskOutcome::Audit {
                confirmed_after_ms: self.confirmed_after_ms(&entry),
                entry,
            },
        }
    }

    /// The time from the cause of a confirmed request to its confirmation, ms. Ends the timing.
    fn confirmed_after_ms(&mut self, entry: &AuditEntry) -> Option<u64> {
        if entry.what != AuditKind::Confirmed(RevocationResult::Done) {
            return None;
        }
        let confirmed = |(txn, _): &(DerivedId, i64)| Some(*txn) == entry.txn;
        let index = self.requests.iter().position(confirmed)?;
        let (_, cause_ms) = self.requests.remove(index)?;
        let after_ms = entry.at_ms.saturating_sub(cause_ms);
        Some(u64::try_from(after_ms).unwrap_or(0))
    }
}
