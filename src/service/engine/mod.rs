//! The engine: the real [`Task`](super::task::Task) of a partition, sans-IO.
//!
//! Place in the flow: `push` what arrived, `process` it, take a commit that one transaction
//! carries. Inside: `merge` orders the inputs, `codec` decodes, `task` loads subjects and
//! drives the detector, `messages` renders what comes out. Replay, demo, rule tests and the Kafka
//! worker all drive this same task.
//!
//! A task merges its inputs by (time, order of input, offset) among what has arrived; each commit's
//! journal record names the offset ranges it took. Apart from that no result depends on batch
//! boundaries.
//!
//! This room must not know of connections, threads or clocks. It owns a partition's subjects in
//! memory. Limits: [`limits`]. Read first: `tests/core/clock.rs`.

mod journal;
pub mod limits;
mod merge;
mod messages;
mod options;
mod refuse;
mod subjects;
mod task;
mod tell;

pub use messages::AlertFormat;
pub use options::{Engine, EngineOptions, Rules};
pub use task::{EngineFactory, EngineTask, Progress};
