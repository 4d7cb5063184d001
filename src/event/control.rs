//! What people and the identity system tell Scopewatch: records of the control topic.

use serde::{Deserialize, Serialize};

use super::Text;

/// One control record, addressed to an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlRecord {
    pub tenant: Text,
    pub agent_id: Text,
    /// Who gave the command.
    pub by: Text,
    /// When, in epoch milliseconds.
    pub at_ms: i64,
    pub reason: Option<Text>,
    pub command: CommandKind,
}

/// What a control record says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CommandKind {
    /// An approver's answer to a request that waits.
    Decision {
        txn: Text,
        decision: ApprovalDecision,
    },
    /// The identity system's answer to a revocation request. `target` is the `jti` or agent id it
    /// concerns; absent, every target of `txn`.
    Confirmation {
        txn: Text,
        target: Option<Text>,
        result: RevocationResult,
    },
    /// Takes a revocation request back as a false positive.
    Withdrawal { txn: Text },
    /// An analyst's verdict on an incident.
    Verdict {
        incident_id: Text,
        verdict: IncidentVerdict,
    },
}

/// Approve or deny.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalDecision {
    Approve,
    Deny,
}

/// What became of a revocation request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevocationResult {
    Done,
    NotFound,
    Refused,
    Partial,
    Failed,
}

/// An analyst's verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentVerdict {
    TruePositive,
    FalsePositive,
}
