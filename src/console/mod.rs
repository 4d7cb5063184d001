//! The HTTP server: whether the process is alive and ready, its metrics, its published keys, and
//! the delegation trees of its agents.
//!
//! Place in the flow: beside it. The workers record their state in [`ProcessHealth`]; `run` passes
//! functions that render the metrics and read a tree ([`PageSources`]); probes and Prometheus
//! request the pages. `GET /livez` is 200 while every worker's loop, and that of the raw inputs,
//! has made a turn within [`STALL_MAX`], else 503; `/readyz` is 200 when rules are loaded, every
//! worker has restored its partitions, no partition has stopped, and a broker has answered within
//! [`BROKER_SILENT_MAX`], else 503; `/metrics` is the
//! Prometheus text; `/.well-known/jwks.json` is the set of published keys;
//! `/agents/{tenant}/{agent}/tree` is a tree as JSON, for callers on the same machine only. The
//! body of a 503 says what is missing. Lag never makes the process unready: a restart would not
//! shorten it.
//!
//! This room knows nothing of Kafka, stores or rules, and reads no request body. It owns a thread
//! with a runtime of its own, so that a slow scrape never touches a worker. Its limits: one tree
//! is read at a time, of names up to [`NAME_BYTES_MAX`]. There is no authentication: listen on
//! loopback or an operator's network.
//!
//! Read first: `tests.rs`.

mod agent_page;
mod health;
mod server;
#[cfg(test)]
mod tests;

pub use agent_page::{NAME_BYTES_MAX, ReadTree, TreePage};
pub use health::{BROKER_SILENT_MAX, ProcessHealth, STALL_MAX};
pub use server::{ConsoleError, ConsoleServer, PageSources};
