//! On whose authority an action happens. The verdicts are kept apart; where several are true, the
//! first of this order is given:
//!
//! 1. what records of the identity system prove: the end or revocation of what the parent was
//!    allowed. An agent must not hide it behind a chain that it breaks itself;
//! 2. what is wrong with the chain: cyclic, malformed, truncated;
//! 3. a named scope of the declared parent that nobody knows, after the wait for it;
//! 4. delegated, by a scope or a chain; else ambient; else direct.

use super::DelegationState;
use super::parents::EndsCount::AfterGrace;
use super::parents::{ParentEdge, ParentEnd, ParentStatus};
use crate::event::{
    ActionField, AgentAction, DeclaredStatus, DelegationState as ReportedState, DelegationVerdict,
    ParentScope, Text,
};

/// What is known of one action besides the agent's state.
#[derive(Debug, Clone, Copy)]
pub(in crate::detector) struct ActionEvidence<'a> {
    pub action: &'a AgentAction,
    pub at_ms: i64,
    /// The declared scope that judges the action; `None` for a template or none.
    pub scope_id: Option<&'a str>,
    /// The parent that this scope names.
    pub scope_parent: Option<&'a ParentScope>,
    /// How long a late scope is awaited, milliseconds.
    pub wait_ms: i64,
}

impl<'a> ActionEvidence<'a> {
    /// Whether neither record nor scope says anything of a delegation.
    pub fn is_silent(&self) -> bool {
        let action = self.action;
        action.delegation_chain.is_empty()
            && action.delegation_state.is_none()
            && self.scope_parent.is_none()
            && !action.is_malformed(ActionField::DELEGATION_CHAIN)
            && !action.is_malformed(ActionField::DELEGATION_STATE)
    }

    /// The agents above the acting one by the chain of the action, root first. The principal, for
    /// whom the root acts, is no agent.
    pub fn above(&self) -> &'a [Text] {
        let action = self.action;
        let mut above = &action.delegation_chain[..];
        if let Some((last, rest)) = above.split_last()
            && *last == action.agent_id
        {
            above = rest;
        }
        if let Some((first, rest)) = above.split_first()
            && action.principal_id.as_ref() == Some(first)
        {
            above = rest;
        }
        above
    }

    /// An agent is twice in the chain.
    fn chain_is_cyclic(&self) -> bool {
        let chain = &self.action.delegation_chain;
        let repeated = |(n, id): (usize, &Text)| chain.iter().skip(n + 1).any(|other| other == id);
        let itself = |id: &Text| *id == self.action.agent_id;
        chain.iter().enumerate().any(repeated)
            || !self.action.chain_is_reversed() && self.above().iter().any(itself)
    }

    /// The chain cannot be read, is the wrong way round, or leaves out the declared parent.
    fn chain_is_broken(&self) -> bool {
        let action = self.action;
        let above = self.above();
        let contradicts = |parent: &ParentScope| {
            !above.is_empty() && above.iter().all(|id| *id != parent.agent_id)
        };
        action.is_malformed(ActionField::DELEGATION_CHAIN)
            || action.delegation_state == Some(ReportedState::Malformed)
            || action.chain_is_reversed()
            || self.scope_parent.is_some_and(contradicts)
    }
}

/// The verdict on what is delegated by a parent whose authority is over.
pub(super) fn verdict_of_end(end: &ParentEnd) -> DelegationVerdict {
    match end.status {
        DeclaredStatus::Revoked => DelegationVerdict::ParentRevoked,
        _ => DelegationVerdict::Orphaned,
    }
}

/// The verdict on one action; `None` where nothing is said of its authority.
pub(super) fn decide_verdict(
    state: &DelegationState,
    evidence: &ActionEvidence<'_>,
) -> Option<DelegationVerdict> {
    use DelegationVerdict::{Ambient, Cyclic, Delegated, Direct, Malformed, Orphaned, Truncated};
    let reported = evidence.action.delegation_state;
    let status = state.status_of(evidence);
    if let Some(ParentStatus::Over(end)) = status {
        return Some(verdict_of_end(&end));
    }
    if evidence.chain_is_cyclic() || state.is_own_ancestor(evidence) {
        return Some(Cyclic);
    }
    if evidence.chain_is_broken() {
        return Some(Malformed);
    }
    if reported == Some(ReportedState::Truncated) {
        return Some(Truncated);
    }
    let above = evidence.above();
    if evidence.scope_parent.is_some() {
        return Some(match status {
            Some(ParentStatus::Unknown) => Orphaned,
            _ => Delegated,
        });
    }
    if !above.is_empty() || reported == Some(ReportedState::Delegated) {
        return Some(Delegated);
    }
    if reported == Some(ReportedState::Unattributed) || state.spawned_by().is_some() {
        return Some(Ambient);
    }
    let alone = !evidence.action.delegation_chain.is_empty();
    (alone || reported == Some(ReportedState::Direct)).then_some(Direct)
}

impl DelegationState {
    /// The status of what the parent was allowed from whom the action's authority comes. `None`
    /// where there is no such parent, where its scope may still be on its way, or where the
    /// agent's scope names none of the parent's: nothing says that there is one. A scope is on its
    /// way while the wait for it lasts, and until the parent's partition has come so far:
    /// partitions that catch up differ by more than any wait.
    pub(super) fn status_of(&self, evidence: &ActionEvidence<'_>) -> Option<ParentStatus> {
        let at_ms = evidence.at_ms;
        let Some(scope) = evidence.scope_id.and_then(|id| self.delegated_scope(id)) else {
            // Not declared: only an edge that both agents show counts.
            let parent = evidence.above().last()?;
            let edge = self.parents.iter().find(|edge| edge.agent == *parent)?;
            let status = edge
                .is_proven()
                .then(|| edge.status_at(None, at_ms, AfterGrace));
            return status.filter(|status| *status != ParentStatus::Unknown);
        };
        let edge = self.parents.iter().find(|edge| edge.agent == scope.parent);
        let status = edge.map_or(ParentStatus::Unknown, |edge| {
            edge.status_at(scope.parent_scope.as_deref(), at_ms, AfterGrace)
        });
        let conclusive_ms = scope.conclusive_ms(evidence.wait_ms);
        let misses = |(edge, id): (&ParentEdge, &Text)| edge.misses(id, conclusive_ms);
        let missing =
            conclusive_ms <= at_ms && edge.zip(scope.parent_scope.as_ref()).is_some_and(misses);
        Some(status).filter(|status| *status != ParentStatus::Unknown || missing)
    }

    /// The declared parents lead back to the agent itself.
    fn is_own_ancestor(&self, evidence: &ActionEvidence<'_>) -> bool {
        let agent = &evidence.action.agent_id;
        let Some(scope_id) = evidence
            .scope_id
            .filter(|_| evidence.scope_parent.is_some())
        else {
            return false;
        };
        let itself = evidence
            .scope_parent
            .is_some_and(|parent| parent.agent_id == *agent);
        let line = || self.ancestors(Some(scope_id));
        itself || line().iter().any(|ancestor| ancestor.agent == *agent)
    }

    /// Who spawned the agent, where nothing was known of it before.
    pub(super) fn spawned_by(&self) -> Option<&ParentEdge> {
        self.parents.iter().find(|edge| edge.spawned_first)
    }
}
