//! Scope records: taken among the agent's scopes, after which deferred actions may be judged.

use crate::event::{AgentScope, DeclaredStatus, EventKind, LinkBody, Text, text_fingerprint};
use crate::scope::DeclareOutcome;

use super::behaviour::ScopeEnd;
use super::credential_links::DeclaredCredentials;
use super::dispatch::Detector;
use super::effects::RecordEffects;
use super::partition_state::PartitionState;
use super::subject::{AgentState, SubjectKey};
use super::timed_action::RecordOrigin;

impl Detector {
    /// Takes a scope record among the agent's scopes, and judges the deferred actions that waited
    /// for it.
    pub(super) fn apply_scope(
        &mut self,
        partition: &mut PartitionState,
        origin: &RecordOrigin,
        mut scope: AgentScope,
        effects: &mut RecordEffects,
    ) {
        let agent = scope.agent_key();
        let key = SubjectKey::Agent(agent);
        let Some(state) = effects.apply_record_once(&mut partition.agents, &key, origin) else {
            return;
        };
        // Also where the scope is refused: the state is stored, so a restart would know the agent.
        state.known = true;
        partition.changes.mark_changed(&key, &mut state.marks, true);
        self.adapt_to_bundle(state);
        let record_ms = origin.append_ms;
        state.learned.book.prune(record_ms);
        let known = |scope: u64| {
            let templates = self.bundle.templates.iter();
            let mut templates = templates.map(|template| text_fingerprint(template.name()));
            state.learned.book.names_scope(scope) || templates.any(|name| name == scope)
        };
        state.live.usage.prune(partition.stream_ms, known);
        self.bundle.resources.rename_grants(&mut scope);
        let credentials = scope.credential_ids.clone();
        let named = DeclaredCredentials::of_scope(&scope);
        // A scope counts from the earliest action that waits for it: it was on its way then.
        let deferred = state.deferred.values().map(|deferred| deferred.at_ms);
        let earliest_ms = record_ms.saturating_sub(self.settings.defer_ms);
        let since_ms = deferred.fold(earliest_ms, i64::min);
        // A copy only if something asks for it: the scope becomes part of the agent's scopes.
        let kind = event_kind(&scope);
        let in_tree = scope.parent.is_some() || state.learned.delegation.is_some();
        let comes_early = scope.effective_from_ms > Some(partition.stream_ms);
        let evaluated = in_tree || comes_early || self.evaluates_kind(kind);
        let evaluated = evaluated.then(|| scope.clone());
        let end = ScopeEnd::of_scope(&scope);
        let declared = state.learned.book.declare_since(scope, record_ms, since_ms);
        match declared {
            DeclareOutcome::Added | DeclareOutcome::Replaced => effects.counts.scopes += 1,
            DeclareOutcome::Unchanged => {}
            refused => {
                effects.counts.scopes_refused += 1;
                effects.refused = Some(refused);
                return;
            }
        }
        state.learned.book.compile_with(&mut self.scopes);
        // An expired wait may be over now: the scope that came may be the one that was missing.
        state.live.expired_waits.clear();
        let was_undeclared = std::mem::take(&mut state.live.undeclared);
        named.announce(&mut state.live.shares, origin, effects);
        note_declared(partition, &key, &credentials, was_undeclared, effects);
        if let Some(scope) = evaluated.filter(|_| declared != DeclareOutcome::Unchanged) {
            self.take_over_scope(partition, &key, &scope, origin, effects);
        }
        self.release_deferred(partition, &key, effects);
        if let Some(end) = end {
            self.end_task_of(partition, &key, &end, effects);
        }
        partition.set_timer(&key);
    }

    /// Adapts an agent that was loaded, or judged by another bundle before, to the active one:
    /// applies its resource-type aliases to the scopes, and finds its metrics.
    pub(super) fn adapt_to_bundle(&mut self, state: &mut AgentState) {
        if std::mem::replace(&mut state.bundle_mark, self.bundle_mark) != self.bundle_mark {
            let resources = &self.bundle.resources;
            state
                .learned
                .book
                .apply_aliases(resources, &mut self.scopes);
            self.adapt_metrics(state);
        }
    }
}

/// Whether a scope record ends a scope, or begins or changes one.
pub(super) fn event_kind(scope: &AgentScope) -> EventKind {
    match scope.status {
        DeclaredStatus::Active => EventKind::Grant,
        DeclaredStatus::Completed | DeclaredStatus::Suspended | DeclaredStatus::Revoked => {
            EventKind::Lifecycle
        }
    }
}

/// Notes for its tenant that an agent has a scope. With the first scope of the tenant here, the
/// other partitions have to know that scopes can be awaited.
fn note_declared(
    partition: &mut PartitionState,
    agent: &SubjectKey,
    credentials: &[Text],
    was_undeclared: bool,
    effects: &mut RecordEffects,
) {
    let Some(state) = partition.tenants.get_mut(agent.tenant()) else {
        return;
    };
    state.live.note_holders(agent, credentials);
    if was_undeclared {
        state.live.undeclared = state.live.undeclared.saturating_sub(1);
    }
    if !std::mem::replace(&mut state.live.managed, true) {
        let tenant = agent.tenant().clone();
        effects.inform_all_partitions(LinkBody::TenantManaged { tenant });
    }
    partition.mark_changed(&SubjectKey::Tenant(agent.tenant().clone()), false);
}
