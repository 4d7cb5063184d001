//! The budget of revocations: what is beyond it waits, until a person re-arms it.

use scopewatch::engine::contract::OutputTopic;
use scopewatch::event::Input;
use serde_json::{Value as Json, json};

use crate::harness::{
    Harness, MINUTE, SECOND, T0, databases, engine, file, of, options, rules_with,
};

/// A partition whose share of the budget is three agents, with ten agents that are declared.
fn bench() -> Harness {
    let policy = "default: auto\nbudget: {agents-per-hour: 3}\n";
    let policy = file("rules/response.yaml", policy);
    let mut harness = Harness::new(engine(rules_with(&[policy]), options()));
    for n in 0..10 {
        let (agent, credential) = (format!("b{n}"), format!("c{n}"));
        let scope = json!({"agent.id": agent, "scope_id": agent, "issuer": "https://idp",
            "credential_ids": [credential], "grants": databases()});
        harness.scope(T0, scope);
    }
    harness
}

/// Agent `n` destroys something; returns whether its credential was requested.
fn is_sent(harness: &mut Harness, n: i64) -> bool {
    let before = of(&harness.outputs, OutputTopic::Revocations).count();
    let action = json!({"agent.id": format!("b{n}"), "event_id": format!("e{n}"),
        "resource.type": "database.table", "action.verb": "delete", "outcome": "allowed",
        "credential.id": format!("c{n}"), "credential.issuer": "https://idp"});
    harness.action(T0 + MINUTE + n * SECOND, action);
    harness.step();
    of(&harness.outputs, OutputTopic::Revocations).count() > before
}

fn rearm(harness: &mut Harness, at_ms: i64) {
    let command = json!({"agent.id": "b3", "by": "ann", "at": at_ms, "reason": "they are known",
        "budget": {"command": "rearm"}});
    harness.send(Input::Control, at_ms, &command);
    harness.step();
}

fn audited(harness: &Harness, what: &str) -> Vec<Json> {
    let entries = of(&harness.outputs, OutputTopic::Audit)
        .map(|output| serde_json::from_slice(output.value.as_ref().unwrap()).unwrap());
    entries
        .filter(|entry: &Json| entry["what"] == what)
        .collect()
}

#[test]
fn a_used_up_budget_is_whole_again_after_a_command_and_a_repeat_of_it_changes_nothing() {
    let mut harness = bench();
    let sent: Vec<bool> = (0..4).map(|n| is_sent(&mut harness, n)).collect();
    assert_eq!(sent, [true, true, true, false]);
    assert_eq!(audited(&harness, "budget_tripped").len(), 1);

    let rearmed_ms = T0 + MINUTE + 4 * SECOND;
    rearm(&mut harness, rearmed_ms);
    let entries = audited(&harness, "budget_rearmed");
    assert_eq!(entries.len(), 1);
    assert_eq!(
        (&entries[0]["by"], &entries[0]["tenant"]),
        (&json!("ann"), &json!("acme"))
    );
    assert!(
        entries[0]["detail"]
            .as_str()
            .unwrap()
            .contains("they are known")
    );
    let sent: Vec<bool> = (4..8).map(|n| is_sent(&mut harness, n)).collect();
    assert_eq!(
        sent,
        [true, true, true, false],
        "a whole budget, and no more"
    );

    // What the other partitions get, and this one too: a repeat gives nothing back.
    let body = json!({"budget_rearmed": {"tenant": "acme", "at_ms": rearmed_ms}});
    let same = |output: &&_| {
        let output: &scopewatch::engine::contract::OutputRecord = output;
        let link: Json = serde_json::from_slice(output.value.as_ref().unwrap()).unwrap();
        link["body"] == body
    };
    assert_eq!(
        of(&harness.outputs, OutputTopic::Links)
            .filter(same)
            .count(),
        1
    );
    harness.send(Input::Links, T0 + 2 * MINUTE, &json!({ "body": body }));
    harness.step();
    assert!(!is_sent(&mut harness, 8));
    let later = json!({"tenant": "acme", "at_ms": rearmed_ms + 1});
    harness.send(
        Input::Links,
        T0 + 2 * MINUTE,
        &json!({"body": {"budget_rearmed": later}}),
    );
    harness.step();
    assert!(
        is_sent(&mut harness, 9),
        "a command of another partition counts here"
    );
}

#[test]
fn a_budget_of_another_tenant_stays_used_up() {
    let mut harness = bench();
    for n in 0..4 {
        is_sent(&mut harness, n);
    }
    let at_ms = T0 + MINUTE + 4 * SECOND;
    let command = json!({"tenant": "other", "agent.id": "b3", "by": "ann", "at": at_ms,
        "budget": {"command": "rearm"}});
    harness.send(Input::Control, at_ms, &command);
    harness.step();
    assert!(!is_sent(&mut harness, 5));
}
