//! Scopewatch: a streaming behavioural anomaly detector for AI agents.

#![allow(
    clippy::disallowed_methods,
    reason = "for pure rooms only: each denies it in its mod.rs"
)]
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
