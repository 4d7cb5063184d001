//! The words a rule uses to say how its findings are answered.

pub use crate::rule::{Family, Fold, Level as Severity, Mode, RevokeTarget};

/// What response needs to know of a rule: a view, so that it depends on no rule engine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RuleFacts<'a> {
    pub id: &'a str,
    pub title: &'a str,
    pub family: Family,
    pub level: Severity,
    /// Points added to the agent's risk score.
    pub risk: u32,
    pub revoke: RevokeTarget,
    /// The most this rule may do.
    pub mode_max: Mode,
    pub fold: Fold,
    /// MITRE ATLAS technique ids.
    pub atlas: &'a [crate::event::Text],
    /// OWASP Agentic ids with the year.
    pub asi: &'a [crate::event::Text],
}

/// Whether this version can carry out what a rule asks for.
///
/// # Errors
/// The reason, for the message at the rule's place: a rule file that asks for it is refused at
/// load, because a plan that silently did less would look like protection.
pub const fn supported(target: RevokeTarget, fold: Fold) -> Result<(), &'static str> {
    match (target, fold) {
        (RevokeTarget::Tree, _) => {
            Err("`revoke: tree` is not in this version; use `agent`, `session` or `credential`")
        }
        (RevokeTarget::None, _) | (_, Fold::Agent) => Ok(()),
        (_, Fold::ClassDay | Fold::ToolDay | Fold::Tenant) => {
            Err("a rule that folds wider than one agent must have `revoke: none`")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_and_a_wide_fold_with_a_target_are_refused() {
        assert!(supported(RevokeTarget::Tree, Fold::Agent).is_err());
        assert!(supported(RevokeTarget::Credential, Fold::ClassDay).is_err());
        assert!(supported(RevokeTarget::None, Fold::Tenant).is_ok());
        assert!(supported(RevokeTarget::Session, Fold::Agent).is_ok());
    }

    #[test]
    fn modes_order_by_power_so_that_the_lower_holds() {
        assert!(Mode::Off < Mode::Shadow && Mode::Shadow < Mode::Approve);
        assert_eq!(Mode::Auto.min(Mode::Shadow), Mode::Shadow);
    }
}
