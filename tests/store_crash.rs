//! After `kill -9`, and when the disk is full, the store has whole batches only, and every batch
//! whose write returned.
//!
//! The test starts itself again with [`ROLE`] set. The child writes until it is killed and prints
//! the number of every acknowledged batch.

#![allow(clippy::disallowed_methods, reason = "no pure room")]
#![cfg(feature = "rocksdb")]

use std::io::{BufRead, BufReader, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use scopewatch::store::{PartitionBatch, RocksStore, StateEntry, Store, StoreOptions, WriteBatch};

const ROLE: &str = "SCOPEWATCH_STORE_CRASH_ROLE";
const FOLDER: &str = "SCOPEWATCH_STORE_CRASH_FOLDER";
/// Keys that the writer overwrites in turn.
const KEYS: u64 = 50;
/// Entries of one restore.
const LOADED: u64 = 3_000;
const KILLS: u64 = 6;

fn open(folder: &Path) -> RocksStore {
    let options = StoreOptions {
        memory_bytes: 32 << 20,
        ..StoreOptions::new(folder)
    };
    RocksStore::open(&options).unwrap()
}

fn number(bytes: Option<Vec<u8>>) -> u64 {
    bytes.map_or(0, |bytes| {
        u64::from_be_bytes(bytes[..8].try_into().unwrap())
    })
}

/// A value that starts with its number and is long enough to fill files.
fn value(n: u64, bytes: usize) -> Vec<u8> {
    let mut value = n.to_be_bytes().to_vec();
    value.resize(bytes.max(8), b'.');
    value
}

fn key(n: u64) -> Vec<u8> {
    format!("a:acme/{}#live", n % KEYS).into_bytes()
}

fn acknowledge(n: u64) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "acknowledged {n}").unwrap();
    out.flush().unwrap();
}

/// The child process. Does nothing when it runs as a test.
#[test]
fn child() {
    let (Ok(role), Some(folder)) = (std::env::var(ROLE), std::env::var_os(FOLDER)) else {
        return;
    };
    let store = open(Path::new(&folder));
    match role.as_str() {
        "write" => write(&store, 300),
        "fill" => write(&store, 60_000),
        "restore" => restore(&store),
        other => panic!("no role {other}"),
    }
}

fn write(store: &RocksStore, bytes: usize) {
    store.open_partition(0).unwrap();
    store.open_partition(1).unwrap();
    let first = number(store.meta(0).unwrap()) + 1;
    for n in first.. {
        let part = |partition| PartitionBatch {
            partition,
            puts: vec![(key(n), Some(value(n, bytes)))],
            meta: value(n, 8),
        };
        if let Err(error) = store.write(WriteBatch {
            partitions: vec![part(0), part(1)],
        }) {
            println!("refused {error}");
            return;
        }
        acknowledge(n);
    }
}

fn restore(store: &RocksStore) {
    for n in number(meta_of_0(store)) + 1.. {
        store.restore_begin(0).unwrap();
        for chunk in 0..3 {
            let range = chunk * LOADED / 3..(chunk + 1) * LOADED / 3;
            let entry = |i: u64| -> StateEntry { (i.to_be_bytes().to_vec(), Some(value(n, 100))) };
            store.bulk_load(0, range.map(entry).collect()).unwrap();
        }
        store.restore_finish(0, value(n, 8)).unwrap();
        acknowledge(n);
        // Some of the kills must come after a finished restore.
        std::thread::sleep(Duration::from_millis(30));
    }
}

/// The META of partition 0, `None` also when the partition is not there.
fn meta_of_0(store: &RocksStore) -> Option<Vec<u8>> {
    store.meta(0).unwrap_or_default()
}

/// Runs the child for about `run_ms` from its first acknowledgement, kills it, and gives the last
/// number it acknowledged.
fn run_and_kill(role: &str, folder: &Path, run_ms: u64) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["child", "--exact", "--nocapture", "--test-threads=1"])
        .env(ROLE, role)
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let acknowledged = |line: String| line.strip_prefix("acknowledged ")?.parse::<u64>().ok();
    let mut last = lines
        .by_ref()
        .map_while(Result::ok)
        .find_map(acknowledged)
        .unwrap();
    let reader = std::thread::spawn(move || {
        // The kill can cut the last line; then it does not parse or its number is smaller, never
        // larger.
        let whole = lines.map_while(Result::ok).filter_map(acknowledged);
        whole.max().unwrap_or_default()
    });
    std::thread::sleep(Duration::from_millis(run_ms));
    child.kill().unwrap();
    child.wait().unwrap();
    last = last.max(reader.join().unwrap());
    last
}

#[test]
fn state_and_meta_of_both_partitions_come_from_the_same_batch_after_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..KILLS {
        let acknowledged = run_and_kill("write", folder.path(), 7 + 23 * round);
        check_written(&open(folder.path()), acknowledged);
    }
}

/// META says `n`, so every key holds the last value written to it up to `n`.
fn check_written(store: &RocksStore, acknowledged: u64) {
    let n = number(store.meta(0).unwrap());
    assert!(
        n >= acknowledged,
        "the store said {acknowledged} was written; it holds {n}"
    );
    assert_eq!(
        number(store.meta(1).unwrap()),
        n,
        "one batch, two partitions"
    );
    for last in (n.saturating_sub(KEYS - 1)..=n).filter(|last| *last > 0) {
        for partition in [0, 1] {
            assert_eq!(number(store.get(partition, &key(last)).unwrap()), last);
        }
    }
}

#[test]
fn a_restore_cut_short_by_kill_9_has_no_meta_and_a_finished_one_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let mut finished = 0;
    for round in 0..KILLS {
        run_and_kill("restore", folder.path(), 5 + 17 * round);
        let store = open(folder.path());
        let Some(meta) = meta_of_0(&store) else {
            continue;
        };
        finished += 1;
        let mut found = 0;
        store
            .scan_prefix(0, &[0], &mut |_, value| {
                assert_eq!(value[..8], meta[..8], "an entry of another restore");
                found += 1;
                ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!(found, LOADED, "META stands before all of its state");
    }
    println!("{finished} of {KILLS} kills fell behind a finished restore");
    assert!(finished > 0, "no finished restore was looked at");
}

#[test]
fn a_full_disk_is_named_and_leaves_whole_batches() {
    let folder = tempfile::tempdir().unwrap();
    // Files may not grow beyond 2 MiB (4096 blocks of 512 bytes); a write beyond it fails.
    let output = Command::new("sh")
        .args(["-c", r#"trap "" XFSZ; ulimit -f 4096; exec "$0" "$@""#])
        .arg(std::env::current_exe().unwrap())
        .args(["child", "--exact", "--nocapture", "--test-threads=1"])
        .env(ROLE, "fill")
        .env(FOLDER, folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let refused = text
        .lines()
        .find_map(|line| line.strip_prefix("refused "))
        .unwrap_or(&text);
    assert!(refused.contains("disk full: free some space"), "{refused}");
    let acknowledged = text
        .lines()
        .filter_map(|line| line.strip_prefix("acknowledged "));
    let last = acknowledged
        .filter_map(|n| n.parse().ok())
        .max()
        .unwrap_or_default();
    assert!(last > 0, "{text}");
    check_written(&open(folder.path()), last);
}
