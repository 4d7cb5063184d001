//! `scopewatch run` on a real Apache Kafka, started as an operator does: killed, frozen, stopped
//! and given malformed records. Its outputs must equal those of `replay` for the same records.
#![cfg(all(feature = "kafka", feature = "rocksdb"))]
#![allow(clippy::disallowed_methods, clippy::zombie_processes)]

mod support;

#[path = "run_kafka/agent_tree.rs"]
mod agent_tree;
#[path = "run_kafka/broker_outage.rs"]
mod broker_outage;
#[path = "run_kafka/classes.rs"]
mod classes;
#[path = "run_kafka/decisions.rs"]
mod decisions;
#[path = "run_kafka/delegation.rs"]
mod delegation;
#[path = "run_kafka/faults.rs"]
mod faults;
#[path = "run_kafka/key_rotation.rs"]
mod key_rotation;
#[path = "run_kafka/learning.rs"]
mod learning;
#[path = "run_kafka/metrics.rs"]
mod metrics;
#[path = "run_kafka/records.rs"]
mod records;
#[path = "run_kafka/refusals.rs"]
mod refusals;
#[path = "run_kafka/signed.rs"]
mod signed;
