//! Bounds that the declared scopes and the judge share.

/// Scopes one agent may have; a further one evicts the scope that ended first.
pub const SCOPES_MAX: usize = 256;
/// Spawned children remembered of one agent over all its scopes; the child least recently spawned
/// is forgotten first. A declared `children_max` must be lower.
pub const CHILDREN_MAX: usize = 64;
/// Distinct values one window of a limit can count; the `max` of such a limit must be lower.
pub const DISTINCT_MAX: usize = 256;
/// Stored bytes of one agent's declared scopes, versions included. One record of the largest size
/// fits. A larger history would not fit a changelog record, and a task that cannot write ends.
pub const HISTORY_BYTES_MAX: usize = 256 * 1024;
