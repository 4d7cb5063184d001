//! Short ways to write scopes and actions in this room's tests.

use crate::event::{AgentAction, AgentScope, Grant, Verb};

/// A scope of agent `a` with one grant per (type pattern, comma-separated verbs).
pub(crate) fn scope(scope_id: &str, grants: &[(&str, &str)]) -> AgentScope {
    let grant = |(types, verbs): &(&str, &str)| Grant {
        resource_types: vec![(*types).into()],
        verbs: verbs.split(',').filter_map(Verb::from_word).collect(),
        ..Grant::default()
    };
    AgentScope {
        scope_id: scope_id.into(),
        tenant: "default".into(),
        agent_id: "a".into(),
        grants: grants.iter().map(grant).collect(),
        ..AgentScope::default()
    }
}

/// An action of agent `a`.
pub(crate) fn action(verb: &str, resource_type: &str) -> AgentAction {
    AgentAction {
        action_verb: Verb::from_word(verb).unwrap(),
        resource_type: resource_type.into(),
        ..AgentAction::new("a")
    }
}
