//! Credentials through the whole core: what is reuse and what is not, as operators see it.

use serde_json::{Value as Json, json};

use crate::harness::{Harness, SECOND, T0, anything, created, engine, file, options, rules_with};

/// A harness whose `resources.yaml` is `resources`.
fn bench(resources: &str) -> Harness {
    let resources = file("rules/resources.yaml", resources);
    let mut harness = Harness::new(engine(rules_with(&[resources]), options()));
    harness.scope(T0, json!({"grants": anything()}));
    harness
}

fn read(fields: Json) -> Json {
    let mut action = json!({"resource.type": "database.table", "action.verb": "read",
        "credential.id": "svc-1", "credential.issuer": "https://idp"});
    for (field, value) in fields.as_object().unwrap() {
        action[field] = value.clone();
    }
    action
}

/// Two actions with one credential that differ in everything that a thief would differ in.
fn as_two(harness: &mut Harness) -> Vec<String> {
    for (n, from) in ["a", "b"].into_iter().enumerate() {
        let network = ["internal", "external"][n];
        harness.action(
            T0 + (n as i64 + 1) * SECOND,
            read(
                json!({"task.id": from, "session.id": from, "gateway.id": from,
                "channel.peer_id": from, "channel.network": network,
                "credential.bound_to": "key"}),
            ),
        );
    }
    created(&harness.step())
}

#[test]
fn only_a_credential_that_is_declared_as_shared_may_be_everywhere() {
    // The names of key and peer differ, which no declaration excuses.
    let mut excused = as_two(&mut bench("credentials: {shared: ['svc-*']}\n"));
    // Both of its tasks have it.
    excused.dedup();
    assert_eq!(excused, ["Credential bound to another key"]);
    let mut harness = bench("credentials: {shared: ['other-*']}\n");
    as_two(&mut harness);
    let also: Vec<usize> = harness
        .alerts()
        .iter()
        .map(|alert| alert["also"].as_array().map_or(0, Vec::len))
        .collect();
    let all = also.iter().max().copied().unwrap_or(0);
    assert!(
        all >= 4,
        "reuse of task and session, networks, peer: {also:?}"
    );
}

#[test]
fn a_restart_forgets_no_use() {
    for restart in [false, true] {
        let mut harness = bench("{}\n");
        harness.action(
            T0 + SECOND,
            read(json!({"task.id": "t1", "session.id": "s"})),
        );
        harness.step();
        if restart {
            harness.reopen();
        }
        for n in 2..4 {
            let again = json!({"task.id": "t2", "session.id": "s"});
            harness.action(T0 + n * SECOND, read(again));
        }
        assert_eq!(
            created(&harness.step()),
            ["Credential reused in another task"]
        );
    }
}

#[test]
fn a_use_is_judged_as_it_arrived_although_its_scope_came_later() {
    let resources = file("rules/resources.yaml", "{}\n");
    let mut harness = Harness::new(engine(rules_with(&[resources]), options()));
    // Another agent's scope: from now on scopes can be awaited.
    harness.scope(T0, json!({"agent.id": "b", "grants": anything()}));
    harness.action(T0 + SECOND, read(json!({"task.id": "t1"})));
    harness.action(T0 + 2 * SECOND, read(json!({"task.id": "t2"})));
    harness.scope(
        T0 + 3 * SECOND,
        json!({"grants": anything(), "credential_ids": ["c9"], "effective_from": T0}),
    );
    harness.tick(T0 + 60 * SECOND);
    let alerts = created(&harness.step());
    assert!(
        alerts.contains(&"Credential reused in another task".to_owned()),
        "{alerts:?}"
    );
    let named = "Credential that the scope does not name".to_owned();
    assert!(alerts.contains(&named), "{alerts:?}");
}
