//! From the files of a rules directory to checked rules. Nothing here runs for an action.
//!
//! `rule_files` is the way in. It asks `file_kind` what a file is, and reads each document with one
//! file per part of a rule: `metadata`, `detection` with `selection_field` and `negation`,
//! `response_section`, `baseline_section`, `inline_tests`.

mod baseline_section;
mod detection;
pub(super) mod file_kind;
pub(super) mod foreign_rule;
mod inline_tests;
mod metadata;
mod negation;
mod response_section;
pub(super) mod rule_files;
mod selection_field;
