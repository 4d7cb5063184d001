//! What was learned elsewhere and is imported: what is refused, and that a frozen class stays so.

use scopewatch::engine::contract::OutputTopic;
use scopewatch::event::Input;
use serde_json::{Value as Json, json};

use crate::harness::{HOUR, MINUTE, SECOND, T0, alerts, of, rules_with};
use crate::world::World;

const APART: i64 = 40 * MINUTE;

fn note(task: i64) -> Json {
    json!({"agent.id": format!("desk-{}", task % 5), "agent.type": "desk", "task.class": "notes",
        "resource.type": "ticket.note", "action.verb": "create"})
}

fn leak(agent: &str) -> Json {
    json!({"agent.id": agent, "agent.type": "desk", "task.class": "notes",
        "resource.type": "ticket.note", "action.verb": "share", "resource.id": "n9",
        "destination.host": "new.example"})
}

/// A profile that has seen `tasks` tasks until an hour before [`T0`].
fn profile(tasks: u32) -> Json {
    json!({"tasks": tasks, "first_ms": T0 - HOUR, "last_ms": T0 - HOUR, "agents": [1, 2],
        "pairs": [], "destinations": [], "resources": [], "tools": [], "objects": [],
        "hours": []})
}

fn import_class(state: &str) -> Json {
    json!({"by": "ann", "at": T0, "import": {"part": "class", "agent_type": "desk",
        "task_class": "notes", "state": state}})
}

fn import_agent(state: &Json) -> Json {
    json!({"agent.id": "desk-1", "by": "ann", "at": T0, "import": {"state": state.to_string()}})
}

fn audited(world: &World, what: &str) -> Vec<Json> {
    let audit = of(&world.outputs, OutputTopic::Audit);
    let entries = audit.map(|output| serde_json::from_slice(output.value.as_ref().unwrap()));
    let entries = entries.map(|entry: Result<Json, _>| entry.unwrap());
    entries.filter(|entry| entry["what"] == what).collect()
}

/// Tasks, each after the other records at its place, and then a leak. Returns of how many tasks of
/// the class the alert speaks.
fn tasks_known(world: &mut World, tasks: i64, others: &[(i64, Json)]) -> String {
    for task in 0..=tasks {
        let at_ms = T0 + task * APART;
        world.tick(at_ms);
        for (_, other) in others.iter().filter(|(place, _)| *place == task) {
            let input = match other.get("by") {
                Some(_) => Input::Control,
                None => Input::Actions,
            };
            world.send(input, at_ms, other);
        }
        let action = if task == tasks {
            leak("desk-9")
        } else {
            note(task)
        };
        world.send(Input::Actions, at_ms + SECOND, &action);
    }
    let all = alerts(&world.outputs);
    let found = all.iter().find(|alert| alert["agent_id"] == "desk-9");
    let text = found.map_or("", |alert| alert["message"].as_str().unwrap());
    let (_, rest) = text.split_once("new.example: 0 of ").unwrap_or_default();
    rest.split(" tasks").next().unwrap_or_default().to_owned()
}

#[test]
fn an_import_takes_the_place_of_what_a_class_knows_in_every_partition() {
    for partitions in [1, 12] {
        let mut world = World::new(partitions, rules_with(&[]));
        let import = import_class(&profile(500).to_string());
        assert_eq!(tasks_known(&mut world, 30, &[(29, import)]), "500");
        let audit = audited(&world, "learning_imported");
        assert_eq!(audit.len(), 1);
        assert_eq!(audit[0]["by"], "ann");
    }
}

#[test]
fn what_nobody_can_have_learned_is_audited_and_changes_nothing() {
    let mut future = profile(500);
    future["last_ms"] = (T0 + 1_000 * HOUR).into();
    let mut habits = profile(500);
    habits["tools"] = (0..20).map(|n| json!([n, 1, 0, 0, 0, 0, true])).collect();
    let metric = json!({"known": {}, "pane": 0, "observed": -1.0, "values": 0});
    for import in [
        import_class("{"),
        import_class("{\"tasks\": 500}"),
        import_class(&future.to_string()),
        import_agent(&json!({"habits": habits})),
        import_agent(&json!({"metrics": {"actions": metric}})),
        import_agent(&json!({"metrics": {"actions": {"known": {"level": {"spread": -1}}}}})),
        import_agent(&json!({"metrics": {"actions": {"known": 1e300}}})),
        import_agent(&json!({"learned_until": T0 + 1_000 * HOUR})),
        import_agent(&json!({"acted_last_ms": T0})),
        import_agent(&json!({"unheard": 1})),
    ] {
        let mut world = World::new(12, rules_with(&[]));
        let known = tasks_known(&mut world, 30, &[(20, import.clone())]);
        assert_eq!(known, "30", "{import}");
        assert_eq!(audited(&world, "learning_imported").len(), 0, "{import}");
        let ignored = audited(&world, "control_ignored");
        assert_eq!(ignored.len(), 1, "{import}");
        let detail = ignored[0]["detail"].as_str().unwrap();
        assert!(detail.contains("cannot be read"), "{detail}");
    }
}

/// A class that is frozen forgets a strange task that it learned before, and nothing for one that
/// it did not learn.
#[test]
fn a_frozen_class_forgets_a_task_that_is_set_aside_only_if_it_learned_it() {
    let freeze = json!({"by": "ann", "at": T0, "learning": {"command": "freeze",
        "class": {"agent_type": "desk", "task_class": "notes"}}});
    for partitions in [1, 12] {
        for (strange, frozen, known) in [(5, Some(20), "20"), (25, Some(20), "20"), (5, None, "30")]
        {
            let until_ms = T0 + 29 * APART;
            let mut world = World::with_learning(partitions, rules_with(&[]), Some(until_ms));
            let mut records = vec![(strange, leak("desk-8"))];
            records.extend(frozen.map(|place| (place, freeze.clone())));
            assert_eq!(tasks_known(&mut world, 30, &records), known, "{strange}");
            assert_eq!(audited(&world, "task_set_aside").len(), 1, "{strange}");
        }
    }
}
