//! Whoever invents children, parents, credentials or circles fills bounds that are counted, and
//! hides nobody: the end of a real agent's parent is found in the same partition.

use scopewatch::event::Input;
use serde_json::{Value as Json, json};

use crate::harness::{Harness, MINUTE, SECOND, T0, alerts, anything, created, read, rules_with};
use crate::world::World;

/// Records with the second of each.
type Records = Vec<(Input, i64, Json)>;

/// What is invented, the counter of its bound, and the records.
type Flood = (&'static str, Option<&'static str>, Records);

fn scope(agent: &str, scope_id: &str, parent: Option<&str>) -> (Input, i64, Json) {
    let mut scope = json!({"scope_id": scope_id, "agent.id": agent, "grants": anything()});
    if let Some(parent) = parent {
        scope["parent"] = json!({"agent_id": parent, "scope_id": format!("s-{parent}")});
    }
    (Input::Scopes, 10, scope)
}

fn own_scope(agent: &str, parent: Option<&str>) -> (Input, i64, Json) {
    scope(agent, &format!("s-{agent}"), parent)
}

fn act(agent: &str, id: String, more: Json) -> (Input, i64, Json) {
    let mut action = read(&id);
    action["agent.id"] = agent.into();
    for (name, value) in more.as_object().unwrap() {
        action[name] = value.clone();
    }
    (Input::Actions, 20, action)
}

fn spawn(agent: &str, id: String, child: &str) -> (Input, i64, Json) {
    let spawn = json!({"action.verb": "spawn", "resource.type": "agent.child",
        "resource.id": child});
    act(agent, id, spawn)
}

/// A line of agents below `top`, each the child of the one before it.
fn line(top: &str, count: usize) -> Records {
    let name = |n: usize| match n {
        0 => top.to_owned(),
        n => format!("line-{n}"),
    };
    let mut records = vec![own_scope(top, None)];
    records.extend((1..=count).map(|n| own_scope(&name(n), Some(&name(n - 1)))));
    records
}

fn floods() -> Vec<Flood> {
    let mut members = vec![own_scope("top", None)];
    for n in 0..6 {
        let middle = format!("m{n}");
        members.push(own_scope(&middle, Some("top")));
        members.extend((0..60).map(|k| own_scope(&format!("m{n}-{k}"), Some(&middle))));
    }
    let later = |n: i64| {
        let (input, at, mut body) = scope("evil", &format!("t{}", n / 2), Some("boss"));
        body["effective_from"] = (T0 + (60 + n) * MINUTE).into();
        (input, at, body)
    };
    let parents = (0..12).map(|n| scope("evil", &format!("t{n}"), Some(&format!("boss-{n}"))));
    let tasks = (0..40).map(|n| scope("evil", &format!("t{n}"), Some("boss")));
    let children = (0..80).map(|n| spawn("evil", format!("x{n}"), &format!("child-{n}")));
    let claims = (0..8).map(|n| spawn(&format!("evil-{n}"), format!("x{n}"), "mid"));
    let tokens = (0..80).map(|n| {
        let token = json!({"credential.id": format!("junk-{n}")});
        act("evil", format!("x{n}"), token)
    });
    let users = (0..20).map(|n| {
        let agent = format!("evil-{n}");
        act(&agent, format!("x{n}"), json!({"credential.id": "junk"}))
    });
    let circle = [own_scope("x", Some("y")), own_scope("y", Some("x"))];
    vec![
        ("children", Some("tree_children_full"), children.collect()),
        ("agents below", Some("tree_members_full"), members),
        ("a deep line", Some("tree_depth_cut"), line("top", 20)),
        ("parents", Some("tree_parents_full"), parents.collect()),
        ("claims", Some("tree_claims_full"), claims.collect()),
        ("tasks", Some("tree_scopes_full"), tasks.collect()),
        (
            "scopes to come",
            Some("tree_coming_full"),
            (0..80).map(later).collect(),
        ),
        (
            "credentials",
            Some("credential_links_cut"),
            tokens.collect(),
        ),
        ("users", Some("credential_users_full"), users.collect()),
        ("a circle", None, circle.to_vec()),
    ]
}

#[test]
fn what_is_invented_is_counted_and_a_real_agent_is_found() {
    for (name, counter, records) in floods() {
        let mut world = World::new(1, rules_with(&[]));
        let real = [own_scope("root", None), own_scope("mid", Some("root"))];
        for (n, (input, second, body)) in (0..).zip(real.into_iter().chain(records)) {
            world.send(input, T0 + second * SECOND + n, &body);
        }
        if let Some(counter) = counter {
            assert!(world.count(counter) > 0, "{name}: {counter} is 0");
        }
        let (input, _, mut over) = own_scope("root", None);
        over["status"] = "revoked".into();
        world.send(input, T0 + MINUTE, &over);
        let sent = world.outputs.len();
        let (input, _, late) = act("mid", "late".into(), json!({}));
        world.send(input, T0 + 2 * MINUTE, &late);
        let found = created(&alerts(&world.outputs[sent..]));
        let expected = "Child acts after the revocation of its parent";
        assert!(
            found.iter().any(|title| title == expected),
            "{name}: {found:?}"
        );
    }
}

/// Half of the room for undeclared agents is for those that act, whatever another agent claims.
#[test]
fn an_agent_that_claims_to_have_spawned_others_leaves_room_for_those_that_act() {
    let mut harness = Harness::with(|options| options.detector.agents_undeclared_max = 20);
    harness.scope(T0, own_scope("evil", None).2);
    for n in 0..30 {
        let (_, _, body) = spawn("evil", format!("x{n}"), &format!("child-{n}"));
        harness.action(T0 + SECOND + n, body);
    }
    harness.step();
    assert_eq!(harness.count("links_refused"), 20);
    for n in 0..10 {
        let (_, _, body) = act(&format!("real-{n}"), format!("r{n}"), json!({}));
        harness.action(T0 + MINUTE + n, body);
    }
    harness.step();
    assert_eq!(
        harness.count("onboarding_full"),
        0,
        "each has a state of its own"
    );
}

/// Without an attack nothing is cut off.
#[test]
fn a_usual_tree_hits_no_bound() {
    let mut world = World::new(1, rules_with(&[]));
    for (n, (input, second, body)) in (0..).zip(line("root", 4)) {
        world.send(input, T0 + second * SECOND + n, &body);
    }
    for (_, counter, _) in floods() {
        let counted = counter.map_or(0, |counter| world.count(counter));
        assert_eq!(counted, 0, "{counter:?}");
    }
}
