//! What an agent is evaluated for besides its actions: `event.kind` grant, lifecycle, control,
//! tick, each once, and only by rules that ask for it.

use scopewatch::engine::contract::OutputTopic;
use scopewatch::event::Input;
use serde_json::{Value as Json, json};

use crate::harness::{
    Harness, MINUTE, SECOND, T0, anything, created, engine, file, of, options, read, rules_with,
};

/// The shipped rules and one that matches `selection`.
fn with_rule(selection: &str) -> Harness {
    let rule = format!(
        "title: Asked for\nid: 1f5d7c82-b3e4-4960-a1c8-94e27d06fb98\nstatus: stable\n\
         description: An event of the kind that the rule asks for.\nauthor: Scopewatch\n\
         date: 2026-03-02\ntags: [atlas.aml.t0053, owasp.asi02-2026]\n\
         logsource: {{product: scopewatch, category: agent_action}}\n\
         detection:\n  selection: {{{selection}}}\n  condition: selection\n\
         falsepositives: [none]\nlevel: high\nresponse: {{revoke: none}}\n"
    );
    let rules = rules_with(&[file("rules/policy/asked.yaml", &rule)]);
    Harness::new(engine(rules, options()))
}

fn scope(from_ms: i64, status: &str) -> Json {
    json!({"task.id": "t1", "status": status, "effective_from": from_ms, "grants": anything()})
}

/// A scope that begins, comes again, changes and ends, a control record, an action before its
/// scope whose wait expires; the number of times the rule fired.
fn fired(harness: &mut Harness) -> usize {
    harness.scope(T0, scope(T0, "active"));
    harness.scope(T0 + SECOND, scope(T0, "active"));
    harness.scope(T0 + 2 * SECOND, scope(T0 + SECOND, "active"));
    harness.scope(T0 + 3 * SECOND, scope(T0 + 2 * SECOND, "completed"));
    harness.step();
    let mut waits = read("waits");
    waits["agent.id"] = "a2".into();
    harness.action(T0 + 4 * SECOND, waits);
    let verdict = json!({"by": "ana", "at": T0, "verdict": {"incident_id": "0".repeat(32),
        "verdict": "true_positive"}});
    harness.send(Input::Control, T0 + 5 * SECOND, &verdict);
    harness.step();
    harness.tick(T0 + 10 * MINUTE);
    harness.tick(T0 + 11 * MINUTE);
    harness.step();
    let dead = of(&harness.outputs, OutputTopic::DeadLetter).count();
    assert_eq!(dead, 0, "a record was refused");
    let found = created(&harness.alerts());
    found.iter().filter(|title| *title == "Asked for").count()
}

#[test]
fn each_kind_is_evaluated_once_by_the_rules_that_ask_for_it() {
    for (selection, expected) in [
        // Incidents fold by task: the grant and its change are one incident.
        ("event.kind: grant", 1),
        ("event.kind: lifecycle", 1),
        ("event.kind: control", 1),
        ("event.kind: tick", 1),
        ("event.kind: link", 0),
        ("event.kind: dead_letter", 0),
        ("event.kind: [grant, control]", 2),
        // A rule that does not read `event.kind` matches actions only: the one of a2.
        ("agent.id: a1", 0),
        ("agent.id: a2", 1),
        ("'event.kind|neq': action, agent.id: a1", 2),
    ] {
        let mut harness = with_rule(selection);
        assert_eq!(fired(&mut harness), expected, "{selection}");
    }
}

#[test]
fn the_journal_names_the_range_of_every_input() {
    let mut harness = with_rule("event.kind: grant");
    fired(&mut harness);
    let mut journals = harness.outputs.iter().filter(|output| {
        output.topic == OutputTopic::Audit && output.key.as_deref() == Some(b"#journal")
    });
    let last = journals.next_back().unwrap();
    let journal: Json = serde_json::from_slice(last.value.as_ref().unwrap()).unwrap();
    let links = json!({"links": {"offset_first": 0, "offset_last": 1}});
    assert_eq!(journal["inputs"], links, "{journal:#}");
}

#[test]
fn an_event_says_its_agent_task_and_scope() {
    let mut harness = with_rule("event.kind: grant, scope.id: s1, task.id: t1, agent.id: a1");
    assert_eq!(fired(&mut harness), 1);
    let alert = harness.alerts().remove(0);
    assert_eq!(alert["task_id"], "t1", "{alert:#}");
    assert_eq!(alert["event_ids"][0], "agent.scopes/0/0/0", "{alert:#}");
}
