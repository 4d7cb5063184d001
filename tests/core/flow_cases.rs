//! Where content comes from and where it goes: the rules of the instruction family from record to
//! alert, and who in a tree has to know of what others have read.

use scopewatch::event::Input;
use serde_json::{Value as Json, json};

use crate::harness::{Harness, MINUTE, SECOND, T0, alerts, anything, rules_with};
use crate::rules::Case;
use crate::world::World;

pub const TREE: &str = "Private data may leave by another agent of the tree";
/// Seconds from task to task: the one before is over.
const APART_S: i64 = 2_400;
/// Second of the first action after six clean tasks.
const LATER_S: i64 = 6 * APART_S;

fn act(kind: &str, verb: &str) -> Json {
    json!({"agent.type": "desk", "task.class": "notes", "resource.type": kind,
        "action.verb": verb})
}

fn with(mut action: Json, field: &str, value: Json) -> Json {
    action[field] = value;
    action
}

fn page() -> Json {
    act("web.page", "read")
}

fn customer() -> Json {
    with(act("crm.customer", "read"), "content.private", true.into())
}

fn mail(to: &str) -> Json {
    with(
        act("email.message", "send"),
        "destination.address",
        to.into(),
    )
}

/// Six clean tasks, then these actions in one task.
fn after(clean: &Json, actions: Vec<Json>) -> Vec<(i64, Json)> {
    let clean = (0..6).map(|task| (1 + task * APART_S, clean.clone()));
    let later = actions.into_iter().zip(LATER_S..);
    clean
        .chain(later.map(|(action, at_s)| (at_s, action)))
        .collect()
}

fn family() -> Json {
    json!([
        {"agent.id": "planner", "scope_id": "p1", "grants": anything()},
        {"scope_id": "c1", "grants": anything(),
            "parent": {"agent_id": "planner", "scope_id": "p1"}},
    ])
}

pub fn flow_cases() -> Vec<Case> {
    let scopes = json!([{"grants": anything()}]);
    let of_class = json!([{"grants": anything(), "task.class": "notes"}]);
    let note = act("ticket.note", "create");
    let usual = mail("ana@client.example");
    let odd = || mail("x@new.example");
    let of_planner = |action| with(action, "agent.id", "planner".into());
    vec![
        (
            "trifecta",
            scopes.clone(),
            after(&note, vec![page(), customer(), odd()]),
        ),
        (
            "trifecta-in-tree",
            family(),
            after(
                &usual,
                vec![of_planner(page()), of_planner(customer()), odd()],
            ),
        ),
        (
            "new-destination-after-untrusted",
            scopes,
            after(&usual, vec![page(), odd()]),
        ),
        (
            "destruction-or-egress-after-untrusted",
            of_class,
            after(&note, vec![page(), act("ticket.note", "delete")]),
        ),
    ]
}

/// The records of a tree, with the second of each: `a1` sends what others have read.
pub fn tree_records(readers: [&str; 2]) -> Vec<(Input, i64, Json)> {
    let scope = |agent: &str, parent: Option<&str>| {
        let mut scope = json!({"agent.id": agent, "scope_id": format!("s-{agent}"),
            "grants": anything()});
        if let Some(parent) = parent {
            let id = format!("s-{parent}");
            scope["parent"] = json!({"agent_id": parent, "scope_id": id});
        }
        scope
    };
    let mut records = vec![
        (Input::Scopes, -30, scope("b", None)),
        (Input::Scopes, -20, scope("a1", Some("b"))),
        (Input::Scopes, -10, scope("c", Some("b"))),
    ];
    let usual = with(mail("ana@client.example"), "agent.id", "a1".into());
    let usual = (0..6).map(|task| (Input::Actions, 1 + task * APART_S, usual.clone()));
    records.extend(usual);
    for (action, at_s) in [page(), customer()].into_iter().zip(LATER_S..) {
        let reader = readers[(at_s - LATER_S) as usize];
        let action = with(action, "agent.id", reader.into());
        records.push((Input::Actions, at_s, action));
    }
    let odd = with(mail("x@new.example"), "agent.id", "a1".into());
    records.push((Input::Actions, LATER_S + 30, odd));
    records
}

fn play_tree(partitions: u32, records: &[(Input, i64, Json)]) -> (World, Vec<String>) {
    let mut world = World::new(partitions, rules_with(&[]));
    for (input, at_s, body) in records {
        let at_ms = T0 + at_s * SECOND;
        world.tick(at_ms);
        world.send(*input, at_ms, body);
    }
    let found = alerts(&world.outputs);
    let of_tree = found.iter().filter(|alert| alert["rule"]["title"] == TREE);
    let text = |alert: &Json| alert["message"].as_str().unwrap().to_owned();
    let texts = of_tree.map(text).collect();
    (world, texts)
}

#[test]
fn what_any_agent_of_the_tree_has_read_counts_in_one_partition_and_in_twelve() {
    let read = |agent: &str, what: &str| format!("agent {agent} of its tree has read {what}");
    let (text, data) = ("untrusted content", "private data");
    for (readers, end) in [
        (
            ["b", "b"],
            format!("; {}; {}", read("b", text), read("b", data)),
        ),
        (
            ["c", "b"],
            format!("; {}; {}", read("c", text), read("b", data)),
        ),
        (
            ["c", "c"],
            format!("; {}; {}", read("c", text), read("c", data)),
        ),
        (
            ["a1", "c"],
            format!(
                ", 2 actions after untrusted content (web); {}",
                read("c", data)
            ),
        ),
    ] {
        for partitions in [1, 12] {
            let mut records = tree_records(readers);
            if readers[0] == "a1" {
                // Another action of its own in between.
                let own = with(act("ticket.note", "read"), "agent.id", "a1".into());
                records.insert(records.len() - 1, (Input::Actions, LATER_S + 2, own));
            }
            let (mut world, found) = play_tree(partitions, &records);
            assert_eq!(found.len(), 1, "{readers:?} {partitions}: {found:?}");
            let start = "Agent acme/a1: send email.message to x@new.example";
            assert_eq!(
                found[0],
                format!("{start}{end}"),
                "{readers:?} {partitions}"
            );
            // What is repeated is known, and goes no further.
            world.repeat_links(T0 + (LATER_S + 40) * SECOND);
        }
    }
}

#[test]
fn an_agent_that_claims_to_be_above_another_says_nothing_about_it() {
    let mut records = tree_records(["b", "b"]);
    // Nobody declares the edge: b only says that it spawned a1.
    for (_, _, body) in records.iter_mut().take(3) {
        body.as_object_mut().unwrap().remove("parent");
    }
    let spawn = json!({"agent.id": "b", "resource.type": "agent.child", "action.verb": "spawn",
        "resource.id": "a1"});
    records.insert(3, (Input::Actions, 0, spawn));
    let (_, found) = play_tree(1, &records);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn a_child_whose_scope_has_ended_learns_no_more() {
    let mut records = tree_records(["b", "b"]);
    let mut end = records[1].2.clone();
    end["status"] = "completed".into();
    end["effective_from"] = (T0 + (LATER_S - 60) * SECOND).into();
    let at = records.len() - 3;
    records.insert(at, (Input::Scopes, LATER_S - 60, end));
    let (_, found) = play_tree(1, &records);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn what_a_task_has_read_survives_a_restart_and_is_forgotten_with_the_task() {
    let actions = after(
        &act("ticket.note", "create"),
        vec![page(), customer(), mail("x@new.example")],
    );
    for (idle_s, found) in [(0, 1), (1_801, 0)] {
        let mut harness = Harness::with(|_| ());
        harness.scope(T0 - MINUTE, json!({"grants": anything()}));
        for (index, (at_s, action)) in actions.iter().enumerate() {
            let is_last = index + 1 == actions.len();
            let at_s = at_s + if is_last { idle_s } else { 0 };
            harness.action(T0 + at_s * SECOND, action.clone());
            harness.step();
            harness.reopen();
        }
        let alerts = harness.alerts();
        let title = "Private data may leave after untrusted content";
        let all = alerts
            .iter()
            .filter(|alert| alert["rule"]["title"] == title);
        assert_eq!(all.count(), found, "{idle_s}");
    }
}
