//! The metrics that baseline rules declare.

use crate::event::{Measure, Text, words};

use super::catalogue::MetricFacts;
use super::numbering::{MetricIndex, RuleIndex};

words! {
    /// Which side of the expectation a baseline rule alarms on.
    AlarmDirection { Above = "above" }
}

/// What a baseline rule counts and when its count is an alarm.
#[derive(Debug, Clone)]
pub struct MetricSpec {
    pub index: MetricIndex,
    /// The `<metric>` of `baseline.<metric>.*`.
    pub name: Text,
    /// The rule that fires on its alarm.
    pub rule: RuleIndex,
    pub measure: Measure,
    /// Length of the smallest pane that is judged.
    pub pane_ms: i64,
    pub direction: AlarmDirection,
    /// False alarms allowed per agent in 30 days, over all scales.
    pub false_alarms_per_30d: f64,
    /// No alarm below this count.
    pub min_count: u64,
    /// No alarm below this multiple of the expectation.
    pub min_ratio: f64,
    /// Where its facts stand.
    pub facts: MetricFacts,
    /// A rule besides its own reads them: they are wanted on every action it counts, not on an
    /// alarm alone.
    pub watched: bool,
}
