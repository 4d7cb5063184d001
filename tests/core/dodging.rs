//! An action outside its scope is alerted, whatever else stands in its record.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::select;
use scopewatch::codec::AlertFormat;
use scopewatch::engine::Engine;
use scopewatch::engine::contract::PartitionTask;
use scopewatch::event::{ActionField, ActionGroup, Input};
use serde_json::{Value as Json, json};

use crate::harness::{
    HOUR, Harness, MINUTE, SECOND, T0, created, engine, options, raw, rules_with,
};
use crate::property;

/// Agents that one task judges before it is replaced by a new one.
const AGENTS_MAX: i64 = 200;

/// Fields by which an action leaves the scope below; none of them is changed.
type Outside = &'static [(&'static str, &'static str)];

const OUTSIDE: [Outside; 10] = [
    &[
        ("action.verb", "\"delete\""),
        ("resource.type", "\"database.table\""),
    ],
    &[
        ("action.verb", "\"update\""),
        ("resource.type", "\"database.table\""),
    ],
    &[("resource.type", "\"email.message\"")],
    &[
        ("resource.type", "\"database.table\""),
        ("resource.id", "\"payroll.x\""),
    ],
    &[
        ("resource.type", "\"database.table\""),
        ("resource.owner", "\"eve\""),
    ],
    &[
        ("resource.type", "\"database.table\""),
        ("resource.sensitivity", "\"restricted\""),
    ],
    &[("tool.name", "\"sh\"")],
    &[("destination.host", "\"evil.test\"")],
    &[("instruction.source", "\"tool_output\"")],
    &[("channel.encrypted", "false")],
];

fn scope(agent: &str) -> Json {
    json!({
        "scope_id": "s", "tenant": "acme", "agent": {"id": agent}, "effective_from": T0 - HOUR,
        "grants": [{
            "resource_types": ["database.*"], "verbs": ["read", "list"],
            "resource_ids": ["sales.*"], "owners": ["ann"], "sensitivity_max": "internal",
        }],
        "tools": ["sql"], "destinations": ["ok.test"], "instruction_sources": ["user"],
        "channel": {"encrypted": true},
    })
}

/// A text as it stands in a record: any Unicode, odd escapes, up to 64 kB.
fn text() -> BoxedStrategy<String> {
    let escaped = |text: String| serde_json::to_string(&text).unwrap();
    let long = (any::<String>(), 1..4_000_usize)
        .prop_map(move |(text, times)| text.repeat(times).chars().take(16_000).collect::<String>());
    prop_oneof![
        6 => any::<String>().prop_map(escaped),
        6 => "[a-z.*/:@ ]{0,20}".prop_map(escaped),
        2 => long.prop_map(escaped),
        4 => select(vec![
            r#""\ud83d""#, r#""a\u0000b""#, r#""\u202e""#, r#""never""#, r#""3""#, r#""\udc00x""#,
            r#""2026-03-02T09:00:00Z""#, r#""9999-12-31T23:59:59Z""#, r#""read""#, r#""allowed""#,
            r#""denied""#, r#""unknown""#, r#""sql""#, r#""ok.test""#, r#""sales.q1""#, r#""*""#,
        ]).prop_map(str::to_owned),
    ]
    .boxed()
}

/// A value as it stands in a record: of any type.
fn value() -> impl Strategy<Value = String> {
    let words: Vec<&str> = scopewatch::event::Verb::WORDS.to_vec();
    let leaf = prop_oneof![
        8 => text(),
        2 => select(words).prop_map(|word| format!("{word:?}")),
        2 => any::<i64>().prop_map(|number| number.to_string()),
        1 => any::<u64>().prop_map(|number| number.to_string()),
        2 => any::<f64>().prop_map(|number| format!("{number:?}")),
        4 => select(vec![
            "null", "true", "false", "NaN", "-Infinity", "1e400", "-1", "1.5", "3.0", "-0",
            "18446744073709551616", "9223372036854775808", "[]", "{}",
        ]).prop_map(str::to_owned),
    ];
    leaf.prop_recursive(3, 40, 40, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..40)
                .prop_map(|items| format!("[{}]", items.join(","))),
            proptest::collection::vec((text(), inner), 0..4).prop_map(|members| {
                let members = members
                    .iter()
                    .map(|(name, value)| format!("{name}:{value}"));
                format!("{{{}}}", members.collect::<Vec<_>>().join(","))
            }),
            (0..500_usize).prop_map(|n| format!("{}{}", "[".repeat(n), "]".repeat(n))),
        ]
    })
}

/// One member of a record's object: a field, a group, or what nobody knows.
fn member() -> impl Strategy<Value = (String, String)> {
    let mut names: Vec<String> = ActionField::ALL
        .iter()
        .map(|field| field.path().to_owned())
        .collect();
    names.extend(ActionGroup::ALL.iter().map(|group| group.name().to_owned()));
    names.extend(["event.malformed", "x", "agent.shoe"].map(str::to_owned));
    (select(names), value())
}

/// Whether changing the member would change the fields by which the action leaves its scope.
fn touches(outside: Outside, name: &str) -> bool {
    outside
        .iter()
        .any(|(field, _)| *field == name || field.split('.').next() == Some(name))
}

thread_local! {
    static ENGINE: Arc<Engine> = {
        let mut options = options();
        options.alert_format = AlertFormat::Native;
        engine(rules_with(&[]), options)
    };
    static RUNNING: std::cell::RefCell<Option<(Harness, i64)>> =
        const { std::cell::RefCell::new(None) };
}

/// The titles of the alerts that name the only action of a new agent.
fn alerts_of(members: &[(String, String)]) -> Vec<String> {
    RUNNING.with_borrow_mut(|running| {
        if running
            .as_ref()
            .is_none_or(|(_, agents)| *agents >= AGENTS_MAX)
        {
            *running = Some((Harness::new(ENGINE.with(Arc::clone)), 0));
        }
        let (harness, agents) = running.as_mut().unwrap();
        let (agent, offset) = (format!("agent-{agents}"), *agents);
        let at_ms = T0 + offset * 2 * MINUTE;
        *agents += 1;
        let key = format!("acme/{agent}");
        let mut body = format!(r#"{{"tenant":"acme","agent":{{"id":"{agent}"}},"tool.server":"x""#);
        for (name, value) in members {
            body.push_str(&format!(",{name:?}:{value}"));
        }
        body.push('}');
        let key = Some(key.as_bytes());
        let scope = scope(&agent).to_string();
        let tick = br#"{"body":"tick"}"#;
        for (input, at_ms, value) in [
            (Input::Scopes, at_ms, scope.as_bytes()),
            (Input::Actions, at_ms + SECOND, body.as_bytes()),
            (Input::Links, at_ms + MINUTE, tick),
        ] {
            harness
                .task
                .push(raw(input, offset, at_ms, key, Some(value)));
        }
        let commit = harness.take().unwrap();
        let alerts = crate::harness::alerts(&commit.outputs);
        harness.task.confirm_commit(&commit);
        let own = alerts.iter().filter(|alert| {
            alert["agent_id"] == agent.as_str()
                && alert["activity"] == "create"
                && !alert["event_ids"].as_array().unwrap().is_empty()
        });
        own.map(|alert| alert["rule"]["title"].as_str().unwrap().to_owned())
            .collect()
    })
}

proptest! {
    #![proptest_config(property::config(1_000))]

    /// The members stand before or after the ones that leave the scope, and may repeat them.
    #[test]
    fn no_content_of_a_record_hides_an_action_outside_its_scope(
        outside in select(OUTSIDE.to_vec()),
        mut members in proptest::collection::vec(member(), 0..6),
        at in any::<prop::sample::Index>(),
        repeats in proptest::bool::weighted(0.2),
    ) {
        members.retain(|(name, _)| repeats || !touches(outside, name));
        let fields = outside.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let at = at.index(members.len() + 1);
        members.splice(at..at, fields);
        let titles = alerts_of(&members);
        prop_assert!(!titles.is_empty(), "{members:?}");
    }
}

#[test]
fn an_action_inside_the_scope_is_silent_under_the_same_test() {
    let member = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let inside = [
        member("action.verb", "\"read\""),
        member("resource.type", "\"database.table\""),
        member("resource.id", "\"sales.q1\""),
    ];
    assert_eq!(alerts_of(&inside), [""; 0]);
}

#[test]
fn an_id_that_nobody_can_follow_is_reported_where_every_id_is_allowed() {
    let mut harness = Harness::with(|_| ());
    harness.scope(T0, json!({"grants": [{"resource_types": ["*"]}]}));
    let id = format!("/x/%{}41", "25".repeat(60));
    let action = json!({"resource.type": "file.content", "action.verb": "read", "resource.id": id});
    harness.action(T0 + 1_000, action);
    let alerts = harness.step();
    assert_eq!(created(&alerts), ["Malformed action"]);
    assert_eq!(
        alerts[0]["facts"]["event.malformed"],
        json!(["resource.id"])
    );
}
