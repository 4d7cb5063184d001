//! What is seen for the first time stands in the alerts of other rules, and makes none of its own.

use serde_json::json;

use crate::behaviour::{after_tasks, leak, note, play, with};
use crate::harness::{Harness, MINUTE, T0, anything};
use crate::rules::Case;

/// Seconds of a day.
const DAY_S: i64 = 86_400;

/// Something unusual with a side effect, which is an alert of its own, and in it something that is
/// seen for the first time.
pub fn first_seen_cases() -> Vec<Case> {
    let other = note("update");
    let tool = with(other.clone(), &json!({"tool.name": "beta.helper"}));
    let mut night = after_tasks(6, other.clone());
    night[6].0 = 20 * 3_600;
    let cases = [
        (
            ["first-seen-tool-class", "first-seen-tool-agent"],
            after_tasks(6, tool),
        ),
        (
            ["first-seen-type-verb-class", "first-seen-type-verb-agent"],
            after_tasks(6, other),
        ),
        (
            [
                "first-seen-destination-class",
                "first-seen-destination-agent",
            ],
            after_tasks(25, leak()),
        ),
        (["first-seen-hour-class", "first-seen-hour-agent"], night),
    ];
    let scopes = json!([{"grants": anything()}]);
    let each = cases
        .into_iter()
        .flat_map(|(rules, actions)| rules.map(|rule| (rule, scopes.clone(), actions.clone())));
    each.collect()
}

/// A new tool and verb in a new hour, which change nothing: only informational rules see them.
#[test]
fn what_is_only_seen_for_the_first_time_is_counted_makes_no_alert_and_is_learned() {
    let mut harness = Harness::with(|_| ());
    let scope = json!({"agent.id": "a1", "grants": anything(), "effective_from": T0 - MINUTE});
    harness.scope(T0 - MINUTE, scope);
    play(&mut harness, &after_tasks(6, note("create")));
    let before = harness.count("findings");
    let odd = with(note("read"), &json!({"tool.name": "beta.helper"}));
    // Ten hours after the first task, on two days: the second time nothing is new.
    for day in 1..=2 {
        let alerts = play(&mut harness, &[(day * DAY_S + 36_000, odd.clone())]);
        assert!(alerts.is_empty(), "{alerts:#?}");
        // Type and verb, tool and hour, for the class and for the agent.
        assert_eq!(harness.count("findings") - before, 6, "day {day}");
    }
}
