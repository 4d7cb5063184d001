//! A revocation is *requested* in texts and facts until the identity system has confirmed it.

use scopewatch::engine::contract::OutputTopic;
use scopewatch::event::Input;
use serde_json::{Value as Json, json};

use crate::harness::{
    Harness, MINUTE, SECOND, T0, databases, engine, file, of, options, rules_with,
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
    let after = |alert: &&Json| alert["rule"]["title"] == "Action after revocation";
    let alerts = harness.alerts();
    let found = alerts.iter().find(after).cloned();
    (found.unwrap_or_else(|| panic!("{alerts:#?}")), alerts)
}

#[test]
fn until_a_confirmation_came_a_revocation_is_only_requested() {
    let (alert, all) = alert_after_request(false);
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
    assert_eq!(alert["facts"]["lifecycle.revocation"], "confirmed");
    let message = alert["message"].as_str().unwrap();
    assert!(
        message.contains("the identity system confirmed"),
        "{message}"
    );
}
