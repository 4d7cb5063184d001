//! What an agent's own records say of its delegation tree, and the facts of one action.

use crate::event::{AgentKey, AgentScope, DeclaredStatus, LinkCause, Text, Verb};
use crate::response::{ChainEdge, is_accepted};
use crate::scope::{Judgement, ScopeBasis};

use super::delegation::{ActionEvidence, ChainNews, DelegationFacts, OwnScope, chain_edges};
use super::dispatch::Detector;
use super::effects::RecordEffects;
use super::partition_state::PartitionState;
use super::subject::{AgentState, SubjectKey};
use super::timed_action::TimedAction;
use super::tree_links::{ActionNews, TreeSender};

impl Detector {
    /// The delegation facts of an action; `None` where there is nothing to say.
    pub(super) fn delegation_facts(
        &self,
        state: &AgentState,
        timed: &TimedAction<'_>,
        judgement: &Judgement,
    ) -> Option<DelegationFacts> {
        let evidence = self.action_evidence(timed, judgement);
        DelegationFacts::of_action(state.learned.delegation.as_deref(), &evidence)
    }

    /// The chain of an action, root first, with how each edge of it is known.
    pub(super) fn chain_of(
        &self,
        state: Option<&AgentState>,
        timed: &TimedAction<'_>,
        judgement: &Judgement,
    ) -> (Vec<Text>, Vec<ChainEdge>) {
        let tree = state.and_then(|state| state.learned.delegation.as_deref());
        chain_edges(tree, &self.action_evidence(timed, judgement))
    }

    fn action_evidence<'a>(
        &self,
        timed: &TimedAction<'a>,
        judgement: &'a Judgement,
    ) -> ActionEvidence<'a> {
        let scope = judgement.scope.as_deref();
        let scope = scope.filter(|_| judgement.basis != Some(ScopeBasis::Template));
        ActionEvidence {
            action: timed.action,
            at_ms: timed.at_ms,
            scope_id: scope.map(|scope| scope.scope_id.as_str()),
            scope_parent: scope.and_then(|scope| scope.parent.as_ref()),
            wait_ms: self.settings.defer_ms,
        }
    }
}

/// What the tree has to know of the moment of an action.
#[derive(Debug, Clone, Copy)]
pub(super) struct TreeMoment {
    /// The agent was accepted with a credential for the first time.
    pub new_credential: bool,
    /// Epoch milliseconds.
    pub stream_ms: i64,
    /// How long a late scope is awaited, milliseconds.
    pub wait_ms: i64,
}

/// Notes what an accepted action says of the tree, and lets others know. Returns whether the
/// learned state changed. An action that spawns nothing and has no chain says nothing.
pub(super) fn note_tree_action(
    state: &mut AgentState,
    agent: &AgentKey,
    timed: &TimedAction<'_>,
    moment: TreeMoment,
    effects: &mut RecordEffects,
) -> bool {
    let action = timed.action;
    let spawns = action.action_verb == Verb::Spawn;
    let in_tree = state.learned.delegation.is_some();
    if !(spawns || in_tree) || !is_accepted(action) {
        return false;
    }
    let mut news = ActionNews {
        new_credential: moment.new_credential,
        ..ActionNews::default()
    };
    let tree = state.learned.delegation.as_deref_mut();
    let asked = tree.map_or_else(Vec::new, |tree| {
        tree.take_missed_parents(moment.stream_ms, moment.wait_ms)
    });
    news.asked = &asked;
    let named = action.resource_id.as_ref().filter(|id| !id.is_empty());
    // An agent that names itself has no child.
    let spawns = spawns && named.is_none_or(|id| *id != action.agent_id);
    if spawns {
        let tree = state.learned.delegation.get_or_insert_default();
        news.spawned = named.filter(|id| tree.note_spawn(Some(*id), timed.at_ms));
        if named.is_none() {
            tree.note_spawn(None, timed.at_ms);
        }
    }
    let evidence = ActionEvidence {
        action,
        at_ms: timed.at_ms,
        scope_id: None,
        scope_parent: None,
        wait_ms: 0,
    };
    if let (Some(tree), Some(parent)) = (&mut state.learned.delegation, evidence.above().last()) {
        let chain = tree.note_chain(parent);
        news.proven_parent = Some(parent).filter(|_| chain == ChainNews::Proven);
        news.chain_added = chain != ChainNews::Nothing;
    }
    let mut renewed = false;
    // With another credential it may have again what was taken away.
    let renews = state.live.incidents.requests().takes_anything();
    if renews || !news.is_empty() {
        let sender = TreeSender {
            agent,
            cause: Some(&timed.cause(&timed.event_id())),
            stream_ms: moment.stream_ms,
        };
        sender.inform_of_action(state, &news, effects);
        renewed = sender.inform_of_requests(state, effects);
    }
    state.count_cuts(&mut effects.counts);
    spawns || renewed || !news.is_empty() || !action.delegation_chain.is_empty()
}

/// Notes what a scope record of the agent says of the tree, and lets its parents and children know.
pub(super) fn note_tree_scope(
    partition: &mut PartitionState,
    key: &SubjectKey,
    scope: &AgentScope,
    cause: &LinkCause,
    effects: &mut RecordEffects,
) {
    let (SubjectKey::Agent(agent), Some(state)) = (key, partition.agents.get_mut(key)) else {
        return;
    };
    if scope.parent.is_none() && state.learned.delegation.is_none() {
        return;
    }
    let tree = state.learned.delegation.get_or_insert_default();
    let known: Vec<Text> = tree
        .proven_parents()
        .map(|(parent, _)| parent.clone())
        .collect();
    let parents = tree.note_own_scope(&OwnScope {
        scope,
        record_ms: cause.at_ms,
    });
    let sender = TreeSender {
        agent,
        cause: Some(cause),
        stream_ms: partition.stream_ms,
    };
    state.count_cuts(&mut effects.counts);
    for parent in parents {
        let whole = !known.contains(&parent);
        sender.inform_parent(state, &parent, whole, effects);
    }
    // What this agent was given decides what is above its children, whatever they name.
    let delegated = scope.parent.is_some() && scope.status == DeclaredStatus::Active;
    let scope_id = Some(&*scope.scope_id).filter(|_| !delegated);
    sender.inform_children(state, scope_id, effects);
}
