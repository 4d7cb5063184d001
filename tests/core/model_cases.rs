//! An identity that works with another model than all of its class.

use scopewatch::event::Input;
use serde_json::{Value as Json, json};

use crate::behaviour::{after_tasks, note, with};
use crate::harness::{MINUTE, T0, alerts, anything, rules_with};
use crate::rules::Case;
use crate::world::World;

const TITLE: &str = "Model that is new to the class";

fn by(model: &str) -> Json {
    with(note("create"), &json!({"agent.model": model}))
}

/// Two clean tasks of another agent by one model and six by another model, then an action.
fn after_two_models(last: Json) -> Vec<(i64, Json)> {
    let mut actions = after_tasks(8, last);
    for (index, (_, action)) in actions.iter_mut().enumerate().take(8) {
        *action = match index {
            0 | 1 => with(by("hosted-small"), &json!({"agent.id": "a2"})),
            _ => by("hosted-large"),
        };
    }
    actions
}

pub fn model_cases() -> Vec<Case> {
    let scopes = json!([{"grants": anything()},
        {"grants": anything(), "agent.id": "a2", "scope_id": "s2"}]);
    // New to the agent alone; that it changes something is an alert of its own.
    let small = with(note("update"), &json!({"agent.model": "hosted-small"}));
    vec![
        (
            "first-seen-model-class",
            scopes.clone(),
            after_two_models(by("unlisted-7b")),
        ),
        ("first-seen-model-agent", scopes, after_two_models(small)),
    ]
}

/// Five agents of a class do clean tasks, routed between two models. After a restart of every
/// partition other agents of the class use these models.
fn alerts_about(partitions: u32, last: &[&str]) -> Vec<Json> {
    let mut world = World::new(partitions, rules_with(&[]));
    let send = |world: &mut World, number: i64, agent: String, model: &Json| {
        let at_ms = T0 + number * 10 * MINUTE;
        let who = json!({"agent.id": agent, "event_id": format!("e{number}"),
            "agent.model": model});
        world.tick(at_ms);
        world.send(Input::Actions, at_ms, &with(note("create"), &who));
    };
    for task in 0..30 {
        let model = ["hosted-large", "hosted-large", "hosted-small"][task as usize % 3];
        let agent = format!("desk-{}", task % 5);
        send(&mut world, task, agent, &json!(model));
    }
    world.tick(T0 + 360 * MINUTE);
    world.reopen();
    for (number, model) in (40..).zip(last) {
        let model: Json = serde_json::from_str(model).unwrap_or_else(|_| json!(model));
        send(&mut world, number, format!("other-{number}"), &model);
    }
    let all = alerts(&world.outputs).into_iter();
    all.filter(|alert| alert["rule"]["title"] == TITLE)
        .collect()
}

#[test]
fn another_model_is_found_in_every_partition_and_after_a_restart() {
    for partitions in [1, 12] {
        let found = alerts_about(partitions, &["hosted-small", "unlisted-7b", "hosted-large"]);
        assert_eq!(found.len(), 1, "{partitions}: {found:#?}");
        assert_eq!(found[0]["event_ids"], json!(["e41"]));
        assert_eq!(found[0]["severity"], "low");
        let message = found[0]["message"].as_str().unwrap();
        let said = "by the model unlisted-7b, which no clean task of its class used";
        assert!(message.contains(said), "{message}");
    }
}

#[test]
fn a_model_whose_name_cannot_be_read_is_found_too() {
    let long = "x".repeat(5_000);
    for (odd, said) in [
        ("7", "by a model whose name cannot be read, which"),
        (long.as_str(), "by the model xxx"),
    ] {
        let found = alerts_about(1, &[odd]);
        assert_eq!(found.len(), 1, "{found:#?}");
        let message = found[0]["message"].as_str().unwrap();
        assert!(message.contains(said), "{message}");
    }
}

/// A roll-out is one incident a day, not one for each agent.
#[test]
fn many_agents_with_a_new_model_are_one_incident() {
    let found = alerts_about(1, &["next"; 20]);
    let opened = found.iter().filter(|alert| alert["activity"] == "create");
    assert_eq!(opened.count(), 1, "{found:#?}");
}
