//! How the numbers of a gateway's records get from the partitions that they came to, to the one
//! that watches the gateway.

use crate::event::{
    ActionField, AddressedLink, AgentAction, AgentKey, GatewayNotice, Input, Link, LinkBody,
    LinkTarget,
};

use super::agent_event::{AgentEvent, EventContent};
use super::dispatch::Detector;
use super::effects::RecordEffects;
use super::gateway_gap::GatewayGap;
use super::gateway_numbers::NumberNote;
use super::links::LinkArrival;
use super::partition_state::PartitionState;
use super::subject::SubjectKey;
use super::timed_action::RecordOrigin;

impl PartitionState {
    /// Notes the number that the gateway gave to a record. A record that is repeated, deferred or
    /// malformed has come all the same.
    pub(super) fn note_gateway_number(
        &mut self,
        action: &AgentAction,
        origin: &RecordOrigin,
        effects: &mut RecordEffects,
    ) {
        let (Some(number), Some(gateway)) = (action.gateway_sequence, &action.gateway_id) else {
            return;
        };
        // A malformed id may be that of another gateway. Records of the past say nothing of what
        // comes now.
        let unknown = action.is_malformed(ActionField::GATEWAY_ID);
        if unknown || origin.input == Input::Backfill {
            return;
        }
        if !GatewayNotice::has_subject(gateway) {
            effects.counts.gateways_full += 1;
            return;
        }
        let Some(tenant) = self.tenants.get_mut(&action.tenant) else {
            return;
        };
        let key = SubjectKey::Tenant(action.tenant.clone());
        let gateways = &mut tenant.live.gateways;
        match gateways.note_number(gateway, number, self.stream_ms) {
            NumberNote::NoRoom => effects.counts.gateways_full += 1,
            NumberNote::Kept => self.mark_changed(&key, false),
            NumberNote::First | NumberNote::Full => self.send_gateway_numbers(&key, effects),
        }
    }

    /// Sends the numbers of a tenant's gateways that are due.
    pub(super) fn send_gateway_numbers(&mut self, key: &SubjectKey, effects: &mut RecordEffects) {
        let SubjectKey::Tenant(name) = key else {
            return;
        };
        let Some(tenant) = self.tenants.get_mut(name) else {
            return;
        };
        for notice in tenant.live.gateways.take_due(self.number, self.stream_ms) {
            effects.links.push(AddressedLink {
                target: LinkTarget::Agent(GatewayNotice::subject_of(name, &notice.gateway)),
                link: Link {
                    cause: None,
                    body: LinkBody::GatewayNumbers(Box::new(notice)),
                },
            });
        }
        self.mark_changed(key, false);
        self.set_timer(key);
    }
}

impl Detector {
    /// Applies what a partition sends of a gateway's numbers. The subject of the gateway takes no
    /// room among the undeclared agents of the tenant: who fills that must not blind the watch.
    pub(super) fn apply_gateway_numbers(
        &self,
        partition: &mut PartitionState,
        arrival: LinkArrival<'_>,
        agent: &AgentKey,
        notice: &GatewayNotice,
        effects: &mut RecordEffects,
    ) {
        let key = SubjectKey::Agent(agent.clone());
        // Who may write to the topic must not put a watch into the state of another agent.
        if *agent != GatewayNotice::subject_of(&agent.tenant, &notice.gateway) {
            effects.counts.links_refused += 1;
            return;
        }
        if !arrival.is_new_to_agent(partition, &key, effects) {
            return;
        }
        let Some(state) = partition.agents.get_mut(&key) else {
            effects.absent = true;
            return;
        };
        effects.counts.links += 1;
        state.known = true;
        let watch = state.live.gateway.get_or_insert_default();
        let (missing, dropped) = watch.apply_notice(notice);
        effects.counts.gateway_numbers_dropped += u64::from(dropped);
        partition.mark_changed(&key, false);
        if let Some(missing) = missing {
            let gap = GatewayGap {
                gateway: notice.gateway.clone(),
                missing,
            };
            let event = AgentEvent {
                content: EventContent::GatewayGap(&gap),
                cause: &gap.cause(notice.as_of_ms),
                tree: None,
                alarms: &[],
            };
            self.evaluate_event(partition, &key, &event, effects);
        }
    }
}
