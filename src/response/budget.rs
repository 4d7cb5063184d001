//! How many agents requests may hit: a share per tenant, hour and partition.

use serde::{Deserialize, Serialize};

use crate::event::fingerprint;

/// The hour a budget counts in, milliseconds.
pub const HOUR_MS: i64 = 3_600_000;

/// What one tenant's requests have hit in this hour, in this partition. Bounded by the share it is
/// asked to hold, which the policy bounds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Budget {
    /// Hours since the epoch.
    hour: i64,
    /// Hashes of the agents hit in that hour: names would make the state as long as they are.
    agents: Vec<u64>,
    tripped: bool,
}

/// What the budget says to one more request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spent {
    /// Within the share.
    Granted,
    /// The share is used up by this agent, for the first time in this hour.
    Tripped,
    /// It was used up before.
    Exhausted,
}

/// A partition's share of a tenant's budget: at least one, or small budgets over many partitions
/// would forbid what the policy allows. A budget of none is none.
#[must_use]
pub fn share(agents_per_hour: u32, partitions: u32) -> u32 {
    (agents_per_hour / partitions.max(1)).max(agents_per_hour.min(1))
}

impl Budget {
    /// Asks for one more request against `agent`. An agent counts once per hour. Time that goes
    /// back (an older record of another input) stays in the hour already begun.
    pub fn spend(&mut self, agent: &str, stream_ms: i64, share: u32) -> Spent {
        let hour = stream_ms.div_euclid(HOUR_MS);
        if hour > self.hour || self.agents.is_empty() && !self.tripped {
            *self = Budget {
                hour,
                ..Budget::default()
            };
        }
        let agent = fingerprint(agent);
        if self.agents.contains(&agent) {
            return Spent::Granted;
        }
        if self.agents.len() < usize::try_from(share).unwrap_or(usize::MAX) {
            self.agents.push(agent);
            return Spent::Granted;
        }
        if std::mem::replace(&mut self.tripped, true) {
            Spent::Exhausted
        } else {
            Spent::Tripped
        }
    }

    /// Nothing to remember: the value may be dropped.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.agents.is_empty() && !self.tripped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_at_least_one() {
        assert_eq!(share(10, 4), 2);
        assert_eq!(share(10, 64), 1);
        assert_eq!(share(10, 0), 10);
        assert_eq!(share(0, 4), 0);
    }

    #[test]
    fn a_tripped_share_says_so_once_and_rearms_next_hour() {
        let mut budget = Budget::default();
        assert_eq!(budget.spend("a", 10, 1), Spent::Granted);
        assert_eq!(
            budget.spend("a", 11, 1),
            Spent::Granted,
            "the same agent counts once"
        );
        assert_eq!(budget.spend("b", 12, 1), Spent::Tripped);
        assert_eq!(budget.spend("c", 13, 1), Spent::Exhausted);
        assert_eq!(budget.spend("a", 14, 1), Spent::Granted);
        assert_eq!(budget.spend("b", HOUR_MS, 1), Spent::Granted);
        assert_eq!(
            budget.spend("c", HOUR_MS - 1, 1),
            Spent::Tripped,
            "time does not go back"
        );
    }
}
