//! One suite and one model, run on the in-memory store and on RocksDB alike.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use proptest::prelude::*;

use super::{
    KEY_BYTES_MAX, META_KEY, MemoryStore, PartitionBatch, StateEntry, Store, StoreError,
    VALUE_BYTES_MAX, WriteBatch,
};

fn put(key: &str, value: &str) -> StateEntry {
    (key.as_bytes().to_vec(), Some(value.as_bytes().to_vec()))
}

fn delete(key: &str) -> StateEntry {
    (key.as_bytes().to_vec(), None)
}

fn scan(store: &dyn Store, partition: i32, prefix: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found = Vec::new();
    store
        .scan_prefix(partition, prefix, &mut |key, value| {
            found.push((key.to_vec(), value.to_vec()));
            ControlFlow::Continue(())
        })
        .unwrap();
    found
}

/// What every store must do.
fn suite(store: &dyn Store) {
    partitions_open_and_drop(store);
    a_batch_spans_partitions_or_does_nothing(store);
    reads_agree_with_each_other(store);
    scans_are_ordered_and_stop(store);
    a_restore_gets_its_meta_last(store);
    limits_are_named(store);
}

fn partitions_open_and_drop(store: &dyn Store) {
    assert_eq!(store.partitions(), Vec::<i32>::new());
    let error = store.get(0, b"a").unwrap_err();
    assert!(
        matches!(error, StoreError::NotOpen { partition: 0 }),
        "{error}"
    );
    store.open_partition(11).unwrap();
    store.open_partition(0).unwrap();
    store
        .write(WriteBatch::for_partition(
            0,
            vec![put("a", "1")],
            b"m".to_vec(),
        ))
        .unwrap();
    store.open_partition(0).unwrap();
    assert_eq!(
        store.get(0, b"a").unwrap(),
        Some(b"1".to_vec()),
        "opening again keeps"
    );
    assert_eq!(store.partitions(), [0, 11]);
    store.drop_partition(0).unwrap();
    store.drop_partition(0).unwrap();
    assert!(store.get(0, b"a").is_err());
    store.open_partition(0).unwrap();
    assert_eq!(
        store.meta(0).unwrap(),
        None,
        "a dropped partition comes back empty"
    );
    assert_eq!(scan(store, 0, b""), []);
}

fn a_batch_spans_partitions_or_does_nothing(store: &dyn Store) {
    let part = |partition, value: &str| PartitionBatch {
        partition,
        puts: vec![put("k", value)],
        meta: value.as_bytes().to_vec(),
    };
    let whole = WriteBatch {
        partitions: vec![part(0, "1"), part(11, "2")],
    };
    store.write(whole).unwrap();
    assert_eq!(store.get(0, b"k").unwrap(), Some(b"1".to_vec()));
    assert_eq!(store.meta(11).unwrap(), Some(b"2".to_vec()));

    let torn = WriteBatch {
        partitions: vec![part(0, "3"), part(7, "4")],
    };
    let error = store.write(torn).unwrap_err();
    assert!(
        matches!(error, StoreError::NotOpen { partition: 7 }),
        "{error}"
    );
    assert_eq!(
        store.get(0, b"k").unwrap(),
        Some(b"1".to_vec()),
        "nothing of a refused batch"
    );
}

fn reads_agree_with_each_other(store: &dyn Store) {
    let puts = vec![
        put("b", "1"),
        put("b", "2"),
        put("c", "3"),
        delete("c"),
        put("", "empty key"),
    ];
    store
        .write(WriteBatch::for_partition(0, puts, Vec::new()))
        .unwrap();
    let keys = ["z", "b", "", "c", "b"].map(|key| key.as_bytes().to_vec());
    let found = store.multi_get(0, &keys).unwrap();
    let two = || Some(b"2".to_vec());
    assert_eq!(
        found,
        [None, two(), Some(b"empty key".to_vec()), None, two()]
    );
    assert_eq!(
        store.multi_get(0, &[]).unwrap(),
        Vec::<Option<Vec<u8>>>::new()
    );
    assert_eq!(
        store.meta(0).unwrap(),
        Some(Vec::new()),
        "an empty value is a value"
    );
}

fn scans_are_ordered_and_stop(store: &dyn Store) {
    let puts = ["t:x", "a:2", "a:1", "a:\u{ff}", "b"]
        .map(|key| put(key, key))
        .to_vec();
    store.restore_begin(0).unwrap();
    store
        .write(WriteBatch::for_partition(0, puts, b"m".to_vec()))
        .unwrap();
    let keys: Vec<_> = scan(store, 0, b"a:")
        .into_iter()
        .map(|(key, _)| key)
        .collect();
    assert_eq!(
        keys,
        ["a:1", "a:2", "a:\u{ff}"].map(|key| key.as_bytes().to_vec())
    );
    assert_eq!(scan(store, 0, b"").len(), 6, "META too");
    let mut shown = 0;
    let stop = &mut |_: &[u8], _: &[u8]| {
        shown += 1;
        ControlFlow::Break(())
    };
    store.scan_prefix(0, b"", stop).unwrap();
    assert_eq!(shown, 1);
}

fn a_restore_gets_its_meta_last(store: &dyn Store) {
    store
        .write(WriteBatch::for_partition(
            0,
            vec![put("old", "1")],
            b"m".to_vec(),
        ))
        .unwrap();
    let error = store.bulk_load(0, vec![put("a", "1")]).unwrap_err();
    assert!(
        matches!(error, StoreError::NotRestoring { partition: 0 }),
        "{error}"
    );

    store.restore_begin(0).unwrap();
    assert_eq!(store.get(0, b"old").unwrap(), None);
    store
        .bulk_load(0, vec![put("a", "1"), put("b", "1"), put("a", "2")])
        .unwrap();
    store.bulk_load(0, vec![delete("b")]).unwrap();
    assert_eq!(store.meta(0).unwrap(), None, "not restored yet");
    store.restore_finish(0, b"m".to_vec()).unwrap();
    assert_eq!(store.meta(0).unwrap(), Some(b"m".to_vec()));
    assert_eq!(scan(store, 0, b"a"), [(b"a".to_vec(), b"2".to_vec())]);
    assert_eq!(store.get(0, b"b").unwrap(), None);
    assert!(store.restore_finish(0, b"n".to_vec()).is_err(), "twice");
    store.flush().unwrap();
}

fn limits_are_named(store: &dyn Store) {
    let write = |key: Vec<u8>, bytes: usize| {
        let puts = vec![(key, Some(vec![0; bytes]))];
        store
            .write(WriteBatch::for_partition(0, puts, Vec::new()))
            .map_err(|error| error.to_string())
    };
    write(vec![b'k'; KEY_BYTES_MAX], VALUE_BYTES_MAX).unwrap();
    assert!(
        write(vec![b'k'; KEY_BYTES_MAX + 1], 0)
            .unwrap_err()
            .contains("a key of 4097 bytes")
    );
    let error = write(b"a:x\n".to_vec(), VALUE_BYTES_MAX + 1).unwrap_err();
    assert!(
        error.contains("a value of 1048577 bytes") && error.contains(r"`a:x\n`"),
        "{error}"
    );
    assert!(write(META_KEY.to_vec(), 0).unwrap_err().contains("#meta"));
    let error = store.write(WriteBatch::for_partition(
        0,
        Vec::new(),
        vec![0; VALUE_BYTES_MAX + 1],
    ));
    assert!(error.is_err(), "META is bounded too");
}

/// One step of the model.
#[derive(Debug, Clone)]
enum Step {
    Open(i32),
    Drop(i32),
    Write(Vec<(i32, Vec<StateEntry>, Vec<u8>)>),
    Restore(i32, Vec<Vec<StateEntry>>, Vec<u8>),
    /// A restore that a crash cuts short, then the process comes back.
    HalfRestore(i32, Vec<StateEntry>),
    Reopen,
}

fn entries() -> impl Strategy<Value = Vec<StateEntry>> {
    let key = prop::sample::select(vec!["", "a:x#live", "a:x#learned", "a:y#live", "t:x", "z"]);
    let value = prop::option::of(prop::collection::vec(any::<u8>(), 0..4));
    prop::collection::vec((key.prop_map(|key| key.as_bytes().to_vec()), value), 0..6)
}

fn step() -> impl Strategy<Value = Step> {
    let meta = || prop::collection::vec(any::<u8>(), 0..3);
    let part = (0..3, entries(), meta());
    prop_oneof![
        3 => (0..3).prop_map(Step::Open),
        1 => (0..3).prop_map(Step::Drop),
        6 => prop::collection::vec(part, 1..4).prop_map(Step::Write),
        2 => (0..3, prop::collection::vec(entries(), 0..3), meta())
            .prop_map(|(partition, loads, meta)| Step::Restore(partition, loads, meta)),
        1 => (0..3, entries()).prop_map(|(partition, load)| Step::HalfRestore(partition, load)),
        1 => Just(Step::Reopen),
    ]
}

type Model = BTreeMap<i32, BTreeMap<Vec<u8>, Vec<u8>>>;

fn apply(model: &mut BTreeMap<Vec<u8>, Vec<u8>>, entries: &[StateEntry]) {
    for (key, value) in entries {
        match value {
            Some(value) => model.insert(key.clone(), value.clone()),
            None => model.remove(key),
        };
    }
}

/// Applies a step to store and model; says whether the store must be closed and opened again.
fn apply_step(store: &dyn Store, model: &mut Model, step: &Step) -> bool {
    match step {
        Step::Open(partition) => {
            store.open_partition(*partition).unwrap();
            model.entry(*partition).or_default();
        }
        Step::Drop(partition) => {
            store.drop_partition(*partition).unwrap();
            model.remove(partition);
        }
        Step::Write(parts) => {
            let partitions = parts
                .iter()
                .cloned()
                .map(|(partition, puts, meta)| PartitionBatch {
                    partition,
                    puts,
                    meta,
                });
            let written = store.write(WriteBatch {
                partitions: partitions.collect(),
            });
            let all_open = parts
                .iter()
                .all(|(partition, ..)| model.contains_key(partition));
            assert_eq!(written.is_ok(), all_open);
            for (partition, puts, meta) in parts.iter().filter(|_| all_open) {
                let keys = model.entry(*partition).or_default();
                apply(keys, puts);
                keys.insert(META_KEY.to_vec(), meta.clone());
            }
        }
        Step::Restore(partition, loads, meta) => {
            store.restore_begin(*partition).unwrap();
            let mut keys = BTreeMap::new();
            for load in loads {
                store.bulk_load(*partition, load.clone()).unwrap();
                apply(&mut keys, load);
            }
            store.restore_finish(*partition, meta.clone()).unwrap();
            keys.insert(META_KEY.to_vec(), meta.clone());
            model.insert(*partition, keys);
        }
        Step::HalfRestore(partition, load) => {
            store.restore_begin(*partition).unwrap();
            store.bulk_load(*partition, load.clone()).unwrap();
            let mut keys = BTreeMap::new();
            apply(&mut keys, load);
            model.insert(*partition, keys);
            return true;
        }
        Step::Reopen => return true,
    }
    false
}

fn agree(store: &dyn Store, model: &Model) {
    assert_eq!(
        store.partitions(),
        model.keys().copied().collect::<Vec<_>>()
    );
    for (partition, keys) in model {
        for prefix in [&b""[..], b"a:", b"a:x", b"zz"] {
            let wanted: Vec<_> = keys
                .iter()
                .filter(|(key, _)| key.starts_with(prefix))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            assert_eq!(scan(store, *partition, prefix), wanted);
        }
        let asked = ["z", "a:x#live", "", "a:x#live", "none"].map(|key| key.as_bytes().to_vec());
        let wanted: Vec<_> = asked.iter().map(|key| keys.get(key).cloned()).collect();
        assert_eq!(store.multi_get(*partition, &asked).unwrap(), wanted);
        assert_eq!(store.meta(*partition).unwrap().as_ref(), keys.get(META_KEY));
    }
}

/// Runs the steps; `reopen` closes the store and opens the same bytes again.
fn run_model<S: Store>(mut store: S, steps: &[Step], reopen: impl Fn(S) -> S) {
    let mut model = Model::new();
    for step in steps {
        if apply_step(&store, &mut model, step) {
            store = reopen(store);
        }
        agree(&store, &model);
    }
}

#[test]
fn the_memory_store_passes_the_suite() {
    suite(&MemoryStore::new());
}

proptest! {
    #![proptest_config(crate::property::config(256))]

    #[test]
    fn the_memory_store_follows_the_model(steps in prop::collection::vec(step(), 1..40)) {
        run_model(MemoryStore::new(), &steps, |store| store);
    }
}

#[test]
fn the_text_of_a_failure_decides_its_kind() {
    let explain = |text: &str| {
        StoreError::from_failure(std::path::Path::new("/s"), "writing", text).to_string()
    };
    let full = "IO error: No space left on device: While appending to file: /s/1.log: No space";
    assert!(
        explain(full).starts_with("/s: disk full: "),
        "{}",
        explain(full)
    );
    let lock = "IO error: While lock file: /s/LOCK: Resource temporarily unavailable";
    assert!(
        explain(lock).starts_with("/s: another process holds this store"),
        "{}",
        explain(lock)
    );
    assert!(explain("Corruption: bad block").contains("damaged"));
    assert_eq!(explain("IO error: odd"), "/s: writing: IO error: odd");
}

#[cfg(feature = "rocksdb")]
mod rocks {
    use super::*;
    use crate::store::{RocksStore, StoreOptions};

    fn small(path: &std::path::Path) -> StoreOptions {
        StoreOptions {
            memory_bytes: 32 * 1024 * 1024,
            ..StoreOptions::new(path)
        }
    }

    #[test]
    fn the_store_on_disk_passes_the_suite() {
        let folder = tempfile::tempdir().unwrap();
        suite(&RocksStore::open(&small(folder.path())).unwrap());
    }

    proptest! {
        #![proptest_config(crate::property::config(12))]

        #[test]
        fn the_store_on_disk_follows_the_model(steps in prop::collection::vec(step(), 1..25)) {
            let folder = tempfile::tempdir().unwrap();
            let options = small(folder.path());
            run_model(RocksStore::open(&options).unwrap(), &steps, |store| {
                drop(store);
                RocksStore::open(&options).unwrap()
            });
        }
    }

    #[test]
    fn opening_a_store_in_use_names_the_other_process() {
        let folder = tempfile::tempdir().unwrap();
        let _first = RocksStore::open(&small(folder.path())).unwrap();
        let error = RocksStore::open(&small(folder.path())).err().unwrap();
        assert!(matches!(error, StoreError::Locked { .. }), "{error}");
    }

    #[test]
    fn a_newer_format_and_a_foreign_database_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        drop(RocksStore::open(&small(folder.path())).unwrap());
        let plain = rocksdb::DB::open_default(folder.path()).unwrap();
        plain.put(b"format", b"2").unwrap();
        drop(plain);
        let error = RocksStore::open(&small(folder.path()))
            .err()
            .unwrap()
            .to_string();
        assert!(
            error.contains("format 2, written by a newer scopewatch"),
            "{error}"
        );

        let other = tempfile::tempdir().unwrap();
        let mut options = rocksdb::Options::default();
        options.create_if_missing(true);
        let foreign = rocksdb::DB::open(&options, other.path()).unwrap();
        foreign.create_cf("users", &options).unwrap();
        drop(foreign);
        let error = RocksStore::open(&small(other.path()))
            .err()
            .unwrap()
            .to_string();
        assert!(
            error.contains("not a scopewatch store") && error.contains("users"),
            "{error}"
        );
    }

    #[test]
    fn properties_count_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let store = RocksStore::open(&small(folder.path())).unwrap();
        store.open_partition(3).unwrap();
        store
            .write(WriteBatch::for_partition(
                3,
                vec![put("a", "1")],
                b"m".to_vec(),
            ))
            .unwrap();
        let properties = store.properties();
        assert_eq!(properties.keys, 2);
        assert!(
            properties.memtable_bytes > 0 && !properties.write_stalled,
            "{properties:?}"
        );
    }
}
