//! Links: what one subject has to know of another. A link whose target is in the partition of its
//! sender is applied right after the record that led to it; others arrive by the links topic.

use crate::event::{
    AddressedLink, AgentAction, AgentKey, CredentialKey, Link, LinkBody, LinkTarget, Text,
};

use super::agent_event::{AgentEvent, EventContent};
use super::dispatch::Detector;
use super::effects::RecordEffects;
use super::partition_state::PartitionState;
use super::subject::SubjectKey;
use super::timed_action::RecordOrigin;

/// How a link came to its target.
#[derive(Debug, Clone, Copy)]
enum LinkArrival<'a> {
    /// By the links topic: its position says whether it was applied before.
    Topic(&'a RecordOrigin),
    /// Within the partition, after the record that led to it, which is applied once itself.
    Local,
}

impl Detector {
    /// The subjects that must be in memory before [`Self::deliver_link`].
    #[must_use]
    pub fn subjects_of_link(target: &LinkTarget) -> Vec<SubjectKey> {
        match target {
            LinkTarget::AllPartitions => Vec::new(),
            LinkTarget::Agent(key) => {
                Self::subjects_of_timer(&SubjectKey::Agent(key.clone())).to_vec()
            }
            LinkTarget::Credential(key) => {
                Self::subjects_of_timer(&SubjectKey::Credential(key.clone())).to_vec()
            }
        }
    }

    /// Applies a link whose target is in the partition of its sender, right after the record that
    /// led to it. Its subjects must be in memory.
    pub fn deliver_link(
        &mut self,
        partition: &mut PartitionState,
        addressed: &AddressedLink,
        effects: &mut RecordEffects,
    ) {
        effects.counts.links_local += 1;
        self.apply_addressed(partition, LinkArrival::Local, addressed, effects);
    }

    /// Applies a link of the links topic.
    pub(super) fn apply_link(
        &mut self,
        partition: &mut PartitionState,
        origin: &RecordOrigin,
        addressed: &AddressedLink,
        effects: &mut RecordEffects,
    ) {
        let arrival = LinkArrival::Topic(origin);
        self.apply_addressed(partition, arrival, addressed, effects);
    }

    fn apply_addressed(
        &mut self,
        partition: &mut PartitionState,
        arrival: LinkArrival<'_>,
        addressed: &AddressedLink,
        effects: &mut RecordEffects,
    ) {
        match (&addressed.target, &addressed.link.body) {
            // A tick only moves stream time, which has happened.
            (LinkTarget::AllPartitions, LinkBody::TenantManaged { tenant }) => {
                note_managed(partition, tenant);
            }
            (LinkTarget::AllPartitions, _) => {}
            (LinkTarget::Agent(key), _) => {
                self.apply_at_agent(partition, arrival, key, &addressed.link, effects);
            }
            (LinkTarget::Credential(key), _) => {
                apply_at_credential(partition, arrival, key, &addressed.link, effects);
            }
        }
    }

    fn apply_at_agent(
        &mut self,
        partition: &mut PartitionState,
        arrival: LinkArrival<'_>,
        agent: &AgentKey,
        link: &Link,
        effects: &mut RecordEffects,
    ) {
        let Some(key) = self.claim_link_target(partition, agent, effects) else {
            return;
        };
        if let LinkArrival::Topic(origin) = arrival
            && effects
                .apply_record_once(&mut partition.agents, &key, origin)
                .is_none()
        {
            return;
        }
        effects.counts.links += 1;
        partition.mark_changed(&key, false);
        partition.set_timer(&key);
        if let Some(cause) = &link.cause {
            let content = EventContent::Link;
            let event = AgentEvent { content, cause };
            self.evaluate_event(partition, &key, &event, effects);
        }
    }

    /// The subject of a link to an agent. An agent that nothing is known of takes room among the
    /// undeclared agents of its tenant, as with its first action; `None` when there is none left:
    /// whoever invents the names of agents must not fill the store.
    fn claim_link_target(
        &self,
        partition: &mut PartitionState,
        agent: &AgentKey,
        effects: &mut RecordEffects,
    ) -> Option<SubjectKey> {
        let mut action = AgentAction::new(&agent.agent);
        action.tenant.clone_from(&agent.tenant);
        // Its count is for actions.
        let mut unused = RecordEffects::default();
        match self.claim_subject(partition, &action, &mut unused) {
            key @ SubjectKey::Agent(_) => Some(key),
            _ => {
                effects.counts.links_refused += 1;
                None
            }
        }
    }
}

fn apply_at_credential(
    partition: &mut PartitionState,
    arrival: LinkArrival<'_>,
    credential: &CredentialKey,
    link: &Link,
    effects: &mut RecordEffects,
) {
    let Some(state) = partition.credentials.get_mut(credential) else {
        effects.absent = true;
        return;
    };
    if let LinkArrival::Topic(origin) = arrival
        && !state
            .live
            .applied
            .apply_once(origin.input, &origin.position)
    {
        effects.counts.reapplied += 1;
        return;
    }
    effects.counts.links += 1;
    state.live.note_seen(partition.stream_ms);
    match &link.body {
        #[cfg(test)]
        LinkBody::Probe { reply_to } => {
            let replies = reply_to.iter().map(|agent| AddressedLink {
                target: LinkTarget::Agent(agent.clone()),
                link: Link {
                    cause: link.cause.clone(),
                    body: LinkBody::Probe { reply_to: None },
                },
            });
            effects.links.extend(replies);
        }
        LinkBody::Tick | LinkBody::TenantManaged { .. } => {}
    }
    let key = SubjectKey::Credential(credential.clone());
    partition.mark_changed(&key, false);
    partition.set_timer(&key);
}

/// Notes that a tenant has declared a scope.
fn note_managed(partition: &mut PartitionState, tenant: &Text) {
    let key = SubjectKey::Tenant(tenant.clone());
    if let Some(state) = partition.tenants.get_mut(tenant)
        && !std::mem::replace(&mut state.live.managed, true)
    {
        partition.mark_changed(&key, false);
    }
}
