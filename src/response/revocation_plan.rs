//! A numbered revocation plan of an incident, before it is written into messages.

use super::rule_view::RevocationMode;
use super::target::PlannedTarget;

/// A plan over more targets than this waits for a person.
pub const PLAN_TARGETS_MAX: usize = 10;

/// What one action adds to its incident's plan.
#[derive(Debug, Default)]
pub(super) struct RevocationPlan {
    /// The most powerful mode among the findings, also where nothing was planned.
    pub(super) mode: Option<RevocationMode>,
    /// Targets to be requested now.
    pub(super) sent: Vec<PlannedTarget>,
    /// Targets that are only shown.
    pub(super) shadow: Vec<PlannedTarget>,
    /// Targets that wait for a person's decision.
    pub(super) waiting: Vec<PlannedTarget>,
    /// The number of this plan in its incident, from 1; 0 for a plan without targets.
    pub(super) number: u32,
    /// Why a finding's target was not planned.
    pub(super) notes: Vec<String>,
    /// The plan changed what the incident's alerts show, so an alert is due.
    pub(super) alert_due: bool,
    /// The budgets of this hour that this action used up: that of declared agents or of others.
    pub(super) budgets_used_up: Vec<bool>,
}

impl RevocationPlan {
    /// Whether it has no target.
    pub(super) fn is_empty(&self) -> bool {
        self.sent.len() + self.shadow.len() + self.waiting.len() == 0
    }
}
