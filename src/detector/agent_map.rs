//! The agents in memory, by their keys.

use std::hash::{BuildHasher, Hash};

// tidy: RandomState: by a known seed the names of agents could be made to collide
use foldhash::fast::RandomState as Seeded;
use hashbrown::HashTable;

use super::subject::{AgentState, SubjectKey};

/// The agents in memory, by their keys. With many agents neither their names nor their states are
/// in the processor's cache. The table holds the hash of each name and a pointer, so that it is
/// small enough to stay there, and a name is read only together with its state.
#[derive(Debug, Default)]
pub(super) struct AgentMap {
    table: HashTable<AgentSlot>,
    seeded: Seeded,
}

#[derive(Debug)]
struct AgentSlot {
    hash: u64,
    agent: Box<NamedState>,
}

#[derive(Debug)]
struct NamedState {
    key: SubjectKey,
    state: AgentState,
}

impl AgentSlot {
    fn has_key(&self, hash: u64, key: &SubjectKey) -> bool {
        self.hash == hash && self.agent.key == *key
    }
}

impl AgentMap {
    fn hash_of(&self, key: &SubjectKey) -> u64 {
        let mut hasher = self.seeded.build_hasher();
        key.hash(&mut hasher);
        std::hash::Hasher::finish(&hasher)
    }

    pub fn get(&self, key: &SubjectKey) -> Option<&AgentState> {
        let hash = self.hash_of(key);
        let found = self.table.find(hash, |slot| slot.has_key(hash, key));
        found.map(|slot| &slot.agent.state)
    }

    /// The states of several agents, in the order of `keys`. Each name and state lies far away in
    /// memory, so all are read before the first name is compared.
    pub fn find_each(&self, keys: &[SubjectKey]) -> Vec<Option<&AgentState>> {
        let likely = keys.iter().map(|key| {
            let hash = self.hash_of(key);
            self.table.find(hash, |slot| slot.hash == hash)
        });
        let likely: Vec<Option<&AgentSlot>> = likely.collect();
        let read = likely.iter().flatten();
        let word = |slot: &AgentSlot| {
            let NamedState { key, state } = &*slot.agent;
            key.tenant().len() as u64 ^ state.marks.touched
        };
        std::hint::black_box(read.fold(0, |sum, slot| sum ^ word(slot)));
        let found = keys.iter().zip(likely).map(|(key, slot)| {
            let slot = slot?;
            match slot.agent.key == *key {
                true => Some(&slot.agent.state),
                false => self.get(key),
            }
        });
        found.collect()
    }

    pub fn get_mut(&mut self, key: &SubjectKey) -> Option<&mut AgentState> {
        let hash = self.hash_of(key);
        let found = self.table.find_mut(hash, |slot| slot.has_key(hash, key));
        found.map(|slot| &mut slot.agent.state)
    }

    pub fn contains_key(&self, key: &SubjectKey) -> bool {
        self.get(key).is_some()
    }

    /// Adds an agent, in place of what was there.
    pub fn insert(&mut self, key: SubjectKey, state: AgentState) {
        if let Some(before) = self.get_mut(&key) {
            *before = state;
            return;
        }
        let hash = self.hash_of(&key);
        let agent = Box::new(NamedState { key, state });
        let slot = AgentSlot { hash, agent };
        self.table.insert_unique(hash, slot, |slot| slot.hash);
    }

    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// The states, in no order.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &AgentState> {
        self.table.iter().map(|slot| &slot.agent.state)
    }

    /// Drops the agents that are not to be kept.
    pub fn retain(&mut self, is_kept: impl Fn(&SubjectKey, &AgentState) -> bool) {
        self.table
            .retain(|slot| is_kept(&slot.agent.key, &slot.agent.state));
    }
}
