//! A request takes something away from a parent: what its children in other partitions make of it,
//! until it is confirmed, after that, and where it was only planned, failed or was taken back.

use scopewatch::engine::Rules;
use scopewatch::event::Input;
use serde_json::{Value as Json, json};

use crate::cascades::deletion_rule_files;
use crate::harness::{MINUTE, SECOND, T0, alerts, databases, file, read, rules_with};
use crate::world::World;

/// When the parent deletes, for which its credential is requested.
const ASKED: i64 = T0 + 10 * SECOND;
/// When a control record about that comes.
const REPLIED: i64 = ASKED + MINUTE;

const REQUESTED: &str = "Child acts after a request to revoke its parent";
const REVOKED: &str = "Child acts after the revocation of its parent";

fn scope(agent: &str, parent: Option<&str>) -> Json {
    let mut scope = json!({"scope_id": format!("s-{agent}"), "agent.id": agent,
        "grants": databases(), "credential_ids": [format!("c-{agent}")], "issuer": "https://idp"});
    if let Some(parent) = parent {
        scope["parent"] = json!({"agent_id": parent, "scope_id": format!("s-{parent}")});
    }
    scope
}

fn act(world: &mut World, agent: &str, at_ms: i64, verb: &str, credential: &str) {
    let mut action = read(&format!("{agent}-{at_ms}"));
    action["agent.id"] = agent.into();
    action["action.verb"] = verb.into();
    action["credential.id"] = credential.into();
    action["credential.issuer"] = "https://idp".into();
    action["outcome"] = "allowed".into();
    world.send(Input::Actions, at_ms, &action);
}

/// root, mid below it, leaf below that; root deletes under this policy.
fn asked(partitions: u32, mode: &str) -> World {
    let policy = file("rules/response.yaml", &format!("default: {mode}\n"));
    asked_by(partitions, rules_with(&[policy]))
}

fn asked_by(partitions: u32, rules: Rules) -> World {
    let mut world = World::new(partitions, rules);
    for (n, (agent, parent)) in
        (0..).zip([("root", None), ("mid", Some("root")), ("leaf", Some("mid"))])
    {
        world.send(Input::Scopes, T0 + n * SECOND, &scope(agent, parent));
    }
    act(&mut world, "root", ASKED - SECOND, "read", "c-root");
    act(&mut world, "root", ASKED, "delete", "c-root");
    world
}

/// The transaction of the request, or of the plan that waits for one.
fn txn(world: &World) -> Json {
    let all = alerts(&world.outputs);
    let planned = all.iter().filter(|alert| alert["agent_id"] == "root");
    let mut planned = planned.map(|alert| alert["revocation"]["txn"].clone());
    planned.find(Json::is_string).unwrap()
}

fn control(world: &mut World, at_ms: i64, (name, body): (&str, Json)) {
    let mut record = json!({"agent_id": "root", "by": "sam", "at": at_ms});
    record[name] = body;
    record[name]["txn"] = txn(world);
    world.send(Input::Control, at_ms, &record);
}

fn confirmed(result: &str) -> (&str, Json) {
    ("confirmation", json!({"result": result}))
}

/// The rule about the parent that reports a read of each of these agents, and whether its fact says
/// that the revocation is confirmed.
fn reported(world: &mut World, at_ms: i64) -> Vec<(String, String)> {
    let sent = world.outputs.len();
    for agent in ["mid", "leaf"] {
        act(world, agent, at_ms, "read", &format!("c-{agent}"));
    }
    let about_parent = |alert: &Json| {
        let title = alert["rule"]["title"].as_str().unwrap();
        let named = [REQUESTED, REVOKED].contains(&title) && alert["activity"] == "create";
        let state = alert["facts"]["delegation.revocation"].as_str();
        let expected = if title == REVOKED {
            "confirmed"
        } else {
            "requested"
        };
        assert!(!named || state == Some(expected), "{alert:#}");
        named.then(|| {
            (
                alert["agent_id"].as_str().unwrap().to_owned(),
                title.to_owned(),
            )
        })
    };
    let new = alerts(&world.outputs[sent..]);
    new.iter().filter_map(about_parent).collect()
}

fn both(title: Option<&str>) -> Vec<(String, String)> {
    let title = title.into_iter();
    title
        .flat_map(|title| ["mid", "leaf"].map(|agent| (agent.to_owned(), title.to_owned())))
        .collect()
}

#[test]
fn children_are_reported_from_when_the_request_or_its_confirmation_should_have_taken_effect() {
    for partitions in [1, 12] {
        for (mode, reply, at_ms, title) in [
            ("auto", None, ASKED + 5 * MINUTE - SECOND, None),
            ("auto", None, ASKED + 5 * MINUTE + SECOND, Some(REQUESTED)),
            ("auto", Some(confirmed("done")), REPLIED + 4 * SECOND, None),
            (
                "auto",
                Some(confirmed("done")),
                REPLIED + 6 * SECOND,
                Some(REVOKED),
            ),
            // Nobody has decided, or somebody decided against it.
            ("shadow", None, ASKED + 6 * MINUTE, None),
            ("approve", None, ASKED + 6 * MINUTE, None),
            ("approve", None, ASKED + 20 * MINUTE, None),
            (
                "approve",
                Some(("decision", json!({"decision": "deny"}))),
                REPLIED + MINUTE,
                None,
            ),
            (
                "approve",
                Some(("decision", json!({"decision": "approve"}))),
                REPLIED + 6 * MINUTE,
                Some(REQUESTED),
            ),
            // Nothing was taken away.
            ("auto", Some(confirmed("failed")), ASKED + 6 * MINUTE, None),
            ("auto", Some(confirmed("refused")), ASKED + 6 * MINUTE, None),
            (
                "auto",
                Some(confirmed("not_found")),
                ASKED + 6 * MINUTE,
                None,
            ),
            (
                "auto",
                Some(("withdrawal", json!({}))),
                ASKED + 6 * MINUTE,
                None,
            ),
        ] {
            let mut world = asked(partitions, mode);
            let case = format!("{partitions}: {mode} {reply:?} {}", at_ms - ASKED);
            if let Some(reply) = reply {
                control(&mut world, REPLIED, reply);
            }
            assert_eq!(reported(&mut world, at_ms), both(title), "{case}");
        }
    }
}

/// The word of the identity system itself, in a security event token.
#[test]
fn a_token_of_the_identity_system_reaches_the_children() {
    for partitions in [1, 12] {
        let mut world = asked(partitions, "auto");
        let event = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
        let sub = json!({"format": "jwt_id", "iss": "https://idp", "jti": "c-root"});
        let token = json!({"agent_id": "root", "iss": "https://idp", "jti": "j",
            "iat": REPLIED / 1_000, "txn": txn(&world), "sub_id": sub, "events": {event: {}}});
        world.send(Input::Control, REPLIED, &token);
        let found = reported(&mut world, REPLIED + 6 * SECOND);
        assert_eq!(found, both(Some(REVOKED)), "{partitions}");
    }
}

#[test]
fn a_withdrawal_of_what_was_confirmed_gives_the_children_their_parent_back() {
    for partitions in [1, 12] {
        let mut world = asked(partitions, "auto");
        control(&mut world, REPLIED, confirmed("done"));
        control(&mut world, REPLIED + SECOND, ("withdrawal", json!({})));
        assert_eq!(reported(&mut world, REPLIED + MINUTE), both(None));
        world.repeat_links(REPLIED + 2 * MINUTE);
        assert_eq!(
            reported(&mut world, REPLIED + 3 * MINUTE),
            both(None),
            "{partitions}"
        );
    }
}

#[test]
fn a_new_credential_in_the_scope_of_the_parent_is_new_authority() {
    for partitions in [1, 12] {
        let mut world = asked(partitions, "auto");
        control(&mut world, REPLIED, confirmed("done"));
        let mut renewed = scope("root", None);
        renewed["credential_ids"] = json!(["c-root", "c-new"]);
        renewed["effective_from"] = (REPLIED + SECOND).into();
        world.send(Input::Scopes, REPLIED + SECOND, &renewed);
        let found = reported(&mut world, REPLIED + MINUTE);
        assert_eq!(found, both(Some(REVOKED)), "nobody has used the new one");
        act(&mut world, "root", REPLIED + 2 * MINUTE, "read", "c-new");
        let found = reported(&mut world, REPLIED + 3 * MINUTE);
        assert_eq!(found, both(None), "{partitions}");
    }
}

/// A target is no larger than what was taken away.
#[test]
fn a_child_of_another_scope_of_the_parent_is_not_reported() {
    for partitions in [1, 12] {
        let mut world = asked(partitions, "auto");
        let mut second = scope("root", None);
        second["scope_id"] = "s-second".into();
        second["credential_ids"] = json!(["c-second"]);
        world.send(Input::Scopes, ASKED + SECOND, &second);
        let mut child = scope("mid", Some("root"));
        child["parent"]["scope_id"] = "s-second".into();
        world.send(Input::Scopes, ASKED + 2 * SECOND, &child);
        control(&mut world, REPLIED, confirmed("done"));
        let found = reported(&mut world, REPLIED + MINUTE);
        assert_eq!(found, both(None), "{partitions}");
    }
}

/// A rule that asks for the agent as a whole, and its scope is declared anew after that.
#[test]
fn a_scope_declared_after_the_agent_was_revoked_is_new_authority() {
    for partitions in [1, 12] {
        let mut world = asked_by(partitions, rules_with(&deletion_rule_files("agent")));
        control(&mut world, REPLIED, confirmed("done"));
        let found = reported(&mut world, REPLIED + 6 * SECOND);
        assert_eq!(found, both(Some(REVOKED)), "{partitions}");
        let mut anew = scope("root", None);
        anew["effective_from"] = (REPLIED + MINUTE).into();
        world.send(Input::Scopes, REPLIED + MINUTE, &anew);
        let found = reported(&mut world, REPLIED + 2 * MINUTE);
        assert_eq!(found, both(None), "{partitions}");
    }
}

/// Nothing is declared for the parent but a template, and the edge is proven by spawn and chain.
#[test]
fn a_parent_without_a_scope_is_revoked_with_the_credential_it_acts_with() {
    let files = [
        file("rules/response.yaml", "default: auto\n"),
        file(
            "rules/scopes/boss.yaml",
            "template: boss\napplies-to: {agents: [boss, worker]}\ngrants:\n  \
             - {resource-types: [database.table, agent.child], verbs: [read, spawn]}\n",
        ),
    ];
    for partitions in [1, 12] {
        let mut world = World::new(partitions, rules_with(&files));
        let send = |world: &mut World, at_ms: i64, agent: &str, more: Json| {
            let mut action = read(&format!("{agent}-{at_ms}"));
            action["agent.id"] = agent.into();
            action["credential.id"] = format!("c-{agent}").into();
            action["credential.issuer"] = "https://idp".into();
            for (name, value) in more.as_object().unwrap() {
                action[name] = value.clone();
            }
            world.send(Input::Actions, at_ms, &action);
        };
        let spawn = json!({"action.verb": "spawn", "resource.type": "agent.child",
            "resource.id": "worker"});
        send(&mut world, T0, "boss", spawn);
        let chained = json!({"delegation.chain": ["boss", "worker"]});
        send(&mut world, T0 + SECOND, "worker", chained.clone());
        send(&mut world, ASKED, "boss", json!({"action.verb": "delete"}));
        for (at_ms, expected) in [
            (ASKED + MINUTE, None),
            (ASKED + 6 * MINUTE, Some(REQUESTED)),
        ] {
            let sent = world.outputs.len();
            send(&mut world, at_ms, "worker", chained.clone());
            let new = alerts(&world.outputs[sent..]);
            let title = new.iter().find(|alert| alert["agent_id"] == "worker");
            let title = title.and_then(|alert| alert["rule"]["title"].as_str());
            assert_eq!(title, expected, "{partitions}");
        }
    }
}

/// The child is requested at once by the rule for every child; that what is below it falls with it
/// waits for a person in whatever mode.
#[test]
fn a_revoked_parent_plans_the_tree_below_a_child_that_acts_on() {
    const TREE: &str = "7d2e9b14-5c60-5a8f-8e37-41b9d06c7f25";
    for partitions in [1, 12] {
        let mut world = asked(partitions, "auto");
        act(&mut world, "leaf", ASKED, "read", "c-leaf");
        control(&mut world, REPLIED, confirmed("done"));
        act(&mut world, "mid", REPLIED + MINUTE, "read", "c-mid");
        let all = alerts(&world.outputs);
        let alert = all.iter().find(|alert| alert["rule"]["title"] == REVOKED);
        let alert = alert.unwrap();
        let also = alert["also"].as_array().unwrap();
        assert!(also.contains(&TREE.into()), "{alert:#}");
        let targets = alert["revocation"]["targets"].as_array().unwrap();
        let shown = |target: &Json| {
            let text = format!("{} {} {}", target["kind"], target["mode"], target["state"]);
            text.replace('"', "")
        };
        let states: Vec<String> = targets.iter().map(shown).collect();
        let expected = [
            "credential auto sent",
            "agent approve waiting",
            "credential approve waiting",
        ];
        assert_eq!(states, expected, "{partitions}");
        assert_eq!(targets[2]["agent_id"], "leaf", "{partitions}");
        assert!(!world.credentials_requested().contains("c-leaf"));
        let decision = json!({"agent_id": "mid", "by": "sam", "at": REPLIED + 2 * MINUTE,
            "decision": {"txn": alert["revocation"]["txn"], "decision": "approve"}});
        world.send(Input::Control, REPLIED + 2 * MINUTE, &decision);
        assert!(
            world.credentials_requested().contains("c-leaf"),
            "{partitions}"
        );
    }
}
