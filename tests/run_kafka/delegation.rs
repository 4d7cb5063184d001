//! Who acts for whom, over twelve partitions and two instances: what an alert needs comes from
//! another partition by a link. Each alert is sent once, and the result equals that of `replay`.
//!
//! Every step waits until its records and the links that follow from them are committed, so that no
//! link is on its way when the next record is judged.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use scopewatch::engine::partitioner::partition_of_key;
use serde_json::{Value, json};

use super::support::fleet::{Fleet, Records};
use super::support::kafka::{bootstrap, produce};
use super::support::service::{PATIENCE, Site};
use super::support::verdicts::Verdicts;

pub const PARTITIONS: u32 = 12;
/// 2026-03-02T09:00:00Z.
const T0: i64 = 1_772_442_000_000;
const MINUTE: i64 = 60_000;
/// Asks for the whole tree of an agent that deletes something.
const TREE_RULE: &str = "\
title: Deletion by an agent with a tree
id: 4c1d7e82-b3e4-4960-a1c8-94e27d06fb98
status: stable
description: An agent deletes something.
author: Scopewatch
date: 2026-03-02
tags: [atlas.aml.t0053, owasp.asi02-2026]
logsource: {product: scopewatch, category: agent_action}
detection:
  selection: {action.verb: delete}
  condition: selection
falsepositives: [none]
level: critical
response: {revoke: tree}
";

pub fn partition_of(agent: &str) -> i32 {
    partition_of_key(format!("acme/{agent}").as_bytes(), PARTITIONS)
}

/// An agent in another partition than `other`.
pub fn away_from(other: &str, name: &str) -> String {
    let names = (0..).map(|n| format!("{name}-{n}"));
    let mut away = names.filter(|name| partition_of(name) != partition_of(other));
    away.next().unwrap()
}

/// What is sent in one step, and when by the records' own times.
#[derive(Default)]
pub struct Step {
    at_ms: i64,
    /// Actions so far; each happens a millisecond after the one before.
    count: i64,
    scopes: Records,
    actions: Records,
}

impl Step {
    pub fn new(minute: i64) -> Step {
        Step {
            at_ms: T0 + minute * MINUTE,
            ..Step::default()
        }
    }

    /// Declares a scope of `agent`, below that of `parent` where there is one.
    pub fn declare(&mut self, agent: &str, parent: Option<&str>, grants: Value) -> &mut Self {
        self.declare_as(agent, parent, grants, "active")
    }

    fn declare_as(
        &mut self,
        agent: &str,
        parent: Option<&str>,
        grants: Value,
        status: &str,
    ) -> &mut Self {
        let mut scope = json!({"scope_id": format!("s-{agent}"), "tenant": "acme",
            "agent": {"id": agent}, "effective_from": self.at_ms, "grants": grants,
            "issuer": "https://idp.test", "credential_ids": [format!("c-{agent}")],
            "delegation": {"allowed": true, "depth_max": 5, "children_max": 9},
            "status": status});
        if let Some(parent) = parent {
            scope["parent"] = json!({"agent_id": parent, "scope_id": format!("s-{parent}")});
        }
        self.scopes
            .push((format!("acme/{agent}"), scope.to_string()));
        self
    }

    /// An action with the agent's own credential.
    fn act(&mut self, agent: &str, verb: &str) -> &mut Self {
        self.act_with(agent, verb, &format!("c-{agent}"))
    }

    fn act_with(&mut self, agent: &str, verb: &str, credential: &str) -> &mut Self {
        let resource = json!({"type": "database.table", "id": "orders"});
        self.push_action(agent, verb, credential, resource)
    }

    fn spawn(&mut self, agent: &str, child: &str) -> &mut Self {
        let resource = json!({"type": "agent.child", "id": child});
        self.push_action(agent, "spawn", &format!("c-{agent}"), resource)
    }

    fn push_action(
        &mut self,
        agent: &str,
        verb: &str,
        credential: &str,
        resource: Value,
    ) -> &mut Self {
        self.push(
            agent,
            json!({"agent": {"id": agent}, "action": {"verb": verb}, "resource": resource,
                "credential": {"id": credential, "issuer": "https://idp.test"}}),
        )
    }

    /// Adds an action with an id and a time of its own.
    pub fn push(&mut self, agent: &str, mut action: Value) -> &mut Self {
        self.count += 1;
        let at_ms = self.at_ms + self.count;
        action["event_id"] = json!(format!("{agent}-{at_ms}"));
        action["occurred_at"] = json!(at_ms);
        action["tenant"] = json!("acme");
        action["outcome"] = json!("allowed");
        self.actions
            .push((format!("acme/{agent}"), action.to_string()));
        self
    }
}

/// Sends the steps, and keeps their records for the replay.
pub struct StepSender<'a> {
    site: &'a Site,
    /// One agent in each partition, which acts in every step: their actions move its time.
    clocks: Vec<String>,
    sent: Fleet,
}

impl<'a> StepSender<'a> {
    pub fn new(site: &'a Site) -> Self {
        let clock = |partition: u32| {
            let mut names = (0..).map(|n| format!("clock-{n}"));
            let found = names.find(|name| partition_of(name) == partition as i32);
            found.unwrap()
        };
        let mut sender = StepSender {
            site,
            clocks: (0..PARTITIONS).map(clock).collect(),
            sent: Fleet {
                scopes: Vec::new(),
                control: Vec::new(),
                actions: Vec::new(),
            },
        };
        let mut step = Step::new(0);
        for clock in &sender.clocks {
            step.declare(clock, None, anything());
        }
        sender.send(step);
        sender
    }

    /// Sends a step: first its scopes, then its actions.
    pub fn send(&mut self, mut step: Step) {
        let site = self.site;
        let actions = std::mem::take(&mut step.actions);
        produce(&site.servers, &site.topic("scopes"), &step.scopes);
        self.sent.scopes.append(&mut step.scopes);
        self.run_clocks(&mut step);
        produce(&site.servers, &site.topic("actions"), &actions);
        self.sent.actions.extend(actions);
        self.run_clocks(&mut step);
    }

    /// Lets the clocks act until everything is applied: under event time a scope is applied when
    /// an action has moved the time of its partition.
    fn run_clocks(&mut self, step: &mut Step) {
        let site = self.site;
        let until = Instant::now() + PATIENCE;
        loop {
            for clock in &self.clocks {
                step.act(clock, "read");
            }
            produce(&site.servers, &site.topic("actions"), &step.actions);
            self.sent.actions.append(&mut step.actions);
            for _ in 0..10 {
                if site.is_settled() {
                    return;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            assert!(Instant::now() < until, "records are not applied");
        }
    }

    /// What `replay` finds in the same records.
    pub fn replayed(&self) -> Verdicts {
        std::fs::create_dir_all(self.site.path("fleet")).unwrap();
        let files = [
            ("scopes", &self.sent.scopes),
            ("control", &self.sent.control),
            ("actions", &self.sent.actions),
        ];
        for (name, records) in files {
            let lines = records.iter().map(|(_, value)| format!("{value}\n"));
            let path = self.site.path(&format!("fleet/{name}.jsonl"));
            std::fs::write(path, lines.collect::<String>()).unwrap();
        }
        Fleet::replayed(self.site)
    }
}

pub fn anything() -> Value {
    json!([{"resource_types": ["*"]}])
}

fn databases() -> Value {
    json!([{"resource_types": ["database.*"], "verbs": ["read", "list"]}])
}

/// How many alerts were created, by title of the rule and agent.
pub fn created(verdicts: &Verdicts) -> BTreeMap<(String, String), usize> {
    let mut all = BTreeMap::new();
    for alert in verdicts
        .alerts
        .iter()
        .filter(|alert| alert["activity"] == "create")
    {
        let word = |value: &Value| value.as_str().unwrap().to_owned();
        let key = (word(&alert["rule"]["title"]), word(&alert["agent_id"]));
        *all.entry(key).or_default() += 1;
    }
    all
}

/// Plan, order and number of targets, and the target, of each of our own requests.
fn requested(verdicts: &Verdicts) -> Vec<String> {
    let claims = verdicts.requests.iter();
    let claims = claims.map(|request| serde_json::from_str::<Value>(request).unwrap());
    let mut all: Vec<String> = claims
        .filter_map(|claims| {
            let (_, event) = claims["events"].as_object()?.iter().next()?;
            let plan = event["plan"].as_u64()?;
            let (order, of, target) = (&event["order"], &event["of"], &claims["sub_id"]);
            let name = target["jti"].as_str().or(target["sub"].as_str())?;
            Some(format!("{plan}: {order}/{of} {name}"))
        })
        .collect();
    all.sort();
    all
}

const OWNER: &str = "owner";
const PLANNER: &str = "planner";
const BOSS: &str = "boss";
const LEAD: &str = "lead";
const ROOT: &str = "root";
const CHIEF: &str = "chief";

/// The agents that act on the authority of another one, each in another partition than that one.
struct Relatives {
    /// Uses the credential of [`OWNER`].
    thief: String,
    /// Is permitted more than its parent [`PLANNER`].
    wide: String,
    /// Acts after the task of its parent [`BOSS`].
    orphan: String,
    /// Was spawned by [`LEAD`], and shows no authority.
    ambient: String,
    /// Below [`ROOT`], which deletes something.
    middle: String,
    leaf: String,
    /// Below [`CHIEF`], whose scope is revoked.
    deputy: String,
    grandchild: String,
}

impl Relatives {
    fn new() -> Relatives {
        let (middle, deputy) = (away_from(ROOT, "middle"), away_from(CHIEF, "deputy"));
        Relatives {
            thief: away_from(OWNER, "thief"),
            wide: away_from(PLANNER, "wide"),
            orphan: away_from(BOSS, "orphan"),
            ambient: away_from(LEAD, "ambient"),
            leaf: away_from(&middle, "leaf"),
            grandchild: away_from(&deputy, "grandchild"),
            middle,
            deputy,
        }
    }

    /// Everybody but the wide child is declared, and acts as it may.
    fn act_as_declared(&self, sender: &mut StepSender<'_>) {
        let mut step = Step::new(1);
        step.declare(OWNER, None, anything())
            .declare(&self.thief, None, anything())
            .declare(PLANNER, None, databases())
            .declare(BOSS, None, databases())
            .declare(LEAD, None, anything())
            .declare(ROOT, None, anything())
            .declare(CHIEF, None, databases());
        sender.send(step);
        let mut step = Step::new(2);
        step.declare(&self.orphan, Some(BOSS), databases())
            .declare(&self.middle, Some(ROOT), databases())
            .declare(&self.deputy, Some(CHIEF), databases());
        sender.send(step);
        let mut step = Step::new(3);
        step.declare(&self.leaf, Some(&self.middle), databases())
            .declare(&self.grandchild, Some(&self.deputy), databases())
            .act(OWNER, "read")
            .act(&self.orphan, "read")
            .act(&self.leaf, "read")
            .act(&self.grandchild, "read")
            .spawn(LEAD, &self.ambient);
        sender.send(step);
    }

    fn deviate(&self, sender: &mut StepSender<'_>) {
        let mut step = Step::new(4);
        step.declare(&self.wide, Some(PLANNER), anything())
            .declare_as(BOSS, None, databases(), "completed")
            .declare_as(CHIEF, None, databases(), "revoked")
            .act_with(&self.thief, "read", &format!("c-{OWNER}"))
            .act(&self.ambient, "read");
        sender.send(step);
    }

    fn act_after_the_ends(&self, sender: &mut StepSender<'_>) {
        let mut step = Step::new(6);
        step.act(&self.orphan, "read")
            .act(&self.grandchild, "list")
            .act(ROOT, "delete");
        sender.send(step);
        let mut step = Step::new(7);
        step.act(&self.leaf, "list").act(&self.grandchild, "read");
        sender.send(step);
    }

    /// Each title of a rule, and the agent that has one alert of it.
    fn expected_alerts(&self) -> [(&'static str, &str); 6] {
        [
            ("Credential of another agent", &self.thief),
            ("Child wider than its parent", &self.wide),
            ("Orphan that reads", &self.orphan),
            ("Reading on ambient authority", &self.ambient),
            (
                "Child acts after the revocation of its parent",
                &self.grandchild,
            ),
            ("Deletion by an agent with a tree", ROOT),
        ]
    }

    /// The requests for the tree of [`ROOT`].
    fn expected_requests(&self) -> [String; 3] {
        [
            format!("1: 1/3 {ROOT}"),
            format!("1: 2/3 c-{}", self.middle),
            format!("1: 3/3 c-{}", self.leaf),
        ]
    }
}

#[test]
fn whoever_acts_for_whom_is_known_across_partitions_instances_and_a_rebalance() {
    let Some(servers) = bootstrap() else { return };
    let site = Site::with_partitions(&servers, "trees", PARTITIONS as i32);
    std::fs::write(site.path("rules/policy/tree.yaml"), TREE_RULE).unwrap();
    site.revoke_at_once();
    site.create_topics();
    let first = site.start("a");
    let mut sender = StepSender::new(&site);
    let relatives = Relatives::new();
    relatives.act_as_declared(&mut sender);
    let mut second = site.start("b");
    second.wait_ran(1);
    relatives.deviate(&mut sender);
    assert_eq!(first.terminate().0, Some(0));
    second.wait_ran(PARTITIONS as usize);
    relatives.act_after_the_ends(&mut sender);
    assert_eq!(second.terminate().0, Some(0));

    site.check_no_open_transaction();
    let found = Verdicts::of_topics(&site);
    found.check_schema();
    let truth = sender.replayed();
    found.check_same(&truth);
    let alerts = created(&found);
    assert_eq!(
        alerts,
        created(&truth),
        "left is from Kafka, right from replay"
    );
    for (title, agent) in relatives.expected_alerts() {
        let count = alerts.get(&(title.to_owned(), agent.to_owned()));
        assert_eq!(count, Some(&1), "{title} of {agent}: {alerts:#?}");
    }
    let sent = requested(&found);
    assert!(
        relatives
            .expected_requests()
            .iter()
            .all(|one| sent.contains(one)),
        "{sent:#?}"
    );
    assert_eq!(sent, requested(&truth));
    assert_eq!(site.read_all("dead_letter"), Vec::new());
}
