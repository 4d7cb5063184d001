//! What one commit writes: the state and META of every partition it touched.

use super::error::{StoreError, StoreResult};

/// The key of a partition's META, within the partition: same memtable, same batch as its state.
pub const META_KEY: &[u8] = b"#meta";
/// Bytes of a key. The longest is of a deferred action: tenant, agent and record position.
pub const KEY_BYTES_MAX: usize = 4 * 1024;
/// Bytes of a value; what a changelog record can carry with the brokers' usual limit.
pub const VALUE_BYTES_MAX: usize = 1024 * 1024;

/// A key with its new value; `None` deletes.
pub type StateEntry = (Vec<u8>, Option<Vec<u8>>);

/// One atomic write. A key or partition given twice takes the later value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WriteBatch {
    pub partitions: Vec<PartitionBatch>,
}

/// One partition's part of a batch. `meta` is not optional: without the META that belongs to it,
/// nobody could resume from the state.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PartitionBatch {
    pub partition: i32,
    pub puts: Vec<StateEntry>,
    pub meta: Vec<u8>,
}

impl WriteBatch {
    /// A batch for a single partition.
    #[must_use]
    pub fn for_partition(partition: i32, puts: Vec<StateEntry>, meta: Vec<u8>) -> Self {
        WriteBatch {
            partitions: vec![PartitionBatch {
                partition,
                puts,
                meta,
            }],
        }
    }

    /// Refuses reserved keys and sizes beyond the limits, before anything is written.
    pub(super) fn check_limits(&self) -> StoreResult<()> {
        self.partitions.iter().try_for_each(|part| {
            check_entries(part.partition, &part.puts)?;
            check_value(part.partition, META_KEY, &part.meta)
        })
    }
}

/// Refuses reserved keys and sizes beyond the limits.
pub(super) fn check_entries(partition: i32, entries: &[StateEntry]) -> StoreResult<()> {
    entries.iter().try_for_each(|(key, value)| {
        if key == META_KEY {
            return Err(StoreError::ReservedKey { partition });
        }
        if key.len() > KEY_BYTES_MAX {
            return Err(StoreError::TooLarge {
                partition,
                what: "key",
                bytes: key.len(),
                bytes_max: KEY_BYTES_MAX,
                key: StoreError::show_key(key),
            });
        }
        value
            .as_ref()
            .map_or(Ok(()), |value| check_value(partition, key, value))
    })
}

/// Refuses a value beyond the limit.
pub(super) fn check_value(partition: i32, key: &[u8], value: &[u8]) -> StoreResult<()> {
    if value.len() <= VALUE_BYTES_MAX {
        return Ok(());
    }
    Err(StoreError::TooLarge {
        partition,
        what: "value",
        bytes: value.len(),
        bytes_max: VALUE_BYTES_MAX,
        key: StoreError::show_key(key),
    })
}
