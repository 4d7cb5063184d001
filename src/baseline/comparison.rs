//! What a metric observed beside what it expected: for facts, alerts and explanations.

use serde::{Deserialize, Serialize};

/// What a rule asks of its metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MetricSettings {
    /// Length of a pane; `None`: chosen by the first values, one value a pane.
    pub pane_ms: Option<i64>,
    pub sides: AlarmSides,
    /// False alarms per agent and 30 days that the rule accepts.
    pub false_alarms_per_30d: f64,
    /// Least value that alarms, or least expectation below which a drop alarms.
    pub min_count: f64,
    /// Least ratio of observed to expected that alarms, and of expected to observed.
    pub min_ratio: f64,
    /// Values are real numbers, not counts.
    pub is_real: bool,
    /// The value of a pane is the mean of what was counted in it, if that was at least so often;
    /// fewer say nothing. `None`: the sum.
    pub mean_of: Option<u32>,
}

/// On which sides of the expected value a metric alarms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlarmSides {
    pub above: bool,
    pub below: bool,
    /// Nothing at all, for much longer than ever.
    pub silence: bool,
}

impl MetricSettings {
    /// Bans that the rule adds to the thresholds: they are right for one false alarm in 30 days.
    pub(super) fn threshold_shift(&self) -> f64 {
        -self.false_alarms_per_30d.clamp(1e-6, 1e6).log10()
    }

    /// Whether panes without a value are missing and not zero.
    pub(super) fn is_gauge(&self) -> bool {
        self.pane_ms.is_none() || self.mean_of.is_some()
    }

    /// How often something must have been counted in a pane.
    pub(super) fn values_min(&self) -> u32 {
        self.mean_of.unwrap_or(1).max(1)
    }
}

/// Whether a metric has learned enough to judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetricState {
    Learning,
    Active,
    Stale,
    /// Too young to judge by itself: it judges by its class.
    Class,
    /// A person froze it: it judges as far as it had learned, and learns nothing.
    Frozen,
}

impl MetricState {
    /// The word of `baseline.<metric>.state`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            MetricState::Learning => "learning",
            MetricState::Active => "active",
            MetricState::Stale => "stale",
            MetricState::Class => "class",
            MetricState::Frozen => "frozen",
        }
    }
}

/// What kind of alarm a comparison is, or would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AlarmKind {
    /// A sum that is rare.
    #[default]
    Burst,
    /// A pane far from its level.
    Level,
    /// Hours that are a little higher than usual, many times.
    Drift,
    /// Nothing for much longer than ever.
    Silence,
}

/// The observed value beside the expected one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PaneComparison {
    pub kind: AlarmKind,
    /// Start of the pane.
    pub start_ms: i64,
    /// Length of what was summed.
    pub window_ms: i64,
    pub observed: f64,
    /// The usual value at this hour.
    pub expected: f64,
    /// The value that would alarm.
    pub upper: f64,
    pub ratio: f64,
    /// Probability of the observed value or more.
    pub p_value: f64,
    pub state: MetricState,
    /// The score in bans, and the one that was needed.
    pub score: f64,
    pub needed: f64,
    /// Deviations from the usual level, where the level is judged.
    pub deviations: f64,
    /// Of an alarm: what the metric has seen before.
    pub history: PaneHistory,
}

/// What a metric has seen before an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PaneHistory {
    /// Time since it began.
    pub learned_ms: i64,
    /// No window of the same length was above this, as far as the histogram tells: the upper edge
    /// of its highest bucket.
    pub highest: Option<f64>,
    /// The usual value at this hour by the numbers of last week.
    pub last_week: Option<f64>,
}

impl PaneComparison {
    /// The ratio of observed to expected, bounded where nothing is expected.
    pub(super) fn ratio_of(observed: f64, expected: f64) -> f64 {
        observed / expected.abs().max(1e-3)
    }

    /// The graver of two alarms.
    pub(super) fn graver(self, other: Option<Self>) -> Self {
        match other {
            Some(other) if other.score > self.score => other,
            _ => self,
        }
    }
}
