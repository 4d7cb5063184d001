//! The partitions of one engine with the topic of the links between them, where a kind of link may
//! be lost on its way: every record is committed, and so is every link that it leads to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use scopewatch::engine::contract::{InputRecord, OutputRecord, OutputTopic};
use scopewatch::engine::partitioner::partition_of_key;
use scopewatch::engine::{Engine, Rules};
use scopewatch::event::{AddressedLink, Input, LinkBody};
use serde_json::{Value as Json, json};

use crate::harness::{Harness, engine, of, options, raw, record};

pub struct World {
    pub engine: Arc<Engine>,
    partitions: Vec<Harness>,
    offsets: BTreeMap<(i32, Input), i64>,
    pub outputs: Vec<OutputRecord>,
    /// Links of this kind are lost on their way.
    pub lost: Option<&'static str>,
    /// The kinds of the links that arrived in another partition.
    pub arrived: BTreeSet<&'static str>,
}

impl World {
    pub fn new(partitions: u32, rules: Rules) -> Self {
        World::with_learning(partitions, rules, None)
    }

    /// A world that only learns before this time, epoch milliseconds.
    pub fn with_learning(partitions: u32, rules: Rules, learn_until_ms: Option<i64>) -> Self {
        let mut options = options();
        options.partitions = partitions;
        options.detector.learn_until_ms = learn_until_ms;
        let engine = engine(rules, options);
        let open = |number| Harness::of_partition(Arc::clone(&engine), number);
        World {
            partitions: (0..partitions as i32).map(open).collect(),
            engine,
            offsets: BTreeMap::new(),
            outputs: Vec::new(),
            lost: None,
            arrived: BTreeSet::new(),
        }
    }

    /// The partition of an agent's records.
    pub fn home(&self, agent: &str) -> i32 {
        let key = format!("acme/{agent}");
        partition_of_key(key.as_bytes(), self.partitions.len() as u32)
    }

    /// Pushes a record, and carries every link that it leads to.
    pub fn send(&mut self, input: Input, at_ms: i64, body: &Json) {
        self.queue(input, at_ms, body);
        self.carry(at_ms);
    }

    /// Pushes a record of a partition that is ahead of the others: no link is carried yet.
    pub fn queue(&mut self, input: Input, at_ms: i64, body: &Json) {
        let record = record(input, 0, at_ms, body);
        let key = record.key.as_deref().unwrap();
        let home = partition_of_key(key, self.partitions.len() as u32);
        self.push(home, record);
    }

    /// A tick in every partition.
    pub fn tick(&mut self, at_ms: i64) {
        let tick = record(Input::Links, 0, at_ms, &json!({"body": "tick"}));
        for home in 0..self.partitions.len() as i32 {
            self.push(home, tick.clone());
        }
        self.carry(at_ms);
    }

    fn push(&mut self, home: i32, mut record: InputRecord) {
        if record.input == Input::Links {
            let kind = kind_of(record.value.as_deref().unwrap());
            if self.lost == Some(kind) {
                return;
            }
            self.arrived.insert(kind);
        }
        let offset = self.offsets.entry((home, record.input)).or_default();
        (record.position.partition, record.position.offset) = (home, *offset);
        *offset += 1;
        self.partitions[home as usize].push(record);
    }

    /// Commits in every partition until no link is on its way.
    pub fn carry(&mut self, at_ms: i64) {
        loop {
            let mut committed: Vec<OutputRecord> = Vec::new();
            for partition in &mut self.partitions {
                partition.step();
                committed.append(&mut partition.outputs);
            }
            let is_last = of(&committed, OutputTopic::Links).next().is_none();
            self.push_links(&committed, at_ms);
            self.outputs.extend(committed);
            if is_last {
                return;
            }
        }
    }

    /// Every partition is opened anew from its store.
    pub fn reopen(&mut self) {
        for partition in &mut self.partitions {
            partition.reopen();
        }
    }

    /// Every link so far that went by the topic comes once more.
    pub fn repeat_links(&mut self, at_ms: i64) {
        let outputs = self.outputs.clone();
        self.push_links(&outputs, at_ms);
        self.carry(at_ms);
    }

    fn push_links(&mut self, outputs: &[OutputRecord], at_ms: i64) {
        for link in of(outputs, OutputTopic::Links) {
            let (key, value) = (link.key.as_deref(), link.value.as_deref());
            let record = raw(Input::Links, 0, at_ms, key, value);
            self.push(link.partition.unwrap(), record);
        }
    }

    pub fn count(&self, name: &str) -> u64 {
        self.partitions[0].count(name)
    }

    /// The ids of the credentials that were requested.
    pub fn credentials_requested(&self) -> BTreeSet<String> {
        let tokens = of(&self.outputs, OutputTopic::Revocations);
        let ids = tokens.filter_map(|token| {
            let claims: Json = serde_json::from_slice(token.value.as_ref().unwrap()).unwrap();
            claims["sub_id"]["jti"].as_str().map(str::to_owned)
        });
        ids.collect()
    }
}

/// The kind of a link. A new one needs a name here and a row in `links.rs`.
fn kind_of(link: &[u8]) -> &'static str {
    let link: AddressedLink = serde_json::from_slice(link).unwrap();
    match link.link.body {
        LinkBody::Tick => "tick",
        LinkBody::TenantManaged { .. } => "tenant_managed",
        LinkBody::BudgetRearmed { .. } => "budget_rearmed",
        LinkBody::TaskEndedClean(_) => "task_ended_clean",
        LinkBody::TaskSetAside(_) => "task_set_aside",
        LinkBody::ClassChanged(_) => "class_changed",
        LinkBody::AgentsChanged(_) => "agents_changed",
        LinkBody::ProfileImported(_) => "profile_imported",
        LinkBody::ChildDeclared(_) => "child_declared",
        LinkBody::ParentScope(_) => "parent_scope",
        LinkBody::TreeMember(_) => "tree_member",
        LinkBody::TreeFlow(_) => "tree_flow",
        LinkBody::CredentialUsed { .. } => "credential_used",
        LinkBody::CredentialShared { .. } => "credential_shared",
        LinkBody::TargetRequested(_) => "target_requested",
        LinkBody::TargetUsed(_) => "target_used",
        LinkBody::GatewayNumbers(_) => "gateway_numbers",
    }
}
