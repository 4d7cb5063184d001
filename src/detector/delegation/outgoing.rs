//! What an agent lets its children know: its scopes, without whom they are for, and what is above.

use postcard::ser_flavors::Size;

use super::children::ChildEdge;
use super::parents::ParentEdge;
use super::{DelegationState, SNAPSHOT_BYTES_MAX, SNAPSHOT_SCOPES_MAX};
use crate::event::{
    AgentScope, DeclaredStatus, EdgeEvidence, EdgeSource, NoticedScope, ParentNotice, Text,
};
use crate::scope::ScopeHistory;

/// The scopes of an agent, as its children have to know them.
#[derive(Debug, Clone, Copy)]
pub(in crate::detector) struct OwnScopes<'a> {
    pub agent: &'a Text,
    pub book: &'a ScopeHistory,
    /// A template covers the agent.
    pub templated: bool,
    /// The time of the record that leads to the notice, epoch milliseconds.
    pub at_ms: i64,
    /// Epoch milliseconds.
    pub stream_ms: i64,
}

impl DelegationState {
    /// The children that have to know of a change of `scope_id`; of any change without one.
    pub(in crate::detector) fn children_of(
        &self,
        scope_id: Option<&str>,
    ) -> impl Iterator<Item = &Text> {
        let named = move |edge: &&ChildEdge| match scope_id {
            Some(id) => edge.scopes.is_empty() || edge.scopes.iter().any(|known| known == id),
            None => true,
        };
        self.children
            .known()
            .iter()
            .filter(named)
            .map(|edge| &edge.agent)
    }

    /// What the child has to know; `None` if it is no child that is known.
    pub(in crate::detector) fn parent_notice(
        &self,
        child: &str,
        own: &OwnScopes<'_>,
    ) -> Option<ParentNotice> {
        let edge = self.children.find(child)?;
        let relevant = edge.scopes.first().map(Text::as_str);
        let above = self.parent_of_own(relevant);
        let mut line = above.map_or_else(Vec::new, ParentEdge::line);
        // A cycle ends where the child would be its own ancestor: the child sees itself there.
        if let Some(index) = line
            .iter()
            .position(|ancestor| ancestor.agent == *own.agent)
        {
            line.drain(..=index);
        }
        // Only a child whose edge is proven learns what its parent may do.
        let scopes = match edge.evidence.is_proven() {
            true => self.noticed_scopes(edge, own),
            false => Vec::new(),
        };
        let taken = self.taken_of(None);
        // One that takes effect later than the record of the child is not missing.
        let known = |id: &Text| own.book.latest_of(id, i64::MAX).is_some();
        let missing = edge.scopes.iter().filter(|id| !known(id)).cloned();
        Some(ParentNotice {
            number: self.sent,
            parent: own.agent.clone(),
            as_of_ms: own.stream_ms,
            spawned: edge.evidence.has(EdgeSource::Spawn),
            templated: own.templated,
            missing: missing.filter(|_| edge.evidence.is_proven()).collect(),
            scopes,
            edge: above.map_or_else(EdgeEvidence::default, |edge| edge.evidence),
            ancestors: line,
            ended_above: match own.book.is_empty() && edge.scopes.is_empty() {
                true => self.end_above_undeclared(),
                false => self.end_above(&edge.scopes),
            },
            taken: taken.filter(|_| edge.evidence.is_proven()),
        })
    }

    fn parent_of_own(&self, scope_id: Option<&str>) -> Option<&ParentEdge> {
        match scope_id {
            // A scope that nobody delegated has nothing above it.
            Some(id) => self
                .delegated_scope(id)
                .and_then(|_| self.parent_of(scope_id)),
            None => self.parent_of(None),
        }
    }

    /// The scopes that the child names, or all in force; where none is in force, those that ended
    /// last.
    fn noticed_scopes(&self, edge: &ChildEdge, own: &OwnScopes<'_>) -> Vec<NoticedScope> {
        let named =
            |scope: &AgentScope| edge.scopes.is_empty() || edge.scopes.contains(&scope.scope_id);
        let latest = own.book.latest_at(own.at_ms);
        let mut found: Vec<_> = latest.filter(|version| named(version.scope)).collect();
        let over = |scope: &AgentScope| {
            let expired = scope
                .expires_at_ms
                .is_some_and(|until_ms| until_ms <= own.at_ms);
            scope.status != DeclaredStatus::Active || expired
        };
        found.sort_by_key(|version| (over(version.scope), std::cmp::Reverse(version.effective_ms)));
        let mut room = SNAPSHOT_BYTES_MAX;
        let found = found.into_iter().take(SNAPSHOT_SCOPES_MAX);
        found
            .map(|version| {
                let mut scope = terms_of(version.scope);
                let bytes: usize =
                    postcard::serialize_with_flavor(&scope, Size::default()).unwrap_or(usize::MAX);
                let fits = bytes <= room;
                if fits {
                    room -= bytes;
                } else {
                    scope = AgentScope {
                        scope_id: scope.scope_id,
                        status: scope.status,
                        expires_at_ms: scope.expires_at_ms,
                        ..AgentScope::default()
                    };
                }
                NoticedScope {
                    scope: Box::new(scope),
                    terms_known: fits && version.terms_known,
                    since_ms: version.effective_ms,
                    taken: self.taken_of(Some(&version.scope.scope_id)),
                }
            })
            .collect()
    }
}

/// What a scope permits and until when, without whom it is for.
fn terms_of(scope: &AgentScope) -> AgentScope {
    AgentScope {
        scope_id: scope.scope_id.clone(),
        expires_at_ms: scope.expires_at_ms,
        status: scope.status,
        grants: scope.grants.clone(),
        tools: scope.tools.clone(),
        destinations: scope.destinations.clone(),
        instruction_sources: scope.instruction_sources.clone(),
        limits: scope.limits.clone(),
        channel: scope.channel,
        delegation: scope.delegation,
        hours: scope.hours.clone(),
        ..AgentScope::default()
    }
}
