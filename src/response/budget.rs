//! The budget: how many agents revocation requests may hit, per tenant, hour and partition.

use serde::{Deserialize, Serialize};

use crate::event::text_fingerprint;

/// The hour a budget counts in, milliseconds.
pub const HOUR_MS: i64 = 3_600_000;

/// Agents that every partition may hit, however small its part of the budget is.
pub const SHARE_MIN: u32 = 3;

/// The budgets of one tenant in one partition. Agents that somebody declared have one of their own:
/// ids that an attacker invents cannot spend what protects real ones.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TenantBudgets {
    declared: RevocationBudget,
    others: RevocationBudget,
    /// The time of the last command that re-armed them, epoch milliseconds.
    rearmed_ms: i64,
}

impl TenantBudgets {
    /// Makes both budgets whole again, by a command of time `at_ms`. A repeat of it, or an older
    /// one, changes nothing: then nobody is hit again by what was spent meanwhile. Returns whether
    /// anything changed.
    pub fn rearm(&mut self, at_ms: i64) -> bool {
        let newer = at_ms > self.rearmed_ms;
        if newer {
            *self = TenantBudgets {
                rearmed_ms: at_ms,
                ..TenantBudgets::default()
            };
        }
        newer
    }

    /// The budget of the agents that have a scope record, or of all others.
    pub fn of_agents(&mut self, declared: bool) -> &mut RevocationBudget {
        if declared {
            &mut self.declared
        } else {
            &mut self.others
        }
    }
}

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

/// A partition's share of a tenant's budget: at least [`SHARE_MIN`] agents, or a small budget over
/// many partitions would allow none; but never more than the whole budget.
#[must_use]
pub fn share_of(agents_per_hour: u32, partitions: u32) -> u32 {
    (agents_per_hour / partitions.max(1)).max(agents_per_hour.min(SHARE_MIN))
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
    fn a_share_is_at_least_three_but_not_more_than_the_budget() {
        for (budget, partitions, share) in [
            (10, 2, 5),
            (10, 4, 3),
            (10, 64, 3),
            (10, 0, 10),
            (2, 1, 2),
            (2, 12, 2),
            (0, 4, 0),
        ] {
            assert_eq!(share_of(budget, partitions), share, "{budget}/{partitions}");
        }
    }

    #[test]
    fn what_others_spend_leaves_the_budget_of_declared_agents_whole() {
        let mut budgets = TenantBudgets::default();
        for n in 0..20 {
            budgets.of_agents(false).spend_on(&format!("x{n}"), 0, 3);
        }
        let spent = budgets.of_agents(true).spend_on("real", 0, 3);
        assert_eq!(spent, BudgetDecision::Granted);
        let spent = budgets.of_agents(false).spend_on("x99", 0, 3);
        assert_eq!(spent, BudgetDecision::Exhausted);
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
