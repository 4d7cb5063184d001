//! The delegation tree as one agent knows it: who is above it, who is below it, on what evidence,
//! and what its parent's scopes permit. Pure state, part of an agent's learned value.
//!
//! # Evidence
//!
//! | source | who learns it | proves the edge |
//! | --- | --- | --- |
//! | `parent` of a scope record | the child | yes: the identity system says so |
//! | `act` chain on a scope record | the child | yes |
//! | accepted spawn whose `resource.id` is the child | the parent | only with the child's chain |
//! | chain on the child's own accepted actions | the child | only with the parent's spawn |
//!
//! What an agent says of itself or of another is unproven. It has room of its own, takes none from
//! proven edges, and changes nothing that is known of anybody else.
//!
//! # Absence
//!
//! An absent field takes a verdict away and never makes one. An action without a chain, of an agent
//! without a declared parent that nobody spawned, has no verdict. A scope of the parent that is
//! named and not known makes an orphan only when the partitions of both have come so far that a
//! late scope would have come.
//!
//! Read first: `tests.rs`.

mod chain;
mod children;
mod coming;
mod cuts;
mod facts;
mod further;
mod members;
mod notices;
mod outgoing;
mod parents;
mod relatives;
mod spawns;
mod taken;
#[cfg(test)]
mod tests;
mod verdict;

use serde::{Deserialize, Serialize};

use self::children::ChildEdges;
use self::members::TreeMembers;
use self::parents::{DelegatedScope, ParentEdge};
use self::spawns::SpawnWindow;
use self::taken::TakenScope;

pub(super) use self::chain::chain_edges;
pub(super) use self::coming::ComingScope;
pub(super) use self::cuts::TreeCuts;
pub(super) use self::facts::{DelegationFacts, fill_delegation};
pub(super) use self::notices::{ChainNews, NoticeNews, OwnScope};
pub(super) use self::outgoing::OwnScopes;
pub(super) use self::taken::OwnAuthority;
pub(super) use self::verdict::ActionEvidence;

/// Children of an agent that are known by name, and learn of every change of its scopes. Further
/// ones are counted.
pub const CHILDREN_KNOWN_MAX: usize = 64;
/// Proven parents of an agent. The one that no scope names any more, then the oldest gives way.
pub const PARENTS_MAX: usize = 8;
/// Unproven parents of an agent; a further one is counted.
pub const UNPROVEN_PARENTS_MAX: usize = 4;
/// Scopes of an agent that name a parent and are compared with its scopes.
pub const DELEGATED_SCOPES_MAX: usize = 32;
/// Agents above an agent: deeper trees are cut at the root.
pub const ANCESTORS_MAX: usize = 16;
/// Agents below an agent that are known by name; further ones are counted.
pub const MEMBERS_MAX: usize = 256;
/// Scopes of a parent that its child knows.
pub const SNAPSHOT_SCOPES_MAX: usize = 8;
/// Stored bytes of the scopes of one parent that its child knows; larger terms are left out, and
/// then nothing is compared with them.
pub const SNAPSHOT_BYTES_MAX: usize = 16 * 1024;
/// Versions of an agent's scopes that wait until they take effect; a further one counts at once.
pub const COMING_SCOPES_MAX: usize = 64;
/// How long after the end of a parent's scope an action of the child may have been on its way.
pub const PARENT_END_GRACE_MS: i64 = 5_000;

/// What one agent knows of its delegation tree.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct DelegationState {
    parents: Vec<ParentEdge>,
    /// Unproven parents beyond those that are known.
    parents_further: u32,
    /// The agent's own scopes that name a parent, the one declared last at the end.
    scopes: Vec<DelegatedScope>,
    children: ChildEdges,
    members: TreeMembers,
    spawns: SpawnWindow,
    /// Versions of the agent's scopes that take effect later, the first one at the beginning.
    coming: Vec<ComingScope>,
    /// What requests took away from this agent, as its children know it.
    taken: Vec<TakenScope>,
    #[serde(skip)]
    cuts: TreeCuts,
    /// Links sent: a link that was overtaken by a later one is known by its number.
    sent: u64,
}

impl DelegationState {
    /// The agents above this one, root first, each with how the edge from its own parent is known;
    /// the last is the parent. By the proven parent of `scope_id`, else by the newest proven one.
    #[must_use]
    pub fn ancestors(&self, scope_id: Option<&str>) -> Vec<crate::event::Ancestor> {
        self.parent_of(scope_id)
            .map_or_else(Vec::new, ParentEdge::line)
    }

    /// How the edge from the parent of `scope_id` is known.
    #[must_use]
    pub fn parent_edge(
        &self,
        scope_id: Option<&str>,
    ) -> Option<(&str, crate::event::EdgeEvidence)> {
        let parent = self.parent_of(scope_id)?;
        Some((&parent.agent, parent.evidence))
    }

    /// The proven parent from which the scope was delegated; without a scope the newest one.
    fn parent_of(&self, scope_id: Option<&str>) -> Option<&ParentEdge> {
        let proven = || self.parents.iter().filter(|edge| edge.is_proven());
        match scope_id.and_then(|id| self.delegated_scope(id)) {
            Some(scope) => proven().find(|edge| edge.agent == scope.parent),
            None => proven().next_back(),
        }
    }

    fn delegated_scope(&self, scope_id: &str) -> Option<&DelegatedScope> {
        self.scopes.iter().find(|scope| scope.scope_id == scope_id)
    }

    /// The agents below, as a plan over the tree needs them.
    #[must_use]
    pub fn tree_view(&self) -> crate::response::TreeView {
        self.members.view()
    }
}
