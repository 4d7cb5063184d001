//! Reads one value of a field, and reports a value that the fact can never have.

use regex::{Regex, RegexBuilder};

use crate::text::{Problems, YamlNode};

use crate::rule::evaluate::network::Network;
use crate::rule::evaluate::number::{Comparison, Number};
use crate::rule::evaluate::text_pattern::{Piece, TextPattern};
use crate::rule::evaluate::value_test::{ComparedPart, ValueMatcher};
use crate::rule::limits::REGEX_BYTES_MAX;
use crate::rule::model::catalogue::{FactInfo, FactPresence, FactType};

use super::modifiers::{FieldModifiers, FieldOperator, RegexFlags};
use super::normal_value::{normalise_pieces, resolved_away};
use super::sigma_text::{encode_value, open_dashes, read_pieces};

/// A value of a rule.
pub(super) enum ReadValue {
    /// The value matches when one of these does: `base64offset` makes three of one value.
    Present(Vec<ValueMatcher>),
    /// `null` or an empty text: a fact with such a value is absent.
    Absent,
}

/// Reads one value; `None` after an error.
pub(super) fn read_value(
    info: &FactInfo,
    modifiers: &FieldModifiers,
    value: &YamlNode,
    problems: &mut Problems<'_>,
) -> Option<ReadValue> {
    let name = &info.name;
    let Some(text) = value.as_str() else {
        problems.error_with_help(
            value.location,
            format!("a value of `{name}` cannot be {}", value.kind()),
            "nested facts are written with dots: `resource.type: …`",
        );
        return None;
    };
    let textual = matches!(info.fact_type, FactType::Text | FactType::List);
    if value.is_null() || (text.is_empty() && textual) {
        return read_absent(info, modifiers, value, problems);
    }
    let matchers = match info.fact_type {
        FactType::Text | FactType::List => {
            refuse_other_types(info, value, text, problems)?;
            read_text(info, modifiers, value, problems)?
        }
        FactType::Flag => vec![read_flag(info, value, problems)?],
        FactType::Number | FactType::Float | FactType::TimeMs => {
            vec![read_number(info, modifiers, value, problems)?]
        }
    };
    Some(ReadValue::Present(matchers))
}

fn read_absent(
    info: &FactInfo,
    modifiers: &FieldModifiers,
    value: &YamlNode,
    problems: &mut Problems<'_>,
) -> Option<ReadValue> {
    let plain = modifiers.operator == FieldOperator::default()
        && modifiers.encoding.is_none()
        && !modifiers.windash;
    if plain {
        return Some(ReadValue::Absent);
    }
    problems.error_with_help(
        value.location,
        format!("there is nothing to compare `{}` with", info.name),
        format!(
            "write `{name}|exists: true` or `{name}|exists: false`",
            name = info.name
        ),
    );
    None
}

fn read_number(
    info: &FactInfo,
    modifiers: &FieldModifiers,
    value: &YamlNode,
    problems: &mut Problems<'_>,
) -> Option<ValueMatcher> {
    let number = match (value.as_i64(), value.as_f64()) {
        (Some(number), _) => Number::Int(number),
        (None, Some(number)) => Number::Float(number),
        (None, None) => {
            problems.error(
                value.location,
                format!(
                    "`{}` is a {} fact, `{}` is not a number",
                    info.name,
                    info.fact_type.as_str(),
                    value.as_str().unwrap_or_default()
                ),
            );
            return None;
        }
    };
    let comparison = match modifiers.operator {
        FieldOperator::Number(comparison) => comparison,
        _ => Comparison::Equal,
    };
    Some(ValueMatcher::Number(comparison, number))
}

fn read_flag(
    info: &FactInfo,
    value: &YamlNode,
    problems: &mut Problems<'_>,
) -> Option<ValueMatcher> {
    let name = &info.name;
    match value.as_bool() {
        Some(false) if info.presence == FactPresence::WhenTrue => {
            problems.error_with_help(
                value.location,
                format!("`{name}` is absent when it is false, so this never matches"),
                format!("select `{name}: true` and negate it in the condition"),
            );
            None
        }
        Some(flag) => Some(ValueMatcher::Flag(flag)),
        None => {
            let text = value.as_str().unwrap_or_default();
            problems.error(
                value.location,
                format!("`{name}` is a flag: true or false, not `{text}`"),
            );
            None
        }
    }
}

/// Refuses an unquoted number or flag: other Sigma tools read it as such and not as text.
fn refuse_other_types(
    info: &FactInfo,
    value: &YamlNode,
    text: &str,
    problems: &mut Problems<'_>,
) -> Option<()> {
    if value.as_bool().is_none() && value.as_f64().is_none() {
        return Some(());
    }
    problems.error_with_help(
        value.location,
        format!(
            "`{}` is a {} fact, `{text}` is not text",
            info.name,
            info.fact_type.as_str()
        ),
        format!("quote it: '{text}'"),
    );
    None
}

fn read_text(
    info: &FactInfo,
    modifiers: &FieldModifiers,
    value: &YamlNode,
    problems: &mut Problems<'_>,
) -> Option<Vec<ValueMatcher>> {
    let text = value.as_str().unwrap_or_default();
    match modifiers.operator {
        FieldOperator::Regex(flags) => match compile_regex(text, flags) {
            Ok(regex) => Some(vec![ValueMatcher::Regex(regex)]),
            Err(message) => {
                problems.error(value.location, message);
                None
            }
        },
        FieldOperator::Network => match Network::parse(text) {
            Some(network) => Some(vec![ValueMatcher::Network(network)]),
            None => {
                problems.error_with_help(
                    value.location,
                    format!("`{text}` is not a network"),
                    "write an address and the bits of its network: `10.0.0.0/8`, `fe80::/10`",
                );
                None
            }
        },
        FieldOperator::Value(part) => read_patterns(info, modifiers, part, value, problems),
        FieldOperator::Exists | FieldOperator::Number(_) | FieldOperator::Fact(_) => None,
    }
}

fn read_patterns(
    info: &FactInfo,
    modifiers: &FieldModifiers,
    part: ComparedPart,
    value: &YamlNode,
    problems: &mut Problems<'_>,
) -> Option<Vec<ValueMatcher>> {
    let text = value.as_str().unwrap_or_default();
    let pieces = read_pieces(text);
    let alternatives = match modifiers.encoding {
        Some(encoding) => match encode_value(&pieces, encoding) {
            Some(texts) => texts
                .into_iter()
                .map(|text| vec![Piece::Literal(text)])
                .collect(),
            None => {
                problems.error(
                    value.location,
                    format!("`{text}` cannot be encoded: it has a wildcard or is too short"),
                );
                return None;
            }
        },
        None => match normalise_pieces(info.slot, part, pieces)
            .inspect(|pieces| warn_of_resolved(info, pieces, value, problems))
        {
            Ok(pieces) if modifiers.windash => vec![open_dashes(pieces)],
            Ok(pieces) => vec![pieces],
            Err(message) => {
                problems.error(value.location, message);
                return None;
            }
        },
    };
    let patterns: Vec<TextPattern> = alternatives
        .into_iter()
        .map(|pieces| TextPattern::new(part.anchor_pieces(pieces), modifiers.cased))
        .collect();
    let possible = info.words.is_empty()
        || info
            .words
            .iter()
            .any(|word| patterns.iter().any(|pattern| pattern.matches(word)));
    if !possible {
        problems.unknown_value(value.location, &info.name, text, info.words);
        return None;
    }
    Some(patterns.into_iter().map(ValueMatcher::Text).collect())
}

/// Warns of a value that looks for what is resolved in every id.
fn warn_of_resolved(
    info: &FactInfo,
    pieces: &[Piece],
    value: &YamlNode,
    problems: &mut Problems<'_>,
) {
    if let Some(part) = resolved_away(info.slot, pieces) {
        problems.warning(
            value.location,
            format!(
                "`{name}` is decoded and resolved before rules see it, so `{part}` is found in no \
                 id; one that cannot be resolved has `event.malformed: {name}`",
                name = info.name
            ),
        );
    }
}

/// Compiles a regular expression, with the first line of the reason when it cannot be.
fn compile_regex(text: &str, flags: RegexFlags) -> Result<Regex, String> {
    RegexBuilder::new(text)
        .case_insensitive(flags.ignore_case)
        .multi_line(flags.multi_line)
        .dot_matches_new_line(flags.dot_matches_line_end)
        .size_limit(REGEX_BYTES_MAX)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => {
                format!("the regular expression takes more than {REGEX_BYTES_MAX} bytes")
            }
            error => {
                let shown = error.to_string();
                let reason = shown.lines().find_map(|line| line.strip_prefix("error: "));
                format!("not a regular expression: {}", reason.unwrap_or(&shown))
            }
        })
}
