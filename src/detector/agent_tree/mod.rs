//! The delegation tree of one agent as people read it: the agents from the root to it, those below
//! it, how each edge is known, and the scopes of each, so that they can be seen to narrow from
//! parent to child.
//!
//! It is built from stored values: those of the agent say who is around it, and those of the others
//! say what each may do. Values that are in another partition may be out of reach; the scopes of
//! the parent are known from its links then.
//!
//! Read first: `tests.rs`.

mod members_below;
mod shown_scopes;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::delegation::{ANCESTORS_MAX, DelegationState};
use super::subject::{AgentLearned, StateError, StoredSubject, SubjectKey, decode_value};
use crate::event::{AgentKey, EdgeEvidence, EdgeSource, Text, words};

use self::members_below::{AgentBelow, list_below};
use self::shown_scopes::{list_noticed, list_scopes};

pub use self::shown_scopes::{LINE_CHARS_MAX, SCOPES_SHOWN_MAX, ShownScope, TERMS_SHOWN_MAX};

/// One agent's delegation tree.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AgentTree {
    pub tenant: Text,
    pub agent_id: Text,
    /// Stream time of the agent's partition, epoch milliseconds.
    pub as_of_ms: i64,
    /// The agents above, root first, then the agent itself, then those below it, each child after
    /// its parent.
    pub agents: Vec<TreeAgent>,
    /// Agents below it that are only counted.
    pub further: u32,
    /// The agent is above itself.
    pub cyclic: bool,
    /// As many agents are above it as are known at most: the first may not be the root.
    pub truncated: bool,
    /// Its parents besides the one that is shown.
    pub other_parents: Vec<ParentName>,
}

/// A parent of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParentName {
    pub agent_id: Text,
    pub evidence: Vec<Text>,
}

/// One agent of a tree.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TreeAgent {
    pub agent_id: Text,
    /// Edges between the first agent of the tree and this one.
    pub depth: u32,
    pub relation: TreeRelation,
    pub parent: Option<Text>,
    /// How the edge from the parent is known.
    pub evidence: Vec<Text>,
    /// Whether neither of the two agents could have invented the edge alone.
    pub proven: bool,
    /// Every scope by which the parent delegated to the agent has ended.
    pub ended: bool,
    /// The credential that it was accepted with last.
    pub credential_id: Option<Text>,
    pub source: ScopeSource,
    /// The partition of the agent, if it is out of reach.
    pub partition: Option<i32>,
    pub scopes: Vec<ShownScope>,
    /// Scopes that are not shown.
    pub scopes_further: u32,
}

words! {
    /// How an agent of a tree is related to the one that was asked for.
    TreeRelation {
        Above = "above",
        Itself = "itself",
        Below = "below",
    }
}

impl Default for TreeRelation {
    /// A tree of one agent.
    fn default() -> Self {
        TreeRelation::Itself
    }
}

words! {
    /// From where the scopes of an agent of a tree are known.
    ScopeSource {
        /// Its own state.
        State = "state",
        /// What it let its child know, because its own state is out of reach.
        Link = "link",
        /// Nothing is known: its state is out of reach.
        OutOfReach = "out_of_reach",
        /// Nothing is known: it has no state.
        Unknown = "unknown",
    }
}

impl Default for ScopeSource {
    /// Nothing is known.
    fn default() -> Self {
        ScopeSource::Unknown
    }
}

/// The stored values of an agent.
#[derive(Debug, Clone)]
pub enum AgentValues {
    Stored(StoredSubject),
    /// They are in a partition that cannot be read here.
    OutOfReach {
        partition: i32,
    },
}

/// Builds the tree of an agent from its stored values; `read_values` reads those of the others.
/// `None` if nothing is stored of the agent.
///
/// # Errors
/// Stored values cannot be read.
pub fn build_agent_tree<E: From<StateError>>(
    key: &AgentKey,
    stored: &StoredSubject,
    as_of_ms: i64,
    read_values: &mut dyn FnMut(&AgentKey) -> Result<AgentValues, E>,
) -> Result<Option<AgentTree>, E> {
    let Some(learned) = decode_learned(key, stored)? else {
        return Ok(None);
    };
    let unknown = DelegationState::default();
    let state = learned.delegation.as_deref().unwrap_or(&unknown);
    let above = state.agents_above(&key.agent);
    let mut tree = AgentTree {
        tenant: key.tenant.clone(),
        agent_id: key.agent.clone(),
        as_of_ms,
        cyclic: above.cyclic,
        truncated: above.line.len() >= ANCESTORS_MAX,
        further: state.tree_view().further,
        other_parents: state.other_parents().map(ParentName::new).collect(),
        agents: Vec::new(),
    };
    for ancestor in &above.line {
        let edge = (tree.next_parent(), ancestor.edge);
        let depth = tree.next_depth();
        let agent = TreeAgent::new(&ancestor.agent, depth, edge, TreeRelation::Above);
        tree.agents.push(agent);
    }
    let edge = (tree.next_parent(), above.edge);
    let depth = tree.next_depth();
    let itself = TreeAgent::new(&key.agent, depth, edge, TreeRelation::Itself);
    tree.agents.push(itself);
    for below in list_below(&key.agent, state) {
        tree.agents.push(TreeAgent::of_below(below, depth));
    }
    for agent in &mut tree.agents {
        if agent.relation == TreeRelation::Itself {
            agent.set_learned(&learned, as_of_ms);
            continue;
        }
        let other = AgentKey {
            tenant: key.tenant.clone(),
            agent: agent.agent_id.clone(),
        };
        match read_values(&other)? {
            AgentValues::Stored(stored) => {
                if let Some(learned) = decode_learned(&other, &stored)? {
                    agent.set_learned(&learned, as_of_ms);
                }
            }
            AgentValues::OutOfReach { partition } => {
                agent.partition = Some(partition);
                agent.source = ScopeSource::OutOfReach;
            }
        }
    }
    tree.fill_parent(state, as_of_ms);
    Ok(Some(tree))
}

/// The learned half of an agent's state; `None` if nothing is stored of the agent.
fn decode_learned(
    key: &AgentKey,
    stored: &StoredSubject,
) -> Result<Option<AgentLearned>, StateError> {
    match &stored.learned {
        Some(bytes) => decode_value(&SubjectKey::Agent(key.clone()), bytes).map(Some),
        // It has acted, and no scope or habit of it is known.
        None => Ok(stored.live.as_ref().map(|_| AgentLearned::default())),
    }
}

impl AgentTree {
    /// The parent of the agent that is added next to the line.
    fn next_parent(&self) -> Option<Text> {
        self.agents.last().map(|agent| agent.agent_id.clone())
    }

    fn next_depth(&self) -> u32 {
        u32::try_from(self.agents.len()).unwrap_or(u32::MAX)
    }

    /// Fills in the scopes of the parent from its links, if its own state is out of reach.
    fn fill_parent(&mut self, state: &DelegationState, as_of_ms: i64) {
        let above = self.agents.iter_mut();
        let mut above = above.filter(|agent| agent.relation == TreeRelation::Above);
        let Some(parent) = above.next_back() else {
            return;
        };
        let noticed = state.scopes_of_parent();
        if parent.source == ScopeSource::OutOfReach && !noticed.is_empty() {
            parent.source = ScopeSource::Link;
            parent.scopes = list_noticed(noticed, as_of_ms);
        }
    }
}

impl TreeAgent {
    fn new(
        agent: &Text,
        depth: u32,
        (parent, edge): (Option<Text>, EdgeEvidence),
        relation: TreeRelation,
    ) -> Self {
        TreeAgent {
            agent_id: agent.clone(),
            depth,
            relation,
            // The first agent has no edge above it.
            proven: parent.is_some() && edge.is_proven(),
            evidence: evidence_words(match parent {
                Some(_) => edge,
                None => EdgeEvidence::default(),
            }),
            parent,
            ..TreeAgent::default()
        }
    }

    fn of_below(below: AgentBelow, depth: u32) -> Self {
        let edge = (below.parent, below.edge);
        let depth = depth.saturating_add(below.depth);
        TreeAgent {
            ended: below.ended,
            credential_id: below.credential,
            ..TreeAgent::new(&below.agent, depth, edge, TreeRelation::Below)
        }
    }

    fn set_learned(&mut self, learned: &AgentLearned, as_of_ms: i64) {
        self.source = ScopeSource::State;
        let state = learned.delegation.as_deref();
        let parent = self.parent.as_deref();
        // What the agent itself knows of the edge may not have gone up or down the tree.
        let own = parent.and_then(|parent| state?.edge_from(parent));
        if let Some(own) = own {
            let sources = self
                .evidence
                .iter()
                .filter_map(|word| EdgeSource::from_word(word));
            let edge = sources.fold(own, EdgeEvidence::with);
            (self.evidence, self.proven) = (evidence_words(edge), edge.is_proven());
        }
        (self.scopes, self.scopes_further) = list_scopes(&learned.book, state, as_of_ms);
        let parent = self.parent.as_ref();
        let mut delegated = self.scopes.iter();
        let delegated = delegated
            .by_ref()
            .filter(|scope| parent.is_some() && scope.parent_agent_id.as_ref() == parent);
        let mut over = delegated.map(ShownScope::is_over).peekable();
        // Without a scope of the parent the edge does not end with one.
        if over.peek().is_some() && self.scopes_further == 0 {
            self.ended |= over.all(|over| over);
        }
    }
}

impl ParentName {
    fn new((agent, edge): (&Text, EdgeEvidence)) -> Self {
        ParentName {
            agent_id: agent.clone(),
            evidence: evidence_words(edge),
        }
    }
}

fn evidence_words(edge: EdgeEvidence) -> Vec<Text> {
    edge.words().map(Into::into).collect()
}
