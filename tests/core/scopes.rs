//! Scopes in the whole task: what limits count, which scope judges, and how many are kept.

use serde_json::{Value as Json, json};

use crate::harness::{HOUR, Harness, T0, created, engine, file, options, read, rules_with};

/// A spawn of `child` in `task`, with the outcome at the gateway.
fn spawn(event: &str, task: &str, child: &str, outcome: &str) -> Json {
    json!({
        "event_id": event,
        "task.id": task,
        "resource.type": "agent.child",
        "resource.id": child,
        "action.verb": "spawn",
        "outcome": outcome,
    })
}

#[test]
fn children_are_counted_per_task_and_denied_spawns_are_not() {
    let mut harness = Harness::with(|_| ());
    for task in ["t1", "t2"] {
        harness.scope(
            T0,
            json!({
                "scope_id": format!("s-{task}"),
                "task.id": task,
                "grants": [{"resource_types": ["*"]}],
                "delegation": {"allowed": true, "children_max": 2},
            }),
        );
    }
    let quiet = [
        ("t1", "c1", "allowed"),
        ("t1", "c2", "allowed"),
        ("t1", "c2", "allowed"),
        ("t2", "c3", "allowed"),
        ("t2", "c4", "denied"),
        ("t2", "c5", "allowed"),
    ];
    for (n, (task, child, outcome)) in (1..).zip(quiet) {
        harness.action(T0 + n, spawn(&format!("e{n}"), task, child, outcome));
    }
    assert_eq!(created(&harness.step()), Vec::<String>::new());
    harness.action(T0 + 20, spawn("e20", "t1", "c6", "allowed"));
    let alerts = harness.step();
    assert_eq!(created(&alerts).len(), 1, "{alerts:#?}");
    let said = alerts[0].to_string();
    assert!(said.contains("3 children; the scope allows 2"), "{said}");
}

#[test]
fn scopes_of_the_largest_size_do_not_outgrow_the_store() {
    let mut harness = Harness::with(|_| ());
    let scope = |n: i64, status: &str| {
        let names = (0..250).map(|k| format!("{k:0>1000}.{n}.test"));
        json!({
            "scope_id": format!("s{n}"),
            "task.id": format!("t{n}"),
            "status": status,
            "grants": [{"resource_types": ["email.*"]}],
            "destinations": names.collect::<Vec<_>>(),
        })
    };
    for n in 0..8 {
        harness.scope(T0 + n, scope(n, "active"));
        harness.step();
    }
    assert_eq!(harness.count("scopes_refused"), 7);
    harness.scope(T0 + 10, json!({"scope_id": "s0", "status": "revoked"}));
    harness.scope(T0 + 11, scope(9, "active"));
    harness.step();
    assert_eq!(
        harness.count("scopes_refused"),
        7,
        "the revoked one gave way"
    );
    let largest = harness.entries().values().map(Vec::len).max().unwrap();
    assert!((200_000..300_000).contains(&largest), "{largest}");
}

#[test]
fn an_alias_renames_what_is_granted_and_case_hides_nothing() {
    let files = [
        file(
            "rules/resources.yaml",
            "alias: {db.table: database.table}\n",
        ),
        file(
            "rules/scopes/reader.yaml",
            "template: reader\napplies-to: {agents: [templated]}\n\
             grants: [{resource-types: [db.table], verbs: [read]}]\n",
        ),
    ];
    let mut harness = Harness::new(engine(rules_with(&files), options()));
    let grants = json!([{"resource_types": ["DB.Table"], "verbs": ["READ"]}]);
    harness.scope(T0, json!({"agent.id": "declared", "grants": grants}));
    let act = |agent: &str, kind: &str, verb: &str| {
        json!({
            "event_id": format!("{agent}{kind}{verb}"),
            "agent.id": agent,
            "resource.type": kind,
            "action.verb": verb,
        })
    };
    for agent in ["declared", "templated"] {
        for kind in ["db.table", "Database.Table", "DB.TABLE"] {
            harness.action(T0 + 1, act(agent, kind, "Read"));
        }
    }
    assert_eq!(created(&harness.step()), Vec::<String>::new());
    for agent in ["declared", "templated"] {
        harness.action(T0 + 2, act(agent, "DB.Table", "DELETE"));
        assert_eq!(created(&harness.step()).len(), 1, "{agent}");
    }
}

#[test]
fn a_scope_record_prunes_windows_that_have_passed() {
    let mut harness = Harness::with(|_| ());
    let scope = |id: &str| {
        json!({
            "scope_id": id,
            "grants": [{"resource_types": ["*"]}],
            "limits": [{"measure": "distinct: resource.id", "window": "1m", "max": 200}],
        })
    };
    harness.scope(T0, scope("s1"));
    for n in 0..100 {
        let mut action = read(&format!("e{n}"));
        action["resource.id"] = format!("r{n}").into();
        harness.action(T0 + n, action);
    }
    harness.step();
    let live = |harness: &Harness| harness.entries()["a:acme/a1#live"].len();
    let before = live(&harness);
    // What its agent may still report of a silence is counted together with them for a day.
    harness.tick(T0 + 25 * HOUR);
    harness.scope(T0 + 25 * HOUR, scope("s2"));
    harness.step();
    assert!(live(&harness) + 900 < before, "{before} {}", live(&harness));
}
