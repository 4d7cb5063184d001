//! Links carry what one subject has to know of another, also from partition to partition; the tick
//! moves the time of a partition without records. A link sets a value and never increments one, so
//! a repeat is harmless.

use serde::{Deserialize, Serialize};

use super::{
    AgentKey, AgentsNotice, ChildNotice, ClassNotice, CredentialKey, FlowNotice, GatewayNotice,
    MemberNotice, ParentNotice, ProfileNotice, RecordPosition, TargetNotice, TaskNotice, Text,
    UsesNotice,
};

/// One record of the links topic: a link, and for whom it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AddressedLink {
    #[serde(default, skip_serializing_if = "LinkTarget::is_all_partitions")]
    pub target: LinkTarget,
    #[serde(flatten)]
    pub link: Link,
}

/// What one subject lets another know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// `None` for a link that no rule evaluates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<LinkCause>,
    pub body: LinkBody,
}

/// The record that led to a link. An alert that the link leads to takes its position, times and
/// event id from here, so that its ids do not depend on how the link arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkCause {
    pub position: RecordPosition,
    /// Append time of the record, epoch milliseconds.
    pub append_ms: i64,
    /// The time at which it is judged, epoch milliseconds.
    pub at_ms: i64,
    pub event_id: Text,
}

/// For whom a link is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkTarget {
    /// Every partition gets the link.
    #[default]
    AllPartitions,
    Agent(AgentKey),
    Credential(CredentialKey),
}

impl LinkTarget {
    /// The key of the target, by which the link finds its partition; `None` for every partition.
    /// For an agent it is the key of its records, so that both are in one partition.
    #[must_use]
    pub fn record_key(&self) -> Option<String> {
        match self {
            LinkTarget::AllPartitions => None,
            LinkTarget::Agent(key) => Some(key.to_string()),
            LinkTarget::Credential(key) => Some(format!("c:{key}")),
        }
    }

    fn is_all_partitions(&self) -> bool {
        *self == LinkTarget::AllPartitions
    }
}

/// The content of a link.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkBody {
    /// Moves stream time to the tick's append time. Moves no time if the source is
    /// [`super::TimeSource::Event`].
    Tick,
    /// The tenant has declared a scope: its agents without one are alerted in every partition.
    TenantManaged { tenant: Text },
    /// Somebody re-armed the revocation budgets of the tenant: they are whole again. `at_ms`, in
    /// epoch milliseconds, tells a repeat from a later command.
    BudgetRearmed { tenant: Text, at_ms: i64 },
    /// A task ended clean: every partition learns what it did, for its class and its agent type.
    TaskEndedClean(Box<TaskNotice>),
    /// Such a task was set aside: every partition forgets it, and so does its agent.
    TaskSetAside(Box<TaskNotice>),
    /// A person froze, unfroze or reset a class: every partition does so.
    ClassChanged(Box<ClassNotice>),
    /// A person froze, unfroze or reset a selection of agents: those of every partition do so.
    AgentsChanged(Box<AgentsNotice>),
    /// A profile was learned elsewhere: every partition takes it over.
    ProfileImported(Box<ProfileNotice>),
    /// An agent has its task from the receiver, or has it no longer.
    ChildDeclared(Box<ChildNotice>),
    /// The scopes of the receiver's parent, and what is above it.
    ParentScope(Box<ParentNotice>),
    /// Agents below the receiver.
    TreeMember(Box<MemberNotice>),
    /// What an agent of the receiver's tree has read.
    TreeFlow(Box<FlowNotice>),
    /// To the subject of a gateway: which of its numbers have come to a partition.
    GatewayNumbers(Box<GatewayNotice>),
    /// To an agent of a tree that is being revoked: its revocation was requested.
    TargetRequested(Box<TargetNotice>),
    /// From such an agent back: how often it acted after that.
    TargetUsed(Box<UsesNotice>),
    /// To a credential: an agent has it.
    CredentialUsed {
        agent: Text,
        /// Who issued it, as far as is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        issuer: Option<Text>,
        /// The task of the action, where the agent was accepted with it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        task: Option<Text>,
        /// The agent was accepted with it; else its scope names it.
        accepted: bool,
    },
    /// From a credential to an agent that has it: who else does.
    CredentialShared {
        credential: Text,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        issuer: Option<Text>,
        /// The agents that are known to have it, this one included.
        users: u32,
        /// It is the credential of another agent.
        forwarded: bool,
        /// One of the others: the holder, if it is not this agent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        other: Option<Text>,
        /// The task of this agent's first action with it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        task: Option<Text>,
    },
    /// Tests of the way of a link: says nothing to an agent; a credential lets the agent know.
    #[cfg(test)]
    Probe { reply_to: Option<AgentKey> },
}

impl LinkBody {
    /// Whether every partition is to learn it.
    #[must_use]
    pub fn is_of_classes(&self) -> bool {
        matches!(
            self,
            LinkBody::TaskEndedClean(_)
                | LinkBody::TaskSetAside(_)
                | LinkBody::ClassChanged(_)
                | LinkBody::AgentsChanged(_)
                | LinkBody::ProfileImported(_)
        )
    }

    /// Whether the link is about a delegation tree.
    #[must_use]
    pub fn is_of_tree(&self) -> bool {
        matches!(
            self,
            LinkBody::ChildDeclared(_) | LinkBody::ParentScope(_) | LinkBody::TreeMember(_)
        )
    }

    /// Whether the link is about what an agent of the tree has read.
    #[must_use]
    pub fn is_of_flow(&self) -> bool {
        matches!(self, LinkBody::TreeFlow(_))
    }

    /// Whether the link is about a revocation request.
    #[must_use]
    pub fn is_of_request(&self) -> bool {
        matches!(self, LinkBody::TargetRequested(_) | LinkBody::TargetUsed(_))
    }

    /// Whether a child learns from the link that something was taken away from its parent.
    #[must_use]
    pub fn takes_away(&self) -> bool {
        let LinkBody::ParentScope(notice) = self else {
            return false;
        };
        let mut scopes = notice.scopes.iter();
        notice.taken.is_some() || scopes.any(|one| one.taken.is_some())
    }
}
