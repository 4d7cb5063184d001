//! From the facts of one action to the rules that match: the hot path of the room.
//!
//! `record_facts` sets `facts`. `candidate_index` finds the rules that could match, by the anchors
//! that `anchor` derived from each rule. The `condition` of each candidate decides: a tree over
//! fields, each with a `value_test` that compares texts by `text_pattern` and `case_folding`,
//! numbers by `number` and addresses by `network`.
//!
//! The comparison is our own and not that of a general Sigma engine. Such an engine looks a field
//! up by its name and guesses at types; here the slot and the type of each fact are known when a
//! rule is loaded, and what a rule means is decided in one place.
//!
//! The caller reuses the facts and the buffers of candidates from action to action.

pub(super) mod anchor;
pub(super) mod candidate_index;
mod case_folding;
pub(super) mod condition;
pub(super) mod facts;
pub(super) mod network;
pub(super) mod number;
pub(super) mod record_facts;
pub(super) mod text_pattern;
pub(super) mod value_test;
