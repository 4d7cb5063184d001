//! The store on disk: RocksDB with one column family per partition.
//!
//! One column family each, because one write-ahead log spans them all: a batch over several
//! partitions is atomic, and dropping a partition is a note in the manifest. The log is on and not
//! synced: a `kill -9` loses nothing, a power loss leaves an earlier whole batch, and the changelog
//! replays the rest.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rocksdb::{
    BoundColumnFamily, ColumnFamilyDescriptor, DBWithThreadMode, DEFAULT_COLUMN_FAMILY_NAME,
    MultiThreaded, ReadOptions, WriteOptions, properties as property,
};

use super::batch::{Entry, WriteBatch, check_entries, check_value};
use super::options::{StoreEvent, StoreEventHandler, Tuned, tune};
use super::{META_KEY, Properties, Result, Store, StoreError, StoreOptions, Visit};

type Db = DBWithThreadMode<MultiThreaded>;
type Family<'a> = Arc<BoundColumnFamily<'a>>;

/// The layout this code writes: families, reserved keys. What the values hold has versions of its
/// own.
const FORMAT: u32 = 1;
/// Where the default family keeps [`FORMAT`], in decimal digits.
const FORMAT_KEY: &[u8] = b"format";

/// A store in a folder. One process at a time.
pub struct RocksStore {
    // First, so that it closes before the options its threads use.
    db: Db,
    tuned: Tuned,
    path: PathBuf,
    /// The binding does not list its families. Also held while one is made or dropped.
    partitions: Mutex<BTreeSet<i32>>,
    on_event: StoreEventHandler,
}

impl RocksStore {
    /// Opens the store, making it when the folder has none.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process holds it, [`StoreError::NewerFormat`],
    /// [`StoreError::Foreign`], [`StoreError::DiskFull`], [`StoreError::Corrupt`], or
    /// [`StoreError::Disk`].
    pub fn open(options: &StoreOptions) -> Result<Self> {
        let path = options.path.clone();
        std::fs::create_dir_all(&path).map_err(|error| {
            StoreError::explain(&path, "creating the store's folder", &error.to_string())
        })?;
        let tuned = tune(options);
        let names = family_names(&tuned, &path)?;
        let families: Vec<_> = names
            .iter()
            .map(|name| ColumnFamilyDescriptor::new(name, tuned.family.clone()))
            .collect();
        let db = Db::open_cf_descriptors(&tuned.db, &path, families)
            .map_err(|error| StoreError::explain(&path, "opening the store", error.as_ref()))?;
        let partitions: BTreeSet<i32> =
            names.iter().filter_map(|name| partition_of(name)).collect();
        let has_partitions = !partitions.is_empty();
        let store = RocksStore {
            db,
            tuned,
            path,
            partitions: Mutex::new(partitions),
            on_event: options.on_event,
        };
        store.check_format(has_partitions)?;
        Ok(store)
    }

    /// Refuses a layout this code does not know; marks a new store with the one it writes.
    fn check_format(&self, has_partitions: bool) -> Result<()> {
        let found = self
            .db
            .get(FORMAT_KEY)
            .map_err(|error| self.explain("reading", &error))?;
        let Some(found) = found else {
            if has_partitions {
                let detail = "it has partitions and no format".to_owned();
                return Err(StoreError::Foreign {
                    path: self.path.clone(),
                    detail,
                });
            }
            let mut synced = WriteOptions::default();
            synced.set_sync(true);
            return self
                .db
                .put_opt(FORMAT_KEY, FORMAT.to_string(), &synced)
                .map_err(|error| self.explain("writing the format", &error));
        };
        let found = String::from_utf8_lossy(&found).into_owned();
        match found.parse::<u32>() {
            Ok(FORMAT) => Ok(()),
            Ok(newer) if newer > FORMAT => Err(StoreError::NewerFormat {
                path: self.path.clone(),
                found,
                newest: FORMAT,
            }),
            Ok(_) | Err(_) => Err(StoreError::Foreign {
                path: self.path.clone(),
                detail: format!("its format reads `{}`", found.escape_debug()),
            }),
        }
    }

    fn explain(&self, doing: &'static str, error: &rocksdb::Error) -> StoreError {
        StoreError::explain(&self.path, doing, error.as_ref())
    }

    fn held(&self) -> MutexGuard<'_, BTreeSet<i32>> {
        self.partitions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn family(&self, partition: i32) -> Result<Family<'_>> {
        self.db
            .cf_handle(&family_name(partition))
            .ok_or(StoreError::NotOpen { partition })
    }

    fn restoring(&self, partition: i32) -> Result<Family<'_>> {
        let family = self.family(partition)?;
        let meta = self.db.get_pinned_cf(&family, META_KEY);
        match meta.map_err(|error| self.explain("reading", &error))? {
            Some(_) => Err(StoreError::NotRestoring { partition }),
            None => Ok(family),
        }
    }

    fn write_opt(&self, batch: rocksdb::WriteBatch, options: &WriteOptions) -> Result<()> {
        self.db
            .write_opt(batch, options)
            .map_err(|error| self.explain("writing", &error))
    }

    fn sum(&self, name: &rocksdb::properties::PropName) -> u64 {
        self.partitions()
            .into_iter()
            .filter_map(|partition| self.family(partition).ok())
            .filter_map(|family| self.db.property_int_value_cf(&family, name).ok().flatten())
            .sum()
    }

    fn number(&self, name: &rocksdb::properties::PropName) -> u64 {
        self.db
            .property_int_value(name)
            .ok()
            .flatten()
            .unwrap_or_default()
    }
}

impl Drop for RocksStore {
    /// Flushes on close; what cannot be flushed is in the changelog.
    fn drop(&mut self) {
        if let Err(error) = self.flush() {
            (self.on_event)(StoreEvent::UnflushedClose {
                reason: &error.to_string(),
            });
        }
        self.db.cancel_all_background_work(true);
    }
}

fn family_name(partition: i32) -> String {
    format!("p{partition}")
}

fn partition_of(name: &str) -> Option<i32> {
    let number: i32 = name.strip_prefix('p')?.parse().ok()?;
    (family_name(number) == name).then_some(number)
}

/// The families on disk; the default one alone when there is no store yet.
fn family_names(tuned: &Tuned, path: &Path) -> Result<Vec<String>> {
    if !path.join("CURRENT").exists() {
        return Ok(vec![DEFAULT_COLUMN_FAMILY_NAME.to_owned()]);
    }
    let names = Db::list_cf(&tuned.db, path)
        .map_err(|error| StoreError::explain(path, "reading the manifest", error.as_ref()))?;
    let known = |name: &str| name == DEFAULT_COLUMN_FAMILY_NAME || partition_of(name).is_some();
    match names.iter().find(|name| !known(name)) {
        None => Ok(names),
        Some(name) => {
            let detail = format!("it has a column family `{name}`");
            Err(StoreError::Foreign {
                path: path.to_owned(),
                detail,
            })
        }
    }
}

fn fill(batch: &mut rocksdb::WriteBatch, family: &Family<'_>, entries: Vec<Entry>) {
    for (key, value) in entries {
        match value {
            Some(value) => batch.put_cf(family, key, value),
            None => batch.delete_cf(family, key),
        }
    }
}

impl Store for RocksStore {
    fn open_partition(&self, partition: i32) -> Result<()> {
        let mut held = self.held();
        if !held.contains(&partition) {
            self.db
                .create_cf(family_name(partition), &self.tuned.family)
                .map_err(|error| self.explain("opening a partition", &error))?;
            held.insert(partition);
        }
        Ok(())
    }

    fn drop_partition(&self, partition: i32) -> Result<()> {
        let mut held = self.held();
        if held.contains(&partition) {
            self.db
                .drop_cf(&family_name(partition))
                .map_err(|error| self.explain("dropping a partition", &error))?;
            held.remove(&partition);
        }
        Ok(())
    }

    fn partitions(&self) -> Vec<i32> {
        self.held().iter().copied().collect()
    }

    fn get(&self, partition: i32, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let family = self.family(partition)?;
        self.db
            .get_cf(&family, key)
            .map_err(|error| self.explain("reading", &error))
    }

    fn multi_get(&self, partition: i32, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>> {
        let family = self.family(partition)?;
        // RocksDB groups sorted keys by file and block; the answers go back to the asked order.
        let mut asked: Vec<(usize, &Vec<u8>)> = keys.iter().enumerate().collect();
        asked.sort_unstable_by_key(|(_, key)| *key);
        let found = self
            .db
            .batched_multi_get_cf(&family, asked.iter().map(|(_, key)| *key), true);
        let mut values = vec![None; keys.len()];
        for ((index, _), value) in asked.into_iter().zip(found) {
            let value = value.map_err(|error| self.explain("reading", &error))?;
            if let Some(slot) = values.get_mut(index) {
                *slot = value.map(|bytes| bytes.to_vec());
            }
        }
        Ok(values)
    }

    fn scan_prefix(&self, partition: i32, prefix: &[u8], visit: &mut Visit<'_>) -> Result<()> {
        let family = self.family(partition)?;
        let mut options = ReadOptions::default();
        // A scan of everything at start must not push the hot agents out of the cache.
        options.fill_cache(false);
        let mut entries = self.db.raw_iterator_cf_opt(&family, options);
        entries.seek(prefix);
        while let Some((key, value)) = entries.item() {
            if !key.starts_with(prefix) || visit(key, value).is_break() {
                break;
            }
            entries.next();
        }
        entries
            .status()
            .map_err(|error| self.explain("reading", &error))
    }

    fn write(&self, batch: WriteBatch) -> Result<()> {
        batch.check()?;
        let mut whole = rocksdb::WriteBatch::default();
        for part in batch.partitions {
            let family = self.family(part.partition)?;
            fill(&mut whole, &family, part.puts);
            whole.put_cf(&family, META_KEY, part.meta);
        }
        self.write_opt(whole, &WriteOptions::default())
    }

    fn restore_begin(&self, partition: i32) -> Result<()> {
        self.drop_partition(partition)?;
        self.open_partition(partition)
    }

    fn bulk_load(&self, partition: i32, entries: Vec<Entry>) -> Result<()> {
        check_entries(partition, &entries)?;
        let family = self.restoring(partition)?;
        let mut batch = rocksdb::WriteBatch::default();
        fill(&mut batch, &family, entries);
        let mut unlogged = WriteOptions::default();
        unlogged.disable_wal(true);
        self.write_opt(batch, &unlogged)
    }

    fn restore_finish(&self, partition: i32, meta: Vec<u8>) -> Result<()> {
        check_value(partition, META_KEY, &meta)?;
        let family = self.restoring(partition)?;
        // Unlogged entries are durable only in files: META may not exist before they are.
        self.db
            .flush_cf(&family)
            .map_err(|error| self.explain("flushing", &error))?;
        let mut batch = rocksdb::WriteBatch::default();
        batch.put_cf(&family, META_KEY, meta);
        self.write_opt(batch, &WriteOptions::default())
    }

    fn flush(&self) -> Result<()> {
        self.db
            .flush_wal(true)
            .map_err(|error| self.explain("flushing", &error))
    }

    fn properties(&self) -> Properties {
        Properties {
            keys: self.sum(property::ESTIMATE_NUM_KEYS),
            memtable_bytes: self.sum(property::CUR_SIZE_ALL_MEM_TABLES),
            file_bytes: self.sum(property::TOTAL_SST_FILES_SIZE),
            cache_bytes: self.number(property::BLOCK_CACHE_USAGE),
            compaction_pending_bytes: self.sum(property::ESTIMATE_PENDING_COMPACTION_BYTES),
            background_errors: self.number(property::BACKGROUND_ERRORS),
            write_stalled: self.number(property::IS_WRITE_STOPPED) != 0
                || self.number(property::ACTUAL_DELAYED_WRITE_RATE) != 0,
        }
    }
}
