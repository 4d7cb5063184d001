//! `scopewatch run` on a real Apache Kafka: the program as an operator starts it, killed, frozen,
//! stopped and fed with nonsense, and held to what `replay` makes of the same records.
#![cfg(all(feature = "kafka", feature = "rocksdb"))]
#![allow(clippy::disallowed_methods, clippy::zombie_processes)]

mod support;

#[path = "run_kafka/faults.rs"]
mod faults;
#[path = "run_kafka/metrics.rs"]
mod metrics;
#[path = "run_kafka/records.rs"]
mod records;
#[path = "run_kafka/refusals.rs"]
mod refusals;
