//! Every way in which what an agent may do ends, from the records on: the rule that reports an
//! action afterwards, its time for what was on its way, and the alert that leads.

use std::collections::BTreeSet;

use scopewatch::engine::contract::OutputTopic;
use scopewatch::event::Input;
use serde_json::{Value as Json, json};

use crate::harness::{
    Harness, MINUTE, SECOND, T0, created, databases, engine, file, of, options, rules_with,
};

/// What ended.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    /// The scope record with this status says so.
    Status(&'static str),
    /// The scope had an end from the beginning.
    Expiry,
    /// A revocation was requested, and nobody answered.
    Request,
    /// The identity system confirmed it.
    Confirmation,
}

/// Each end with its rule, its word in `lifecycle.end`, and how long an action may be on its way.
const ENDS: [(End, &str, Option<&str>, i64); 6] = [
    (
        End::Status("completed"),
        "Action after the end of its task",
        Some("completed"),
        5 * SECOND,
    ),
    (
        End::Status("suspended"),
        "Action under a suspended scope",
        Some("suspended"),
        5 * SECOND,
    ),
    (
        End::Status("revoked"),
        "Action after revocation",
        Some("revoked"),
        5 * SECOND,
    ),
    (
        End::Expiry,
        "Action under an expired scope",
        Some("expired"),
        5 * SECOND,
    ),
    (
        End::Request,
        "Action after a revocation request",
        None,
        5 * MINUTE,
    ),
    (
        End::Confirmation,
        "Action after revocation",
        None,
        5 * SECOND,
    ),
];

const ENDED: i64 = T0 + MINUTE;

/// Reports every action after the end of a scope, before all other rules.
const OWN_RULE: &str = "title: After an end\n\
    id: 11111111-2222-4333-8444-555555555555\nstatus: stable\ndescription: of a test\n\
    author: t\ndate: 2026-03-02\ntags: [atlas.aml.t0012, owasp.asi03-2026]\n\
    logsource: {product: scopewatch, category: agent_action}\n\
    detection: {selection: {lifecycle.end|exists: true}, condition: selection}\n\
    falsepositives: [none]\nlevel: critical\nresponse: {risk: 100, revoke: none}\n\
    tests:\n  - name: fires\n    given: {scopes: [{status: suspended, grants: [{resource_types: \
    ['*']}]}]}\n    events: [{resource.type: x.y, action.verb: read}]\n    expect: fire\n  - \
    name: silent\n    given: {scopes: [{grants: [{resource_types: ['*']}]}]}\n    events: \
    [{resource.type: x.y, action.verb: read}]\n    expect: silent\n";

fn act(id: &str, verb: &str) -> Json {
    json!({"event_id": id, "resource.type": "database.table", "action.verb": verb,
        "task.id": "t1", "credential.id": "c1", "credential.issuer": "https://idp",
        "outcome": "allowed"})
}

/// An agent whose authority ends at [`ENDED`]; then it acts, `late_ms` later. Returns the alerts
/// about that action.
fn after(end: End, late_ms: i64, verb: &str, own_rule: bool) -> Vec<Json> {
    let mut files = vec![file("rules/response.yaml", "default: auto\n")];
    files.extend(own_rule.then(|| file("rules/scope/after-an-end.yaml", OWN_RULE)));
    let mut harness = Harness::new(engine(rules_with(&files), options()));
    let mut scope = json!({"effective_from": T0 - MINUTE, "task.id": "t1", "issuer": "https://idp",
        "credential_ids": ["c1"], "grants": databases()});
    if end == End::Expiry {
        scope["expires_at"] = ENDED.into();
    }
    harness.scope(T0 - SECOND, scope.clone());
    match end {
        End::Status(status) => {
            scope["status"] = status.into();
            scope["effective_from"] = ENDED.into();
            harness.scope(ENDED, scope);
        }
        End::Expiry => {}
        End::Request => harness.action(ENDED, act("asked", "delete")),
        End::Confirmation => {
            harness.action(T0, act("asked", "delete"));
            harness.step();
            let asked = of(&harness.outputs, OutputTopic::Revocations).next();
            let claims = asked.unwrap().value.as_ref().unwrap();
            let claims: Json = serde_json::from_slice(claims).unwrap();
            let confirmation = json!({"txn": claims["txn"], "result": "done"});
            let done = json!({"by": "idp", "at": ENDED, "confirmation": confirmation});
            harness.send(Input::Control, ENDED, &done);
        }
    }
    harness.step();
    harness.action(ENDED + late_ms, act("late", verb));
    harness.step().into_iter().filter(is_about_late).collect()
}

fn is_about_late(alert: &Json) -> bool {
    let events = alert["event_ids"].as_array().unwrap();
    events.iter().any(|event| event == "late")
}

#[test]
fn every_end_has_its_rule_and_its_time_for_what_was_on_its_way() {
    for (end, rule, _, grace_ms) in ENDS {
        let on_its_way = after(end, grace_ms, "read", false);
        assert!(on_its_way.is_empty(), "{end:?}: {on_its_way:#?}");
        let late = after(end, grace_ms + 1, "read", false);
        assert_eq!(created(&late), [rule], "{end:?}: {late:#?}");
    }
}

/// A shipped rule about what ended is in the table above, so that its removal fails a test.
#[test]
fn every_shipped_rule_about_an_end_has_its_end() {
    let rules = Harness::with(|_| ()).engine.rules();
    let is_of_end = |path: &str| {
        let lifecycle = ["-after-", "scope-suspended", "scope-expired"];
        path.starts_with("rules/lifecycle/")
            || path.starts_with("rules/scope/") && lifecycle.iter().any(|part| path.contains(part))
    };
    let shipped = rules.bundle.rules.iter();
    let shipped = shipped.filter(|rule| is_of_end(&rule.path));
    let shipped: BTreeSet<&str> = shipped.map(|rule| rule.title.as_str()).collect();
    let covered: BTreeSet<&str> = ENDS.iter().map(|end| end.1).collect();
    assert_eq!(covered, shipped);
}

#[test]
fn the_word_says_what_ended_before_the_action() {
    for (end, _, word, grace_ms) in ENDS {
        let late = after(end, grace_ms + 1, "read", true);
        let own = late.iter().find(|a| a["rule"]["title"] == "After an end");
        let found = own.map(|alert| alert["facts"]["lifecycle.end"].as_str().unwrap());
        assert_eq!(found, word, "{end:?}: {late:#?}");
    }
}

/// What was taken away and still works is the graver news: it leads, and the alert names what the
/// action did. After other ends the deed leads, for it is critical and the end is not.
#[test]
fn after_a_revocation_the_alert_says_so_also_where_the_action_destroys() {
    let destruction = "Destruction or egress outside scope";
    let destruction_id = "40fbef8a-acde-5b1e-b0f9-bcb335fef92c";
    for (end, rule, _, grace_ms) in ENDS {
        let late = after(end, grace_ms + 1, "delete", false);
        let lead = &late[0];
        let after_revocation = rule.starts_with("Action after revocation")
            || rule == "Action after a revocation request";
        let title = if after_revocation { rule } else { destruction };
        assert_eq!(lead["rule"]["title"], title, "{end:?}: {late:#?}");
        assert_eq!(late.len(), 1, "{end:?}: one action, one alert");
        let also = lead["also"].as_array().unwrap();
        let named = also.iter().any(|id| id == destruction_id);
        assert_eq!(named, after_revocation, "{end:?}: {also:?}");
        assert_eq!(lead["severity"], "critical", "{end:?}");
    }
}
