//! The in-memory twin of the RocksDB store, for trials, replay and tests. It ends with the process.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::batch::{StateEntry, WriteBatch, check_entries, check_value};
use super::{EntryVisitor, META_KEY, Store, StoreError, StoreProperties, StoreResult};

type KeyMap = BTreeMap<Vec<u8>, Vec<u8>>;
type PartitionMap = BTreeMap<i32, KeyMap>;

/// A store in memory. It survives the tasks that use it, so a partition can be closed and opened
/// again, but not the process.
#[derive(Debug, Default)]
pub struct MemoryStore {
    partitions: RwLock<PartitionMap>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        MemoryStore::default()
    }

    /// A thread that panicked left only whole batches, so a poisoned lock is used.
    fn lock_shared(&self) -> RwLockReadGuard<'_, PartitionMap> {
        self.partitions
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_exclusive(&self) -> RwLockWriteGuard<'_, PartitionMap> {
        self.partitions
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn keys_of(partitions: &PartitionMap, partition: i32) -> StoreResult<&KeyMap> {
    partitions
        .get(&partition)
        .ok_or(StoreError::NotOpen { partition })
}

fn restoring_keys(partitions: &mut PartitionMap, partition: i32) -> StoreResult<&mut KeyMap> {
    let keys = partitions
        .get_mut(&partition)
        .ok_or(StoreError::NotOpen { partition })?;
    if keys.contains_key(META_KEY) {
        return Err(StoreError::NotRestoring { partition });
    }
    Ok(keys)
}

fn apply_entries(keys: &mut KeyMap, entries: Vec<StateEntry>) {
    for (key, value) in entries {
        match value {
            Some(value) => keys.insert(key, value),
            None => keys.remove(&key),
        };
    }
}

impl Store for MemoryStore {
    fn open_partition(&self, partition: i32) -> StoreResult<()> {
        self.lock_exclusive().entry(partition).or_default();
        Ok(())
    }

    fn drop_partition(&self, partition: i32) -> StoreResult<()> {
        self.lock_exclusive().remove(&partition);
        Ok(())
    }

    fn partitions(&self) -> Vec<i32> {
        self.lock_shared().keys().copied().collect()
    }

    fn get(&self, partition: i32, key: &[u8]) -> StoreResult<Option<Vec<u8>>> {
        Ok(keys_of(&self.lock_shared(), partition)?.get(key).cloned())
    }

    fn multi_get(&self, partition: i32, keys: &[Vec<u8>]) -> StoreResult<Vec<Option<Vec<u8>>>> {
        let partitions = self.lock_shared();
        let state = keys_of(&partitions, partition)?;
        Ok(keys.iter().map(|key| state.get(key).cloned()).collect())
    }

    fn scan_prefix(
        &self,
        partition: i32,
        prefix: &[u8],
        visit: &mut EntryVisitor<'_>,
    ) -> StoreResult<()> {
        let partitions = self.lock_shared();
        let from = (Bound::Included(prefix), Bound::Unbounded);
        for (key, value) in keys_of(&partitions, partition)?.range::<[u8], _>(from) {
            if !key.starts_with(prefix) || visit(key, value).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn write(&self, batch: WriteBatch) -> StoreResult<()> {
        batch.check_limits()?;
        let mut partitions = self.lock_exclusive();
        for part in &batch.partitions {
            keys_of(&partitions, part.partition)?;
        }
        for part in batch.partitions {
            let keys = partitions.entry(part.partition).or_default();
            apply_entries(keys, part.puts);
            keys.insert(META_KEY.to_vec(), part.meta);
        }
        Ok(())
    }

    fn restore_begin(&self, partition: i32) -> StoreResult<()> {
        self.lock_exclusive().insert(partition, KeyMap::new());
        Ok(())
    }

    fn bulk_load(&self, partition: i32, entries: Vec<StateEntry>) -> StoreResult<()> {
        check_entries(partition, &entries)?;
        apply_entries(
            restoring_keys(&mut self.lock_exclusive(), partition)?,
            entries,
        );
        Ok(())
    }

    fn restore_finish(&self, partition: i32, meta: Vec<u8>) -> StoreResult<()> {
        check_value(partition, META_KEY, &meta)?;
        restoring_keys(&mut self.lock_exclusive(), partition)?.insert(META_KEY.to_vec(), meta);
        Ok(())
    }

    fn flush(&self) -> StoreResult<()> {
        Ok(())
    }

    fn properties(&self) -> StoreProperties {
        let partitions = self.lock_shared();
        let size = |keys: &KeyMap| {
            keys.iter()
                .map(|(k, v)| (k.len() + v.len()) as u64)
                .sum::<u64>()
        };
        StoreProperties {
            keys: partitions.values().map(|keys| keys.len() as u64).sum(),
            memtable_bytes: partitions.values().map(size).sum(),
            ..StoreProperties::default()
        }
    }
}
