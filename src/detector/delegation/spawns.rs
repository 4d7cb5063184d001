//! How many agents an agent spawned in the last hour.

use serde::{Deserialize, Serialize};

const HOUR_MS: i64 = 3_600_000;
/// Panes of an hour. The current one and the eleven before it count, so that never more than an
/// hour is counted.
const PANES: usize = 12;
const PANE_MS: i64 = HOUR_MS / PANES as i64;

/// Spawns by pane of five minutes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct SpawnWindow {
    /// Number of the newest pane.
    newest: i64,
    /// Spawns of that pane and of those before it, newest first.
    counts: [u32; PANES],
}

impl SpawnWindow {
    /// Counts a spawn. One that is older than the window counts nowhere.
    pub fn note_spawn(&mut self, at_ms: i64) {
        let pane = at_ms.div_euclid(PANE_MS);
        let ahead = pane.saturating_sub(self.newest);
        if ahead > 0 {
            let moved = usize::try_from(ahead).unwrap_or(PANES).min(PANES);
            self.counts.rotate_right(moved);
            self.counts
                .iter_mut()
                .take(moved)
                .for_each(|count| *count = 0);
            self.newest = pane;
        }
        let behind = usize::try_from(self.newest.saturating_sub(pane)).unwrap_or(PANES);
        if let Some(count) = self.counts.get_mut(behind) {
            *count = count.saturating_add(1);
        }
    }

    /// Spawns in the hour before `at_ms`.
    pub fn in_hour(&self, at_ms: i64) -> u32 {
        let passed = at_ms.div_euclid(PANE_MS).saturating_sub(self.newest).max(0);
        let left = PANES.saturating_sub(usize::try_from(passed).unwrap_or(PANES));
        let counted = self.counts.iter().take(left);
        counted.fold(0, |sum, count| sum.saturating_add(*count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_counts_and_no_more() {
        let mut window = SpawnWindow::default();
        let start_ms = 1_780_315_200_000;
        for n in 0..10 {
            window.note_spawn(start_ms + n * 1_000);
        }
        assert_eq!(window.in_hour(start_ms + 10_000), 10);
        assert_eq!(window.in_hour(start_ms + 11 * PANE_MS), 10);
        assert_eq!(window.in_hour(start_ms + HOUR_MS), 0);
        window.note_spawn(start_ms + HOUR_MS);
        assert_eq!(window.in_hour(start_ms + HOUR_MS), 1);
        window.note_spawn(start_ms + HOUR_MS - PANE_MS);
        assert_eq!(
            window.in_hour(start_ms + HOUR_MS),
            2,
            "late, in its own pane"
        );
        window.note_spawn(start_ms - HOUR_MS);
        assert_eq!(window.in_hour(start_ms + HOUR_MS), 2);
    }
}
