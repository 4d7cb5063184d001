//! What a person commands about what is learned: freeze, unfreeze and reset, from record to alert.

use scopewatch::engine::contract::OutputTopic;
use scopewatch::event::Input;
use serde_json::{Value as Json, json};

use crate::harness::{
    HOUR, Harness, MINUTE, SECOND, T0, alerts, created, engine, file, of, options, rules_with,
};
use crate::world::World;

const STRONG: &str = "Strong evidence that somebody else steers the agent";
pub const APART: i64 = 40 * MINUTE;

fn with(mut action: Json, fields: &Json) -> Json {
    for (name, value) in fields.as_object().unwrap() {
        action[name] = value.clone();
    }
    action
}

/// A clean task of one action, of five agents in turn.
fn note(task: i64) -> Json {
    json!({"agent.id": format!("desk-{}", task % 5), "agent.type": "desk", "task.class": "notes",
        "resource.type": "ticket.note", "action.verb": "create"})
}

/// What leaves for a destination; the alert says how many tasks the class has.
fn leak(agent: &str) -> Json {
    let new = json!({"agent.id": agent, "action.verb": "share", "resource.id": "n9",
        "destination.host": "new.example"});
    with(note(0), &new)
}

fn class(command: Json) -> Json {
    let mut command = command;
    command["class"] = json!({"agent_type": "desk", "task_class": "notes"});
    json!({"by": "ann", "at": T0, "reason": "under review", "learning": command})
}

pub fn audited(world: &World, what: &str) -> Vec<Json> {
    let audit = of(&world.outputs, OutputTopic::Audit);
    let entries = audit.map(|output| serde_json::from_slice(output.value.as_ref().unwrap()));
    let entries = entries.map(|entry: Result<Json, _>| entry.unwrap());
    entries.filter(|entry| entry["what"] == what).collect()
}

/// Tasks and commands at their place among them, then a leak. Returns what the alert says of the
/// class: "of N tasks of this class, 0 of M of its type".
pub fn counted_by(partitions: u32, tasks: i64, commands: &[(i64, Json)]) -> (String, World) {
    let mut world = World::new(partitions, rules_with(&[]));
    for task in 0..tasks {
        let at_ms = T0 + task * APART;
        world.tick(at_ms);
        for (_, command) in commands.iter().filter(|(place, _)| *place == task) {
            world.send(Input::Control, at_ms, command);
            world.reopen();
        }
        world.send(Input::Actions, at_ms + SECOND, &note(task));
    }
    let end_ms = T0 + tasks * APART;
    world.tick(end_ms);
    for (_, command) in commands.iter().filter(|(place, _)| *place == tasks) {
        world.send(Input::Control, end_ms, command);
    }
    world.send(Input::Actions, end_ms + SECOND, &leak("desk-9"));
    let all = alerts(&world.outputs);
    let found = all.iter().find(|alert| alert["agent_id"] == "desk-9");
    let text = found.map_or("", |alert| alert["message"].as_str().unwrap());
    let counts = text
        .split_once("new.example: 0 ")
        .map_or("", |(_, rest)| rest);
    let counts = counts.split(" \u{b7}").next().unwrap_or_default();
    (counts.to_owned(), world)
}

#[test]
fn a_frozen_class_learns_nothing_in_any_partition_until_it_is_unfrozen() {
    let freeze = || class(json!({"command": "freeze"}));
    let unfreeze = || class(json!({"command": "unfreeze"}));
    for partitions in [1, 12] {
        for (commands, counted) in [
            (vec![], "of 40 tasks of this class, 0 of 40 of its type"),
            (
                vec![(30, freeze())],
                "of 30 tasks of this class, 0 of 30 of its type",
            ),
            (
                vec![(30, freeze()), (35, unfreeze())],
                "of 35 tasks of this class, 0 of 35 of its type",
            ),
        ] {
            let (found, world) = counted_by(partitions, 40, &commands);
            assert_eq!(found, counted, "{partitions}: {commands:?}");
            let frozen = audited(&world, "learning_frozen");
            assert_eq!(frozen.len(), usize::from(!commands.is_empty()));
            for entry in frozen {
                assert_eq!(
                    (&entry["by"], &entry["agent_id"]),
                    (&"ann".into(), &Json::Null)
                );
                let detail = entry["detail"].as_str().unwrap();
                assert!(
                    detail.starts_with("the task class notes of desk learns"),
                    "{detail}"
                );
                assert!(detail.ends_with(": under review"), "{detail}");
            }
        }
    }
}

#[test]
fn a_class_that_is_reset_begins_anew_in_every_partition() {
    let reset = class(json!({"command": "reset"}));
    for partitions in [1, 12] {
        let (found, world) = counted_by(partitions, 40, &[(30, reset.clone())]);
        assert_eq!(found, "of 10 tasks of this class, 0 of 40 of its type");
        assert_eq!(audited(&world, "learning_reset").len(), 1);
    }
    // Of the whole type: what the peers know goes, too.
    let all = json!({"by": "ann", "at": T0, "learning": {"command": "reset",
        "class": {"agent_type": "desk"}}});
    let (found, _) = counted_by(12, 40, &[(30, all)]);
    assert_eq!(found, "of 10 tasks of this class, 0 of 10 of its type");
    // Another class is not meant.
    let mut other = reset;
    other["learning"]["class"]["task_class"] = "else".into();
    let (found, _) = counted_by(12, 40, &[(30, other)]);
    assert_eq!(found, "of 40 tasks of this class, 0 of 40 of its type");
}

/// A person accepted a use, and then lets the class forget what is not older than a time.
#[test]
fn a_reset_since_a_time_forgets_what_was_first_used_then() {
    let accept = json!({"agent.id": "desk-1", "by": "ann", "at": T0, "acceptance": {
        "agent_type": "desk", "task_class": "notes", "resource_type": "ticket.note",
        "verb": "share", "resource_id": "n9", "destination": "new.example"}});
    for (since_ms, found) in [
        (None, false),
        (Some(T0 + 20 * APART), true),
        (Some(T0 + 25 * APART), false),
    ] {
        let mut commands = vec![(21, accept.clone())];
        if let Some(since_ms) = since_ms {
            let reset = json!({"command": "reset", "since": since_ms});
            commands.push((30, class(reset)));
        }
        let (_, world) = counted_by(12, 30, &commands);
        let all = created(&alerts(&world.outputs));
        assert_eq!(
            all.contains(&STRONG.to_owned()),
            found,
            "{since_ms:?}: {all:?}"
        );
    }
}

#[test]
fn who_is_frozen_teaches_neither_itself_nor_its_class() {
    let command = |agent: i64, words: Json| {
        let agent = format!("desk-{agent}");
        json!({"agent.id": agent, "by": "ann", "at": T0, "learning": words})
    };
    let freeze = || command(1, json!({"command": "freeze"}));
    let unfreeze = || command(1, json!({"command": "unfreeze"}));
    // One task in five is that of the agent.
    for (commands, counted) in [
        (vec![(20, freeze())], 36),
        (vec![(20, freeze()), (30, unfreeze())], 38),
    ] {
        let (found, world) = counted_by(12, 40, &commands);
        let expected = format!("of {counted} tasks of this class, 0 of {counted} of its type");
        assert_eq!(found, expected, "{commands:?}");
        assert_eq!(audited(&world, "learning_frozen").len(), 1);
    }
    // To freeze twice is no mistake, and says so.
    let (_, world) = counted_by(1, 3, &[(1, freeze()), (2, freeze())]);
    let entries = audited(&world, "learning_frozen");
    assert_eq!(
        entries[1]["detail"],
        "the agent was frozen already: no reason given"
    );
}

#[test]
fn a_task_that_is_open_at_a_command_teaches_nothing() {
    for (commands, learned) in [
        (vec![], 1),
        (vec!["freeze"], 0),
        (vec!["freeze", "unfreeze"], 0),
        (vec!["unfreeze"], 1),
        (vec!["reset"], 0),
    ] {
        let mut harness = Harness::with(|_| ());
        harness.action(T0, note(1));
        for words in &commands {
            let body = json!({"agent.id": "desk-1", "by": "ann", "at": T0,
                "learning": {"command": words}});
            harness.send(Input::Control, T0 + MINUTE, &body);
            harness.step();
        }
        harness.tick(T0 + HOUR);
        harness.step();
        assert_eq!(harness.count("tasks_learned"), learned, "{commands:?}");
    }
}

#[test]
fn no_more_classes_are_frozen_than_may_be_and_the_refusal_is_audited() {
    let mut world = World::new(1, rules_with(&[]));
    for n in 0..257 {
        let freeze = json!({"by": "ann", "at": T0, "learning": {"command": "freeze",
            "class": {"agent_type": format!("type-{n}")}}});
        world.send(Input::Control, T0 + n, &freeze);
    }
    assert_eq!(audited(&world, "learning_frozen").len(), 256);
    let ignored = audited(&world, "control_ignored");
    assert_eq!(ignored.len(), 1);
    let detail = ignored[0]["detail"].as_str().unwrap();
    assert!(
        detail.contains("as many frozen classes as may be"),
        "{detail}"
    );
    assert_eq!(world.count("class_commands_full"), 1);
}

/// A rule that fires as long as a metric is in a state, once an hour or so.
pub fn state_rule(state: &str) -> scopewatch::text::SourceFile {
    let text = format!(
        "title: State\nid: 00000000-0000-5000-8000-000000000001\nstatus: test\n\
         description: d\nauthor: a\ndate: 2026-01-01\ntags: [atlas.aml.t0051, \
         owasp.asi01-2026]\nlogsource: {{product: scopewatch, category: agent_action}}\n\
         detection: {{s: {{baseline.actions.state: {state}}}, condition: s}}\n\
         falsepositives: [x]\nlevel: low\nresponse: {{risk: 0, revoke: none}}\ntests:\n  - \
         {{name: a, events: [{{resource.type: a, action.verb: read}}], expect: silent}}\n  - \
         {{name: b, given: {{facts: {{baseline.actions.state: {state}}}}}, events: \
         [{{resource.type: a, action.verb: read}}], expect: fire}}\n"
    );
    file("rules/volume/state.yaml", &text)
}

/// The state of a volume baseline before and after commands, also after a restart.
#[test]
fn a_frozen_baseline_says_so_and_a_reset_one_learns_anew() {
    let command = |words: &str| {
        let learning = json!({"command": words});
        json!({"agent.id": "a1", "by": "ann", "at": T0, "learning": learning})
    };
    for (commands, frozen) in [
        (vec![], false),
        (vec!["freeze"], true),
        (vec!["freeze", "unfreeze"], false),
        (vec!["freeze", "reset"], true),
    ] {
        let rules = rules_with(&[state_rule("frozen")]);
        let mut harness = Harness::new(engine(rules, options()));
        let action = json!({"resource.type": "a", "action.verb": "read"});
        for minute in 0..10 {
            harness.action(T0 + minute * MINUTE, action.clone());
        }
        harness.step();
        for words in &commands {
            harness.send(Input::Control, T0 + HOUR, &command(words));
        }
        harness.step();
        harness.reopen();
        harness.action(T0 + 2 * HOUR, action);
        harness.step();
        let found = created(&harness.alerts()).contains(&"State".to_owned());
        assert_eq!(found, frozen, "{commands:?}");
    }
}

#[test]
fn an_agent_that_is_reset_has_no_habits_and_keeps_its_scope_and_incidents() {
    let own = |verb: &str, second: i64| {
        (
            second,
            json!({"agent.id": "a1", "resource.type": "ticket.note", "action.verb": verb}),
        )
    };
    let learned = |reset: Option<Json>| {
        let mut harness = Harness::with(|_| ());
        harness.scope(
            T0,
            json!({"agent.id": "a1", "grants": [{"resource_types": ["ticket.*"]}]}),
        );
        let tasks = (0..8).map(|task| own("create", 1 + task * 2_400));
        for (second, action) in tasks {
            harness.action(T0 + second * SECOND, action);
            harness.step();
        }
        let at_ms = T0 + 8 * 2_400 * SECOND;
        if let Some(words) = reset {
            let body = json!({"agent.id": "a1", "by": "ann", "at": T0, "learning": words});
            harness.send(Input::Control, at_ms, &body);
            harness.step();
        }
        harness.action(at_ms + SECOND, own("delete", 0).1);
        harness.step();
        let outside = json!({"agent.id": "a1", "resource.type": "payment", "action.verb": "read"});
        harness.action(at_ms + 2 * SECOND, outside);
        harness.step();
        created(&harness.alerts())
    };
    let evidence = crate::behaviour::EVIDENCE.to_owned();
    let outside = learned(None);
    assert!(outside.contains(&evidence), "{outside:?}");
    let reset = learned(Some(json!({"command": "reset"})));
    assert!(!reset.contains(&evidence), "{reset:?}");
    assert!(
        reset.len() + 1 == outside.len(),
        "the scope stays: {reset:?} {outside:?}"
    );
    // All of it was first used before that time.
    let since = learned(Some(json!({"command": "reset", "since": T0 + 7 * HOUR})));
    assert_eq!(since, outside);
}
