//! Commands of people about what is learned: freeze, unfreeze and reset, of an agent, of selected
//! agents or of a class.
//!
//! What is learned of an agent is in its partition, where its control records are. That of a class
//! is in every partition, and so are selected agents: a command about them goes to all partitions
//! by a link.

use crate::event::{
    AgentSelection, AgentsNotice, ClassNotice, ControlRecord, LearningChange, LearningCommand,
    LearningTarget, LinkBody, TaskClass, Text,
};
use crate::response::{AuditKind, audit_command};

use super::dispatch::Detector;
use super::effects::RecordEffects;
use super::partition_state::PartitionState;
use super::subject::{AgentState, SubjectKey, TenantState};
use super::timed_action::RecordOrigin;

/// Why a command about a class is ignored.
pub(super) const NO_ROOM: &str =
    "the tenant has as many frozen classes as may be: unfreeze one first";

/// Why a command about selected agents is ignored.
const NO_ROOM_FOR_AGENTS: &str = "the tenant has as many commands about agent types as may be; an \
     unfreeze or a reset is kept for 30 days, a freeze until it is unfrozen";

/// A control record, and the change that it commands.
type GivenChange<'a> = (&'a ControlRecord, LearningChange);

impl Detector {
    /// Freezes, unfreezes or resets an agent.
    pub(super) fn change_agent(
        &self,
        partition: &mut PartitionState,
        key: &SubjectKey,
        origin: &RecordOrigin,
        (control, change): GivenChange<'_>,
        effects: &mut RecordEffects,
    ) {
        let Some(state) = partition.agents.get_mut(key) else {
            return;
        };
        let did = self.change_learning(state, key.tenant(), change);
        let outcomes = &mut effects.outcomes;
        audit_command(control, origin.append_ms, kind_of(change), &did, outcomes);
        if let LearningChange::Freeze | LearningChange::Unfreeze = change {
            partition.skip_commands(key);
        }
        partition.mark_changed(key, true);
        partition.set_timer(key);
    }

    /// Changes what is learned of an agent. Returns what was done, for people.
    pub(super) fn change_learning(
        &self,
        state: &mut AgentState,
        tenant: &Text,
        change: LearningChange,
    ) -> String {
        match change {
            LearningChange::Freeze if state.live.frozen => {
                "the agent was frozen already".to_owned()
            }
            LearningChange::Unfreeze if !state.live.frozen => "the agent was not frozen".to_owned(),
            LearningChange::Freeze => {
                self.freeze_metrics(state, tenant);
                state.live.frozen = true;
                "the agent learns nothing until it is unfrozen, and its tasks teach nobody".into()
            }
            LearningChange::Unfreeze => {
                state.live.frozen = false;
                // What they did while it was frozen must not be learned when they end.
                state.live.tasks.bar_open();
                "the agent learns again; its open tasks teach nothing".to_owned()
            }
            LearningChange::Reset { since_ms } => forget_agent(state, since_ms),
        }
    }

    /// Lets the metrics learn what waits, and nothing after it.
    pub(super) fn freeze_metrics(&self, state: &mut AgentState, tenant: &Text) {
        let offset = self.local_offset(tenant);
        let halves = state.live.metrics.iter_mut();
        for (live, (name, learned)) in halves.zip(&mut state.learned.metrics) {
            if let Some((_, settings)) = self.metric_stored(name) {
                live.freeze(learned, settings, &offset);
            }
        }
    }
}

/// Forgets what was learned of an agent. Its scopes, incidents and requests stay.
fn forget_agent(state: &mut AgentState, since_ms: Option<i64>) -> String {
    let metrics = state.learned.metrics.len();
    state.learned.metrics.clear();
    state.live.metrics.clear();
    state.metric_slots.clear();
    state.live.silence_due_ms = None;
    state.live.tasks.bar_open();
    let habits = state.learned.habits.take();
    let habits = habits.and_then(|habits| habits.before(since_ms));
    let kept = habits.is_some();
    state.learned.habits = habits.map(Box::new);
    let of_tasks = match (since_ms, kept) {
        (Some(_), true) => "what its tasks first used since then is forgotten",
        _ => "what its tasks used is forgotten",
    };
    format!("{of_tasks}; {metrics} volume baselines start anew; its open tasks teach nothing")
}

fn kind_of(change: LearningChange) -> AuditKind {
    match change {
        LearningChange::Freeze => AuditKind::LearningFrozen,
        LearningChange::Unfreeze => AuditKind::LearningUnfrozen,
        LearningChange::Reset { .. } => AuditKind::LearningReset,
    }
}

/// Begins a command that is addressed to a tenant, where its record is read: once. `None` if it was
/// carried out before, or if the tenant must be loaded first.
pub(super) fn begin_tenant_command<'p>(
    partition: &'p mut PartitionState,
    origin: &RecordOrigin,
    tenant: &Text,
    effects: &mut RecordEffects,
) -> Option<&'p TenantState> {
    let Some(known) = partition.tenants.get_mut(tenant) else {
        effects.absent = true;
        return None;
    };
    let applied = &mut known.live.tasks_applied;
    if !applied.apply_once(origin.input, &origin.position) {
        effects.counts.reapplied += 1;
        return None;
    }
    effects.counts.controls += 1;
    partition.mark_changed(&SubjectKey::Tenant(tenant.clone()), false);
    partition.tenants.get(tenant)
}

/// Lets every partition carry out a command about a class or about selected agents, this one too.
pub(super) fn order_change(
    partition: &mut PartitionState,
    origin: &RecordOrigin,
    (control, command): (&ControlRecord, &LearningCommand),
    effects: &mut RecordEffects,
) {
    let Some(tenant) = begin_tenant_command(partition, origin, &control.tenant, effects) else {
        return;
    };
    let change = command.change;
    let at_ms = origin.command_ms(control);
    let order = (origin.position.offset, origin.position.index);
    let (did, body) = match &command.target {
        LearningTarget::Agent => return,
        LearningTarget::Class(class) => {
            if !tenant.live.class_commands.has_room_for(class) {
                effects.counts.class_commands_full += 1;
                return ignore_command(control, origin, NO_ROOM, effects);
            }
            let notice = ClassNotice {
                tenant: control.tenant.clone(),
                class: class.clone(),
                at_ms,
                order,
                change,
            };
            let did = done_to_class(class, change);
            (did, LinkBody::ClassChanged(Box::new(notice)))
        }
        LearningTarget::Agents(selection) => {
            let notice = AgentsNotice {
                tenant: control.tenant.clone(),
                selection: selection.clone(),
                at_ms,
                order,
                change,
            };
            if !tenant.live.agent_commands.has_room_for(&notice) {
                effects.counts.agent_commands_full += 1;
                return ignore_command(control, origin, NO_ROOM_FOR_AGENTS, effects);
            }
            let did = done_to_agents(selection, change);
            (did, LinkBody::AgentsChanged(Box::new(notice)))
        }
    };
    let outcomes = &mut effects.outcomes;
    audit_command(control, origin.append_ms, kind_of(change), &did, outcomes);
    effects.inform_all_partitions(body);
}

fn ignore_command(
    control: &ControlRecord,
    origin: &RecordOrigin,
    why: &str,
    effects: &mut RecordEffects,
) {
    let (what, outcomes) = (AuditKind::ControlIgnored, &mut effects.outcomes);
    audit_command(control, origin.append_ms, what, why, outcomes);
}

fn done_to_class(class: &TaskClass, change: LearningChange) -> String {
    let what = match change {
        LearningChange::Freeze => "learns nothing until it is unfrozen, in every partition",
        LearningChange::Unfreeze => "learns again, in every partition",
        LearningChange::Reset { since_ms: None } => "is forgotten in every partition",
        LearningChange::Reset { .. } => "forgets in every partition what was first used since then",
    };
    format!("{} {what}", name_class(class))
}

fn done_to_agents(selection: &AgentSelection, change: LearningChange) -> String {
    let what = match change {
        LearningChange::Freeze => {
            "learns nothing until they are unfrozen, and neither does a new one; their tasks teach \
             nobody"
        }
        LearningChange::Unfreeze => "learns again; their open tasks teach nothing",
        LearningChange::Reset { since_ms: None } => {
            "forgets what its tasks used; their volume baselines start anew, and their open tasks \
             teach nothing"
        }
        LearningChange::Reset { .. } => {
            "forgets what its tasks first used since then; their volume baselines start anew, and \
             their open tasks teach nothing"
        }
    };
    format!("every agent of the type {} {what}", selection.agent_type)
}

fn name_class(class: &TaskClass) -> String {
    match (class.agent_type.as_str(), &class.task_class) {
        (agent_type, None) => format!("every class of the agent type {agent_type}"),
        ("", Some(class)) => format!("the task class {class} of agents without a type"),
        (agent_type, Some(class)) => format!("the task class {class} of {agent_type}"),
    }
}
