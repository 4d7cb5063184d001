//! Records of the control topic: commands of people and reports of the identity system.

use serde::{Deserialize, Serialize};

use super::{AgentKey, Text, Verb};

/// One control record, addressed to an agent or to a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlRecord {
    pub tenant: Text,
    /// Empty in a command that is addressed to the tenant.
    pub agent_id: Text,
    /// Who gave the command.
    pub by: Text,
    /// When the command was given, in epoch milliseconds.
    pub at_ms: i64,
    pub reason: Option<Text>,
    pub command: CommandKind,
}

impl ControlRecord {
    /// The agent that the record is about.
    #[must_use]
    pub fn agent_key(&self) -> AgentKey {
        AgentKey {
            tenant: self.tenant.clone(),
            agent: self.agent_id.clone(),
        }
    }
}

/// The command of a control record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CommandKind {
    /// An approver's decision on a request that waits for approval.
    Decision {
        txn: Text,
        decision: ApprovalDecision,
    },
    /// The identity system's report on a revocation request. If `target` is absent, the report is
    /// about every target of `txn`. An empty `txn` is that of a report that nobody asked for.
    Confirmation {
        txn: Text,
        target: Option<ConfirmedTarget>,
        result: RevocationResult,
    },
    /// Withdraws a revocation request as a false positive.
    Withdrawal { txn: Text },
    /// An analyst's verdict on an incident.
    Verdict {
        incident_id: Text,
        verdict: IncidentVerdict,
    },
    /// A command about the revocation budgets of the agent's tenant.
    Budget { command: BudgetCommand },
    /// A person says what is usual for a class of tasks.
    Acceptance(Box<AcceptedUse>),
    /// A command about what is learned.
    Learning(Box<LearningCommand>),
    /// What was learned elsewhere takes the place of what is known.
    Import(Box<LearnedImport>),
}

impl CommandKind {
    /// Whether the command is addressed to the tenant, and so names no agent.
    #[must_use]
    pub fn is_of_tenant(&self) -> bool {
        match self {
            CommandKind::Learning(command) => command.target != LearningTarget::Agent,
            CommandKind::Import(import) => import.profile.is_some(),
            _ => false,
        }
    }
}

/// A command about what is learned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LearningCommand {
    pub target: LearningTarget,
    pub change: LearningChange,
}

/// What a command about what is learned is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LearningTarget {
    /// The agent of the record.
    Agent,
    Class(TaskClass),
    /// Every agent of the tenant that the selection names.
    Agents(AgentSelection),
}

/// Which agents of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentSelection {
    /// Not empty.
    pub agent_type: Text,
}

/// A part of what was learned elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LearnedImport {
    /// The profile of a class; `None`: baselines or habits of the agent of the record.
    pub profile: Option<ProfileName>,
    /// JSON, which the detector reads.
    pub state: String,
}

/// Which profile of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ProfileName {
    /// Empty for agents without a type.
    pub agent_type: Text,
    pub part: ProfileKind,
}

/// Which profile of an agent type.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProfileKind {
    /// All tasks of the type.
    Peers,
    /// Its tasks that name no class.
    Unnamed,
    Class(Text),
}

/// A class of tasks, or all classes of an agent type. At least one of the two is there.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TaskClass {
    /// Empty for agents without a type.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub agent_type: Text,
    /// `None`: every class of the agent type, and its peers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_class: Option<Text>,
}

/// What a command changes about what is learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LearningChange {
    /// Nothing is learned until it is unfrozen.
    Freeze,
    Unfreeze,
    /// What was learned is forgotten.
    Reset {
        /// Only what was first seen at this time or later is forgotten, epoch milliseconds. Written
        /// also where it is absent: state is stored in a form without names of fields.
        #[serde(default)]
        since_ms: Option<i64>,
    },
}

/// What a person says is usual for a class of tasks. At least one of the things is there.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AcceptedUse {
    pub agent_type: Option<Text>,
    pub task_class: Option<Text>,
    pub resource_type: Option<Text>,
    /// Of the resource type.
    pub verb: Option<Verb>,
    /// Of the resource type.
    pub resource_id: Option<Text>,
    /// A host, an address or an account.
    pub destination: Option<Text>,
    pub tool: Option<Text>,
}

/// What is done with the revocation budgets of a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BudgetCommand {
    /// They are whole again, in every partition.
    Rearm,
}

/// What a confirmation is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfirmedTarget {
    /// The id of the credential, session or agent.
    pub id: Text,
    /// How the identity system names it, where it says more than the id.
    pub subject: Option<SubjectForm>,
}

/// The form of a subject identifier, with its issuer where it has one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SubjectForm {
    /// `jwt_id`: one token.
    JwtId { iss: Text },
    /// `iss_sub`: an identity at an issuer.
    IssSub { iss: Text },
    /// `opaque`: an id without an issuer.
    Opaque,
}

impl From<&str> for ConfirmedTarget {
    fn from(id: &str) -> Self {
        ConfirmedTarget {
            id: id.into(),
            subject: None,
        }
    }
}

/// Approve or deny.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalDecision {
    Approve,
    Deny,
}

/// The result of a revocation request, as the identity system reports it.
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
