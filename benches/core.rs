//! The core on one thread, from bytes to a commit: decode, facts, scope, baselines, 60 rules,
//! decision, encoded state. `docs/scaling.md` quotes the number.
//!
//! Stream time runs at 10,000 actions a second over 100,000 agents, all with a declared scope and
//! all in memory. Records come in batches, each ending in a commit.
//!
//! The group `delegation` compares 40 trees of root, 2, 4 and 8 agents in one partition (declared
//! parents, spawns, and a chain on every action below a root) with the same agents and actions
//! without any delegation. The ratio of both is what delegation costs.

#![allow(
    clippy::disallowed_methods,
    reason = "a bench reads the clock; the core it measures does not"
)]

mod data;

use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use data::{Fleet, Form, Shape};
use scopewatch::codec::json::write_scope;
use scopewatch::codec::set::SetSettings;
use scopewatch::codec::{AlertFormat, Decoder};
use scopewatch::engine::contract::{InputRecord, PartitionTask};
use scopewatch::engine::{Engine, EngineOptions, EngineTask, TaskProgress};
use scopewatch::event::{Input, RecordPosition, TimeSource};
use scopewatch::store::{MemoryStore, Store};

const RULES: usize = 60;
/// Records of a batch.
const BATCH: usize = 10_000;
/// Batches before the first measured one; after them every agent has acted.
const WARM_UP: usize = 20;

/// A task with its stream and its store.
struct Core {
    engine: Arc<Engine>,
    task: EngineTask,
    /// Totals at the last reading.
    before: TaskProgress,
    store: MemoryStore,
    fleet: Fleet,
    form: Form,
    topic: Arc<str>,
    offset: i64,
}

impl Core {
    fn new(form: Form, shape: Shape) -> Self {
        let fleet = Fleet::of_shape(shape, 7);
        let options = EngineOptions {
            partitions: 1,
            time: TimeSource::Event,
            detector: Default::default(),
            alert_format: AlertFormat::Native,
            set: SetSettings::new("bench"),
            agents_cached_max: 2 * shape.agents() as usize,
            ticks: false,
        };
        let decoder = Decoder::new(fleet.schemas().clone());
        let engine = Engine::new(decoder, data::rules(RULES), None, options);
        let engine = Arc::new(engine);
        let store = MemoryStore::default();
        store.open_partition(0).expect("a new store");
        let task = EngineTask::open(Arc::clone(&engine), 0, &store).expect("an empty store");
        let mut core = Core {
            engine,
            task,
            before: TaskProgress::default(),
            store,
            fleet,
            form,
            topic: "agent.actions".into(),
            offset: 0,
        };
        core.declare();
        for _ in 0..WARM_UP {
            core.batch(true);
        }
        core
    }

    fn declare(&mut self) {
        let shape = self.fleet.shape();
        for scope in data::scopes(shape) {
            let key = format!("{}/{}", scope.tenant, scope.agent_id).into_bytes();
            let record = self.input(Input::Scopes, key, write_scope(&scope));
            self.task.push(record);
        }
        self.task
            .process_queued(&self.store)
            .expect("scopes are taken");
        let commit = self.task.take_commit().expect("scopes change state");
        self.task.confirm_commit(&commit);
        let (records, dead_letters, _) = self.progress();
        let agents = shape.agents();
        assert_eq!((records, dead_letters), (agents, 0));
        assert!(self.task.subject_count() as u64 > agents);
        assert_eq!(self.links_applied() > agents, shape == Shape::Trees);
    }

    /// Links that were applied within the partition.
    fn links_applied(&self) -> u64 {
        self.engine.totals().detector.links_local
    }

    /// Records, dead letters and alerts since the last reading.
    fn progress(&mut self) -> (u64, u64, u64) {
        let now = self.engine.totals();
        let before = std::mem::replace(&mut self.before, now);
        (
            now.records - before.records,
            now.dead_letters - before.dead_letters,
            now.alerts - before.alerts,
        )
    }

    fn input(&mut self, input: Input, key: Vec<u8>, value: Vec<u8>) -> InputRecord {
        self.offset += 1;
        let topic = Arc::clone(&self.topic);
        InputRecord {
            input,
            position: RecordPosition {
                topic,
                partition: 0,
                offset: self.offset,
                index: 0,
            },
            append_ms: 0,
            key: Some(key),
            value: Some(value),
            headers: Vec::new(),
        }
    }

    /// Processes one batch; returns the time, with or without the encoding of changed state.
    fn batch(&mut self, encode: bool) -> Duration {
        let records: Vec<InputRecord> = (0..BATCH)
            .map(|_| {
                let (key, value) = self.fleet.record(self.form);
                self.input(Input::Actions, key, value)
            })
            .collect();
        let start = Instant::now();
        for record in records {
            self.task.push(record);
        }
        self.task
            .process_queued(&self.store)
            .expect("the batch is judged");
        let judged = start.elapsed();
        let commit = self.task.take_commit().expect("every batch changes state");
        self.task.confirm_commit(&commit);
        let committed = start.elapsed();
        let (records, dead_letters, alerts) = self.progress();
        assert_eq!((records, dead_letters), (BATCH as u64, 0));
        assert!(alerts < BATCH as u64 / 100, "{alerts} alerts");
        if encode { committed } else { judged }
    }
}

fn core(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("core");
    group.sampling_mode(SamplingMode::Flat).sample_size(20);
    group.throughput(Throughput::Elements(BATCH as u64));
    for (name, form) in [("avro", Form::Avro), ("json", Form::Json)] {
        let mut core = Core::new(form, Shape::Single);
        for (part, encode) in [("whole", true), ("without commit", false)] {
            group.bench_function(format!("{name}, {part}"), |bench| {
                bench.iter_custom(|batches| (0..batches).map(|_| core.batch(encode)).sum());
            });
        }
    }
    group.finish();
}

fn delegation(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("delegation");
    group.sampling_mode(SamplingMode::Flat).sample_size(20);
    group.throughput(Throughput::Elements(BATCH as u64));
    for (name, shape) in [
        ("without", Shape::Felled),
        ("trees of depth 4", Shape::Trees),
    ] {
        let mut core = Core::new(Form::Avro, shape);
        group.bench_function(name, |bench| {
            bench.iter_custom(|batches| (0..batches).map(|_| core.batch(true)).sum());
        });
    }
    group.finish();
}

criterion_group!(benches, core, delegation);
criterion_main!(benches);
