//! The agents around one agent as its tree is shown: who is above it, who is below it, and what its
//! scopes were delegated from.

use super::DelegationState;
use super::parents::{DelegatedScope, ParentEdge};
use crate::event::{AgentScope, Ancestor, EdgeEvidence, NoticedScope, Text};
use crate::scope::{WiderDimensions, compare_scopes};

/// Who is above an agent.
#[derive(Debug, Clone, PartialEq, Default)]
pub(in crate::detector) struct AgentsAbove {
    /// Root first; the last is the parent.
    pub line: Vec<Ancestor>,
    /// How the edge from the parent to the agent is known.
    pub edge: EdgeEvidence,
    /// The agent is above itself. The line begins below it then.
    pub cyclic: bool,
}

/// What one scope of an agent was delegated from.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::detector) struct ScopeOrigin {
    pub parent: Text,
    pub parent_scope: Option<Text>,
    /// What it permits beyond the scopes of its parent.
    pub wider: WiderDimensions,
    /// What the scopes of its parent permit beyond it.
    pub narrower: WiderDimensions,
}

impl DelegationState {
    /// The agents above, by the newest proven parent; else the one whose spawn of the agent was the
    /// first that was known of it.
    pub(in crate::detector) fn agents_above(&self, agent: &str) -> AgentsAbove {
        let Some(parent) = self.parent_of(None).or_else(|| self.spawned_by()) else {
            return AgentsAbove::default();
        };
        let mut line = parent.line();
        let itself = line.iter().rposition(|ancestor| ancestor.agent == agent);
        if let Some(index) = itself {
            line.drain(..=index);
        }
        AgentsAbove {
            line,
            edge: parent.evidence,
            cyclic: itself.is_some(),
        }
    }

    /// The parents and children to which proven edges lead, without children whose scopes have
    /// expired.
    pub(in crate::detector) fn proven_neighbours(&self, at_ms: i64) -> impl Iterator<Item = &Text> {
        let parents = self.parents.iter().filter(|edge| edge.is_proven());
        let children = self.children.known().iter();
        let children =
            children.filter(move |edge| edge.evidence.is_proven() && !edge.is_over(at_ms));
        let parents = parents.map(|edge| &edge.agent);
        parents.chain(children.map(|edge| &edge.agent))
    }

    /// How the agent knows the edge from this parent.
    pub(in crate::detector) fn edge_from(&self, parent: &str) -> Option<EdgeEvidence> {
        let edge = self.parents.iter().find(|edge| edge.agent == parent)?;
        Some(edge.evidence)
    }

    /// The parents besides the one of [`Self::agents_above`], each with how its edge is known.
    pub(in crate::detector) fn other_parents(&self) -> impl Iterator<Item = (&Text, EdgeEvidence)> {
        let shown = self.parent_of(None).or_else(|| self.spawned_by());
        let shown = shown.map(|edge| &edge.agent);
        let others = self.parents.iter();
        let others = others.filter(move |edge| shown != Some(&edge.agent));
        others.map(|edge| (&edge.agent, edge.evidence))
    }

    /// The children that no proven edge leads to: the agent has spawned them, and they have not
    /// named it.
    pub(in crate::detector) fn unproven_children(
        &self,
    ) -> impl Iterator<Item = (&Text, EdgeEvidence)> {
        let known = self.children.known().iter();
        let unproven = known.filter(|edge| !edge.evidence.is_proven());
        unproven.map(|edge| (&edge.agent, edge.evidence))
    }

    /// What the parent of [`Self::agents_above`] has let this agent know of its scopes.
    pub(in crate::detector) fn scopes_of_parent(&self) -> &[NoticedScope] {
        let parent = self.parent_of(None);
        let notice = parent.and_then(|edge| edge.notice.as_ref());
        notice.map_or(&[], |notice| &notice.scopes)
    }

    /// What a scope of the agent was delegated from; `None` if it names no parent.
    pub(in crate::detector) fn scope_origin(&self, scope: &AgentScope) -> Option<ScopeOrigin> {
        let known = self.delegated_scope(&scope.scope_id)?;
        let edge = self.parents.iter().find(|edge| edge.agent == known.parent);
        Some(ScopeOrigin {
            parent: known.parent.clone(),
            parent_scope: known.parent_scope.clone(),
            wider: known.widened,
            narrower: edge.map_or_else(WiderDimensions::default, |edge| {
                narrowed_dimensions(edge, known, scope)
            }),
        })
    }
}

/// What the scopes of the parent permit beyond `scope`, as far as their terms are known.
fn narrowed_dimensions(
    edge: &ParentEdge,
    known: &DelegatedScope,
    scope: &AgentScope,
) -> WiderDimensions {
    let noticed = edge.notice.iter().flat_map(|notice| &notice.scopes);
    let wanted = known.parent_scope.as_ref();
    let compared =
        noticed.filter(|one| one.terms_known && wanted.is_none_or(|id| one.scope.scope_id == *id));
    let mut all = WiderDimensions::default();
    for parent in compared {
        let one = compare_scopes(&[scope], &parent.scope);
        all.violations = all.violations.union(one.violations);
        all.expiry |= one.expiry;
    }
    all
}
