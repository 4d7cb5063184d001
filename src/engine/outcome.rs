//! What a task's records led to besides state, typed. Whoever wants to know what happened reads
//! these; only what leaves the process is read from bytes.

use crate::detector::OutgoingLink;
use crate::event::{RecordPosition, RevocationResult, Text};
use crate::response::{
    Alert, AuditEntry, AuditKind, DerivedId, RequestKind, RevocationMode, RevocationRequest,
};

/// One thing that a task's records led to.
#[derive(Debug, Clone, PartialEq)]
pub enum TaskOutcome {
    Alert {
        alert: Box<Alert>,
        /// Append time of the action that caused the alert, epoch milliseconds. `None` where stream
        /// time is not the broker's clock, or where no action caused the alert.
        cause_ms: Option<i64>,
    },
    Revocation(Box<RevocationRequest>),
    Audit {
        entry: Box<AuditEntry>,
        /// Milliseconds from a request's cause to its confirmation, where this task knows both.
        confirmed_after_ms: Option<u64>,
    },
    /// A link for every partition of the links topic.
    Link(OutgoingLink),
    DeadLetter(DeadLetter),
}

/// A record that could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    pub position: RecordPosition,
    pub stage: FailureStage,
    /// The kind of failure, such as `malformed` or `key_mismatch`.
    pub class: &'static str,
    /// One sentence.
    pub message: String,
}

/// Where a record failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureStage {
    /// Its bytes could not be read.
    Decode,
    /// A mapping could not make actions of it.
    Mapping,
    /// It was read, and what it says cannot be accepted where and when it stands.
    Contract,
}

impl FailureStage {
    /// The word in the headers of dead letters.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            FailureStage::Decode => "decode",
            FailureStage::Mapping => "mapping",
            FailureStage::Contract => "contract",
        }
    }
}

/// An outcome as counters and the log see it. Words are words of the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskSignal<'a> {
    DeadLetter(&'a DeadLetter),
    Alert {
        severity: &'static str,
        /// See [`TaskOutcome::Alert`].
        cause_ms: Option<i64>,
    },
    /// A revocation plan, sent or only shown, or the withdrawal of one.
    Plan {
        mode: &'static str,
        tenant: &'a Text,
        txn: DerivedId,
        targets: usize,
    },
    /// The identity system confirmed a request.
    Confirmed {
        txn: DerivedId,
        after_ms: u64,
    },
    BudgetUsedUp {
        tenant: &'a Text,
    },
}

impl TaskOutcome {
    /// What to count and log of the outcome; `None` where the audit topic is enough.
    #[must_use]
    pub fn signal(&self) -> Option<TaskSignal<'_>> {
        match self {
            TaskOutcome::Alert { alert, cause_ms } => Some(TaskSignal::Alert {
                severity: alert.severity.as_str(),
                cause_ms: *cause_ms,
            }),
            TaskOutcome::Revocation(request) => Some(TaskSignal::Plan {
                mode: match request.kind {
                    RequestKind::Requested => RevocationMode::Auto.as_str(),
                    RequestKind::Withdrawn => "withdrawn",
                },
                tenant: &request.tenant,
                txn: request.txn,
                targets: request.targets.len(),
            }),
            TaskOutcome::Audit {
                entry,
                confirmed_after_ms,
            } => audit_signal(entry, *confirmed_after_ms),
            TaskOutcome::Link(_) => None,
            TaskOutcome::DeadLetter(letter) => Some(TaskSignal::DeadLetter(letter)),
        }
    }
}

fn audit_signal(entry: &AuditEntry, confirmed_after_ms: Option<u64>) -> Option<TaskSignal<'_>> {
    match entry.what {
        AuditKind::ShadowPlan => Some(TaskSignal::Plan {
            mode: RevocationMode::Shadow.as_str(),
            tenant: &entry.tenant,
            txn: entry.txn?,
            targets: entry.targets.len(),
        }),
        AuditKind::BudgetTripped => Some(TaskSignal::BudgetUsedUp {
            tenant: &entry.tenant,
        }),
        AuditKind::Confirmed(RevocationResult::Done) => Some(TaskSignal::Confirmed {
            txn: entry.txn?,
            after_ms: confirmed_after_ms?,
        }),
        AuditKind::Confirmed(_)
        | AuditKind::RequestSent
        | AuditKind::Withdrawn
        | AuditKind::VerdictGiven(_)
        | AuditKind::ControlIgnored => None,
    }
}
