//! How the time of a limit's window is cut into panes, and when an action is counted.

/// Panes of a window. The current pane and the eleven before it count. They cover at least 11/12
/// of the window and never more than the window, so a limit is never reported as exceeded when it
/// was not.
pub const PANES: i64 = 12;

/// How late an action may be and still count in the window of its own time, milliseconds.
pub const LATE_MS: i64 = 15 * 60_000;

/// How far back in its silence an agent's actions may be counted, milliseconds.
pub const SILENCE_MAX_MS: i64 = 24 * 3_600_000;

/// When an action is counted: at its own time, or earlier where its agent was silent then.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CountedTime {
    /// The earliest time, not after `at_ms`.
    pub(crate) earliest_ms: i64,
    /// The action's own time.
    pub(crate) at_ms: i64,
}

/// How the time of a window is cut into panes.
#[derive(Debug, Clone, Copy)]
pub(super) struct PaneClock {
    pane_ms: i64,
}

impl PaneClock {
    /// Twelve panes never span more than the window.
    pub(super) fn new(window_ms: i64) -> Self {
        PaneClock {
            pane_ms: (window_ms / PANES).max(1),
        }
    }

    pub(super) fn pane_at(self, at_ms: i64) -> i64 {
        at_ms.div_euclid(self.pane_ms)
    }

    /// The panes of a window, and those before it that a late action reaches.
    pub(super) fn panes_kept(self) -> i64 {
        PANES + LATE_MS / self.pane_ms + 1
    }
}

/// Whether `pane` counts in the window that ends with pane `end`.
pub(super) fn is_counted(pane: i64, end: i64) -> bool {
    pane <= end && pane > end.saturating_sub(PANES)
}
