//! Whether an agent that acts has fallen silent: nothing for three times its longest silence.

use serde::{Deserialize, Serialize};

const HOUR_S: f64 = 3_600.0;
const DAY_S: f64 = 24.0 * HOUR_S;
/// Time after which half of the longest silence is forgotten.
const LONGEST_HALF_LIFE_S: f64 = 28.0 * DAY_S;
/// Panes with something before a silence may alarm.
const ACTIVE_PANES_MIN: u8 = 60;
/// A silence alarms from this multiple of the longest one.
const LONGEST_FACTOR: f64 = 3.0;
/// The shortest silence that alarms: an hour, and so many panes.
const PANES_MIN: f64 = 3.0;
/// How long a metric is known before its silence may alarm.
const HISTORY_MIN_S: f64 = 14.0 * DAY_S;
/// The same where nearly every pane has something.
const HISTORY_DENSE_S: f64 = 3.0 * DAY_S;
const DENSE_SHARE_MAX: f32 = 0.1;

/// The silences of one metric.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct SilenceWatch {
    /// Panes without anything since the last one with something; missing ones do not count.
    pub(super) gap: u32,
    /// The longest such gap; it decays.
    gap_max: f32,
    active_panes: u8,
}

/// What decides beside the gaps.
#[derive(Debug, Clone, Copy)]
pub(super) struct SilenceContext {
    pub pane_s: f64,
    /// Since the first pane.
    pub history_s: f64,
    pub zero_share: f32,
}

impl SilenceWatch {
    /// Learns a pane with something. Time-based decay has gone on for `elapsed_s`.
    pub fn learn_active(&mut self, elapsed_s: f64) {
        self.decay(elapsed_s);
        self.gap_max = self.gap_max.max(self.gap as f32);
        self.gap = 0;
        self.active_panes = self.active_panes.saturating_add(1);
    }

    /// Learns `panes` panes without anything.
    pub fn learn_zeros(&mut self, panes: u32, elapsed_s: f64) {
        self.decay(elapsed_s);
        self.gap = self.gap.saturating_add(panes);
    }

    pub fn decay(&mut self, elapsed_s: f64) {
        let kept = (-elapsed_s.max(0.0) / LONGEST_HALF_LIFE_S).exp2();
        self.gap_max = (f64::from(self.gap_max) * kept) as f32;
    }

    /// Whether a silence of so many panes alarms.
    pub fn is_alarm(&self, gap: i64, context: &SilenceContext) -> bool {
        let known = context.history_s >= HISTORY_MIN_S
            || (context.history_s >= HISTORY_DENSE_S && context.zero_share < DENSE_SHARE_MAX);
        known && self.is_watched() && gap as f64 >= self.needed_panes(context.pane_s)
    }

    /// Whether there was enough activity for a silence to mean something.
    pub fn is_watched(&self) -> bool {
        self.active_panes >= ACTIVE_PANES_MIN
    }

    /// The gap from which on the silence alarms.
    pub fn needed_panes(&self, pane_s: f64) -> f64 {
        (LONGEST_FACTOR * f64::from(self.gap_max))
            .max((HOUR_S / pane_s).ceil())
            .max(PANES_MIN)
    }

    /// Panes of the present silence.
    pub fn gap(&self) -> u32 {
        self.gap
    }

    /// The longest silence, in panes.
    pub fn gap_max(&self) -> f64 {
        f64::from(self.gap_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(history_days: f64, zero_share: f32) -> SilenceContext {
        SilenceContext {
            pane_s: 60.0,
            history_s: history_days * DAY_S,
            zero_share,
        }
    }

    fn active(panes: usize) -> SilenceWatch {
        let mut watch = SilenceWatch::default();
        (0..panes).for_each(|_| watch.learn_active(60.0));
        watch
    }

    /// Zero panes until the alarm; at most `limit`.
    fn panes_until_alarm(
        mut watch: SilenceWatch,
        context: &SilenceContext,
        limit: u32,
    ) -> Option<u32> {
        (1..=limit).find(|_| {
            watch.learn_zeros(1, 60.0);
            watch.is_alarm(i64::from(watch.gap()), context)
        })
    }

    #[test]
    fn an_agent_that_never_pauses_alarms_after_an_hour() {
        assert_eq!(
            panes_until_alarm(active(300), &context(3.0, 0.0), 200),
            Some(60)
        );
    }

    #[test]
    fn history_activity_and_density_are_needed() {
        let cases = [
            (active(300), context(2.9, 0.0)),
            (active(300), context(13.0, 0.2)),
            (active(59), context(20.0, 0.2)),
        ];
        for (watch, context) in cases {
            assert_eq!(panes_until_alarm(watch, &context, 500), None, "{context:?}");
        }
        assert_eq!(
            panes_until_alarm(active(60), &context(14.0, 0.5), 200),
            Some(60)
        );
    }

    #[test]
    fn a_silence_alarms_at_three_times_the_longest() {
        let mut watch = active(100);
        watch.learn_zeros(100, 0.0);
        watch.learn_active(0.0);
        let context = context(20.0, 0.5);
        let alarmed = panes_until_alarm(watch, &context, 900).unwrap();
        assert!((295..=300).contains(&alarmed), "{alarmed}");
    }
}
