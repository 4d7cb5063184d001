//! What the tests against Kafka share; each test file uses a part of it.
#![allow(dead_code, reason = "each test file uses a part")]

pub mod counting;
pub mod fleet;
pub mod kafka;
pub mod service;
pub mod verdicts;
