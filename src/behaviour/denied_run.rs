//! What a task was denied before: an attempt that succeeds after many denied ones has found a way.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::limits::{DENIED_IDLE_MS, DENIED_TYPES_MAX};

/// The denied actions of a task, by resource type, the newest type last.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct DeniedRuns(SmallVec<[DeniedRun; 1]>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct DeniedRun {
    /// A hash of the resource type.
    kind: u64,
    count: u32,
    last_ms: i64,
}

/// What the gateway let an action do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Admitted {
    Allowed,
    Denied,
    /// It failed, or nobody says it.
    #[default]
    Unknown,
}

impl DeniedRun {
    fn goes_on(&self, kind: u64, at_ms: i64) -> bool {
        self.kind == kind && at_ms.saturating_sub(self.last_ms) <= DENIED_IDLE_MS
    }
}

impl DeniedRuns {
    /// The denied actions on a resource type since one was allowed there.
    pub fn count(&self, kind: u64, at_ms: i64) -> u32 {
        let mut runs = self.0.iter();
        let run = runs.find(|run| run.goes_on(kind, at_ms));
        run.map_or(0, |run| run.count)
    }

    /// Notes an action on a resource type.
    pub fn note_action(&mut self, kind: u64, admitted: Admitted, at_ms: i64) {
        if admitted == Admitted::Unknown {
            return;
        }
        let before = self.count(kind, at_ms);
        self.0.retain(|run| run.kind != kind);
        if admitted == Admitted::Denied {
            if self.0.len() >= DENIED_TYPES_MAX {
                self.0.remove(0);
            }
            self.0.push(DeniedRun {
                kind,
                count: before.saturating_add(1),
                last_ms: at_ms,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Admitted::{Allowed, Denied, Unknown};

    #[test]
    fn a_run_ends_with_a_success_or_a_rest_and_each_type_has_its_own() {
        let mut runs = DeniedRuns::default();
        // Type, what became of it, minute; the count before it.
        for (kind, admitted, minute, before) in [
            (1, Denied, 0, 0),
            (1, Denied, 9, 1),
            (2, Denied, 10, 0),
            (2, Allowed, 11, 1),
            (1, Unknown, 12, 2),
            (1, Allowed, 18, 2),
            (1, Allowed, 19, 0),
            (1, Denied, 20, 0),
            (1, Denied, 31, 0),
            (1, Denied, 31, 1),
        ] {
            let at_ms = minute * 60_000;
            assert_eq!(
                runs.count(kind, at_ms),
                before,
                "{kind} {admitted:?} {minute}"
            );
            runs.note_action(kind, admitted, at_ms);
        }
        for kind in 10..10 + DENIED_TYPES_MAX as u64 {
            runs.note_action(kind, Denied, 31 * 60_000);
        }
        assert_eq!(runs.count(1, 31 * 60_000), 0, "the oldest gave way");
        assert_eq!(runs.0.len(), DENIED_TYPES_MAX);
    }
}
