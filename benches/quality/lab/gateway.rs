//! Sends actions through the real task of a partition, over an in-memory store, and reads its
//! alerts.

use std::sync::Arc;

use scopewatch::behaviour::ClassCheck;
use scopewatch::codec::avro::Encoder;
use scopewatch::codec::set::SetSettings;
use scopewatch::codec::{AlertFormat, Decoder, SchemaSet};
use scopewatch::detector::DetectorSettings;
use scopewatch::engine::contract::{InputRecord, OutputTopic, PartitionTask};
use scopewatch::engine::{
    Engine, EngineOptions, EngineTask, Rules, parse_rules, shipped_rule_files,
};
use scopewatch::event::{AgentAction, AgentScope, Grant, Input, RecordPosition, TimeSource};
use scopewatch::rule::{RuleFamily, RuleIndex};
use scopewatch::store::{MemoryStore, Store, WriteBatch};
use scopewatch::text::SourceFile;
use serde_json::Value as Json;

use super::fleet::{MINUTE_MS, START_MS, SimAgent, Zone};

/// Records between two commits.
const BATCH: usize = 5_000;

/// An alert that opened or changed an incident.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    pub agent: String,
    pub rule: String,
    /// Minutes since the start.
    pub minute: i64,
    pub at_ms: i64,
    /// Whether it opened its incident.
    pub opens: bool,
}

/// Which rules an action matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Matched {
    pub evidence: bool,
    pub strong_evidence: bool,
    pub scope: bool,
}

/// The ids of the two rules of evidence.
const ALERT_RULE: &str = "16e8c93a-0bb9-55e2-88c0-744e460e7e37";
const REVOKE_RULE: &str = "486cc531-b5ff-53de-ae5f-febe9848ca67";

/// A task of the real engine with its store and what it has sent.
pub struct Gateway {
    engine: Arc<Engine>,
    task: EngineTask,
    store: MemoryStore,
    schemas: SchemaSet,
    topics: [Arc<str>; 3],
    /// The time of the latest record.
    append_ms: i64,
    offset: i64,
    queued: usize,
    alerts: Vec<Alert>,
    /// The rules of scopes and of evidence.
    watched: Vec<(RuleIndex, Matched)>,
}

/// The shipped rules, with the time zones of the two tenants, and `more` files.
pub fn shipped_rules(more: &[SourceFile]) -> Rules {
    let mut files = shipped_rule_files();
    for file in &mut files {
        if file.path.ends_with("resources.yaml") {
            let zones = format!("timezone: {{{}: Europe/Berlin}}\n", Zone::Berlin.tenant());
            file.text = zones + &file.text;
        }
    }
    files.extend(more.iter().cloned());
    let loaded = parse_rules(&files, &[]);
    loaded
        .rules
        .unwrap_or_else(|| panic!("{:#?}", loaded.problems))
}

impl Gateway {
    pub fn new(rules: Rules) -> Self {
        Gateway::with_learning(rules, None)
    }

    /// A gateway that only learns until a time.
    pub fn with_learning(rules: Rules, learn_until_ms: Option<i64>) -> Self {
        let options = EngineOptions {
            partitions: 1,
            time: TimeSource::Append,
            detector: DetectorSettings {
                lists_every_event: true,
                learn_until_ms,
                ..DetectorSettings::default()
            },
            alert_format: AlertFormat::Native,
            set: SetSettings::new("quality"),
            agents_cached_max: 10_000,
            ticks: false,
        };
        let schemas = SchemaSet::new([]).expect("our own schemas");
        let watched = rules.bundle.rules.iter().map(|rule| {
            let matched = Matched {
                evidence: *rule.id == *ALERT_RULE,
                strong_evidence: *rule.id == *REVOKE_RULE,
                scope: rule.family == RuleFamily::Scope,
            };
            (rule.index, matched)
        });
        let watched = watched.filter(|(_, matched)| *matched != Matched::default());
        let watched = watched.collect();
        let engine = Arc::new(Engine::new(
            Decoder::new(schemas.clone()),
            rules,
            None,
            options,
        ));
        let store = MemoryStore::default();
        store.open_partition(0).expect("a new store");
        let task = EngineTask::open(Arc::clone(&engine), 0, &store).expect("an empty store");
        Gateway {
            engine,
            task,
            store,
            schemas,
            topics: [
                "agent.scopes".into(),
                "agent.actions".into(),
                "scopewatch.links".into(),
            ],
            append_ms: START_MS,
            offset: 0,
            queued: 0,
            alerts: Vec::new(),
            watched,
        }
    }

    /// Declares a scope of everything, so that no rule of a scope speaks.
    pub fn declare(&mut self, tenant: &str, agent: &str, agent_type: &str) {
        let scope = AgentScope {
            scope_id: format!("scope-{agent}").into(),
            tenant: tenant.into(),
            agent_id: agent.into(),
            agent_type: Some(agent_type.into()),
            effective_from_ms: Some(START_MS - 86_400_000),
            grants: vec![Grant {
                resource_types: vec!["*".into()],
                ..Grant::default()
            }],
            ..AgentScope::default()
        };
        self.declare_scope(&scope);
    }

    pub fn declare_scope(&mut self, scope: &AgentScope) {
        let encoder = Encoder::new(&self.schemas);
        let value = encoder.scope_single_object(scope).expect("fits its schema");
        let key = format!("{}/{}", scope.tenant, scope.agent_id);
        self.push(Input::Scopes, START_MS, Some(key.into_bytes()), value);
    }

    /// Declares the agents of a fleet.
    pub fn declare_fleet(&mut self, fleet: &[SimAgent]) {
        for agent in fleet {
            let family = agent.family.name().replace(' ', "-");
            self.declare(agent.zone.tenant(), &agent.id(), &family);
        }
        self.commit();
    }

    /// What the check at the end of the learning time found.
    pub fn class_checks(&self) -> &[ClassCheck] {
        self.task.class_checks()
    }

    /// Sends an action that arrives at `append_ms`.
    pub fn send(&mut self, action: &mut AgentAction, append_ms: i64) {
        let event = format!("e{:012}", self.offset);
        self.send_named(action, append_ms, event);
    }

    /// Sends an action with an event id of its own.
    pub fn send_named(&mut self, action: &mut AgentAction, append_ms: i64, event: String) {
        action.event_id = Some(event.into());
        let encoder = Encoder::new(&self.schemas);
        let value = encoder
            .action_single_object(action)
            .expect("fits its schema");
        let key = format!("{}/{}", action.tenant, action.agent_id);
        self.push(Input::Actions, append_ms, Some(key.into_bytes()), value);
        if self.queued >= BATCH {
            self.commit();
        }
    }

    /// Sends an action and judges it at once; returns which rules it matched.
    pub fn judge(&mut self, action: &mut AgentAction, append_ms: i64, event: String) -> Matched {
        self.send_named(action, append_ms, event);
        self.task
            .process_queued(&self.store)
            .expect("the action is judged");
        let mut all = Matched::default();
        for (rule, matched) in &self.watched {
            if self.task.take_fired(*rule) > 0 {
                all.evidence |= matched.evidence;
                all.strong_evidence |= matched.strong_evidence;
                all.scope |= matched.scope;
            }
        }
        all
    }

    fn push(&mut self, input: Input, append_ms: i64, key: Option<Vec<u8>>, value: Vec<u8>) {
        let topic = match input {
            Input::Scopes => 0,
            Input::Actions => 1,
            _ => 2,
        };
        self.append_ms = self.append_ms.max(append_ms);
        self.task.push(InputRecord {
            input,
            position: RecordPosition {
                topic: Arc::clone(&self.topics[topic]),
                partition: 0,
                offset: self.offset,
                index: 0,
            },
            append_ms,
            key,
            value: Some(value),
            headers: Vec::new(),
        });
        self.offset += 1;
        self.queued += 1;
    }

    /// Judges what was sent and every link that follows, and stores it as a worker does.
    pub fn commit(&mut self) {
        while self.queued > 0 {
            self.commit_once();
        }
    }

    fn commit_once(&mut self) {
        self.queued = 0;
        self.task
            .process_queued(&self.store)
            .expect("the batch is judged");
        let Some(commit) = self.task.take_commit() else {
            return;
        };
        let entries = commit.store_entries();
        let batch = WriteBatch::for_partition(commit.partition, entries, commit.meta.to_bytes());
        self.store.write(batch).expect("memory takes it");
        self.task.confirm_commit(&commit);
        for output in &commit.outputs {
            let value = output.value.as_deref().unwrap_or_default();
            match output.topic {
                OutputTopic::Alerts => {
                    let alert = serde_json::from_slice(value).expect("an alert is JSON");
                    self.alerts.extend(read_alert(&alert));
                }
                OutputTopic::Links => {
                    let key = output.key.clone();
                    self.push(Input::Links, self.append_ms, key, value.to_vec());
                }
                OutputTopic::DeadLetter => panic!("{}", String::from_utf8_lossy(value)),
                _ => {}
            }
        }
    }

    /// Judges the rest; returns every alert.
    pub fn finish(mut self) -> Vec<Alert> {
        self.commit();
        let records = self.engine.totals().records;
        assert!(records > 0, "records are judged");
        self.alerts
    }
}

fn text_of(value: &Json) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn read_alert(alert: &Json) -> Option<Alert> {
    let activity = alert["activity"].as_str()?;
    let at_ms = alert["time_ms"].as_i64()?;
    (!["quiet", "close"].contains(&activity)).then(|| Alert {
        agent: text_of(&alert["agent_id"]),
        rule: text_of(&alert["rule"]["title"]),
        minute: (at_ms - START_MS).div_euclid(MINUTE_MS),
        at_ms,
        opens: activity == "create",
    })
}

/// How the actions of a fleet reach the gateway's topic.
#[derive(Debug, Clone, Copy, Default)]
pub struct Delivery {
    /// Minutes that are gathered and sent at their end; none are if zero.
    pub batch: i64,
    /// Minutes from and to which nothing arrives.
    pub outage: Option<(i64, i64)>,
    /// What was kept back by the outage arrives at its end.
    pub caught_up: bool,
}

/// Lets a fleet act, from the first minute to the last; `fill` completes each action.
pub fn play(
    gateway: &mut Gateway,
    fleet: &[SimAgent],
    delivery: Delivery,
    mut fill: impl FnMut(&SimAgent, i64, &mut AgentAction),
) {
    let mut actions: Vec<AgentAction> = fleet.iter().map(blank_action).collect();
    let minutes = fleet.iter().map(|agent| agent.counts.len()).max();
    let mut waiting: Vec<(i64, usize)> = Vec::new();
    for minute in 0..minutes.unwrap_or(0) as i64 {
        let start_ms = START_MS + minute * MINUTE_MS;
        let from = waiting.len();
        for (index, agent) in fleet.iter().enumerate() {
            let count = agent.counts.get(minute as usize).copied().unwrap_or(0);
            let offset_ms = (index as i64 * 7_919) % 20_000;
            let step_ms = (MINUTE_MS - 20_000) / i64::from(count.max(1));
            waiting
                .extend((0..i64::from(count)).map(|n| (start_ms + offset_ms + n * step_ms, index)));
        }
        waiting[from..].sort_unstable();
        let (mut arrives_ms, mut kept) = (None, false);
        if let Some((from, to)) = delivery
            .outage
            .filter(|(from, to)| (*from..*to).contains(&minute))
        {
            let _ = from;
            if !delivery.caught_up {
                waiting.clear();
            }
            kept = minute + 1 < to;
            arrives_ms = Some(START_MS + to * MINUTE_MS);
        } else if delivery.batch > 0 {
            kept = (minute + 1) % delivery.batch != 0;
            arrives_ms = Some(start_ms + MINUTE_MS);
        }
        if kept {
            continue;
        }
        for (at_ms, index) in waiting.drain(..) {
            let action = &mut actions[index];
            action.occurred_at_ms = Some(at_ms);
            fill(&fleet[index], at_ms, action);
            gateway.send(action, arrives_ms.unwrap_or(at_ms).max(at_ms));
        }
    }
    gateway.commit();
}

fn blank_action(agent: &SimAgent) -> AgentAction {
    AgentAction {
        tenant: agent.zone.tenant().into(),
        agent_id: agent.id().into(),
        agent_type: Some(agent.family.name().replace(' ', "-").into()),
        tool_name: Some("query".into()),
        action_verb: scopewatch::event::Verb::Read,
        resource_type: "database.table".into(),
        ..AgentAction::new("")
    }
}
