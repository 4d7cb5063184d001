//! What this room needs to know of a rule, and of the rule that stands for a used-up budget.

use crate::event::Text;
pub use crate::rule::{IncidentFold, RevocationMode, RevokeTarget, RuleFamily, RuleLevel};

/// One rule, as far as the response to its findings depends on it. A view, so that this room
/// depends on no rule engine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RuleView<'a> {
    pub id: &'a str,
    pub title: &'a str,
    pub family: RuleFamily,
    pub level: RuleLevel,
    /// Points that a finding adds to the risk score of the agent.
    pub risk: u8,
    pub revoke: RevokeTarget,
    /// The most powerful mode that the rule's author allows.
    pub mode_max: RevocationMode,
    pub fold: IncidentFold,
    /// MITRE ATLAS technique ids.
    pub atlas: &'a [Text],
    /// OWASP Agentic ids with the year.
    pub asi: &'a [Text],
}

/// Finds a rule of the active bundle by its id, for messages that no finding causes.
pub trait RuleLookup {
    fn rule_view(&self, id: &str) -> Option<RuleView<'_>>;
}

/// The rule id of the alert that says a budget is used up.
pub const BUDGET_RULE: &str = "scopewatch.budget";
/// The rule id of the alert that says the identity system does not answer a request.
pub const UNANSWERED_RULE: &str = "scopewatch.unanswered";
/// The rule id of the alert that says the identity system refused a request.
pub const REFUSED_RULE: &str = "scopewatch.refused";

/// The rule of a used-up budget; no bundle has it.
pub(super) const BUDGET_RULE_VIEW: RuleView<'static> = RuleView {
    id: BUDGET_RULE,
    title: "Revocation budget used up",
    family: RuleFamily::Policy,
    level: RuleLevel::High,
    risk: 0,
    revoke: RevokeTarget::None,
    mode_max: RevocationMode::Off,
    fold: IncidentFold::Tenant,
    atlas: &[],
    asi: &[],
};
/// The rule of a request that nobody answers.
pub(super) const UNANSWERED_RULE_VIEW: RuleView<'static> = RuleView {
    id: UNANSWERED_RULE,
    title: "Identity system does not answer",
    fold: IncidentFold::Agent,
    ..BUDGET_RULE_VIEW
};
/// The rule of a request that was refused.
pub(super) const REFUSED_RULE_VIEW: RuleView<'static> = RuleView {
    id: REFUSED_RULE,
    title: "Identity system refused a revocation",
    fold: IncidentFold::Agent,
    ..BUDGET_RULE_VIEW
};
/// The rules of this room's own alerts.
pub(super) const OWN_RULES: [RuleView<'static>; 3] =
    [BUDGET_RULE_VIEW, UNANSWERED_RULE_VIEW, REFUSED_RULE_VIEW];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_order_by_power_so_that_the_lower_holds() {
        assert!(
            RevocationMode::Off < RevocationMode::Shadow
                && RevocationMode::Shadow < RevocationMode::Approve
        );
        assert_eq!(
            RevocationMode::Auto.min(RevocationMode::Shadow),
            RevocationMode::Shadow
        );
    }
}
