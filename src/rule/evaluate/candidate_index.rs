//! The candidate index: finds the rules that could match an action, without evaluating the others.
//!
//! The index is inverted. For each fact that is an anchor of some rule (see `anchor`) it has one
//! [`SlotIndex`], which leads from a value of the fact to the rules anchored on that value:
//!
//! - `words`: from a folded word to the rules that compare the fact with this word (a hash map
//!   that is only looked up);
//! - `if_true`, `if_false`: the rules anchored on a flag;
//! - `at_least`, `at_most`: the rules anchored on a threshold, sorted so that the thresholds which
//!   a number reaches come first;
//! - `exists`: the rules that need the fact with any value.
//!
//! An action costs one look-up for each fact that is an anchor, plus its candidates. More rules on
//! the same facts cost nothing until they are candidates. Then their conditions decide. The index
//! may return too many rules and never too few: `rule/tests/sigma_differential.rs` compares it with
//! an evaluation of every rule.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::rule::model::catalogue::FactSlot;

use super::anchor::{Anchor, AnchorSet};
use super::case_folding::fold_case;
use super::facts::{FactValue, Facts};

/// The rules or metrics of a bundle by the facts that they need. `Id` is the number of a rule or of
/// a metric.
#[derive(Debug, Clone)]
pub(in crate::rule) struct CandidateIndex<Id> {
    /// Without an anchor: candidates for every action.
    always: Vec<Id>,
    /// In slot order. Only facts that are an anchor of some rule have one.
    slots: Vec<SlotIndex<Id>>,
}

#[derive(Debug, Clone)]
struct SlotIndex<Id> {
    slot: FactSlot,
    /// By folded word. Most words lead to few rules, so the map itself stores
    /// up to four numbers, without a second memory access.
    words: FxHashMap<Box<str>, SmallVec<[Id; 4]>>,
    if_true: Vec<Id>,
    if_false: Vec<Id>,
    /// Sorted by threshold, lowest first: a number reaches a prefix of the list.
    at_least: Vec<(f64, Id)>,
    /// Sorted by threshold, highest first: a number reaches a prefix of the list.
    at_most: Vec<(f64, Id)>,
    exists: Vec<Id>,
}

impl<Id: Copy + Ord> CandidateIndex<Id> {
    /// Builds the index from the anchors of each rule or metric.
    pub(in crate::rule) fn new(anchored: impl Iterator<Item = (Id, AnchorSet)>) -> Self {
        let mut always = Vec::new();
        let mut slots: BTreeMap<FactSlot, SlotIndex<Id>> = BTreeMap::new();
        for (id, anchors) in anchored {
            match anchors {
                AnchorSet::Always => always.push(id),
                AnchorSet::AnyOf(anchors) => {
                    for anchor in anchors {
                        let slot = anchor.fact_slot();
                        slots
                            .entry(slot)
                            .or_insert_with(|| SlotIndex::new(slot))
                            .add_anchor(id, anchor);
                    }
                }
            }
        }
        let mut slots: Vec<_> = slots.into_values().collect();
        for slot in &mut slots {
            slot.at_least.sort_by(|a, b| a.0.total_cmp(&b.0));
            slot.at_most.sort_by(|a, b| b.0.total_cmp(&a.0));
        }
        CandidateIndex { always, slots }
    }

    /// Writes the candidates for `facts` to `out`: by number, each once. Empties `out` first, so
    /// that the caller can keep one buffer and an action costs no allocation.
    pub(in crate::rule) fn find_candidates(&self, facts: &Facts<'_>, out: &mut Vec<Id>) {
        out.clear();
        out.extend_from_slice(&self.always);
        for slot in &self.slots {
            slot.push_candidates(facts.get(slot.slot), out);
        }
        // A rule with several anchors can be found several times. The order of findings is the
        // order of rules in the bundle, whatever fact led to them.
        out.sort_unstable();
        out.dedup();
    }
}

impl<Id: Copy + Ord> SlotIndex<Id> {
    fn new(slot: FactSlot) -> Self {
        SlotIndex {
            slot,
            words: FxHashMap::default(),
            if_true: Vec::new(),
            if_false: Vec::new(),
            at_least: Vec::new(),
            at_most: Vec::new(),
            exists: Vec::new(),
        }
    }

    fn add_anchor(&mut self, id: Id, anchor: Anchor) {
        match anchor {
            Anchor::Word(_, word) => self
                .words
                .entry(word.into_boxed_str())
                .or_default()
                .push(id),
            Anchor::Flag(_, true) => self.if_true.push(id),
            Anchor::Flag(_, false) => self.if_false.push(id),
            Anchor::AtLeast(_, threshold) => self.at_least.push((threshold, id)),
            Anchor::AtMost(_, threshold) => self.at_most.push((threshold, id)),
            Anchor::Exists(_) => self.exists.push(id),
        }
    }

    /// Adds the rules that this value of the fact leads to. An absent fact leads to none: rules
    /// that match without it have other anchors, or are candidates for every action.
    fn push_candidates(&self, value: FactValue<'_>, out: &mut Vec<Id>) {
        match value {
            FactValue::Absent => return,
            FactValue::Text(text) => self.push_by_word(text, out),
            FactValue::List(items) => items.iter().for_each(|item| self.push_by_word(item, out)),
            FactValue::Texts(items) => items.iter().for_each(|item| self.push_by_word(item, out)),
            FactValue::Flag(flag) => {
                out.extend_from_slice(if flag { &self.if_true } else { &self.if_false });
            }
            // Above 2^53 the rounding can make two numbers equal, and never swaps them: the index
            // may return a rule too many and misses none.
            FactValue::Int(number) => self.push_by_number(number as f64, out),
            FactValue::Float(number) => self.push_by_number(number, out),
        }
        out.extend_from_slice(&self.exists);
    }

    fn push_by_word(&self, text: &str, out: &mut Vec<Id>) {
        // Many facts are an anchor by number or existence only: do not hash for nothing.
        if self.words.is_empty() {
            return;
        }
        if let Some(ids) = self.words.get(fold_case(text).as_ref()) {
            out.extend_from_slice(ids);
        }
    }

    fn push_by_number(&self, number: f64, out: &mut Vec<Id>) {
        // A NaN never gets here: `Facts::set` leaves out numbers that are not finite.
        let reached = self
            .at_least
            .iter()
            .take_while(|(threshold, _)| *threshold <= number);
        out.extend(reached.map(|(_, id)| *id));
        let reached = self
            .at_most
            .iter()
            .take_while(|(threshold, _)| *threshold >= number);
        out.extend(reached.map(|(_, id)| *id));
    }
}

#[cfg(test)]
mod tests;
