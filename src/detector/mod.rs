//! The state machine: one record against one subject gives new state and effects.
//!
//! Place in the flow: `engine` merges a partition's inputs, loads the subjects that a record needs
//! and calls [`Detector::process_record`]. It sends out what comes back in [`RecordEffects`], and
//! stores what [`PartitionState::take_changes`] returns.
//!
//! Inside: `dispatch` gives a record to `action`, `scope_records`, `control_records`, `links` or
//! `unreadable`, and a timer to `deferral` and the response room. `action` evaluates one action,
//! `agent_event` what happens to an agent besides.
//!
//! This room must not know of bytes on a wire, topics, transactions, files, clocks or chance: time
//! is that of the records, and the same records give the same effects and the same state.
//!
//! It owns the state of every subject ([`subject`]) and the stream time of its partition. Limits:
//! [`limits`]. Score before learning: an action is judged by what was known before it.
//!
//! One action of an agent whose tenant has neither scope nor template: the detector says so.
//!
//! ```
//! use scopewatch::detector::{
//!     DeferredTotals, Detector, DetectorSettings, PartitionState, RecordEffects, StoredSubject,
//! };
//! use scopewatch::engine::{parse_rules, shipped_rule_files};
//! use scopewatch::event::{AgentAction, Input, Record, RecordBody, RecordPosition, TimeSource};
//!
//! let rules = parse_rules(&shipped_rule_files(), &[]).rules.ok_or("the rules have errors")?;
//! let mut detector = Detector::new(rules.bundle, rules.policy, DetectorSettings::default());
//! let mut partition = PartitionState::new(1, 0, DeferredTotals::default());
//! let record = Record {
//!     input: Input::Actions,
//!     position: RecordPosition { topic: "a".into(), partition: 0, offset: 0, index: 0 },
//!     append_ms: 2_000,
//!     time: TimeSource::Append,
//!     body: RecordBody::Action(Box::new(AgentAction::new("agent-1"))),
//! };
//! for subject in partition.prepare_subjects(std::iter::once(&record)) {
//!     partition.admit_subject(subject, &StoredSubject::default())?;
//! }
//! let mut effects = RecordEffects::default();
//! detector.process_record(&mut partition, record, &mut effects);
//! assert_eq!(effects.counts.actions, 1);
//! assert!(!effects.outcomes.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Read first: `tests/core/records.rs`.

#![deny(clippy::disallowed_methods)]

pub mod limits;

mod action;
mod action_hash;
mod action_task;
mod action_text;
mod agent_event;
mod agent_map;
pub mod agent_tree;
mod behaviour;
mod behaviour_facts;
mod class_check;
mod class_volume;
mod coming_scopes;
mod content_flow;
mod control_records;
mod credential_facts;
mod credential_links;
mod credential_state;
mod credential_users;
mod deferral;
pub mod delegation;
mod dispatch;
mod effects;
mod explain;
mod explain_evidence;
mod explain_finding;
mod explain_flow;
mod facts;
mod gateway_gap;
mod gateway_links;
mod gateway_numbers;
mod gateway_watch;
pub mod learned_state;
mod learning_commands;
mod lifecycle_facts;
mod links;
mod metric_slots;
mod metrics;
mod partition_state;
mod recent_ids;
mod scope_records;
mod selected_agents;
mod state_changes;
mod stored_timers;
mod stream_pauses;
pub mod subject;
mod target_links;
mod timed_action;
mod tree_actions;
mod tree_cascades;
mod tree_flow;
mod tree_links;
mod tree_reads;
mod unreadable;

pub use crate::behaviour::{ClassCheck, SetAsideTask};
pub use deferral::DeferredTotals;
pub use dispatch::{Detector, DetectorSettings, GivenFact};
pub use effects::{DetectorCounts, OutgoingLink, RecordEffects};
pub use partition_state::{Admission, PartitionState, StateChange};
pub use stored_timers::{TIMER_PREFIX, parse_timer_key, timer_of};
pub use subject::{StateError, StoredSubject, SubjectKey};
pub use timed_action::claimed_ms;
