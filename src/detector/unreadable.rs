//! A record that cannot be used and whose key names an agent. Nobody knows what the action was, so
//! only the rules that ask for such events evaluate it.

use crate::event::{AgentAction, UnreadableRecord};

use super::agent_event::{AgentEvent, EventContent, record_cause};
use super::dispatch::Detector;
use super::effects::RecordEffects;
use super::partition_state::PartitionState;
use super::timed_action::RecordOrigin;

impl Detector {
    /// Evaluates a record of the actions topic that became a dead letter.
    pub(super) fn process_unreadable(
        &mut self,
        partition: &mut PartitionState,
        origin: &RecordOrigin,
        unreadable: &UnreadableRecord,
        effects: &mut RecordEffects,
    ) {
        let mut action = AgentAction::new(&unreadable.agent.agent);
        action.tenant.clone_from(&unreadable.agent.tenant);
        let key = self.claim_subject(partition, &action, effects);
        let Some(state) = effects.apply_record_once(&mut partition.agents, &key, origin) else {
            return;
        };
        partition
            .changes
            .mark_changed(&key, &mut state.marks, false);
        let event = AgentEvent {
            content: EventContent::DeadLetter(unreadable),
            cause: &record_cause(origin),
            tree: None,
            alarms: &[],
        };
        self.evaluate_event(partition, &key, &event, effects);
    }
}
