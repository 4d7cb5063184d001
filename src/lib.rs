//! Scopewatch: a streaming behavioural anomaly detector for AI agents.

#![allow(clippy::disallowed_methods, reason = "every pure room denies it")]
pub mod baseline;
pub mod cli;
pub mod codec;
pub mod config;
#[cfg(feature = "kafka")]
pub mod console;
pub mod detector;
pub mod event;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod response;
pub mod rule;
pub mod scope;
pub mod service;
pub mod store;
pub mod telemetry;
