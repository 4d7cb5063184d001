//! Replays recorded actions through the same engine, without a broker, on event time.
//!
//! Place in the flow: files in place of topics, an in-memory store in place of RocksDB, files in
//! place of the output topics. Partitions are those the key would have in Kafka, so that with the
//! same count a replay and a run judge alike. Several files of actions are merged by time.
//!
//! This room must not know how anything is judged. It owns one task per partition and the open
//! files; actions stream through, scopes and control records wait in memory for their time.
//!
//! Read first: `tests/cli/replay.rs`.

mod actions;
mod declared;
pub mod document;
pub mod input_file;
mod outputs;
mod place;
mod sink;
mod source;

use std::path::PathBuf;
use std::sync::Arc;

use crate::codec::Mapping;
use crate::detector::limits::CLAMP_BEFORE_MS;
use crate::store::{MemoryStore, Store, StoreError};

use crate::engine::contract::{Task, TaskError};
use crate::engine::{Engine, EngineTask, Progress};

use document::DocumentError;
use input_file::InputError;

pub use sink::Summary;

use sink::Sink;
use source::Sources;

/// Actions per step: the size of a batch, on which no result depends.
const STEP_ACTIONS: usize = 10_000;
/// How long time goes on after the last record: longer than an action waits for its scope, and
/// than an incident waits to tell its next events.
const SETTLE_MS: i64 = 2 * 60_000;

/// How far behind the newest an action is judged at its own time; the detector moves later ones.
const LATE_MS: i64 = CLAMP_BEFORE_MS;

/// What to replay and where to.
#[derive(Debug)]
pub struct ReplayOptions {
    /// Files of actions, merged by time; `-` is standard input.
    pub actions: Vec<PathBuf>,
    pub scopes: Vec<PathBuf>,
    pub control: Vec<PathBuf>,
    pub mapping: Option<Mapping>,
    /// Partitions of the topics this stands for, from 1.
    pub partitions: u32,
    /// Time stands still after the last record, as in `run` when nothing more comes.
    pub open_end: bool,
    pub alerts: Option<PathBuf>,
    pub revocations: Option<PathBuf>,
    pub dead_letters: Option<PathBuf>,
    /// Further files that no output may overwrite.
    pub kept: Vec<PathBuf>,
}

/// Why a replay could not go on.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error(transparent)]
    Input(#[from] InputError),
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// The files do not fit each other.
    #[error("{0}")]
    Arguments(String),
    #[error("{path}: {source}")]
    Output {
        path: String,
        source: std::io::Error,
    },
    #[error(transparent)]
    Task(#[from] TaskError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A replay under way.
struct Replay<'a> {
    options: &'a ReplayOptions,
    store: MemoryStore,
    tasks: Vec<EngineTask>,
    sink: Sink,
}

/// Runs a replay to the end of its files. `watch` is told the records read so far.
///
/// # Errors
/// When a file cannot be read or written. A record that cannot be used is a dead letter, counted
/// and told, and ends nothing.
pub fn run(
    engine: &Arc<Engine>,
    options: &ReplayOptions,
    watch: &mut dyn FnMut(u64),
) -> Result<Summary, ReplayError> {
    outputs::check(options)?;
    let mut sources = Sources::open(options, engine.decoder())?;
    let store = MemoryStore::new();
    let mut tasks = Vec::new();
    for partition in 0..options.partitions {
        let number = i32::try_from(partition).unwrap_or(i32::MAX);
        store.open_partition(number)?;
        tasks.push(EngineTask::open(Arc::clone(engine), number, &store)?);
    }
    let sink = Sink::create(options, engine)?;
    let mut replay = Replay {
        options,
        store,
        tasks,
        sink,
    };
    replay.drive(&mut sources, watch)?;
    replay.finish(&engine.totals())
}

impl Replay<'_> {
    fn drive(
        &mut self,
        sources: &mut Sources<'_>,
        watch: &mut dyn FnMut(u64),
    ) -> Result<(), ReplayError> {
        sources.declare(&mut self.tasks, &mut self.sink)?;
        loop {
            let read = sources.read(STEP_ACTIONS, &mut self.tasks, &mut self.sink)?;
            self.step()?;
            watch(sources.pushed().records);
            if read == 0 {
                break;
            }
        }
        let last_ms = self.tasks.iter().map(EngineTask::stream_ms).max();
        if let Some(last_ms) = last_ms.filter(|_| !self.options.open_end) {
            sources.tick(&mut self.tasks, last_ms.saturating_add(SETTLE_MS));
            self.step()?;
            // What was answered later than that is answered all the same.
            while let Some(at_ms) = self.tasks.iter().filter_map(EngineTask::answers_ms).min() {
                sources.tick(&mut self.tasks, at_ms);
                self.step()?;
            }
        }
        self.sink.take(sources.pushed());
        Ok(())
    }

    /// Processes and commits what was pushed, partition by partition.
    fn step(&mut self) -> Result<(), ReplayError> {
        for task in &mut self.tasks {
            task.process(&self.store)?;
            let Some(commit) = task.commit() else {
                continue;
            };
            for output in &commit.outputs {
                self.sink.write(output)?;
            }
            let meta = commit.meta.to_bytes();
            self.store.write(crate::store::WriteBatch::one(
                commit.partition,
                commit.puts(),
                meta,
            ))?;
            task.committed(&commit);
        }
        Ok(())
    }

    fn finish(mut self, done: &Progress) -> Result<Summary, ReplayError> {
        self.sink.flush()?;
        let mut summary = self.sink.summary;
        summary.actions = done.detector.actions;
        summary.retries = done.detector.retries;
        summary.unknown_fields += done.unknown_fields;
        Ok(summary)
    }
}
