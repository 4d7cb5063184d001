//! How large the store may be, and the RocksDB settings that follow from it.

use std::path::PathBuf;

/// Where the store stands and what it may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreOptions {
    /// Folder of the store; created when missing.
    pub path: PathBuf,
    /// Bytes of memory for block cache, indexes, filters and unflushed writes together.
    pub memory_bytes: usize,
}

impl StoreOptions {
    /// Memory when nothing else is said: enough for a million agents' filters and a warm cache.
    pub const MEMORY_BYTES_DEFAULT: usize = 256 * 1024 * 1024;

    /// A store in `path` with the default memory.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        StoreOptions { path: path.into(), memory_bytes: Self::MEMORY_BYTES_DEFAULT }
    }
}
