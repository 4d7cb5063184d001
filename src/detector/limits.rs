//! The limits of a subject's state; each is counted when it is hit.

/// Event ids remembered to tell a gateway's retry from a new action.
pub const RECENT_IDS: usize = 32;
/// Held actions of one agent, unless the settings say otherwise.
pub const HELD_AGENT_MAX: usize = 64;
/// Held actions of one partition, unless the settings say otherwise.
pub const HELD_PARTITION_MAX: u64 = 10_000;
/// Tasks or credentials whose scope an agent's actions waited for in vain. With so many of them no
/// further one is waited for.
pub const VAIN_MAX: usize = 4;
/// How far before its append time an action may claim to have happened.
pub const CLAMP_BEFORE_MS: i64 = 15 * 60_000;
/// How far after its append time an action may claim to have happened.
pub const CLAMP_AFTER_MS: i64 = 5_000;
/// Metrics of one agent.
pub const METRICS_MAX: usize = 64;
