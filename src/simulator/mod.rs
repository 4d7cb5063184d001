//! A seeded fleet of agents: what gateways and the task broker would write to the input topics,
//! with planted attacks and the truth about them.
//!
//! Place in the flow: `generate` writes what [`Fleet`] yields to files or to Kafka, `demo` and the
//! tests feed it to the engine. `catalogue` says what kinds of agents there are, `scope` derives
//! their scopes, `agent` makes one action, `fleet` keeps everybody's time, `attacks` holds the
//! scripts of misdeeds.
//!
//! This room knows nothing of rules, the engine, wire formats or clocks: a seed decides everything,
//! on every machine. It owns one waking time per agent and the records that wait for their time:
//! retries, late deliveries and scripts of attacks under way ([`PENDING_MAX`]).
//!
//! Read first: `tests.rs`.

#![deny(clippy::disallowed_methods)]

mod agent;
mod attacks;
mod catalogue;
mod dice;
mod fleet;
#[cfg(test)]
mod judged;
mod label;
mod launch;
mod options;
mod rhythm;
mod scope;
#[cfg(test)]
mod tests;
mod waiting;

pub use attacks::{FAMILIES, Kind};
pub use fleet::{Fleet, PENDING_MAX, SimRecord};
pub use label::{Label, LabelRef};
pub use options::{AttackPlan, FleetOptions, OptionsError};
pub use rhythm::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};
pub use scope::templates;
