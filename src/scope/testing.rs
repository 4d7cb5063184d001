//! Short ways to write scopes and actions in this room's tests.

use proptest::prelude::*;

use crate::event::{AgentAction, AgentScope, Grant, InstructionSource, Sensitivity, Text, Verb};

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

pub(crate) fn texts(patterns: Vec<&'static str>, max: usize) -> impl Strategy<Value = Vec<Text>> {
    prop::collection::vec(prop::sample::select(patterns).prop_map(Text::from), 0..=max)
}

/// A scope with grants, tools, destinations and sources, of few words, so that scopes overlap.
pub(crate) fn some_scope() -> impl Strategy<Value = AgentScope> {
    let types = vec!["email.*", "email", "db.table", "*", "web.page"];
    let verbs = vec![Verb::Read, Verb::Send, Verb::Delete];
    let grant = (
        texts(types, 2),
        texts(vec!["a*", "b", "?x*"], 2),
        prop::collection::vec(prop::sample::select(verbs), 0..3),
        prop::option::of(prop::sample::select(Sensitivity::ALL.to_vec())),
        texts(vec!["o1", "o2"], 1),
    )
        .prop_map(
            |(mut resource_types, resource_ids, verbs, sensitivity_max, owners)| {
                resource_types.push("email".into());
                Grant {
                    resource_types,
                    resource_ids,
                    verbs,
                    sensitivity_max,
                    owners,
                }
            },
        );
    let sources = vec![InstructionSource::User, InstructionSource::Operator];
    (
        prop::collection::vec(grant, 0..4),
        texts(vec!["mail.*", "SHELL"], 2),
        texts(vec!["*.corp", "10.*"], 2),
        prop::collection::vec(prop::sample::select(sources), 0..2),
    )
        .prop_map(
            |(grants, tools, destinations, instruction_sources)| AgentScope {
                grants,
                tools,
                destinations,
                instruction_sources,
                ..scope("s", &[])
            },
        )
}

/// An action of the words of [`some_scope`].
pub(crate) fn some_action() -> impl Strategy<Value = AgentAction> {
    let text = |words: Vec<&'static str>| {
        prop::option::of(prop::sample::select(words).prop_map(Text::from))
    };
    (
        prop::sample::select(vec![Verb::Read, Verb::Send, Verb::Delete, Verb::Other]),
        prop::sample::select(vec![
            "email",
            "email.message",
            "db.table",
            "web.page",
            "unknown",
        ]),
        text(vec!["a1", "b", "axe", "zz"]),
        prop::option::of(prop::sample::select(Sensitivity::ALL.to_vec())),
        text(vec!["o1", "o3"]),
        text(vec!["Mail.send", "shell", "curl"]),
        text(vec!["x.CORP", "evil.example", "10.1.2.3"]),
        text(vec!["10.1.2.3", "192.0.2.1"]),
        prop::option::of(prop::sample::select(InstructionSource::ALL.to_vec())),
    )
        .prop_map(|a| AgentAction {
            action_verb: a.0,
            resource_id: a.2,
            resource_sensitivity: a.3,
            resource_owner: a.4,
            tool_name: a.5,
            destination_host: a.6,
            destination_address: a.7,
            instruction_source: a.8,
            ..action("read", a.1)
        })
}
