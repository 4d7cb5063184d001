//! The state machine: one record against one subject gives new state and effects.
//!
//! Place in the flow: `engine` merges a partition's inputs, loads the subjects a record
//! needs and calls [`Detector::apply`]; what comes back in [`Effects`] is made into messages, and
//! [`Partition::take_changes`] into stored bytes.
//!
//! This room must not know of bytes on a wire, topics, transactions, files, clocks or chance: time
//! is that of the records, and the same records give the same effects and the same state.
//!
//! It owns the state of every subject ([`subject`]) and the stream time of its partition. Limits:
//! [`limits`]. Score before learning: an action is judged by what was known before it.
//!
//! Read first: `tests/core/records.rs`.

#![deny(clippy::disallowed_methods)]

pub mod limits;

mod action;
mod declare;
mod effects;
mod explain;
mod facts;
mod hold;
mod machine;
mod partition;
mod recent;
pub mod subject;
mod timed_action;

pub use effects::{Counts, Effects, LinkOut};
pub use machine::{Detector, GivenFact, Settings};
pub use partition::{Change, Partition, TIMER_PREFIX, parse_timer_key, timer_of};
pub use subject::{StateError, Stored, SubjectKey};
pub use timed_action::claimed_ms;
