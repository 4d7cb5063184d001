//! What changes judgement: scope records, control records and links.

use crate::event::{AgentScope, ControlRecord, Link, LinkBody};
use crate::response::{ControlArrival, handle_control};
use crate::scope::DeclareOutcome;

use super::effects::{Effects, LinkOut};
use super::machine::Detector;
use super::partition::Partition;
use super::subject::{AgentState, SubjectKey};
use super::timed_action::RecordOrigin;

impl Detector {
    /// Takes a scope record into the agent's book; what waited for it is judged now.
    pub(super) fn declare(
        &mut self,
        partition: &mut Partition,
        origin: &RecordOrigin,
        mut scope: AgentScope,
        effects: &mut Effects,
    ) {
        let agent = scope.agent_key();
        let tenant_key = SubjectKey::Tenant(agent.tenant.clone());
        let key = SubjectKey::Agent(agent);
        let Some(state) = partition.agents.get_mut(&key) else {
            effects.absent = true;
            return;
        };
        if !state.live.apply_once(origin.input, &origin.position) {
            effects.counts.reapplied += 1;
            return;
        }
        // Also where the scope is refused: what is stored is known after a restart.
        state.known = true;
        partition.changes.mark(&key, &mut state.marks, true);
        self.adopt(state);
        let record_ms = origin.append_ms;
        state.learned.book.prune(record_ms);
        state.live.usage.prune(partition.stream_ms);
        self.bundle.resources.rename_grants(&mut scope);
        let waiting = state.held.values().map(|held| held.at_ms);
        let since_ms = waiting
            .chain([record_ms.saturating_sub(self.settings.hold_ms)])
            .min();
        let since_ms = since_ms.unwrap_or(record_ms);
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
        let was_undeclared = std::mem::take(&mut state.live.undeclared);
        state.live.vain.clear();
        if let Some(tenant) = partition.tenants.get_mut(key.tenant()) {
            if was_undeclared {
                tenant.live.undeclared = tenant.live.undeclared.saturating_sub(1);
            }
            if !std::mem::replace(&mut tenant.live.managed, true) {
                let tenant = key.tenant().clone();
                effects.links.push(LinkOut {
                    key: tenant.clone(),
                    link: Link {
                        body: LinkBody::TenantManaged { tenant },
                    },
                });
            }
        }
        partition.mark(&tenant_key, false);
        self.release_holds(partition, &key, effects);
        partition.set_timer(&key);
    }

    /// Makes the book of an agent that was loaded, or judged by another bundle, fit for this one.
    pub(super) fn adopt(&mut self, state: &mut AgentState) {
        if std::mem::replace(&mut state.bundle_mark, self.bundle_mark) != self.bundle_mark {
            let resources = &self.bundle.resources;
            state
                .learned
                .book
                .apply_aliases(resources, &mut self.scopes);
        }
    }

    /// Carries out a command of the control topic.
    pub(super) fn control(
        &mut self,
        partition: &mut Partition,
        origin: &RecordOrigin,
        control: &ControlRecord,
        effects: &mut Effects,
    ) {
        let key = Self::answered(partition, control);
        let bundle = self.bundle_context(partition.partitions);
        let Some(state) = partition.agents.get_mut(&key) else {
            effects.absent = true;
            return;
        };
        if !state.live.apply_once(origin.input, &origin.position) {
            effects.counts.reapplied += 1;
            return;
        }
        state.known = true;
        effects.counts.controls += 1;
        let arrival = ControlArrival {
            append_ms: origin.append_ms,
            stream_ms: partition.stream_ms,
        };
        let incidents = &mut state.live.incidents;
        handle_control(&bundle, incidents, control, arrival, &mut effects.outcomes);
        partition.mark(&key, false);
        partition.set_timer(&key);
    }

    /// The subject a command is for: its agent, or the shared one where only that can have asked.
    fn answered(partition: &Partition, control: &ControlRecord) -> SubjectKey {
        let agent = SubjectKey::Agent(control.agent_key());
        let shared = SubjectKey::Overflow(control.tenant.clone());
        let known = partition.agents.get(&agent).is_none_or(|own| own.known);
        let asked = |shared: &AgentState| !shared.live.incidents.is_empty();
        match known || !partition.agents.get(&shared).is_some_and(|s| asked(s)) {
            true => agent,
            false => shared,
        }
    }

    /// Takes in what another partition told.
    pub(super) fn link(partition: &mut Partition, body: &LinkBody) {
        match body {
            LinkBody::Tick => {}
            LinkBody::TenantManaged { tenant } => {
                let key = SubjectKey::Tenant(tenant.clone());
                if let Some(state) = partition.tenants.get_mut(tenant)
                    && !std::mem::replace(&mut state.live.managed, true)
                {
                    partition.mark(&key, false);
                }
            }
        }
    }
}
