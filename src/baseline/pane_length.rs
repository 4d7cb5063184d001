//! Chooses the length of the panes of a metric whose rule says `pane: auto`, by the gaps between
//! its first values.

use serde::{Deserialize, Serialize};

const MINUTE_MS: i64 = 60_000;
/// The lengths that are chosen from.
const LENGTHS_MS: [i64; 7] = [
    MINUTE_MS,
    5 * MINUTE_MS,
    10 * MINUTE_MS,
    15 * MINUTE_MS,
    30 * MINUTE_MS,
    60 * MINUTE_MS,
    24 * 60 * MINUTE_MS,
];
/// Number of first values whose gaps decide.
const VALUES: u8 = 20;
/// A gap may be longer than the pane by one part in so many: clocks are not exact.
const JITTER: i64 = 20;

/// The gaps between the first values.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct PaneLengthChoice {
    last_ms: i64,
    values: u8,
    /// How many gaps are no longer than each length.
    kept: [u8; LENGTHS_MS.len()],
}

impl PaneLengthChoice {
    /// Whether no count is larger than it can become.
    pub fn is_sound(&self) -> bool {
        self.values < VALUES && self.kept.iter().all(|kept| *kept <= self.values)
    }

    /// Notes a value; returns the length once it is decided: the smallest that most gaps keep.
    pub fn note_value(&mut self, at_ms: i64) -> Option<i64> {
        if self.values > 0 {
            let gap_ms = at_ms.saturating_sub(self.last_ms);
            for (kept, length_ms) in self.kept.iter_mut().zip(LENGTHS_MS) {
                *kept += u8::from(gap_ms <= length_ms + length_ms / JITTER);
            }
        }
        self.last_ms = self.last_ms.max(at_ms);
        self.values = self.values.saturating_add(1);
        if self.values < VALUES {
            return None;
        }
        let lengths = self.kept.iter().zip(LENGTHS_MS);
        let mut most = lengths.filter(|(kept, _)| **kept > (VALUES - 1) / 2);
        most.next()
            .or(LENGTHS_MS.last().map(|day_ms| (&0, *day_ms)))
            .map(|(_, ms)| ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(gaps_s: &[i64]) -> Option<i64> {
        let mut choice = PaneLengthChoice::default();
        let mut at_ms = 0;
        let mut chosen = choice.note_value(at_ms);
        for gap_s in gaps_s.iter().cycle().take(19) {
            assert_eq!(chosen, None);
            at_ms += gap_s * 1_000;
            chosen = choice.note_value(at_ms);
        }
        chosen.map(|ms| ms / 1_000)
    }

    #[test]
    fn the_smallest_length_that_most_gaps_keep_is_chosen() {
        let cases: [(&[i64], i64); 6] = [
            (&[60], 60),
            (&[300, 301, 299], 300),
            (&[5], 60),
            (&[3_600, 3_600, 7_200], 3_600),
            (&[420], 600),
            (&[900_000], 86_400),
        ];
        for (gaps_s, length_s) in cases {
            assert_eq!(choose(gaps_s), Some(length_s), "{gaps_s:?}");
        }
    }

    #[test]
    fn times_that_go_back_choose_too() {
        let mut choice = PaneLengthChoice::default();
        let times = [i64::MAX, i64::MIN, 0, 5];
        let chosen = times
            .iter()
            .cycle()
            .take(20)
            .map(|at_ms| choice.note_value(*at_ms))
            .last();
        assert!(chosen.flatten().is_some());
    }
}
