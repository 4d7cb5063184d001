//! What bounds the alarms of one metric whatever its data do: each alarm raises the threshold for a
//! while, and none follows within an hour.

use serde::{Deserialize, Serialize};

/// Bans (powers of ten of probability) that an alarm adds to the threshold.
const ALARM_BANS: f64 = 1.0;
/// Bans that all alarms together add at most: what is rarer still always alarms.
const LIFT_BANS_MAX: f64 = 6.0;
/// Stream time after which half of an alarm's lift is gone. Every alarm decays by itself: many in
/// a row do not make the metric deaf for longer than one does.
const LIFT_HALF_LIFE_MS: f64 = 10.0 * 24.0 * 3_600_000.0;
/// Stream time from one alarm to the next: what happens between belongs to the same incident.
pub(super) const ALARM_PAUSE_MS: i64 = 3_600_000;

/// The bans above the rule's own threshold.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct AlarmLift {
    /// At `alarm_ms`.
    bans: f32,
    /// When the last alarm was; zero before the first.
    alarm_ms: i64,
}

impl AlarmLift {
    /// The sum over all alarms. One half-life holds for all of them, so their sum decays as each
    /// of them does.
    pub(super) fn current_bans(&self, at_ms: i64) -> f64 {
        let elapsed_ms = at_ms.saturating_sub(self.alarm_ms).max(0) as f64;
        let decayed = f64::from(self.bans) * (-elapsed_ms / LIFT_HALF_LIFE_MS).exp2();
        decayed.clamp(0.0, LIFT_BANS_MAX)
    }

    pub(super) fn add_alarm(&mut self, at_ms: i64) {
        self.bans = (self.current_bans(at_ms) + ALARM_BANS).min(LIFT_BANS_MAX) as f32;
        self.alarm_ms = at_ms.max(self.alarm_ms);
    }

    /// Whether the last alarm was so long ago that another may follow.
    pub(super) fn allows_alarm(&self, at_ms: i64) -> bool {
        self.alarm_ms == 0 || at_ms.saturating_sub(self.alarm_ms) >= ALARM_PAUSE_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START_MS: i64 = 1_700_000_000_000;
    const DAY_MS: i64 = 24 * 3_600_000;

    fn assert_bans(lift: &AlarmLift, days: i64, expected: f64) {
        let bans = lift.current_bans(START_MS + days * DAY_MS);
        assert!(
            (bans - expected).abs() < 0.005,
            "{days} d: {bans}, not {expected}"
        );
    }

    #[test]
    fn the_lift_of_one_alarm_halves_in_ten_days() {
        let mut lift = AlarmLift::default();
        assert_bans(&lift, 0, 0.0);
        lift.add_alarm(START_MS);
        for (days, expected) in [(0, 1.0), (10, 0.5), (20, 0.25), (60, 0.016)] {
            assert_bans(&lift, days, expected);
        }
    }

    #[test]
    fn each_alarm_decays_by_itself() {
        let mut lift = AlarmLift::default();
        for days in [0, 5, 12, 13] {
            lift.add_alarm(START_MS + days * DAY_MS);
        }
        let each = [40.0_f64, 35.0, 28.0, 27.0].map(|age| (-age / 10.0).exp2());
        assert_bans(&lift, 40, each.iter().sum());
    }

    #[test]
    fn many_alarms_in_an_hour_leave_a_bounded_lift() {
        let mut lift = AlarmLift::default();
        for minute in 0..28 {
            lift.add_alarm(START_MS - minute * 60_000);
        }
        assert_bans(&lift, 0, 6.0);
        assert_bans(&lift, 30, 0.75);
    }

    /// A lift as earlier versions stored it has no bound of its own.
    #[test]
    fn a_stored_lift_beyond_the_bound_counts_as_the_bound() {
        let lift = AlarmLift {
            bans: 42.0,
            alarm_ms: START_MS,
        };
        assert_bans(&lift, 0, 6.0);
    }
}
