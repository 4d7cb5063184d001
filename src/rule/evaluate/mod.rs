//! From the facts of one action to the rules that match: the hot path of the room.
//!
//! `record_facts` fills `facts`. `candidate_index` finds the rules that could match, by the anchors
//! that `anchor` derives from each rule. `detection_matcher` decides each candidate.

pub(super) mod anchor;
pub(super) mod candidate_index;
pub(super) mod detection_matcher;
pub(super) mod fact_view;
pub(super) mod facts;
pub(super) mod record_facts;
