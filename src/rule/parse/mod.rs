//! Reads and checks the rule files of a directory. Nothing here runs while actions are judged.
//!
//! `rule_files` is the entry. `file_kind` tells files apart, and one module reads each part of a
//! rule: `metadata`, `detection` (with `selection_field` and `negation`), `response_section`,
//! `baseline_section` and `inline_tests`.

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
