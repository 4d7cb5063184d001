//! Reads the `baseline:` of a rule and the `name:` of its metric.

use crate::event::{ActionField, Measure, MeasureKind, Text};

use crate::scope::CountedField;
use crate::text::units::parse_duration_ms;
use crate::text::{Problems, YamlNode};

use crate::rule::model::metric::AlarmDirection;

/// The shortest pane of a metric.
const PANE_MS_MIN: i64 = 10_000;
/// The longest pane of a metric.
const PANE_MS_MAX: i64 = 24 * 3_600_000;
/// The pane of a metric whose first values say how long its panes are.
const PANE_AUTO: &str = "auto";
/// The field that every baseline is grouped by.
const AGENT: &str = "agent.id";
const MS_PER_30D: f64 = 30.0 * 86_400_000.0;
/// The defaults of `false-alarms`, `min-count` and `min-ratio`.
const FALSE_ALARMS_PER_30D: f64 = 1.0;
const MIN_COUNT: f64 = 20.0;
const MIN_RATIO: f64 = 3.0;
/// The same for `pane: auto`: the level of a value, of whatever size, needs no floor.
const MIN_COUNT_AUTO: f64 = 0.0;
const MIN_RATIO_AUTO: f64 = 1.0;
/// Bytes of the name of a metric, which becomes part of the names of its facts.
const METRIC_NAME_BYTES_MAX: usize = 48;

/// A `baseline:` and the `name:` of its metric; the fields are those of
/// [`crate::rule::MetricSpec`].
#[derive(Debug, Clone)]
pub(in crate::rule) struct BaselineSpec {
    pub name: Text,
    pub measure: Measure,
    pub counted: CountedField,
    pub group: Option<ActionField>,
    pub pane_ms: Option<i64>,
    pub direction: AlarmDirection,
    pub false_alarms_per_30d: f64,
    pub min_count: f64,
    pub min_ratio: f64,
}

/// Reads `baseline:` and the `name:` of the metric. `None` when there is no baseline or one of both
/// has errors.
pub(in crate::rule) fn read_baseline(
    document: &YamlNode,
    problems: &mut Problems<'_>,
) -> Option<BaselineSpec> {
    let node = document.get("baseline")?;
    let errors_before = problems.error_count();
    let name = read_metric_name(document, node, problems);
    let keys = [
        "measure",
        "group-by",
        "pane",
        "direction",
        "false-alarms",
        "min-count",
        "min-ratio",
    ];
    let (mut measure, mut pane, mut group) = (None, None, None);
    let mut direction = AlarmDirection::Above;
    let mut false_alarms_per_30d = FALSE_ALARMS_PER_30D;
    let (mut min_count, mut min_ratio) = (None, None);
    for (key, value) in problems.read_mapping(node, "`baseline`", &keys)? {
        match key {
            "measure" => measure = read_measure(value, problems),
            "pane" => pane = read_pane(value, problems),
            "group-by" => group = read_group_by(value, problems),
            "direction" => {
                let word = problems.read_word(
                    value,
                    "direction",
                    AlarmDirection::WORDS,
                    AlarmDirection::from_word,
                );
                direction = word.unwrap_or(AlarmDirection::Above);
            }
            "false-alarms" => {
                let allowed = read_false_alarms(value, problems);
                false_alarms_per_30d = allowed.unwrap_or(FALSE_ALARMS_PER_30D);
            }
            "min-count" => match value.as_f64().filter(|count| *count >= 0.0) {
                Some(count) => min_count = Some(count),
                None => problems.error(value.location, "min-count is a number from 0"),
            },
            _ => match value.as_f64().filter(|ratio| *ratio >= 1.0) {
                Some(ratio) => min_ratio = Some(ratio),
                None => problems.error(value.location, "min-ratio is a number from 1"),
            },
        }
    }
    for key in ["measure", "pane"] {
        if node.get(key).is_none() {
            problems.error(node.location, format!("baseline has no {key}"));
        }
    }
    (problems.error_count() == errors_before).then_some(())?;
    let (measure, counted) = measure?;
    let pane_ms = pane?;
    let (count_default, ratio_default) = default_floors(pane_ms);
    Some(BaselineSpec {
        name: name?,
        measure,
        counted,
        group,
        pane_ms,
        direction,
        false_alarms_per_30d,
        min_count: min_count.unwrap_or(count_default),
        min_ratio: min_ratio.unwrap_or(ratio_default),
    })
}

/// The defaults of `min-count` and `min-ratio`.
fn default_floors(pane_ms: Option<i64>) -> (f64, f64) {
    match pane_ms {
        Some(_) => (MIN_COUNT, MIN_RATIO),
        None => (MIN_COUNT_AUTO, MIN_RATIO_AUTO),
    }
}

fn read_metric_name(
    document: &YamlNode,
    baseline: &YamlNode,
    problems: &mut Problems<'_>,
) -> Option<Text> {
    let Some(node) = document.get("name") else {
        problems.error_with_help(
            baseline.location,
            "a baseline rule needs a `name:`, the metric of `baseline.<name>.*`",
            "add `name: actions` or another name to the rule",
        );
        return None;
    };
    let text = node.as_str().unwrap_or_default();
    let shape = text.len() <= METRIC_NAME_BYTES_MAX
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if !shape {
        problems.error(
            node.location,
            "the name of a metric starts with a-z and has only a-z, 0-9 and _",
        );
        return None;
    }
    Some(text.into())
}

/// Reads the measure and finds the field that it counts.
fn read_measure(node: &YamlNode, problems: &mut Problems<'_>) -> Option<(Measure, CountedField)> {
    let text = node.as_str().unwrap_or_default();
    let Some(measure) = Measure::parse(text) else {
        problems.error_with_help(
            node.location,
            format!("`{text}` is not a measure"),
            "write `count`, `sum: FIELD`, `distinct: FIELD` or `rate`",
        );
        return None;
    };
    if measure.kind == MeasureKind::Rate {
        return Some((measure, CountedField::Actions));
    }
    match CountedField::resolve_field(&measure) {
        Ok(counted) => Some((measure, counted)),
        Err(nearest) => {
            let problem = format!("`{}` is not a field that `{text}` can count", measure.field);
            match nearest {
                Some(name) => {
                    problems.error_with_help(node.location, problem, format!("write `{name}`"));
                }
                None => problems.error(node.location, problem),
            }
            None
        }
    }
}

/// Reads the length of a pane; the inner `None` is `auto`.
fn read_pane(node: &YamlNode, problems: &mut Problems<'_>) -> Option<Option<i64>> {
    let text = node.as_str().unwrap_or_default();
    if text == PANE_AUTO {
        return Some(None);
    }
    let pane_ms =
        parse_duration_ms(text).filter(|pane_ms| (PANE_MS_MIN..=PANE_MS_MAX).contains(pane_ms));
    if pane_ms.is_none() {
        problems.error(
            node.location,
            "pane is a duration from 10s to 1d, such as `1m`, or `auto`",
        );
    }
    pane_ms.map(Some)
}

/// Reads `[agent.id]`, or `[agent.id, FIELD]`: then each value of the field has a baseline of its
/// own.
fn read_group_by(node: &YamlNode, problems: &mut Problems<'_>) -> Option<ActionField> {
    let field = match node.as_sequence() {
        Some([agent]) if agent.as_str() == Some(AGENT) => return None,
        Some([agent, field]) if agent.as_str() == Some(AGENT) => field,
        _ => {
            problems.error(
                node.location,
                "group-by is [agent.id], or [agent.id, FIELD] with one field of the action",
            );
            return None;
        }
    };
    let name = field.as_str().unwrap_or_default();
    let found = CountedField::find_text(name);
    if let Err(nearest) = found {
        let problem = format!("`{name}` is not a field whose values can have their own baselines");
        match nearest {
            Some(name) => {
                problems.error_with_help(field.location, problem, format!("write `{name}`"));
            }
            None => problems.error(field.location, problem),
        }
    }
    found.ok()
}

/// Reads a rate such as `1 per agent per 7d` and converts it to false alarms per agent in 30 days.
fn read_false_alarms(node: &YamlNode, problems: &mut Problems<'_>) -> Option<f64> {
    let words: Vec<&str> = node
        .as_str()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let rate = match words.as_slice() {
        [count, "per", "agent", "per", span] => count
            .parse::<f64>()
            .ok()
            .filter(|count| count.is_finite() && *count > 0.0)
            .zip(parse_duration_ms(span).filter(|span_ms| *span_ms > 0)),
        _ => None,
    };
    if rate.is_none() {
        problems.error(
            node.location,
            "false-alarms is written `1 per agent per 30d`",
        );
    }
    // Exact: durations of rule files are far below 2^53 ms.
    rate.map(|(count, span_ms)| count * MS_PER_30D / span_ms as f64)
}
