//! The in-memory twin of the RocksDB store: trials, replay and tests. Gone with the process.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::batch::{Entry, WriteBatch, check_entries, check_value};
use super::{META_KEY, Properties, Result, Store, StoreError, Visit};

type Keys = BTreeMap<Vec<u8>, Vec<u8>>;
type Partitions = BTreeMap<i32, Keys>;

/// A store in memory. It survives the tasks that use it, so a partition can be closed and opened
/// again, but not the process.
#[derive(Debug, Default)]
pub struct MemoryStore {
    partitions: RwLock<Partitions>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        MemoryStore::default()
    }

    /// A panic of another thread leaves whole batches only, so a poisoned lock is usable.
    fn read(&self) -> RwLockReadGuard<'_, Partitions> {
        self.partitions
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self) -> RwLockWriteGuard<'_, Partitions> {
        self.partitions
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn keys_of(partitions: &Partitions, partition: i32) -> Result<&Keys> {
    partitions
        .get(&partition)
        .ok_or(StoreError::NotOpen { partition })
}

fn restoring(partitions: &mut Partitions, partition: i32) -> Result<&mut Keys> {
    let keys = partitions
        .get_mut(&partition)
        .ok_or(StoreError::NotOpen { partition })?;
    if keys.contains_key(META_KEY) {
        return Err(StoreError::NotRestoring { partition });
    }
    Ok(keys)
}

fn apply(keys: &mut Keys, entries: Vec<Entry>) {
    for (key, value) in entries {
        match value {
            Some(value) => keys.insert(key, value),
            None => keys.remove(&key),
        };
    }
}

impl Store for MemoryStore {
    fn open_partition(&self, partition: i32) -> Result<()> {
        self.change().entry(partition).or_default();
        Ok(())
    }

    fn drop_partition(&self, partition: i32) -> Result<()> {
        self.change().remove(&partition);
        Ok(())
    }

    fn partitions(&self) -> Vec<i32> {
        self.read().keys().copied().collect()
    }

    fn get(&self, partition: i32, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(keys_of(&self.read(), partition)?.get(key).cloned())
    }

    fn multi_get(&self, partition: i32, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>> {
        let partitions = self.read();
        let held = keys_of(&partitions, partition)?;
        Ok(keys.iter().map(|key| held.get(key).cloned()).collect())
    }

    fn scan_prefix(&self, partition: i32, prefix: &[u8], visit: &mut Visit<'_>) -> Result<()> {
        let partitions = self.read();
        let from = (Bound::Included(prefix), Bound::Unbounded);
        for (key, value) in keys_of(&partitions, partition)?.range::<[u8], _>(from) {
            if !key.starts_with(prefix) || visit(key, value).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn write(&self, batch: WriteBatch) -> Result<()> {
        batch.check()?;
        let mut partitions = self.change();
        for part in &batch.partitions {
            keys_of(&partitions, part.partition)?;
        }
        for part in batch.partitions {
            let keys = partitions.entry(part.partition).or_default();
            apply(keys, part.puts);
            keys.insert(META_KEY.to_vec(), part.meta);
        }
        Ok(())
    }

    fn restore_begin(&self, partition: i32) -> Result<()> {
        self.change().insert(partition, Keys::new());
        Ok(())
    }

    fn bulk_load(&self, partition: i32, entries: Vec<Entry>) -> Result<()> {
        check_entries(partition, &entries)?;
        apply(restoring(&mut self.change(), partition)?, entries);
        Ok(())
    }

    fn restore_finish(&self, partition: i32, meta: Vec<u8>) -> Result<()> {
        check_value(partition, META_KEY, &meta)?;
        restoring(&mut self.change(), partition)?.insert(META_KEY.to_vec(), meta);
        Ok(())
    }

    fn flush(&self) -> Result<()> {
        Ok(())
    }

    fn properties(&self) -> Properties {
        let partitions = self.read();
        let size = |keys: &Keys| {
            keys.iter()
                .map(|(k, v)| (k.len() + v.len()) as u64)
                .sum::<u64>()
        };
        Properties {
            keys: partitions.values().map(|keys| keys.len() as u64).sum(),
            memtable_bytes: partitions.values().map(size).sum(),
            ..Properties::default()
        }
    }
}
