//! Whom a revocation request hits, through the whole core: what the core notes of credentials, of
//! their holders and of what was taken away, and what a decision does.

use scopewatch::engine::contract::OutputTopic;
use scopewatch::event::Input;
use serde_json::{Value as Json, json};

use crate::harness::{
    Harness, MINUTE, SECOND, T0, databases, engine, file, of, options, rules_with,
};

fn bench(policy: &str) -> Harness {
    let policy = file("rules/response.yaml", policy);
    Harness::new(engine(rules_with(&[policy]), options()))
}

/// A scope of `agent` that lists `credentials`.
fn scope(agent: &str, credentials: Json) -> Json {
    json!({"agent.id": agent, "scope_id": format!("s-{agent}"), "grants": databases(),
        "credential_ids": credentials})
}

fn act(agent: &str, verb: &str, credential: &str, outcome: &str) -> Json {
    json!({"agent.id": agent, "resource.type": "database.table", "action.verb": verb,
        "credential.id": credential, "credential.issuer": "https://idp", "outcome": outcome})
}

/// The subjects of all requests that left: `jti` of a credential, `sub` of an agent.
fn requested(harness: &Harness) -> Vec<String> {
    let mut subjects: Vec<String> = of(&harness.outputs, OutputTopic::Revocations)
        .map(|output| {
            let claims: Json = serde_json::from_slice(output.value.as_ref().unwrap()).unwrap();
            let subject = &claims["sub_id"];
            let id = subject["jti"].as_str().or(subject["sub"].as_str());
            id.unwrap().to_owned()
        })
        .collect();
    subjects.dedup();
    subjects
}

/// What happens before the action that is judged.
type Preparation<'a> = &'a dyn Fn(&mut Harness);

/// What `a1` did before it deletes, with what credential and outcome it deletes, whether others
/// have the credential: whether the credential is requested.
#[test]
fn only_a_proven_credential_is_hit() {
    let declared = |harness: &mut Harness| harness.scope(T0, scope("victim", json!(["c"])));
    let used = |harness: &mut Harness| {
        harness.scope(T0, scope("victim", json!([])));
        harness.action(T0 + SECOND, act("victim", "read", "c", "allowed"));
    };
    let own = |harness: &mut Harness| {
        harness.action(T0 + SECOND, act("a1", "read", "c", "allowed"));
    };
    let nobody = |_: &mut Harness| ();
    let cases: [(&str, Preparation, &str, bool); 7] = [
        ("denied, declared by another", &declared, "denied", false),
        ("accepted, declared by another", &declared, "allowed", false),
        ("accepted, used by another", &used, "allowed", false),
        ("denied, nobody's", &nobody, "denied", false),
        ("accepted, nobody else's", &nobody, "allowed", true),
        ("failed, nobody else's", &nobody, "error", true),
        ("denied, accepted before", &own, "denied", true),
    ];
    for (name, before, outcome, hit) in cases {
        let mut harness = bench("default: auto\n");
        harness.scope(T0, scope("a1", json!([])));
        before(&mut harness);
        harness.action(T0 + 10 * SECOND, act("a1", "delete", "c", outcome));
        let alerts = harness.step();
        assert!(!alerts.is_empty(), "{name}");
        assert_eq!(requested(&harness).contains(&"c".to_owned()), hit, "{name}");
    }
}

#[test]
fn a_credential_of_more_than_three_agents_waits_however_they_came_to_it() {
    for listed in [json!(["c"]), json!([])] {
        for agents in [3, 4] {
            let mut harness = bench("default: auto\n");
            for n in 1..=agents {
                let agent = format!("a{n}");
                // The judging scope lists it, or the credential is not proven at all.
                let own = if n == 1 { json!(["c"]) } else { listed.clone() };
                harness.scope(T0, scope(&agent, own));
                harness.action(T0 + n * SECOND, act(&agent, "read", "c", "allowed"));
            }
            harness.action(T0 + 20 * SECOND, act("a1", "delete", "c", "allowed"));
            harness.step();
            let sent = requested(&harness).contains(&"c".to_owned());
            assert_eq!(sent, agents <= 3, "{agents} agents, listed {listed}");
        }
    }
}

/// Whose scope was revoked, and who is asked back for acting on: never more than was taken away.
#[test]
fn after_a_revoked_task_the_credential_is_hit_and_after_a_revoked_agent_the_agent() {
    for (fields, hit) in [
        (json!({}), "a1"),
        (json!({"task.id": "t1"}), "c"),
        (json!({"credential_ids": ["c"]}), "c"),
    ] {
        let mut harness = bench("default: auto\n");
        for (status, from_ms) in [("active", T0), ("revoked", T0 + MINUTE)] {
            let mut scope = json!({"grants": databases(), "status": status,
                "effective_from": from_ms});
            for (name, value) in fields.as_object().unwrap() {
                scope[name] = value.clone();
            }
            harness.scope(from_ms, scope);
        }
        let mut late = act("a1", "read", "c", "allowed");
        if let Some(task) = fields.get("task.id") {
            late["task.id"] = task.clone();
        }
        let mut on_its_way = late.clone();
        on_its_way["event_id"] = json!("on its way");
        harness.action(T0 + MINUTE + 200, on_its_way);
        harness.step();
        assert!(requested(&harness).is_empty(), "{fields}: 5 s of grace");
        harness.action(T0 + 2 * MINUTE, late);
        harness.step();
        assert_eq!(requested(&harness), [hit], "{fields}");
    }
}

/// A decision comes through the control topic; the plan lapses by its timer, also after a restart.
#[test]
fn a_plan_waits_in_stored_state_for_its_decision_or_its_end() {
    for decides in [true, false] {
        let mut harness = bench("default: approve\n");
        harness.scope(T0, scope("a1", json!(["c"])));
        harness.action(T0 + SECOND, act("a1", "read", "c", "allowed"));
        harness.action(T0 + SECOND, act("a1", "delete", "c", "allowed"));
        let alerts = harness.step();
        assert!(requested(&harness).is_empty());
        let txn = alerts[0]["revocation"]["txn"].clone();
        harness.reopen();
        if decides {
            let decision = json!({"txn": txn, "decision": "approve"});
            let record = json!({"by": "ann", "at": T0 + MINUTE, "decision": decision});
            harness.send(Input::Control, T0 + MINUTE, &record);
        }
        harness.tick(T0 + 16 * MINUTE);
        let said: Vec<String> = harness
            .step()
            .iter()
            .map(|alert| alert["message"].as_str().unwrap().to_owned())
            .collect();
        let any = |word: &str| said.iter().any(|message| message.contains(word));
        assert_eq!(any("Approved by ann"), decides, "{said:#?}");
        assert_eq!(any("lapsed"), !decides, "{said:#?}");
        // Approved and never answered: it is sent again, and an alert says so.
        assert_eq!(any("has not answered"), decides, "{said:#?}");
        assert_eq!(requested(&harness).len(), usize::from(decides));
    }
}
