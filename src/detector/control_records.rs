//! Control records: commands of people and results of the identity system.

use crate::behaviour::ActionTraits;
use crate::event::{
    AcceptedUse, AgentAction, BudgetCommand, CommandKind, ControlRecord, LearningTarget, LinkBody,
    LinkCause, TaskNotice, TaskUse, TimeSource,
};
use crate::response::{ControlArrival, handle_control};

use super::agent_event::{AgentEvent, EventContent, record_cause};
use super::behaviour::{short_hash, teach_profiles};
use super::dispatch::Detector;
use super::effects::RecordEffects;
use super::learning_commands::order_change;
use super::links::rearm_budgets;
use super::partition_state::PartitionState;
use super::subject::SubjectKey;
use super::target_links::inform_of_requests;
use super::timed_action::RecordOrigin;

impl Detector {
    /// Carries out a control record against the incidents of its agent.
    pub(super) fn apply_control(
        &mut self,
        partition: &mut PartitionState,
        origin: &RecordOrigin,
        control: &ControlRecord,
        effects: &mut RecordEffects,
    ) {
        if let CommandKind::Learning(command) = &control.command
            && command.target != LearningTarget::Agent
        {
            return order_change(partition, origin, (control, command), effects);
        }
        if let CommandKind::Import(import) = &control.command {
            return self.import_learned(partition, origin, (control, import), effects);
        }
        let key = Self::control_subject(partition, control);
        let bundle = self.bundle_context(partition.partitions);
        let Some(state) = effects.apply_record_once(&mut partition.agents, &key, origin) else {
            return;
        };
        state.known = true;
        effects.counts.controls += 1;
        let stream_ms = partition.stream_ms;
        let arrival = ControlArrival {
            append_ms: origin.append_ms,
            stream_ms,
            decided_ms: match origin.time {
                TimeSource::Append => stream_ms,
                TimeSource::Event => stream_ms.max(control.at_ms),
            },
        };
        let incidents = &mut state.live.incidents;
        handle_control(&bundle, incidents, control, arrival, &mut effects.outcomes);
        let cause = || LinkCause {
            at_ms: arrival.decided_ms,
            ..record_cause(origin)
        };
        inform_of_requests(partition, &key, cause, effects);
        partition.mark_changed(&key, false);
        partition.set_timer(&key);
        if let CommandKind::Budget {
            command: BudgetCommand::Rearm,
        } = control.command
        {
            rearm_everywhere(partition, origin, control, effects);
        }
        if let CommandKind::Acceptance(accepted) = &control.command {
            self.accept_use(partition, &key, accepted, effects);
        }
        if let CommandKind::Learning(command) = &control.command {
            let given = (control, command.change);
            self.change_agent(partition, &key, origin, given, effects);
        }
        let event = AgentEvent {
            content: EventContent::Control(control),
            cause: &record_cause(origin),
            tree: None,
            alarms: &[],
        };
        self.evaluate_event(partition, &key, &event, effects);
    }

    /// Lets the profiles of a class in every partition know a use that a person accepted, and that
    /// of the agent itself. It counts as a clean task of the learning time, so that it is known at
    /// once.
    fn accept_use(
        &self,
        partition: &mut PartitionState,
        key: &SubjectKey,
        accepted: &AcceptedUse,
        effects: &mut RecordEffects,
    ) {
        let (SubjectKey::Agent(agent), stream_ms) = (key, partition.stream_ms) else {
            return;
        };
        let mut action = AgentAction {
            tenant: agent.tenant.clone(),
            action_verb: accepted.verb.unwrap_or_default(),
            resource_type: accepted.resource_type.clone().unwrap_or_default(),
            resource_id: accepted.resource_id.clone(),
            destination_address: accepted.destination.clone(),
            tool_name: accepted.tool.clone(),
            ..AgentAction::new(&agent.agent)
        };
        // The same normal form as that of the actions which it is compared with.
        self.bundle.resources.enrich_action(&mut action);
        let traits = ActionTraits::of_action(&action, &|_| false);
        let notice = TaskNotice {
            tenant: agent.tenant.clone(),
            agent: short_hash(&agent.agent),
            agent_type: accepted.agent_type.clone().unwrap_or_default(),
            task_class: accepted.task_class.clone(),
            ended_ms: stream_ms,
            teaching: true,
            accepted: true,
            used: traits_used(&traits, accepted),
            volumes: Vec::new(),
        };
        if let Some(state) = partition.agents.get_mut(key) {
            teach_profiles(state, notice, effects);
            partition.mark_changed(key, true);
        }
    }

    /// The subject a command is for: its agent, or the shared one of undeclared agents, where the
    /// agent has no state of its own and the shared one has incidents.
    fn control_subject(partition: &PartitionState, control: &ControlRecord) -> SubjectKey {
        let agent = SubjectKey::Agent(control.agent_key());
        // What is learned is that of the agent alone.
        if matches!(control.command, CommandKind::Learning(_)) {
            return agent;
        }
        let shared = SubjectKey::Overflow(control.tenant.clone());
        let own_state = partition.agents.get(&agent).is_none_or(|own| own.known);
        let shared_incidents = partition
            .agents
            .get(&shared)
            .is_some_and(|state| !state.live.incidents.is_empty());
        if !own_state && shared_incidents {
            shared
        } else {
            agent
        }
    }
}

/// What an accepted use is recognised by.
fn traits_used(traits: &ActionTraits, accepted: &AcceptedUse) -> TaskUse {
    let mut destinations = traits.external.to_vec();
    destinations.sort_unstable();
    TaskUse {
        pairs: accepted.verb.map(|_| traits.pair).into_iter().collect(),
        destinations,
        resources: traits.resource.into_iter().collect(),
        tools: traits.tool.into_iter().collect(),
        models: Vec::new(),
        objects: Vec::new(),
        hours: 0,
    }
}

/// Re-arms the budgets of the command's tenant here, and lets every other partition do the same:
/// each has a share of its own.
fn rearm_everywhere(
    partition: &mut PartitionState,
    origin: &RecordOrigin,
    control: &ControlRecord,
    effects: &mut RecordEffects,
) {
    let at_ms = origin.command_ms(control);
    let tenant = control.tenant.clone();
    rearm_budgets(partition, &tenant, at_ms);
    effects.inform_all_partitions(LinkBody::BudgetRearmed { tenant, at_ms });
}
