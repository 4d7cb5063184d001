//! What a gateway or a broker that was down delivers at once: limits and baselines count it when it
//! happened, as far as the agent was silent then.

use serde_json::{Value as Json, json};

use crate::harness::{HOUR, Harness, MINUTE, SECOND, T0, anything, created, said};

const LIMIT: &str = "Declared limit exceeded";
const SPIKE: &str = "Far more actions than usual";

/// An agent of a long-lived scope with `limits`.
fn limited(limits: &Json) -> Harness {
    let mut harness = Harness::with(|_| ());
    let scope = json!({"grants": anything(), "limits": limits, "effective_from": T0 - 90 * HOUR});
    harness.scope(T0, scope);
    harness
}

fn fifty_an_hour() -> Json {
    json!([{"measure": "count", "window": "1h", "max": 50}])
}

fn act(harness: &mut Harness, append_ms: i64, claim_ms: i64, more: &Json) {
    let mut action = json!({"resource.type": "database.table", "action.verb": "read"});
    action["occurred_at"] = claim_ms.into();
    let more = more.as_object().unwrap().clone();
    action.as_object_mut().unwrap().extend(more);
    harness.action(append_ms, action);
}

/// Twenty actions an hour over four hours, delivered at their end.
fn deliver_outage(harness: &mut Harness, now_ms: i64, mut before_each: impl FnMut(&mut Harness)) {
    for n in 0..80 {
        before_each(harness);
        let claim_ms = now_ms - 4 * HOUR + n * 3 * MINUTE;
        act(harness, now_ms, claim_ms, &json!({}));
    }
}

fn fires(harness: &mut Harness, title: &str) -> bool {
    harness.step();
    created(&harness.alerts())
        .iter()
        .any(|found| found == title)
}

#[test]
fn an_outage_delivered_at_once_exceeds_no_limit() {
    let mut harness = limited(&fifty_an_hour());
    act(&mut harness, T0 + SECOND, T0 + SECOND, &json!({}));
    deliver_outage(&mut harness, T0 + 5 * HOUR, |_| ());
    assert!(!fires(&mut harness, LIMIT), "{:?}", harness.alerts());
    // The next hours are judged as ever.
    for n in 0..51 {
        let now_ms = T0 + 7 * HOUR + n * SECOND;
        act(&mut harness, now_ms, now_ms, &json!({}));
    }
    assert!(fires(&mut harness, LIMIT));
}

#[test]
fn a_burst_is_a_burst_whatever_it_claims() {
    let now_ms = T0 + 5 * HOUR;
    let ago = move |ms: i64| move |_: i64| now_ms - ms;
    let spread = move |n: i64| now_ms - 4 * HOUR + n * 3 * MINUTE;
    type Claim = Box<dyn Fn(i64) -> i64>;
    let cases: [(&str, Claim); 4] = [
        ("one time of the silence", Box::new(ago(2 * HOUR))),
        ("before all silence", Box::new(ago(1_000 * HOUR))),
        ("latest first", Box::new(move |n| spread(79 - n))),
        ("now", Box::new(ago(0))),
    ];
    for (case, claim_ms) in cases {
        let mut harness = limited(&fifty_an_hour());
        act(&mut harness, T0 + SECOND, T0 + SECOND, &json!({}));
        for n in 0..80 {
            act(&mut harness, now_ms, claim_ms(n), &json!({}));
        }
        assert!(fires(&mut harness, LIMIT), "{case}");
    }
}

#[test]
fn whatever_an_agent_does_on_time_ends_its_silence() {
    let cases = [
        ("counted by the limit", json!({"volume.bytes_out": 1})),
        ("not counted by the limit", json!({})),
        ("denied", json!({"outcome": "denied"})),
        (
            "of another scope",
            json!({"task.id": "other", "resource.type": "email.message"}),
        ),
    ];
    let now_ms = T0 + 5 * HOUR;
    for (case, on_time) in cases {
        let mut harness = limited(&json!([
            {"measure": "sum: volume.bytes_out", "window": "1h", "max": 50},
        ]));
        let other = json!({
            "scope_id": "s2", "task.id": "other", "grants": [{"resource_types": ["email.*"]}],
            "effective_from": T0 - 90 * HOUR,
        });
        harness.scope(T0, other);
        for n in 0..80 {
            act(&mut harness, now_ms, now_ms, &on_time);
            let claim_ms = now_ms - 4 * HOUR + n * 3 * MINUTE;
            act(
                &mut harness,
                now_ms,
                claim_ms,
                &json!({"volume.bytes_out": 1}),
            );
        }
        assert!(fires(&mut harness, LIMIT), "{case}");
    }
}

#[test]
fn a_scope_is_used_from_its_beginning_on() {
    for (begun_before, title) in [(10 * MINUTE, Some(LIMIT)), (5 * HOUR, None)] {
        let now_ms = T0 + 5 * HOUR;
        let mut harness = Harness::with(|_| ());
        let scope = json!({
            "grants": anything(), "limits": fifty_an_hour(),
            "effective_from": now_ms - 15 * MINUTE - begun_before,
        });
        harness.scope(T0, scope);
        deliver_outage(&mut harness, now_ms, |_| ());
        assert_eq!(
            fires(&mut harness, LIMIT),
            title.is_some(),
            "{begun_before}"
        );
    }
}

/// The scope is sent again while its agent is silent, which forgets windows that are over.
#[test]
fn what_was_done_before_a_silence_counts_with_what_is_reported_of_it() {
    let mut harness = limited(&fifty_an_hour());
    for n in 0..40 {
        act(&mut harness, T0 + n * SECOND, T0 + n * SECOND, &json!({}));
    }
    let renewed = json!({
        "grants": anything(), "limits": fifty_an_hour(), "effective_from": T0 + 3 * HOUR,
    });
    harness.scope(T0 + 3 * HOUR, renewed);
    assert!(!fires(&mut harness, LIMIT));
    for n in 0..40 {
        act(
            &mut harness,
            T0 + 5 * HOUR,
            T0 + 10 * MINUTE + n * SECOND,
            &json!({}),
        );
    }
    assert!(fires(&mut harness, LIMIT));
}

/// What waits for its scope is counted when it was decided to be at its arrival.
#[test]
fn an_outage_before_its_scope_arrives_exceeds_no_limit() {
    let now_ms = T0 + 5 * HOUR;
    let mut harness = Harness::with(|_| ());
    harness.scope(T0, json!({"agent.id": "other", "grants": anything()}));
    for n in 0..60 {
        let claim_ms = now_ms - 4 * HOUR + n * 4 * MINUTE;
        act(&mut harness, now_ms, claim_ms, &json!({}));
    }
    let scope = json!({
        "grants": anything(), "limits": fifty_an_hour(), "effective_from": T0 - HOUR,
    });
    harness.scope(now_ms + SECOND, scope);
    assert!(!fires(&mut harness, LIMIT), "{:?}", harness.alerts());
    assert_eq!(harness.count("deferred"), 60);
}

#[test]
fn an_outage_is_no_spike_and_a_burst_of_its_silence_is_one() {
    for (apart_ms, spikes) in [(MINUTE, false), (0, true)] {
        let mut harness = limited(&json!([]));
        for minute in 0..600 {
            let at_ms = T0 + minute * MINUTE;
            act(&mut harness, at_ms, at_ms, &json!({}));
        }
        let (from_ms, now_ms) = (T0 + 610 * MINUTE, T0 + 1_010 * MINUTE);
        for n in 0..390 {
            act(&mut harness, now_ms, from_ms + n * apart_ms, &json!({}));
        }
        assert_eq!(fires(&mut harness, SPIKE), spikes, "{apart_ms}");
    }
}

/// A baseline is active after three hours, and an agent's claims are no hours.
#[test]
fn claims_of_the_past_are_no_time_of_learning() {
    let mut harness = limited(&json!([]));
    for n in 0..1_000 {
        act(&mut harness, T0, T0 - 20 * HOUR + n * MINUTE, &json!({}));
    }
    for _ in 0..400 {
        act(&mut harness, T0 + MINUTE, T0 + MINUTE, &json!({}));
    }
    assert!(!fires(&mut harness, SPIKE), "{:?}", harness.alerts());
}

/// Two agents that never pause act for three days, then for ten minutes after `pause_min` each, and
/// the first of them for three hours more. Returns who is reported as silent.
fn silent_after(pause_min: i64) -> Vec<String> {
    let mut harness = Harness::with(|_| ());
    let scope = json!({"grants": anything(), "effective_from": T0 - 90 * HOUR});
    for agent in ["a", "b"] {
        let mut scope = scope.clone();
        scope["agent.id"] = agent.into();
        harness.scope(T0, scope);
    }
    let together = (0..4_400).chain(4_400 + pause_min..4_410 + pause_min);
    let alone = 4_410 + pause_min..4_590 + pause_min;
    let all = together
        .map(|minute| (minute, 2))
        .chain(alone.map(|minute| (minute, 1)));
    for (minute, agents) in all {
        for agent in ["a", "b"].iter().take(agents) {
            let at_ms = T0 + minute * MINUTE;
            act(&mut harness, at_ms, at_ms, &json!({"agent.id": agent}));
        }
        if minute % 60 == 0 {
            harness.step();
        }
    }
    harness.step();
    let alerts = harness.alerts();
    let silent = alerts
        .iter()
        .filter(|alert| alert["activity"] == "create" && said(alert).0 == "Agent fallen silent");
    let agents = silent.map(|alert| alert["agent_id"].as_str());
    agents.map(|agent| agent.unwrap().to_owned()).collect()
}

#[test]
fn an_outage_of_all_agents_is_no_silence_of_each_and_the_next_silence_is_one() {
    for pause_min in [1, 20, 180, 2_000] {
        assert_eq!(silent_after(pause_min), ["b"], "{pause_min}");
    }
}
