//! Deferred actions, which arrive before their scope: every order, the bounds, restarts, the cap on
//! onboarding.

use scopewatch::detector::limits::{
    DEFERRED_AGENT_BYTES_MAX, DEFERRED_PARTITION_BYTES_MAX, DEFERRED_UNDECLARED_BYTES_MAX,
    EXPIRED_WAITS_MAX,
};
use scopewatch::engine::contract::OutputTopic;
use scopewatch::event::Input;
use serde_json::json;

use crate::harness::{
    Harness, MINUTE, SECOND, T0, anything, created, databases, mail, of, read, said,
};

/// A scope of another agent, so that the tenant acme is managed.
fn managed(harness: &mut Harness) {
    harness.scope(T0, json!({"agent.id": "other", "grants": databases()}));
}

fn title(harness: &Harness, end: &str) -> String {
    let rules = harness.engine.rules();
    rules
        .bundle
        .rules
        .iter()
        .find(|r| r.path.ends_with(end))
        .unwrap()
        .title
        .clone()
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Step {
    /// An action that the scope will not grant.
    Action,
    Scope,
    /// An action that the scope will grant.
    Later,
    Timeout,
}

/// The expected result: an action whose wait expires before the scope arrives is undeclared. So is,
/// at once, every later action until the scope arrives. All others are judged by the scope.
fn reference(order: &[Step]) -> (u64, u64) {
    let at = |step| order.iter().position(|s| *s == step).unwrap();
    let (timeout, scope) = (at(Step::Timeout), at(Step::Scope));
    let waited_out = |step| at(step) < timeout && timeout < scope;
    let over = waited_out(Step::Action) || waited_out(Step::Later);
    let late = |step| at(step) < scope && timeout < scope && (at(step) < timeout || over);
    let undeclared = [Step::Action, Step::Later]
        .into_iter()
        .filter(|step| late(*step))
        .count();
    (undeclared as u64, u64::from(!late(Step::Action)))
}

fn orders() -> Vec<Vec<Step>> {
    let all = [Step::Action, Step::Scope, Step::Later, Step::Timeout];
    let mut orders = Vec::new();
    for a in all {
        for b in all.into_iter().filter(|b| *b != a) {
            for c in all.into_iter().filter(|c| *c != a && *c != b) {
                let d = all.into_iter().find(|d| ![a, b, c].contains(d)).unwrap();
                orders.push(vec![a, b, c, d]);
            }
        }
    }
    orders
}

#[test]
fn every_order_of_action_scope_and_timeout_gives_the_reference_verdict() {
    for order in orders() {
        // All in one batch, and with a restart after every record.
        for restarts in [false, true] {
            let mut harness = Harness::with(|_| ());
            managed(&mut harness);
            let mut now_ms = T0 + MINUTE;
            for step in &order {
                now_ms += SECOND;
                match step {
                    Step::Action => harness.action(now_ms, mail("wrong")),
                    Step::Later => harness.action(now_ms, read("right")),
                    Step::Scope => {
                        harness.scope(now_ms, json!({"grants": databases(), "effective_from": T0}))
                    }
                    Step::Timeout => {
                        now_ms += 30 * SECOND;
                        harness.tick(now_ms);
                    }
                }
                if restarts {
                    harness.step();
                    harness.reopen();
                }
            }
            // After this, every wait without a scope has expired.
            harness.tick(now_ms + 31 * SECOND);
            harness.step();
            check(&harness, &order, restarts);
        }
    }
}

fn check(harness: &Harness, order: &[Step], restarts: bool) {
    let (undeclared, outside) = reference(order);
    let rules = harness.engine.rules();
    let missing = rules
        .bundle
        .rules
        .iter()
        .find(|r| r.path.ends_with("/undeclared-agent.yaml"));
    let alerts = harness.alerts();
    let of = |title: &str| -> u64 {
        let last = alerts.iter().rev().find(|alert| said(alert).0 == title);
        last.map_or(0, |alert| alert["count"].as_u64().unwrap())
    };
    let what = format!(
        "{order:?}, restarts {restarts}: {:?}",
        alerts.iter().map(said).collect::<Vec<_>>()
    );
    assert_eq!(of(&missing.unwrap().title), undeclared, "{what}");
    assert_eq!(
        of(&title(harness, "/resource-type-outside-scope.yaml")),
        outside,
        "{what}"
    );
    assert!(
        harness
            .entries()
            .keys()
            .all(|key| !key.contains("#deferred")),
        "{what}"
    );
    assert_eq!(harness.task.meta().deferred, 0, "{what}");
}

#[test]
fn the_bounds_per_agent_and_per_partition_are_hit_and_counted() {
    for (agent_max, partition_max, waiting) in [(3, 100, 6), (100, 4, 4)] {
        let mut harness = Harness::with(|options| {
            options.detector.deferred_per_agent_max = agent_max;
            options.detector.deferred_per_partition_max = partition_max;
        });
        managed(&mut harness);
        for n in 0..10 {
            for agent in ["a", "b"] {
                let mut action = read(&format!("{agent}{n}"));
                action["agent.id"] = agent.into();
                harness.action(T0 + MINUTE + n, action);
            }
            // The count must not depend on which agents are in memory.
            harness.step();
            harness.reopen();
        }
        assert_eq!(harness.count("deferred"), waiting);
        assert_eq!(harness.count("deferrals_refused"), 20 - waiting);
        assert_eq!(harness.task.meta().deferred, waiting);
        let held = harness
            .entries()
            .into_keys()
            .filter(|key| key.contains("#deferred/"))
            .count();
        assert_eq!(held as u64, waiting);
        harness.tick(T0 + 2 * MINUTE);
        harness.step();
        assert_eq!(harness.count("waits_expired"), waiting);
        assert_eq!(harness.task.meta().deferred, 0);
    }
}

/// An action of more than 11 kB that waits for the scope of its task.
fn long_action(agent: &str, n: usize) -> serde_json::Value {
    let chain: Vec<String> = (0..30).map(|at| format!("{at:0>250}")).collect();
    let mut action = read(&format!("{agent}-{n}"));
    action["agent.id"] = agent.into();
    action["task.id"] = "of no scope".into();
    action["delegation.chain"] = chain.into();
    action["resource.id"] = "x".repeat(4_000).into();
    action
}

/// Lets agents fill their room, one after the other, until the room of all is full.
fn fill_room(harness: &mut Harness, agents: u64, declared: bool) {
    for agent in 0..agents {
        let agent = format!("agent-{agent}");
        if declared {
            let scope = json!({"agent.id": agent, "task.id": "declared", "grants": databases()});
            harness.scope(T0, scope);
        }
        for n in 0..25 {
            harness.action(T0 + SECOND, long_action(&agent, n));
        }
        harness.step();
    }
}

/// Whether an action of an agent is deferred that has the room of an agent to itself.
fn defers(harness: &mut Harness, tenant: &str, agent: &str) -> bool {
    let before = harness.count("deferred");
    let mut action = long_action(agent, 0);
    action["tenant"] = tenant.into();
    harness.action(T0 + SECOND, action);
    harness.step();
    harness.count("deferred") > before
}

#[test]
fn what_waits_is_bounded_in_bytes_for_a_partition_and_for_the_undeclared_of_a_tenant() {
    for (declared, bound) in [
        (false, DEFERRED_UNDECLARED_BYTES_MAX),
        (true, DEFERRED_PARTITION_BYTES_MAX),
    ] {
        let mut harness = Harness::with(|_| ());
        managed(&mut harness);
        for agent in ["declared", "later"] {
            let scope = json!({"agent.id": agent, "task.id": "declared", "grants": databases()});
            harness.scope(T0, scope);
        }
        let other = json!({"tenant": "globex", "agent.id": "other", "grants": databases()});
        harness.scope(T0, other);
        // Each agent fills most of its own room, and together they ask for a tenth more than all.
        fill_room(
            &mut harness,
            bound / DEFERRED_AGENT_BYTES_MAX * 11 / 10,
            declared,
        );
        let waiting = harness.task.meta().deferred_bytes;
        assert!((bound - 16_384..=bound).contains(&waiting), "{waiting}");
        assert!(harness.count("deferrals_refused") > 0);
        assert!(!defers(&mut harness, "acme", "new"), "{declared}");
        // The undeclared agents of one tenant leave room to all others.
        assert_eq!(defers(&mut harness, "acme", "declared"), !declared);
        assert_eq!(defers(&mut harness, "globex", "new"), !declared);
        // A restart counts the same, and what has waited frees its room.
        harness.reopen();
        assert!(!defers(&mut harness, "acme", "newer"), "{declared}");
        harness.tick(T0 + MINUTE);
        harness.step();
        assert_eq!(harness.task.meta().deferred, 0);
        assert!(defers(&mut harness, "acme", "later"), "{declared}");
        assert!(defers(&mut harness, "acme", "newest"), "{declared}");
    }
}

#[test]
fn undeclared_agents_beyond_the_cap_share_one_state() {
    let mut harness = Harness::with(|options| options.detector.agents_undeclared_max = 3);
    managed(&mut harness);
    for n in 0..8 {
        let mut action = read(&format!("e{n}"));
        action["agent.id"] = format!("ghost-{n}").into();
        harness.action(T0 + MINUTE + n, action);
        harness.step();
        harness.reopen();
    }
    let keys: Vec<String> = harness.entries().into_keys().collect();
    let own = keys
        .iter()
        .filter(|key| key.starts_with("a:acme/ghost") && key.ends_with("#live"));
    assert_eq!(own.count(), 3, "{keys:?}");
    assert!(keys.contains(&"u:acme#live".to_owned()), "{keys:?}");
    assert_eq!(harness.count("onboarding_full"), 5);
    // An agent that gets a scope no longer counts against the cap.
    harness.scope(
        T0 + 2 * MINUTE,
        json!({"agent.id": "ghost-0", "grants": databases()}),
    );
    let mut action = read("late");
    action["agent.id"] = "ghost-9".into();
    harness.action(T0 + 2 * MINUTE + 1, action);
    harness.step();
    assert!(harness.entries().contains_key("a:acme/ghost-9#live"));
}

#[test]
fn an_unmanaged_tenant_is_reported_once_and_a_link_from_elsewhere_changes_that() {
    let mut harness = Harness::with(|_| ());
    let act = |harness: &mut Harness, at_ms: i64, agent: &str| {
        let mut action = read(&format!("{agent}-{at_ms}"));
        action["agent.id"] = agent.into();
        harness.action(at_ms, action);
        harness.step();
    };
    for n in 0..5 {
        act(&mut harness, T0 + n, &format!("x{n}"));
    }
    let unmanaged = title(&harness, "/unmanaged-tenant.yaml");
    assert_eq!(created(&harness.alerts()), std::slice::from_ref(&unmanaged));
    assert_eq!(
        harness.count("deferred"),
        0,
        "nothing waits where nothing is declared"
    );
    let link = json!({"body": {"tenant_managed": {"tenant": "acme"}}});
    harness.send(Input::Links, T0 + MINUTE, &link);
    harness.step();
    harness.reopen();
    act(&mut harness, T0 + 2 * MINUTE, "x9");
    assert_eq!(harness.count("deferred"), 1);
    harness.tick(T0 + 3 * MINUTE);
    harness.step();
    let missing = title(&harness, "/undeclared-agent.yaml");
    assert_eq!(created(&harness.alerts()), [unmanaged, missing]);
}

#[test]
fn a_scope_without_a_date_is_also_for_the_actions_that_waited_for_it() {
    let mut harness = Harness::with(|_| ());
    managed(&mut harness);
    harness.action(T0 + MINUTE, read("before"));
    harness.scope(T0 + MINUTE + 2 * SECOND, json!({"grants": databases()}));
    let mut late = read("late");
    late["occurred_at"] = (T0 + MINUTE + SECOND).into();
    harness.action(T0 + MINUTE + 3 * SECOND, late);
    assert!(harness.step().is_empty());
    assert_eq!(
        (harness.count("deferred"), harness.task.meta().deferred),
        (1, 0)
    );
}

/// An action of task `task`.
fn of_task(task: &str, mut action: serde_json::Value) -> serde_json::Value {
    action["task.id"] = task.into();
    action
}

#[test]
fn an_action_waits_for_its_own_scope_while_others_of_its_agent_come_and_end() {
    let mut harness = Harness::with(|_| ());
    let scope = |task: &str, status: &str, grants| {
        let mut scope = json!({"scope_id": task, "task.id": task, "status": status});
        scope["grants"] = grants;
        scope
    };
    harness.scope(T0, scope("t1", "active", databases()));
    // The scope of t1, active or ended, would raise an alert here.
    harness.action(T0 + MINUTE, of_task("t2", mail("e1")));
    harness.step();
    assert_eq!(harness.count("deferred"), 1);
    harness.scope(T0 + MINUTE + 1, scope("t1", "completed", databases()));
    harness.action(T0 + MINUTE + 2, of_task("t2", mail("e2")));
    harness.step();
    assert_eq!(harness.count("deferred"), 2);
    harness.scope(T0 + MINUTE + 3, {
        let mut scope = scope("t2", "active", anything());
        scope["effective_from"] = T0.into();
        scope
    });
    harness.tick(T0 + 2 * MINUTE);
    assert!(harness.step().is_empty());
    assert_eq!(harness.count("waits_expired"), 0);
    assert_eq!(harness.task.meta().deferred, 0);
}

#[test]
fn a_credential_that_no_scope_names_waits_like_a_task() {
    let mut harness = Harness::with(|_| ());
    let scope = |id: &str, credential: &str, status: &str| {
        json!({"scope_id": id, "credential_ids": [credential], "status": status,
            "grants": databases(), "effective_from": T0})
    };
    harness.scope(T0, scope("s1", "c1", "active"));
    harness.scope(T0 + SECOND, scope("s1", "c1", "completed"));
    let mut action = read("e1");
    action["credential.id"] = "c2".into();
    harness.action(T0 + MINUTE, action);
    harness.step();
    assert_eq!(harness.count("deferred"), 1);
    harness.scope(T0 + MINUTE + SECOND, scope("s2", "c2", "active"));
    harness.tick(T0 + 2 * MINUTE);
    assert!(harness.step().is_empty());
    assert_eq!(
        (harness.count("waits_expired"), harness.task.meta().deferred),
        (0, 0)
    );
}

#[test]
fn a_task_nobody_declares_buys_time_once_and_none_after_a_revocation() {
    let mut harness = Harness::with(|_| ());
    let scope = |status: &str| json!({"task.id": "t1", "status": status, "grants": databases()});
    harness.scope(T0, scope("active"));
    harness.action(T0 + SECOND, of_task("t2", read("e1")));
    harness.tick(T0 + MINUTE);
    harness.action(T0 + MINUTE, of_task("t2", mail("e2")));
    assert_eq!(created(&harness.step()).len(), 1, "judged at once");
    assert_eq!(
        (harness.count("deferred"), harness.count("waits_expired")),
        (1, 1)
    );
    // The scope of another task may still arrive, but waits are not granted to any number of tasks.
    for n in 3..9 {
        harness.action(
            T0 + n * MINUTE,
            of_task(&format!("t{n}"), read(&n.to_string())),
        );
        harness.step();
    }
    harness.tick(T0 + 10 * MINUTE);
    harness.step();
    let waited = ["deferred", "waits_expired"].map(|name| harness.count(name));
    assert_eq!(waited, [EXPIRED_WAITS_MAX as u64; 2]);
    // A scope that names no task: what was taken from the agent as a whole.
    harness.scope(
        T0 + 20 * MINUTE,
        json!({"scope_id": "whole", "status": "revoked"}),
    );
    harness.action(T0 + 21 * MINUTE, of_task("t10", read("e3")));
    let revoked = title(&harness, "/action-after-revocation.yaml");
    assert!(created(&harness.step()).contains(&revoked));
    assert_eq!(harness.count("deferred"), EXPIRED_WAITS_MAX as u64);
}

#[test]
fn a_scope_that_cannot_be_judged_by_is_a_dead_letter_and_changes_nothing_else() {
    let mut harness = Harness::with(|_| ());
    harness.action(T0, read("unmanaged"));
    let bad = json!({"grants": [{"resource_types": ["ema*"], "verbs": ["read"]}]});
    harness.scope(T0 + 1, bad.clone());
    harness.action(T0 + 2, read("still unmanaged"));
    harness.step();
    assert_eq!(harness.count("deferred"), 0, "nobody manages the tenant");
    harness.scope(T0 + 3, json!({"grants": databases(), "effective_from": T0}));
    harness.scope(T0 + 4, bad);
    harness.action(T0 + 5, mail("e"));
    harness.step();
    let outside = title(&harness, "/resource-type-outside-scope.yaml");
    assert!(
        created(&harness.alerts()).contains(&outside),
        "the scope before it holds"
    );
    let letters: Vec<_> = of(&harness.outputs, OutputTopic::DeadLetter).collect();
    assert_eq!(letters.len(), 2);
    for letter in letters {
        let header = |end: &str| {
            let found = letter.headers.iter().find(|(name, _)| name.ends_with(end));
            String::from_utf8(found.unwrap().1.clone().unwrap()).unwrap()
        };
        assert_eq!(header(".class"), "invalid_scope");
        assert!(
            header(".message").contains("ema*"),
            "{}",
            header(".message")
        );
        assert!(
            letter
                .value
                .as_ref()
                .is_some_and(|value| value.starts_with(b"{"))
        );
    }
}

#[test]
fn retries_are_found_per_agent_among_those_that_share_a_state() {
    let mut harness = Harness::with(|options| options.detector.agents_undeclared_max = 1);
    managed(&mut harness);
    for agent in ["x1", "x2", "x3", "x3"] {
        let mut action = read("1");
        action["agent.id"] = agent.into();
        harness.action(T0 + MINUTE, action);
    }
    harness.step();
    assert_eq!(harness.count("onboarding_full"), 3);
    assert_eq!(harness.count("retries"), 1, "the second of x3 alone");
}

#[test]
fn an_agent_named_like_a_key_of_another_does_no_harm() {
    let mut harness = Harness::with(|_| ());
    managed(&mut harness);
    let mut odd = read("odd");
    odd["agent.id"] = "a1#deferred/x".into();
    harness.action(T0 + SECOND, odd);
    harness.action(T0 + SECOND, read("e"));
    harness.step();
    harness.reopen();
    harness.tick(T0 + MINUTE);
    harness.step();
    assert_eq!(harness.count("waits_expired"), 2);
}
