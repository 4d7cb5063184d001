//! What an alert says around the action: the rule's advice, the scope, what the task did before,
//! and the case that joins incidents.

use std::collections::{BTreeMap, BTreeSet};

use scopewatch::codec::threat_name;
use scopewatch::engine::contract::OutputTopic;
use scopewatch::event::Input;
use serde_json::{Value as Json, json};

use crate::harness::{Harness, MINUTE, SECOND, T0, alerts, databases, file, of, rules_with};
use crate::world::World;

/// An action of the agent `worker` on the `second`.
fn act(second: i64, task: &str, verb: &str, id: &str) -> (i64, Json) {
    let action = json!({
        "event_id": format!("e{second}"), "agent.id": "worker", "task.id": task,
        "tool.name": "sql", "action.verb": verb, "resource.type": "database.table",
        "resource.id": id, "credential.id": format!("c-{task}"), "outcome": "allowed",
    });
    (T0 + second * SECOND, action)
}

fn texts(list: &Json) -> Vec<&str> {
    let list = list.as_array().expect("a list").iter();
    list.map(|one| one.as_str().expect("a text")).collect()
}

#[test]
fn an_alert_says_what_the_rule_is_about_what_to_do_and_how_sure_it_is() {
    let mut harness = Harness::with(|_| {});
    let scope = json!({"agent.id": "worker", "scope_id": "s", "grants": databases(),
        "tools": ["crm"]});
    harness.scope(T0, scope);
    let (at_ms, action) = act(1, "t", "delete", "orders");
    harness.action(at_ms, action);
    harness.step();
    let alert = &harness.alerts()[0];
    let rule = &alert["rule"];
    assert_eq!(rule["title"], "Destruction or egress outside scope");
    let description = rule["description"].as_str().unwrap();
    assert!(
        description.starts_with("The agent deletes something"),
        "{description}"
    );
    let remediation = rule["remediation"].as_str().unwrap();
    assert!(
        remediation.starts_with("Revoke the credential"),
        "{remediation}"
    );
    assert_eq!(alert["confidence"], "high");
    let titles: Vec<&Json> = alert["also_rules"].as_array().unwrap().iter().collect();
    let ids: Vec<&str> = titles
        .iter()
        .map(|rule| rule["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, texts(&alert["also"]));
    assert!(
        titles
            .iter()
            .any(|rule| rule["title"] == "Tool outside scope"),
        "{titles:?}"
    );
    // Every threat that a shipped rule names has a name.
    for rule in &rules_with(&[]).bundle.rules {
        for id in rule.atlas.iter().chain(&rule.asi) {
            assert!(threat_name(id).is_some(), "{}: {id}", rule.path);
        }
    }
    let threat = alert["threats"].as_array().unwrap().iter();
    let named: BTreeMap<&str, &str> = threat
        .map(|one| (one["id"].as_str().unwrap(), one["name"].as_str().unwrap()))
        .collect();
    assert_eq!(named["ASI02:2026"], "Tool Misuse and Exploitation");
}

#[test]
fn an_alert_shows_the_scope_and_the_last_actions_of_its_task_alone() {
    let mut harness = Harness::with(|_| {});
    harness.scope(
        T0,
        json!({"agent.id": "worker", "scope_id": "s", "grants": databases(),
            "tools": ["sql"], "expires_at": T0 + 60 * MINUTE}),
    );
    for (second, task, id) in [
        (1, "t-1", "a"),
        (2, "t-2", "other"),
        (3, "t-1", "b"),
        (4, "t-1", "b"),
    ] {
        let (at_ms, action) = act(second, task, "read", id);
        harness.action(at_ms, action);
    }
    harness.step();
    harness.reopen();
    let (at_ms, action) = act(5, "t-1", "delete", "b");
    harness.action(at_ms, action);
    harness.step();
    let alert = &harness.alerts()[0];
    let scope = &alert["scope"];
    assert_eq!(
        (&scope["id"], &scope["basis"]),
        (&json!("s"), &json!("union")),
        "{scope}"
    );
    assert_eq!(scope["expires_at_ms"], T0 + 60 * MINUTE);
    assert_eq!(
        texts(&scope["permits"]).last(),
        Some(&"tools: sql"),
        "{scope}"
    );
    let steps: Vec<(i64, &str, i64)> = (alert["recent_actions"].as_array().unwrap().iter())
        .map(|step| {
            let times = step["times"].as_i64().unwrap_or(1);
            let at = (step["at_ms"].as_i64().unwrap() - T0) / SECOND;
            (at, step["action"].as_str().unwrap(), times)
        })
        .collect();
    assert_eq!(
        steps,
        [
            (1, "read database.table a with sql", 1),
            (4, "read database.table b with sql", 2),
            (5, "delete database.table b with sql", 1),
        ]
    );
    assert_eq!(alert["recent_actions"][0]["outcome"], "allowed");
}

/// The case of each agent with an incident, by its creating alerts.
fn cases(world: &World) -> BTreeMap<String, BTreeSet<String>> {
    let mut cases: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for alert in alerts(&world.outputs) {
        let agent = alert["agent_id"].as_str().unwrap().to_owned();
        let case = alert["case_id"].as_str().unwrap_or("none").to_owned();
        cases.entry(agent).or_default().insert(case);
    }
    cases
}

fn one_case(cases: &BTreeMap<String, BTreeSet<String>>, agent: &str) -> String {
    let of_agent = &cases[agent];
    assert_eq!(of_agent.len(), 1, "{agent}: {of_agent:?}");
    of_agent.first().unwrap().clone()
}

fn scope_of(agent: &str, parent: Option<&str>) -> Json {
    let mut scope = json!({"agent.id": agent, "scope_id": format!("s-{agent}"),
        "grants": databases(), "effective_from": T0});
    if let Some(parent) = parent {
        scope["parent"] = json!({"agent_id": parent, "scope_id": format!("s-{parent}")});
    }
    scope
}

fn strays(second: i64, agent: &str, verb: &str, credential: &str, chain: &[&str]) -> Json {
    json!({"event_id": format!("{agent}-{second}"), "agent.id": agent, "action.verb": verb,
        "resource.type": "database.table", "resource.id": "x", "outcome": "allowed",
        "credential.id": credential, "credential.issuer": "https://idp",
        "delegation.chain": chain})
}

#[test]
fn the_incidents_of_an_agent_and_of_its_tree_are_one_case() {
    for partitions in [1, 12] {
        let mut world = World::new(
            partitions,
            rules_with(&[file("rules/response.yaml", "{}\n")]),
        );
        for (agent, parent) in [("root", None), ("mid", Some("root")), ("leaf", Some("mid"))] {
            world.send(Input::Scopes, T0, &scope_of(agent, parent));
        }
        for agent in ["lone", "liar"] {
            world.send(Input::Scopes, T0, &scope_of(agent, None));
        }
        let mut second = 1;
        for (agent, chain) in [
            ("root", &[][..]),
            ("mid", &[]),
            ("leaf", &[]),
            ("lone", &[]),
            // It says that it works for the root, and nobody else does.
            ("liar", &["root"]),
        ] {
            for verb in ["update", "delete"] {
                let action = strays(second, agent, verb, &format!("c-{agent}"), chain);
                world.send(Input::Actions, T0 + second * SECOND, &action);
                world.reopen();
                second += 1;
            }
        }
        let cases = cases(&world);
        let root = one_case(&cases, "root");
        assert_eq!(one_case(&cases, "mid"), root, "{partitions}");
        assert_eq!(one_case(&cases, "leaf"), root, "{partitions}");
        assert_ne!(one_case(&cases, "lone"), root, "{partitions}");
        assert_ne!(
            one_case(&cases, "liar"),
            root,
            "{partitions}: joined by its own word"
        );
    }
}

#[test]
fn the_incidents_of_whoever_has_a_credential_are_one_case_unless_it_is_declared_shared() {
    for (partitions, resources, joined) in [
        (1, "{}\n", true),
        (12, "{}\n", true),
        (12, "credentials: {shared: [c]}\n", false),
    ] {
        let files = [file("rules/resources.yaml", resources)];
        let mut world = World::new(partitions, rules_with(&files));
        for agent in ["owner", "thief"] {
            world.send(Input::Scopes, T0, &scope_of(agent, None));
        }
        let verbs = ["read", "read", "delete", "delete"];
        for (second, verb) in (1..).zip(verbs) {
            for agent in ["owner", "thief"] {
                let action = strays(second, agent, verb, "c", &[]);
                world.send(Input::Actions, T0 + second * SECOND, &action);
            }
        }
        let cases = cases(&world);
        let alike = one_case(&cases, "owner") == one_case(&cases, "thief");
        assert_eq!(alike, joined, "{partitions}: {resources}{cases:?}");
    }
}

#[test]
fn an_alert_about_the_identity_system_belongs_to_the_case_of_its_request() {
    let files = [file("rules/response.yaml", "default: auto\n")];
    let mut world = World::new(1, rules_with(&files));
    world.send(Input::Scopes, T0, &scope_of("worker", None));
    let action = strays(1, "worker", "delete", "c", &[]);
    world.send(Input::Actions, T0 + SECOND, &action);
    assert!(
        of(&world.outputs, OutputTopic::Revocations)
            .next()
            .is_some()
    );
    world.tick(T0 + 30 * MINUTE);
    let titles: BTreeSet<String> = (alerts(&world.outputs).iter())
        .map(|alert| alert["rule"]["title"].as_str().unwrap().to_owned())
        .collect();
    assert!(
        titles.contains("Identity system does not answer"),
        "{titles:?}"
    );
    one_case(&cases(&world), "worker");
}

#[test]
fn an_alert_before_the_scope_has_come_shows_its_own_action_and_where_it_went() {
    let mut harness = Harness::with(|_| {});
    harness.scope(T0, scope_of("other", None));
    harness.action(
        T0 + SECOND,
        json!({"event_id": "e1", "agent.id": "worker", "task.id": "t", "tool.name": "mail",
            "action.verb": "send", "resource.type": "email.message",
            "destination.host": "out.example", "channel.encrypted": false}),
    );
    harness.step();
    let alerts = harness.alerts();
    assert_eq!(
        alerts[0]["rule"]["title"], "Unencrypted channel",
        "{alerts:?}"
    );
    let recent = alerts[0]["recent_actions"].as_array().unwrap();
    assert_eq!(recent.len(), 1);
    assert_eq!(
        recent[0]["action"],
        "send email.message with mail to out.example"
    );
}
