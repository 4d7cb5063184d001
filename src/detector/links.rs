//! Links: what other partitions let this one know.

use crate::event::LinkBody;

use super::dispatch::Detector;
use super::partition_state::PartitionState;
use super::subject::SubjectKey;

impl Detector {
    /// Takes over what a link says. A tick only moves stream time, which has happened.
    pub(super) fn apply_link(partition: &mut PartitionState, body: &LinkBody) {
        match body {
            LinkBody::Tick => {}
            LinkBody::TenantManaged { tenant } => {
                let key = SubjectKey::Tenant(tenant.clone());
                if let Some(state) = partition.tenants.get_mut(tenant)
                    && !std::mem::replace(&mut state.live.managed, true)
                {
                    partition.mark_changed(&key, false);
                }
            }
        }
    }
}
