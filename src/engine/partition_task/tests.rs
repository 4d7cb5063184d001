//! The way of a link: within the partition of its sender, and by the topic.

use std::sync::Arc;

use super::EngineTask;
use crate::codec::{Decoder, SchemaSet};
use crate::engine::contract::{InputRecord, OutputRecord, OutputTopic, PartitionTask};
use crate::engine::encode::home_partition;
use crate::engine::limits::LOCAL_LINKS_MAX;
use crate::engine::outcome::TaskOutcome;
use crate::engine::{Engine, EngineOptions, TaskGroup, parse_rules};
use crate::event::limits::LINK_BYTES_MAX;
use crate::event::{
    AddressedLink, AgentKey, CredentialKey, Input, Link, LinkBody, LinkCause, LinkTarget,
    RecordPosition, TimeSource,
};
use crate::store::{MemoryStore, Store, WriteBatch};
use crate::text::SourceFile;

const T0: i64 = 1_772_442_000_000;
const PARTITIONS: u32 = 12;

const RULE: &str = "
title: A link or a grant arrived
id: 1f5d7c82-b3e4-4960-a1c8-94e27d06fb99
status: stable
description: A link arrived at the agent.
author: Scopewatch
date: 2026-03-02
tags: [atlas.aml.t0053, owasp.asi02-2026]
logsource: {product: scopewatch, category: agent_action}
detection:
  selection: {event.kind: [link, grant]}
  condition: selection
falsepositives: [none]
level: high
response: {revoke: none}
";

/// One partition with its store, and the links that it has read of its partition of the topic.
struct Partition {
    task: EngineTask,
    store: MemoryStore,
    links: i64,
    actions: i64,
}

fn engine(change: impl FnOnce(&mut EngineOptions)) -> Arc<Engine> {
    let rule = SourceFile {
        path: "rules/policy/link.yaml".into(),
        text: RULE.into(),
    };
    let parsed = parse_rules(&[rule], &[]);
    let rules = parsed
        .rules
        .unwrap_or_else(|| panic!("{:#?}", parsed.problems));
    let decoder = Decoder::new(SchemaSet::new([]).unwrap());
    let mut options = EngineOptions::default();
    change(&mut options);
    Arc::new(Engine::new(decoder, rules, None, options))
}

impl Partition {
    fn open(engine: &Arc<Engine>, number: i32) -> Self {
        let store = MemoryStore::new();
        store.open_partition(number).unwrap();
        Partition {
            task: EngineTask::open(Arc::clone(engine), number, &store).unwrap(),
            store,
            links: 0,
            actions: 0,
        }
    }

    fn record(&self, input: Input, offset: i64, key: &str, value: &[u8]) -> InputRecord {
        let mut record = InputRecord::of_agent(input, offset, T0 + offset, key, "");
        record.position.partition = self.task.number;
        record.value = Some(value.to_vec());
        record
    }

    /// Applies an action that leads to `links`.
    fn act(&mut self, agent: &AgentKey, links: Vec<AddressedLink>) -> Vec<TaskOutcome> {
        self.task.effects.links.extend(links);
        let action = format!(
            "{{\"tenant\":\"{}\",\"agent.id\":\"{}\"}}",
            agent.tenant, agent.agent
        );
        let key = agent.to_string();
        let record = self.record(Input::Actions, self.actions, &key, action.as_bytes());
        self.actions += 1;
        self.task.push(record);
        self.commit().0
    }

    /// Applies a link of the topic.
    fn receive(&mut self, output: &OutputRecord) -> (Vec<TaskOutcome>, Vec<OutputRecord>) {
        let value = output.value.as_deref().unwrap();
        let record = self.record(Input::Links, self.links, "", value);
        self.links += 1;
        self.task.push(record);
        self.commit()
    }

    fn commit(&mut self) -> (Vec<TaskOutcome>, Vec<OutputRecord>) {
        self.task.process_queued(&self.store).unwrap();
        let commit = self.task.take_commit().unwrap();
        let meta = commit.meta.to_bytes();
        let batch = WriteBatch::for_partition(commit.partition, commit.store_entries(), meta);
        self.store.write(batch).unwrap();
        self.task.confirm_commit(&commit);
        let links = commit.outputs.into_iter();
        let links = links.filter(|output| output.topic == OutputTopic::Links);
        (commit.outcomes, links.collect())
    }

    fn count(&self, name: &str) -> u64 {
        let named = self.task.engine.totals().detector.named();
        named.iter().find(|(known, _)| *known == name).unwrap().1
    }
}

fn agent(name: &str) -> AgentKey {
    AgentKey::new("acme", name)
}

fn cause() -> LinkCause {
    LinkCause {
        position: RecordPosition {
            topic: "agent.actions".into(),
            partition: 5,
            offset: 77,
            index: 0,
        },
        append_ms: T0 - 5,
        at_ms: T0 - 9,
        event_id: "the-cause".into(),
    }
}

/// A link to a credential, which lets `to` know.
fn via_credential(id: &str, to: &AgentKey) -> AddressedLink {
    AddressedLink {
        target: LinkTarget::Credential(CredentialKey::new("acme", id)),
        link: Link {
            cause: Some(cause()),
            body: LinkBody::Probe {
                reply_to: Some(to.clone()),
            },
        },
    }
}

fn to_agent(key: &AgentKey) -> AddressedLink {
    AddressedLink {
        target: LinkTarget::Agent(key.clone()),
        link: Link {
            cause: Some(cause()),
            body: LinkBody::Probe { reply_to: None },
        },
    }
}

/// Message ids, and what the alerts say of the causing record.
fn alerts(outcomes: &[TaskOutcome]) -> Vec<(String, String)> {
    let alerts = outcomes.iter().filter_map(|outcome| match outcome {
        TaskOutcome::Alert { alert, .. } => Some(alert),
        _ => None,
    });
    alerts
        .map(|alert| {
            (
                alert.message_id.to_string(),
                format!("{:?} {:?}", alert.event_ids, alert.first_event),
            )
        })
        .collect()
}

#[test]
fn a_link_leads_to_the_same_alert_whether_it_is_local_or_comes_by_the_topic() {
    let one = engine(|_| ());
    let mut alone = Partition::open(&one, 0);
    let target = agent("target");
    let local = alone.act(&agent("sender"), vec![via_credential("cred", &target)]);
    assert_eq!(alerts(&local).len(), 1, "{local:#?}");
    assert!(alerts(&local)[0].1.contains("the-cause"));
    assert_eq!((alone.count("links"), alone.count("links_local")), (2, 2));

    let many = engine(|options| options.partitions = PARTITIONS);
    let mut partitions: Vec<Partition> = (0..PARTITIONS as i32)
        .map(|number| Partition::open(&many, number))
        .collect();
    let home = |key: &AgentKey| home_partition(&LinkTarget::Agent(key.clone()), PARTITIONS);
    let sender = agent("sender");
    let from = home(&sender).unwrap() as usize;
    partitions[from]
        .task
        .effects
        .links
        .push(via_credential("cred", &target));
    let sent = partitions[from].act(&sender, Vec::new());
    assert!(
        alerts(&sent).is_empty(),
        "the target is in another partition"
    );
    let mut on_the_way: Vec<OutputRecord> = Vec::new();
    let encoder = crate::engine::encode::MessageEncoder::new(&many);
    sent.iter()
        .for_each(|outcome| encoder.encode_outcome(outcome, &mut on_the_way).unwrap());
    let mut found = Vec::new();
    let mut visited = Vec::new();
    while let Some(link) = on_the_way.pop() {
        let number = link.partition.unwrap();
        visited.push(number);
        let (outcomes, links) = partitions[number as usize].receive(&link);
        found.extend(alerts(&outcomes));
        on_the_way.extend(links);
    }
    let credential = LinkTarget::Credential(CredentialKey::new("acme", "cred"));
    let expected = [home_partition(&credential, PARTITIONS), home(&target)];
    assert_eq!(visited, expected.map(Option::unwrap));
    assert_eq!(found, alerts(&local));
}

#[test]
fn what_a_record_leads_to_beyond_the_bound_goes_by_the_topic() {
    let mut partition = Partition::open(&engine(|_| ()), 0);
    let target = agent("target");
    let links = (0..LOCAL_LINKS_MAX + 3)
        .map(|_| to_agent(&target))
        .collect();
    let outcomes = partition.act(&agent("sender"), links);
    let sent = outcomes.iter().filter_map(|outcome| match outcome {
        TaskOutcome::Link(link) => Some(link),
        _ => None,
    });
    assert!(sent.clone().all(|link| *link == to_agent(&target)));
    assert_eq!(sent.count(), 3);
    let counts = ["links_local", "links_overflowed"].map(|name| partition.count(name));
    assert_eq!(counts, [LOCAL_LINKS_MAX as u64, 3]);
}

#[test]
fn a_link_that_no_receiver_could_read_is_not_sent() {
    let engine = engine(|options| options.partitions = PARTITIONS);
    let sender = agent("sender");
    let from = home_of(&sender, PARTITIONS) as i32;
    let mut partition = Partition::open(&engine, from);
    let elsewhere = (0..).map(|n| agent(&format!("x{n}")));
    let mut elsewhere = elsewhere.filter(|key| home_of(key, PARTITIONS) as i32 != from);
    let mut huge = to_agent(&elsewhere.next().unwrap());
    huge.link.body = LinkBody::Probe {
        reply_to: Some(agent(&"x".repeat(LINK_BYTES_MAX))),
    };
    let sound = to_agent(&elsewhere.next().unwrap());
    let outcomes = partition.act(&sender, vec![huge, sound.clone()]);
    assert!(outcomes.contains(&TaskOutcome::Link(sound)));
    assert_eq!(partition.count("links_too_large"), 1);
    let links = |outcome: &&TaskOutcome| matches!(outcome, TaskOutcome::Link(_));
    assert_eq!(outcomes.iter().filter(links).count(), 1);
}

#[test]
fn a_link_of_the_topic_is_applied_once_and_a_credential_is_stored() {
    let mut partition = Partition::open(&engine(|_| ()), 0);
    let target = agent("target");
    let mut output = OutputRecord {
        topic: OutputTopic::Links,
        partition: Some(0),
        key: None,
        value: Some(crate::codec::json::write_link(&via_credential(
            "c#1", &target,
        ))),
        headers: Vec::new(),
    };
    let (outcomes, _) = partition.receive(&output);
    assert_eq!(alerts(&outcomes).len(), 1);
    partition.links = 0;
    let reopened = EngineTask::open(Arc::clone(&partition.task.engine), 0, &partition.store);
    partition.task = reopened.unwrap();
    let (outcomes, _) = partition.receive(&output);
    assert!(alerts(&outcomes).is_empty(), "the same offset again");
    assert_eq!(partition.count("reapplied"), 1);
    output.value = Some(crate::codec::json::write_link(&to_agent(&target)));
    partition.receive(&output);
    partition.links = 1;
    partition.receive(&output);
    assert_eq!(partition.count("reapplied"), 2);
    let key = b"c:acme/c%231#live";
    assert!(partition.store.get(0, key).unwrap().is_some());
    // A month without a link later it is forgotten.
    let raw = partition.record(Input::Links, 9, "", b"");
    partition.task.push_tick(raw, T0 + 31 * 24 * 3_600_000);
    partition.commit();
    assert_eq!(partition.store.get(0, key).unwrap(), None);
}

#[test]
fn invented_agents_fill_no_more_room_by_links_than_by_actions() {
    let engine = engine(|options| options.detector.agents_undeclared_max = 3);
    let mut partition = Partition::open(&engine, 0);
    let links = (0..10)
        .map(|n| to_agent(&agent(&format!("x{n}"))))
        .collect();
    partition.act(&agent("sender"), links);
    // The sender is undeclared too.
    assert_eq!(partition.count("links"), 2);
    assert_eq!(partition.count("links_refused"), 8);
    partition.act(&agent("sender"), vec![to_agent(&agent("x0"))]);
    assert_eq!(partition.count("links"), 3, "a known agent gets its links");
}

/// A group of tasks under event time, with its store.
fn group(partitions: u32) -> (TaskGroup, MemoryStore) {
    let engine = engine(|options| {
        options.partitions = partitions;
        options.time = TimeSource::Event;
    });
    let store = MemoryStore::new();
    for number in 0..partitions as i32 {
        store.open_partition(number).unwrap();
    }
    (TaskGroup::open(&engine, &store, 0).unwrap(), store)
}

fn home_of(key: &AgentKey, partitions: u32) -> usize {
    home_partition(&LinkTarget::Agent(key.clone()), partitions).unwrap() as usize
}

/// A record of `key` in its partition of a group.
fn group_record(input: Input, offset: i64, key: &AgentKey, value: &str, n: u32) -> InputRecord {
    let mut record = InputRecord::of_agent(input, offset, 0, &key.to_string(), value);
    record.position.partition = home_of(key, n) as i32;
    record
}

/// The alerts of every task, by agent.
fn group_alerts(group: &mut TaskGroup) -> Vec<String> {
    let mut found = Vec::new();
    for task in group.tasks_mut() {
        let outcomes = task.take_commit().map(|commit| commit.outcomes);
        for outcome in outcomes.into_iter().flatten() {
            if let TaskOutcome::Alert { alert, .. } = outcome {
                found.push(alert.agent_id.to_string());
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_group_delivers_links_before_the_next_record_of_any_partition() {
    for partitions in [1, 2, PARTITIONS] {
        let (mut group, store) = group(partitions);
        let (sender, target) = (agent("sender"), agent("target"));
        let from = home_of(&sender, partitions);
        // More than one record may lead to: the rest goes by the topic that the group stands for.
        let links = (0..LOCAL_LINKS_MAX + 3).map(|n| via_credential(&format!("c{n}"), &target));
        group.tasks_mut()[from].effects.links.extend(links);
        for n in 0..2 {
            let action = format!(
                "{{\"tenant\":\"acme\",\"agent.id\":\"sender\",\"occurred_at\":{}}}",
                T0 + n
            );
            let record = group_record(Input::Actions, n, &sender, &action, partitions);
            group.push_next(record, &store).unwrap();
        }
        if partitions == 1 {
            group.process_all(&store).unwrap();
        }
        let alerts = group_alerts(&mut group);
        assert!(!alerts.is_empty(), "{partitions}");
        assert!(alerts.iter().all(|agent| agent == "target"), "{alerts:?}");
        let engine = &group.tasks()[0].engine;
        assert!(
            group
                .tasks()
                .iter()
                .all(|task| task.links_aside == Some(Vec::new()))
        );
        let applied = |task: &EngineTask| task.progress.detector.links;
        let sent = 2 * (LOCAL_LINKS_MAX as u64 + 3);
        let total: u64 = group.tasks().iter().map(applied).sum();
        assert_eq!(total, sent, "each once: {:?}", engine.options.partitions);
    }
}

#[test]
fn a_group_applies_scopes_when_any_partition_has_reached_their_time() {
    let (mut group, store) = group(PARTITIONS);
    let actor = agent("actor");
    let silent = (0..).map(|n| agent(&format!("silent-{n}")));
    let mut silent = silent.filter(|key| home_of(key, PARTITIONS) != home_of(&actor, PARTITIONS));
    let (soon, later) = (silent.next().unwrap(), silent.next().unwrap());
    const DAY_MS: i64 = 24 * 3_600_000;
    for (key, from_ms) in [(&soon, T0), (&later, T0 + DAY_MS)] {
        let scope = format!(
            "{{\"scope_id\":\"s\",\"tenant\":\"acme\",\"agent_id\":\"{}\",\
             \"effective_from\":{from_ms},\"grants\":[]}}",
            key.agent
        );
        group.push(group_record(Input::Scopes, 0, key, &scope, PARTITIONS));
    }
    for (n, at_ms) in [(0, T0), (1, T0 + DAY_MS)] {
        let action =
            format!("{{\"tenant\":\"acme\",\"agent.id\":\"actor\",\"occurred_at\":{at_ms}}}");
        let record = group_record(Input::Actions, n, &actor, &action, PARTITIONS);
        group.push_next(record, &store).unwrap();
        let expected = [&soon, &later][n as usize];
        assert_eq!(group_alerts(&mut group), [expected.agent.to_string()]);
    }
}
