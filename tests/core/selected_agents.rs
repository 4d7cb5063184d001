//! Commands about every agent of a type, over the partitions and restarts between the command and
//! the agents that it is about.

use scopewatch::event::Input;
use serde_json::{Value as Json, json};

use crate::harness::{HOUR, Harness, MINUTE, SECOND, T0, created, engine, options, rules_with};
use crate::learning_commands::{APART, audited, counted_by, state_rule};
use crate::world::World;

/// A command about the agents of a type.
fn about(agent_type: &str, words: &str) -> Json {
    let learning = json!({"command": words, "where": {"agent_type": agent_type}});
    json!({"by": "ann", "at": T0, "reason": "load test", "learning": learning})
}

/// A command about one agent.
fn about_one(agent: &str, words: &str) -> Json {
    json!({"agent.id": agent, "by": "ann", "at": T0, "learning": {"command": words}})
}

#[test]
fn the_agents_of_a_frozen_type_teach_nobody_in_any_partition_until_they_are_unfrozen() {
    let freeze = || (20, about("desk", "freeze"));
    for partitions in [1, 12] {
        for (commands, counted) in [
            (vec![freeze()], 20),
            (vec![freeze(), (30, about("desk", "unfreeze"))], 30),
            (vec![(20, about("bot", "freeze"))], 40),
            // One task in five is that of the agent: the 27th, 32nd and 37th.
            (vec![freeze(), (25, about_one("desk-1", "unfreeze"))], 23),
            (vec![(10, about_one("desk-1", "unfreeze")), freeze()], 20),
            // No agent had acted before.
            (
                vec![
                    (0, about("desk", "freeze")),
                    (39, about("desk", "unfreeze")),
                ],
                1,
            ),
        ] {
            let (found, world) = counted_by(partitions, 40, &commands);
            let expected = match counted {
                1 => String::new(),
                _ => format!("of {counted} tasks of this class, 0 of {counted} of its type"),
            };
            assert_eq!(found, expected, "{partitions}: {commands:?}");
            assert_eq!(world.count("tasks_learned"), counted, "{commands:?}");
            let frozen = audited(&world, "learning_frozen");
            assert_eq!(frozen.len(), 1, "one record, not one for each agent");
            assert_eq!(
                (&frozen[0]["by"], &frozen[0]["agent_id"]),
                (&"ann".into(), &Json::Null)
            );
            let detail = frozen[0]["detail"].as_str().unwrap();
            assert!(detail.starts_with("every agent of the type "), "{detail}");
            assert!(detail.ends_with(": load test"), "{detail}");
        }
    }
}

#[test]
fn a_task_that_is_open_at_a_command_about_its_type_teaches_nothing_however_it_ends() {
    for (words, learned) in [(None, 1), (Some("freeze"), 0), (Some("reset"), 0)] {
        for ends_by_scope in [false, true] {
            let mut harness = Harness::with(|_| ());
            let scope = |status: &str| {
                json!({"status": status, "task.id": "t1", "agent.type": "desk",
                    "grants": [{"resource_types": ["*"]}]})
            };
            harness.scope(T0, scope("active"));
            let action = json!({"task.id": "t1", "resource.type": "a", "action.verb": "read"});
            harness.action(T0 + SECOND, action);
            harness.step();
            if let Some(words) = words {
                harness.send(Input::Control, T0 + MINUTE, &about("desk", words));
            }
            harness.step();
            harness.reopen();
            match ends_by_scope {
                true => harness.scope(T0 + 2 * MINUTE, scope("completed")),
                false => harness.tick(T0 + HOUR),
            }
            harness.step();
            assert_eq!(
                harness.count("tasks_learned"),
                learned,
                "{words:?} {ends_by_scope}"
            );
        }
    }
}

/// The agent claims another type than its scope says, before the scope has come.
#[test]
fn the_type_of_a_scope_that_is_on_its_way_counts_and_not_the_claim() {
    for (declared, frozen) in [("desk", true), ("bot", false)] {
        let mut harness = Harness::new(engine(rules_with(&[state_rule("frozen")]), options()));
        let other = json!({"agent.id": "other", "scope_id": "s2",
            "grants": [{"resource_types": ["*"]}]});
        harness.scope(T0, other);
        harness.send(Input::Control, T0 + SECOND, &about("desk", "freeze"));
        let action = json!({"agent.type": "else", "resource.type": "a", "action.verb": "read"});
        harness.action(T0 + MINUTE, action.clone());
        harness.step();
        assert_eq!(harness.count("deferred"), 1);
        let scope = json!({"agent.type": declared, "grants": [{"resource_types": ["*"]}]});
        harness.scope(T0 + MINUTE + SECOND, scope);
        harness.action(T0 + HOUR, action);
        harness.step();
        let found = created(&harness.alerts()).contains(&"State".to_owned());
        assert_eq!(found, frozen, "{declared}");
    }
}

#[test]
fn no_more_commands_about_types_are_kept_than_may_be_and_the_refusal_is_audited() {
    let mut world = World::new(1, rules_with(&[]));
    for n in 0..65 {
        world.send(
            Input::Control,
            T0 + n,
            &about(&format!("type-{n}"), "freeze"),
        );
    }
    assert_eq!(audited(&world, "learning_frozen").len(), 64);
    let ignored = audited(&world, "control_ignored");
    assert_eq!(ignored.len(), 1);
    let detail = ignored[0]["detail"].as_str().unwrap();
    assert!(
        detail.contains("as many commands about agent types"),
        "{detail}"
    );
    assert_eq!(world.count("agent_commands_full"), 1);
    // One that takes the place of another has room.
    world.send(Input::Control, T0 + APART, &about("type-3", "unfreeze"));
    assert_eq!(audited(&world, "learning_unfrozen").len(), 1);
}
