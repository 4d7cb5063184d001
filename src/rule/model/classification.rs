//! What kind of rule it is: family, level and maturity.

use crate::event::words;

words! {
    /// The family of a rule: the name of its folder under `rules/`.
    Family {
        Scope = "scope", Delegation = "delegation", Credential = "credential",
        Instruction = "instruction", Channel = "channel", Volume = "volume",
        Behaviour = "behaviour", Policy = "policy", Risk = "risk", Fleet = "fleet",
    }
}

impl Family {
    /// Rank among findings of equal severity: a scope verdict is certain, so it speaks first.
    #[must_use]
    pub const fn sort_rank(self) -> u8 {
        match self {
            Family::Scope => 0,
            _ => 1,
        }
    }
}

words! {
    /// Severity of a rule's findings, lowest first.
    RuleLevel {
        Informational = "informational", Low = "low", Medium = "medium", High = "high",
        Critical = "critical",
    }
}

words! {
    /// Maturity of a rule. Only a stable rule may revoke; deprecated and unsupported rules are
    /// refused, because they would not be evaluated.
    RuleStatus { Stable = "stable", Test = "test", Experimental = "experimental" }
}
