//! What a replay has read so far.

use super::file_position::FilePosition;

/// Counts of what was read so far.
#[derive(Debug, Default)]
pub(super) struct ReadCounts {
    /// Records of every type, including unusable ones.
    pub records: u64,
    /// Records from which the mapping made no action.
    pub skipped: u64,
    /// Unknown fields of records that were decoded here. Tasks count the fields of the records that
    /// they decode.
    pub unknown_fields: u64,
    /// Actions that are more than [`super::LATE_MS`] behind the newest action before them.
    pub late: u64,
    /// Position of the first late action.
    pub late_first: Option<FilePosition>,
    /// Actions dated so far ahead that their time is not believed.
    pub ahead: u64,
    /// Position of the first of them.
    pub ahead_first: Option<FilePosition>,
    /// The newest time of an action so far, epoch milliseconds.
    pub newest_ms: i64,
    /// Number of action records, where files are merged.
    pub merged: i64,
}
