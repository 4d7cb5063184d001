//! The core as the worker drives it: the real task, the real rules, an in-memory store. Each test
//! guards a line of safety, and fails when that line is deleted.

mod clock;
mod fleet;
mod harness;
mod holds;
mod onboarding;
mod order;
#[path = "../support/property.rs"]
mod property;
mod records;
mod rules;
mod scopes;
mod state;
