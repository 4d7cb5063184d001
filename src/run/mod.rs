//! `scopewatch run`: the process that an operator starts.
//!
//! Place in the flow: a checked configuration becomes an `Engine`, a store, a console and the
//! workers; then this thread watches the rules and the workers until a signal asks for an end.
//!
//! This room must not know how records are judged or committed. It owns the process's parts and
//! ends them in order. Read first: `tests/run_kafka.rs`.

#[cfg(feature = "kafka")]
mod build;
#[cfg(feature = "kafka")]
mod client_events;
#[cfg(feature = "kafka")]
mod lag;
#[cfg(feature = "kafka")]
mod process;
#[cfg(feature = "kafka")]
mod reload;
pub mod signals;
#[cfg(feature = "kafka")]
mod watch;

#[cfg(feature = "kafka")]
pub use build::BuildError;
#[cfg(feature = "kafka")]
pub(crate) use build::{kafka_options, store, topics};
#[cfg(feature = "kafka")]
pub use process::{Parts, RunError, run, run_parts};
