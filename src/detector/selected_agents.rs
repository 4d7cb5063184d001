//! Commands about a selection of agents. Every partition keeps them with the tenant, and each agent
//! carries them out before it learns anything more: before its next action is compared and counted,
//! and before a timer ends one of its tasks.
//!
//! An agent counts by the type that it had when the command came, which is that of its last action
//! before. A new agent counts by that of its first action, and has nothing to forget.

use crate::event::{AgentAction, AgentsNotice, LearningChange};

use super::action::Pass;
use super::action_task::class_of;
use super::behaviour::{BehaviourMoment, BehaviourRoom};
use super::dispatch::Detector;
use super::effects::RecordEffects;
use super::links::LinkArrival;
use super::partition_state::PartitionState;
use super::subject::{AgentState, SubjectKey, TenantState};

/// Whether an agent has acted before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Met {
    Before,
    First,
}

impl Detector {
    /// Lets an agent carry out what was commanded since it was met last.
    pub(super) fn catch_up_commands(&self, partition: &mut PartitionState, key: &SubjectKey) {
        if let Some(tenant) = partition.tenants.get(key.tenant())
            && let Some(state) = partition.agents.get_mut(key)
            && self.carry_out_pending(state, tenant, key, Met::Before)
        {
            partition.mark_changed(key, true);
        }
    }

    /// Notes the type of an agent by its action, after it has carried out what was commanded about
    /// the type that it had before. While the action waits for its scope the type is not known.
    pub(super) fn note_agent_type(
        &self,
        state: &mut AgentState,
        action: &AgentAction,
        moment: &BehaviourMoment<'_>,
        room: &mut BehaviourRoom<'_>,
    ) {
        let key = moment.key;
        let (SubjectKey::Agent(_), Some(tenant)) = (key, room.tenants.get(key.tenant())) else {
            return;
        };
        let mut changed = self.carry_out_pending(state, tenant, key, Met::Before);
        if moment.pass != Pass::BeforeScope {
            let agent_type = class_of(action, moment.judgement).agent_type;
            if state.live.agent_type.as_deref() != Some(agent_type) {
                let before = state.live.agent_type.replace(agent_type.into());
                if before.is_none() {
                    changed |= self.carry_out_pending(state, tenant, key, Met::First);
                }
            }
        }
        if changed {
            room.changes.mark_changed(key, &mut state.marks, true);
        }
    }

    /// Carries out what was commanded about agents of this type since. Returns whether there was
    /// something. For an agent that has not acted yet there is nothing.
    fn carry_out_pending(
        &self,
        state: &mut AgentState,
        tenant: &TenantState,
        key: &SubjectKey,
        met: Met,
    ) -> bool {
        let commands = &tenant.live.agent_commands;
        if state.live.commands_done == commands.last() {
            return false;
        }
        let Some(agent_type) = state.live.agent_type.clone() else {
            return false;
        };
        let done = std::mem::replace(&mut state.live.commands_done, commands.last());
        let mut changed = false;
        for change in commands.changes_after(done, &agent_type) {
            // What a new agent knows, a person has told it.
            if met == Met::Before || !matches!(change, LearningChange::Reset { .. }) {
                self.change_learning(state, key.tenant(), change);
                changed = true;
            }
        }
        changed
    }
}

impl PartitionState {
    /// Keeps a command about selected agents in this partition.
    pub(super) fn change_agents(
        &mut self,
        arrival: LinkArrival<'_>,
        notice: &AgentsNotice,
        effects: &mut RecordEffects,
    ) {
        let Some(tenant) = self.tenant_of_link(&notice.tenant, arrival, effects) else {
            return;
        };
        tenant.live.agent_commands.note_command(notice);
        self.mark_changed(&SubjectKey::Tenant(notice.tenant.clone()), false);
    }

    /// Whether an agent is frozen is said of itself now: what was commanded before about agents
    /// like it counts no longer.
    pub(super) fn skip_commands(&mut self, key: &SubjectKey) {
        let tenant = self.tenants.get(key.tenant());
        if let (Some(tenant), Some(state)) = (tenant, self.agents.get_mut(key)) {
            state.live.commands_done = tenant.live.agent_commands.last();
        }
    }
}

#[cfg(test)]
mod tests;
