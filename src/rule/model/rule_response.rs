//! What a rule asks for when it matches.

use crate::event::words;

words! {
    /// What a rule asks to have revoked.
    RevokeTarget {
        None = "none",
        /// The credential the action used.
        Credential = "credential",
        Session = "session",
        Agent = "agent",
        /// The agent and everything it delegated to.
        Tree = "tree",
    }
}

words! {
    /// What may become of a revocation, weakest first: the lower of the rule's and the policy's
    /// mode holds.
    Mode { Off = "off", Shadow = "shadow", Approve = "approve", Auto = "auto" }
}

words! {
    /// Where a rule's incidents are folded.
    Fold {
        /// One incident per agent and task.
        Agent = "agent",
        /// One summary per class and day of the tenant.
        ClassDay = "class-day",
        /// One summary per tool and day of the tenant.
        ToolDay = "tool-day",
        /// One for the tenant.
        Tenant = "tenant",
    }
}

/// A rule's `response:`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseSpec {
    /// Points added to the agent's risk score, 0 to 100.
    pub risk: u8,
    pub revoke: RevokeTarget,
    /// The most this rule may do.
    pub mode_max: Mode,
    pub fold: Fold,
}

impl Default for ResponseSpec {
    fn default() -> Self {
        ResponseSpec {
            risk: 0,
            revoke: RevokeTarget::None,
            mode_max: Mode::Auto,
            fold: Fold::Agent,
        }
    }
}
