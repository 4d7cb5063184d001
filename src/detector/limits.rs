//! The limits of a subject's state; each is counted when it is hit.

pub use crate::behaviour::limits::{ALERT_BANS, REVOKE_BANS, SET_ASIDE_BANS, TASK_IDLE_MS};

/// Event ids of one agent remembered at least, to recognise a gateway's retry.
pub const RECENT_IDS: usize = 256;
/// How long they are remembered at least, milliseconds of stream time.
pub const RECENT_IDS_MS: i64 = 15 * 60_000;
/// Deferred actions of one agent, unless the settings say otherwise.
pub const DEFERRED_PER_AGENT_MAX: usize = 64;
/// Deferred actions of one partition, unless the settings say otherwise.
pub const DEFERRED_PER_PARTITION_MAX: u64 = 10_000;
/// Stored bytes of the deferred actions of one agent.
pub const DEFERRED_AGENT_BYTES_MAX: u64 = 256 << 10;
/// Stored bytes of the deferred actions of one partition.
pub const DEFERRED_PARTITION_BYTES_MAX: u64 = 32 << 20;
/// The part of them that the undeclared agents of one tenant may have: invented agents must not
/// take the room of those whose scopes are on their way.
pub const DEFERRED_UNDECLARED_BYTES_MAX: u64 = DEFERRED_PARTITION_BYTES_MAX / 4;
/// Waits of one agent that may expire, each for the scope of one task and credential. After so many
/// no action of the agent is deferred until a scope comes.
pub const EXPIRED_WAITS_MAX: usize = 4;
/// How far before its append time an action may claim to have happened, milliseconds.
pub const CLAMP_BEFORE_MS: i64 = 15 * 60_000;
/// How far after its append time an action may claim to have happened, milliseconds.
pub const CLAMP_AFTER_MS: i64 = 5_000;
/// Links that the actions of one agent may lead to within an hour of stream time. Further ones are
/// dropped and counted: whoever invents credentials, children or parents fills neither the topic
/// nor the state of others. What scope and control records lead to is not bounded by it, so that
/// an agent cannot keep its own end from being known.
pub const LINKS_PER_HOUR_MAX: u32 = 1_000;
/// A credential that no agent has used for so long is forgotten, milliseconds of stream time.
pub const CREDENTIAL_FORGET_MS: i64 = 7 * 24 * 3_600_000;
/// The same for a credential that a scope names: only a scope keeps it so long, no invention of an
/// agent.
pub const DECLARED_FORGET_MS: i64 = 31 * 24 * 3_600_000;
/// How exactly the last link of a credential is dated, milliseconds: a timer is moved no oftener.
pub const CREDENTIAL_SEEN_STEP_MS: i64 = 24 * 3_600_000;
/// Metrics of one agent: those that a bundle may have, and the groups with a baseline of their own.
pub const METRICS_MAX: usize = crate::rule::limits::METRICS_MAX + GROUPS_MAX;
/// Groups of all metrics of one agent that have a baseline of their own. Whatever the agent shows,
/// there is room for a metric that is not grouped, and for the further groups of one that is.
pub const GROUPS_MAX: usize = 32;
/// Groups of a metric that is grouped by a field, for one agent. Further ones are counted together.
pub const METRIC_GROUPS_MAX: usize = 8;
/// The least share of an agent's actions that alarms, percent.
pub const RATE_MIN_PERCENT: f64 = 5.0;
