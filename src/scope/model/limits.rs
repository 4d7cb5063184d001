//! Bounds that the declared scopes and the judge share.

/// Scopes one agent may have; a further one evicts the scope that ended first.
pub const SCOPES_MAX: usize = 256;
/// Spawned children told apart under one scope; a declared `children_max` must be lower.
pub const CHILDREN_MAX: usize = 64;
/// Stored bytes of one agent's declared scopes, versions included. One record of the largest size
/// fits. A larger history would not fit a changelog record, and a task that cannot write ends.
pub const HISTORY_BYTES_MAX: usize = 256 * 1024;
