//! Under event time, scopes and control records are there from the start, and each is applied when
//! the actions have reached its time.

use scopewatch::engine::contract::OutputTopic;
use scopewatch::event::{Input, TimeSource};
use serde_json::{Value as Json, json};

use crate::harness::{
    HOUR, Harness, MINUTE, T0, created, databases, engine, file, mail, of, options, raw, read,
    record, rules_with,
};

fn harness() -> Harness {
    let mut options = options();
    options.time = TimeSource::Event;
    let policy = file("rules/response.yaml", "default: auto\n");
    Harness::new(engine(rules_with(&[policy]), options))
}

fn at(at_ms: i64, mut action: Json) -> Json {
    action["occurred_at"] = at_ms.into();
    action
}

fn none() -> Vec<String> {
    Vec::new()
}

#[test]
fn a_scope_for_next_year_delays_no_other() {
    let mut harness = harness();
    let later = json!({"scope_id": "later", "agent.id": "a2", "grants": databases(),
        "effective_from": T0 + 365 * 24 * HOUR});
    harness.scope(0, later);
    harness.scope(0, json!({"effective_from": T0, "grants": databases()}));
    harness.action(0, at(T0 + 1, read("inside")));
    assert_eq!(created(&harness.step()), none());
    harness.action(0, at(T0 + 2, mail("outside")));
    assert_eq!(created(&harness.step()).len(), 1);
}

#[test]
fn an_action_that_cannot_be_read_moves_no_time() {
    let mut harness = harness();
    harness.scope(0, json!({"effective_from": T0, "grants": databases()}));
    let ended = |id: &str, from_ms: i64, status: &str| {
        json!({"scope_id": id, "task.id": id, "status": status, "effective_from": from_ms,
            "grants": databases()})
    };
    harness.scope(0, ended("t1", T0 + MINUTE, "active"));
    harness.scope(0, ended("t1", T0 + 2 * MINUTE, "completed"));
    // Its append time is a year later, as that of every record here.
    let year_ms = T0 + 365 * 24 * HOUR;
    harness.push(raw(
        Input::Actions,
        0,
        year_ms,
        Some(b"acme/a1"),
        Some(b"{"),
    ));
    let mut action = at(T0 + 90 * 1_000, read("inside"));
    action["task.id"] = "t1".into();
    harness.push(record(Input::Actions, 1, year_ms, &action));
    let late = at(T0 + 3 * MINUTE, read("late"));
    harness.push(record(Input::Actions, 2, year_ms, &{
        let mut late = late;
        late["task.id"] = "t1".into();
        late
    }));
    let opened = created(&harness.step());
    let expected = ["Unreadable action", "Action after the end of its task"];
    assert_eq!(opened, expected);
}

#[test]
fn a_scope_renewed_every_five_minutes_is_in_force_all_along() {
    let mut harness = harness();
    for n in 0..36 {
        let from_ms = T0 + n * 5 * MINUTE;
        harness.scope(
            0,
            json!({"effective_from": from_ms, "grants": databases(),
            "expires_at": from_ms + 6 * MINUTE}),
        );
    }
    for n in 0..180 {
        harness.action(0, at(T0 + n * MINUTE, read(&n.to_string())));
    }
    assert_eq!(created(&harness.step()), none());
    assert_eq!(harness.count("scopes_refused"), 0);
}

#[test]
fn scopes_that_had_ended_before_the_first_action_make_room() {
    let mut harness = harness();
    for n in 0..300 {
        for status in ["active", "completed"] {
            let from_ms = T0 - HOUR * 24 + n * MINUTE + i64::from(status == "completed");
            harness.scope(
                0,
                json!({"scope_id": format!("s{n}"), "task.id": format!("t{n}"),
                "status": status, "effective_from": from_ms, "grants": databases()}),
            );
        }
    }
    harness.scope(
        0,
        json!({"scope_id": "now", "effective_from": T0 - 1, "grants": databases()}),
    );
    harness.action(0, at(T0, read("inside")));
    assert_eq!(created(&harness.step()), none());
    assert_eq!(harness.count("scopes_refused"), 0);
}

#[test]
fn a_confirmation_is_applied_after_the_action_that_caused_the_request() {
    let run = |txn: &Json| {
        let mut harness = harness();
        let scope = json!({"effective_from": T0, "grants": [
            {"resource_types": ["*"], "verbs": ["read"]}]});
        harness.scope(0, scope);
        let confirmation = json!({"txn": txn, "result": "done"});
        let done = json!({"by": "idp", "at": "2026-03-02T09:02:00Z", "confirmation": confirmation});
        harness.send(Input::Control, 0, &done);
        let act = |id: &str, verb: &str| {
            json!({"event_id": id, "resource.type": "database.table", "action.verb": verb,
                "credential.id": "c1", "credential.issuer": "https://idp"})
        };
        harness.action(0, at(T0 + MINUTE, act("wrong", "delete")));
        harness.action(0, at(T0 + 3 * MINUTE, act("after", "read")));
        let opened = created(&harness.step());
        let asked = of(&harness.outputs, OutputTopic::Revocations)
            .next()
            .unwrap();
        let claims: Json = serde_json::from_slice(asked.value.as_ref().unwrap()).unwrap();
        (opened, claims["txn"].clone())
    };
    let (unconfirmed, txn) = run(&"0".repeat(32).into());
    let (confirmed, _) = run(&txn);
    let after = "Action after revocation".to_owned();
    // Without a confirmation a request counts after five minutes.
    assert!(!unconfirmed.contains(&after) && confirmed.contains(&after));
}
