//! Clean tasks teach what is usual, and what is new afterwards is evidence: from record to alert.

use scopewatch::event::Input;
use serde_json::{Value as Json, json};

use crate::harness::{
    HOUR, Harness, MINUTE, SECOND, T0, alerts, anything, created, file, rules_with,
};
use crate::rules::Case;
use crate::world::World;

/// The title of the rule of the alert tier.
pub const EVIDENCE: &str = "Evidence that somebody else steers the agent";
const STRONG: &str = "Strong evidence that somebody else steers the agent";
/// Seconds from task to task: the one before is over.
const APART_S: i64 = 2_400;

pub fn note(verb: &str) -> Json {
    json!({"agent.type": "desk", "task.class": "notes", "resource.type": "ticket.note",
        "action.verb": verb})
}

pub fn with(mut action: Json, fields: &Json) -> Json {
    for (name, value) in fields.as_object().unwrap() {
        action[name] = value.clone();
    }
    action
}

/// So many clean tasks, then an action.
pub fn after_tasks(tasks: i64, last: Json) -> Vec<(i64, Json)> {
    let mut actions: Vec<(i64, Json)> = (0..tasks)
        .map(|task| (1 + task * APART_S, note("create")))
        .collect();
    actions.push((1 + tasks * APART_S, last));
    actions
}

/// What nobody used leaves for a destination that nobody used.
pub fn leak() -> Json {
    let new = json!({"resource.id": "n9", "destination.host": "new.example"});
    with(note("share"), &new)
}

/// Ten attempts that are denied, and one that is allowed.
fn denied_then_allowed() -> Vec<(i64, Json)> {
    let attempt = |second: i64| {
        let outcome = if second <= 10 { "denied" } else { "allowed" };
        (second, with(note("read"), &json!({"outcome": outcome})))
    };
    (1..=11).map(attempt).collect()
}

pub fn behaviour_cases() -> Vec<Case> {
    let scopes = json!([{"grants": anything()}]);
    let mut cases = crate::first_seen::first_seen_cases();
    cases.extend(crate::task_cases::task_cases());
    cases.extend(crate::model_cases::model_cases());
    cases.extend([
        (
            "evidence-alert",
            scopes.clone(),
            after_tasks(6, note("update")),
        ),
        ("evidence-revoke", scopes.clone(), after_tasks(25, leak())),
        ("denied-burst-then-success", scopes, denied_then_allowed()),
    ]);
    cases
}

/// Plays actions one by one, each with its second.
pub fn play(harness: &mut Harness, actions: &[(i64, Json)]) -> Vec<Json> {
    for (second, action) in actions {
        let body = with(action.clone(), &json!({"agent.id": "a1"}));
        harness.action(T0 + second * SECOND, body);
        harness.step();
    }
    harness.alerts()
}

pub fn titles(alerts: &[Json]) -> Vec<String> {
    let evidence = alerts.iter().filter(|alert| {
        let title = alert["rule"]["title"].as_str().unwrap();
        alert["activity"] == "create" && (title == EVIDENCE || title == STRONG)
    });
    evidence
        .map(|alert| alert["rule"]["title"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn the_alert_lists_the_signals_with_weights_and_counts() {
    let mut harness = Harness::with(|_| ());
    let alerts = play(&mut harness, &after_tasks(25, leak()));
    let alert = alerts
        .iter()
        .find(|alert| alert["rule"]["title"] == STRONG)
        .unwrap();
    let text = alert["message"].as_str().unwrap();
    let expected = "L +2 (ticket.note, share): 0 of 25 tasks of this class \u{b7} \
        DN +2 destination new.example: 0 of 25 tasks of this class, 0 of 25 of its type \u{b7} \
        RN +2 resource n9: 0 of 25 tasks of this class, 0 of 25 of its type \u{b7} \
        K2 +0.5 leaves the tenant \u{b7} sum 6.5";
    assert!(text.ends_with(expected), "{text}");
    assert_eq!(alert["facts"]["evidence.bans"], 6.5);
    let signals = json!(["L", "DN", "RN", "K2"]);
    assert_eq!(alert["facts"]["evidence.signals"], signals);
    // The same as numbers.
    let none = |tasks: i64| json!({"with": 0, "tasks": tasks});
    let evidence = &alert["evidence"];
    assert_eq!(evidence["bans"], 6.5);
    assert_eq!(evidence["class_tasks"], 25);
    let destination = json!({"signal": "DN", "weight": 2.0, "class": none(25), "type": none(25),
        "about": "destination new.example: 0 of 25 tasks of this class, 0 of 25 of its type"});
    assert_eq!(evidence["signals"][1], destination);
    let leaves = json!({"signal": "K2", "weight": 0.5, "about": "leaves the tenant"});
    assert_eq!(evidence["signals"][3], leaves);
}

#[test]
fn the_alert_names_what_the_gateway_flagged() {
    for (flags, end) in [
        (json!(["ATR-2031"]), "ATR-2031"),
        (
            json!(["a", "b", "c", "d", "e", "f"]),
            "a, b, c, d and 2 more",
        ),
        // An entry that nobody can read is a finding, too.
        (json!([7, "b"]), "\u{fffd}, b"),
    ] {
        let mut harness = Harness::with(|_| ());
        let flagged = with(note("update"), &json!({"content.flags": flags}));
        let alerts = play(&mut harness, &after_tasks(6, flagged));
        let alert = alerts
            .iter()
            .find(|alert| alert["rule"]["title"] == EVIDENCE);
        let text = alert.unwrap()["message"].as_str().unwrap();
        let expected = format!("FLAG +1 flagged at the gateway: {end} \u{b7} sum 3.0");
        assert!(text.ends_with(&expected), "{text}");
    }
}

#[test]
fn a_task_that_alerted_teaches_nothing_and_the_others_do() {
    let odd = note("update");
    for (first, again) in [(odd.clone(), true), (note("create"), false)] {
        let mut harness = Harness::with(|_| ());
        let mut actions = after_tasks(6, first);
        let other = json!({"task.id": "later"});
        actions.push((1 + 7 * APART_S, with(note("create"), &other)));
        // The odd action comes once more: it is new only if the task before taught nothing.
        let other = json!({"task.id": "last"});
        actions.push((1 + 8 * APART_S, with(odd.clone(), &other)));
        let found = titles(&play(&mut harness, &actions)).len();
        assert_eq!(found, 1 + usize::from(again));
    }
}

#[test]
fn a_denied_or_failed_attempt_teaches_nothing() {
    for (outcome, found) in [("allowed", 0), ("denied", 1), ("error", 1)] {
        let mut harness = Harness::with(|_| ());
        let tried = with(note("update"), &json!({"outcome": outcome}));
        let mut actions = vec![(0, tried)];
        actions.extend(after_tasks(6, note("update")));
        // The first action is a part of the first task.
        let alerts = play(&mut harness, &actions);
        assert_eq!(titles(&alerts).len(), found, "{outcome}");
    }
}

#[test]
fn a_scope_that_is_completed_ends_its_task_clean_and_a_revoked_one_does_not() {
    for (status, learned) in [("completed", 1), ("revoked", 0), ("suspended", 0)] {
        let mut harness = Harness::with(|_| ());
        let scope = json!({"agent.id": "a1", "scope_id": "s1", "task.id": "t1",
            "grants": anything()});
        harness.scope(T0, scope.clone());
        let action = with(note("create"), &json!({"agent.id": "a1", "task.id": "t1"}));
        harness.action(T0 + SECOND, action);
        harness.step();
        harness.scope(
            T0 + MINUTE,
            with(
                scope,
                &json!({"status": status, "effective_from": T0 + MINUTE}),
            ),
        );
        harness.step();
        assert_eq!(harness.count("tasks_learned"), learned, "{status}");
    }
}

#[test]
fn only_a_finding_about_the_task_keeps_it_from_teaching() {
    let sessions = json!({"credential.id": "c1", "session.id": "s1"});
    let scope = json!({"channel": {"encrypted": true}});
    for (what, scope, fields, learned) in [
        ("one credential for all tasks", json!({}), sessions, 6),
        (
            "an open channel",
            scope,
            json!({"channel.encrypted": false, "channel.authenticated": false}),
            6,
        ),
        (
            "an expired credential",
            json!({}),
            json!({"credential.id": "c1", "credential.expires_at": T0 - HOUR}),
            0,
        ),
        (
            "a resource type outside the scope",
            json!({}),
            json!({"resource.type": "payment.order", "action.verb": "delete"}),
            0,
        ),
    ] {
        let mut harness = Harness::with(|_| ());
        let grants = json!([{"resource_types": ["ticket.*"]}]);
        let all = json!({"agent.id": "a1", "scope_id": "s", "grants": grants});
        harness.scope(T0, with(all, &scope));
        for task in 0..6 {
            let name = json!({"agent.id": "a1", "task.id": format!("t{task}")});
            let action = with(with(note("create"), &name), &fields);
            harness.action(T0 + task * APART_S * SECOND, action);
            harness.step();
        }
        harness.action(
            T0 + 6 * APART_S * SECOND,
            json!({"agent.id": "a2", "resource.type": "x", "action.verb": "read"}),
        );
        harness.step();
        let found = created(&harness.alerts()).len();
        assert!(found > 0, "{what}: a rule finds it");
        assert_eq!(harness.count("tasks_learned"), learned, "{what}");
    }
}

/// Every task deletes a file that it has created; the last one deletes another, or its own.
#[test]
fn who_deletes_files_of_its_own_is_found_when_it_deletes_another() {
    for (own, found) in [(true, 0), (false, 1)] {
        let mut harness = Harness::with(|_| ());
        let file = |verb: &str, task: i64, id: &str| {
            let task = json!({"task.id": format!("t{task}"), "resource.id": id});
            with(note(verb), &task)
        };
        let mut actions = Vec::new();
        for task in 0..26 {
            let (at_s, id) = (1 + task * APART_S, format!("own-{task}"));
            let deleted = match own || task < 25 {
                true => id.as_str(),
                false => "report",
            };
            actions.push((at_s, file("create", task, &id)));
            actions.push((at_s + 1, file("delete", task, deleted)));
        }
        assert_eq!(titles(&play(&mut harness, &actions)).len(), found, "{own}");
    }
}

#[test]
fn another_repository_of_a_known_owner_is_another_destination() {
    let push = |name: &str| {
        let to = json!({"destination.address": name, "resource.id": name,
            "destination.host": "forge.example"});
        with(note("share"), &to)
    };
    for (last, found) in [("Owner/Known", 0), ("owner/other", 1)] {
        let mut harness = Harness::with(|_| ());
        let mut actions: Vec<(i64, Json)> = (0..25)
            .map(|task| (1 + task * APART_S, push("owner/known")))
            .collect();
        actions.push((1 + 25 * APART_S, push(last)));
        assert_eq!(titles(&play(&mut harness, &actions)).len(), found, "{last}");
    }
}

#[test]
fn what_was_learned_survives_a_restart_and_tenants_that_leave_memory() {
    let mut harness = Harness::with(|options| options.agents_cached_max = 1);
    play(&mut harness, &after_tasks(6, note("create")));
    for tenant in 0..5 {
        let other = json!({"agent.id": "x", "tenant": format!("t{tenant}"),
            "resource.type": "a", "action.verb": "read"});
        harness.action(T0 + 6 * HOUR, other);
        harness.step();
    }
    harness.reopen();
    let later = [(7 * 3_600, note("create")), (7 * 3_600 + 1, note("update"))];
    assert_eq!(titles(&play(&mut harness, &later)), [EVIDENCE]);
}

/// The agents of a class, each with tasks, and one that does something else at the end.
fn class_records() -> Vec<(i64, Json)> {
    let mut records = Vec::new();
    for task in 0..30 {
        let agent = format!("desk-{}", task % 5);
        let body = with(
            note("create"),
            &json!({"agent.id": agent, "event_id": format!("e{task}")}),
        );
        records.push((T0 + task * 10 * MINUTE, body));
    }
    let odd = json!({"agent.id": "desk-9", "event_id": "odd"});
    records.push((T0 + 400 * MINUTE, with(leak(), &odd)));
    records
}

fn found_in(partitions: u32) -> (Vec<String>, World) {
    let mut world = World::new(partitions, rules_with(&[]));
    for (at_ms, body) in class_records() {
        world.tick(at_ms);
        world.send(Input::Actions, at_ms, &body);
    }
    let all = alerts(&world.outputs);
    let mut evidence: Vec<String> = all
        .iter()
        .filter(|alert| alert["rule"]["title"] == STRONG)
        .map(|alert| alert["message"].as_str().unwrap().to_owned())
        .collect();
    evidence.sort();
    (evidence, world)
}

#[test]
fn one_partition_and_twelve_learn_and_find_the_same() {
    let (one, _) = found_in(1);
    let (twelve, mut world) = found_in(12);
    assert_eq!(one.len(), 1);
    assert_eq!(one, twelve);
    // What is repeated is learned once.
    let before = world.count("tasks_learned");
    world.repeat_links(T0 + 400 * MINUTE);
    assert_eq!(world.count("tasks_learned"), before);
}

#[test]
fn weights_are_those_of_the_rule_for_the_tenant_and_class() {
    let rule = |id: u8, head: &str| {
        let text = format!(
            "title: Weights {id}\nid: 00000000-0000-5000-8000-00000000000{id}\nstatus: test\n\
             description: d\nauthor: a\ndate: 2026-01-01\ntags: [atlas.aml.t0051, \
             owasp.asi01-2026]\nlogsource: {{product: scopewatch, category: agent_action}}\n\
             detection: {{s: {{evidence.bans|gte: 9}}, condition: s}}\nfalsepositives: [x]\n\
             level: low\nresponse: {{risk: 0, revoke: none}}\nevidence: {{{head}, \
             weights: {{L-alone: 1.5}}}}\ntests:\n  - {{name: a, events: [{{resource.type: a, \
             action.verb: read}}], expect: silent}}\n  - {{name: b, given: {{facts: \
             {{evidence.bans: 9.5}}}}, events: [{{resource.type: a, action.verb: read}}], \
             expect: fire}}\n"
        );
        file(&format!("rules/behaviour/w{id}.yaml"), &text)
    };
    for (head, found) in [
        ("tenant: acme", 0),
        ("task-class: notes", 0),
        ("tenant: other", 1),
        ("tenant: acme, task-class: else", 1),
    ] {
        let rules = rules_with(&[rule(1, head)]);
        let mut harness = Harness::new(crate::harness::engine(rules, crate::harness::options()));
        let alerts = play(&mut harness, &after_tasks(6, note("update")));
        assert_eq!(
            titles(&alerts).len(),
            found,
            "{head}: {:?}",
            created(&alerts)
        );
    }
}

/// An action that alerts, a command of a person, and the same action in a later task.
#[test]
fn what_a_person_accepts_is_known_to_the_class_in_every_task_after_it() {
    let class = json!({"agent_type": "desk", "task_class": "notes"});
    for (accepted, again) in [
        (
            json!({"resource_type": "ticket.note", "verb": "share"}),
            true,
        ),
        (
            json!({"resource_type": "ticket.note", "verb": "share", "resource_id": "n9",
                "destination": "HTTPS://www.New.example/"}),
            false,
        ),
        (json!({"destination": "other.example"}), true),
    ] {
        let mut harness = Harness::with(|_| ());
        let first = with(leak(), &json!({"task.id": "first"}));
        assert_eq!(
            titles(&play(&mut harness, &after_tasks(25, first))),
            [STRONG]
        );
        let at_ms = T0 + 26 * APART_S * SECOND;
        let record = json!({"agent.id": "a1", "by": "ann", "at": at_ms, "reason": "a new partner",
            "acceptance": with(accepted.clone(), &class)});
        harness.send(Input::Control, at_ms, &record);
        harness.step();
        let before = titles(&harness.alerts()).len();
        // Another agent of the class: not only the one that the command names has learned.
        let last = with(leak(), &json!({"task.id": "last", "agent.id": "a2"}));
        harness.action(at_ms + SECOND, last);
        harness.step();
        let after = titles(&harness.alerts()).len();
        assert_eq!(after > before, again, "{accepted}");
    }
}
