//! The `response:` of a rule: risk, revocation, and how its findings are folded into incidents.

use crate::event::words;

words! {
    /// What a rule requests to be revoked.
    RevokeTarget {
        None = "none",
        /// The credential the action used.
        Credential = "credential",
        Session = "session",
        Agent = "agent",
        /// The agent and every agent below it in its delegations.
        Tree = "tree",
    }
}

words! {
    /// How far a revocation may go, weakest first. The weaker mode of rule and policy applies.
    RevocationMode { Off = "off", Shadow = "shadow", Approve = "approve", Auto = "auto" }
}

words! {
    /// Which findings of a rule are folded into one incident.
    IncidentFold {
        /// One incident per agent and task.
        Agent = "agent",
        /// One summary per class and day of the tenant.
        ClassDay = "class-day",
        /// One summary per tool and day of the tenant.
        ToolDay = "tool-day",
        /// One summary for the tenant.
        Tenant = "tenant",
    }
}

/// A rule's `response:`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseSpec {
    /// Points added to the agent's risk score, 0 to 100.
    pub risk: u8,
    pub revoke: RevokeTarget,
    /// The strongest mode in which a revocation of this rule may be carried out.
    pub mode_max: RevocationMode,
    pub fold: IncidentFold,
    /// A task with a finding of this rule may still end clean: the finding is about the
    /// deployment, and says nothing of what the task did.
    pub task_clean: bool,
}

impl Default for ResponseSpec {
    fn default() -> Self {
        ResponseSpec {
            risk: 0,
            revoke: RevokeTarget::None,
            mode_max: RevocationMode::Auto,
            fold: IncidentFold::Agent,
            task_clean: false,
        }
    }
}
