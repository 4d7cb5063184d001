//! Failures of the store, each with the remedy in its text.

#[cfg(any(feature = "rocksdb", test))]
use std::path::Path;
use std::path::PathBuf;

/// The result of a store operation.
pub type StoreResult<T> = std::result::Result<T, StoreError>;

/// A failure of the store. Any error of a write is final for the process.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("partition {partition} is not open in the store")]
    NotOpen { partition: i32 },

    #[error("partition {partition}: the key `#meta` is written through the batch's meta only")]
    ReservedKey { partition: i32 },

    #[error("partition {partition}: a {what} of {bytes} bytes, at most {bytes_max}, at key {key}")]
    TooLarge {
        partition: i32,
        what: &'static str,
        bytes: usize,
        bytes_max: usize,
        key: String,
    },

    #[error("partition {partition} has a META, so it is not being restored")]
    NotRestoring { partition: i32 },

    #[error(
        "{}: another process holds this store; two instances on one machine need a \
         store.path each ({detail})", path.display()
    )]
    Locked { path: PathBuf, detail: String },

    #[error("{}: disk full: free some space and start again ({detail})", path.display())]
    DiskFull { path: PathBuf, detail: String },

    #[error(
        "{}: the store has format {found}, written by a newer scopewatch; this one reads up to \
         {newest}: run that version, or remove the folder to restore from the changelog",
        path.display()
    )]
    NewerFormat {
        path: PathBuf,
        found: String,
        newest: u32,
    },

    #[error("{}: not a scopewatch store: {detail}", path.display())]
    Foreign { path: PathBuf, detail: String },

    #[error(
        "{}: the store is damaged: remove the folder, and the state comes back from the \
         changelog ({detail})", path.display()
    )]
    Corrupt { path: PathBuf, detail: String },

    #[error("{}: {doing}: {detail}", path.display())]
    Disk {
        path: PathBuf,
        doing: &'static str,
        detail: String,
    },
}

impl StoreError {
    /// Finds the kind of a failure in its text, because neither the system nor RocksDB gives it a
    /// type.
    #[cfg(any(feature = "rocksdb", test))]
    pub(super) fn from_failure(path: &Path, doing: &'static str, text: &str) -> Self {
        const LOCKED: [&str; 2] = ["While lock file", "lock hold by current process"];
        const FULL: [&str; 4] = [
            "No space left on device",
            "File too large",
            "Disk quota exceeded",
            "Space limit",
        ];
        let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
        let (path, detail) = (path.to_owned(), text.to_owned());
        if says(&LOCKED) {
            StoreError::Locked { path, detail }
        } else if says(&FULL) {
            StoreError::DiskFull { path, detail }
        } else if text.starts_with("Corruption") {
            StoreError::Corrupt { path, detail }
        } else {
            StoreError::Disk {
                path,
                doing,
                detail,
            }
        }
    }

    /// A key for a message: printable bytes as they are, others escaped, cut at 80 bytes.
    pub(super) fn show_key(key: &[u8]) -> String {
        const SHOWN_BYTES_MAX: usize = 80;
        let shown = key.get(..SHOWN_BYTES_MAX).unwrap_or(key);
        let cut = if shown.len() < key.len() { "…" } else { "" };
        format!("`{}{cut}`", shown.escape_ascii())
    }
}
