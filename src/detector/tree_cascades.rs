//! Members of a tree that are seen while the tree is being revoked.

use crate::event::LinkCause;
use crate::response::{IncidentStores, TreeArrival, extend_cascades};

use super::dispatch::Detector;
use super::effects::RecordEffects;
use super::partition_state::PartitionState;
use super::subject::SubjectKey;
use super::target_links::inform_of_requests;

impl Detector {
    /// Adds the members of the agent's tree that no plan has yet to the trees of the agent that are
    /// being revoked. To be called when a link of the tree has arrived at the agent.
    pub(super) fn extend_cascades_of(
        &self,
        partition: &mut PartitionState,
        key: &SubjectKey,
        cause: &LinkCause,
        effects: &mut RecordEffects,
    ) {
        let SubjectKey::Agent(agent_key) = key else {
            return;
        };
        let (agents, tenants) = (&mut partition.agents, &mut partition.tenants);
        let (Some(agent), Some(tenant)) = (agents.get_mut(key), tenants.get_mut(key.tenant()))
        else {
            return;
        };
        let Some(tree) = agent.learned.delegation.as_deref() else {
            return;
        };
        if !agent.live.incidents.requests().has_cascades() {
            return;
        }
        let holders = &tenant.live.holders;
        let tree = tree.tree_view().without_shared(&agent_key.agent, holders);
        let arrival = TreeArrival {
            bundle: &self.bundle_context(partition.partitions),
            agent: agent_key,
            declared: !agent.learned.book.is_empty(),
            position: &cause.position,
            append_ms: cause.append_ms,
            at_ms: cause.at_ms,
            stream_ms: partition.stream_ms,
            event_id: &cause.event_id,
        };
        let mut stores = IncidentStores {
            agent: &mut agent.live.incidents,
            tenant: &mut tenant.live.incidents,
            budgets: &mut tenant.live.budgets,
        };
        extend_cascades(&mut stores, &arrival, &tree, &mut effects.outcomes);
        inform_of_requests(partition, key, || cause.clone(), effects);
        // The budget of the tenant may be spent.
        for changed in [key, &SubjectKey::Tenant(key.tenant().clone())] {
            partition.mark_changed(changed, false);
            partition.set_timer(changed);
        }
    }
}
