//! One credential and its agents, in one partition and over twelve: who is reported, and whose
//! credential is asked back.

use scopewatch::engine::contract::OutputTopic;
use scopewatch::event::Input;
use serde_json::{Value as Json, json};

use crate::harness::{SECOND, T0, alerts, created, databases, file, of, rules_with};
use crate::world::World;

/// The partitions of an engine with these resources, which requests without asking.
fn world(partitions: u32, resources: &str) -> World {
    let files = [
        file("rules/response.yaml", "default: auto\n"),
        file("rules/resources.yaml", resources),
    ];
    World::new(partitions, rules_with(&files))
}

impl World {
    fn scope(&mut self, agent: &str, credentials: Json) {
        self.send(Input::Scopes, T0, &scope_of(agent, credentials));
    }

    /// An agent acts with the credential `c`.
    fn act(&mut self, second: i64, agent: &str, verb: &str, outcome: &str) {
        let action = use_of_c(second, agent, verb, outcome);
        self.send(Input::Actions, T0 + second * SECOND, &action);
    }

    /// The agents that are reported to use the credential of another.
    fn accused(&self) -> Vec<String> {
        let mut agents: Vec<String> = alerts(&self.outputs)
            .iter()
            .filter(|alert| created(std::slice::from_ref(alert)) == ["Credential of another agent"])
            .map(|alert| alert["agent_id"].as_str().unwrap().to_owned())
            .collect();
        agents.dedup();
        agents
    }

    /// Whether the credential `c` was requested.
    fn requests_it(&self) -> bool {
        of(&self.outputs, OutputTopic::Revocations).any(|output| {
            let claims: Json = serde_json::from_slice(output.value.as_ref().unwrap()).unwrap();
            claims["sub_id"]["jti"] == "c"
        })
    }
}

fn scope_of(agent: &str, credentials: Json) -> Json {
    json!({"agent.id": agent, "scope_id": format!("s-{agent}"),
        "grants": databases(), "credential_ids": credentials, "effective_from": T0})
}

fn use_of_c(second: i64, agent: &str, verb: &str, outcome: &str) -> Json {
    json!({"agent.id": agent, "resource.type": "database.table",
        "action.verb": verb, "credential.id": "c", "credential.issuer": "https://idp",
        "outcome": outcome, "event_id": format!("{agent}-{second}")})
}

/// What the agents do, in order; a name with `!` acts and is denied, one with `+` has a scope that
/// names the credential.
fn play(partitions: u32, resources: &str, said: &[&str]) -> World {
    let mut world = world(partitions, resources);
    let name = |said: &str| said.trim_end_matches(['!', '+']).to_owned();
    let agents: std::collections::BTreeSet<String> = said.iter().map(|s| name(s)).collect();
    for agent in &agents {
        let listed = said.contains(&format!("{agent}+").as_str());
        world.scope(agent, if listed { json!(["c"]) } else { json!([]) });
    }
    for (n, one) in said
        .iter()
        .enumerate()
        .filter(|(_, one)| !one.ends_with('+'))
    {
        let outcome = if one.ends_with('!') {
            "denied"
        } else {
            "allowed"
        };
        world.act(n as i64 + 1, &name(one), "read", outcome);
    }
    world
}

#[test]
fn whoever_uses_the_credential_of_another_is_reported_wherever_it_is() {
    let cases: [(&[&str], &[&str]); 7] = [
        (&["owner", "thief", "owner"], &["thief"]),
        (&["owner+", "thief", "owner"], &["thief"]),
        (&["owner+", "thief!", "owner"], &[]),
        (&["owner", "thief!", "owner"], &[]),
        // A claim gives nobody a credential of its own.
        (&["thief!", "owner", "thief"], &["thief"]),
        (&["owner+", "thief+"], &[]),
        (&["owner", "owner", "owner"], &[]),
    ];
    for partitions in [1, 12] {
        for (said, accused) in cases {
            let world = play(partitions, "{}\n", said);
            assert_eq!(world.accused(), accused, "{partitions}: {said:?}");
        }
        let shared = "credentials: {shared: [c]}\n";
        let world = play(partitions, shared, &["owner", "thief", "owner"]);
        assert_eq!(world.accused(), [] as [&str; 0], "{partitions}: declared");
    }
}

#[test]
fn only_a_credential_that_no_other_agent_has_is_asked_back_wherever_it_is() {
    let cases: [(&[&str], &str, bool); 7] = [
        (&["a1", "a1"], "allowed", true),
        (&[], "allowed", true),
        (&[], "denied", false),
        (&["victim"], "allowed", false),
        (&["victim+"], "allowed", false),
        (&["victim+", "a1+"], "allowed", true),
        // Four agents have it, so a person decides.
        (&["a1+", "a2+", "a3+", "a4+"], "allowed", false),
    ];
    for partitions in [1, 12] {
        for (before, outcome, hit) in cases {
            let mut world = play(partitions, "{}\n", before);
            if !before.iter().any(|one| one.starts_with("a1")) {
                world.scope("a1", json!([]));
            }
            world.act(20, "a1", "delete", outcome);
            assert_eq!(
                world.requests_it(),
                hit,
                "{partitions}: {before:?} {outcome}"
            );
        }
    }
}

/// A partition that catches up runs through an hour of stream time before the credential answers.
#[test]
fn a_request_outlasts_any_wait_for_the_users_of_its_credential() {
    for (listed, sent) in [(1, true), (4, false)] {
        let mut world = world(12, "{}\n");
        for n in 2..=listed {
            world.scope(&format!("a{n}"), json!(["c"]));
        }
        world.queue(Input::Scopes, T0, &scope_of("a1", json!(["c"])));
        for second in [20, 1_800, 3_000] {
            let verb = if second == 20 { "delete" } else { "read" };
            let action = use_of_c(second, "a1", verb, "allowed");
            world.queue(Input::Actions, T0 + second * SECOND, &action);
        }
        world.carry(T0 + 3_000 * SECOND);
        assert_eq!(world.requests_it(), sent, "{listed} agents have it");
        let all = alerts(&world.outputs);
        let named = |title: &str| all.iter().any(|alert| alert["rule"]["title"] == title);
        // Nobody has to approve it, unless too many have the credential.
        let states = all.iter().filter_map(|alert| {
            let target = &alert["revocation"]["targets"][0];
            let state = format!("{} {}", target["mode"], target["state"]).replace('"', "");
            target.is_object().then_some(state)
        });
        let mut states: Vec<String> = states.collect();
        states.dedup();
        let then = match sent {
            true => "auto sent",
            false => "approve waiting",
        };
        assert_eq!(states[..2], ["auto waiting", then]);
        // Its repetition was due when it was sent.
        assert_eq!(named("Identity system does not answer"), sent);
        let waits = |alert: &Json| {
            let message = alert["message"].as_str().unwrap();
            message.contains("waits until") && message.contains("4 agents have credential c")
        };
        assert_eq!(all.iter().any(waits), !sent, "{all:#?}");
    }
}

#[test]
fn an_agent_that_invents_credentials_costs_little_and_hides_nobody() {
    for partitions in [1, 12] {
        let mut world = world(partitions, "{}\n");
        for agent in ["owner", "thief", "evil"] {
            world.scope(agent, json!([]));
        }
        for n in 0..120 {
            let action = json!({"agent.id": "evil", "resource.type": "database.table",
                "action.verb": "read", "credential.id": format!("junk-{n}")});
            world.send(Input::Actions, T0 + n, &action);
        }
        assert_eq!(world.count("credential_links_cut"), 60);
        world.act(1, "owner", "read", "allowed");
        world.act(2, "thief", "read", "allowed");
        // Its own links of this hour are used up: what it did is found an hour later.
        world.act(3, "evil", "read", "allowed");
        assert_eq!(world.accused(), ["thief"]);
        world.act(3_700, "evil", "read", "allowed");
        assert_eq!(world.accused(), ["thief", "evil"]);
    }
}

#[test]
fn a_crowd_of_users_is_reported_to_the_last() {
    let mut world = world(1, "{}\n");
    let names: Vec<String> = (0..40).map(|n| format!("a{n}")).collect();
    for name in &names {
        world.scope(name, json!([]));
    }
    for (n, name) in names.iter().enumerate() {
        world.act(n as i64 + 1, name, "read", "allowed");
    }
    assert_eq!(world.accused(), &names[1..]);
    assert!(world.count("credential_users_full") >= 24);
}
