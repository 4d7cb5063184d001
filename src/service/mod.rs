//! The running process: what drives the detector.
//!
//! Place in the flow: between the doors (`kafka`, `store`, `codec`, `console`) and the detector.
//! [`engine`] is the sans-IO task of one partition, the same for every driver; `worker` drives it
//! from Kafka, [`replay`] from files, [`demo`] from the simulator through an embedded broker.
//!
//! This room must not know how rules match, how scopes judge or what an alert looks like. It owns
//! the running partitions and their commit; limits are those of [`engine::limits`].
//!
//! Read first: the tests of [`rule_tests`] and [`replay`], then `tests/kafka_real.rs`.

pub mod dead_letter;
pub mod demo;
pub mod document;
pub mod engine;
pub mod generate;
pub mod input_file;
pub mod partitioner;
#[cfg(feature = "kafka")]
pub mod raw;
pub mod replay;
pub mod rule_files;
pub mod rule_tests;
#[cfg(feature = "kafka")]
pub mod run;
pub mod signals;
pub mod simulator;
pub mod task;
#[cfg(feature = "kafka")]
pub mod topic_check;
#[cfg(feature = "kafka")]
pub mod topics;
#[cfg(feature = "kafka")]
pub mod worker;
