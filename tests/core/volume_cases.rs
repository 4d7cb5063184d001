//! The actions that lead to an alert of each volume rule: hours of usual work, then too much.

use serde_json::{Value as Json, json};

use crate::harness::anything;
use crate::rules::Case;

/// Seconds between two usual actions.
const USUAL_S: i64 = 180;
/// When the burst begins.
const BURST_S: i64 = 18_000;

fn on(resource: &str, verb: &str) -> Json {
    json!({"resource.type": resource, "action.verb": verb})
}

fn with(action: &Json, field: &str, value: Json) -> Json {
    let mut action = action.clone();
    action[field] = value;
    action
}

/// Ninety usual actions, then `count` of the other kind, one a second.
fn burst(rule: &'static str, usual: &Json, other: &Json, count: i64) -> Case {
    let mut actions: Vec<(i64, Json)> = (0..90).map(|n| (n * USUAL_S, usual.clone())).collect();
    actions.extend((0..count).map(|n| (BURST_S + n, other.clone())));
    (rule, json!([{"grants": anything()}]), actions)
}

/// A burst of values that are far larger than usual.
fn large(rule: &'static str, action: &Json, field: &str, usual: Json, other: Json) -> Case {
    burst(
        rule,
        &with(action, field, usual),
        &with(action, field, other),
        4,
    )
}

pub fn volume_cases() -> Vec<Case> {
    let (read, infer) = (on("database.table", "read"), on("llm.inference", "infer"));
    let (send, spawn) = (on("file.object", "send"), on("agent.child", "spawn"));
    let outcome = |word: &str| with(&read, "outcome", word.into());
    let (denied, error) = (outcome("denied"), outcome("error"));
    vec![
        large(
            "records-spike",
            &read,
            "volume.records",
            20.into(),
            4_000.into(),
        ),
        large(
            "bytes-out-spike",
            &send,
            "volume.bytes_out",
            20_000.into(),
            9_000_000.into(),
        ),
        large(
            "tokens-spike",
            &infer,
            "volume.tokens_in",
            2_000.into(),
            60_000.into(),
        ),
        large(
            "cost-spike",
            &infer,
            "volume.cost_usd",
            0.02.into(),
            2.5.into(),
        ),
        burst("denied-spike", &denied, &denied, 16),
        burst("errors-spike", &error, &error, 16),
        burst("spawns-spike", &spawn, &spawn, 12),
        distinct("distinct-resources-spike", &read, 26),
        distinct(
            "destroyed-resources-spike",
            &on("file.object", "delete"),
            26,
        ),
        // Spawns that were denied are none for the rule that counts the last hour's.
        distinct(
            "children-spike",
            &with(&spawn, "outcome", "denied".into()),
            12,
        ),
        silence(&read),
    ]
}

/// The agent acts on one resource ten times in a row, then on `count` others once each.
fn distinct(rule: &'static str, action: &Json, count: i64) -> Case {
    let orders = with(action, "resource.id", "orders".into());
    let usual = (0..900).map(|n| (n / 10 * USUAL_S + n % 10, orders.clone()));
    let other = |n: i64| with(action, "resource.id", format!("t{n}").into());
    let walk = (0..count).map(|n| (BURST_S + n, other(n)));
    (
        rule,
        json!([{"grants": anything()}]),
        usual.chain(walk).collect(),
    )
}

/// An agent that never pauses acts no more; an hour later another one acts.
fn silence(read: &Json) -> Case {
    let mut actions: Vec<(i64, Json)> = (0..4_400).map(|n| (n * 60, read.clone())).collect();
    actions.push((4_470 * 60, with(read, "agent.id", "b".into())));
    let scopes = json!([{"grants": anything()}, {"agent.id": "b", "grants": anything()}]);
    ("silence", scopes, actions)
}
