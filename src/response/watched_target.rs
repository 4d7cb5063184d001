//! Requests about an agent that stand in the plan of an agent above it, which may be in another
//! partition: the agent counts its own actions with the target, and lets the agent above know.
//!
//! The agent above has the request and its state; this is a copy of what the member needs to judge
//! its own actions. Both sides send what they know as a whole, so that a repeat changes nothing.

use serde::{Deserialize, Serialize};

use crate::event::{AgentAction, Text};

use super::credential_uses::is_accepted;
use super::id::DerivedId;
use super::target::RevocationTarget;
use super::target_request::USES_REPORT_MS;

/// Requests of agents above that an agent watches; for a further one the oldest is forgotten.
pub const WATCHED_MAX: usize = 16;

/// A request about this agent in the plan of an agent above it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchedTarget {
    pub(super) target: RevocationTarget,
    /// The agent whose plan it is.
    pub(super) planner: Text,
    pub(super) txn: DerivedId,
    /// When it was requested, epoch milliseconds.
    pub(super) asked_ms: i64,
    pub(super) confirmed_ms: Option<i64>,
    /// How long it matters, epoch milliseconds.
    pub(super) until_ms: i64,
    /// Accepted actions of this agent with the target after the request.
    pub(super) count: u32,
    /// Time of the last one, epoch milliseconds.
    pub(super) last_ms: i64,
    /// How many the agent above knows, and since which stream time, epoch milliseconds.
    pub(super) reported: (u32, i64),
}

impl WatchedTarget {
    pub(super) fn is_of(&self, planner: &str, txn: DerivedId, asked_ms: i64) -> bool {
        self.planner == planner && self.txn == txn && self.asked_ms == asked_ms
    }

    /// Counts an action of this agent, if it is a use of the target after the request. Returns
    /// whether it is.
    pub(super) fn note_use(&mut self, action: &AgentAction, at_ms: i64) -> bool {
        let late = at_ms >= self.asked_ms && self.target.used_by(action, self.asked_ms);
        let counts = late && is_accepted(action);
        if counts {
            self.count = self.count.saturating_add(1);
            self.last_ms = self.last_ms.max(at_ms);
        }
        counts
    }

    /// Stream time at which something is to be done about it.
    pub(super) fn due_ms(&self) -> i64 {
        let (reported, reported_ms) = self.reported;
        let report_ms = reported_ms.saturating_add(USES_REPORT_MS);
        match self.count > reported {
            true => report_ms.min(self.until_ms),
            false => self.until_ms,
        }
    }

    /// Whether the agent above has to know of the actions by now: of the first at once, then when
    /// their number has doubled or a minute has passed.
    pub(super) fn is_report_due(&self, stream_ms: i64) -> bool {
        let (reported, _) = self.reported;
        let doubled = self.count >= reported.saturating_mul(2);
        self.count > reported && (doubled || self.due_ms() <= stream_ms)
    }
}
