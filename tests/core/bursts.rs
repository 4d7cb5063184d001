//! A burst is told when it alarms, again whenever it has doubled, and how large it became when its
//! incident closes.

use serde_json::{Value as Json, json};

use crate::harness::{HOUR, Harness, MINUTE, SECOND, T0, anything};

const TITLE: &str = "Far more actions than usual";

fn read(id: i64) -> Json {
    json!({"agent.id": "a1", "event_id": format!("e{id}"), "resource.type": "database.table",
        "action.verb": "read"})
}

/// Five hours of usual work, then a burst within the first half of a minute.
fn play(burst: i64, reopens: bool) -> Vec<Json> {
    let mut harness = Harness::with(|_| ());
    harness.scope(
        T0 - HOUR,
        json!({"agent.id": "a1", "scope_id": "s1", "grants": anything()}),
    );
    for n in 0..90 {
        harness.action(T0 + n * 3 * MINUTE, read(n));
    }
    harness.step();
    for n in 0..burst {
        harness.action(T0 + 5 * HOUR + n * SECOND / 10, read(1_000 + n));
        if reopens {
            harness.step();
            harness.reopen();
        }
    }
    harness.step();
    harness.tick(T0 + 8 * HOUR);
    harness.step();
    let alerts = harness.alerts();
    let of_rule = |alert: &Json| alert["rule"]["title"] == TITLE;
    alerts.into_iter().filter(of_rule).collect()
}

#[test]
fn what_a_burst_becomes_is_told_as_it_doubles_and_when_its_incident_closes() {
    let alerts = play(200, false);
    let observed = |alert: &Json| alert["expected"]["observed"].as_f64();
    let (first, last) = (&alerts[0], &alerts[alerts.len() - 1]);
    let crossed = observed(first).unwrap();
    assert!(crossed < 60.0, "{first}");
    let update = &alerts[1];
    assert_eq!(update["activity"], "update");
    assert_eq!(update["count"], 2);
    assert_eq!(observed(update), Some(2.0 * crossed));
    assert_eq!(last["activity"], "quiet");
    assert_eq!(last["facts"]["baseline.actions.observed"], 200.0);
    let text = last["message"].as_str().unwrap();
    assert!(text.ends_with("; it became 200 actions in 1m"), "{text}");
    // Beside it stands what was seen before.
    let expected = &first["expected"];
    assert!(expected["highest"].as_f64().unwrap() < 4.0, "{expected}");
    assert!(
        expected["learned_days"].as_f64().unwrap() > 0.2,
        "{expected}"
    );
    assert!(
        expected["score"].as_f64() >= expected["needed"].as_f64(),
        "{expected}"
    );
}

#[test]
fn a_restart_changes_nothing_of_what_is_told() {
    let (through, restarted) = (play(120, false), play(120, true));
    let told = |alerts: &[Json]| -> Vec<Json> {
        let each = alerts.iter();
        each.map(|alert| json!([alert["activity"], alert["message"], alert["expected"]]))
            .collect()
    };
    assert_eq!(told(&through), told(&restarted));
    assert!(through.len() > 2, "{through:#?}");
}
