//! The facts of a delegation.

use smallvec::SmallVec;

use super::parents::{ParentEnd, ParentStatus};
use super::verdict::{ActionEvidence, decide_verdict, verdict_of_end};
use super::{DelegationState, NoticeNews};
use crate::detector::facts::{REVOCATION_CONFIRMED, REVOCATION_REQUESTED};
use crate::event::{DeclaredStatus, DelegationVerdict, Text};
use crate::rule::{FactValue, Facts, fact};
use crate::scope::{WiderDimensions, delegation_depth};

/// The values of the `delegation.*` facts, and of `lifecycle.parent_ended`.
#[derive(Debug, Clone, PartialEq, Default)]
pub(in crate::detector) struct DelegationFacts {
    pub verdict: Option<DelegationVerdict>,
    pub parent: Option<Text>,
    /// Identities above the agent, where more are known than the chain of the action names.
    pub depth: Option<u32>,
    pub children: u32,
    pub spawned_1h: u32,
    /// The agents of the tree below, the agent itself included; 0 without a child.
    pub tree_size: u32,
    pub widened: SmallVec<[&'static str; 4]>,
    pub parent_ended: bool,
    /// How far the revocation has come that the verdict rests on.
    pub revocation: Option<&'static str>,
}

impl DelegationFacts {
    /// The facts of an action; `None` where there is nothing to say, as for most agents.
    pub fn of_action(
        state: Option<&DelegationState>,
        evidence: &ActionEvidence<'_>,
    ) -> Option<Self> {
        if state.is_none() && evidence.is_silent() {
            return None;
        }
        let unknown = DelegationState::default();
        let state = state.unwrap_or(&unknown);
        let mut facts = DelegationFacts {
            verdict: decide_verdict(state, evidence),
            spawned_1h: state.spawns.in_hour(evidence.at_ms),
            ..state.shape()
        };
        let declared = evidence.scope_parent.map(|parent| &parent.agent_id);
        let spawned_by = || state.spawned_by().map(|edge| &edge.agent);
        let parent = declared.or_else(|| evidence.above().last());
        facts.parent = parent.or_else(spawned_by).cloned();
        let scope = evidence.scope_id.and_then(|id| state.delegated_scope(id));
        if let (Some(scope), Some(_)) = (scope, evidence.scope_parent) {
            facts.set_widened(scope.widened);
            let line = state.ancestors(evidence.scope_id).len();
            facts.depth = u32::try_from(line).ok();
            let shorter = |depth: &u32| *depth > delegation_depth(evidence.action);
            facts.depth = facts.depth.filter(shorter);
        }
        if let Some(ParentStatus::Over(end)) = state.status_of(evidence) {
            facts.set_ended(&end);
        }
        Some(facts)
    }

    /// The facts of a scope record that begins or changes the scope `scope_id`.
    pub fn of_grant(state: &DelegationState, scope_id: &str) -> Self {
        let mut facts = state.shape();
        if let Some(scope) = state.delegated_scope(scope_id) {
            facts.parent = Some(scope.parent.clone());
            facts.depth = u32::try_from(state.ancestors(Some(scope_id)).len()).ok();
            facts.set_widened(scope.widened);
        }
        facts
    }

    /// The facts of a link: only what it changed, so that nothing is found twice.
    pub fn of_news(state: &DelegationState, news: &NoticeNews) -> Self {
        let mut facts = DelegationFacts {
            parent: news.parent.clone(),
            ..state.shape()
        };
        if let Some(end) = &news.ended {
            facts.verdict = Some(verdict_of_end(end));
            facts.set_ended(end);
        }
        facts.set_widened(news.widened);
        facts
    }

    fn set_ended(&mut self, end: &ParentEnd) {
        self.parent_ended = true;
        if end.status == DeclaredStatus::Revoked {
            self.revocation = Some(match end.requested {
                true => REVOCATION_REQUESTED,
                false => REVOCATION_CONFIRMED,
            });
        }
    }

    fn set_widened(&mut self, widened: WiderDimensions) {
        self.widened = widened.words().collect();
    }
}

impl DelegationState {
    /// What is known of the tree below.
    fn shape(&self) -> DelegationFacts {
        let below = self.members.count();
        DelegationFacts {
            children: self.children.count(),
            tree_size: below
                .checked_add(1)
                .filter(|_| below > 0)
                .unwrap_or_default(),
            ..DelegationFacts::default()
        }
    }
}

/// Sets the facts, if there is something to say.
pub(in crate::detector) fn fill_delegation<'a>(
    facts: &mut Facts<'a>,
    found: Option<&'a DelegationFacts>,
) {
    let Some(found) = found else {
        return;
    };
    let counted = |count: u32| (count > 0).then_some(i64::from(count));
    facts.set(
        fact::DELEGATION_VERDICT,
        found.verdict.map(DelegationVerdict::as_str),
    );
    facts.set(fact::DELEGATION_PARENT, found.parent.as_deref());
    if let Some(depth) = found.depth {
        facts.set(fact::DELEGATION_DEPTH, i64::from(depth));
    }
    facts.set(fact::DELEGATION_CHILDREN, counted(found.children));
    facts.set(fact::DELEGATION_SPAWNED_1H, counted(found.spawned_1h));
    facts.set(fact::DELEGATION_TREE_SIZE, counted(found.tree_size));
    facts.set(fact::DELEGATION_WIDENED, FactValue::List(&found.widened));
    facts.set(fact::DELEGATION_REVOCATION, found.revocation);
    facts.set(fact::LIFECYCLE_PARENT_ENDED, found.parent_ended);
}
