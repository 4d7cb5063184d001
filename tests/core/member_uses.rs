//! A tree is revoked, and its members act on in other partitions: the agent whose plan it is learns
//! how often and when last, and each member is reported in its own partition.

use scopewatch::engine::Rules;
use scopewatch::engine::contract::OutputTopic;
use scopewatch::event::Input;
use serde_json::{Value as Json, json};

use crate::cascades::{scope, tree_rule_files, tree_rules};
use crate::harness::{MINUTE, SECOND, T0, alerts, created, file, of, read, rules_with};
use crate::world::World;

/// When the tree was requested.
const ASKED: i64 = T0 + 10 * SECOND;

/// Three levels; the agent at the top deletes, so the tree is requested.
fn revoked_tree(partitions: u32) -> World {
    revoked_tree_by(partitions, tree_rules())
}

fn revoked_tree_by(partitions: u32, rules: Rules) -> World {
    let mut world = World::new(partitions, rules);
    for (n, (agent, parent)) in
        (0..).zip([("root", None), ("mid", Some("root")), ("leaf", Some("mid"))])
    {
        declare(&mut world, T0 + n * SECOND, agent, parent);
    }
    act(&mut world, "leaf", 5 * SECOND, "allowed");
    let mut delete = action("root", ASKED - T0, "allowed");
    delete["action.verb"] = "delete".into();
    world.send(Input::Actions, ASKED, &delete);
    world
}

fn declare(world: &mut World, at_ms: i64, agent: &str, parent: Option<&str>) {
    let mut scope = scope(agent, parent);
    scope["credential_ids"] = json!([format!("c-{agent}")]);
    scope["issuer"] = "https://idp".into();
    world.send(Input::Scopes, at_ms, &scope);
}

fn action(agent: &str, after_ms: i64, outcome: &str) -> Json {
    let mut action = read(&format!("{agent}-{after_ms}"));
    action["agent.id"] = agent.into();
    action["credential.id"] = format!("c-{agent}").into();
    action["credential.issuer"] = "https://idp".into();
    action["outcome"] = outcome.into();
    action
}

fn act(world: &mut World, agent: &str, after_ms: i64, outcome: &str) {
    world.send(
        Input::Actions,
        T0 + after_ms,
        &action(agent, after_ms, outcome),
    );
}

/// The audit entries about one agent of the tree: what, how many uses, the last one, and whether it
/// still acts.
fn audited(world: &World, sub: &str) -> Vec<String> {
    let mut shown = Vec::new();
    for output in of(&world.outputs, OutputTopic::Audit) {
        let entry: Json = serde_json::from_slice(output.value.as_ref().unwrap()).unwrap();
        for target in entry["targets"].as_array().into_iter().flatten() {
            if target["agent_id"] == sub {
                let last_ms = target["last_use_ms"].as_i64().map(|ms| ms - ASKED);
                let uses = &target["uses_after_request"];
                let (what, still) = (&entry["what"], &target["still_acting"]);
                shown.push(format!("{what} {uses} {last_ms:?} {still}").replace('"', ""));
            }
        }
    }
    shown
}

fn txn(world: &World) -> Json {
    let asked = of(&world.outputs, OutputTopic::Revocations).next().unwrap();
    let claims: Json = serde_json::from_slice(asked.value.as_ref().unwrap()).unwrap();
    claims["txn"].clone()
}

fn confirm(world: &mut World, at_ms: i64) {
    let confirmation = json!({"txn": txn(world), "result": "done"});
    let done = json!({"agent_id": "root", "by": "idp", "at": at_ms, "confirmation": confirmation});
    world.send(Input::Control, at_ms, &done);
}

#[test]
fn uses_by_a_grandchild_in_another_partition_are_counted_for_the_tree() {
    let expected = [
        "request_sent null None null",
        "target_used 2 Some(20000) true",
    ];
    for partitions in [1, 12] {
        let mut world = revoked_tree(partitions);
        act(&mut world, "leaf", 20 * SECOND, "allowed");
        act(&mut world, "leaf", 25 * SECOND, "denied");
        act(&mut world, "leaf", 30 * SECOND, "allowed");
        let other = json!({"credential.id": "c-other", "agent.id": "leaf", "event_id": "o",
            "resource.type": "database.table", "action.verb": "read"});
        world.send(Input::Actions, T0 + 31 * SECOND, &other);
        world.tick(ASKED + 2 * MINUTE);
        assert_eq!(audited(&world, "leaf"), expected, "{partitions}");
        let named = |alert: &Json| {
            let targets = alert["revocation"]["targets"].as_array().unwrap();
            targets
                .iter()
                .any(|target| target["agent_id"] == "leaf" && target["uses_after_request"] == 2)
        };
        let all = alerts(&world.outputs);
        let update = all
            .iter()
            .rfind(|alert| alert["agent_id"] == "root")
            .unwrap();
        assert!(named(update), "{partitions}: {update:#}");
        // The links say how often it was, and not that it was once more.
        world.repeat_links(ASKED + 3 * MINUTE);
        world.tick(ASKED + 4 * MINUTE);
        assert_eq!(audited(&world, "leaf"), expected, "{partitions}: repeated");
        assert_eq!(alerts(&world.outputs).len(), all.len(), "{partitions}");
    }
}

/// The first use is known at once; later ones when their number doubles or a minute has passed.
#[test]
fn a_member_that_acts_often_sends_few_links() {
    let mut world = revoked_tree(12);
    let links = |world: &World| {
        let sent = of(&world.outputs, OutputTopic::Links);
        let text = |output: &[u8]| String::from_utf8_lossy(output).contains("target_used");
        sent.filter(|link| text(link.value.as_ref().unwrap()))
            .count()
    };
    for n in 0..40 {
        act(&mut world, "leaf", 20 * SECOND + n, "allowed");
    }
    assert_eq!(links(&world), 6, "at 1, 2, 4, 8, 16 and 32 uses");
    world.tick(T0 + 2 * MINUTE);
    assert_eq!(links(&world), 7, "the rest a minute later");
    world.tick(T0 + 4 * MINUTE);
    assert_eq!(links(&world), 7);
    assert!(
        audited(&world, "leaf")
            .iter()
            .any(|entry| entry.starts_with("target_used 40 "))
    );
}

/// A member is reported in its own partition, with the times for what was on its way.
#[test]
fn a_member_that_acts_after_its_request_or_its_confirmation_is_reported_where_it_is() {
    for partitions in [1, 12] {
        for (confirmed, after_ms, rule) in [
            (true, 4 * SECOND, None),
            (true, 6 * SECOND, Some("Action after revocation")),
            (false, 4 * MINUTE, None),
            (false, 6 * MINUTE, Some("Action after a revocation request")),
        ] {
            // Also the rules that report the member may ask for its credential.
            let [tree_rule, _] = tree_rule_files();
            let policy = file("rules/response.yaml", "default: auto\n");
            let mut world = revoked_tree_by(partitions, rules_with(&[tree_rule, policy]));
            if confirmed {
                confirm(&mut world, ASKED + SECOND);
            }
            let sent = world.outputs.len();
            act(
                &mut world,
                "leaf",
                ASKED - T0 + SECOND + after_ms,
                "allowed",
            );
            let about: Vec<Json> = alerts(&world.outputs[sent..])
                .into_iter()
                .filter(|alert| alert["agent_id"] == "leaf")
                .collect();
            let expected: Vec<&str> = rule.into_iter().collect();
            assert_eq!(
                created(&about),
                expected,
                "{partitions}: {confirmed} {after_ms}"
            );
            // The request of the tree stands: nobody asks twice for the same credential.
            let mut asked = of(&world.outputs[sent..], OutputTopic::Revocations);
            let own = asked.any(|output| output.key.as_deref() == Some(b"acme/leaf"));
            assert!(!own, "{partitions}: {about:#?}");
        }
    }
}

#[test]
fn a_member_that_came_after_the_request_is_watched_too() {
    for partitions in [1, 12] {
        // A partition has its share of the budget, which the three before would use up.
        let [tree_rule, _] = tree_rule_files();
        let policy = "default: auto\nbudget: {agents-per-hour: 600}\n";
        let files = [tree_rule, file("rules/response.yaml", policy)];
        let mut world = revoked_tree_by(partitions, rules_with(&files));
        declare(&mut world, ASKED + SECOND, "late", Some("leaf"));
        act(&mut world, "late", 20 * SECOND, "allowed");
        world.tick(ASKED + 2 * MINUTE);
        let uses = audited(&world, "late");
        let used = uses.iter().any(|entry| entry.starts_with("target_used 1 "));
        assert!(used, "{partitions}: {uses:?}");
    }
}

#[test]
fn after_a_withdrawal_a_member_is_watched_no_longer() {
    for partitions in [1, 12] {
        let mut world = revoked_tree(partitions);
        confirm(&mut world, ASKED + SECOND);
        let withdrawal = json!({"agent_id": "root", "by": "sam", "at": ASKED + 2 * SECOND,
            "withdrawal": {"txn": txn(&world)}});
        world.send(Input::Control, ASKED + 2 * SECOND, &withdrawal);
        let sent = world.outputs.len();
        act(&mut world, "leaf", ASKED - T0 + MINUTE, "allowed");
        world.tick(ASKED + 10 * MINUTE);
        let about = alerts(&world.outputs[sent..]);
        let leaf = about.iter().filter(|alert| alert["agent_id"] == "leaf");
        assert_eq!(leaf.count(), 0, "{partitions}: {about:#?}");
        assert!(
            !audited(&world, "leaf")
                .iter()
                .any(|entry| entry.starts_with("target_used"))
        );
    }
}
