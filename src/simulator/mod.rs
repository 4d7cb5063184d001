//! A seeded fleet of agents: the records that gateways and the task broker would write to the input
//! topics, with planted attacks and their labels.
//!
//! Place in the flow: `generate` writes the records of [`Fleet`] to files or to Kafka; `demo` and
//! the tests feed them to the engine. `agent_types` lists the types of agents, `scope_skeletons`
//! derives their scopes, `roster` creates the agents, `agent` composes one action, `fleet` runs the
//! event loop, `attacks` holds one script per kind of attack.
//!
//! This room knows nothing of rules, the engine, wire formats or clocks: the seed decides
//! everything, on every machine. It owns one wake-up time per agent and the pending records:
//! retries, late deliveries and attacks under way (limits: [`PENDING_MAX`]).
//!
//! Read first: `tests.rs`.
//!
//! # Example
//!
//! Equal options yield equal records:
//!
//! ```
//! use scopewatch::simulator::{DAY_MS, Fleet, FleetOptions};
//!
//! let options = FleetOptions {
//!     seed: 7,
//!     agents: 20,
//!     tenants: 2,
//!     start_ms: 0,
//!     end_ms: DAY_MS,
//!     rate: 0.1,
//!     attacks: None,
//! };
//! let records: Vec<_> = Fleet::new(options.clone())?.collect();
//! assert!(!records.is_empty());
//! assert_eq!(records, Fleet::new(options)?.collect::<Vec<_>>());
//! # Ok::<(), scopewatch::simulator::FleetOptionsError>(())
//! ```

#![deny(clippy::disallowed_methods)]

mod agent;
mod agent_types;
mod attack_kind;
mod attack_label;
mod attacks;
mod fleet;
mod fleet_members;
#[cfg(test)]
mod judge_tests;
mod options;
mod pending_records;
mod roster;
mod schedule;
mod scope_skeletons;
mod seeded_rng;
mod sim_record;
#[cfg(test)]
mod tests;

pub use attack_kind::{AttackKind, FAMILIES};
pub use attack_label::{AttackLabel, AttackLabelRef};
pub use fleet::{Fleet, PENDING_MAX};
pub use options::{AttackPlan, FleetOptions, FleetOptionsError};
pub use schedule::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};
pub use scope_skeletons::scope_templates;
pub use sim_record::SimRecord;
