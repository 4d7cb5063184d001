//! The pane that is judged, and the blocks of time that it is part of.

use crate::baseline::wall_time::LocalOffset;

const HOUR_MS: i64 = 3_600_000;
const HALF_DAY_MS: i64 = 12 * HOUR_MS;

/// The pane that is judged.
#[derive(Clone, Copy)]
pub(in crate::baseline) struct PaneTime<'a> {
    pub start_ms: i64,
    pub pane_ms: i64,
    pub offset: LocalOffset<'a>,
}

impl PaneTime<'_> {
    /// Length of the blocks of a scale.
    pub(super) fn block_ms(&self, scale: usize) -> i64 {
        match scale {
            0 => self.pane_ms,
            1 => self.pane_ms.max(HOUR_MS),
            _ => self.pane_ms.max(HALF_DAY_MS),
        }
    }

    /// Whether a scale differs from those below it.
    pub(super) fn is_used(&self, scale: usize) -> bool {
        scale == 0 || self.block_ms(scale) > self.pane_ms
    }

    /// Hours that the season of a scale is the mean of.
    pub(super) fn hours(&self, scale: usize) -> i64 {
        (self.block_ms(scale) / HOUR_MS).clamp(1, 12)
    }
}
