//! Scope records that arrived before they take effect. The tree takes them over at that time: what
//! an agent may do tomorrow is neither wider nor over today.

use serde::{Deserialize, Serialize};

use super::{COMING_SCOPES_MAX, DelegationState};
use crate::event::{LinkCause, Text};

/// A version of a scope that takes effect later.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::detector) struct ComingScope {
    pub scope_id: Text,
    /// The scope record. Its own time is that at which the version takes effect.
    pub cause: LinkCause,
}

impl DelegationState {
    /// Keeps a version until it takes effect. `false` when as many wait as may be.
    pub(in crate::detector) fn await_scope(&mut self, coming: ComingScope) -> bool {
        let due_ms = coming.cause.at_ms;
        let same =
            |known: &ComingScope| known.scope_id == coming.scope_id && known.cause.at_ms == due_ms;
        self.coming.retain(|known| !same(known));
        if self.coming.len() >= COMING_SCOPES_MAX {
            self.cuts.coming += 1;
            return false;
        }
        let index = self
            .coming
            .partition_point(|known| known.cause.at_ms <= due_ms);
        self.coming.insert(index, coming);
        true
    }

    /// When the first of them takes effect, epoch milliseconds.
    pub(in crate::detector) fn coming_due_ms(&self) -> Option<i64> {
        self.coming.first().map(|first| first.cause.at_ms)
    }

    /// Takes out those that take effect by `stream_ms`, the first one first.
    pub(in crate::detector) fn take_coming(&mut self, stream_ms: i64) -> Vec<ComingScope> {
        let due = |coming: &ComingScope| coming.cause.at_ms <= stream_ms;
        let count = self.coming.partition_point(due);
        self.coming.drain(..count).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::RecordPosition;

    fn coming(scope_id: &str, due_ms: i64) -> ComingScope {
        ComingScope {
            scope_id: scope_id.into(),
            cause: LinkCause {
                position: RecordPosition {
                    topic: "t".into(),
                    partition: 0,
                    offset: due_ms,
                    index: 0,
                },
                append_ms: 0,
                at_ms: due_ms,
                event_id: "e".into(),
            },
        }
    }

    #[test]
    fn versions_come_in_order_of_their_times_and_the_last_record_of_a_time_counts() {
        let mut state = DelegationState::default();
        for (id, due_ms) in [("b", 20), ("a", 10), ("c", 30), ("a", 20), ("b", 20)] {
            assert!(state.await_scope(coming(id, due_ms)));
        }
        assert_eq!(state.coming_due_ms(), Some(10));
        let due = state.take_coming(20);
        let ids: Vec<&str> = due.iter().map(|coming| coming.scope_id.as_str()).collect();
        assert_eq!(ids, ["a", "a", "b"]);
        assert_eq!(state.coming_due_ms(), Some(30));
    }

    #[test]
    fn no_more_wait_than_may() {
        let mut state = DelegationState::default();
        for n in 0..COMING_SCOPES_MAX {
            assert!(state.await_scope(coming(&format!("s{n}"), n as i64)));
        }
        assert!(!state.await_scope(coming("more", 5)));
        assert!(state.await_scope(coming("s5", 5)), "it replaces its own");
        assert_eq!(state.take_coming(i64::MAX).len(), COMING_SCOPES_MAX);
    }
}
