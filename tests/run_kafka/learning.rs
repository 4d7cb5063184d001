//! What a replay has learned, imported into a running service, and commands about it: each goes
//! through the broker, and every partition knows it.

use serde_json::{Value, json};

use super::decisions::{command, now_ms, wait_until};
use super::support::kafka::{bootstrap, produce};
use super::support::service::{Service, Site, expect_code, root};

/// Clean tasks of the class: with so many it is no longer young.
const TASKS: u64 = 6;
const TASK_MS: u64 = 40 * 60_000;
const DAY_MS: u64 = 24 * 3_600_000;
const EVIDENCE: &str = "Evidence that somebody else steers the agent";
const FILE: &str = "learned.jsonl";

fn note(agent: &str, verb: &str, at_ms: u64) -> Value {
    json!({"event_id": format!("{agent}-{at_ms}"), "occurred_at": at_ms, "tenant": "acme",
        "agent": {"id": agent, "type": "desk"}, "task": {"class": "notes"},
        "action": {"verb": verb}, "outcome": "allowed",
        "resource": {"type": "ticket.note", "id": "n1"}})
}

fn scope(agent: &str, from_ms: u64) -> Value {
    json!({"scope_id": format!("s-{agent}"), "tenant": "acme", "agent": {"id": agent},
        "effective_from": from_ms, "grants": [{"resource_types": ["*"]}]})
}

/// Lets a replay learn from an agent of yesterday, and writes what it has learned.
fn export(site: &Site, from_ms: u64) {
    let until_ms = from_ms + TASKS * TASK_MS;
    let tasks = (0..TASKS).map(|task| note("teacher", "create", from_ms + task * TASK_MS));
    let lines: Vec<String> = tasks.map(|action| action.to_string()).collect();
    std::fs::write(site.path("actions.jsonl"), lines.join("\n")).unwrap();
    let declared = scope("teacher", from_ms - TASK_MS).to_string();
    std::fs::write(site.path("scopes.jsonl"), declared).unwrap();
    let until = jiff::Timestamp::from_millisecond(i64::try_from(until_ms).unwrap()).unwrap();
    let (actions, scopes, file) = (
        site.text("actions.jsonl"),
        site.text("scopes.jsonl"),
        site.text(FILE),
    );
    let rules = root().join("rules").display().to_string();
    let until = until.to_string();
    let args = [
        "replay",
        "--rules",
        &rules,
        "--actions",
        &actions,
        "--scopes",
        &scopes,
        "--learn-until",
        &until,
        "--export",
        &file,
    ];
    expect_code(0, &args);
}

/// Lets an agent do what no clean task of its class did; returns the alert about it.
fn stray(site: &Site, service: &mut Service, agent: &str) -> Value {
    let (key, at_ms) = (format!("acme/{agent}"), now_ms());
    for (word, body) in [
        ("scopes", scope(agent, at_ms - 60_000)),
        ("actions", note(agent, "update", at_ms)),
    ] {
        produce(
            &site.servers,
            &site.topic(word),
            &[(key.as_str(), body.to_string())],
        );
    }
    let is_its = |alert: &Value| alert["rule"]["title"] == EVIDENCE && alert["agent_id"] == agent;
    wait_until(site, service, "alerts", is_its)
}

#[test]
fn what_a_replay_has_learned_is_known_to_a_running_service_in_every_partition() {
    let Some(servers) = bootstrap() else { return };
    let site = Site::new(&servers, "learning");
    site.use_append_time();
    site.create_topics();
    export(&site, now_ms() - DAY_MS);
    let mut service = site.start("a");
    service.wait_ran(4);
    let file = site.text(FILE);
    let audited = |service: &mut Service, what: &str| {
        let entry = wait_until(&site, service, "audit", |entry| entry["what"] == what);
        assert_eq!(entry["by"], "ann", "{entry}");
    };
    command(&site, &["class", "import", &file]);
    audited(&mut service, "learning_imported");
    // Agents of several partitions.
    for agent in ["odd-1", "odd-2", "odd-3"] {
        let alert = stray(&site, &mut service, agent);
        let message = alert["message"].as_str().unwrap();
        let expected = format!("0 of {TASKS} tasks of this class");
        assert!(message.contains(&expected), "{message}");
    }
    command(&site, &["class", "freeze", "acme", "--agent-type", "desk"]);
    audited(&mut service, "learning_frozen");
    command(&site, &["agent", "reset", "acme/odd-1"]);
    audited(&mut service, "learning_reset");
    assert_eq!(service.terminate().0, Some(0));
    assert_eq!(site.read_all("dead_letter"), Vec::new());
}
