//! Each kind of link over twelve partitions: what is found with it, and not without it. The agents
//! of a case are in different partitions, for within one a link is never lost.
//!
//! | kind | the case of [`cases`] that fails without it |
//! | --- | --- |
//! | `tick` | an undeclared agent is reported when its wait for a scope is over |
//! | `tenant_managed` | the scope of one agent makes others undeclared |
//! | `budget_rearmed` | a budget is whole again after a command in another partition |
//! | `task_ended_clean` | what the tasks of another agent have never done |
//! | `task_set_aside` | what a task in the learning time did, too strange to be learned |
//! | `class_changed` | what a class had to forget is new again |
//! | `agents_changed` | the baseline of an agent of a frozen type is frozen |
//! | `profile_imported` | what no task of an imported class has done |
//! | `child_declared`, `parent_scope` | a child is wider than its parent |
//! | `tree_flow` | the child sends what its parent has read |
//! | `tree_member` | a request for the tree of the root reaches its grandchild |
//! | `gateway_numbers` | a number of a gateway that came to no partition |
//! | `target_requested`, `target_used` | who of a requested tree still acts |
//! | `credential_used`, `credential_shared` | the credential of another agent |
//!
//! Rules: a shipped rule without a case from record to alert fails
//! `rules::every_shipped_rule_makes_an_alert_with_its_id`, and so does a case whose rule is gone;
//! for the rules about ends also `ends::every_shipped_rule_about_an_end_has_its_end`.

use std::collections::BTreeSet;

use scopewatch::engine::contract::OutputTopic;
use scopewatch::event::Input;
use scopewatch::text::SourceFile;
use serde_json::{Value as Json, json};

use crate::behaviour::EVIDENCE;
use crate::cascades::{requested, scope as member, tree_rule_files};
use crate::delegation_cases::tree_cases;
use crate::flow_cases::{TREE, tree_records};
use crate::harness::{
    HOUR, MINUTE, SECOND, T0, alerts, anything, created, databases, file, of, rules_with,
};
use crate::learning_commands::state_rule;
use crate::rules::{Case, forwarded_case};
use crate::world::World;

/// The records of a case, with the second of each.
type Records = Vec<(Input, i64, Json)>;

/// Kinds of links; the agents, each in another partition; more rules; the records; what is found.
struct LinkCase {
    kinds: &'static [&'static str],
    agents: &'static [&'static str],
    files: Vec<SourceFile>,
    records: Records,
    found: fn(&World) -> bool,
}

fn act(agent: &str, verb: &str, credential: &str) -> Json {
    json!({"agent.id": agent, "resource.type": "database.table", "action.verb": verb,
        "credential.id": credential, "credential.issuer": "https://idp", "outcome": "allowed"})
}

fn declared(agent: &str, credential: &str) -> Json {
    json!({"agent.id": agent, "scope_id": format!("s-{agent}"), "issuer": "https://idp",
        "grants": databases(), "credential_ids": [credential]})
}

fn has(world: &World, agent: &str, title: &str) -> bool {
    let all = alerts(&world.outputs);
    let own = |alert: &&Json| alert["agent_id"] == agent && alert["rule"]["title"] == title;
    all.iter().any(|alert| own(&alert))
}

fn cases() -> Vec<LinkCase> {
    let wide = json!({"scope_id": "s-mid", "agent.id": "mid", "grants": anything(),
        "parent": {"agent_id": "root", "scope_id": "s-root"}});
    let delete = json!({"agent.id": "root", "resource.type": "database.table",
        "action.verb": "delete"});
    vec![
        LinkCase {
            kinds: &["tenant_managed", "tick"],
            agents: &["b", "a1"],
            files: Vec::new(),
            records: vec![
                (Input::Scopes, 0, declared("b", "c-b")),
                (Input::Actions, 1, act("a1", "read", "c-a1")),
            ],
            found: |world| has(world, "a1", "Undeclared agent"),
        },
        budget_case(),
        learned_case(),
        set_aside_case(),
        forgotten_case(),
        frozen_case(),
        imported_case(),
        gateway_case(),
        flow_case(),
        uses_case(),
        LinkCase {
            kinds: &["child_declared", "parent_scope"],
            agents: &["root", "mid"],
            files: Vec::new(),
            records: vec![
                (Input::Scopes, 0, member("root", None)),
                (Input::Scopes, 1, wide),
                (Input::Actions, 2, act("mid", "read", "c-mid")),
            ],
            found: |world| has(world, "mid", "Child wider than its parent"),
        },
        LinkCase {
            kinds: &["tree_member"],
            agents: &["root", "mid", "leaf"],
            files: tree_rule_files().to_vec(),
            records: vec![
                (Input::Scopes, 0, member("root", None)),
                (Input::Scopes, 1, member("mid", Some("root"))),
                (Input::Scopes, 2, member("leaf", Some("mid"))),
                (Input::Actions, 3, delete),
            ],
            found: |world| {
                let (asked, _) = requested(&world.outputs);
                asked.iter().any(|one| one.ends_with(" leaf"))
            },
        },
        LinkCase {
            kinds: &["credential_used", "credential_shared"],
            agents: &["b", "a1"],
            files: Vec::new(),
            records: vec![
                (Input::Scopes, 0, declared("b", "c")),
                (Input::Scopes, 0, declared("a1", "c-a1")),
                (Input::Actions, 1, act("b", "read", "c")),
                (Input::Actions, 2, act("a1", "read", "c")),
            ],
            found: |world| has(world, "a1", "Credential of another agent"),
        },
    ]
}

/// The share of a partition is one agent: the second waits, until somebody re-arms the budget in
/// the partition of another agent.
fn budget_case() -> LinkCase {
    let policy = "default: auto\nbudget: {agents-per-hour: 1}\n";
    let rearm = json!({"agent.id": "b3", "by": "ann", "at": T0 + 4 * SECOND, "reason": "known",
        "budget": {"command": "rearm"}});
    let mut records: Records = Vec::new();
    for (second, agent) in [(1, "b0"), (2, "b1"), (5, "b20")] {
        let credential = format!("c-{agent}");
        records.push((Input::Scopes, 0, declared(agent, &credential)));
        records.push((Input::Actions, second, act(agent, "delete", &credential)));
    }
    records.push((Input::Control, 4, rearm));
    records.sort_by_key(|record| record.1);
    LinkCase {
        kinds: &["budget_rearmed"],
        agents: &["b0", "b3"],
        files: vec![file("rules/response.yaml", policy)],
        records,
        found: |world| {
            let asked = world.credentials_requested();
            assert!(!asked.contains("c-b1"), "the budget was never used up");
            asked.contains("c-b20")
        },
    }
}

/// Tasks of one agent teach the class, and another agent of it does what none of them did.
fn learned_case() -> LinkCase {
    let note = |agent: &str, verb: &str| {
        json!({"agent.id": agent, "agent.type": "desk", "task.class": "notes",
            "resource.type": "ticket.note", "action.verb": verb})
    };
    let mut records: Records = (0..6)
        .map(|task| (Input::Actions, task * 2_400, note("b", "create")))
        .collect();
    records.push((Input::Actions, 6 * 2_400, note("a1", "update")));
    LinkCase {
        kinds: &["task_ended_clean"],
        agents: &["b", "a1"],
        files: Vec::new(),
        records,
        found: |world| has(world, "a1", EVIDENCE),
    }
}

/// Seconds after which a learning time is over.
const LEARNED_S: i64 = 8 * 2_400;

/// Tasks of one agent teach the class, one of them something too strange to be learned; another
/// agent does that later.
fn set_aside_case() -> LinkCase {
    let note = |agent: &str, verb: &str| {
        json!({"agent.id": agent, "agent.type": "desk", "task.class": "notes",
            "resource.type": "ticket.note", "resource.id": "n1", "action.verb": verb})
    };
    let mut leak = note("b", "share");
    leak["destination.host"] = "new.example".into();
    let mut records: Records = (0..6)
        .map(|task| (Input::Actions, task * 2_400, note("b", "create")))
        .collect();
    records.push((Input::Actions, 6 * 2_400, leak.clone()));
    records.push((Input::Actions, LEARNED_S + 120, note("b", "create")));
    leak["agent.id"] = "a1".into();
    records.push((Input::Actions, LEARNED_S + 180, leak));
    LinkCase {
        kinds: &["task_set_aside"],
        agents: &["b", "a1"],
        files: Vec::new(),
        records,
        found: |world| has(world, "a1", EVIDENCE),
    }
}

/// A person accepted what agent `b` does, and lets the class forget it.
fn forgotten_case() -> LinkCase {
    let mut case = learned_case();
    let accepted_s = 6 * 2_400;
    let accept = json!({"agent.id": "b", "by": "ann", "at": T0, "acceptance": {"agent_type": "desk",
        "task_class": "notes", "resource_type": "ticket.note", "verb": "update"}});
    let reset = json!({"by": "ann", "at": T0, "learning": {"command": "reset",
        "since": T0 + accepted_s * SECOND, "class": {"agent_type": "desk"}}});
    let (_, _, last) = case.records.pop().unwrap();
    case.records.push((Input::Control, accepted_s, accept));
    case.records.push((Input::Control, 7 * 2_400, reset));
    case.records.push((Input::Actions, 8 * 2_400, last));
    case.kinds = &["class_changed"];
    case
}

/// A person freezes the agents of a type, in the partition of the tenant.
fn frozen_case() -> LinkCase {
    let action = json!({"agent.id": "a1", "agent.type": "desk", "resource.type": "a",
        "action.verb": "read"});
    let freeze = json!({"by": "ann", "at": T0, "learning": {"command": "freeze",
        "where": {"agent_type": "desk"}}});
    let mut records: Records = (0..10)
        .map(|minute| (Input::Actions, minute * 60, action.clone()))
        .collect();
    records.push((Input::Control, 900, freeze));
    records.push((Input::Actions, 960, action));
    LinkCase {
        kinds: &["agents_changed"],
        agents: &["", "a1"],
        files: vec![state_rule("frozen")],
        records,
        found: |world| has(world, "a1", "State"),
    }
}

/// A class that was learned elsewhere knows one pair, and an agent does something else.
fn imported_case() -> LinkCase {
    let mut case = learned_case();
    let hour = T0 / HOUR;
    let state = json!({"tasks": 30, "first_ms": T0 - HOUR, "last_ms": T0 - HOUR, "agents": [1, 2],
        "pairs": [[7, 30, hour - 1, hour - 1, 1, 2, true]], "destinations": [], "resources": [],
        "tools": [], "objects": [], "hours": []});
    let import = json!({"by": "ann", "at": T0, "import": {"part": "class", "agent_type": "desk",
        "task_class": "notes", "state": state.to_string()}});
    let (_, _, last) = case.records.pop().unwrap();
    case.records = vec![(Input::Control, 0, import), (Input::Actions, 60, last)];
    case.kinds = &["profile_imported"];
    case
}

/// The number 2 of a gateway comes to no partition.
fn gateway_case() -> LinkCase {
    let numbered = |agent: &str, number: i64| {
        let mut action = act(agent, "read", "c");
        action["gateway.id"] = "gw".into();
        action["gateway.sequence"] = number.into();
        action
    };
    LinkCase {
        kinds: &["gateway_numbers"],
        agents: &["b", "gateway:gw"],
        files: Vec::new(),
        records: vec![
            (Input::Actions, 0, numbered("b", 1)),
            (Input::Actions, 1, numbered("b", 3)),
            (Input::Actions, 900, numbered("b", 4)),
        ],
        found: |world| has(world, "gateway:gw", "Records of a gateway are missing"),
    }
}

/// A child sends what its parent has read.
fn flow_case() -> LinkCase {
    LinkCase {
        kinds: &["tree_flow"],
        agents: &["b", "a1"],
        files: Vec::new(),
        records: tree_records(["b", "b"]),
        found: |world| has(world, "a1", TREE),
    }
}

/// The tree of the root is requested, and its grandchild acts on.
fn uses_case() -> LinkCase {
    let own = |agent: &str, parent: Option<&str>| {
        let mut scope = member(agent, parent);
        scope["credential_ids"] = json!([format!("c-{agent}")]);
        scope["issuer"] = "https://idp".into();
        scope
    };
    LinkCase {
        kinds: &["target_requested", "target_used"],
        agents: &["root", "mid", "leaf"],
        files: tree_rule_files().to_vec(),
        records: vec![
            (Input::Scopes, 0, own("root", None)),
            (Input::Scopes, 1, own("mid", Some("root"))),
            (Input::Scopes, 2, own("leaf", Some("mid"))),
            (Input::Actions, 3, act("leaf", "read", "c-leaf")),
            (Input::Actions, 4, act("root", "delete", "c-root")),
            (Input::Actions, 20, act("leaf", "read", "c-leaf")),
        ],
        found: |world| {
            let audit = of(&world.outputs, OutputTopic::Audit);
            let mut entries = audit.map(|output| {
                serde_json::from_slice::<Json>(output.value.as_ref().unwrap()).unwrap()
            });
            let of_leaf =
                |target: &Json| target["agent_id"] == "leaf" && target["uses_after_request"] == 1;
            entries.any(|entry| {
                let targets = entry["targets"].as_array();
                targets.is_some_and(|targets| targets.iter().any(of_leaf))
            })
        },
    }
}

fn play(case: &LinkCase, lost: Option<&'static str>) -> World {
    let learning = case.kinds.contains(&"task_set_aside");
    let learn_until_ms = learning.then_some(T0 + LEARNED_S * SECOND);
    let mut world = World::with_learning(12, rules_with(&case.files), learn_until_ms);
    world.lost = lost;
    let homes: BTreeSet<i32> = case.agents.iter().map(|agent| world.home(agent)).collect();
    assert_eq!(homes.len(), case.agents.len(), "{:?}", case.agents);
    for (input, second, body) in &case.records {
        let mut body = body.clone();
        if *input == Input::Scopes {
            body["effective_from"] = (T0 + second * SECOND).into();
        }
        world.send(*input, T0 + second * SECOND, &body);
    }
    world.tick(T0 + HOUR / 2);
    world
}

#[test]
fn without_any_kind_of_link_something_is_not_found() {
    let mut arrived = BTreeSet::new();
    let mut covered = BTreeSet::new();
    for case in cases() {
        let world = play(&case, None);
        let all = created(&alerts(&world.outputs));
        assert!((case.found)(&world), "{:?}: {all:?}", case.kinds);
        for kind in case.kinds {
            assert!(world.arrived.contains(kind), "{kind} never crossed");
            let without = play(&case, Some(kind));
            assert!(!(case.found)(&without), "found without {kind}");
            covered.insert(*kind);
        }
        arrived.extend(world.arrived);
    }
    assert_eq!(covered, arrived, "kinds with a case, and kinds that exist");
}

/// Ends of a root that is two levels above, and a child that was only spawned.
fn far_cases() -> Vec<Case> {
    let verb = |agent: &str, verb: &str| {
        json!({"agent.id": agent, "action.verb": verb,
            "resource.type": "database.table"})
    };
    let spawn = json!({"agent.id": "root", "resource.type": "agent.child",
        "action.verb": "spawn", "resource.id": "a1"});
    let tree = |status: &str| {
        let mut scopes = vec![member("root", None), member("mid", Some("root"))];
        let mut own = member("a1", Some("mid"));
        own["grants"] = anything();
        scopes[0]["grants"] = anything();
        scopes[1]["grants"] = anything();
        scopes.push(own);
        let mut over = scopes[0].clone();
        over["status"] = status.into();
        over["effective_from"] = (T0 - 30 * SECOND).into();
        scopes.push(over);
        Json::Array(scopes)
    };
    let mut expiring = tree("active");
    for n in [0, 3] {
        expiring[n]["expires_at"] = (T0 - 10 * SECOND).into();
    }
    let one = |rule, scopes, action| (rule, scopes, vec![(1, action)]);
    let mut free = member("root", None);
    free["grants"] = anything();
    vec![
        one("parent-revoked", tree("revoked"), verb("a1", "read")),
        one("parent-revoked", tree("revoked"), verb("a1", "delete")),
        one("orphan", tree("completed"), verb("a1", "read")),
        one(
            "orphan-that-changes",
            tree("suspended"),
            verb("a1", "update"),
        ),
        one(
            "orphan-destruction-or-egress",
            expiring,
            verb("a1", "delete"),
        ),
        (
            "ambient-authority-with-effect",
            json!([free]),
            vec![(1, spawn), (120, verb("a1", "update"))],
        ),
    ]
}

/// One alert of the rule about `a1`, whichever partitions its relatives and its credential are in.
#[test]
fn rules_about_other_agents_find_the_same_in_one_partition_and_over_twelve() {
    let mut cases = tree_cases();
    cases.push(forwarded_case());
    cases.extend(far_cases());
    for (rule, scopes, actions) in cases {
        for partitions in [1, 12] {
            let mut world = World::new(partitions, rules_with(&[]));
            for scope in scopes.as_array().unwrap() {
                let mut scope = scope.clone();
                let fields = scope.as_object_mut().unwrap();
                let from_ms = T0 - MINUTE;
                fields.entry("effective_from").or_insert(from_ms.into());
                world.send(Input::Scopes, T0 - SECOND, &scope);
            }
            for (second, action) in &actions {
                world.send(Input::Actions, T0 + second * SECOND, action);
            }
            world.tick(T0 + actions.last().unwrap().0 * SECOND + MINUTE);
            let all = alerts(&world.outputs);
            let about = all.iter().filter(|alert| alert["agent_id"] == "a1");
            let about: Vec<Json> = about.cloned().collect();
            let mut found = created(&about);
            // What was only spawned has no scope, which is reported for the tenant as well.
            found.retain(|title| title != "Undeclared agent");
            let own = title_of(&world, rule);
            assert_eq!(found, [own], "{rule}, {partitions}: {all:#?}");
        }
    }
}

fn title_of(world: &World, rule: &str) -> String {
    let end = format!("/{}.yaml", rule.trim_start_matches("credential/"));
    let rules = world.engine.rules();
    let mut rules = rules.bundle.rules.iter();
    let own = rules.find(|one| one.path.ends_with(&end));
    own.unwrap_or_else(|| panic!("no rule {rule}"))
        .title
        .clone()
}
