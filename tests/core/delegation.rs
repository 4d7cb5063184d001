//! Delegation trees from record to alert: what parent, child and grandchild let each other know.

use serde_json::{Value as Json, json};

use crate::harness::{
    Harness, MINUTE, SECOND, T0, databases, engine, file, options, read, rules_with,
};

const MARKED: &str = "Marked";
const MARKED_ID: &str = "1f5d7c82-b3e4-4960-a1c8-94e27d06fb98";

/// The shipped rules and one that matches `selection`; its alerts are those of [`marked`].
fn with_rule(selection: &str) -> Harness {
    let rule = format!(
        "title: {MARKED}\nid: {MARKED_ID}\nstatus: stable\n\
         description: An event or an action of a tree.\nauthor: Scopewatch\n\
         date: 2026-03-02\ntags: [atlas.aml.t0053, owasp.asi02-2026]\n\
         logsource: {{product: scopewatch, category: agent_action}}\n\
         detection:\n  selection: {{{selection}}}\n  condition: selection\n\
         falsepositives: [none]\nlevel: critical\nresponse: {{revoke: none}}\n"
    );
    let rules = rules_with(&[file("rules/policy/asked.yaml", &rule)]);
    Harness::new(engine(rules, options()))
}

/// The alerts of the rule, or of a shipped one that leads it, each with its agent.
fn marked(harness: &Harness) -> Vec<(String, Json)> {
    let alerts = harness.alerts().into_iter();
    let also = |alert: &Json| {
        let also = alert["also"].as_array().cloned().unwrap_or_default();
        also.iter().any(|id| id == MARKED_ID)
    };
    let alerts = alerts.filter(|alert| alert["rule"]["id"] == MARKED_ID || also(alert));
    let alerts = alerts.filter(|alert| alert["activity"] == "create");
    alerts
        .map(|alert| (alert["agent_id"].as_str().unwrap().to_owned(), alert))
        .collect()
}

fn agents(harness: &Harness) -> Vec<String> {
    marked(harness)
        .into_iter()
        .map(|(agent, _)| agent)
        .collect()
}

/// A scope of `agent`, below the scope of `parent` where there is one.
fn scope(agent: &str, parent: Option<&str>, grants: Json) -> Json {
    let mut scope = json!({"scope_id": format!("s-{agent}"), "agent.id": agent, "grants": grants});
    if let Some(parent) = parent {
        scope["parent"] = json!({"agent_id": parent, "scope_id": format!("s-{parent}")});
    }
    scope
}

fn status(agent: &str, parent: Option<&str>, status: &str) -> Json {
    let mut scope = scope(agent, parent, databases());
    scope["status"] = status.into();
    scope
}

/// root, mid below it, leaf below that, all with the same grants.
fn declare_tree(harness: &mut Harness) {
    harness.scope(T0, scope("root", None, databases()));
    harness.scope(T0 + SECOND, scope("mid", Some("root"), databases()));
    harness.scope(T0 + 2 * SECOND, scope("leaf", Some("mid"), databases()));
    harness.step();
}

fn act(agent: &str, id: &str, more: Json) -> Json {
    let mut action = read(id);
    action["agent.id"] = agent.into();
    for (name, value) in more.as_object().unwrap() {
        action[name] = value.clone();
    }
    action
}

#[test]
fn a_child_wider_than_its_parent_is_found_when_it_is_declared() {
    let mut harness = with_rule("event.kind: [grant, link], delegation.widened: verb");
    declare_tree(&mut harness);
    assert!(marked(&harness).is_empty(), "as wide as their parents");
    let more = json!([{"resource_types": ["database.*"], "verbs": ["read", "list", "delete"]}]);
    // A parent that is known already: at the grant. A new one: at its link.
    harness.scope(T0 + 3 * SECOND, scope("leaf", Some("mid"), more.clone()));
    harness.scope(T0 + 4 * SECOND, scope("new", Some("mid"), more));
    harness.step();
    assert_eq!(agents(&harness), ["leaf", "new"]);
    let (_, alert) = marked(&harness).remove(1);
    assert_eq!(alert["facts"]["event.kind"], "link");
    assert_eq!(
        alert["event_ids"][0], "agent.scopes/0/4/0",
        "the record that led to it"
    );
}

#[test]
fn a_child_is_compared_again_when_its_parent_narrows() {
    let mut harness = with_rule("event.kind: link, delegation.widened: resource_type");
    declare_tree(&mut harness);
    let narrow = json!([{"resource_types": ["database.table"], "verbs": ["read", "list"]}]);
    harness.scope(T0 + 3 * SECOND, scope("root", None, narrow.clone()));
    harness.step();
    assert_eq!(agents(&harness), ["mid"], "leaf is no wider than mid");
    harness.scope(T0 + 4 * SECOND, scope("mid", Some("root"), narrow));
    harness.step();
    assert_eq!(agents(&harness), ["mid", "leaf"]);
}

/// Records that say what will be: they arrive together, long before they take effect.
#[test]
fn what_a_scope_permits_later_is_compared_when_it_takes_effect() {
    let mut harness = with_rule("event.kind: [grant, link], delegation.widened: resource_type");
    let from = |mut scope: Json, minutes: i64| {
        scope["effective_from"] = (T0 + minutes * MINUTE).into();
        scope
    };
    let narrow = json!([{"resource_types": ["database.table"], "verbs": ["read", "list"]}]);
    let early = [
        from(scope("root", None, databases()), 10),
        from(scope("mid", Some("root"), databases()), 20),
        from(scope("root", None, narrow), 30),
        from(status("root", None, "completed"), 40),
    ];
    for (n, record) in early.into_iter().enumerate() {
        harness.scope(T0 + n as i64 * SECOND, record);
    }
    harness.step();
    harness.tick(T0 + 29 * MINUTE);
    harness.step();
    assert!(marked(&harness).is_empty(), "as wide as its parent");
    harness.tick(T0 + 31 * MINUTE);
    harness.step();
    assert_eq!(agents(&harness), ["mid"]);
    let (_, alert) = marked(&harness).remove(0);
    assert_eq!(
        alert["event_ids"][0], "agent.scopes/0/2/0",
        "the record that narrows the parent"
    );
}

/// The record of a scope has an earlier time than the scope, and is read after both.
#[test]
fn a_scope_whose_record_is_read_late_is_compared_by_the_time_from_which_it_is_in_force() {
    let mut harness = with_rule("event.kind: [grant, link], delegation.widened: resource_type");
    harness.scope(T0, scope("root", None, databases()));
    harness.action(T0 + 10 * MINUTE, act("root", "e1", json!({})));
    harness.step();
    let mut wide = scope("mid", Some("root"), json!([{"resource_types": ["*"]}]));
    wide["effective_from"] = (T0 + 5 * MINUTE).into();
    harness.scope(T0 + MINUTE, wide);
    harness.step();
    assert_eq!(agents(&harness), ["mid"]);
}

#[test]
fn the_end_of_the_root_reaches_every_agent_below() {
    for (word, verdict) in [("revoked", "parent_revoked"), ("completed", "orphaned")] {
        let mut harness = with_rule(&format!(
            "delegation.verdict: {verdict}, lifecycle.parent_ended: true"
        ));
        declare_tree(&mut harness);
        harness.action(T0 + MINUTE, act("leaf", "before", json!({})));
        harness.scope(T0 + 2 * MINUTE, status("root", None, word));
        harness.action(T0 + 3 * MINUTE, act("leaf", "leaf", json!({})));
        harness.action(T0 + 3 * MINUTE, act("mid", "mid", json!({})));
        harness.step();
        assert_eq!(agents(&harness), ["leaf", "mid"], "{word}");
        let (_, alert) = marked(&harness).remove(0);
        assert_eq!(alert["event_ids"], json!(["leaf"]));
    }
}

/// root has a scope; mid and leaf have none, and are known by spawns and chains. `named`: leaf has
/// a scope record that names mid as its parent.
fn undeclared_tree(harness: &mut Harness, root: Json, named: bool) {
    harness.scope(T0, root);
    let spawn = |child: &str| {
        json!({"action.verb": "spawn", "resource.type": "agent.child", "resource.id": child,
            "outcome": "allowed"})
    };
    let mut passes = spawn("leaf");
    passes["delegation.chain"] = json!(["root", "mid"]);
    harness.action(T0 + SECOND, act("root", "spawn-mid", spawn("mid")));
    harness.action(T0 + 2 * SECOND, act("mid", "spawn-leaf", passes));
    if named {
        let mut child = scope("leaf", Some("mid"), databases());
        child["parent"]["scope_id"] = Json::Null;
        harness.scope(T0 + 3 * SECOND, child);
    }
    leaf_acts(harness, T0 + 4 * SECOND, "at-work");
}

fn leaf_acts(harness: &mut Harness, at_ms: i64, id: &str) {
    let chained = json!({"delegation.chain": ["root", "mid", "leaf"], "outcome": "allowed"});
    harness.action(at_ms, act("leaf", id, chained));
}

#[test]
fn an_agent_without_a_scope_passes_the_end_of_its_parent_on() {
    let expiring = |minutes: i64| {
        let mut root = scope("root", None, databases());
        root["expires_at"] = (T0 + minutes * MINUTE).into();
        root
    };
    for named in [false, true] {
        for (word, verdict) in [
            ("revoked", "parent_revoked"),
            ("completed", "orphaned"),
            ("suspended", "orphaned"),
            ("expired", "orphaned"),
        ] {
            let what = format!("{word}, leaf has a scope: {named}");
            let mut harness = with_rule(&format!("delegation.verdict: {verdict}"));
            let expires = word == "expired";
            undeclared_tree(&mut harness, expiring(if expires { 2 } else { 60 }), named);
            leaf_acts(&mut harness, T0 + MINUTE, "before");
            if !expires {
                harness.scope(T0 + 2 * MINUTE, status("root", None, word));
            }
            leaf_acts(&mut harness, T0 + 2 * MINUTE + 4 * SECOND, "on-its-way");
            leaf_acts(&mut harness, T0 + 3 * MINUTE, "after");
            harness.tick(T0 + 4 * MINUTE);
            harness.step();
            assert_eq!(agents(&harness), ["leaf"], "{what}");
            assert_eq!(
                marked(&harness)[0].1["event_ids"],
                json!(["after"]),
                "{what}"
            );
        }
    }
}

/// What goes on gives the agents below their authority, and so does what is taken up again.
#[test]
fn an_agent_without_a_scope_passes_on_that_its_parent_goes_on() {
    for (other_parent, resumed) in [(true, false), (false, true)] {
        let mut harness = with_rule("delegation.verdict: orphaned");
        undeclared_tree(&mut harness, scope("root", None, databases()), false);
        if other_parent {
            let spawn = json!({"action.verb": "spawn", "resource.type": "agent.child",
                "resource.id": "mid", "outcome": "allowed"});
            harness.scope(T0 + 5 * SECOND, scope("other", None, databases()));
            harness.action(T0 + 6 * SECOND, act("other", "spawn-again", spawn));
            let chained = json!({"delegation.chain": ["other", "mid"], "outcome": "allowed"});
            harness.action(T0 + 7 * SECOND, act("mid", "for-another", chained));
        }
        harness.scope(T0 + MINUTE, status("root", None, "suspended"));
        if resumed {
            harness.scope(T0 + 2 * MINUTE, scope("root", None, databases()));
        }
        leaf_acts(&mut harness, T0 + 3 * MINUTE, "goes-on");
        harness.tick(T0 + 4 * MINUTE);
        harness.step();
        assert!(agents(&harness).is_empty(), "{other_parent} {resumed}");
    }
}

/// A scope of its own that nobody delegated is not over with the agent that spawned it.
#[test]
fn an_agent_with_a_scope_of_its_own_passes_no_end_of_a_spawner_on() {
    let mut harness = with_rule("delegation.verdict: orphaned, agent.id: leaf");
    harness.scope(T0, scope("mid", None, databases()));
    undeclared_tree(&mut harness, scope("root", None, databases()), false);
    harness.scope(T0 + MINUTE, status("root", None, "completed"));
    leaf_acts(&mut harness, T0 + 3 * MINUTE, "goes-on");
    harness.tick(T0 + 4 * MINUTE);
    harness.step();
    assert!(agents(&harness).is_empty());
}

#[test]
fn the_expiry_of_the_root_is_known_without_a_record() {
    let mut harness = with_rule("delegation.verdict: orphaned");
    let mut root = scope("root", None, databases());
    root["expires_at"] = (T0 + MINUTE).into();
    harness.scope(T0, root);
    harness.scope(T0 + SECOND, scope("mid", Some("root"), databases()));
    harness.scope(T0 + 2 * SECOND, scope("leaf", Some("mid"), databases()));
    harness.action(T0 + 30 * SECOND, act("leaf", "in-time", json!({})));
    harness.action(T0 + 2 * MINUTE, act("leaf", "late", json!({})));
    harness.step();
    assert_eq!(agents(&harness), ["leaf"]);
    assert_eq!(marked(&harness)[0].1["event_ids"], json!(["late"]));
}

#[test]
fn a_missing_scope_of_the_parent_makes_an_orphan_when_the_parent_has_answered() {
    let mut harness = with_rule("delegation.verdict: orphaned");
    declare_tree(&mut harness);
    for (agent, named) in [("lost", json!("s-nowhere")), ("loose", Json::Null)] {
        let mut child = scope(agent, Some("root"), databases());
        child["parent"]["scope_id"] = named;
        harness.scope(T0 + 3 * SECOND, child);
    }
    for agent in ["lost", "loose"] {
        harness.action(T0 + 5 * SECOND, act(agent, "may-be-late", json!({})));
        // The first action after the wait asks the parent once more.
        harness.action(T0 + 2 * MINUTE, act(agent, "asks", json!({})));
        harness.action(T0 + 3 * MINUTE, act(agent, "after-the-answer", json!({})));
    }
    harness.step();
    assert_eq!(
        agents(&harness),
        ["lost"],
        "nobody named a scope for `loose`"
    );
    assert_eq!(
        marked(&harness)[0].1["event_ids"],
        json!(["after-the-answer"])
    );
}

#[test]
fn an_alert_shows_the_chain_from_the_root_with_the_evidence_of_each_edge() {
    let mut harness = with_rule("'delegation.verdict|exists': true");
    declare_tree(&mut harness);
    let chained = json!({"delegation.chain": ["mid", "leaf"]});
    harness.action(T0 + MINUTE, act("leaf", "e1", chained));
    harness.step();
    let (_, alert) = marked(&harness).remove(0);
    assert_eq!(alert["chain"], json!(["root", "mid", "leaf"]), "{alert:#}");
    assert_eq!(
        alert["chain_edges"],
        json!([
            {"from": "root", "to": "mid", "evidence": ["scope"]},
            {"from": "mid", "to": "leaf", "evidence": ["scope", "chain"]},
        ])
    );
    assert_eq!(alert["facts"]["delegation.verdict"], "delegated");
}

/// What is learned of an edge after the agents below it know it reaches them too.
#[test]
fn the_chain_of_a_grandchild_shows_what_was_learned_of_the_edge_above_later() {
    let chained = json!({"delegation.chain": ["root", "mid"]});
    let spawn = json!({"action.verb": "spawn", "resource.type": "agent.child",
        "resource.id": "mid"});
    for (agent, more, evidence) in [
        ("mid", chained, json!(["scope", "chain"])),
        ("root", spawn, json!(["scope", "spawn"])),
    ] {
        let mut harness = with_rule("'delegation.verdict|exists': true");
        declare_tree(&mut harness);
        harness.action(T0 + MINUTE, act(agent, "later", more));
        harness.action(T0 + 2 * MINUTE, act("leaf", "e1", json!({})));
        harness.step();
        let mut all = marked(&harness).into_iter();
        let (_, alert) = all.find(|(agent, _)| agent == "leaf").unwrap();
        assert_eq!(alert["chain_edges"][0]["evidence"], evidence, "{alert:#}");
    }
}

#[test]
fn a_spawned_agent_without_scope_or_chain_has_ambient_authority() {
    let mut harness = with_rule("delegation.verdict: ambient");
    harness.scope(T0, scope("root", None, databases()));
    harness.action(T0 + MINUTE, act("worker", "known-before", json!({})));
    for (n, child) in ["worker", "fresh", "chained"].iter().enumerate() {
        let spawn = json!({"action.verb": "spawn", "resource.type": "agent.child",
            "resource.id": child});
        harness.action(
            T0 + 2 * MINUTE + n as i64,
            act("root", &format!("spawn-{n}"), spawn),
        );
    }
    for agent in ["worker", "fresh"] {
        harness.action(T0 + 3 * MINUTE, act(agent, "acts", json!({})));
    }
    let chain = json!({"delegation.chain": ["root", "chained"]});
    harness.action(T0 + 3 * MINUTE, act("chained", "acts", chain));
    harness.tick(T0 + 10 * MINUTE);
    harness.step();
    // Whoever spawns the name of an agent that exists proves nothing about it.
    assert_eq!(agents(&harness), ["fresh"]);
}

#[test]
fn a_spawner_knows_how_many_and_the_ancestors_know_the_tree() {
    let mut harness = with_rule("delegation.tree_size: 3, delegation.children: 1");
    declare_tree(&mut harness);
    harness.action(T0 + MINUTE, act("root", "e1", json!({})));
    harness.step();
    assert_eq!(agents(&harness), ["root"]);
    let mut harness = with_rule("delegation.spawned_1h: 2, delegation.children: 2");
    harness.scope(T0, scope("root", None, databases()));
    for child in ["a", "b"] {
        let spawn = json!({"action.verb": "spawn", "resource.type": "agent.child",
            "resource.id": child});
        harness.action(T0 + MINUTE, act("root", child, spawn));
    }
    harness.step();
    assert_eq!(agents(&harness), ["root"]);
    assert_eq!(marked(&harness)[0].1["event_ids"], json!(["b"]));
}

#[test]
fn an_agent_that_invents_parents_and_children_changes_nothing_for_others() {
    let mut harness = with_rule("delegation.verdict: [orphaned, ambient, malformed, cyclic]");
    declare_tree(&mut harness);
    for n in 0..200 {
        let named = ["root", "mid", "leaf"][n % 3];
        let spawn = json!({"action.verb": "spawn", "resource.type": "agent.child",
            "resource.id": named,
            "delegation.chain": [format!("invented-{n}"), "leaf", "evil"]});
        harness.action(T0 + MINUTE + n as i64, act("evil", &format!("x{n}"), spawn));
    }
    for agent in ["root", "mid", "leaf"] {
        harness.action(T0 + 2 * MINUTE, act(agent, "acts", json!({})));
    }
    harness.scope(T0 + 3 * MINUTE, status("root", None, "completed"));
    harness.action(T0 + 4 * MINUTE, act("leaf", "after", json!({})));
    harness.step();
    assert_eq!(agents(&harness), ["leaf"], "only after the end of its root");
    assert_eq!(
        marked(&harness)[0].1["chain"],
        json!(["root", "mid", "leaf"])
    );
}

#[test]
fn a_tree_survives_a_restart() {
    let mut harness = with_rule("delegation.verdict: parent_revoked");
    declare_tree(&mut harness);
    harness.reopen();
    harness.scope(T0 + MINUTE, status("root", None, "revoked"));
    harness.step();
    harness.reopen();
    harness.action(T0 + 2 * MINUTE, act("leaf", "after", json!({})));
    harness.step();
    assert_eq!(agents(&harness), ["leaf"]);
}
