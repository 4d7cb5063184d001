//! The candidate index: which rules could match, found from the facts that are there.
//!
//! For each fact that some rule is anchored on, the words, flags and sorted thresholds that lead
//! to rules. An action costs one look at each of these facts, however many rules there are. The
//! maps of words are only looked up.

use std::borrow::Cow;
use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::rule::model::catalogue::FactSlot;

use super::anchor::{Anchor, AnchorSet};
use super::facts::{FactValue, Facts};

/// Finds candidates by fact. `Id` is a rule's or a metric's index.
#[derive(Debug, Clone)]
pub(in crate::rule) struct CandidateIndex<Id> {
    always: Vec<Id>,
    slots: Vec<SlotIndex<Id>>,
}

#[derive(Debug, Clone)]
struct SlotIndex<Id> {
    slot: FactSlot,
    words: FxHashMap<Box<str>, SmallVec<[Id; 4]>>,
    if_true: Vec<Id>,
    if_false: Vec<Id>,
    /// Sorted by threshold, lowest first.
    at_least: Vec<(f64, Id)>,
    /// Sorted by threshold, highest first.
    at_most: Vec<(f64, Id)>,
    exists: Vec<Id>,
}

impl<Id: Copy + Ord> CandidateIndex<Id> {
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

    /// The candidates for `facts`, sorted, each once, into `out`, which is emptied first.
    pub(in crate::rule) fn find_candidates(&self, facts: &Facts<'_>, out: &mut Vec<Id>) {
        out.clear();
        out.extend_from_slice(&self.always);
        for slot in &self.slots {
            slot.push_candidates(facts.get(slot.slot), out);
        }
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

    fn push_candidates(&self, value: FactValue<'_>, out: &mut Vec<Id>) {
        match value {
            FactValue::Absent => return,
            FactValue::Text(text) => self.push_by_word(text, out),
            FactValue::List(items) => items.iter().for_each(|item| self.push_by_word(item, out)),
            FactValue::Texts(items) => items.iter().for_each(|item| self.push_by_word(item, out)),
            FactValue::Flag(flag) => {
                out.extend_from_slice(if flag { &self.if_true } else { &self.if_false });
            }
            // Both sides are rounded to the same f64 that rsigma compares.
            FactValue::Int(number) => self.push_by_number(number as f64, out),
            FactValue::Float(number) => self.push_by_number(number, out),
        }
        out.extend_from_slice(&self.exists);
    }

    fn push_by_word(&self, text: &str, out: &mut Vec<Id>) {
        if self.words.is_empty() {
            return;
        }
        if let Some(ids) = self.words.get(lower_case(text).as_ref()) {
            out.extend_from_slice(ids);
        }
    }

    fn push_by_number(&self, number: f64, out: &mut Vec<Id>) {
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

/// Lower case as rsigma makes it; words on the wire mostly are, and cost nothing.
fn lower_case(text: &str) -> Cow<'_, str> {
    if text
        .bytes()
        .any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii())
    {
        Cow::Owned(text.to_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests;
