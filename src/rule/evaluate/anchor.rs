//! What must hold for a rule to match at all: the anchors by which the index finds it.
//!
//! Anchors are read from rsigma's compiled form, which is what decides. They may be too wide,
//! never too narrow: where a matcher is not understood, its fact's existence is the anchor, and
//! where even that does not follow, the rule is always a candidate.

use rsigma_eval::matcher::GroupMode;
use rsigma_eval::{CompiledDetection, CompiledDetectionItem, CompiledMatcher, CompiledRule};
use rsigma_parser::{ConditionExpr, Quantifier};

use crate::rule::model::catalogue::{FactCatalogue, FactPresence, FactSlot, FactSource, FactType};

/// One condition that the index can look up.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::rule) enum Anchor {
    /// The text, or a member of the list, equals this lower-case word.
    Word(FactSlot, String),
    Flag(FactSlot, bool),
    /// The number is at least this.
    AtLeast(FactSlot, f64),
    /// The number is at most this.
    AtMost(FactSlot, f64),
    Exists(FactSlot),
}

impl Anchor {
    /// The fact it looks at.
    pub(in crate::rule) fn fact_slot(&self) -> FactSlot {
        let (Anchor::Word(slot, _)
        | Anchor::Flag(slot, _)
        | Anchor::AtLeast(slot, _)
        | Anchor::AtMost(slot, _)
        | Anchor::Exists(slot)) = self;
        *slot
    }
}

/// A rule can match only if one of `AnyOf` holds.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::rule) enum AnchorSet {
    Always,
    AnyOf(Vec<Anchor>),
}

/// The most selective anchors that follow from a compiled rule.
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
            Some(true) => AnchorSet::AnyOf(vec![Anchor::Exists(slot)]),
            Some(false) => AnchorSet::Always,
            None => self.matcher_anchors(slot, &item.matcher),
        }
    }

    /// Anchors of a matcher on the fact in `slot`. Only `Null` matches an absent fact.
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
            // rsigma's equality of numbers is within epsilon.
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

    /// Of parts that all must hold, the anchors of the most selective one.
    fn most_selective(&self, parts: impl Iterator<Item = AnchorSet>) -> AnchorSet {
        parts
            .min_by_key(|anchors| self.estimate_cost(anchors))
            .unwrap_or(AnchorSet::Always)
    }

    /// Of parts of which one must hold, the anchors of all.
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

    /// How often the anchors will hold: a guess in parts per thousand of actions.
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
        let judged = matches!(
            info.source,
            FactSource::Scope | FactSource::Lifecycle | FactSource::Baseline
        );
        match anchor {
            // The words of an action on which nothing is wrong.
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
