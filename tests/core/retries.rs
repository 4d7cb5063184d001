//! What is a gateway's retry, and what is another action under a used event id.

use scopewatch::event::Input;
use serde_json::{Value as Json, json};

use crate::harness::{
    HOUR, Harness, MINUTE, SECOND, T0, created, databases, engine, file, mail, options, read,
    record, rules_with,
};

/// A rule on event ids that are used again.
const REUSED: &str = "\
title: Event id used again
id: 7f0c2a4e-5b1d-4c57-9d3e-0a1b2c3d4e5f
status: stable
description: x
author: x
date: 2026-03-02
tags: [owasp.asi02-2026]
logsource: {product: scopewatch, category: agent_action}
detection: {s: {event.id_reused: true}, condition: s}
level: low
response: {risk: 1, revoke: none}
tests:
  - name: fires
    events: [{event_id: e, action.verb: read}, {event_id: e, action.verb: list}]
    expect: {fire: 1, on: 2}
  - {name: silent, events: [{event_id: e, action.verb: read}], expect: silent}
";

fn harness() -> Harness {
    let rules = rules_with(&[file("rules/policy/reused.yaml", REUSED)]);
    let mut harness = Harness::new(engine(rules, options()));
    harness.scope(
        T0,
        json!({"grants": databases(), "effective_from": T0 - HOUR}),
    );
    harness
}

fn with(mut action: Json, name: &str, value: Json) -> Json {
    action[name] = value;
    action
}

#[test]
fn a_batch_sent_again_counts_once_also_across_a_restart() {
    let mut harness = Harness::with(|_| ());
    let limit = json!([{"measure": "count", "window": "1h", "max": 256}]);
    harness.scope(T0, json!({"grants": databases(), "limits": limit}));
    for batch in 0..3 {
        for n in 0..256 {
            harness.action(T0 + batch * MINUTE, read(&format!("e{n}")));
            if n % 50 == 49 {
                harness.step();
                harness.reopen();
            }
        }
        harness.step();
    }
    assert_eq!(harness.count("retries"), 512);
    assert!(
        harness.alerts().is_empty(),
        "{:?}",
        created(&harness.alerts())
    );
    harness.action(T0 + 4 * MINUTE, read("e256"));
    assert_eq!(created(&harness.step()).len(), 1, "the limit was counted");
}

#[test]
fn an_id_with_other_content_is_another_action() {
    let first = with(read("x"), "session.id", "s-1".into());
    let deletes = |action: &Json| with(action.clone(), "action.verb", "delete".into());
    for (second, found) in [
        (deletes(&first), true),
        (
            deletes(&with(first.clone(), "session.id", "s-2".into())),
            true,
        ),
        (deletes(&with(first.clone(), "task.id", 7.into())), true),
        (first.clone(), false),
    ] {
        let mut harness = harness();
        harness.action(T0 + SECOND, first.clone());
        harness.action(T0 + 2 * SECOND, second.clone());
        // A retry of the second, not of the first.
        harness.action(T0 + 3 * SECOND, second.clone());
        let alerts = harness.step();
        let titles = created(&alerts);
        let destroys = titles
            .iter()
            .any(|title| title.contains("Destruction or egress"));
        assert_eq!(destroys, found, "{second}: {titles:?}");
        assert_eq!(
            harness.count("retries"),
            if found { 1 } else { 2 },
            "{second}"
        );
        let reused = alerts[..].iter().any(|alert| {
            let id = "7f0c2a4e-5b1d-4c57-9d3e-0a1b2c3d4e5f";
            alert["rule"]["id"] == id || alert["also"].as_array().unwrap().contains(&id.into())
        });
        assert_eq!(reused, found, "{second}");
    }
}

#[test]
fn every_field_and_the_time_of_an_action_are_its_content() {
    let mut harness = harness();
    let same = || with(read("x"), "volume.records", 1.into());
    let variants = [
        same(),
        with(same(), "volume.records", 2.into()),
        with(same(), "volume.records", (-2).into()),
        with(same(), "occurred_at", (T0 + SECOND).into()),
        with(same(), "trace.id", "t".into()),
        with(same(), "resource.id", "x".repeat(5_000).into()),
        with(
            same(),
            "resource.id",
            format!("{}y", "x".repeat(4_999)).into(),
        ),
    ];
    for action in variants.iter().chain(&variants) {
        harness.action(T0 + 2 * SECOND, action.clone());
    }
    harness.step();
    assert_eq!(harness.count("retries"), variants.len() as u64);
}

#[test]
fn an_id_is_forgotten_after_a_quarter_of_an_hour() {
    let mut harness = harness();
    for (minute, retries) in [(0, 0), (15, 1), (31, 1), (32, 2)] {
        harness.action(T0 + minute * MINUTE, mail("x"));
        harness.step();
        assert_eq!(harness.count("retries"), retries, "after {minute} min");
    }
}

#[test]
fn actions_that_a_mapping_made_of_one_record_are_told_apart_by_their_index() {
    let mut harness = harness();
    let mut offset = 0;
    let mut send = |harness: &mut Harness, index: Option<u32>| {
        let mut mapped = record(Input::Actions, offset, T0 + SECOND, &read("r1"));
        let header = |index: u32| {
            let value = Some(index.to_string().into_bytes());
            ("scopewatch.index".to_owned(), value)
        };
        mapped.headers.extend(index.map(header));
        harness.push(mapped);
        offset += 1;
    };
    for index in [Some(0), Some(1), Some(2)] {
        send(&mut harness, index);
    }
    harness.step();
    assert_eq!(
        harness.count("retries"),
        0,
        "three equal actions of one record"
    );
    for index in [Some(1), Some(2), None] {
        send(&mut harness, index);
    }
    harness.step();
    assert_eq!(harness.count("retries"), 3, "the record was sent again");
    assert!(
        created(&harness.alerts()).is_empty(),
        "no id was used again"
    );
}

#[test]
fn a_retry_of_one_agent_is_no_retry_of_another() {
    let mut harness = harness();
    harness.scope(
        T0,
        json!({"agent.id": "a2", "grants": databases(), "effective_from": T0}),
    );
    for agent in ["a1", "a2", "a1"] {
        let action = with(read("x"), "agent.id", agent.into());
        harness.action(T0 + SECOND, action);
    }
    harness.step();
    assert_eq!(harness.count("retries"), 1);
}
