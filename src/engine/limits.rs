//! The limits of a partition task.

/// Number of links that are applied right after the record that led to them, those included that
/// they lead to in turn. Further ones go by the links topic, where they are committed one step
/// after the other: a long chain of links must not become one endless record.
pub const LOCAL_LINKS_MAX: usize = 512;
/// Number of agents that a partition caches, unless the configuration sets another.
pub const AGENTS_CACHED_MAX: usize = 200_000;
/// Number of records that are decoded ahead, so that their subjects are loaded in one read. Small
/// enough that the decoded actions, each over a kilobyte, fit into the processor's cache.
pub const PREFETCH_MAX: usize = 64;
