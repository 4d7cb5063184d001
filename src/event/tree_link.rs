//! What the agents of a delegation tree let each other know by links. Each of these sets what its
//! sender knows as a whole, so a repeat changes nothing.

use serde::{Deserialize, Serialize};

use super::{AgentScope, DeclaredStatus, EdgeEvidence, Text};

/// From a child to its parent: the child is one, or is one no longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildNotice {
    /// The sender counts what it sends: one that was overtaken changes nothing.
    #[serde(default)]
    pub number: u64,
    pub child: Text,
    pub evidence: EdgeEvidence,
    /// The parent's scopes that the child was delegated from; empty where it names none.
    #[serde(default)]
    pub scopes: Vec<Text>,
    /// When the last of the child's delegated scopes expires, epoch milliseconds; absent, if never.
    #[serde(default)]
    pub until_ms: Option<i64>,
    /// Every scope that the parent delegated has ended.
    #[serde(default)]
    pub ended: bool,
}

/// From a parent to its child: the scopes of the parent, and what is above it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ParentNotice {
    /// As in [`ChildNotice`].
    #[serde(default)]
    pub number: u64,
    pub parent: Text,
    /// Stream time of the parent's partition, epoch milliseconds: of what has come later the
    /// notice knows nothing.
    #[serde(default)]
    pub as_of_ms: i64,
    /// An accepted action of the parent spawned the child.
    #[serde(default)]
    pub spawned: bool,
    /// Something other than a declared scope covers the parent: a template.
    #[serde(default)]
    pub templated: bool,
    /// The scopes that the child names, or all where it names none.
    #[serde(default)]
    pub scopes: Vec<NoticedScope>,
    /// Scopes that the child names and the parent does not have, by its records until `as_of_ms`.
    #[serde(default)]
    pub missing: Vec<Text>,
    /// The agents above the parent, root first.
    #[serde(default)]
    pub ancestors: Vec<Ancestor>,
    /// How the edge from the last of them to the parent is known.
    #[serde(default)]
    pub edge: EdgeEvidence,
    /// The end of what an agent above the parent was allowed.
    #[serde(default)]
    pub ended_above: Option<AncestorEnd>,
    /// A request took away what the parent acts with, and the parent has no declared scope.
    #[serde(default)]
    pub taken: Option<TakenAway>,
}

/// A scope of the parent, in the version that took effect last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoticedScope {
    /// Whose terms were left out where they are not known, or are too large.
    pub scope: Box<AgentScope>,
    pub terms_known: bool,
    /// When this version took effect, epoch milliseconds.
    pub since_ms: i64,
    /// A request took away what the parent acts with under this scope.
    #[serde(default)]
    pub taken: Option<TakenAway>,
}

/// That a request took away the authority of an agent. One that waits for a decision, was taken
/// back or failed takes nothing away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenAway {
    /// When it was confirmed, or else requested; epoch milliseconds.
    pub since_ms: i64,
    /// The identity system has confirmed it.
    pub confirmed: bool,
}

/// An agent above another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ancestor {
    pub agent: Text,
    /// How the edge from its own parent is known; none at the root.
    pub edge: EdgeEvidence,
}

/// The end of the scope of an agent above.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AncestorEnd {
    pub agent: Text,
    /// Completed also where it expired.
    pub status: DeclaredStatus,
    pub since_ms: i64,
    /// It is revoked by a request that the identity system has not confirmed.
    #[serde(default)]
    pub requested: bool,
}

/// From a child to its parent, and from there to each agent above: agents below.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberNotice {
    /// The child that sends it.
    pub child: Text,
    pub members: Vec<NoticedMember>,
}

/// An agent below the receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticedMember {
    /// The member counts what it says of itself: what was overtaken changes nothing.
    #[serde(default)]
    pub number: u64,
    pub agent: Text,
    pub parent: Text,
    /// Edges between the receiver and the agent, from 1.
    pub depth: u8,
    /// The credential that it was accepted with last, and who issued it.
    #[serde(default)]
    pub credential: Option<(Text, Option<Text>)>,
    pub edge: EdgeEvidence,
    /// It is below its parent no longer.
    #[serde(default)]
    pub ended: bool,
}

/// Between a child and its parent, either way, and on from there to every agent of the tree: what
/// an agent of the tree has read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FlowNotice {
    /// The neighbour that sends it.
    pub sender: Text,
    /// Untrusted content was read.
    #[serde(default)]
    pub untrusted: Option<NoticedRead>,
    /// Private data were read.
    #[serde(default)]
    pub private: Option<NoticedRead>,
}

/// What one agent of a tree has read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticedRead {
    pub agent: Text,
    /// The time of its action, epoch milliseconds.
    pub at_ms: i64,
}

impl FlowNotice {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.untrusted.is_none() && self.private.is_none()
    }
}
