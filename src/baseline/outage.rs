//! A time in which nothing could come from an agent, whatever it did.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::comparison::PaneComparison;
use super::knowledge::{LearnContext, MetricKnowledge};

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

impl MetricKnowledge {
    /// The panes of an outage among those that are passed when `pane` is opened; `None` when there
    /// are none.
    pub(super) fn outage_panes(&self, outage: Outage, pane: i64) -> Option<Range<i64>> {
        if self.pane_ms <= 0 {
            return None;
        }
        let panes = outage.panes(self.pane_ms);
        let end = panes.end.min(pane);
        (self.passed <= panes.start && panes.start < end).then_some(panes.start..end)
    }

    /// Skips the panes of an outage, after it has learned those before them. Returns the gravest
    /// alarm.
    pub(super) fn skip_panes(
        &mut self,
        outage: &Range<i64>,
        context: &LearnContext<'_>,
    ) -> Option<PaneComparison> {
        let before = self.pass_panes(outage.start, context.settings.is_gauge(), context);
        let skipped = self.pass_panes(outage.end, true, context);
        skipped.map(|alarm| alarm.graver(before)).or(before)
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
