//! Which values a rule listens to, and how a verdict is shown.

use super::agent_channel::{Floors, PaneTime, ScaleVerdict};
use super::comparison::{AlarmKind, MetricSettings, MetricState, PaneComparison, PaneHistory};
use super::level::LevelScore;

/// Deviations per ban of a score by magnitude.
const DEVIATIONS_PER_BAN: f64 = 1.0 / 0.9;

/// A pane beside its level.
#[derive(Debug, Clone, Copy)]
pub(super) struct LevelComparison {
    pub compared: LevelScore,
    pub mean: f64,
    /// The usual value at this hour, once it is known.
    pub usual_hour: Option<f64>,
    pub needed: f64,
}

impl LevelComparison {
    pub fn show(&self, observed: f64, time: &PaneTime<'_>) -> PaneComparison {
        let expected = self.usual_hour.unwrap_or(self.mean);
        let side = if observed < self.mean { -1.0 } else { 1.0 };
        let reach = self.needed * DEVIATIONS_PER_BAN * self.compared.scale;
        PaneComparison {
            kind: AlarmKind::Level,
            start_ms: time.start_ms,
            window_ms: time.pane_ms,
            observed,
            expected,
            upper: self.mean + side * reach,
            ratio: PaneComparison::ratio_of(observed, expected),
            p_value: 10_f64.powf(-self.compared.score),
            state: MetricState::Active,
            score: self.compared.score,
            needed: self.needed,
            deviations: self.compared.deviations,
            history: PaneHistory::default(),
        }
    }
}

/// A sum beside what was expected of it; `upper` is the value that alarms.
pub(super) fn show_verdict(
    verdict: &ScaleVerdict,
    time: &PaneTime<'_>,
    needed: f64,
    upper: f64,
) -> PaneComparison {
    PaneComparison {
        kind: AlarmKind::Burst,
        start_ms: time.start_ms,
        window_ms: verdict.window_ms,
        observed: verdict.observed,
        expected: verdict.expected,
        upper,
        ratio: PaneComparison::ratio_of(verdict.observed, verdict.expected),
        p_value: 10_f64.powf(-verdict.model_bans),
        state: MetricState::Active,
        score: verdict.score,
        needed,
        deviations: 0.0,
        history: PaneHistory::default(),
    }
}

/// Whether the rule judges values at all, or only silence.
pub(super) fn judges_values(settings: &MetricSettings) -> bool {
    settings.sides.above || settings.sides.below
}

pub(super) fn floors_of(settings: &MetricSettings) -> Floors {
    Floors {
        count: settings.min_count,
        ratio: settings.min_ratio,
    }
}

/// Whether the rule listens to the side of the level on which a value lies.
pub(super) fn is_on_side(value: f64, mean: f64, settings: &MetricSettings) -> bool {
    match value < mean {
        true => settings.sides.below,
        false => settings.sides.above,
    }
}

/// The same, and whether the value reaches the rule's floors: above the level it is large enough,
/// below it the level was.
pub(super) fn listens_to(
    value: f64,
    mean: f64,
    usual_hour: Option<f64>,
    settings: &MetricSettings,
) -> bool {
    let expected = usual_hour.unwrap_or(mean);
    let (count, ratio) = (settings.min_count, settings.min_ratio);
    is_on_side(value, mean, settings)
        && match value < mean {
            true => (count <= 0.0 || mean >= count) && (ratio <= 1.0 || value * ratio <= mean),
            false => {
                (count <= 0.0 || value >= count) && (ratio <= 1.0 || value >= ratio * expected)
            }
        }
}
