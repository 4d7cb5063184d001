//! The store on disk: RocksDB with one column family per partition.
//!
//! All column families share one write-ahead log, so a batch over several partitions is atomic, and
//! dropping a partition only writes to the manifest. The log is written but not synced: a `kill -9`
//! loses nothing; after a power loss the store is at an earlier whole batch, and the changelog
//! replays the rest.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rocksdb::{
    BoundColumnFamily, ColumnFamilyDescriptor, DBWithThreadMode, DEFAULT_COLUMN_FAMILY_NAME,
    MultiThreaded, ReadOptions, WriteOptions, properties as property,
};

use super::batch::{StateEntry, WriteBatch, check_entries, check_value};
use super::options::{StoreEvent, StoreEventHandler, TunedOptions, tune_options};
use super::{
    EntryVisitor, META_KEY, Store, StoreError, StoreOptions, StoreProperties, StoreResult,
};

type Db = DBWithThreadMode<MultiThreaded>;
type OpenFamily<'a> = Arc<BoundColumnFamily<'a>>;

/// Version of the layout: column families and reserved keys. The values have versions of their own.
const FORMAT: u32 = 1;
/// Where the default family keeps [`FORMAT`], in decimal digits.
const FORMAT_KEY: &[u8] = b"format";

/// A store in a folder. One process at a time.
pub struct RocksStore {
    // The first field is dropped first: the database closes before the options its threads use.
    db: Db,
    tuned: TunedOptions,
    path: PathBuf,
    /// The open partitions, because the binding does not list its families. Locked while a family
    /// is created or dropped.
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
    pub fn open(options: &StoreOptions) -> StoreResult<Self> {
        let path = options.path.clone();
        std::fs::create_dir_all(&path).map_err(|error| {
            StoreError::from_failure(&path, "creating the store's folder", &error.to_string())
        })?;
        let tuned = tune_options(options);
        let names = family_names(&tuned, &path)?;
        let families: Vec<_> = names
            .iter()
            .map(|name| ColumnFamilyDescriptor::new(name, tuned.family.clone()))
            .collect();
        let db = Db::open_cf_descriptors(&tuned.db, &path, families).map_err(|error| {
            StoreError::from_failure(&path, "opening the store", error.as_ref())
        })?;
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

    /// Refuses a store of another format; writes the format into a new store.
    fn check_format(&self, has_partitions: bool) -> StoreResult<()> {
        let found = self
            .db
            .get(FORMAT_KEY)
            .map_err(|error| self.failure("reading", &error))?;
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
                .map_err(|error| self.failure("writing the format", &error));
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

    fn failure(&self, doing: &'static str, error: &rocksdb::Error) -> StoreError {
        StoreError::from_failure(&self.path, doing, error.as_ref())
    }

    fn lock_open(&self) -> MutexGuard<'_, BTreeSet<i32>> {
        self.partitions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn open_family(&self, partition: i32) -> StoreResult<OpenFamily<'_>> {
        self.db
            .cf_handle(&family_name(partition))
            .ok_or(StoreError::NotOpen { partition })
    }

    fn restoring_family(&self, partition: i32) -> StoreResult<OpenFamily<'_>> {
        let family = self.open_family(partition)?;
        let meta = self.db.get_pinned_cf(&family, META_KEY);
        match meta.map_err(|error| self.failure("reading", &error))? {
            Some(_) => Err(StoreError::NotRestoring { partition }),
            None => Ok(family),
        }
    }

    fn write_opt(&self, batch: rocksdb::WriteBatch, options: &WriteOptions) -> StoreResult<()> {
        self.db
            .write_opt(batch, options)
            .map_err(|error| self.failure("writing", &error))
    }

    fn sum_property(&self, name: &rocksdb::properties::PropName) -> u64 {
        self.partitions()
            .into_iter()
            .filter_map(|partition| self.open_family(partition).ok())
            .filter_map(|family| self.db.property_int_value_cf(&family, name).ok().flatten())
            .sum()
    }

    fn int_property(&self, name: &rocksdb::properties::PropName) -> u64 {
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

/// The families on disk; only the default one when there is no store yet.
fn family_names(tuned: &TunedOptions, path: &Path) -> StoreResult<Vec<String>> {
    if !path.join("CURRENT").exists() {
        return Ok(vec![DEFAULT_COLUMN_FAMILY_NAME.to_owned()]);
    }
    let names = Db::list_cf(&tuned.db, path)
        .map_err(|error| StoreError::from_failure(path, "reading the manifest", error.as_ref()))?;
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

fn fill_batch(batch: &mut rocksdb::WriteBatch, family: &OpenFamily<'_>, entries: Vec<StateEntry>) {
    for (key, value) in entries {
        match value {
            Some(value) => batch.put_cf(family, key, value),
            None => batch.delete_cf(family, key),
        }
    }
}

impl Store for RocksStore {
    fn open_partition(&self, partition: i32) -> StoreResult<()> {
        let mut open = self.lock_open();
        if !open.contains(&partition) {
            self.db
                .create_cf(family_name(partition), &self.tuned.family)
                .map_err(|error| self.failure("opening a partition", &error))?;
            open.insert(partition);
        }
        Ok(())
    }

    fn drop_partition(&self, partition: i32) -> StoreResult<()> {
        let mut open = self.lock_open();
        if open.contains(&partition) {
            self.db
                .drop_cf(&family_name(partition))
                .map_err(|error| self.failure("dropping a partition", &error))?;
            open.remove(&partition);
        }
        Ok(())
    }

    fn partitions(&self) -> Vec<i32> {
        self.lock_open().iter().copied().collect()
    }

    fn get(&self, partition: i32, key: &[u8]) -> StoreResult<Option<Vec<u8>>> {
        let family = self.open_family(partition)?;
        self.db
            .get_cf(&family, key)
            .map_err(|error| self.failure("reading", &error))
    }

    fn multi_get(&self, partition: i32, keys: &[Vec<u8>]) -> StoreResult<Vec<Option<Vec<u8>>>> {
        let family = self.open_family(partition)?;
        // RocksDB reads sorted keys by file and block; the values go back into the order of `keys`.
        let mut sorted: Vec<(usize, &Vec<u8>)> = keys.iter().enumerate().collect();
        sorted.sort_unstable_by_key(|(_, key)| *key);
        let found = self
            .db
            .batched_multi_get_cf(&family, sorted.iter().map(|(_, key)| *key), true);
        let mut values = vec![None; keys.len()];
        for ((index, _), value) in sorted.into_iter().zip(found) {
            let value = value.map_err(|error| self.failure("reading", &error))?;
            if let Some(slot) = values.get_mut(index) {
                *slot = value.map(|bytes| bytes.to_vec());
            }
        }
        Ok(values)
    }

    fn scan_prefix(
        &self,
        partition: i32,
        prefix: &[u8],
        visit: &mut EntryVisitor<'_>,
    ) -> StoreResult<()> {
        let family = self.open_family(partition)?;
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
            .map_err(|error| self.failure("reading", &error))
    }

    fn write(&self, batch: WriteBatch) -> StoreResult<()> {
        batch.check_limits()?;
        let mut whole = rocksdb::WriteBatch::default();
        for part in batch.partitions {
            let family = self.open_family(part.partition)?;
            fill_batch(&mut whole, &family, part.puts);
            whole.put_cf(&family, META_KEY, part.meta);
        }
        self.write_opt(whole, &WriteOptions::default())
    }

    fn restore_begin(&self, partition: i32) -> StoreResult<()> {
        self.drop_partition(partition)?;
        self.open_partition(partition)
    }

    fn bulk_load(&self, partition: i32, entries: Vec<StateEntry>) -> StoreResult<()> {
        check_entries(partition, &entries)?;
        let family = self.restoring_family(partition)?;
        let mut batch = rocksdb::WriteBatch::default();
        fill_batch(&mut batch, &family, entries);
        let mut unlogged = WriteOptions::default();
        unlogged.disable_wal(true);
        self.write_opt(batch, &unlogged)
    }

    fn restore_finish(&self, partition: i32, meta: Vec<u8>) -> StoreResult<()> {
        check_value(partition, META_KEY, &meta)?;
        let family = self.restoring_family(partition)?;
        // Unlogged entries are durable only in files: META may not exist before they are.
        self.db
            .flush_cf(&family)
            .map_err(|error| self.failure("flushing", &error))?;
        let mut batch = rocksdb::WriteBatch::default();
        batch.put_cf(&family, META_KEY, meta);
        self.write_opt(batch, &WriteOptions::default())
    }

    fn flush(&self) -> StoreResult<()> {
        self.db
            .flush_wal(true)
            .map_err(|error| self.failure("flushing", &error))
    }

    fn properties(&self) -> StoreProperties {
        StoreProperties {
            keys: self.sum_property(property::ESTIMATE_NUM_KEYS),
            memtable_bytes: self.sum_property(property::CUR_SIZE_ALL_MEM_TABLES),
            file_bytes: self.sum_property(property::TOTAL_SST_FILES_SIZE),
            cache_bytes: self.int_property(property::BLOCK_CACHE_USAGE),
            compaction_pending_bytes: self
                .sum_property(property::ESTIMATE_PENDING_COMPACTION_BYTES),
            background_errors: self.int_property(property::BACKGROUND_ERRORS),
            write_stalled: self.int_property(property::IS_WRITE_STOPPED) != 0
                || self.int_property(property::ACTUAL_DELAYED_WRITE_RATE) != 0,
        }
    }
}
