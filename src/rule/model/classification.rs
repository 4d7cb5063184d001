//! How rules are classified: family, level and maturity.

use crate::event::words;

words! {
    /// The family of a rule: the name of its folder under `rules/`.
    RuleFamily {
        Scope = "scope", Delegation = "delegation", Credential = "credential",
        Instruction = "instruction", Channel = "channel", Volume = "volume",
        Behaviour = "behaviour", Policy = "policy", Risk = "risk", Fleet = "fleet",
    }
}

impl RuleFamily {
    /// Sort key among findings of equal severity, lowest first. A scope verdict is certain, so it
    /// comes before findings of other families.
    #[must_use]
    pub const fn sort_rank(self) -> u8 {
        match self {
            RuleFamily::Scope => 0,
            _ => 1,
        }
    }
}

words! {
    /// How sure a finding of a rule is, lowest first: how seldom something else than what the
    /// rule's title says looks the same.
    RuleConfidence { Low = "low", Medium = "medium", High = "high" }
}

impl RuleConfidence {
    /// The confidence of a rule whose file says none. What records state beside a scope or a
    /// credential is certain; a comparison with what is usual never is.
    #[must_use]
    pub const fn of_family(family: RuleFamily) -> Self {
        match family {
            RuleFamily::Scope
            | RuleFamily::Delegation
            | RuleFamily::Credential
            | RuleFamily::Channel
            | RuleFamily::Policy => RuleConfidence::High,
            RuleFamily::Instruction
            | RuleFamily::Volume
            | RuleFamily::Behaviour
            | RuleFamily::Risk
            | RuleFamily::Fleet => RuleConfidence::Medium,
        }
    }
}

words! {
    /// Severity of a rule's findings, lowest first. As Sigma says, an informational rule makes no
    /// alert of its own.
    RuleLevel {
        Informational = "informational", Low = "low", Medium = "medium", High = "high",
        Critical = "critical",
    }
}

words! {
    /// Maturity of a rule. Only a stable rule may revoke. Sigma's `deprecated` and `unsupported`
    /// are refused, because such a rule would not be evaluated.
    RuleStatus { Stable = "stable", Test = "test", Experimental = "experimental" }
}
