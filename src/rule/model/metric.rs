//! The metrics that baseline rules declare.

use crate::event::{ActionField, Measure, MeasureKind, Text, words};
use crate::scope::CountedField;

use super::catalogue::MetricFacts;
use super::numbering::{MetricIndex, RuleIndex};

words! {
    /// On which side of the expected value a baseline rule alarms.
    AlarmDirection {
        Above = "above",
        Below = "below",
        Both = "both",
        /// Only when nothing comes any more.
        Silence = "silence",
    }
}

/// What a baseline rule counts, and from which count it alarms.
#[derive(Debug, Clone)]
pub struct MetricSpec {
    pub index: MetricIndex,
    /// The `<metric>` of `baseline.<metric>.*`.
    pub name: Text,
    /// The rule that matches when the metric alarms.
    pub rule: RuleIndex,
    pub measure: Measure,
    /// What of an action is counted; of a rate, the actions.
    pub(crate) counted: CountedField,
    /// Each value of this field has a baseline of its own.
    pub(crate) group: Option<ActionField>,
    /// Length of the smallest pane that is judged, in milliseconds; `None`: the first values say.
    pub pane_ms: Option<i64>,
    pub direction: AlarmDirection,
    /// Expected false alarms per agent in 30 days, over all pane lengths.
    pub false_alarms_per_30d: f64,
    /// No alarm below this count.
    pub min_count: f64,
    /// No alarm below this multiple of the expected value.
    pub min_ratio: f64,
    /// The slots of its facts.
    pub facts: MetricFacts,
    /// Another rule reads the facts of the metric, so they are set on every action that it counts
    /// and not only on an alarm.
    pub watched: bool,
    /// What the candidate index finds for its rule matches without evaluation.
    pub(in crate::rule) decided_by_index: bool,
}

impl MetricSpec {
    /// Whether it measures the share of the agent's actions that the rule selects, in percent.
    #[must_use]
    pub fn is_rate(&self) -> bool {
        self.measure.kind == MeasureKind::Rate
    }
}
