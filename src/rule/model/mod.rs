//! What a rule consists of: the facts that it may read, its response, its tests.
//! `parse` makes these types from files, `evaluate` and the bundle use them; nothing here imports
//! from those.

pub(super) mod catalogue;
pub(super) mod classification;
mod fact_info;
pub(super) mod inline_test;
pub(super) mod metric;
pub(super) mod numbering;
pub(super) mod rule_response;
