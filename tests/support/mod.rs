//! Helpers of the tests against Kafka; each test file uses a part of them.
#![allow(dead_code, reason = "each test file uses a part")]

pub mod counting;
pub mod fleet;
pub mod kafka;
pub mod service;
pub mod verdicts;
