//! Reads the `detection:` of a rule: checks its selections and its condition, each problem with its
//! location, and builds the [`Condition`] for the checks of negation and coverage.

use std::collections::{BTreeMap, BTreeSet};

use crate::text::{Location, Problems, YamlNode};

use crate::rule::evaluate::condition::Condition;
use crate::rule::model::catalogue::FactCatalogue;

use super::condition_expression::{Expression, SelectionCount, Word, parse_expression};
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
        return Condition::All(fields.collect());
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
        match parse_expression(text) {
            Ok(expression) => self.read_expression(&expression, node, problems),
            Err(fault) => {
                let location = locate_character(node, fault.at, problems);
                match fault.help {
                    Some(help) => problems.error_with_help(location, fault.message, help),
                    None => problems.error(location, fault.message),
                }
                None
            }
        }
    }

    fn read_expression(
        &mut self,
        expression: &Expression<'_>,
        node: &YamlNode,
        problems: &mut Problems<'_>,
    ) -> Option<Condition> {
        let mut all = |parts: &[Expression<'_>], problems: &mut Problems<'_>| {
            let read: Vec<_> = parts
                .iter()
                .map(|part| self.read_expression(part, node, problems))
                .collect();
            read.into_iter().collect::<Option<Vec<_>>>()
        };
        match expression {
            Expression::All(parts) => Some(Condition::All(all(parts, problems)?)),
            Expression::Any(parts) => Some(Condition::Any(all(parts, problems)?)),
            Expression::Not(inner) => Some(Condition::Not(Box::new(
                self.read_expression(inner, node, problems)?,
            ))),
            Expression::Selection(word) => self.read_selection_name(*word, node, problems),
            Expression::Selections(count, pattern) => {
                self.read_selections(*count, *pattern, node, problems)
            }
        }
    }

    fn read_selections(
        &mut self,
        count: SelectionCount,
        pattern: Word<'_>,
        node: &YamlNode,
        problems: &mut Problems<'_>,
    ) -> Option<Condition> {
        let chosen: Vec<_> = self
            .selections
            .iter()
            .filter(|(name, _)| pattern.includes_selection(name))
            .map(|(name, (_, condition))| (*name, condition.clone()))
            .collect();
        self.used.extend(chosen.iter().map(|(name, _)| *name));
        let location = locate_character(node, pattern.at, problems);
        if chosen.is_empty() {
            let message = format!("no selection is named `{}`", pattern.text);
            problems.error(location, message);
            return None;
        }
        let selections = chosen.len();
        let parts: Vec<_> = chosen.into_iter().map(|(_, condition)| condition).collect();
        match count {
            SelectionCount::All => Some(Condition::All(parts)),
            SelectionCount::AtLeast(1) => Some(Condition::Any(parts)),
            SelectionCount::AtLeast(n) if usize::try_from(n) == Ok(selections) => {
                Some(Condition::All(parts))
            }
            SelectionCount::AtLeast(n) => {
                problems.error_with_help(
                    location,
                    format!("`{n} of` is not evaluated"),
                    "use `1 of` or `all of`",
                );
                None
            }
        }
    }

    fn read_selection_name(
        &mut self,
        word: Word<'_>,
        node: &YamlNode,
        problems: &mut Problems<'_>,
    ) -> Option<Condition> {
        if let Some((known, (_, condition))) = self.selections.get_key_value(word.text) {
            self.used.insert(known);
            return Some(condition.clone());
        }
        let known: Vec<&str> = self.selections.keys().copied().collect();
        let location = locate_character(node, word.at, problems);
        problems.unknown_word(location, "selection", word.text, &known);
        None
    }
}

/// The location of the character `at` of a scalar written on one line without escapes, otherwise
/// that of the scalar.
fn locate_character(node: &YamlNode, at: usize, problems: &Problems<'_>) -> Location {
    let Location { line, column } = node.location;
    let source = line
        .checked_sub(1)
        .and_then(|index| problems.file().text.lines().nth(index));
    let from = column.saturating_sub(1);
    let start = source.zip(node.as_str()).and_then(|(source, text)| {
        let written: String = source.chars().skip(from).collect();
        let quote = usize::from(written.starts_with(['\'', '"']));
        written
            .get(quote..)?
            .starts_with(text)
            .then_some(column + quote)
    });
    start.map_or(node.location, |start| Location::new(line, start + at))
}
