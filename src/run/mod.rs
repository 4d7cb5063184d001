//! `scopewatch run`: the process that an operator starts.
//!
//! Place in the flow: builds an `Engine`, a store, a console and the workers from a checked
//! configuration; then exports metrics and reloads rules until a signal requests the stop.
//!
//! This room must not know how records are judged or committed. It owns the parts of the process
//! and stops them in order; it owns no state with limits. Read first: `tests/run_kafka.rs`.

#[cfg(feature = "kafka")]
mod agent_page;
#[cfg(feature = "kafka")]
mod build;
#[cfg(feature = "kafka")]
mod client_events;
#[cfg(feature = "kafka")]
mod lag_monitor;
#[cfg(feature = "kafka")]
mod parts;
#[cfg(feature = "kafka")]
mod process;
mod rule_loading;
#[cfg(feature = "kafka")]
mod rules_reloader;
pub mod signals;
#[cfg(feature = "kafka")]
mod signing_keys;
#[cfg(feature = "kafka")]
mod stats_export;

#[cfg(feature = "kafka")]
pub use build::BuildError;
#[cfg(feature = "kafka")]
pub(crate) use build::{kafka_options, open_store, topic_names};
#[cfg(feature = "kafka")]
pub use parts::{ProcessParts, RunError};
#[cfg(feature = "kafka")]
pub use process::{run_parts, run_process};
pub use rule_loading::{LoadedRules, RulesError, load_rules};
