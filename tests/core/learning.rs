//! Which tasks teach: those of the learning time of a replay, and what keeps one from teaching.

use scopewatch::engine::contract::OutputTopic;
use serde_json::{Value as Json, json};

use crate::behaviour::{EVIDENCE, after_tasks, leak, note, play, titles, with};
use crate::harness::{HOUR, Harness, MINUTE, SECOND, T0, of};

#[test]
fn a_replay_learns_without_judging_until_its_time() {
    let mut harness = Harness::with(|options| {
        options.detector.learn_until_ms = Some(T0 + 10 * HOUR);
    });
    // Within the learning time an odd task teaches, too.
    let mut actions = after_tasks(6, note("update"));
    actions.push((11 * 3_600, with(note("update"), &json!({"task.id": "t1"}))));
    actions.push((12 * 3_600, with(note("delete"), &json!({"task.id": "t2"}))));
    let alerts = play(&mut harness, &actions);
    assert_eq!(titles(&alerts), [EVIDENCE]);
    let alert = alerts
        .iter()
        .find(|alert| alert["rule"]["title"] == EVIDENCE);
    assert_eq!(alert.unwrap()["facts"]["evidence.bans"], 2.0);
}

#[test]
fn a_task_that_is_too_strange_among_those_that_taught_does_not_teach() {
    for (odd, again) in [(leak(), true), (note("update"), false)] {
        let mut harness = Harness::with(|options| {
            options.detector.learn_until_ms = Some(T0 + 10 * HOUR);
        });
        let mut actions = after_tasks(6, with(odd.clone(), &json!({"task.id": "odd"})));
        let later = with(odd, &json!({"task.id": "later"}));
        actions.push((11 * 3_600, later));
        let alerts = play(&mut harness, &actions);
        let expected: &[&str] = if again { &[EVIDENCE] } else { &[] };
        assert_eq!(titles(&alerts), expected);
        assert_eq!(harness.count("tasks_set_aside"), u64::from(again));
        let audit = of(&harness.outputs, OutputTopic::Audit);
        let entries = audit
            .map(|output| serde_json::from_slice::<Json>(output.value.as_ref().unwrap()).unwrap());
        let aside: Vec<Json> = entries
            .filter(|entry| entry["what"] == "task_set_aside")
            .collect();
        assert_eq!(aside.len(), usize::from(again));
        for entry in aside {
            assert_eq!(entry["agent_id"], "a1");
            let detail = entry["detail"].as_str().unwrap();
            assert!(
                detail.contains("share ticket.note n9 at new.example"),
                "{detail}"
            );
        }
        // The agent's own habits forget it, too.
        harness.reopen();
        let once_more = [(12 * 3_600, with(leak(), &json!({"task.id": "last"})))];
        assert_eq!(
            titles(&play(&mut harness, &once_more)).len(),
            1 + usize::from(again)
        );
    }
}

/// Sessions of one agent so many milliseconds apart, some of them open at once.
fn sessions_apart(harness: &mut Harness, count: i64, apart_ms: i64, field: &str) {
    for number in 0..count {
        let session = json!({"agent.id": "a1", field: format!("s{number}")});
        for step in 0..3 {
            let at_ms = T0 + number * apart_ms + step;
            harness.action(at_ms, with(note("create"), &session));
        }
        harness.step();
    }
}

#[test]
fn every_session_before_the_end_of_learning_teaches_however_close_they_are() {
    let sessions = 40;
    for field in ["session.id", "task.id"] {
        for apart_ms in [0, 1, 5 * SECOND, MINUTE, HOUR] {
            let until_ms = T0 + sessions * apart_ms + SECOND;
            let mut harness = Harness::with(|options| {
                options.detector.learn_until_ms = Some(until_ms);
            });
            sessions_apart(&mut harness, sessions, apart_ms, field);
            let odd = json!({"agent.id": "a1", field: "odd"});
            harness.action(until_ms, with(note("update"), &odd));
            harness.step();
            let alerts = harness.alerts();
            assert_eq!(titles(&alerts), [EVIDENCE], "{field}, {apart_ms} ms apart");
            let alert = alerts
                .iter()
                .find(|alert| alert["rule"]["title"] == EVIDENCE);
            let text = alert.unwrap()["message"].as_str().unwrap();
            assert!(text.contains("0 of 40 tasks of this class"), "{text}");
        }
    }
}

#[test]
fn an_agent_that_invents_tasks_teaches_sixteen_a_minute_at_most() {
    for (apart_ms, learned) in [(MINUTE / 20, 0), (MINUTE / 10, 24)] {
        let mut harness = Harness::with(|_| ());
        sessions_apart(&mut harness, 40, apart_ms, "task.id");
        assert_eq!(harness.count("tasks_learned"), learned, "{apart_ms}");
        assert_eq!(harness.count("tasks_full"), 24, "{apart_ms}");
    }
}
