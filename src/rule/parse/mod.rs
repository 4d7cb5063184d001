//! Reads and checks the rule files of a directory. Nothing here runs while actions are judged.
//!
//! `rule_files` is the entry. `file_kind` tells files apart, and one module reads each part of a
//! rule: `metadata`, `detection`, `response_section`, `baseline_section` and `inline_tests`.
//!
//! A detection consists of a `condition_expression` over selections of `selection_field`s. A field
//! has `modifiers` and a `field_value` or several, whose texts `sigma_text` takes apart and
//! `normal_value` brings into the form of the fact. `negation`
//! checks the whole.

mod baseline_section;
mod condition_expression;
pub(super) mod detection;
mod evidence_section;
mod field_value;
pub(super) mod file_kind;
pub(super) mod foreign_rule;
mod inline_tests;
mod metadata;
mod modifiers;
mod negation;
mod normal_value;
mod response_section;
pub(super) mod rule_files;
mod selection_field;
mod sigma_text;
