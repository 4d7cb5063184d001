//! The versions of one scope in every order, before, between and after the actions that they judge;
//! and how much may wait for them.

use scopewatch::detector::limits::{
    DEFERRED_AGENT_BYTES_MAX, DEFERRED_PARTITION_BYTES_MAX, DEFERRED_UNDECLARED_BYTES_MAX,
};
use serde_json::{Value as Json, json};

use crate::harness::{Harness, MINUTE, SECOND, T0, created, databases, mail, read};

/// When the records arrive: when all of it has happened.
const ARRIVAL: i64 = T0 + 50 * SECOND;

/// A version of the scope of task `t1` from a second on.
fn version(from_s: i64, grants: Json) -> Json {
    json!({"task.id": "t1", "effective_from": T0 + from_s * SECOND, "grants": grants})
}

/// The end of the scope, with or without what it ends.
fn end(repeats: bool) -> Json {
    let mut end = match repeats {
        true => version(0, databases()),
        false => json!({}),
    };
    end["status"] = "completed".into();
    end["effective_from"] = (T0 + 40 * SECOND).into();
    end
}

/// An action of task `t1` in a second.
fn act(at_s: i64, mut action: Json) -> Json {
    action["task.id"] = "t1".into();
    action["occurred_at"] = (T0 + at_s * SECOND).into();
    action
}

/// Actions while the first version was in force: one outside it that the second would allow.
fn early_actions() -> [Json; 2] {
    [act(5, read("inside")), act(6, mail("outside"))]
}

/// Actions that are judged by the second version, and one after the end.
fn later_actions() -> [Json; 3] {
    [
        act(25, mail("widened")),
        act(44, mail("on its way")),
        act(46, read("over")),
    ]
}

#[test]
fn every_order_of_the_versions_of_a_scope_gives_the_same_verdicts() {
    let mut wider = databases();
    let granted = wider.as_array_mut().unwrap();
    granted.push(json!({"resource_types": ["email.*"]}));
    let orders = [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ];
    for repeats in [false, true] {
        let records = [
            version(0, databases()),
            version(20, wider.clone()),
            end(repeats),
        ];
        for order in orders {
            for actions_at in 0..=records.len() {
                let what = format!("{order:?}, actions at {actions_at}, repeats {repeats}");
                check_order(&records, &order, actions_at, &what);
            }
        }
    }
}

fn check_order(records: &[Json; 3], order: &[usize; 3], actions_at: usize, what: &str) {
    let mut harness = Harness::with(|_| ());
    // Another agent's scope, so that an action may wait for one at all.
    harness.scope(T0, json!({"agent.id": "other", "grants": databases()}));
    let mut now_ms = ARRIVAL;
    for (nth, index) in order.iter().enumerate() {
        if nth == actions_at {
            send_all(&mut harness, now_ms, early_actions());
        }
        now_ms += SECOND;
        harness.scope(now_ms, records[*index].clone());
        // A restart after every record changes nothing.
        harness.step();
        harness.reopen();
    }
    if actions_at == order.len() {
        send_all(&mut harness, now_ms, early_actions());
    }
    send_all(&mut harness, now_ms + SECOND, later_actions());
    harness.tick(now_ms + MINUTE);
    harness.step();
    let alerts = harness.alerts();
    let expected = [
        "Resource type outside scope",
        "Action after the end of its task",
    ];
    assert_eq!(created(&alerts), expected, "{what}");
    let events = |nth: usize| alerts[nth]["event_ids"].clone();
    assert_eq!(events(0), json!(["outside"]), "{what}");
    assert_eq!(events(1), json!(["over"]), "{what}");
    assert_eq!(harness.count("waits_expired"), 0, "{what}");
    assert_eq!(harness.task.meta().deferred, 0, "{what}");
    assert_eq!(harness.task.meta().deferred_bytes, 0, "{what}");
}

fn send_all(harness: &mut Harness, now_ms: i64, actions: impl IntoIterator<Item = Json>) {
    for action in actions {
        harness.action(now_ms, action);
    }
}

/// A read of about a kilobyte.
fn large(agent: &str, task: &str, n: usize) -> Json {
    let mut action = read(&format!("{agent}-{n}"));
    action["agent.id"] = agent.into();
    action["task.id"] = task.into();
    action["resource.id"] = format!("{n:0>1000}").into();
    action
}

#[test]
fn what_waits_is_bounded_in_bytes_per_agent_and_undeclared_agents_leave_room_for_others() {
    let mut harness = Harness::with(|options| {
        options.detector.deferred_per_agent_max = 10_000;
        options.detector.deferred_per_partition_max = 1_000_000;
    });
    let declared = json!({"agent.id": "declared", "task.id": "t1", "grants": databases()});
    harness.scope(T0, declared);
    // More than the part of the undeclared: each of them fills its own.
    let agents = DEFERRED_UNDECLARED_BYTES_MAX / DEFERRED_AGENT_BYTES_MAX + 3;
    for agent in 0..agents {
        for n in 0..270 {
            harness.action(ARRIVAL, large(&format!("ghost-{agent}"), "x", n));
        }
        harness.step();
        let bytes = harness.task.meta().deferred_bytes;
        if agent == 0 {
            let full = DEFERRED_AGENT_BYTES_MAX - 2_000..=DEFERRED_AGENT_BYTES_MAX;
            assert!(full.contains(&bytes), "{bytes}");
        }
        // The bounds do not depend on what is in memory.
        harness.reopen();
    }
    let bytes = harness.task.meta().deferred_bytes;
    let full = DEFERRED_UNDECLARED_BYTES_MAX - 2_000..=DEFERRED_UNDECLARED_BYTES_MAX;
    assert!(full.contains(&bytes), "{bytes}");
    assert!(bytes < DEFERRED_PARTITION_BYTES_MAX);
    let refused = harness.count("deferrals_refused");
    assert!(refused > 0);
    harness.action(ARRIVAL + 1, large("declared", "t2", 0));
    harness.step();
    assert_eq!(
        harness.count("deferrals_refused"),
        refused,
        "its scope may come"
    );
    harness.tick(ARRIVAL + MINUTE);
    harness.step();
    assert_eq!(harness.task.meta().deferred_bytes, 0);
    harness.action(ARRIVAL + 2 * MINUTE, large("ghost-new", "x", 0));
    harness.step();
    assert_eq!(harness.task.meta().deferred, 1, "there is room again");
}
