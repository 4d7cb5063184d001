//! Records of a gateway that are missing, over the partitions that its records come to.

use std::collections::BTreeSet;

use scopewatch::engine::contract::OutputTopic;
use scopewatch::event::Input;
use serde_json::{Value as Json, json};

use crate::harness::{
    Harness, MINUTE, SECOND, T0, alerts, engine, of, options, record, rules_with,
};
use crate::world::World;

const TITLE: &str = "Records of a gateway are missing";

/// A record of one of twenty agents, so that the numbers are spread over all partitions.
pub fn numbered(number: u64) -> Json {
    json!({"agent.id": format!("a{}", number % 20), "event_id": format!("gw-{number}"),
        "resource.type": "database.table", "action.verb": "read",
        "gateway.id": "gw-1", "gateway.sequence": number})
}

/// Ten records a minute for half an hour, those in `lost` never and those in `late` five minutes
/// later.
fn play(world: &mut World, lost: &[u64], late: &[u64]) {
    for minute in 0..30 {
        let at_ms = T0 + minute * MINUTE;
        let from = 10 * minute as u64;
        let on_time = (from..from + 10).filter(|n| !lost.contains(n) && !late.contains(n));
        let delayed = late.iter().copied().filter(|n| n / 10 + 5 == minute as u64);
        for number in on_time.chain(delayed).collect::<Vec<_>>() {
            world.send(Input::Actions, at_ms, &numbered(number));
        }
        world.tick(at_ms + 59 * SECOND);
        if minute % 7 == 0 {
            world.reopen();
        }
    }
    for minute in 30..50 {
        world.tick(T0 + minute * MINUTE);
    }
}

#[test]
fn a_gateway_whose_id_names_no_subject_is_not_watched_and_makes_no_dead_letter() {
    for (id, found) in [
        ("g".repeat(248), 1),
        ("g".repeat(249), 0),
        ("g\u{7}".into(), 0),
    ] {
        let mut world = World::new(12, rules_with(&[]));
        for (minute, number) in [(0, 1), (1, 3), (20, 4), (40, 5)] {
            let mut action = numbered(number);
            action["agent.id"] = "a1".into();
            action["gateway.id"] = id.as_str().into();
            world.send(Input::Actions, T0 + minute * MINUTE, &action);
            world.tick(T0 + minute * MINUTE + SECOND);
        }
        assert_eq!(gaps(&world).len(), found, "{} bytes", id.len());
        assert_eq!(of(&world.outputs, OutputTopic::DeadLetter).count(), 0);
    }
}

fn gaps(world: &World) -> Vec<Json> {
    let of_rule = |alert: &Json| alert["rule"]["title"] == TITLE && alert["activity"] != "quiet";
    alerts(&world.outputs).into_iter().filter(of_rule).collect()
}

#[test]
fn numbers_that_never_come_alert_about_their_gateway_and_late_ones_do_not() {
    for partitions in [1, 12] {
        let mut world = World::new(partitions, rules_with(&[]));
        play(&mut world, &[], &[33, 34, 35, 120]);
        assert_eq!(gaps(&world), Vec::<Json>::new());
        let mut world = World::new(partitions, rules_with(&[]));
        play(&mut world, &[41, 42, 43, 150], &[33, 34, 35, 120]);
        let found = gaps(&world);
        assert_eq!(found[0]["agent_id"], "gateway:gw-1");
        let ids: BTreeSet<String> = found
            .iter()
            .flat_map(|alert| alert["event_ids"].as_array().unwrap())
            .map(|id| id.as_str().unwrap().to_owned())
            .collect();
        let expected = ["gateway/gw-1/150-150", "gateway/gw-1/41-43"].map(str::to_owned);
        assert_eq!(ids, BTreeSet::from(expected), "{partitions}");
        let message = "Gateway acme/gw-1: 3 of its records between number 41 and 43 have not come; \
            nobody judged them";
        assert_eq!(found[0]["message"], message);
    }
}

#[test]
fn links_that_come_again_make_nothing_missing_and_no_second_alert() {
    let mut world = World::new(12, rules_with(&[]));
    play(&mut world, &[41], &[]);
    let before = gaps(&world).len();
    assert_eq!(before, 1);
    let message = "Gateway acme/gw-1: its record number 41 has not come; nobody judged it";
    assert_eq!(gaps(&world)[0]["message"], message);
    world.repeat_links(T0 + 50 * MINUTE);
    world.tick(T0 + 90 * MINUTE);
    assert_eq!(gaps(&world).len(), before);
}

#[test]
fn a_record_that_is_read_again_after_a_restart_is_no_new_number() {
    let mut harness = Harness::new(engine(rules_with(&[]), options()));
    harness.action(T0, numbered(1));
    harness.action(T0 + SECOND, numbered(1));
    harness.step();
    let before = harness.entries();
    harness.reopen();
    let again = record(Input::Actions, 0, T0, &numbered(1));
    harness.push(again);
    harness.step();
    assert_eq!(harness.entries(), before);
    assert_eq!(harness.count("retries"), 1);
}

#[test]
fn the_watch_has_room_where_undeclared_agents_have_none() {
    let mut world = World::new(1, rules_with(&[]));
    world.send(
        Input::Scopes,
        T0,
        &json!({"agent.id": "x", "scope_id": "s", "grants": []}),
    );
    for n in 0..6_000 {
        let stranger = json!({"agent.id": format!("stranger-{n}"), "event_id": format!("s-{n}"),
            "resource.type": "t", "action.verb": "read"});
        world.queue(Input::Actions, T0, &stranger);
    }
    world.carry(T0);
    play(&mut world, &[41], &[]);
    assert_eq!(gaps(&world).len(), 1);
    assert!(world.count("onboarding_full") > 0);
}

#[test]
fn numbers_that_are_none_and_records_without_a_gateway_change_nothing() {
    let mut world = World::new(1, rules_with(&[]));
    for minute in 0..60 {
        let mut odd = numbered(minute);
        odd["gateway.sequence"] = match minute % 4 {
            0 => json!("seven"),
            1 => json!(-1),
            2 => json!(1.5),
            _ => json!(3),
        };
        if minute % 4 == 3 {
            odd.as_object_mut().unwrap().remove("gateway.id");
        }
        world.send(Input::Actions, T0 + minute as i64 * MINUTE, &odd);
    }
    assert_eq!(gaps(&world), Vec::<Json>::new());
}
