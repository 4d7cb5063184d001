//! What must hold for a rule to match at all: the anchors by which the index finds it.
//!
//! Anchors are read from rsigma's compiled form, which is what decides. They may be too wide,
//! never too narrow: where a matcher is not understood, its fact's existence is the anchor, and
//! where even that does not follow, the rule is always a candidate.

use rsigma_eval::matcher::GroupMode;
use rsigma_eval::{CompiledDetection, CompiledDetectionItem, CompiledMatcher, CompiledRule};
use rsigma_parser::{ConditionExpr, Quantifier};

use crate::rule::model::catalogue::{FactCatalogue, FactSlot, FactType, Presence, Source};

/// One condition that the index can look up.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::rule) enum Atom {
    /// The text, or a member of the list, equals this lower-case word.
    Word(FactSlot, String),
    Flag(FactSlot, bool),
    /// The number is at least this.
    AtLeast(FactSlot, f64),
    /// The number is at most this.
    AtMost(FactSlot, f64),
    Exists(FactSlot),
}

impl Atom {
    /// The fact it looks at.
    pub(in crate::rule) fn slot(&self) -> FactSlot {
        let (Atom::Word(slot, _)
        | Atom::Flag(slot, _)
        | Atom::AtLeast(slot, _)
        | Atom::AtMost(slot, _)
        | Atom::Exists(slot)) = self;
        *slot
    }
}

/// A rule can match only if one of `AnyOf` holds.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::rule) enum Anchors {
    Always,
    AnyOf(Vec<Atom>),
}

/// The most selective anchors that follow from a compiled rule.
pub(in crate::rule) fn anchors(rule: &CompiledRule, catalogue: &FactCatalogue) -> Anchors {
    let derive = Derive { rule, catalogue };
    derive.any(
        rule.conditions
            .iter()
            .map(|condition| derive.condition(condition)),
    )
}

struct Derive<'r> {
    rule: &'r CompiledRule,
    catalogue: &'r FactCatalogue,
}

impl Derive<'_> {
    fn condition(&self, expr: &ConditionExpr) -> Anchors {
        match expr {
            ConditionExpr::And(parts) => self.best(parts.iter().map(|part| self.condition(part))),
            ConditionExpr::Or(parts) => self.any(parts.iter().map(|part| self.condition(part))),
            ConditionExpr::Not(_) => Anchors::Always,
            ConditionExpr::Identifier(name) => match self.rule.detections.get(name) {
                Some(detection) => self.detection(detection),
                None => Anchors::AnyOf(Vec::new()),
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
                    .map(|detection| self.detection(detection));
                match quantifier {
                    Quantifier::All => self.best(chosen),
                    Quantifier::Any => self.any(chosen),
                    Quantifier::Count(0) => Anchors::Always,
                    Quantifier::Count(_) => self.any(chosen),
                }
            }
        }
    }

    fn detection(&self, detection: &CompiledDetection) -> Anchors {
        match detection {
            CompiledDetection::AllOf(items) => self.best(items.iter().map(|item| self.item(item))),
            CompiledDetection::And(parts) => {
                self.best(parts.iter().map(|part| self.detection(part)))
            }
            CompiledDetection::AnyOf(parts) => {
                self.any(parts.iter().map(|part| self.detection(part)))
            }
            CompiledDetection::Keywords(_)
            | CompiledDetection::ArrayMatch { .. }
            | CompiledDetection::Conditional { .. } => Anchors::Always,
        }
    }

    fn item(&self, item: &CompiledDetectionItem) -> Anchors {
        let Some(slot) = item
            .field
            .as_deref()
            .and_then(|name| self.catalogue.slot(name))
        else {
            return Anchors::Always;
        };
        match item.exists {
            Some(true) => Anchors::AnyOf(vec![Atom::Exists(slot)]),
            Some(false) => Anchors::Always,
            None => self.matcher(slot, &item.matcher),
        }
    }

    /// Anchors of a matcher on the fact in `slot`. Only `Null` matches an absent fact.
    fn matcher(&self, slot: FactSlot, matcher: &CompiledMatcher) -> Anchors {
        let fact_type = self.catalogue.info(slot).map(|info| info.fact_type);
        let textual = matches!(fact_type, Some(FactType::Text | FactType::List));
        let numeric = fact_type.is_some_and(FactType::is_numeric);
        let atom = match matcher {
            CompiledMatcher::Exact { value, .. } if textual => {
                Atom::Word(slot, value.to_lowercase())
            }
            CompiledMatcher::BoolEq(flag) if fact_type == Some(FactType::Flag) => {
                Atom::Flag(slot, *flag)
            }
            CompiledMatcher::NumericGt(n) | CompiledMatcher::NumericGte(n) if numeric => {
                Atom::AtLeast(slot, *n)
            }
            CompiledMatcher::NumericLt(n) | CompiledMatcher::NumericLte(n) if numeric => {
                Atom::AtMost(slot, *n)
            }
            // rsigma's equality of numbers is within epsilon.
            CompiledMatcher::NumericEq(n) if numeric => Atom::AtLeast(slot, *n - f64::EPSILON),
            CompiledMatcher::AnyOf(parts)
            | CompiledMatcher::CaseInsensitiveGroup {
                children: parts,
                mode: GroupMode::Any,
            } => {
                return self.any(parts.iter().map(|part| self.matcher(slot, part)));
            }
            CompiledMatcher::AllOf(parts)
            | CompiledMatcher::CaseInsensitiveGroup {
                children: parts,
                mode: GroupMode::All,
            } => {
                return self.best(parts.iter().map(|part| self.matcher(slot, part)));
            }
            CompiledMatcher::Null | CompiledMatcher::Exists(false) => return Anchors::Always,
            _ => Atom::Exists(slot),
        };
        Anchors::AnyOf(vec![atom])
    }

    /// Of parts that all must hold, the anchors of the most selective one.
    fn best(&self, parts: impl Iterator<Item = Anchors>) -> Anchors {
        parts
            .min_by_key(|anchors| self.cost(anchors))
            .unwrap_or(Anchors::Always)
    }

    /// Of parts of which one must hold, the anchors of all.
    fn any(&self, parts: impl Iterator<Item = Anchors>) -> Anchors {
        let mut all: Vec<Atom> = Vec::new();
        for part in parts {
            match part {
                Anchors::Always => return Anchors::Always,
                Anchors::AnyOf(atoms) => {
                    for atom in atoms {
                        if !all.contains(&atom) {
                            all.push(atom);
                        }
                    }
                }
            }
        }
        Anchors::AnyOf(all)
    }

    /// How often the anchors will hold: a guess in parts per thousand of actions.
    fn cost(&self, anchors: &Anchors) -> u32 {
        match anchors {
            Anchors::Always => u32::MAX,
            Anchors::AnyOf(atoms) => atoms
                .iter()
                .fold(0, |sum: u32, atom| sum.saturating_add(self.atom_cost(atom))),
        }
    }

    fn atom_cost(&self, atom: &Atom) -> u32 {
        let Some(info) = self.catalogue.info(atom.slot()) else {
            return u32::MAX;
        };
        let judged = matches!(
            info.source,
            Source::Scope | Source::Lifecycle | Source::Baseline
        );
        match atom {
            // The words of an action on which nothing is wrong.
            Atom::Word(_, word) if matches!(word.as_str(), "action" | "active" | "allowed") => 900,
            Atom::Word(..) if judged => 2,
            Atom::Word(..) if info.words.is_empty() => 20,
            Atom::Word(..) => 100,
            Atom::Flag(..) if info.presence == Presence::WhenTrue => 1,
            Atom::Flag(..) => 100,
            Atom::AtLeast(..) | Atom::AtMost(..) if judged => 10,
            Atom::AtLeast(..) | Atom::AtMost(..) => 50,
            Atom::Exists(_) if info.presence == Presence::Always => 1_000,
            Atom::Exists(_) if judged => 10,
            Atom::Exists(_) => 300,
        }
    }
}
