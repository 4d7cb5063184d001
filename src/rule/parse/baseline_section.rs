//! Reads the `baseline:` of a rule and the `name:` of its metric.

use crate::event::{Measure, MeasureKind, Text};

use crate::text::units::parse_duration_ms;
use crate::text::{Problems, YamlNode};

use crate::rule::model::metric::AlarmDirection;

/// The shortest pane of a metric.
const PANE_MS_MIN: i64 = 10_000;
/// The longest pane of a metric.
const PANE_MS_MAX: i64 = 3_600_000;
const MS_PER_30D: f64 = 30.0 * 86_400_000.0;
/// The defaults of `false-alarms`, `min-count` and `min-ratio`.
const FALSE_ALARMS_PER_30D: f64 = 1.0;
const MIN_COUNT: u64 = 20;
const MIN_RATIO: f64 = 3.0;
/// Bytes of the name of a metric, which becomes part of the names of its facts.
const METRIC_NAME_BYTES_MAX: usize = 48;

/// A `baseline:` and the `name:` of its metric; the fields are those of
/// [`crate::rule::MetricSpec`].
#[derive(Debug, Clone)]
pub(in crate::rule) struct BaselineSpec {
    pub name: Text,
    pub measure: Measure,
    pub pane_ms: i64,
    pub direction: AlarmDirection,
    pub false_alarms_per_30d: f64,
    pub min_count: u64,
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
    let (mut measure, mut pane_ms) = (None, None);
    let mut false_alarms_per_30d = FALSE_ALARMS_PER_30D;
    let (mut min_count, mut min_ratio) = (MIN_COUNT, MIN_RATIO);
    for (key, value) in problems.read_mapping(node, "`baseline`", &keys)? {
        match key {
            "measure" => measure = read_measure(value, problems),
            "pane" => pane_ms = read_pane(value, problems),
            "group-by" => check_group_by(value, problems),
            "direction" => check_direction(value, problems),
            "false-alarms" => {
                let allowed = read_false_alarms(value, problems);
                false_alarms_per_30d = allowed.unwrap_or(FALSE_ALARMS_PER_30D);
            }
            "min-count" => match value.as_i64().and_then(|count| u64::try_from(count).ok()) {
                Some(count) => min_count = count,
                None => problems.error(value.location, "min-count is a whole number from 0"),
            },
            _ => match value.as_f64().filter(|ratio| *ratio >= 1.0) {
                Some(ratio) => min_ratio = ratio,
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
    Some(BaselineSpec {
        name: name?,
        measure: measure?,
        pane_ms: pane_ms?,
        direction: AlarmDirection::Above,
        false_alarms_per_30d,
        min_count,
        min_ratio,
    })
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

/// Reads the measure. This version only counts actions: sums and distinct values need estimators
/// that do not exist yet.
fn read_measure(node: &YamlNode, problems: &mut Problems<'_>) -> Option<Measure> {
    let text = node.as_str().unwrap_or_default();
    match Measure::parse(text) {
        Some(measure) if measure.kind == MeasureKind::Count => Some(measure),
        Some(_) => {
            problems.error_with_help(
                node.location,
                format!("measure `{text}` is not evaluated by this version"),
                "this version evaluates `count`",
            );
            None
        }
        None => {
            problems.error(
                node.location,
                format!("`{text}` is not a measure; write `count`"),
            );
            None
        }
    }
}

fn read_pane(node: &YamlNode, problems: &mut Problems<'_>) -> Option<i64> {
    let pane_ms = node
        .as_str()
        .and_then(parse_duration_ms)
        .filter(|pane_ms| (PANE_MS_MIN..=PANE_MS_MAX).contains(pane_ms));
    if pane_ms.is_none() {
        problems.error(
            node.location,
            "pane is a duration from 10s to 1h, such as `1m`",
        );
    }
    pane_ms
}

fn check_group_by(node: &YamlNode, problems: &mut Problems<'_>) {
    let only_agent =
        matches!(node.as_sequence(), Some([fact]) if fact.as_str() == Some("agent.id"));
    if !only_agent {
        problems.error(node.location, "this version groups by [agent.id] only");
    }
}

fn check_direction(node: &YamlNode, problems: &mut Problems<'_>) {
    match node.as_str() {
        Some("below" | "both") => {
            problems.error(node.location, "this version judges `above` only");
        }
        _ => {
            problems.read_word(
                node,
                "direction",
                AlarmDirection::WORDS,
                AlarmDirection::from_word,
            );
        }
    }
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
