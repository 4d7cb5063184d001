//! A time in which nothing could come from an agent, whatever it did.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// An outage of a gateway or a collector; epoch milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outage {
    pub from_ms: i64,
    pub to_ms: i64,
}

impl Outage {
    /// The panes of a length above zero that it covers wholly.
    pub(super) fn panes(self, pane_ms: i64) -> Range<i64> {
        let first = self.from_ms.div_euclid(pane_ms).saturating_add(1);
        first..self.to_ms.div_euclid(pane_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_panes_are_of_an_outage() {
        for (from_ms, to_ms, panes) in [(0, 60, 1..6), (5, 59, 1..5), (-15, 15, -1..1)] {
            assert_eq!(Outage { from_ms, to_ms }.panes(10), panes);
        }
    }
}
