//! Durable bytes: the state of every partition that is assigned to this instance.
//!
//! Place in the flow: after a transaction has committed, the worker writes one [`WriteBatch`]: the
//! new state and the META of every partition it touched. At an assignment the worker asks for META,
//! which says where to resume, and restores from the changelog what is missing.
//!
//! This room knows nothing of what the bytes mean, of Kafka, of time or of agents. It owns one
//! ordered map of bytes per partition. Its limits: keys to [`KEY_BYTES_MAX`], values to
//! [`VALUE_BYTES_MAX`]; memory as [`StoreOptions`] says.
//!
//! Invariants: (1) a batch is seen whole or not at all, after a `kill -9` too; (2) META exists only
//! in a partition whose state belongs to it: a restore writes META last; (3) the in-memory twin and
//! RocksDB return the same for the same calls. After a write error the process ends, and its next
//! start resumes from what was written.
//!
//! Read first: `tests.rs`, one suite and one model that both stores run.

mod batch;
mod error;
mod memory;
mod options;
#[cfg(feature = "rocksdb")]
mod rocks;
#[cfg(test)]
mod tests;

use std::ops::ControlFlow;

pub use batch::{KEY_BYTES_MAX, META_KEY, PartitionBatch, StateEntry, VALUE_BYTES_MAX, WriteBatch};
pub use error::{StoreError, StoreResult};
pub use memory::MemoryStore;
pub use options::{StoreEvent, StoreEventHandler, StoreOptions};
#[cfg(feature = "rocksdb")]
pub use rocks::RocksStore;

/// What a scan calls with each key and value.
pub type EntryVisitor<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// An ordered map of bytes per partition, written in atomic batches.
///
/// Every method except [`Store::open_partition`], [`Store::restore_begin`] and
/// [`Store::partitions`] fails with [`StoreError::NotOpen`] for a partition that is not open.
pub trait Store: Send + Sync {
    /// Makes the partition usable, empty when it is new. Opening it twice changes nothing.
    ///
    /// # Errors
    /// When the disk refuses.
    fn open_partition(&self, partition: i32) -> StoreResult<()>;

    /// Removes the partition and its bytes. A partition that is not open is no error.
    ///
    /// # Errors
    /// When the disk refuses.
    fn drop_partition(&self, partition: i32) -> StoreResult<()>;

    /// The open partitions, in ascending order.
    fn partitions(&self) -> Vec<i32>;

    /// The value under `key`.
    ///
    /// # Errors
    /// [`StoreError::NotOpen`]; [`StoreError::Corrupt`] when a checksum does not match.
    fn get(&self, partition: i32, key: &[u8]) -> StoreResult<Option<Vec<u8>>>;

    /// The values under `keys`, in the order of `keys`. Cheaper than as many [`Store::get`]s.
    ///
    /// # Errors
    /// As [`Store::get`].
    fn multi_get(&self, partition: i32, keys: &[Vec<u8>]) -> StoreResult<Vec<Option<Vec<u8>>>>;

    /// Calls `visit` for every entry whose key starts with `prefix`, in key order, until it breaks.
    /// An empty prefix shows META too.
    ///
    /// # Errors
    /// As [`Store::get`].
    fn scan_prefix(
        &self,
        partition: i32,
        prefix: &[u8],
        visit: &mut EntryVisitor<'_>,
    ) -> StoreResult<()>;

    /// Writes state and META of all partitions of the batch, in one step.
    ///
    /// # Errors
    /// [`StoreError::NotOpen`], [`StoreError::ReservedKey`] and [`StoreError::TooLarge`] before
    /// anything is written; [`StoreError::DiskFull`] or another when the disk refuses.
    fn write(&self, batch: WriteBatch) -> StoreResult<()>;

    /// Starts a restore: the partition is emptied and has no META until [`Store::restore_finish`].
    /// A crash in between leaves a partition without META, which must be restored again.
    ///
    /// # Errors
    /// When the disk refuses.
    fn restore_begin(&self, partition: i32) -> StoreResult<()>;

    /// Adds changelog entries, in changelog order: a later entry of a key replaces an earlier one,
    /// `None` deletes. Quicker than [`Store::write`] because it skips the write-ahead log.
    ///
    /// # Errors
    /// [`StoreError::NotRestoring`] when the partition has a META, else as [`Store::write`].
    fn bulk_load(&self, partition: i32, entries: Vec<StateEntry>) -> StoreResult<()>;

    /// Ends a restore: what was loaded is made durable, then META is written.
    ///
    /// # Errors
    /// As [`Store::bulk_load`].
    fn restore_finish(&self, partition: i32, meta: Vec<u8>) -> StoreResult<()>;

    /// Makes everything written so far survive a power loss.
    ///
    /// # Errors
    /// When the disk refuses.
    fn flush(&self) -> StoreResult<()>;

    /// Numbers about the store's health and size.
    fn properties(&self) -> StoreProperties;

    /// The partition's META; `None` when it must be restored.
    ///
    /// # Errors
    /// As [`Store::get`].
    fn meta(&self, partition: i32) -> StoreResult<Option<Vec<u8>>> {
        self.get(partition, META_KEY)
    }
}

/// Health and size of a store; zero for what a store does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoreProperties {
    /// Entries over all partitions, estimated.
    pub keys: u64,
    /// Bytes waiting in memory to be flushed to files.
    pub memtable_bytes: u64,
    /// Bytes of the sorted files.
    pub file_bytes: u64,
    /// Bytes of the block cache in use.
    pub cache_bytes: u64,
    /// Bytes that compaction has still to rewrite.
    pub compaction_pending_bytes: u64,
    /// Errors of background work. After the first, RocksDB refuses writes.
    pub background_errors: u64,
    /// Writes are stopped or slowed down by the store itself.
    pub write_stalled: bool,
}
