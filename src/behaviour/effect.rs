//! What an action does to the world, by its verb and resource type.

use crate::event::{AgentAction, Verb};

/// How far an action reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum ActionImpact {
    /// It only reads, or nobody knows what it does.
    #[default]
    None,
    /// It changes something that can be changed back, within the tenant.
    Inside,
    /// Something leaves, or is shared.
    Outward,
    /// Money, destruction, rights and credentials.
    Critical,
}

impl ActionImpact {
    /// The impact of an action.
    #[must_use]
    pub fn of_action(action: &AgentAction) -> Self {
        let by_verb = match action.action_verb {
            Verb::Transfer | Verb::Delete | Verb::Admin => ActionImpact::Critical,
            Verb::Send | Verb::Share => ActionImpact::Outward,
            Verb::Create | Verb::Update | Verb::Execute => ActionImpact::Inside,
            Verb::Read
            | Verb::List
            | Verb::Search
            | Verb::Browse
            | Verb::Infer
            | Verb::Spawn
            | Verb::Other => ActionImpact::None,
        };
        match by_verb {
            ActionImpact::None => ActionImpact::None,
            _ if is_of_credentials(&action.resource_type) => ActionImpact::Critical,
            other => other,
        }
    }

    /// Whether the action changes anything.
    #[must_use]
    pub fn is_side_effect(self) -> bool {
        self != ActionImpact::None
    }

    /// Whether it leaves the tenant or cannot be undone.
    #[must_use]
    pub fn is_grave(self) -> bool {
        self >= ActionImpact::Outward
    }
}

/// Whether a resource type is `credential` or below it.
fn is_of_credentials(resource_type: &str) -> bool {
    let rest = resource_type.strip_prefix("credential");
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Whether a verb reads one thing: from an external destination this is a fetch.
pub(super) fn is_fetch_verb(verb: Verb) -> bool {
    matches!(verb, Verb::Read | Verb::Browse)
}

/// Whether the verb gives something to somebody.
pub(super) fn is_giving_verb(verb: Verb) -> bool {
    matches!(verb, Verb::Send | Verb::Share | Verb::Transfer)
}
