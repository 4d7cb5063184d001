//! The end of a recording: every event with a finding stands in an alert.

use std::collections::BTreeSet;

use scopewatch::engine::contract::PartitionTask;
use serde_json::{Value as Json, json};

use crate::harness::{Harness, MINUTE, SECOND, T0, databases};

/// Event ids that the alerts list.
fn listed(alerts: &[Json]) -> BTreeSet<String> {
    let ids = alerts
        .iter()
        .flat_map(|alert| alert["event_ids"].as_array().unwrap());
    ids.map(|id| id.as_str().unwrap().to_owned()).collect()
}

/// Agents that each delete `count` times what they may only read, and the ids of the events.
fn wrong_actions(harness: &mut Harness, agents: usize, count: usize) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    for agent in 0..agents {
        let name = format!("bot-{agent}");
        harness.scope(T0, json!({"agent.id": &name, "grants": databases()}));
    }
    for n in 0..count {
        for agent in 0..agents {
            let id = format!("{agent}-{n}");
            let body = json!({"event_id": &id, "agent.id": format!("bot-{agent}"),
                "resource.type": "database.table", "action.verb": "delete"});
            harness.action(T0 + SECOND + n as i64, body);
            ids.insert(id);
        }
        harness.step();
    }
    ids
}

#[test]
fn every_event_of_agents_that_left_memory_is_listed_at_the_end() {
    let mut harness = Harness::with(|options| {
        options.agents_cached_max = 8;
        options.detector.lists_every_event = true;
    });
    let ids = wrong_actions(&mut harness, 40, 7);
    assert!(
        harness.task.subject_count() < 40,
        "{}",
        harness.task.subject_count()
    );
    let before = listed(&harness.alerts());
    assert!(
        before.len() < ids.len(),
        "the last findings wait for a count that doubles"
    );
    harness.tick(T0 + MINUTE);
    harness.process().unwrap();
    harness.task.report_pending(&harness.store).unwrap();
    let commit = harness.task.take_commit().unwrap();
    harness.store(&commit);
    assert_eq!(listed(&harness.alerts()), ids);
    let quiet = |alert: &Json| alert["activity"] == "quiet";
    assert!(
        !harness.alerts().iter().any(quiet),
        "the incidents stay open"
    );
}

#[test]
fn a_long_incident_of_a_recording_drops_no_event() {
    for lists_every_event in [true, false] {
        let mut harness = Harness::with(|options| {
            options.detector.lists_every_event = lists_every_event;
        });
        let ids = wrong_actions(&mut harness, 1, 300);
        harness.tick(T0 + MINUTE);
        harness.process().unwrap();
        harness.task.report_pending(&harness.store).unwrap();
        let commit = harness.task.take_commit().unwrap();
        harness.store(&commit);
        let alerts = harness.alerts();
        assert_eq!(listed(&alerts) == ids, lists_every_event);
        // Counts that double, and one alert for each 32 events.
        assert!(alerts.len() <= 9 + 10 + 1, "{}", alerts.len());
        let dropped = alerts
            .iter()
            .any(|alert| alert.get("event_ids_dropped").is_some());
        assert_eq!(dropped, !lists_every_event);
    }
}
