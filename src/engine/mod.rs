//! The engine: the records of one partition in, one commit out, sans-IO.
//!
//! Place in the flow: a driver pushes input records into a task, lets it process them, and takes a
//! commit that one transaction carries. [`contract`] is what a driver asks of a task;
//! [`EngineTask`] implements it. Inside, `input_merge` orders and decodes the inputs,
//! `subject_loading` loads the state that they need, `partition_task` drives the detector. Its
//! results are typed ([`outcome::TaskOutcome`]); `outbox` collects them for the next commit, and
//! `encode` turns each into bytes once. The Kafka worker, replay, demo and rule tests drive the
//! same task.
//!
//! [`TaskGroup`] drives the tasks of all partitions of a process without a broker.
//!
//! A task merges its inputs by (time, input, offset) among the records that have arrived. The
//! journal record of each commit names the offsets it applied. Otherwise no result depends on the
//! boundaries of batches.
//!
//! This room must not know of connections, files, threads or clocks; of [`crate::store`] it knows
//! the trait and the store in memory. It owns the cached subjects of a partition. Limits:
//! [`limits`].
//!
//! Read first: `tests/core/clock.rs`, then the tests of [`rule_tests`].
//!
//! # Example
//!
//! The shipped rules judge one action against the scope of its agent:
//!
//! ```
//! # use std::sync::Arc;
//! # use scopewatch::codec::{Decoder, SchemaSet};
//! # use scopewatch::engine::contract::{InputRecord, PartitionTask};
//! # use scopewatch::engine::outcome::TaskOutcome;
//! # use scopewatch::engine::{Engine, EngineOptions, EngineTask, parse_rules, shipped_rule_files};
//! # use scopewatch::event::Input;
//! # use scopewatch::store::{MemoryStore, Store};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let rules = parse_rules(&shipped_rule_files(), &[]).rules.ok_or("no rules")?;
//! let decoder = Decoder::new(SchemaSet::new([]).map_err(|_| "no schemas")?);
//! let engine = Arc::new(Engine::new(decoder, rules, None, EngineOptions::default()));
//! let store = MemoryStore::new();
//! store.open_partition(0)?;
//! let mut task = EngineTask::open(engine, 0, &store)?;
//!
//! let scope = r#"{"scope_id": "s1", "tenant": "acme", "agent_id": "bot", "effective_from": 1000,
//!     "grants": [{"resource_types": ["code.file"], "verbs": ["read"]}]}"#;
//! let action = r#"{"event_id": "e1", "occurred_at": 2000, "tenant": "acme", "agent.id": "bot",
//!     "resource.type": "code.file", "action.verb": "delete"}"#;
//! task.push(InputRecord::of_agent(Input::Scopes, 0, 1_000, "acme/bot", scope));
//! task.push(InputRecord::of_agent(Input::Actions, 0, 2_000, "acme/bot", action));
//! task.process_queued(&store)?;
//!
//! let commit = task.take_commit().ok_or("nothing to commit")?;
//! let alert = commit.outcomes.iter().find_map(|outcome| match outcome {
//!     TaskOutcome::Alert { alert, .. } => Some(alert),
//!     _ => None,
//! });
//! assert_eq!(alert.ok_or("no alert")?.agent_id, "bot");
//! # Ok(())
//! # }
//! ```

#![deny(clippy::disallowed_methods)]

mod agent_states;
pub mod contract;
pub mod dead_letter;
mod encode;
mod input_merge;
mod journal;
mod learned_export;
pub mod limits;
mod moved;
mod outbox;
pub mod outcome;
mod outcome_causes;
mod partition_task;
pub mod partitioner;
mod progress;
mod rejections;
pub mod rule_tests;
mod rules;
mod shared_engine;
mod subject_loading;
mod task_factory;
mod task_group;

pub use agent_states::{AgentStates, AgentTreeError};
pub use learned_export::{LearnedExportError, export_learned};
pub use partition_task::EngineTask;
pub use progress::TaskProgress;
pub use rules::{JUDGES_NOTHING, ParsedRules, Rules, parse_rules, shipped_rule_files};
pub use shared_engine::{Engine, EngineOptions, OutcomeObserver};
pub use task_factory::EngineFactory;
pub use task_group::TaskGroup;
