//! From the facts of one action to the rules that match: the hot path of the room.
//!
//! `record_facts` sets `facts`. `candidate_index` finds the rules that could match, by the anchors
//! that `anchor` derived from each rule. `detection_matcher` decides each candidate: rsigma matches
//! it against a `fact_view`.
//!
//! The caller reuses the facts and the buffers of candidates from action to action.

pub(super) mod anchor;
pub(super) mod candidate_index;
pub(super) mod detection_matcher;
pub(super) mod fact_view;
pub(super) mod facts;
pub(super) mod record_facts;
