//! What a partition keeps in each stage of its restore; the steps are in `restore`.

use std::collections::BTreeMap;
use std::time::Instant;

use super::error::WorkerError;
use super::index::{IndexFunction, with_index};
use super::member::SeekAttempts;
use super::settings::{RESTORE_BYTES_MAX, RESTORE_ENTRIES_MAX};
use super::stats::{WorkerStats, add};
use crate::engine::contract::PartitionMeta;
use crate::kafka::{LogEnds, PendingReply, TopicPartition};
use crate::store::{META_KEY, StateEntry, Store, WriteBatch};

/// The ends of all logs of a partition.
pub(super) type EndsByPartition = BTreeMap<TopicPartition, LogEnds>;

/// Steps 1 and 2: META was read from the store, the ends of the logs are being looked up.
pub(super) struct LookingUp {
    pub meta: Option<PartitionMeta>,
    pub ends: PendingReply,
    /// The changelog's offset of half a day ago, where the store has a META.
    pub offset_at: Option<PendingReply>,
    pub known_ends: Option<EndsByPartition>,
}

/// Step 3: the changelog is being read.
pub(super) struct ReadingChangelog {
    pub changelog: TopicPartition,
    /// Where the changelog ended when it was looked up.
    pub target: i64,
    /// The store was emptied, so entries are loaded in bulk and META is written last.
    pub whole: bool,
    /// META as the store has it; empty when `whole`.
    pub stored_meta: Vec<u8>,
    /// The last META that was read.
    pub latest_meta: Option<Vec<u8>>,
    entries: Vec<StateEntry>,
    bytes: usize,
    pub ends: EndsByPartition,
    pub reported_at: Instant,
}

/// Step 4: the group's committed offset is being looked up.
pub(super) struct ComparingOffsets {
    pub meta: Option<PartitionMeta>,
    pub committed: PendingReply,
    pub ends: EndsByPartition,
}

/// Step 5: the task is open and reads its side inputs, its actions are paused.
pub(super) struct CatchingUp<T> {
    pub task: T,
    /// End of the scopes when the partition was assigned.
    pub scopes_end: i64,
    /// The position in the scopes when last looked at, and since when it is there.
    pub position: i64,
    pub since: Instant,
    /// Attempts to move the actions to their offset.
    pub seek: SeekAttempts,
}

impl ReadingChangelog {
    /// Begins with the state that belongs to `stored_meta`, or with none.
    pub fn new(
        changelog: TopicPartition,
        target: i64,
        stored_meta: Option<Vec<u8>>,
        ends: EndsByPartition,
        now: Instant,
    ) -> Self {
        ReadingChangelog {
            changelog,
            target,
            whole: stored_meta.is_none(),
            latest_meta: stored_meta.clone(),
            stored_meta: stored_meta.unwrap_or_default(),
            entries: Vec::new(),
            bytes: 0,
            ends,
            reported_at: now,
        }
    }

    /// Takes a changelog record; `true` when the entries should be written to the store.
    pub fn take_entry(&mut self, key: &[u8], value: Option<&[u8]>) -> bool {
        if key == META_KEY {
            self.latest_meta = value.map(<[u8]>::to_vec);
            return false;
        }
        self.bytes += key.len() + value.map_or(0, <[u8]>::len);
        self.entries.push((key.to_vec(), value.map(<[u8]>::to_vec)));
        self.entries.len() >= RESTORE_ENTRIES_MAX || self.bytes >= RESTORE_BYTES_MAX
    }

    /// Writes the entries to the store. A crash from here on leaves the old META, or none, so the
    /// same records are read again: writing a value twice changes nothing.
    pub fn flush_entries(
        &mut self,
        store: &dyn Store,
        stats: &WorkerStats,
        indexer: IndexFunction<'_>,
    ) -> Result<(), WorkerError> {
        let entries = std::mem::take(&mut self.entries);
        self.bytes = 0;
        if entries.is_empty() {
            return Ok(());
        }
        add(&stats.restored_entries, entries.len());
        let partition = self.changelog.partition;
        if self.whole {
            store.bulk_load(partition, entries)?;
        } else {
            let entries = with_index(store, partition, entries, indexer)?;
            let meta = self.stored_meta.clone();
            store.write(WriteBatch::for_partition(partition, entries, meta))?;
        }
        Ok(())
    }
}
