//! Relates outcomes to the record that caused them, for latency measurements.

use std::collections::VecDeque;

use crate::event::{Input, Record, RecordBody, RevocationResult, TimeSource};
use crate::response::{AuditEntry, AuditKind, DerivedId, RequestKind, ResponseOutcome};

use super::outcome::TaskOutcome;

/// Requests whose confirmation is still timed. An older one is confirmed as well, only untimed.
const REQUESTS_TIMED_MAX: usize = 1_000;

/// What is known of the record that is being applied and of the requests before it.
#[derive(Debug, Default)]
pub(super) struct CauseTracker {
    /// Whether stream time is the broker's clock.
    append: bool,
    /// Append time of the action that is being judged, epoch milliseconds.
    cause_ms: Option<i64>,
    /// Requests since the task was opened, with the append times of their causes. They are part of
    /// no state, because they serve the histogram alone: a restart forgets them.
    requests: VecDeque<(DerivedId, i64)>,
}

impl CauseTracker {
    /// From here on `record` is the cause.
    pub(super) fn set_cause(&mut self, record: &Record) {
        self.append = record.time == TimeSource::Append;
        let acts = matches!(record.body, RecordBody::Action(_)) && record.input == Input::Actions;
        self.cause_ms = (acts && self.append).then_some(record.append_ms);
    }

    /// Adds to an outcome what is known of its cause.
    pub(super) fn attribute_cause(&mut self, outcome: ResponseOutcome) -> TaskOutcome {
        match outcome {
            ResponseOutcome::Alert(alert) => TaskOutcome::Alert {
                // An alert that no action caused carries no facts.
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

    /// The time from a request's cause to its confirmation; the request is then timed no longer.
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
