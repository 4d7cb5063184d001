//! The anchors of a rule: simple tests on single facts of which at least one is true whenever the
//! rule matches. `candidate_index` finds a rule by its anchors instead of evaluating every rule.
//!
//! A rule with `scope.violations: [verb, owner]` and `volume.bytes_out|gte: 10` needs both parts,
//! so either part alone would do as its anchors. The violations are rarer, and the anchors become
//! `Word(scope.violations, verb)` and `Word(scope.violations, owner)`.
//!
//! The derivation works from rsigma's compiled form, because that form decides the match:
//!
//! - Of parts that must all be true, the anchors of one part are enough; the rarest part is taken.
//! - Of parts of which one must be true, the anchors of all parts are needed.
//! - A negated part gives no anchor: it is true when facts are absent, too.
//!
//! Anchors may be too wide (the rule is a candidate and then does not match) and never too narrow
//! (the rule would be missed). A matcher that this file does not know therefore falls back to "the
//! fact exists", and a part that can match without a fact makes the rule a candidate for every
//! action. The property test `no_matching_rule_is_missed` in `candidate_index/tests.rs` compares
//! the result with an evaluation of every rule, over random rules and random facts.

use rsigma_eval::matcher::GroupMode;
use rsigma_eval::{CompiledDetection, CompiledDetectionItem, CompiledMatcher, CompiledRule};
use rsigma_parser::{ConditionExpr, Quantifier};

use crate::rule::model::catalogue::{FactCatalogue, FactPresence, FactSlot, FactSource, FactType};

/// A test on one fact that the index can look up.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::rule) enum Anchor {
    /// The text, or a member of the list, equals this lower-case word when case is ignored.
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

/// Derives the most selective anchors of a compiled rule.
pub(in crate::rule) fn find_anchors(rule: &CompiledRule, catalogue: &FactCatalogue) -> AnchorSet {
    let finder = AnchorFinder { rule, catalogue };
    finder.union_of(
        rule.conditions
            .iter()
            .map(|condition| finder.condition_anchors(condition)),
    )
}

struct AnchorFinder<'r> {
    rule: &'r CompiledRule,
    catalogue: &'r FactCatalogue,
}

impl AnchorFinder<'_> {
    fn condition_anchors(&self, expr: &ConditionExpr) -> AnchorSet {
        match expr {
            ConditionExpr::And(parts) => {
                self.most_selective(parts.iter().map(|part| self.condition_anchors(part)))
            }
            ConditionExpr::Or(parts) => {
                self.union_of(parts.iter().map(|part| self.condition_anchors(part)))
            }
            // True when the facts of the negated part are absent, so no fact must be there.
            ConditionExpr::Not(_) => AnchorSet::Always,
            ConditionExpr::Identifier(name) => match self.rule.detections.get(name) {
                Some(detection) => self.detection_anchors(detection),
                None => AnchorSet::AnyOf(Vec::new()),
            },
            ConditionExpr::Selector {
                quantifier,
                pattern,
            } => {
                let mut names: Vec<&String> = self
                    .rule
                    .detections
                    .keys()
                    .filter(|name| pattern.matches_detection_name(name))
                    .collect();
                names.sort();
                let chosen = names
                    .into_iter()
                    .filter_map(|name| self.rule.detections.get(name))
                    .map(|detection| self.detection_anchors(detection));
                match quantifier {
                    Quantifier::All => self.most_selective(chosen),
                    Quantifier::Any => self.union_of(chosen),
                    Quantifier::Count(0) => AnchorSet::Always,
                    // `n of` needs at least one part; the anchors of all parts are wide enough.
                    Quantifier::Count(_) => self.union_of(chosen),
                }
            }
        }
    }

    fn detection_anchors(&self, detection: &CompiledDetection) -> AnchorSet {
        match detection {
            CompiledDetection::AllOf(items) => {
                self.most_selective(items.iter().map(|item| self.item_anchors(item)))
            }
            CompiledDetection::And(parts) => {
                self.most_selective(parts.iter().map(|part| self.detection_anchors(part)))
            }
            CompiledDetection::AnyOf(parts) => {
                self.union_of(parts.iter().map(|part| self.detection_anchors(part)))
            }
            // Rule files with these are refused. If one gets here after all, the rule is slower and
            // still correct.
            CompiledDetection::Keywords(_)
            | CompiledDetection::ArrayMatch { .. }
            | CompiledDetection::Conditional { .. } => AnchorSet::Always,
        }
    }

    fn item_anchors(&self, item: &CompiledDetectionItem) -> AnchorSet {
        let Some(slot) = item
            .field
            .as_deref()
            .and_then(|name| self.catalogue.find_slot(name))
        else {
            return AnchorSet::Always;
        };
        match item.exists {
            // rsigma decides `|exists` before it looks at the matcher.
            Some(true) => AnchorSet::AnyOf(vec![Anchor::Exists(slot)]),
            Some(false) => AnchorSet::Always,
            None => self.matcher_anchors(slot, &item.matcher),
        }
    }

    /// Anchors of a matcher on the fact in `slot`. Only `Null` and `Exists(false)` match an absent
    /// fact; every other matcher needs at least its existence.
    ///
    /// The type of the fact is asked because rsigma also compares across types: a number with a
    /// text of digits, for example. An anchor on the value is used where the index stores such
    /// values, otherwise the existence of the fact.
    fn matcher_anchors(&self, slot: FactSlot, matcher: &CompiledMatcher) -> AnchorSet {
        let fact_type = self.catalogue.fact_info(slot).map(|info| info.fact_type);
        let textual = matches!(fact_type, Some(FactType::Text | FactType::List));
        let numeric = fact_type.is_some_and(FactType::is_numeric);
        let anchor = match matcher {
            CompiledMatcher::Exact { value, .. } if textual => {
                Anchor::Word(slot, value.to_lowercase())
            }
            CompiledMatcher::BoolEq(flag) if fact_type == Some(FactType::Flag) => {
                Anchor::Flag(slot, *flag)
            }
            CompiledMatcher::NumericGt(n) | CompiledMatcher::NumericGte(n) if numeric => {
                Anchor::AtLeast(slot, *n)
            }
            CompiledMatcher::NumericLt(n) | CompiledMatcher::NumericLte(n) if numeric => {
                Anchor::AtMost(slot, *n)
            }
            // rsigma takes numbers as equal when they differ by less than epsilon, so the threshold
            // lies one epsilon lower. No upper threshold is needed: an anchor may be too wide.
            CompiledMatcher::NumericEq(n) if numeric => Anchor::AtLeast(slot, *n - f64::EPSILON),
            CompiledMatcher::AnyOf(parts)
            | CompiledMatcher::CaseInsensitiveGroup {
                children: parts,
                mode: GroupMode::Any,
            } => {
                return self.union_of(parts.iter().map(|part| self.matcher_anchors(slot, part)));
            }
            CompiledMatcher::AllOf(parts)
            | CompiledMatcher::CaseInsensitiveGroup {
                children: parts,
                mode: GroupMode::All,
            } => {
                return self
                    .most_selective(parts.iter().map(|part| self.matcher_anchors(slot, part)));
            }
            CompiledMatcher::Null | CompiledMatcher::Exists(false) => return AnchorSet::Always,
            _ => Anchor::Exists(slot),
        };
        AnchorSet::AnyOf(vec![anchor])
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
            FactSource::Scope | FactSource::Lifecycle | FactSource::Baseline
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
