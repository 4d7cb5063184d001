//! What the tests against Kafka share; each test file uses a part of it.
#![allow(dead_code)]

pub mod counting;
pub mod kafka;
