//! The planted attacks of the delegation and instruction families and their benign twins, scored as
//! the demo scores them, with an identity system that refuses every request or is silent about it.

use std::collections::BTreeSet;

use scopewatch::codec::json;
use scopewatch::demo::{AlertScorer, AlertView, AttackVerdict};
use scopewatch::engine::contract::OutputTopic;
use scopewatch::event::{
    CommandKind, ControlRecord, Input, RecordBody, RevocationResult, TimeSource,
};
use scopewatch::simulator::{AttackKind, AttackPlan, Fleet, FleetOptions, HOUR_MS, MINUTE_MS};
use serde_json::Value as Json;

use crate::fleet::{START_MS, fleet_engine};
use crate::harness::{Harness, alerts, of, raw};

/// The fleet of a test, its records numbered as they are pushed.
struct World {
    fleet: Fleet,
    harness: Harness,
    score: AlertScorer,
    offsets: [i64; 5],
    refused: BTreeSet<String>,
}

/// Hours after the start of the week: when a fleet begins, is attacked and ends.
const BEGIN_H: i64 = 7;
const ATTACKS_H: i64 = 9;
const END_H: i64 = 13;

/// A fleet of so many agents and tenants with so many actions a second.
struct FleetSize(u32, u32, f64);

impl World {
    /// `learns`: everything before the first attack only teaches.
    fn new(seed: u64, size: &FleetSize, kinds: Vec<AttackKind>, learns: bool) -> World {
        let attacks_ms = START_MS + ATTACKS_H * HOUR_MS;
        let plan = AttackPlan {
            spacing_ms: 10 * MINUTE_MS,
            attacks_max: Some(kinds.len() as u32),
            ..AttackPlan::new(kinds, attacks_ms)
        };
        let fleet = Fleet::new(FleetOptions {
            seed,
            agents: size.0,
            tenants: size.1,
            start_ms: START_MS + BEGIN_H * HOUR_MS,
            end_ms: START_MS + END_H * HOUR_MS,
            rate: size.2,
            attacks: Some(plan),
        });
        let engine = fleet_engine(|options| {
            options.time = TimeSource::Event;
            options.detector.learn_until_ms = learns.then_some(attacks_ms);
        });
        World {
            fleet: fleet.unwrap(),
            harness: Harness::new(engine),
            score: AlertScorer::new(),
            offsets: [0; 5],
            refused: BTreeSet::new(),
        }
    }

    fn push(&mut self, body: &RecordBody, at_ms: i64) {
        let (input, bytes) = match body {
            RecordBody::Action(action) => (Input::Actions, json::write_action(action)),
            RecordBody::Scope(scope) => (Input::Scopes, json::write_scope(scope)),
            RecordBody::Control(control) => (Input::Control, json::write_control(control)),
            _ => unreachable!("the simulator makes none"),
        };
        let key = body.agent_key().unwrap().to_string();
        let offset = &mut self.offsets[input as usize];
        let record = raw(input, *offset, at_ms, Some(key.as_bytes()), Some(&bytes));
        *offset += 1;
        self.harness.push(record);
    }

    /// Refuses the requests of the last commit, except those that the plan ignores.
    fn refuse_requests(&mut self, from: usize, at_ms: i64) {
        let requests = of(&self.harness.outputs[from..], OutputTopic::Revocations);
        let mut replies = Vec::new();
        for request in requests {
            let key = String::from_utf8(request.key.clone().unwrap()).unwrap();
            let (tenant, agent) = key.split_once('/').unwrap();
            let claims: Json = serde_json::from_slice(request.value.as_ref().unwrap()).unwrap();
            let txn = claims["txn"].as_str().unwrap();
            let ignored = self.fleet.ignores_requests_for(tenant, agent);
            if ignored || !self.refused.insert(txn.to_owned()) {
                continue;
            }
            replies.push(ControlRecord {
                tenant: tenant.into(),
                agent_id: agent.into(),
                by: "identity-system".into(),
                at_ms,
                reason: None,
                command: CommandKind::Confirmation {
                    txn: txn.into(),
                    target: None,
                    result: RevocationResult::Refused,
                },
            });
        }
        for reply in replies {
            self.push(&RecordBody::Control(Box::new(reply)), at_ms);
        }
    }

    fn score_alerts(&mut self, from: usize) {
        let rules = self.harness.engine.rules();
        let slug = |id: &str| {
            let rule = rules.bundle.rules.iter().find(|rule| rule.id == id);
            let path = rule.map_or(id, |rule| rule.path.trim_end_matches(".yaml"));
            path.trim_start_matches("rules/").to_owned()
        };
        let texts = |list: &Json| -> Vec<String> {
            let texts = list.as_array().map_or(&[][..], Vec::as_slice);
            texts
                .iter()
                .map(|t| t.as_str().unwrap().to_owned())
                .collect()
        };
        for alert in alerts(&self.harness.outputs[from..]) {
            if alert["activity"] == "quiet" {
                continue;
            }
            let also: Vec<String> = texts(&alert["also"]).iter().map(|id| slug(id)).collect();
            let event_ids = texts(&alert["event_ids"]);
            let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
            self.score.add_alert(&AlertView {
                rule: &slug(&text(&alert["rule"]["id"])),
                also: &also.iter().map(String::as_str).collect::<Vec<_>>(),
                tenant: &text(&alert["tenant"]),
                agent_id: &text(&alert["agent_id"]),
                event_ids: &event_ids.iter().map(String::as_str).collect::<Vec<_>>(),
                at_ms: alert["time_ms"].as_i64().unwrap(),
                severity: &text(&alert["severity"]),
                message: &text(&alert["message"]),
            });
        }
    }

    fn play(&mut self) {
        while let Some(record) = self.fleet.next() {
            let from = self.harness.outputs.len();
            self.push(&record.body, record.at_ms);
            self.harness.step();
            self.score_alerts(from);
            self.refuse_requests(from, record.at_ms);
        }
    }
}

/// Plays the attacks of a family: each is caught by its rule, no twin and nobody else alerts.
fn check_family(family: &str, size: &FleetSize, learns: bool) {
    let kinds = AttackKind::judged();
    let of_family = |kind: &AttackKind| kind.family() == family;
    let kinds: Vec<AttackKind> = kinds.into_iter().filter(of_family).collect();
    for seed in crate::property::seeds(1) {
        let mut world = World::new(seed, size, kinds.clone(), learns);
        world.play();
        let board = world
            .score
            .compare_with_labels(&world.fleet.emitted_labels());
        for row in &board.rows {
            let good = match &row.verdict {
                AttackVerdict::Caught { expected, .. } => *expected,
                AttackVerdict::Quiet => true,
                _ => false,
            };
            assert!(good, "seed {seed}: {row:?}\n{board}");
        }
        assert!(board.false_alerts.is_empty(), "seed {seed}:\n{board}");
        let played: BTreeSet<String> = board.rows.iter().map(|row| row.attack.clone()).collect();
        for kind in &kinds {
            assert!(played.contains(&kind.to_string()), "seed {seed}: {kind}");
        }
    }
}

#[test]
fn every_attack_on_delegation_is_caught_by_its_rule_and_no_twin_alerts() {
    check_family("delegation", &FleetSize(300, 2, 0.1), false);
}

#[test]
fn unusual_behaviour_is_caught_by_its_rule_and_its_twin_does_not_alert() {
    check_family("behaviour", &FleetSize(40, 1, 0.7), true);
}

#[test]
fn an_injected_agent_is_caught_by_its_evidence_and_its_twin_does_not_alert() {
    check_family("instruction", &FleetSize(40, 1, 0.7), true);
}
