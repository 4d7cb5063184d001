//! What this room needs to know of a rule, and of the rule that stands for a used-up budget.

use crate::event::Text;
pub use crate::rule::{
    IncidentFold, RevocationMode, RevokeTarget, RuleConfidence, RuleFamily, RuleLevel,
};

/// One rule, as far as the response to its findings depends on it. A view, so that this room
/// depends on no rule engine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RuleView<'a> {
    pub id: &'a str,
    pub title: &'a str,
    /// What the rule sees, and why that matters; empty where its author does not say it.
    pub description: &'a str,
    /// What to do about a finding; empty where its author does not say it.
    pub remediation: &'a str,
    pub confidence: RuleConfidence,
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
    description: "So many agents of the tenant were to be revoked within the hour that the budget \
                  of this partition is used up. Many agents were taken over at once, or a rule or \
                  a scope is wrong.",
    remediation: "Look at the plans that wait. Approve what is an attack. If a rule is wrong, \
                  withdraw what it requested and set its mode to shadow.",
    confidence: RuleConfidence::High,
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
    description: "A revocation was requested, and nobody confirmed it. As long as that is so, the \
                  agent may go on acting.",
    remediation: "Revoke the target by hand in the identity system, and say so with `scopewatch \
                  confirm`. Then find out why its consumer of `agent.revocations` does not answer.",
    fold: IncidentFold::Agent,
    ..BUDGET_RULE_VIEW
};
/// The rule of a request that was refused.
pub(super) const REFUSED_RULE_VIEW: RuleView<'static> = RuleView {
    id: REFUSED_RULE,
    title: "Identity system refused a revocation",
    description: "The identity system answered that it does not carry out a revocation. The agent \
                  goes on acting.",
    remediation: "Read the reason in the confirmation. Revoke the target by hand and say so with \
                  `scopewatch confirm`, or withdraw the request if it was wrong.",
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
