//! The bounds of a partition task.

/// Agents a partition keeps in memory, unless the configuration says otherwise.
pub const AGENTS_CACHED_MAX: usize = 200_000;
/// Records decoded ahead of the one that is judged, so that their subjects load in one read.
/// Few enough for the decoded actions, of more than a kilobyte each, to stay near the processor.
pub const PREFETCH_MAX: usize = 128;
