//! Nobody and nothing new hides in a summary of a day.

use serde_json::{Value as Json, json};

use crate::harness::{Harness, SECOND, T0, databases, read};

/// Whether an alert is about this name: in its sentence and among its agents.
fn names(alert: &Json, agent: &str) -> bool {
    let message = alert["message"].as_str().unwrap_or_default();
    let agents = alert["agents"].as_array().into_iter().flatten();
    message.contains(agent) && agents.into_iter().any(|known| known == agent)
}

#[test]
fn an_undeclared_agent_that_is_new_in_a_busy_class_is_reported_by_name() {
    let mut harness = Harness::with(|options| options.detector.defer_ms = 0);
    harness.scope(T0, json!({"agent.id": "declared", "grants": databases()}));
    for n in 0..200 {
        let mut action = read(&format!("e{n}"));
        action["agent.id"] = format!("bot-{}", n % 25).into();
        action["agent.type"] = "research".into();
        harness.action(T0 + SECOND + n, action);
    }
    harness.step();
    let mut action = read("intrusion");
    action["agent.id"] = "intruder".into();
    action["agent.type"] = "research".into();
    harness.action(T0 + 2 * SECOND, action.clone());
    let found = harness.step();
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(names(&found[0], "intruder"), "{found:#?}");
    action["event_id"] = "again".into();
    harness.action(T0 + 3 * SECOND, action);
    assert!(harness.step().is_empty(), "it is reported once");
}

#[test]
fn every_unmapped_tool_is_reported_by_name_once() {
    let mut harness = Harness::with(|_| ());
    harness.scope(T0, json!({"grants": databases()}));
    for n in 0..30 {
        for again in 0..2 {
            let id = format!("e{n}-{again}");
            harness.action(
                T0 + SECOND + n,
                json!({"event_id": id, "tool.name": format!("tool-{n:02}")}),
            );
        }
    }
    harness.action(
        T0 + SECOND + 31,
        json!({"event_id": "last", "tool.name": "wire_money"}),
    );
    let alerts = harness.step();
    for tool in (0..30)
        .map(|n| format!("tool-{n:02}"))
        .chain(["wire_money".to_owned()])
    {
        let about = |alert: &&Json| alert["message"].as_str().unwrap().contains(&tool);
        assert!(alerts.iter().any(|alert| about(&alert)), "{tool}");
    }
    // Each tool once, the second use of the first twelve, and counts that double in the last.
    assert!(alerts.len() <= 31 + 12 + 6, "{}", alerts.len());
}
