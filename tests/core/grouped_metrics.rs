//! Baseline rules with a baseline for each value of a field, and rules about a share of the
//! actions.

use serde_json::{Value as Json, json};

use crate::harness::{HOUR, Harness, MINUTE, SECOND, T0, anything, created, file, options};
use crate::harness::{engine, rules_with};

const OF_TYPE: &str = "Far more actions on one resource type than usual";
const ALL: &str = "Far more actions than usual";

fn on(kind: &str, id: i64) -> Json {
    json!({"agent.id": "a1", "event_id": format!("e{id}"), "resource.type": kind,
        "action.verb": "read"})
}

fn declare(harness: &mut Harness) {
    let scope = json!({"agent.id": "a1", "scope_id": "s1", "grants": anything()});
    harness.scope(T0 - HOUR, scope);
}

/// Five hours of forty reads of tables in a minute, and of a file every three minutes. `types`:
/// of how many other types something is read every three minutes, too.
fn work(harness: &mut Harness, types: i64, reopens: bool) {
    declare(harness);
    for n in 0..300 {
        let at = T0 + n * MINUTE;
        for one in 0..40 {
            harness.action(at + one * SECOND, on("database.table", n * 1_000 + one));
        }
        for kind in (0..types).filter(|_| n % 3 == 0) {
            let id = n * 1_000 + 100 + kind;
            harness.action(at + 50 * SECOND, on(&format!("kind.n{kind}"), id));
        }
        if n % 3 == 0 {
            harness.action(at + 55 * SECOND, on("file.object", n * 1_000 + 99));
        }
        if reopens && n % 50 == 0 {
            harness.step();
            harness.reopen();
        }
    }
    let opened = created(&harness.step());
    assert!(opened.is_empty(), "{opened:?}");
}

/// So many reads of such types within a minute, and of nothing else.
fn burst(harness: &mut Harness, count: i64, kind: impl Fn(i64) -> String) -> Vec<Json> {
    for n in 0..count {
        let at = T0 + 300 * MINUTE + n * MINUTE / count;
        harness.action(at, on(&kind(n), 900_000 + n));
    }
    let of_volume = |alert: &Json| alert["rule"]["family"] == "volume";
    harness.step().into_iter().filter(of_volume).collect()
}

#[test]
fn a_burst_on_one_type_that_is_none_in_all_is_seen_for_its_type() {
    for reopens in [false, true] {
        let mut harness = with_type_rule();
        work(&mut harness, 0, reopens);
        let alerts = burst(&mut harness, 45, |_| "file.object".to_owned());
        assert_eq!(alerts[0]["rule"]["title"], OF_TYPE, "{alerts:?}");
        let group = json!({"field": "resource.type", "value": "file.object"});
        assert_eq!(alerts[0]["expected"]["group"], group);
        let text = alerts[0]["message"].as_str().unwrap();
        assert!(
            text.contains("actions_of_type of resource.type file.object in 1m"),
            "{text}"
        );
        assert!(
            alerts.iter().all(|alert| alert["rule"]["title"] != ALL),
            "{alerts:?}"
        );
        // What is usual for another type is no alarm.
        let mut harness = with_type_rule();
        work(&mut harness, 0, reopens);
        assert_eq!(
            burst(&mut harness, 45, |_| "database.table".to_owned()),
            Vec::<Json>::new()
        );
    }
}

/// An agent that invents types wins nothing: the further ones are counted together.
#[test]
fn types_beyond_the_eighth_are_counted_together() {
    for reopens in [false, true] {
        let mut harness = with_type_rule();
        work(&mut harness, 12, reopens);
        assert_eq!(harness.count("metric_groups_full"), 1);
        let alerts = burst(&mut harness, 150, |_| "kind.n11".to_owned());
        assert_eq!(alerts[0]["rule"]["title"], OF_TYPE, "{alerts:?}");
        assert_eq!(
            alerts[0]["expected"]["group"],
            json!({"field": "resource.type"})
        );
        let mut harness = with_type_rule();
        work(&mut harness, 12, reopens);
        let alerts = burst(&mut harness, 150, |n| format!("new.n{n}"));
        let opened = created(&alerts);
        assert!(opened.contains(&OF_TYPE.to_owned()), "{opened:?}");
    }
}

/// Eight rules that group by types, of which the agent invents twelve: each rule goes on counting,
/// and so does a rule that the agent has given nothing to count before.
#[test]
fn invented_groups_leave_room_for_every_other_metric() {
    let rule = |n: usize| {
        let text = of_type().replace("actions_of_type", &format!("actions_of_type_{n}"));
        let text = text.replace("5b0a8a6f", &format!("5b0a8a{n:02}"));
        file(&format!("rules/volume/of-type-{n}.yaml"), &text)
    };
    let files: Vec<_> = (0..8).map(rule).collect();
    let mut harness = Harness::new(engine(rules_with(&files), options()));
    declare(&mut harness);
    for n in 0..12 {
        harness.action(T0 + n, on(&format!("kind.n{n}"), n));
    }
    harness.step();
    assert_eq!(harness.count("metric_groups_full"), 8);
    let mut spawn = on("agent.child", 99);
    spawn["action.verb"] = "spawn".into();
    harness.action(T0 + 99, spawn);
    harness.step();
    assert_eq!(harness.count("metrics_full"), 0);
}

#[test]
fn an_action_without_the_field_is_not_counted_and_the_omission_is() {
    let mut harness = with_type_rule();
    declare(&mut harness);
    let mut action = on("file.object", 1);
    action.as_object_mut().unwrap().remove("resource.type");
    harness.action(T0, action);
    harness.action(T0 + 1, on("file.object", 2));
    harness.step();
    assert_eq!(harness.count("metrics_ungrouped"), 1);
}

/// The rule of docs/rules.md.
fn of_type() -> String {
    let docs = include_str!("../../docs/rules.md");
    let begin = docs
        .find("  title: Far more actions on one resource type")
        .unwrap();
    let rule = &docs[begin..];
    let lines = rule[..rule.find("  ```").unwrap()].lines();
    let lines = lines.map(|line| line.strip_prefix("  ").unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n")
}

fn with_type_rule() -> Harness {
    let rules = rules_with(&[file("rules/volume/actions-of-type.yaml", &of_type())]);
    Harness::new(engine(rules, options()))
}

const ERROR_RATE: &str = r"
title: Errors are a far larger share than usual
id: 7f0c2a4e-5b1d-4c57-9d3e-0a1b2c3d4e5f
status: test
description: x
author: x
date: 2026-03-02
tags: [owasp.asi02-2026]
logsource: {product: scopewatch, category: agent_action}
detection: {s: {outcome: error}, condition: s}
name: error_rate
baseline: {measure: rate, group-by: [agent.id], pane: 10m, direction: above}
level: low
response: {risk: 1, revoke: none}
tests:
  - name: fires
    given: {facts: {baseline.error_rate.expected: 2}}
    events:
      - {outcome: error, repeat: 40, every: 10s}
      - {at: +11m, tool.name: x}
    expect: fire
  - name: silent
    events: [{tool.name: x}]
    expect: silent
";

/// Every ten minutes `actions` actions, of which `errors` fail, from pane `from` on.
fn panes(harness: &mut Harness, from: i64, panes: i64, (actions, errors): (i64, i64)) -> Vec<Json> {
    for pane in from..from + panes {
        for n in 0..actions {
            let mut action = on("file.object", pane * 1_000 + n);
            // Spread: the first of a pane are no errors only.
            if n * errors / actions != (n + 1) * errors / actions {
                action["outcome"] = "error".into();
            }
            harness.action(T0 + pane * 10 * MINUTE + n * SECOND, action);
        }
    }
    let of_rate = |alert: &Json| {
        alert["rule"]["title"]
            .as_str()
            .unwrap()
            .starts_with("Errors")
    };
    harness.step().into_iter().filter(of_rate).collect()
}

#[test]
fn a_share_alarms_when_it_is_far_larger_whatever_the_count_is() {
    let rules = || rules_with(&[file("rules/volume/error-rate.yaml", ERROR_RATE)]);
    let learned = || {
        let mut harness = Harness::new(engine(rules(), options()));
        declare(&mut harness);
        // Two of a hundred fail.
        assert!(panes(&mut harness, 0, 200, (100, 2)).is_empty());
        harness
    };
    // Three times the actions with three times the errors are the same share.
    let mut harness = learned();
    assert!(panes(&mut harness, 200, 3, (300, 6)).is_empty());
    // Of fewer actions most fail.
    let mut harness = learned();
    let alerts = panes(&mut harness, 200, 3, (30, 20));
    assert_eq!(alerts[0]["expected"]["metric"], "error_rate", "{alerts:?}");
    let observed = alerts[0]["expected"]["observed"].as_f64().unwrap();
    assert!((66.0..67.0).contains(&observed), "{observed}");
    let text = alerts[0]["message"].as_str().unwrap();
    assert!(text.contains("error_rate (% of the actions)"), "{text}");
    // A share of fewer than twenty actions says nothing.
    let mut harness = learned();
    assert!(panes(&mut harness, 200, 12, (15, 15)).is_empty());
}
