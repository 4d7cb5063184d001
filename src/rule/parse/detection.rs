//! Reads the `detection:` of a rule with its locations: checks every field, modifier and value, and
//! keeps the shape that the checks of negation and coverage need.

use std::collections::{BTreeMap, BTreeSet};

use rsigma_parser::{ConditionExpr, Quantifier, parse_condition};

use crate::text::{Location, Problems, YamlNode};

use crate::rule::model::catalogue::FactCatalogue;
use crate::rule::model::condition::Cond;

use super::selection_field;

/// Reads a detection; `None` when its condition has errors. A field with errors is left out.
pub(in crate::rule) fn read(
    node: &YamlNode,
    catalogue: &FactCatalogue,
    problems: &mut Problems<'_>,
) -> Option<Cond> {
    let pairs = problems.read_pairs(node, "`detection`")?;
    let mut selections = BTreeMap::new();
    let mut condition = None;
    for (key, value) in pairs {
        match key.as_str() {
            Some("condition") => condition = Some(value),
            Some("timeframe") => problems.error_with_help(
                key.location,
                "timeframe is not evaluated",
                "what happens over time is a baseline rule",
            ),
            Some(name) => {
                let selection = read_selection(value, catalogue, problems);
                selections.insert(name, (key.location, selection));
            }
            None => problems.error(key.location, "the name of a selection must be text"),
        }
    }
    let Some(condition) = condition else {
        problems.error(node.location, "detection has no condition");
        return None;
    };
    let resolve = Resolve {
        selections: &selections,
        used: BTreeSet::new(),
    };
    resolve.conditions(condition, problems)
}

/// One named selection: a mapping (all fields must match) or a list of mappings (one of them).
fn read_selection(node: &YamlNode, catalogue: &FactCatalogue, problems: &mut Problems<'_>) -> Cond {
    if let Some(pairs) = node.as_mapping() {
        if pairs.is_empty() {
            problems.error(node.location, "an empty selection would match every action");
        }
        let leaves = pairs
            .iter()
            .filter_map(|(key, value)| selection_field::read(key, value, catalogue, problems));
        return Cond::All(leaves.map(Cond::Leaf).collect());
    }
    match node.as_sequence() {
        Some([]) => problems.error(node.location, "an empty selection would never match"),
        Some(parts) if parts.iter().any(|part| part.as_str().is_none()) => {
            return Cond::Any(
                parts
                    .iter()
                    .map(|part| read_selection(part, catalogue, problems))
                    .collect(),
            );
        }
        Some(_) | None => problems.error_with_help(
            node.location,
            "keyword searches are not evaluated: facts have names",
            "write `fact.name: value`",
        ),
    }
    Cond::Any(Vec::new())
}

type Selections<'n> = BTreeMap<&'n str, (Location, Cond)>;

struct Resolve<'s, 'n> {
    selections: &'s Selections<'n>,
    used: BTreeSet<&'n str>,
}

impl Resolve<'_, '_> {
    fn conditions(mut self, node: &YamlNode, problems: &mut Problems<'_>) -> Option<Cond> {
        let one = std::slice::from_ref(node);
        let texts = node.as_sequence().unwrap_or(one);
        let mut parts = Vec::with_capacity(texts.len());
        for text in texts {
            parts.push(self.condition(text, problems)?);
        }
        for (name, (location, _)) in self.selections {
            if !self.used.contains(name) && !name.starts_with('_') {
                problems.warning(
                    *location,
                    format!("selection `{name}` is not used by the condition"),
                );
            }
        }
        match parts.len() {
            0 => {
                problems.error(node.location, "the condition is empty");
                None
            }
            1 => parts.pop(),
            _ => Some(Cond::Any(parts)),
        }
    }

    fn condition(&mut self, node: &YamlNode, problems: &mut Problems<'_>) -> Option<Cond> {
        let Some(text) = node.as_str() else {
            problems.error(node.location, "a condition must be text");
            return None;
        };
        if text.contains('|') {
            problems.error_with_help(
                node.location,
                "aggregations in a condition are not evaluated",
                "what happens over time is a baseline rule",
            );
            return None;
        }
        match parse_condition(text) {
            Ok(expr) => self.expression(&expr, node, problems),
            Err(error) => {
                let message = error.to_string();
                let message = message.lines().next().unwrap_or_default().to_owned();
                problems.error(node.location, format!("not a condition: {message}"));
                None
            }
        }
    }

    fn expression(
        &mut self,
        expr: &ConditionExpr,
        node: &YamlNode,
        problems: &mut Problems<'_>,
    ) -> Option<Cond> {
        let mut all = |parts: &[ConditionExpr], problems: &mut Problems<'_>| {
            let read: Vec<_> = parts
                .iter()
                .map(|part| self.expression(part, node, problems))
                .collect();
            read.into_iter().collect::<Option<Vec<_>>>()
        };
        match expr {
            ConditionExpr::And(parts) => Some(Cond::All(all(parts, problems)?)),
            ConditionExpr::Or(parts) => Some(Cond::Any(all(parts, problems)?)),
            ConditionExpr::Not(inner) => {
                Some(Cond::Not(Box::new(self.expression(inner, node, problems)?)))
            }
            ConditionExpr::Identifier(name) => self.identifier(name, node, problems),
            ConditionExpr::Selector {
                quantifier,
                pattern,
            } => {
                let chosen: Vec<_> = self
                    .selections
                    .iter()
                    .filter(|(name, _)| pattern.matches_detection_name(name))
                    .map(|(name, (_, cond))| (*name, cond.clone()))
                    .collect();
                self.used.extend(chosen.iter().map(|(name, _)| *name));
                if chosen.is_empty() {
                    problems.error(node.location, format!("no selection is named `{pattern}`"));
                    return None;
                }
                let count = chosen.len();
                let parts: Vec<_> = chosen.into_iter().map(|(_, cond)| cond).collect();
                match quantifier {
                    Quantifier::All => Some(Cond::All(parts)),
                    Quantifier::Any | Quantifier::Count(1) => Some(Cond::Any(parts)),
                    Quantifier::Count(n) if usize::try_from(*n) == Ok(count) => {
                        Some(Cond::All(parts))
                    }
                    Quantifier::Count(n) => {
                        problems.error_with_help(
                            node.location,
                            format!("`{n} of` is not evaluated here"),
                            "use `1 of` or `all of`",
                        );
                        None
                    }
                }
            }
        }
    }

    fn identifier(
        &mut self,
        name: &str,
        node: &YamlNode,
        problems: &mut Problems<'_>,
    ) -> Option<Cond> {
        if let Some((known, (_, cond))) = self.selections.get_key_value(name) {
            self.used.insert(known);
            return Some(cond.clone());
        }
        let known: Vec<&str> = self.selections.keys().copied().collect();
        let location = within(node, name, problems);
        problems.unknown_word(location, "selection", name, &known);
        None
    }
}

/// The location of `word` in a scalar written on one line, otherwise that of the scalar.
fn within(node: &YamlNode, word: &str, problems: &Problems<'_>) -> Location {
    let Location { line, column } = node.location;
    let text = line
        .checked_sub(1)
        .and_then(|at| problems.file().text.lines().nth(at));
    let before = column.saturating_sub(1);
    let found = text.and_then(|text| {
        let rest: String = text.chars().skip(before).collect();
        let at = rest.find(word)?;
        Some(rest.get(..at)?.chars().count())
    });
    found.map_or(node.location, |at| Location::new(line, column + at))
}
