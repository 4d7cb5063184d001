//! The budget: how many agents revocation requests may hit, per tenant, hour and partition.

use serde::{Deserialize, Serialize};

use crate::event::text_fingerprint;

/// The hour a budget counts in, milliseconds.
pub const HOUR_MS: i64 = 3_600_000;

/// The agents that one tenant's requests have hit in this hour, in this partition. At most the
/// share, which the policy bounds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RevocationBudget {
    /// Hours since the epoch.
    hour: i64,
    /// Hashes of the agents hit in that hour: names would make the state larger.
    agents: Vec<u64>,
    tripped: bool,
}

/// Whether the budget allows one more request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BudgetDecision {
    /// Within the share.
    Granted,
    /// The share is used up by this agent, for the first time in this hour.
    Tripped,
    /// It was used up before.
    Exhausted,
}

/// A partition's share of a tenant's budget: at least one agent, or a small budget over many
/// partitions would allow none. A budget of zero stays zero.
#[must_use]
pub fn share_of(agents_per_hour: u32, partitions: u32) -> u32 {
    (agents_per_hour / partitions.max(1)).max(agents_per_hour.min(1))
}

impl RevocationBudget {
    /// Spends one request against `agent`; an agent counts once per hour. An older time, as a
    /// record of another input may have, counts in the hour already begun.
    pub fn spend_on(&mut self, agent: &str, stream_ms: i64, share: u32) -> BudgetDecision {
        let hour = stream_ms.div_euclid(HOUR_MS);
        if hour > self.hour || self.agents.is_empty() && !self.tripped {
            *self = RevocationBudget {
                hour,
                ..RevocationBudget::default()
            };
        }
        let agent = text_fingerprint(agent);
        if self.agents.contains(&agent) {
            return BudgetDecision::Granted;
        }
        if self.agents.len() < usize::try_from(share).unwrap_or(usize::MAX) {
            self.agents.push(agent);
            return BudgetDecision::Granted;
        }
        if std::mem::replace(&mut self.tripped, true) {
            BudgetDecision::Exhausted
        } else {
            BudgetDecision::Tripped
        }
    }

    /// Whether there is nothing to remember, so that the value may be dropped.
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
        assert_eq!(share_of(10, 4), 2);
        assert_eq!(share_of(10, 64), 1);
        assert_eq!(share_of(10, 0), 10);
        assert_eq!(share_of(0, 4), 0);
    }

    #[test]
    fn a_tripped_share_says_so_once_and_rearms_next_hour() {
        let mut budget = RevocationBudget::default();
        assert_eq!(budget.spend_on("a", 10, 1), BudgetDecision::Granted);
        assert_eq!(
            budget.spend_on("a", 11, 1),
            BudgetDecision::Granted,
            "the same agent counts once"
        );
        assert_eq!(budget.spend_on("b", 12, 1), BudgetDecision::Tripped);
        assert_eq!(budget.spend_on("c", 13, 1), BudgetDecision::Exhausted);
        assert_eq!(budget.spend_on("a", 14, 1), BudgetDecision::Granted);
        assert_eq!(budget.spend_on("b", HOUR_MS, 1), BudgetDecision::Granted);
        assert_eq!(
            budget.spend_on("c", HOUR_MS - 1, 1),
            BudgetDecision::Tripped,
            "time does not go back"
        );
    }
}
