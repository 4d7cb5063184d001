//! Typed outcomes: what the records of a task caused besides state. Code inside this process reads
//! these types, never the encoded records.

use crate::detector::OutgoingLink;
use crate::event::{RecordPosition, RevocationResult, Text};
use crate::response::{
    Alert, AuditEntry, AuditKind, DerivedId, RequestKind, RevocationMode, RevocationRequest,
};

/// One effect of a task's records.
#[derive(Debug, Clone, PartialEq)]
pub enum TaskOutcome {
    Alert {
        alert: Box<Alert>,
        /// Append time of the action that caused the alert, epoch ms. `None` if stream time is not
        /// the broker's clock, or if no action caused the alert.
        cause_ms: Option<i64>,
    },
    Revocation(Box<RevocationRequest>),
    Audit {
        entry: Box<AuditEntry>,
        /// Time from the cause of a request to its confirmation, ms, if this task knows both.
        confirmed_after_ms: Option<u64>,
    },
    /// A link, sent to the partition of its target or to every one.
    Link(OutgoingLink),
    DeadLetter(DeadLetter),
    /// A record in another partition than its key's is written to that partition.
    Moved(MovedRecord),
}

/// A record that is written to the partition of its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovedRecord {
    /// Where it was read.
    pub position: RecordPosition,
    /// The partition of its key.
    pub home: i32,
}

/// Why and where a record could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    pub position: RecordPosition,
    pub stage: FailureStage,
    /// The kind of failure, for example `malformed` or `key_mismatch`.
    pub class: &'static str,
    /// One sentence for the operator.
    pub message: String,
}

/// The stage at which a record failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureStage {
    /// Its bytes could not be decoded.
    Decode,
    /// A mapping could not make actions of it.
    Mapping,
    /// It was decoded, but its content is not acceptable.
    Contract,
    /// The program failed on it.
    Processing,
}

impl FailureStage {
    /// The word in the headers of dead letters.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            FailureStage::Decode => "decode",
            FailureStage::Mapping => "mapping",
            FailureStage::Contract => "contract",
            FailureStage::Processing => "processing",
        }
    }
}

/// An outcome, reduced to what metrics and the log show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskSignal<'a> {
    DeadLetter(&'a DeadLetter),
    Moved(&'a MovedRecord),
    Alert {
        severity: &'static str,
        /// See [`TaskOutcome::Alert`].
        cause_ms: Option<i64>,
    },
    /// What became of a revocation plan: sent, only shown, waiting, withdrawn and so on.
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
        /// From the request until nobody acted with the targets any more, as far as is known.
        effective_ms: i64,
    },
    BudgetUsedUp {
        tenant: &'a Text,
    },
}

impl TaskOutcome {
    /// The signal for metrics and the log; `None` if only the audit topic reports the outcome.
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
                    RequestKind::Approved => "approved",
                    RequestKind::Repeated => "repeated",
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
            TaskOutcome::Moved(moved) => Some(TaskSignal::Moved(moved)),
        }
    }
}

fn audit_signal(entry: &AuditEntry, confirmed_after_ms: Option<u64>) -> Option<TaskSignal<'_>> {
    match entry.what {
        AuditKind::ShadowPlan => plan_signal(entry, RevocationMode::Shadow.as_str()),
        AuditKind::PlanWaiting => plan_signal(entry, "waiting"),
        AuditKind::PlanDenied => plan_signal(entry, "denied"),
        AuditKind::PlanLapsed => plan_signal(entry, "lapsed"),
        AuditKind::BudgetTripped => Some(TaskSignal::BudgetUsedUp {
            tenant: &entry.tenant,
        }),
        AuditKind::Confirmed(RevocationResult::Done) => Some(TaskSignal::Confirmed {
            txn: entry.txn?,
            after_ms: confirmed_after_ms?,
            effective_ms: entry
                .targets
                .iter()
                .filter_map(|one| one.effective_ms)
                .max()?,
        }),
        AuditKind::Confirmed(_)
        | AuditKind::RequestSent
        | AuditKind::PlanApproved
        | AuditKind::RequestRepeated
        | AuditKind::BudgetRearmed
        | AuditKind::UseAccepted
        | AuditKind::TaskSetAside
        | AuditKind::LearningFrozen
        | AuditKind::LearningUnfrozen
        | AuditKind::LearningReset
        | AuditKind::LearningImported
        | AuditKind::TargetUsed
        | AuditKind::Withdrawn
        | AuditKind::VerdictGiven(_)
        | AuditKind::ControlIgnored => None,
    }
}

fn plan_signal<'a>(entry: &'a AuditEntry, mode: &'static str) -> Option<TaskSignal<'a>> {
    Some(TaskSignal::Plan {
        mode,
        tenant: &entry.tenant,
        txn: entry.txn?,
        targets: entry.targets.len(),
    })
}
