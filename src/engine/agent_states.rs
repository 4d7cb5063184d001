//! Reads what a store has of single agents, beside the tasks: committed state, which nothing here
//! changes.

use crate::detector::StateError;
use crate::detector::agent_tree::{AgentTree, AgentValues, build_agent_tree};
use crate::detector::subject::{StoredSubject, SubjectKey};
use crate::event::AgentKey;
use crate::store::{Store, StoreError};

use super::contract::{MetaError, PartitionMeta};
use super::partitioner::partition_of_key;

/// Why the tree of an agent cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum AgentTreeError {
    #[error("{key}: nothing is known of this agent")]
    Unknown { key: AgentKey },
    /// Another process has the partition, or it is being restored.
    #[error("{key}: partition {partition}, which has its state, does not run in this process")]
    OutOfReach { key: AgentKey, partition: i32 },
    #[error("partition {partition}: {source}")]
    Meta { partition: i32, source: MetaError },
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The committed states of agents.
pub struct AgentStates<'a> {
    pub store: &'a dyn Store,
    /// Number of partitions of the topics.
    pub partitions: u32,
    /// Whether the partition runs in this process, so that the store has its newest state.
    pub is_here: &'a dyn Fn(i32) -> bool,
}

impl AgentStates<'_> {
    /// The delegation tree of an agent, as of the last commit of its partition. The scopes of the
    /// others are as of the last commits of theirs.
    ///
    /// # Errors
    /// Nothing is known of the agent, its state is out of reach, or it cannot be read.
    pub fn read_tree(&self, key: &AgentKey) -> Result<AgentTree, AgentTreeError> {
        let partition = self.partition_of(key);
        if !self.is_in_reach(partition) {
            return Err(AgentTreeError::OutOfReach {
                key: key.clone(),
                partition,
            });
        }
        let unknown = || AgentTreeError::Unknown { key: key.clone() };
        // Before its first commit a partition has no state.
        let meta = self.store.meta(partition)?.ok_or_else(unknown)?;
        let meta = PartitionMeta::from_bytes(&meta)
            .map_err(|source| AgentTreeError::Meta { partition, source })?;
        let stored = self.read_stored(partition, key)?;
        let mut read_values = |other: &AgentKey| -> Result<AgentValues, AgentTreeError> {
            let partition = self.partition_of(other);
            if !self.is_in_reach(partition) {
                return Ok(AgentValues::OutOfReach { partition });
            }
            self.read_stored(partition, other).map(AgentValues::Stored)
        };
        build_agent_tree(key, &stored, meta.stream_ms, &mut read_values)?.ok_or_else(unknown)
    }

    fn partition_of(&self, key: &AgentKey) -> i32 {
        partition_of_key(key.to_string().as_bytes(), self.partitions)
    }

    fn is_in_reach(&self, partition: i32) -> bool {
        (self.is_here)(partition) && self.store.partitions().contains(&partition)
    }

    fn read_stored(&self, partition: i32, key: &AgentKey) -> Result<StoredSubject, AgentTreeError> {
        let subject = SubjectKey::Agent(key.clone());
        let keys = [subject.live_key(), subject.learned_key()];
        let mut values = self.store.multi_get(partition, &keys)?.into_iter();
        Ok(StoredSubject {
            live: values.next().flatten(),
            learned: values.next().flatten(),
            others: None,
        })
    }
}
