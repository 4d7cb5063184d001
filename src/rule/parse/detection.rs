//! Reads the `detection:` of a rule: checks its selections and its condition, each problem with its
//! location, and builds the [`Condition`] for the checks of negation and coverage.

use std::collections::{BTreeMap, BTreeSet};

use rsigma_parser::{ConditionExpr, Quantifier, parse_condition};

use crate::text::{Location, Problems, YamlNode};

use crate::rule::model::catalogue::FactCatalogue;
use crate::rule::model::condition::Condition;

use super::selection_field::read_selection_field;

/// Reads a detection. `None` when its condition has errors; a field with errors is left out.
pub(in crate::rule) fn read_detection(
    node: &YamlNode,
    catalogue: &FactCatalogue,
    problems: &mut Problems<'_>,
) -> Option<Condition> {
    let pairs = problems.read_pairs(node, "`detection`")?;
    let mut selections = BTreeMap::new();
    let mut condition = None;
    for (key, value) in pairs {
        match key.as_str() {
            Some("condition") => condition = Some(value),
            Some("timeframe") => problems.error_with_help(
                key.location,
                "timeframe is not evaluated",
                "write a baseline rule to count actions over time",
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
    let reader = ConditionReader {
        selections: &selections,
        used: BTreeSet::new(),
    };
    reader.read_conditions(condition, problems)
}

/// Reads one named selection: a mapping, of which all fields must match, or a list of mappings, of
/// which one must match.
fn read_selection(
    node: &YamlNode,
    catalogue: &FactCatalogue,
    problems: &mut Problems<'_>,
) -> Condition {
    if let Some(pairs) = node.as_mapping() {
        if pairs.is_empty() {
            problems.error(node.location, "an empty selection would match every action");
        }
        let fields = pairs
            .iter()
            .filter_map(|(key, value)| read_selection_field(key, value, catalogue, problems));
        return Condition::All(fields.map(Condition::Field).collect());
    }
    match node.as_sequence() {
        Some([]) => problems.error(node.location, "an empty selection would never match"),
        Some(parts) if parts.iter().any(|part| part.as_str().is_none()) => {
            return Condition::Any(
                parts
                    .iter()
                    .map(|part| read_selection(part, catalogue, problems))
                    .collect(),
            );
        }
        Some(_) | None => problems.error_with_help(
            node.location,
            "keyword searches are not evaluated",
            "write `fact.name: value`",
        ),
    }
    Condition::Any(Vec::new())
}

type Selections<'n> = BTreeMap<&'n str, (Location, Condition)>;

struct ConditionReader<'s, 'n> {
    selections: &'s Selections<'n>,
    used: BTreeSet<&'n str>,
}

impl ConditionReader<'_, '_> {
    fn read_conditions(
        mut self,
        node: &YamlNode,
        problems: &mut Problems<'_>,
    ) -> Option<Condition> {
        let one = std::slice::from_ref(node);
        let texts = node.as_sequence().unwrap_or(one);
        let mut parts = Vec::with_capacity(texts.len());
        for text in texts {
            parts.push(self.read_condition(text, problems)?);
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
            _ => Some(Condition::Any(parts)),
        }
    }

    fn read_condition(
        &mut self,
        node: &YamlNode,
        problems: &mut Problems<'_>,
    ) -> Option<Condition> {
        let Some(text) = node.as_str() else {
            problems.error(node.location, "a condition must be text");
            return None;
        };
        if text.contains('|') {
            problems.error_with_help(
                node.location,
                "aggregations in a condition are not evaluated",
                "write a baseline rule to count actions over time",
            );
            return None;
        }
        match parse_condition(text) {
            Ok(expr) => self.read_expression(&expr, node, problems),
            Err(error) => {
                let message = error.to_string();
                let message = message.lines().next().unwrap_or_default().to_owned();
                problems.error(node.location, format!("not a condition: {message}"));
                None
            }
        }
    }

    fn read_expression(
        &mut self,
        expr: &ConditionExpr,
        node: &YamlNode,
        problems: &mut Problems<'_>,
    ) -> Option<Condition> {
        let mut all = |parts: &[ConditionExpr], problems: &mut Problems<'_>| {
            let read: Vec<_> = parts
                .iter()
                .map(|part| self.read_expression(part, node, problems))
                .collect();
            read.into_iter().collect::<Option<Vec<_>>>()
        };
        match expr {
            ConditionExpr::And(parts) => Some(Condition::All(all(parts, problems)?)),
            ConditionExpr::Or(parts) => Some(Condition::Any(all(parts, problems)?)),
            ConditionExpr::Not(inner) => Some(Condition::Not(Box::new(
                self.read_expression(inner, node, problems)?,
            ))),
            ConditionExpr::Identifier(name) => self.read_identifier(name, node, problems),
            ConditionExpr::Selector {
                quantifier,
                pattern,
            } => {
                let chosen: Vec<_> = self
                    .selections
                    .iter()
                    .filter(|(name, _)| pattern.matches_detection_name(name))
                    .map(|(name, (_, condition))| (*name, condition.clone()))
                    .collect();
                self.used.extend(chosen.iter().map(|(name, _)| *name));
                if chosen.is_empty() {
                    problems.error(node.location, format!("no selection is named `{pattern}`"));
                    return None;
                }
                let count = chosen.len();
                let parts: Vec<_> = chosen.into_iter().map(|(_, condition)| condition).collect();
                match quantifier {
                    Quantifier::All => Some(Condition::All(parts)),
                    Quantifier::Any | Quantifier::Count(1) => Some(Condition::Any(parts)),
                    Quantifier::Count(n) if usize::try_from(*n) == Ok(count) => {
                        Some(Condition::All(parts))
                    }
                    Quantifier::Count(n) => {
                        problems.error_with_help(
                            node.location,
                            format!("`{n} of` is not evaluated"),
                            "use `1 of` or `all of`",
                        );
                        None
                    }
                }
            }
        }
    }

    fn read_identifier(
        &mut self,
        name: &str,
        node: &YamlNode,
        problems: &mut Problems<'_>,
    ) -> Option<Condition> {
        if let Some((known, (_, condition))) = self.selections.get_key_value(name) {
            self.used.insert(known);
            return Some(condition.clone());
        }
        let known: Vec<&str> = self.selections.keys().copied().collect();
        let location = locate_word(node, name, problems);
        problems.unknown_word(location, "selection", name, &known);
        None
    }
}

/// The location of `word` in a scalar written on one line, otherwise that of the scalar.
fn locate_word(node: &YamlNode, word: &str, problems: &Problems<'_>) -> Location {
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
