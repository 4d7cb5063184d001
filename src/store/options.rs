//! How large the store may be, and the RocksDB settings that follow from it.

use std::path::PathBuf;

/// What the store reports about itself.
#[derive(Debug, Clone, Copy)]
pub enum StoreEvent<'a> {
    /// A warning or an error of RocksDB's own log.
    LogLine { is_error: bool, message: &'a str },
    /// The store closed, and its latest writes are not in its files. They are not lost: the
    /// changelog has them.
    UnflushedClose { reason: &'a str },
}

/// Receives the events of a store, on RocksDB's threads too, where a panic would abort the process.
pub type StoreEventHandler = fn(StoreEvent<'_>);

/// Where the store is, and how much memory it may use.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// Folder of the store; created when missing.
    pub path: PathBuf,
    /// Bytes of memory for block cache, indexes, filters and unflushed writes together.
    pub memory_bytes: usize,
    /// Receives what the store reports about itself.
    pub on_event: StoreEventHandler,
}

impl StoreOptions {
    /// The default memory: enough for the filters of a million agents and a warm cache.
    pub const MEMORY_BYTES_DEFAULT: usize = 256 * 1024 * 1024;

    /// A store in `path` with the default memory; nobody receives its events.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        StoreOptions {
            path: path.into(),
            memory_bytes: Self::MEMORY_BYTES_DEFAULT,
            on_event: |_| {},
        }
    }
}

#[cfg(feature = "rocksdb")]
pub(super) use rocks::{TunedOptions, tune_options};

/// The settings of RocksDB that differ from its defaults.
#[cfg(feature = "rocksdb")]
mod rocks {
    use rocksdb::{
        BlockBasedOptions, Cache, DBCompressionType, DBRecoveryMode, InfoLogger, LogLevel, Options,
        WriteBufferManager,
    };

    use super::{StoreEvent, StoreOptions};

    /// Unflushed writes may take one part in this many of the memory; cache, indexes and filters
    /// share the rest.
    const MEMTABLE_SHARE: usize = 3;
    /// Bytes of one memtable. Three per column family, all of them under the shared bound.
    const MEMTABLE_BYTES: usize = 16 * 1024 * 1024;
    const MEMTABLES_MAX: i32 = 3;
    /// A state value is 200 to 400 bytes, so a block holds some thirty.
    const BLOCK_BYTES: usize = 8 * 1024;
    /// Bits per key for about 1 % of false hits: looking for a new agent costs no read.
    const FILTER_BITS: f64 = 10.0;
    /// Share of a memtable for its own filter.
    const MEMTABLE_FILTER_SHARE: f64 = 0.02;
    /// The write-ahead log of a partition without writes is kept until its memtable is flushed;
    /// beyond this size RocksDB flushes it.
    const WAL_BYTES_MAX: u64 = 256 * 1024 * 1024;
    const OPEN_FILES_MAX: i32 = 512;
    /// There is no rate limiter: measured with an auto-tuned one of 256 MB/s, the second of two
    /// restores took more than twice as long, and writers were blocked for up to 1.8 s.
    const BACKGROUND_JOBS: i32 = 2;
    const READAHEAD_BYTES: usize = 2 * 1024 * 1024;

    /// Options of the database and of every column family, with the cache that they share.
    pub(in crate::store) struct TunedOptions {
        pub(in crate::store) db: Options,
        pub(in crate::store) family: Options,
    }

    /// The settings for a store of this size. Every column family's descriptor needs the family
    /// options, the default family's too: RocksDB does not take them from the options of `open`.
    pub(in crate::store) fn tune_options(options: &StoreOptions) -> TunedOptions {
        let cache = Cache::new_hyper_clock_cache(options.memory_bytes, 0);
        TunedOptions {
            db: database_options(options, &cache),
            family: family_options(&cache),
        }
    }

    fn database_options(options: &StoreOptions, cache: &Cache) -> Options {
        let mut db = Options::default();
        db.create_if_missing(true);
        db.set_paranoid_checks(true);
        db.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
        db.set_track_and_verify_wals_in_manifest(true);
        db.set_max_total_wal_size(WAL_BYTES_MAX);
        db.set_max_open_files(OPEN_FILES_MAX);
        db.set_max_background_jobs(BACKGROUND_JOBS);
        db.set_compaction_readahead_size(READAHEAD_BYTES);
        // `false`: over the budget of all memtables RocksDB flushes and does not block writers. A
        // worker blocked here would miss its poll and lose its membership of the consumer group.
        let memtables = WriteBufferManager::new_write_buffer_manager_with_cache(
            options.memory_bytes / MEMTABLE_SHARE,
            false,
            cache.clone(),
        );
        db.set_write_buffer_manager(&memtables);
        let on_event = options.on_event;
        db.set_info_logger(InfoLogger::new_callback_logger(
            LogLevel::Warn,
            move |level, message| {
                on_event(StoreEvent::LogLine {
                    is_error: matches!(level, LogLevel::Fatal | LogLevel::Error),
                    message: message.trim_end(),
                });
            },
        ));
        db
    }

    fn family_options(cache: &Cache) -> Options {
        let mut table = BlockBasedOptions::default();
        table.set_block_cache(cache);
        table.set_block_size(BLOCK_BYTES);
        table.set_bloom_filter(FILTER_BITS, false);
        table.set_optimize_filters_for_memory(true);
        table.set_cache_index_and_filter_blocks(true);
        table.set_pin_l0_filter_and_index_blocks_in_cache(true);

        let mut family = Options::default();
        family.set_write_buffer_size(MEMTABLE_BYTES);
        family.set_max_write_buffer_number(MEMTABLES_MAX);
        family.set_level_compaction_dynamic_level_bytes(true);
        family.set_compression_type(DBCompressionType::Lz4);
        family.set_bottommost_compression_type(DBCompressionType::Zstd);
        family.set_memtable_whole_key_filtering(true);
        family.set_memtable_prefix_bloom_ratio(MEMTABLE_FILTER_SHARE);
        family.set_block_based_table_factory(&table);
        family
    }
}
