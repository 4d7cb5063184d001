//! The laboratory: seeded agents, attacks on them, the real engine that judges them, simple
//! detectors beside it, and scores.
//!
//! A run is a function of its plan and its seed. Time is that of the simulated records.

#![allow(dead_code, reason = "the smoke test uses a part")]

pub mod attacks;
pub mod behaviour;
pub mod fleet;
pub mod gateway;
pub mod hardship;
pub mod honest;
pub mod random;
pub mod reference;
pub mod report;
pub mod score;
pub mod series;
pub mod series_families;
pub mod series_score;
pub mod session_families;
pub mod sessions;
pub mod simple;
pub mod volume;
