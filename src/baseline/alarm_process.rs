//! What bounds the alarms of one channel in wall-clock time, whatever its data do: after an alarm
//! the next one needs something clearly rarer, or time.

use serde::{Deserialize, Serialize};

const HOUR_S: f64 = 3_600.0;
const DAY_S: f64 = 24.0 * HOUR_S;
/// Bans that all alarms together add at most: what is rarer still always alarms.
const LIFT_MAX: f64 = 6.0;

/// How a channel's alarms are bounded.
#[derive(Debug, Clone, Copy)]
pub(super) struct AlarmBound {
    peak_half_life_s: f64,
    /// A score alarms above this multiple of the decayed highest score.
    peak_factor: f64,
    lift_half_life_s: f64,
    /// Bans that one alarm adds to the threshold.
    lift_bans: f64,
}

/// The bound of the level channel.
pub(super) const LEVEL_BOUND: AlarmBound = AlarmBound {
    peak_half_life_s: DAY_S,
    peak_factor: 1.1,
    lift_half_life_s: 14.0 * DAY_S,
    lift_bans: 0.5,
};

/// The bound of the agent channel.
pub(super) const AGENT_BOUND: AlarmBound = AlarmBound {
    peak_half_life_s: 16.0 * HOUR_S,
    peak_factor: 1.0,
    lift_half_life_s: 10.0 * DAY_S,
    lift_bans: 1.0,
};

/// The highest recent score and the bans above the threshold; both decay with time.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct AlarmProcess {
    peak: f32,
    lift: f32,
}

impl AlarmProcess {
    /// The process `elapsed_s` later.
    #[must_use]
    pub fn after(self, bound: &AlarmBound, elapsed_s: f64) -> Self {
        let elapsed_s = elapsed_s.max(0.0);
        let decay = |value: f32, half_life_s: f64| {
            (f64::from(value) * (-elapsed_s / half_life_s).exp2()) as f32
        };
        AlarmProcess {
            peak: decay(self.peak, bound.peak_half_life_s),
            lift: decay(self.lift, bound.lift_half_life_s),
        }
    }

    /// Whether a score may alarm.
    pub fn allows(&self, bound: &AlarmBound, score: f64, threshold: f64) -> bool {
        score >= threshold + self.lift() && score > bound.peak_factor * f64::from(self.peak)
    }

    /// The score that the next alarm needs.
    pub fn needed(&self, bound: &AlarmBound, threshold: f64) -> f64 {
        (threshold + self.lift()).max(bound.peak_factor * f64::from(self.peak))
    }

    /// Bans above the threshold.
    pub fn lift(&self) -> f64 {
        f64::from(self.lift).clamp(0.0, LIFT_MAX)
    }

    pub fn note_score(&mut self, score: f64) {
        self.peak = self.peak.max(score as f32);
    }

    pub fn add_alarm(&mut self, bound: &AlarmBound) {
        self.lift = (self.lift() + bound.lift_bans).min(LIFT_MAX) as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_decays_as_published() {
        let process = AlarmProcess {
            peak: 1.0,
            lift: 0.0,
        };
        for (pane_s, factor) in [(60.0, 0.999_519), (300.0, 0.997_596), (3_600.0, 0.971_532)] {
            let peak = f64::from(process.after(&LEVEL_BOUND, pane_s).peak);
            assert!((peak - factor).abs() < 1e-6, "{pane_s}: {peak}");
        }
    }

    #[test]
    fn one_lift_decays_as_published() {
        let cases = [
            (
                LEVEL_BOUND,
                [(0.0, 0.5), (7.0, 0.354), (14.0, 0.25), (28.0, 0.125)],
            ),
            (
                AGENT_BOUND,
                [(0.0, 1.0), (10.0, 0.5), (20.0, 0.25), (30.0, 0.125)],
            ),
        ];
        for (bound, ages) in cases {
            let mut process = AlarmProcess::default();
            process.add_alarm(&bound);
            for (days, lift) in ages {
                let after = process.after(&bound, days * DAY_S).lift();
                assert!((after - lift).abs() < 0.0005, "{days} d: {after}");
            }
        }
    }

    #[test]
    fn many_alarms_in_an_hour_leave_a_bounded_lift() {
        let mut process = AlarmProcess::default();
        for _ in 0..28 {
            process = process.after(&AGENT_BOUND, 120.0);
            process.add_alarm(&AGENT_BOUND);
        }
        assert!(process.lift() <= LIFT_MAX);
        let later = process.after(&AGENT_BOUND, 30.0 * DAY_S).lift();
        assert!((later - 0.75).abs() < 0.005, "{later}");
    }

    #[test]
    fn a_second_alarm_needs_more_or_time() {
        let mut process = AlarmProcess::default();
        assert!(process.allows(&LEVEL_BOUND, 2.75, 2.75));
        process.note_score(4.0);
        assert!(!process.allows(&LEVEL_BOUND, 4.3, 2.75));
        assert!(process.allows(&LEVEL_BOUND, 4.5, 2.75));
        assert!(
            process
                .after(&LEVEL_BOUND, DAY_S)
                .allows(&LEVEL_BOUND, 2.75, 2.75)
        );
        assert!((process.needed(&LEVEL_BOUND, 2.75) - 4.4).abs() < 1e-6);
    }
}
