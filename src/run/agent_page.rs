//! What the console shows of an agent's tree: the committed state in the store of this process.

use std::sync::Arc;

use super::parts::ProcessParts;
use crate::console::TreePage;
use crate::engine::{AgentStates, AgentTreeError};
use crate::event::AgentKey;
use crate::store::Store;
use crate::worker::WorkerStats;

/// Reads the trees of agents for the console.
pub(super) struct TreeReader {
    store: Arc<dyn Store>,
    stats: Arc<WorkerStats>,
    partitions: u32,
}

impl TreeReader {
    pub(super) fn new(parts: &ProcessParts) -> Self {
        TreeReader {
            store: Arc::clone(&parts.store),
            stats: Arc::clone(&parts.stats),
            partitions: parts.engine.options().partitions,
        }
    }

    pub(super) fn read_page(&self, tenant: &str, agent: &str) -> TreePage {
        let Some(key) = AgentKey::parse(&AgentKey::record_key(tenant, agent)) else {
            return TreePage::Missing("a tenant and an agent have to be named".to_owned());
        };
        let views = self.stats.partitions();
        // The store may have the state of partitions that another process has now.
        let runs_here = |partition: i32| {
            let view = views.get(&partition);
            view.is_some_and(|view| matches!(view.state, "running" | "catching up"))
        };
        let states = AgentStates {
            store: &*self.store,
            partitions: self.partitions,
            is_here: &runs_here,
        };
        match states.read_tree(&key) {
            Ok(tree) => serde_json::to_string(&tree)
                .map_or_else(|error| TreePage::Failed(error.to_string()), TreePage::Found),
            Err(error @ (AgentTreeError::Unknown { .. } | AgentTreeError::OutOfReach { .. })) => {
                TreePage::Missing(error.to_string())
            }
            Err(error) => TreePage::Failed(error.to_string()),
        }
    }
}
