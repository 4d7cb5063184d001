//! The index entries (timers) that only the store has: the changelog does not carry them, because
//! they follow from the state. A restore makes them again, and leaves no stale entry behind.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::error::WorkerError;
use super::settings::RESTORE_ENTRIES_MAX;
use crate::store::{StateEntry, Store};

/// The index entry of a state entry, as the task's factory knows it.
pub(super) type IndexFunction<'a> = &'a dyn Fn(&[u8], &[u8]) -> Option<(Vec<u8>, Vec<u8>)>;

/// Adds to state entries the changes of their index entries, given what the store has now.
pub(super) fn with_index(
    store: &dyn Store,
    partition: i32,
    entries: Vec<StateEntry>,
    indexer: IndexFunction<'_>,
) -> Result<Vec<StateEntry>, WorkerError> {
    // Only the last value of a key counts: the values before it never reached the store.
    let last: BTreeMap<Vec<u8>, Option<Vec<u8>>> = entries.into_iter().collect();
    let keys: Vec<Vec<u8>> = last.keys().cloned().collect();
    let before = store.multi_get(partition, &keys)?;
    let mut all = Vec::with_capacity(last.len());
    for (key, old) in keys.iter().zip(&before) {
        let stale = old.as_ref().and_then(|old| indexer(key, old));
        all.extend(stale.map(|(index, _)| (index, None)));
    }
    for (key, value) in last {
        let index = value.as_ref().and_then(|value| indexer(&key, value));
        all.extend(index.map(|(index, value)| (index, Some(value))));
        all.push((key, value));
    }
    Ok(all)
}

/// Makes the index of a partition that was loaded whole.
pub(super) fn build_index(
    store: &dyn Store,
    partition: i32,
    indexer: IndexFunction<'_>,
) -> Result<(), WorkerError> {
    let mut found: Vec<StateEntry> = Vec::new();
    store.scan_prefix(partition, b"", &mut |key, value| {
        found.extend(indexer(key, value).map(|(index, value)| (index, Some(value))));
        ControlFlow::Continue(())
    })?;
    while !found.is_empty() {
        let rest = found.split_off(found.len().min(RESTORE_ENTRIES_MAX));
        store.bulk_load(partition, std::mem::replace(&mut found, rest))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{MemoryStore, WriteBatch};

    fn indexer(key: &[u8], value: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
        let state = key.starts_with(b"a:") && !value.is_empty();
        state.then(|| ([b"timer/", value, b"/", key].concat(), Vec::new()))
    }

    fn keys(store: &MemoryStore) -> Vec<String> {
        let mut keys = Vec::new();
        let mut visit = |key: &[u8], _: &[u8]| {
            keys.push(String::from_utf8_lossy(key).into_owned());
            ControlFlow::Continue(())
        };
        store.scan_prefix(0, b"", &mut visit).unwrap();
        keys
    }

    fn put(key: &str, value: &str) -> StateEntry {
        (key.as_bytes().to_vec(), Some(value.as_bytes().to_vec()))
    }

    #[test]
    fn a_changed_or_deleted_value_leaves_no_stale_entry() {
        let store = MemoryStore::new();
        store.open_partition(0).unwrap();
        let first = vec![
            put("a:1", "10"),
            put("a:1", "20"),
            put("a:2", "30"),
            put("b", "1"),
        ];
        let write = |entries: Vec<StateEntry>| {
            let all = with_index(&store, 0, entries, &indexer).unwrap();
            store
                .write(WriteBatch::for_partition(0, all, b"m".to_vec()))
                .unwrap();
        };
        write(first);
        let made = ["#meta", "a:1", "a:2", "b", "timer/20/a:1", "timer/30/a:2"];
        assert_eq!(keys(&store), made);
        write(vec![put("a:1", "40"), (b"a:2".to_vec(), None)]);
        assert_eq!(keys(&store), ["#meta", "a:1", "b", "timer/40/a:1"]);
    }

    #[test]
    fn a_whole_restore_makes_the_same_index() {
        let store = MemoryStore::new();
        store.open_partition(0).unwrap();
        store.restore_begin(0).unwrap();
        store
            .bulk_load(0, vec![put("a:1", "10"), put("a:1", "20"), put("b", "1")])
            .unwrap();
        build_index(&store, 0, &indexer).unwrap();
        store.restore_finish(0, b"m".to_vec()).unwrap();
        assert_eq!(keys(&store), ["#meta", "a:1", "b", "timer/20/a:1"]);
    }
}
