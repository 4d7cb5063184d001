//! The words a rule uses to say how its findings are answered.

use serde::{Deserialize, Serialize};

/// Declares an enum of words read from rule and policy files.
macro_rules! terms {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            /// Every member, in declaration order.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// The word in files and alerts.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }

            /// The member for `word`.
            #[must_use]
            pub fn known(word: &str) -> Option<Self> {
                match word { $($word => Some($name::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

terms! {
    /// The folder a rule stands in.
    Family {
        Scope = "scope", Delegation = "delegation", Credential = "credential",
        Instruction = "instruction", Channel = "channel", Volume = "volume",
        Behaviour = "behaviour", Policy = "policy", Risk = "risk", Fleet = "fleet",
    }
}

terms! {
    /// How grave a finding is; the order is the order of gravity.
    Severity {
        Informational = "informational", Low = "low", Medium = "medium", High = "high",
        Critical = "critical",
    }
}

terms! {
    /// What a rule asks the identity system to take back.
    RevokeTarget {
        None = "none", Credential = "credential", Session = "session", Agent = "agent",
        /// The agent and its descendants; refused until delegation trees are observed.
        Tree = "tree",
    }
}

terms! {
    /// How far a revocation may go; the order is the order of power.
    Mode {
        /// No plan at all.
        Off = "off",
        /// The plan stands in the alert and the audit; nothing is sent.
        Shadow = "shadow",
        /// A person releases it. Not in this version: it works as [`Mode::Shadow`].
        Approve = "approve",
        /// The request is sent at once.
        Auto = "auto",
    }
}

terms! {
    /// Where a rule's findings are gathered into incidents.
    Fold {
        /// One incident per agent, rule and task.
        Agent = "agent",
        /// One per rule, class (agent type and task class) and UTC day.
        ClassDay = "class-day",
        /// One per rule and tenant.
        Tenant = "tenant",
    }
}

impl Family {
    /// Rank among findings of equal severity: a scope verdict is certain, so it speaks first.
    #[must_use]
    pub const fn rank(self) -> u8 {
        match self {
            Family::Scope => 0,
            _ => 1,
        }
    }
}

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
        (_, Fold::ClassDay | Fold::Tenant) => {
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
