//! Links: what one subject has to know of another. A link whose target is in the partition of its
//! sender is applied right after the record that led to it; others arrive by the links topic.

use serde::{Deserialize, Serialize};

use crate::event::{
    AddressedLink, AgentAction, AgentKey, CredentialKey, Link, LinkBody, LinkTarget, Text,
};

use super::agent_event::{AgentEvent, EventContent};
use super::behaviour::learn_clean_task;
use super::credential_links::note_user;
use super::dispatch::Detector;
use super::effects::RecordEffects;
use super::limits::LINKS_PER_HOUR_MAX;
use super::partition_state::PartitionState;
use super::subject::SubjectKey;
use super::target_links::{apply_target_link, inform_of_requests};
use super::timed_action::RecordOrigin;
use super::tree_flow::apply_flow_link;
use super::tree_links::{TreeSender, is_unproven};

const HOUR_MS: i64 = 3_600_000;

/// How many links an agent's actions led to within an hour of stream time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LinksSent {
    /// Number of the hour since 1970.
    hour: i64,
    count: u32,
}

impl LinksSent {
    /// Counts up to `count` links more; returns how many may be sent.
    fn count_links(&mut self, stream_ms: i64, count: usize) -> usize {
        let hour = stream_ms.div_euclid(HOUR_MS);
        if hour != self.hour {
            *self = LinksSent { hour, count: 0 };
        }
        let left = LINKS_PER_HOUR_MAX.saturating_sub(self.count);
        let sent = u32::try_from(count).unwrap_or(u32::MAX).min(left);
        self.count += sent;
        usize::try_from(sent).unwrap_or(0)
    }
}

/// Drops the links that an action led to beyond what its agent may send. `before`: how many links
/// of earlier records are still among the effects. Links about requests are never dropped: their
/// number is bounded where they are made, and an agent must not hide behind others that it acts on.
/// Nor are those about what it has read, of which there are few: they would displace others. Nor
/// are the numbers of its gateway, which are those of other agents too.
pub(super) fn bound_links(
    partition: &mut PartitionState,
    key: &SubjectKey,
    before: usize,
    effects: &mut RecordEffects,
) {
    let bounded = |link: &AddressedLink| {
        let body = &link.link.body;
        let is_of_gateway = matches!(body, LinkBody::GatewayNumbers(_));
        !body.is_of_request() && !body.takes_away() && !body.is_of_flow() && !is_of_gateway
    };
    let of_action = effects.links.get(before..).unwrap_or_default();
    let count = of_action.iter().filter(|link| bounded(link)).count();
    if count == 0 {
        return;
    }
    let stream_ms = partition.stream_ms;
    let sent = partition.agents.get_mut(key).map_or(0, |state| {
        state.live.links_sent.count_links(stream_ms, count)
    });
    effects.counts.links_cut += (count - sent) as u64;
    let (mut index, mut left) = (0, sent);
    effects.links.retain(|link| {
        index += 1;
        if index <= before || !bounded(link) {
            return true;
        }
        let stays = left > 0;
        left = left.saturating_sub(1);
        stays
    });
}

/// How a link came to its target.
#[derive(Debug, Clone, Copy)]
pub(super) enum LinkArrival<'a> {
    /// By the links topic: its position says whether it was applied before.
    Topic(&'a RecordOrigin),
    /// Within the partition, after the record that led to it, which is applied once itself.
    Local,
}

impl LinkArrival<'_> {
    /// Whether the agent has not had the link yet: one of the topic may come again.
    pub(super) fn is_new_to_agent(
        self,
        partition: &mut PartitionState,
        key: &SubjectKey,
        effects: &mut RecordEffects,
    ) -> bool {
        match self {
            LinkArrival::Local => true,
            LinkArrival::Topic(origin) => effects
                .apply_record_once(&mut partition.agents, key, origin)
                .is_some(),
        }
    }
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
            (LinkTarget::AllPartitions, LinkBody::BudgetRearmed { tenant, at_ms }) => {
                rearm_budgets(partition, tenant, *at_ms);
            }
            (LinkTarget::AllPartitions, LinkBody::TaskEndedClean(notice)) => {
                learn_clean_task(partition, arrival, notice, effects);
            }
            (LinkTarget::AllPartitions, LinkBody::TaskSetAside(notice)) => {
                partition.forget_set_aside(arrival, notice, effects);
            }
            (LinkTarget::AllPartitions, LinkBody::ClassChanged(notice)) => {
                partition.change_class(arrival, notice, effects);
            }
            (LinkTarget::AllPartitions, LinkBody::AgentsChanged(notice)) => {
                partition.change_agents(arrival, notice, effects);
            }
            (LinkTarget::AllPartitions, LinkBody::ProfileImported(notice)) => {
                partition.import_profile(arrival, notice, effects);
            }
            (LinkTarget::AllPartitions, _) => {}
            (LinkTarget::Agent(key), LinkBody::GatewayNumbers(notice)) => {
                self.apply_gateway_numbers(partition, arrival, key, notice, effects);
            }
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
        let own = SubjectKey::Agent(agent.clone());
        let fresh = partition.agents.get(&own).is_some_and(|state| !state.known);
        if fresh && is_unproven(&link.body) && !self.has_room_for_claims(partition, agent) {
            effects.counts.links_refused += 1;
            return;
        }
        let Some(key) = self.claim_link_target(partition, agent, effects) else {
            return;
        };
        if !arrival.is_new_to_agent(partition, &key, effects) {
            return;
        }
        effects.counts.links += 1;
        self.note_shared(partition, &key, link, effects);
        apply_target_link(partition, &key, &link.body, effects);
        if let (LinkBody::TreeFlow(notice), Some(state)) =
            (&link.body, partition.agents.get_mut(&key))
        {
            apply_flow_link(state, agent, notice, effects);
        }
        let cause = link.cause.as_ref();
        // A plan that waited for it may be requested now, or a request about the agent known.
        if let (Some(cause), false) = (cause, link.body.is_of_tree()) {
            inform_of_requests(partition, &key, || cause.clone(), effects);
        }
        let mut tree = None;
        let of_tree = link.body.is_of_tree();
        if let (true, Some(state)) = (of_tree, partition.agents.get_mut(&key)) {
            let sender = TreeSender {
                agent,
                cause,
                stream_ms: partition.stream_ms,
            };
            tree = sender.apply_tree_link(state, &link.body, fresh, effects);
            state.count_cuts(&mut effects.counts);
        }
        let forgot = partition.forget_own_task(&key, &link.body);
        partition.mark_changed(&key, of_tree || forgot);
        partition.set_timer(&key);
        if let Some(cause) = cause.filter(|_| of_tree) {
            self.extend_cascades_of(partition, &key, cause, effects);
        }
        // A link of the tree that changed nothing that rules read is no event, nor is one about a
        // request: its rules read what its agent does.
        if let Some(cause) = cause
            && of_tree == tree.is_some()
            && !link.body.is_of_request()
        {
            let event = AgentEvent {
                content: EventContent::Link(&link.body),
                cause,
                tree: tree.as_ref(),
                alarms: &[],
            };
            self.evaluate_event(partition, &key, &event, effects);
        }
    }

    /// Whether the tenant has room for one more agent that another one only claims to have spawned.
    /// Half of the room for undeclared agents is left for those that act.
    fn has_room_for_claims(&self, partition: &PartitionState, agent: &AgentKey) -> bool {
        let share = (self.settings.agents_undeclared_max / partition.partitions).max(2);
        let tenant = partition.tenants.get(&agent.tenant);
        tenant.is_none_or(|tenant| tenant.live.undeclared < share / 2)
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
        LinkBody::CredentialUsed { .. } => {
            note_user(&mut state.live.users, credential, link, effects)
        }
        LinkBody::Tick
        | LinkBody::TenantManaged { .. }
        | LinkBody::BudgetRearmed { .. }
        | LinkBody::TaskEndedClean(_)
        | LinkBody::TaskSetAside(_)
        | LinkBody::ClassChanged(_)
        | LinkBody::AgentsChanged(_)
        | LinkBody::ProfileImported(_)
        | LinkBody::ChildDeclared(_)
        | LinkBody::ParentScope(_)
        | LinkBody::TreeMember(_)
        | LinkBody::TreeFlow(_)
        | LinkBody::TargetRequested(_)
        | LinkBody::TargetUsed(_)
        | LinkBody::GatewayNumbers(_)
        | LinkBody::CredentialShared { .. } => {}
    }
    let key = SubjectKey::Credential(credential.clone());
    partition.mark_changed(&key, false);
    partition.set_timer(&key);
}

/// Makes the revocation budgets of a tenant whole again.
pub(super) fn rearm_budgets(partition: &mut PartitionState, tenant: &Text, at_ms: i64) {
    if let Some(state) = partition.tenants.get_mut(tenant)
        && state.live.budgets.rearm(at_ms)
    {
        partition.mark_changed(&SubjectKey::Tenant(tenant.clone()), false);
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detector::deferral::DeferredTotals;
    use crate::detector::subject::StoredSubject;
    use crate::event::{ParentNotice, TakenAway};

    #[test]
    fn an_agent_may_send_so_many_links_an_hour() {
        let mut sent = LinksSent::default();
        let max = LINKS_PER_HOUR_MAX as usize;
        let start_ms = 490_000 * HOUR_MS;
        assert_eq!(sent.count_links(start_ms, max - 1), max - 1);
        assert_eq!(sent.count_links(start_ms + HOUR_MS - 1, 5), 1);
        assert_eq!(sent.count_links(start_ms + HOUR_MS - 1, 5), 0);
        assert_eq!(sent.count_links(start_ms + HOUR_MS, 5), 5);
        assert_eq!(sent.count_links(i64::MIN, 5), 5, "before any record");
    }

    #[test]
    fn what_is_beyond_the_bound_is_dropped_and_counted_and_earlier_links_stay() {
        let link = AddressedLink {
            target: LinkTarget::Agent(AgentKey::new("acme", "a")),
            link: Link {
                cause: None,
                body: LinkBody::Probe { reply_to: None },
            },
        };
        let mut partition = PartitionState::new(1, 0, DeferredTotals::default());
        let key = SubjectKey::Agent(AgentKey::new("acme", "sender"));
        let stored = StoredSubject::default();
        partition.admit_subject(key.clone(), &stored).unwrap();
        let mut effects = RecordEffects::default();
        let (earlier, max) = (3, LINKS_PER_HOUR_MAX as usize);
        effects.links = vec![link; earlier + max + 7];
        bound_links(&mut partition, &key, earlier, &mut effects);
        assert_eq!(effects.links.len(), earlier + max);
        assert_eq!(effects.counts.links_cut, 7);
        // Who has used up its links is still reported to act on.
        let used = AddressedLink {
            link: Link {
                cause: None,
                body: LinkBody::TargetUsed(Box::default()),
            },
            ..effects.links[0].clone()
        };
        // So do its children learn that something was taken away from it.
        let mut taken = used.clone();
        taken.link.body = LinkBody::ParentScope(Box::new(ParentNotice {
            taken: Some(TakenAway {
                since_ms: 1,
                confirmed: false,
            }),
            ..ParentNotice::default()
        }));
        let mut numbers = used.clone();
        numbers.link.body = LinkBody::GatewayNumbers(Box::default());
        let kept = [used, taken, numbers];
        effects.links.truncate(1);
        effects.links.extend_from_slice(&kept);
        bound_links(&mut partition, &key, 0, &mut effects);
        assert_eq!(effects.links, kept);
    }
}
