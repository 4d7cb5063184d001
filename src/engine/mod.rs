//! The engine: one partition's records in, one commit out, sans-IO.
//!
//! Place in the flow: `push` what arrived, `process` it, take a commit that one transaction
//! carries. [`contract`] is what a driver asks of a task and what both exchange; [`EngineTask`] is
//! the real task. Inside: `merge` orders the inputs, `codec` decodes, `partition_task` loads
//! subjects and drives the detector. What comes out is a typed [`outcome::TaskOutcome`]; `outbox`
//! keeps it for the next commit and `encode` turns it into bytes, once. Replay, demo, rule tests
//! and the Kafka worker all drive this same task.
//!
//! A task merges its inputs by (time, order of input, offset) among what has arrived; each commit's
//! journal record names the offset ranges it took. Apart from that no result depends on batch
//! boundaries.
//!
//! This room must not know of connections, files, threads or clocks; of [`crate::store`] it knows
//! the trait and its twin in memory. It owns a partition's subjects in memory. Limits: [`limits`].
//!
//! Read first: `tests/core/clock.rs`, then the tests of [`rule_tests`].

#![deny(clippy::disallowed_methods)]

pub mod contract;
pub mod dead_letter;
mod encode;
mod input_merge;
mod journal;
pub mod limits;
mod outbox;
pub mod outcome;
mod outcome_causes;
mod partition_task;
pub mod partitioner;
mod progress;
mod rejections;
pub mod rule_tests;
mod rules;
mod shared_engine;
mod subject_loading;

pub use partition_task::{EngineFactory, EngineTask};
pub use progress::TaskProgress;
pub use rules::{JUDGES_NOTHING, ParsedRules, Rules, parse_rules, shipped_rule_files};
pub use shared_engine::{Engine, EngineOptions, OutcomeObserver};
