//! What the process says of itself: log lines, metrics, and the signals that make both.
//!
//! Place in the flow: an outer room builds a signal where something worth knowing happens and emits
//! it; `console` serves what [`Metrics::render`] gives.
//!
//! This room knows nothing of rules, stores or topics beyond the names a signal carries. It owns
//! the [`Metrics`]: a fixed number of counters, gauges and histograms, about 30 KiB per histogram.
//! No label ever carries an agent, a task or another id, so their number is fixed by the code.
//!
//! Invariants: (1) a signal's emit both counts and logs, so the two cannot disagree; what only
//! moves a number, such as a commit, is counted where it happens; (2) what can happen per record is
//! counted each time and logged as a sample.
//!
//! Read first: `tests.rs`.

mod histogram;
mod log;
mod metrics;
mod signal;
#[cfg(test)]
mod tests;

pub use histogram::Histogram;
pub use log::{LogError, LogForm, init};
pub use metrics::{Counter, Counters, Gauge, Metrics};
pub use signal::{
    Alerted, BudgetTripped, BundleActivated, BundleRefused, DeadLetter, LimitHit, Requested,
    RevocationConfirmed,
};
