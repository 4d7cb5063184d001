//! What a scope record means for the delegation tree and for the rules that evaluate such records:
//! at once where the scope is in force, else when it takes effect.

use crate::event::{AgentScope, EventKind, LinkCause};

use super::agent_event::{AgentEvent, EventContent, record_cause};
use super::delegation::{ComingScope, DelegationFacts, DelegationState};
use super::dispatch::Detector;
use super::effects::RecordEffects;
use super::partition_state::PartitionState;
use super::scope_records::event_kind;
use super::subject::SubjectKey;
use super::timed_action::RecordOrigin;
use super::tree_actions::note_tree_scope;

impl Detector {
    /// Takes over a scope record that changed something. A record that takes effect later waits for
    /// that time: of a recording every record comes early, and an end of tomorrow must not make
    /// orphans of today's children. It waits also where the agent has no tree yet: it may have one
    /// by then.
    pub(super) fn take_over_scope(
        &self,
        partition: &mut PartitionState,
        key: &SubjectKey,
        scope: &AgentScope,
        origin: &RecordOrigin,
        effects: &mut RecordEffects,
    ) {
        let mut cause = record_cause(origin);
        // Of a recording the record has the time that the actions of any partition have reached.
        let reached_ms = partition.stream_ms.max(origin.append_ms);
        let state = partition.agents.get_mut(key);
        let later_ms = scope
            .effective_from_ms
            .filter(|from_ms| *from_ms > reached_ms);
        if let Some(effective_ms) = later_ms
            && let Some(state) = state
        {
            cause.at_ms = effective_ms;
            let coming = ComingScope {
                scope_id: scope.scope_id.clone(),
                cause: cause.clone(),
            };
            let tree = state.learned.delegation.get_or_insert_default();
            if tree.await_scope(coming) {
                return;
            }
            state.count_cuts(&mut effects.counts);
        }
        // A record that is read late has an earlier time than its scope, by which the scope would
        // not be found.
        let from_ms = scope.effective_from_ms.unwrap_or(cause.at_ms);
        cause.at_ms = cause.at_ms.max(from_ms.min(reached_ms));
        self.evaluate_scope(partition, key, (scope, &cause), effects);
    }

    /// Takes over the scopes of an agent that take effect now. The agent must be in memory.
    pub(super) fn take_over_due_scopes(
        &self,
        partition: &mut PartitionState,
        key: &SubjectKey,
        effects: &mut RecordEffects,
    ) {
        let stream_ms = partition.stream_ms;
        let state = partition.agents.get_mut(key);
        let tree = state.and_then(|state| state.learned.delegation.as_deref_mut());
        let due = tree.map_or_else(Vec::new, |tree| tree.take_coming(stream_ms));
        for ComingScope { scope_id, cause } in due {
            partition.mark_changed(key, true);
            let state = partition.agents.get(key);
            let version =
                state.and_then(|state| state.learned.book.latest_of(&scope_id, cause.at_ms));
            // It may have been evicted meanwhile, for want of room.
            if let Some(scope) = version.map(|version| version.scope.clone()) {
                self.evaluate_scope(partition, key, (&scope, &cause), effects);
            }
        }
        // Most agents have no tree: what waited was all that there was.
        if let Some(state) = partition.agents.get_mut(key)
            && let Some(tree) = state.learned.delegation.as_deref()
            && *tree == DelegationState::default()
        {
            state.learned.delegation = None;
        }
    }

    fn evaluate_scope(
        &self,
        partition: &mut PartitionState,
        key: &SubjectKey,
        (scope, cause): (&AgentScope, &LinkCause),
        effects: &mut RecordEffects,
    ) {
        note_tree_scope(partition, key, scope, cause, effects);
        let content = match event_kind(scope) {
            EventKind::Lifecycle => EventContent::Lifecycle(scope),
            _ => EventContent::Grant(scope),
        };
        let state = partition.agents.get(key);
        let tree = state.and_then(|state| state.learned.delegation.as_deref());
        let tree = tree.map(|tree| DelegationFacts::of_grant(tree, &scope.scope_id));
        let event = AgentEvent {
            content,
            cause,
            tree: tree.as_ref(),
            alarms: &[],
        };
        self.evaluate_event(partition, key, &event, effects);
    }
}
