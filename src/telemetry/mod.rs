//! Log lines and metrics, and the signals that produce both.
//!
//! Place in the flow: beside it. The outer rooms build a signal where something worth knowing
//! happens, and emit it; `console` serves the text of [`Metrics::render_text`].
//!
//! This room knows nothing of rules, stores or topics beyond the names a signal carries. It owns
//! the [`Metrics`]: a fixed number of counters, gauges and histograms, about 30 KiB per histogram.
//! No label holds an agent, a task or another id, so the code alone decides how many there are.
//!
//! Invariants: (1) only this room writes log lines; (2) the `emit` of a signal with metrics both
//! counts and logs, so the two cannot disagree; (3) an event that can happen per record is counted
//! each time and logged as a sample.
//!
//! Read first: `tests.rs`.

mod clock;
mod histogram;
mod log;
mod metrics;
mod signals;
#[cfg(test)]
mod tests;

pub use clock::wall_clock_ms;
pub use histogram::Histogram;
pub use log::{LogError, LogForm, init_logging};
pub use metrics::{Counter, CounterFamily, Gauge, Metrics};
pub use signals::*;
