//! The anchors of a rule: simple tests on single facts of which at least one is true whenever the
//! rule matches. `candidate_index` finds a rule by its anchors instead of evaluating every rule.
//!
//! A rule with `scope.violations: [verb, owner]` and `volume.bytes_out|gte: 10` needs both parts,
//! so either part alone would do as its anchors. The violations are rarer, and the anchors become
//! `Word(scope.violations, verb)` and `Word(scope.violations, owner)`.
//!
//! The derivation works from the same tree that decides the match:
//!
//! - Of parts that must all be true, the anchors of one part are enough; the rarest part is taken.
//! - Of parts of which one must be true, the anchors of all parts are needed.
//! - A negated part gives no anchor: it is true when facts are absent, too.
//!
//! Anchors may be too wide (the rule is a candidate and then does not match) and never too narrow
//! (the rule would be missed). A comparison that the index has no list for therefore becomes "the
//! fact exists", and a part that can match without a fact makes the rule a candidate for every
//! action. The property test in `rule/tests/sigma_differential.rs` compares the result with an
//! evaluation of every rule, over random rules and random facts.

use crate::rule::model::catalogue::{FactCatalogue, FactPresence, FactSlot, FactSource};

use super::case_folding::fold_case;
use super::condition::{Condition, FieldTest};
use super::number::Comparison;
use super::value_test::{ValueMatcher, ValueTest};

/// A test on one fact that the index can look up.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::rule) enum Anchor {
    /// The text, or a member of the list, equals this folded word when it is folded itself.
    Word(FactSlot, String),
    Flag(FactSlot, bool),
    /// The number is equal to or greater than this one.
    AtLeast(FactSlot, f64),
    /// The number is equal to or less than this one.
    AtMost(FactSlot, f64),
    Exists(FactSlot),
}

impl Anchor {
    /// The fact that is tested.
    pub(in crate::rule) fn fact_slot(&self) -> FactSlot {
        let (Anchor::Word(slot, _)
        | Anchor::Flag(slot, _)
        | Anchor::AtLeast(slot, _)
        | Anchor::AtMost(slot, _)
        | Anchor::Exists(slot)) = self;
        *slot
    }
}

/// What must be true of an action for a rule to match.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::rule) enum AnchorSet {
    /// Nothing is known: the rule is a candidate for every action.
    Always,
    /// At least one of these anchors is true. Without any anchor the rule can never match.
    AnyOf(Vec<Anchor>),
}

/// Derives the most selective anchors of a condition.
pub(in crate::rule) fn find_anchors(condition: &Condition, catalogue: &FactCatalogue) -> AnchorSet {
    AnchorFinder { catalogue }.condition_anchors(condition)
}

struct AnchorFinder<'c> {
    catalogue: &'c FactCatalogue,
}

impl AnchorFinder<'_> {
    fn condition_anchors(&self, condition: &Condition) -> AnchorSet {
        match condition {
            Condition::All(parts) => {
                self.most_selective(parts.iter().map(|part| self.condition_anchors(part)))
            }
            Condition::Any(parts) => {
                self.union_of(parts.iter().map(|part| self.condition_anchors(part)))
            }
            // True when the facts of the negated part are absent, so no fact must be there.
            Condition::Not(_) => AnchorSet::Always,
            Condition::Field(field) => match &field.test {
                FieldTest::Exists => AnchorSet::AnyOf(vec![Anchor::Exists(field.slot)]),
                FieldTest::Absent => AnchorSet::Always,
                FieldTest::Value(test) => self.value_anchors(field.slot, test),
            },
        }
    }

    /// Anchors of a test on the value of the fact in `slot`. Every such test needs at least the
    /// existence of the fact.
    fn value_anchors(&self, slot: FactSlot, test: &ValueTest) -> AnchorSet {
        if test.is_negated() {
            return AnchorSet::AnyOf(vec![Anchor::Exists(slot)]);
        }
        let matchers = test.matchers().iter();
        self.union_of(matchers.map(|matcher| AnchorSet::AnyOf(vec![matcher_anchor(slot, matcher)])))
    }

    /// For parts that must all be true: the anchors of the part that is true least often.
    fn most_selective(&self, parts: impl Iterator<Item = AnchorSet>) -> AnchorSet {
        parts
            .min_by_key(|anchors| self.estimate_cost(anchors))
            .unwrap_or(AnchorSet::Always)
    }

    /// For parts of which at least one must be true: the anchors of all parts, each once.
    fn union_of(&self, parts: impl Iterator<Item = AnchorSet>) -> AnchorSet {
        let mut all: Vec<Anchor> = Vec::new();
        for part in parts {
            match part {
                AnchorSet::Always => return AnchorSet::Always,
                AnchorSet::AnyOf(anchors) => {
                    for anchor in anchors {
                        if !all.contains(&anchor) {
                            all.push(anchor);
                        }
                    }
                }
            }
        }
        AnchorSet::AnyOf(all)
    }

    /// Estimates of how many of 1,000 actions at least one anchor is true. A wrong estimate costs
    /// time and never a match: it only chooses which part of a rule becomes its anchors.
    fn estimate_cost(&self, anchors: &AnchorSet) -> u32 {
        match anchors {
            AnchorSet::Always => u32::MAX,
            AnchorSet::AnyOf(anchors) => anchors.iter().fold(0, |sum: u32, anchor| {
                sum.saturating_add(self.estimate_anchor_cost(anchor))
            }),
        }
    }

    fn estimate_anchor_cost(&self, anchor: &Anchor) -> u32 {
        let Some(info) = self.catalogue.fact_info(anchor.fact_slot()) else {
            return u32::MAX;
        };
        // Facts of a judgement are absent on the normal action of an agent within its scope.
        let judged = matches!(
            info.source,
            FactSource::Scope
                | FactSource::Delegation
                | FactSource::Lifecycle
                | FactSource::Credential
                | FactSource::Baseline
        );
        match anchor {
            // The words of a normal action: nearly every action has them.
            Anchor::Word(_, word) if matches!(word.as_str(), "action" | "active" | "allowed") => {
                900
            }
            Anchor::Word(..) if judged => 2,
            Anchor::Word(..) if info.words.is_empty() => 20,
            Anchor::Word(..) => 100,
            Anchor::Flag(..) if info.presence == FactPresence::WhenTrue => 1,
            Anchor::Flag(..) => 100,
            Anchor::AtLeast(..) | Anchor::AtMost(..) if judged => 10,
            Anchor::AtLeast(..) | Anchor::AtMost(..) => 50,
            Anchor::Exists(_) if info.presence == FactPresence::Always => 1_000,
            Anchor::Exists(_) if judged => 10,
            Anchor::Exists(_) => 300,
        }
    }
}

/// The anchor of one value of a rule. A wildcard, a regular expression or a network is looked up
/// by the existence of the fact.
fn matcher_anchor(slot: FactSlot, matcher: &ValueMatcher) -> Anchor {
    match matcher {
        ValueMatcher::Text(pattern) => match pattern.equal_word() {
            Some(word) => Anchor::Word(slot, fold_case(word).into_owned()),
            None => Anchor::Exists(slot),
        },
        ValueMatcher::Flag(flag) => Anchor::Flag(slot, *flag),
        ValueMatcher::Number(comparison, number) => match comparison {
            Comparison::Greater | Comparison::GreaterOrEqual => {
                Anchor::AtLeast(slot, number.to_f64())
            }
            Comparison::Less | Comparison::LessOrEqual => Anchor::AtMost(slot, number.to_f64()),
            // No upper threshold is needed: an anchor may be too wide.
            Comparison::Equal => Anchor::AtLeast(slot, number.to_f64()),
        },
        ValueMatcher::Regex(_) | ValueMatcher::Network(_) | ValueMatcher::Fact(_) => {
            Anchor::Exists(slot)
        }
    }
}
