//! A revocation is *requested* in texts and facts until the identity system has confirmed it.

use scopewatch::engine::contract::OutputTopic;
use scopewatch::event::Input;
use serde_json::{Value as Json, json};

use crate::harness::{
    Harness, MINUTE, SECOND, T0, databases, engine, file, of, options, raw, rules_with,
};

/// The alert about a read ten minutes after a delete for which the credential was requested; the
/// identity system confirms it or not. All alerts come with it.
fn alert_after_request(confirms: bool) -> (Json, Vec<Json>) {
    let policy = file("rules/response.yaml", "default: auto\n");
    let mut harness = Harness::new(engine(rules_with(&[policy]), options()));
    let scope = json!({"grants": databases(), "credential_ids": ["c1"],
        "issuer": "https://idp"});
    harness.scope(T0, scope);
    let act = |verb: &str| {
        json!({"event_id": verb, "resource.type": "database.table", "action.verb": verb,
            "credential.id": "c1", "credential.issuer": "https://idp", "outcome": "allowed"})
    };
    harness.action(T0 + SECOND, act("delete"));
    harness.step();
    let asked = of(&harness.outputs, OutputTopic::Revocations).next();
    let claims: Json = serde_json::from_slice(asked.unwrap().value.as_ref().unwrap()).unwrap();
    if confirms {
        let confirmation = json!({"txn": claims["txn"], "result": "done"});
        let done = json!({"by": "idp", "at": T0 + MINUTE, "confirmation": confirmation});
        harness.send(Input::Control, T0 + MINUTE, &done);
    }
    harness.action(T0 + 10 * MINUTE, act("read"));
    harness.step();
    let after = |alert: &&Json| {
        let title = alert["rule"]["title"].as_str().unwrap();
        title.starts_with("Action after")
    };
    let alerts = harness.alerts();
    let found = alerts.iter().find(after).cloned();
    (found.unwrap_or_else(|| panic!("{alerts:#?}")), alerts)
}

#[test]
fn until_a_confirmation_came_a_revocation_is_only_requested() {
    let (alert, all) = alert_after_request(false);
    assert_eq!(alert["rule"]["title"], "Action after a revocation request");
    assert_eq!(alert["facts"]["lifecycle.revocation"], "requested");
    let message = alert["message"].as_str().unwrap();
    assert!(message.contains("was requested"), "{message}");
    assert!(message.contains("has not confirmed it"), "{message}");
    for alert in &all {
        let message = alert["message"].as_str().unwrap();
        assert!(!message.contains("revoked"), "{message}");
        for target in alert["revocation"]["targets"]
            .as_array()
            .into_iter()
            .flatten()
        {
            assert_eq!(target["state"], "sent");
        }
    }
}

#[test]
fn after_the_confirmation_it_is_confirmed() {
    let (alert, _) = alert_after_request(true);
    assert_eq!(alert["rule"]["title"], "Action after revocation");
    assert_eq!(alert["facts"]["lifecycle.revocation"], "confirmed");
    let message = alert["message"].as_str().unwrap();
    assert!(
        message.contains("the identity system confirmed"),
        "{message}"
    );
}

/// A token of the identity system about the credential c1 that was asked for, with some of its
/// claims changed; returns the alerts about a read ten minutes later, and what was audited.
fn after_token(change: impl Fn(&mut Json)) -> (Vec<Json>, Vec<Json>) {
    let policy = file("rules/response.yaml", "default: auto\n");
    let mut harness = Harness::new(engine(rules_with(&[policy]), options()));
    let scope = json!({"grants": databases(), "credential_ids": ["c1"], "issuer": "https://idp"});
    harness.scope(T0, scope);
    let act = |verb: &str| {
        json!({"event_id": verb, "resource.type": "database.table", "action.verb": verb,
            "credential.id": "c1", "credential.issuer": "https://idp", "outcome": "allowed"})
    };
    harness.action(T0 + SECOND, act("delete"));
    harness.step();
    let asked = of(&harness.outputs, OutputTopic::Revocations).next();
    let claims: Json = serde_json::from_slice(asked.unwrap().value.as_ref().unwrap()).unwrap();
    let event = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
    let mut token = json!({"iss": "https://idp", "jti": "j", "iat": T0 / 1_000 + 30,
        "txn": claims["txn"], "sub_id": claims["sub_id"], "events": {event: {}}});
    change(&mut token);
    let key = Some(&b"acme/a1"[..]);
    let bytes = token.to_string();
    harness.push(raw(
        Input::Control,
        0,
        T0 + MINUTE,
        key,
        Some(bytes.as_bytes()),
    ));
    harness.action(T0 + 2 * MINUTE, act("read"));
    harness.step();
    let audited = of(&harness.outputs, OutputTopic::Audit)
        .map(|output| serde_json::from_slice(output.value.as_ref().unwrap()).unwrap());
    (harness.alerts(), audited.collect())
}

/// Only a token with our transaction and the right subject confirms; another is audited.
#[test]
fn a_token_confirms_the_target_that_it_names_and_no_other() {
    type Change = fn(&mut Json);
    let cases: [(&str, Change, bool); 6] = [
        ("as asked", |_| (), true),
        (
            "of its own accord",
            |token| token["txn"] = Json::Null,
            false,
        ),
        (
            "another's transaction",
            |token| token["txn"] = "t-1".into(),
            false,
        ),
        (
            "another credential",
            |token| token["sub_id"]["jti"] = "c2".into(),
            false,
        ),
        (
            "another issuer's credential of the same id",
            |token| token["sub_id"]["iss"] = "https://other".into(),
            false,
        ),
        (
            "an identity of the same name",
            |token| {
                token["sub_id"] = json!({"format": "iss_sub", "iss": "https://idp", "sub": "c1"});
            },
            false,
        ),
    ];
    for (name, change, confirms) in cases {
        let (alerts, audited) = after_token(change);
        let after = alerts
            .iter()
            .any(|alert| alert["rule"]["title"] == "Action after revocation");
        assert_eq!(after, confirms, "{name}: {alerts:#?}");
        let what = |word: &str| audited.iter().any(|entry| entry["what"] == word);
        assert_eq!(what("confirmed"), confirms, "{name}");
        assert_eq!(what("control_ignored"), !confirms, "{name}");
    }
}
