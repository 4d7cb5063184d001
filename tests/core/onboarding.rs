//! Undeclared agents: the cap on them, the state that the agents beyond it share, and eviction.

use scopewatch::engine::contract::OutputTopic;
use scopewatch::event::Input;
use serde_json::{Value as Json, json};

use crate::harness::{
    Harness, MINUTE, SECOND, T0, anything, created, databases, engine, file, mail, of, options,
    read, rules_with,
};

/// The input record of an action of this agent.
fn by(agent: &str, mut action: Json) -> Json {
    action["agent.id"] = agent.into();
    action
}

/// A tenant in which one agent has a scope and one undeclared agent has a state of its own.
fn crowded(files: &[scopewatch::text::SourceFile]) -> Harness {
    let mut options = options();
    options.detector.agents_undeclared_max = 1;
    options.detector.defer_ms = 0;
    let mut harness = Harness::new(engine(rules_with(files), options));
    harness.scope(T0, json!({"agent.id": "other", "grants": databases()}));
    harness
}

#[test]
fn invented_agents_and_tenants_leave_memory_again() {
    let mut harness = Harness::with(|options| {
        options.agents_cached_max = 8;
        options.detector.agents_undeclared_max = 1;
    });
    for round in 0..40 {
        for n in 0..10 {
            let mut action = by(&format!("ghost-{round}-{n}"), read(&format!("{round}-{n}")));
            // A new tenant in each round, and one that acts in every round.
            action["tenant"] = match n {
                0 => format!("tenant-{round}").into(),
                _ => "acme".into(),
            };
            harness.action(T0 + round, action);
        }
        harness.step();
        // Agents, tenants, and the shared state of each tenant's undeclared agents.
        let subjects = harness.task.subject_count();
        assert!(subjects <= 3 * 8, "{subjects} after round {round}");
    }
    assert!(harness.count("onboarding_full") > 300);
}

#[test]
fn a_template_that_covers_an_agent_later_frees_its_slot() {
    let template = file(
        "rules/scopes/research.yaml",
        "template: research\napplies-to: {agent-type: research}\n\
         grants: [{resource-types: ['*']}]\n",
    );
    let mut harness = crowded(&[template]);
    harness.action(T0 + 1, by("x1", read("1")));
    let mut typed = by("x1", read("2"));
    typed["agent.type"] = "research".into();
    harness.action(T0 + 2, typed);
    harness.action(T0 + 3, by("x2", read("3")));
    harness.step();
    assert_eq!(harness.count("onboarding_full"), 0);
    harness.action(T0 + 4, by("x3", read("4")));
    harness.step();
    assert_eq!(harness.count("onboarding_full"), 1, "x2 has the place");
}

#[test]
fn a_refused_scope_makes_an_agent_known_with_and_without_a_restart() {
    for restart in [false, true] {
        let mut harness = crowded(&[]);
        harness.action(T0 + 1, by("x1", read("1")));
        let bad = json!([{"resource_types": ["ema*"]}]);
        harness.scope(T0 + 2, json!({"agent.id": "x2", "grants": bad}));
        harness.step();
        assert_eq!(harness.count("scopes_refused"), 1);
        if restart {
            harness.reopen();
        }
        harness.action(T0 + 3, by("x2", read("2")));
        harness.step();
        assert_eq!(harness.count("onboarding_full"), 0, "restart: {restart}");
    }
}

#[test]
fn agents_that_share_a_state_are_revoked_one_by_one() {
    let rule = file(
        "rules/policy/undeclared-secret.yaml",
        "title: Undeclared agent reads a secret\nid: 3f0a5a06-5b0e-4d0e-9a42-0c6c5f1f8f01\n\
         status: stable\ndescription: test\nauthor: test\ndate: 2026-03-02\n\
         tags: [owasp.asi03-2026]\n\
         logsource: {product: scopewatch, category: agent_action}\n\
         detection:\n  selection: {scope.status: missing, resource.type: secret.value}\n  \
         condition: selection\nlevel: high\nresponse: {risk: 10, revoke: agent}\n\
         tests:\n  - {name: fires, given: {scopes: [{agent: {id: o}, grants: \
         [{resource_types: ['*']}]}]}, events: [{resource.type: secret.value}], expect: fire}\n  \
         - {name: silent, events: [{resource.type: email.message}], expect: silent}\n",
    );
    let policy = file("rules/response.yaml", "default: auto\nstrict: [acme]\n");
    let mut harness = crowded(&[rule, policy]);
    let secret = |agent: &str, id: &str| {
        let action = json!({"event_id": id, "resource.type": "secret.value"});
        by(agent, action)
    };
    harness.action(T0 + 1, by("x1", read("1")));
    for agent in ["x2", "x3"] {
        harness.action(T0 + 2, secret(agent, agent));
    }
    harness.step();
    assert_eq!(harness.count("onboarding_full"), 2);
    let asked: Vec<String> = of(&harness.outputs, OutputTopic::Revocations)
        .map(|output| String::from_utf8_lossy(output.value.as_ref().unwrap()).into_owned())
        .collect();
    for agent in ["acme/x2", "acme/x3"] {
        assert!(
            asked.iter().any(|claims| claims.contains(agent)),
            "{asked:#?}"
        );
    }
    let of_x2 = asked.iter().find(|claims| claims.contains("acme/x2"));
    let claims: Json = serde_json::from_str(of_x2.unwrap()).unwrap();
    let confirmation = json!({"txn": claims["txn"], "target": "x2", "result": "done"});
    let done = json!({"agent.id": "x2", "by": "idp", "at": "2026-03-02T09:00:00Z",
        "confirmation": confirmation});
    harness.send(Input::Control, T0 + 3, &done);
    harness.step();
    let acts_on = |harness: &mut Harness, agent: &str| {
        harness.action(T0 + MINUTE, by(agent, mail(&format!("{agent} goes on"))));
        created(&harness.step())
    };
    let after = "Action after revocation".to_owned();
    assert!(!acts_on(&mut harness, "x3").contains(&after));
    let found = acts_on(&mut harness, "x2");
    assert!(found.contains(&after), "{found:?}");
}

#[test]
fn what_waits_for_a_scope_counts_for_no_other_task() {
    let mut harness = Harness::with(|_| ());
    let limits = json!([{"measure": "count", "window": "1h", "max": 1}]);
    let scope = json!({"task.id": "t1", "grants": anything(), "limits": limits});
    harness.scope(T0, scope);
    let mut action = read("1");
    action["task.id"] = "t2".into();
    harness.action(T0 + SECOND, action);
    harness.step();
    assert_eq!(harness.count("deferred"), 1);
    harness.tick(T0 + MINUTE);
    harness.step();
    assert_eq!(harness.count("waits_expired"), 1);
    let undeclared = ["Action of an undeclared task"];
    assert_eq!(created(&harness.alerts()), undeclared, "and no limit");
}

#[test]
fn a_scope_releases_only_what_waited_for_it() {
    let mut harness = Harness::with(|_| ());
    harness.scope(
        T0,
        json!({"scope_id": "s0", "task.id": "t0", "grants": databases()}),
    );
    for task in ["t1", "t2"] {
        let mut action = mail(task);
        action["task.id"] = task.into();
        harness.action(T0 + SECOND, action);
    }
    harness.step();
    assert_eq!(harness.count("deferred"), 2);
    let own = json!({"scope_id": "s1", "task.id": "t1", "grants": anything()});
    harness.scope(T0 + 2 * SECOND, own);
    harness.step();
    let none = Vec::<String>::new();
    assert_eq!(created(&harness.alerts()), none, "t2 still waits");
    let own = json!({"scope_id": "s2", "task.id": "t2", "grants": anything()});
    harness.scope(T0 + 3 * SECOND, own);
    harness.tick(T0 + MINUTE);
    harness.step();
    assert_eq!(created(&harness.alerts()), none);
    assert_eq!(harness.count("waits_expired"), 0);
}
