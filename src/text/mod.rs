//! Text of people and records. Files that people write: YAML with the location of every node,
//! problems collected and worded alike, globs, units, durations, and "did you mean". And the one
//! normal form of what can be written in many ways: hosts, paths and words ([`normal`]).
//!
//! Place in the flow: below every other room. `scope`, `rule`, `response` and `config` read their
//! files with it, `scope` brings actions and declarations into normal form, `codec` finds the
//! location of a fault in a JSON record, `cli` prints problems.
//!
//! This room must not know what any file means: no rule, no scope, no setting, no record. It owns
//! no state. Its limits are [`yaml::DEPTH_MAX`], [`reader::TEXT_BYTES_MAX`] and
//! [`reader::LIST_ITEMS_MAX`].
//!
//! Read first: the tests beside `reader`, then those beside `glob`, then `normal/tests`.

#![deny(clippy::disallowed_methods)]

mod diagnostic;
mod glob;
pub mod normal;
mod problems;
pub mod reader;
mod suggest;
pub mod units;
pub mod yaml;

pub use diagnostic::{Diagnostic, Location, ProblemSeverity, SourceFile};
pub use glob::GlobPattern;
pub use problems::Problems;
pub use suggest::{format_suggestion, nearest, quote_words, suggest_near, suggest_or_list};
pub use yaml::{YamlNode, YamlValue};
