//! How far a burst has gone since it alarmed: an alarm comes at the first value that is too large.

use serde::{Deserialize, Serialize};

/// A burst is followed for so long after its alarm, milliseconds.
const FOLLOWED_MS: i64 = 24 * 3_600_000;

/// The sums of the window that alarmed, and of those after it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Spike {
    /// The pane that alarmed.
    pane: i64,
    window_ms: i64,
    /// The sum of the closed panes of the window that is open.
    closed: f64,
    highest: f64,
    /// What was in the pane when it was reported last.
    reported: f64,
}

/// What a burst has become.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpikeSize {
    /// Length of the window that was summed.
    pub window_ms: i64,
    /// The greatest sum.
    pub observed: f64,
}

impl Spike {
    /// A burst that alarms in `pane` by the sum `observed` of a window, to which the open pane has
    /// given `of_pane` so far.
    pub fn begin(pane: i64, window_ms: i64, observed: f64, of_pane: f64) -> Self {
        Spike {
            pane,
            window_ms: window_ms.max(1),
            closed: (observed - of_pane).max(0.0),
            highest: observed,
            reported: of_pane,
        }
    }

    /// Whether it can have alarmed by the pane that is open.
    pub fn is_sound(&self, open: i64) -> bool {
        self.pane <= open && self.window_ms > 0
    }

    /// From which value on the pane that alarmed is reported again: twice that of the last time.
    pub fn next_reported(&self) -> f64 {
        2.0 * self.reported
    }

    /// Notes that the pane is reported again, with `of_pane` in it.
    pub fn report(&mut self, of_pane: f64) {
        self.reported = of_pane;
    }

    /// Notes that `pane` has closed with `observed` in it, and that `next` is the open one. Returns
    /// whether the burst is followed further.
    pub fn close_pane(&mut self, pane: i64, observed: f64, next: i64, pane_ms: i64) -> bool {
        let sum = self.closed + observed;
        self.highest = self.highest.max(sum);
        let start_ms = |pane: i64| pane.saturating_mul(pane_ms);
        let window = |pane: i64| start_ms(pane).div_euclid(self.window_ms);
        self.closed = match window(pane) == window(next) {
            true => sum,
            false => 0.0,
        };
        start_ms(next).saturating_sub(start_ms(self.pane)) <= FOLLOWED_MS
    }

    /// What it has become, with `observed` in the open pane.
    pub fn size(&self, observed: f64) -> SpikeSize {
        SpikeSize {
            window_ms: self.window_ms,
            observed: self.highest.max(self.closed + observed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE_MS: i64 = 60_000;

    #[test]
    fn a_burst_grows_with_its_window_and_is_followed_for_a_day() {
        // An hour alarms in its minute 10, with 20 in earlier minutes and 5 in this one.
        let mut spike = Spike::begin(10, 60 * MINUTE_MS, 25.0, 5.0);
        assert_eq!(spike.size(30.0).observed, 50.0);
        assert!(spike.close_pane(10, 40.0, 59, MINUTE_MS));
        assert_eq!(spike.size(50.0).observed, 110.0);
        assert!(spike.close_pane(59, 50.0, 60, MINUTE_MS));
        // The next hour begins anew; the greatest sum stays.
        assert_eq!(spike.size(7.0).observed, 110.0);
        assert!(spike.close_pane(60, 7.0, 10 + 24 * 60, MINUTE_MS));
        assert!(!spike.close_pane(61, 1.0, 11 + 24 * 60, MINUTE_MS));
    }
}
