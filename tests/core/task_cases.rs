//! What a task repeats, tries one after the other, or goes on with as another version.

use serde_json::{Value as Json, json};

use crate::behaviour::{after_tasks, note, with};
use crate::harness::{Harness, MINUTE, SECOND, T0, anything, created};
use crate::rules::Case;

/// Identical calls, one a second.
fn calls(count: i64) -> Vec<(i64, Json)> {
    let call = with(note("read"), &json!({"resource.id": "n1"}));
    (0..count).map(|second| (second, call.clone())).collect()
}

/// Resources that nobody lets the agent read, one a second.
fn denied(count: i64) -> Vec<(i64, Json)> {
    let one = |number: i64| json!({"resource.id": format!("n{number}"), "outcome": "denied"});
    let each = (0..count).map(|number| (number, with(note("read"), &one(number))));
    each.collect()
}

/// One version, then another one.
fn versions(tasks: [&str; 2], credentials: [&str; 2]) -> Vec<(i64, Json)> {
    let one = |index: usize| {
        let by = json!({"agent.version": format!("{index}"), "task.id": tasks[index],
            "credential.id": credentials[index]});
        (index as i64, with(note("read"), &by))
    };
    vec![one(0), one(1)]
}

/// Six clean tasks, then one that reads what none of them read.
fn other_purpose() -> Vec<(i64, Json)> {
    let mut actions = after_tasks(6, note("create"));
    let start_s = actions.pop().map_or(0, |(second, _)| second);
    let read = with(note("read"), &json!({"resource.type": "hr.file"}));
    actions.extend((0..20).map(|step| (start_s + step, read.clone())));
    actions
}

/// The gateway's number 2 does not come.
fn numbers_with_a_gap() -> Vec<(i64, Json)> {
    let one = |second: i64, number: u64| {
        let by = json!({"gateway.id": "gw-1", "gateway.sequence": number});
        (second, with(note("read"), &by))
    };
    vec![one(0, 1), one(1, 3), one(1_200, 4)]
}

pub fn task_cases() -> Vec<Case> {
    let scopes = json!([{"grants": anything()}]);
    vec![
        ("loop-of-identical-calls", scopes.clone(), calls(100)),
        ("enumeration", scopes.clone(), denied(20)),
        ("purpose-drift", scopes.clone(), other_purpose()),
        ("gateway-gap", scopes.clone(), numbers_with_a_gap()),
        (
            "version-changed-in-task",
            scopes,
            versions(["t", "t"], ["c", "c"]),
        ),
    ]
}

/// Plays the actions, the task restarted in the middle, and returns the titles of the incidents.
fn titles_after_restart(actions: &[(i64, Json)]) -> Vec<String> {
    let mut harness = Harness::with(|_| ());
    let scope = json!({"grants": anything(), "effective_from": T0 - MINUTE});
    harness.scope(T0 - SECOND, scope);
    harness.step();
    for (number, (second, action)) in actions.iter().enumerate() {
        if number == actions.len() / 2 {
            harness.reopen();
        }
        harness.action(T0 + second * SECOND, action.clone());
        harness.step();
    }
    created(&harness.alerts())
}

#[test]
fn what_a_task_did_before_a_restart_counts_after_it() {
    let titles = [
        "Loop of identical calls",
        "Enumeration of resources",
        "Task far from the purpose of its class",
        "Records of a gateway are missing",
        "Another version of the agent within one task",
    ];
    for ((_, _, actions), title) in task_cases().into_iter().zip(titles) {
        assert_eq!(titles_after_restart(&actions), [title]);
        let less = &actions[..actions.len() - 1];
        assert_eq!(titles_after_restart(less), [] as [&str; 0], "one less");
    }
}

#[test]
fn a_roll_out_is_no_other_version_of_a_task() {
    // A new task with a new credential. The same credential in a new task has a rule of its own.
    let rolled_out = versions(["t1", "t2"], ["c1", "c2"]);
    assert_eq!(titles_after_restart(&rolled_out), [] as [&str; 0]);
    let renewed = versions(["t", "t"], ["c1", "c2"]);
    assert_eq!(titles_after_restart(&renewed), [] as [&str; 0]);
}

#[test]
fn who_asks_once_a_minute_for_an_hour_makes_no_loop_however_late_it_is_recorded() {
    let call = with(note("read"), &json!({"resource.id": "n1"}));
    for batch_minutes in [1, 5] {
        let mut harness = Harness::with(|_| ());
        let scope = json!({"grants": anything(), "effective_from": T0 - MINUTE});
        harness.scope(T0 - SECOND, scope);
        for minute in 0..240 {
            let at_ms = T0 + minute * MINUTE;
            let sent_ms = T0 + (minute / batch_minutes + 1) * batch_minutes * MINUTE;
            let at = json!({"occurred_at": at_ms});
            harness.action(sent_ms, with(call.clone(), &at));
            harness.step();
        }
        assert_eq!(
            created(&harness.alerts()),
            [] as [&str; 0],
            "{batch_minutes}"
        );
    }
}
