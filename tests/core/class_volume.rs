//! The volume of an agent that is new: it is judged by what the agents of its type usually do.

use scopewatch::event::Input;
use serde_json::{Value as Json, json};

use crate::harness::{HOUR, MINUTE, SECOND, T0, alerts, rules_with};
use crate::world::World;

const TITLE: &str = "Far more actions than usual";
/// Days after which the peers have told what they do.
const DAYS: i64 = 4;
const PEERS: i64 = 5;

/// One of the reads of an agent, in a session for each hour.
fn read(agent: &str, agent_type: &str, at_ms: i64, number: i64) -> Json {
    json!({"agent.id": agent, "agent.type": agent_type, "task.class": "lookup",
        "session.id": format!("{agent}-{}", at_ms.div_euclid(HOUR)),
        "event_id": format!("{agent}-{at_ms}-{number}"),
        "resource.type": "database.table", "resource.id": "orders", "action.verb": "read"})
}

/// Every hour each agent reads in four minutes, up to three times in each of them.
fn work(world: &mut World, agents: &[(String, &str)], hours: std::ops::Range<i64>) {
    for hour in hours {
        for (index, (agent, agent_type)) in agents.iter().enumerate() {
            for minute in 0..4 {
                let at_ms = T0 + hour * HOUR + (index as i64 + 7 * minute) * MINUTE;
                for number in 0..=(hour + minute) % 3 {
                    let action = read(agent, agent_type, at_ms + number * SECOND, number);
                    world.queue(Input::Actions, at_ms + number * SECOND, &action);
                }
            }
        }
        world.tick(T0 + hour * HOUR + 59 * MINUTE);
    }
}

fn peers() -> Vec<(String, &'static str)> {
    (0..PEERS).map(|n| (format!("desk-{n}"), "desk")).collect()
}

/// A burst of a new agent after two usual reads; the alerts of its volume.
fn burst(world: &mut World, agent_type: &str, count: i64) -> Vec<Json> {
    let start_ms = T0 + DAYS * 24 * HOUR + HOUR;
    for n in 0..2 {
        let at_ms = start_ms + n * MINUTE;
        world.send(Input::Actions, at_ms, &read("new-1", agent_type, at_ms, n));
    }
    for n in 0..count {
        let at_ms = start_ms + 5 * MINUTE + n * 100;
        world.send(Input::Actions, at_ms, &read("new-1", agent_type, at_ms, n));
    }
    world.carry(start_ms + HOUR);
    of_volume(world)
}

fn of_volume(world: &World) -> Vec<Json> {
    let all = alerts(&world.outputs).into_iter();
    all.filter(|alert| alert["rule"]["title"] == TITLE)
        .collect()
}

#[test]
fn a_burst_in_the_first_hour_of_an_agent_is_seen_beside_its_peers() {
    for (partitions, reopens) in [(1, false), (1, true), (12, false)] {
        let mut world = World::new(partitions, rules_with(&[]));
        work(&mut world, &peers(), 0..DAYS * 24);
        assert_eq!(of_volume(&world), Vec::<Json>::new());
        if reopens {
            world.reopen();
        }
        let alerts = burst(&mut world, "desk", 120);
        assert_eq!(alerts[0]["agent_id"], "new-1");
        let expected = &alerts[0]["expected"];
        assert_eq!(expected["state"], "class", "{expected}");
        // The peers read twice in one of fifteen minutes.
        let usual = expected["expected"].as_f64().unwrap();
        assert!((0.05..1.0).contains(&usual), "{expected}");
    }
}

#[test]
fn without_peers_that_told_it_a_burst_of_a_new_agent_is_no_alarm() {
    // Of another type; of agents without a type; of too few agents; of too few days.
    let untyped: Vec<(String, &str)> = peers().into_iter().map(|(id, _)| (id, "")).collect();
    let cases = [
        (peers(), DAYS * 24, "other"),
        (untyped, DAYS * 24, ""),
        (peers()[..2].to_vec(), DAYS * 24, "desk"),
        (peers(), 24, "desk"),
    ];
    for (agents, hours, agent_type) in cases {
        let mut world = World::new(1, rules_with(&[]));
        work(&mut world, &agents, 0..hours);
        assert_eq!(burst(&mut world, agent_type, 120), Vec::<Json>::new());
    }
}

#[test]
fn an_agent_that_alarmed_the_day_before_does_not_tell_what_it_does() {
    for alarms in [false, true] {
        let mut world = World::new(1, rules_with(&[]));
        let three = &peers()[..3];
        for day in 0..DAYS {
            work(&mut world, three, day * 24..(day + 1) * 24);
            let at_ms = T0 + ((day + 1) * 24 - 1) * HOUR + 58 * MINUTE;
            for n in (0..80).filter(|_| alarms && day > 0) {
                let action = read("desk-0", "desk", at_ms + n, n);
                world.send(Input::Actions, at_ms + n, &action);
            }
        }
        assert_eq!(of_volume(&world).is_empty(), !alarms);
        let of_new = |alert: &&Json| alert["agent_id"] == "new-1";
        let alerts = burst(&mut world, "desk", 120);
        assert_eq!(alerts.iter().filter(of_new).count() == 0, alarms);
    }
}

#[test]
fn what_peers_do_reaches_another_partition_by_its_link_alone() {
    let mut world = World::new(12, rules_with(&[]));
    world.lost = Some("task_ended_clean");
    work(&mut world, &peers(), 0..DAYS * 24);
    assert_eq!(burst(&mut world, "desk", 120), Vec::<Json>::new());
}

#[test]
fn a_new_agent_that_does_what_its_peers_do_is_no_alarm() {
    let mut world = World::new(1, rules_with(&[]));
    work(&mut world, &peers(), 0..DAYS * 24);
    let mut all = peers();
    all.push(("new-1".to_owned(), "desk"));
    work(&mut world, &all, DAYS * 24..(DAYS + 3) * 24);
    assert_eq!(of_volume(&world), Vec::<Json>::new());
}
