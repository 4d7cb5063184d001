//! The partitions of one engine and the links between them: every link is carried, and every commit
//! stored.

use std::collections::BTreeMap;
use std::sync::Arc;

use scopewatch::engine::contract::{InputRecord, OutputRecord, OutputTopic, PartitionTask};
use scopewatch::engine::partitioner::partition_of_key;
use scopewatch::engine::{Engine, EngineTask, Rules};
use scopewatch::event::Input;
use scopewatch::store::{MemoryStore, Store, WriteBatch};
use serde_json::Value as Json;

use crate::harness::{engine, of, options, raw, record};

pub struct Partition {
    task: EngineTask,
    store: MemoryStore,
    offsets: BTreeMap<Input, i64>,
}

/// The partitions of one engine, and the topic of the links between them.
pub struct World {
    engine: Arc<Engine>,
    partitions: Vec<Partition>,
    pub outputs: Vec<OutputRecord>,
}

impl World {
    pub fn new(partitions: u32, rules: Rules) -> Self {
        let mut options = options();
        options.partitions = partitions;
        let engine = engine(rules, options);
        let open = |number: u32| {
            let store = MemoryStore::new();
            store.open_partition(number as i32).unwrap();
            let task = EngineTask::open(Arc::clone(&engine), number as i32, &store).unwrap();
            Partition {
                task,
                store,
                offsets: BTreeMap::new(),
            }
        };
        World {
            partitions: (0..partitions).map(open).collect(),
            engine,
            outputs: Vec::new(),
        }
    }

    /// Pushes a record, and carries every link that it leads to.
    pub fn send(&mut self, input: Input, at_ms: i64, body: &Json) {
        self.queue(input, at_ms, body);
        self.carry(at_ms);
    }

    /// Pushes a record of a partition that is ahead of the others: no link is carried yet.
    pub fn queue(&mut self, input: Input, at_ms: i64, body: &Json) {
        let mut record = record(input, 0, at_ms, body);
        let key = record.key.clone().unwrap();
        let home = partition_of_key(&key, self.partitions.len() as u32);
        self.push(home, input, &mut record);
    }

    pub fn push(&mut self, home: i32, input: Input, record: &mut InputRecord) {
        let partition = &mut self.partitions[home as usize];
        let offset = partition.offsets.entry(input).or_default();
        (record.position.partition, record.position.offset) = (home, *offset);
        *offset += 1;
        partition.task.push(record.clone());
    }

    /// Commits in every partition until no link is on its way.
    pub fn carry(&mut self, at_ms: i64) {
        loop {
            let mut made: Vec<OutputRecord> = Vec::new();
            for (number, partition) in self.partitions.iter_mut().enumerate() {
                partition.task.process_queued(&partition.store).unwrap();
                let Some(commit) = partition.task.take_commit() else {
                    continue;
                };
                let meta = commit.meta.to_bytes();
                let batch = WriteBatch::for_partition(number as i32, commit.store_entries(), meta);
                partition.store.write(batch).unwrap();
                partition.task.confirm_commit(&commit);
                made.extend(commit.outputs);
            }
            let links: Vec<OutputRecord> = of(&made, OutputTopic::Links).cloned().collect();
            self.outputs.extend(made);
            for link in &links {
                let mut record = raw(
                    Input::Links,
                    0,
                    at_ms,
                    link.key.as_deref(),
                    link.value.as_deref(),
                );
                self.push(link.partition.unwrap(), Input::Links, &mut record);
            }
            if links.is_empty() {
                return;
            }
        }
    }

    /// Moves the time of every partition.
    pub fn tick(&mut self, at_ms: i64) {
        for (number, partition) in (0..).zip(&mut self.partitions) {
            let offset = partition.offsets.entry(Input::Links).or_default();
            let mut tick = raw(Input::Links, *offset, at_ms, None, None);
            tick.position.partition = number;
            *offset += 1;
            partition.task.push_tick(tick, at_ms);
        }
        self.carry(at_ms);
    }

    /// Every link so far that went by the topic comes once more.
    pub fn repeat_links(&mut self, at_ms: i64) {
        let links: Vec<OutputRecord> = of(&self.outputs, OutputTopic::Links).cloned().collect();
        for link in links {
            let (key, value) = (link.key.as_deref(), link.value.as_deref());
            let mut record = raw(Input::Links, 0, at_ms, key, value);
            self.push(link.partition.unwrap(), Input::Links, &mut record);
        }
        self.carry(at_ms);
    }

    pub fn count(&self, name: &str) -> u64 {
        let named = self.engine.totals().detector.named();
        named.iter().find(|(known, _)| *known == name).unwrap().1
    }
}
