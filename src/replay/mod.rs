//! Replays recorded actions through the same engine, without a broker, on event time.
//!
//! Place in the flow: input files stand in for input topics, an in-memory store for RocksDB,
//! output files for output topics. A record gets the partition that its key would have in Kafka; so
//! `replay` and `run` judge alike when they have the same number of partitions. Several files of
//! actions are merged by time.
//!
//! This room must not know how anything is judged. It owns one task per partition and the open
//! files. Actions stream through in bounded memory; scope and control records are in memory until
//! their time.
//!
//! Read first: `tests/cli/replay.rs`.

mod action_files;
mod class_summary;
mod declaration_files;
pub mod document;
mod file_position;
pub mod input_file;
mod input_sources;
pub mod learned_file;
mod look_ahead;
mod output_files;
mod output_sink;
mod read_counts;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::codec::Mapping;
use crate::detector::limits::{CLAMP_BEFORE_MS, TASK_IDLE_MS};
use crate::store::{MemoryStore, Store, StoreError};
use crate::text::units::encode_hex;

use crate::detector::agent_tree::AgentTree;
use crate::engine::contract::{PartitionTask, TaskError};
use crate::engine::{
    AgentStates, AgentTreeError, Engine, EngineTask, LearnedExportError, TaskGroup, TaskProgress,
    export_learned,
};
use crate::event::AgentKey;

use document::DocumentError;
use input_file::InputError;

pub use class_summary::{ClassSummary, SetAsideSummary};
pub use output_sink::ReplaySummary;

use class_summary::sum_checks;
use declaration_files::DeclarationFiles;
use input_sources::InputSources;
use learned_file::{LearnedHeader, read_learned, write_learned};
use output_sink::OutputSink;

/// Actions per step. No result depends on the size of a step.
const STEP_ACTIONS: usize = 10_000;
/// The first offset of links between partitions; ticks and managed tenants have lower ones.
const LINK_OFFSET_FIRST: i64 = 2;
/// How far stream time advances after the last record, ms. Longer than an action is deferred for
/// its scope, and longer than an incident waits before it reports further events.
const SETTLE_MS: i64 = 2 * 60_000;

/// An action further behind the newest one, ms, counts as late: the detector moves its time.
const LATE_MS: i64 = CLAMP_BEFORE_MS;

/// The input and output files of a replay.
#[derive(Debug)]
pub struct ReplayOptions {
    /// Files of actions, merged by time. `-` is standard input.
    pub actions: Vec<PathBuf>,
    pub scopes: Vec<PathBuf>,
    pub control: Vec<PathBuf>,
    /// What was learned elsewhere, which is known from its time on.
    pub import: Option<PathBuf>,
    /// Where what is learned is written at this time, epoch milliseconds. Only what has happened
    /// before it counts.
    pub export: Option<(PathBuf, i64)>,
    pub mapping: Option<Mapping>,
    /// Number of partitions that the topics would have, at least 1.
    pub partitions: u32,
    /// Whether the replay ends at the last record, as `run` does when no more records arrive.
    /// Otherwise time goes on for a while, and every event stands in an alert at the end.
    pub open_end: bool,
    /// Whether every task teaches, and at the end all of them are weighed against each other. The
    /// engine must have no end of its learning time before that of the recording.
    pub checks_classes: bool,
    /// Only what has happened by this time counts, epoch milliseconds, and time goes on until it.
    pub until_ms: Option<i64>,
    pub alerts: Option<PathBuf>,
    pub revocations: Option<PathBuf>,
    /// Where the audit entries of the response go.
    pub audit: Option<PathBuf>,
    pub dead_letters: Option<PathBuf>,
    /// Other files that are read, and that no output may overwrite.
    pub kept: Vec<PathBuf>,
}

impl ReplayOptions {
    /// Where each kind of output goes.
    #[must_use]
    pub fn output_paths(&self) -> [Option<&PathBuf>; 5] {
        [
            self.alerts.as_ref(),
            self.revocations.as_ref(),
            self.audit.as_ref(),
            self.dead_letters.as_ref(),
            self.export.as_ref().map(|(path, _)| path),
        ]
    }

    /// The paths of all input files in order of their numbers: actions, scopes, what was learned,
    /// control records.
    fn input_paths(&self) -> impl Iterator<Item = &Path> {
        let records = self.actions.iter().chain(&self.scopes);
        let commands = self.import.iter().chain(&self.control);
        records.chain(commands).map(PathBuf::as_path)
    }

    /// Only what has happened by this time counts.
    fn last_ms(&self) -> Option<i64> {
        let before_export = self
            .export
            .as_ref()
            .map(|(_, at_ms)| at_ms.saturating_sub(1));
        before_export.into_iter().chain(self.until_ms).min()
    }
}

/// Why a replay failed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error(transparent)]
    Input(#[from] InputError),
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// The options contradict each other.
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
    /// A file of what was learned: with its line.
    #[error("{0}")]
    Learned(String),
    #[error(transparent)]
    Export(#[from] LearnedExportError),
}

/// The state of a replay.
struct ReplayRun<'a> {
    options: &'a ReplayOptions,
    store: &'a MemoryStore,
    tasks: TaskGroup,
    sink: OutputSink,
}

/// Runs a replay to the end of its files. `watch` gets the number of records read so far.
///
/// # Errors
/// A file cannot be read or written. A record that cannot be used is no error: it is counted,
/// reported and written as a dead letter.
pub fn run(
    engine: &Arc<Engine>,
    options: &ReplayOptions,
    watch: &mut dyn FnMut(u64),
) -> Result<ReplaySummary, ReplayError> {
    let store = MemoryStore::new();
    let summary = run_in(&store, engine, options, watch)?;
    if let Some((path, at_ms)) = &options.export {
        let records = export_learned(engine, &store, *at_ms)?;
        let header = LearnedHeader::new(&encode_hex(&engine.rules().bundle.hash[..16]), *at_ms);
        write_learned(path, &header, &records)?;
    }
    Ok(summary)
}

/// Runs a replay as [`run`] does, and reads the delegation tree of an agent from the state at its
/// end.
///
/// # Errors
/// As [`run`]. What is wrong with the tree is a result of its own.
pub fn run_for_tree(
    engine: &Arc<Engine>,
    options: &ReplayOptions,
    agent: &AgentKey,
    watch: &mut dyn FnMut(u64),
) -> Result<(ReplaySummary, Result<AgentTree, AgentTreeError>), ReplayError> {
    let store = MemoryStore::new();
    let summary = run_in(&store, engine, options, watch)?;
    let states = AgentStates {
        store: &store,
        partitions: options.partitions,
        is_here: &|_| true,
    };
    Ok((summary, states.read_tree(agent)))
}

fn run_in(
    store: &MemoryStore,
    engine: &Arc<Engine>,
    options: &ReplayOptions,
    watch: &mut dyn FnMut(u64),
) -> Result<ReplaySummary, ReplayError> {
    output_files::check_paths(options)?;
    if let Some(path) = &options.import {
        // A file with a mistake changes nothing: it is read whole before its records are used.
        read_learned(path, &engine.decoder())?;
    }
    // Every file is opened before any output is written, so that a missing file loses nothing.
    let declarations = DeclarationFiles::open(options)?;
    let decoder = engine.decoder();
    let mut sources = InputSources::open(options, &decoder)?;
    for partition in 0..options.partitions {
        store.open_partition(i32::try_from(partition).unwrap_or(i32::MAX))?;
    }
    let tasks = TaskGroup::open(engine, store, LINK_OFFSET_FIRST)?;
    let sink = OutputSink::create(options)?;
    let mut replay = ReplayRun {
        options,
        store,
        tasks,
        sink,
    };
    // The tasks apply each scope and control record when its time comes.
    declarations.push_all(&mut sources, &mut replay.tasks, &mut replay.sink)?;
    replay.read_and_process_all(&mut sources, watch)?;
    replay.into_summary(&engine.totals())
}

impl ReplayRun<'_> {
    fn read_and_process_all(
        &mut self,
        sources: &mut InputSources<'_>,
        watch: &mut dyn FnMut(u64),
    ) -> Result<(), ReplayError> {
        loop {
            let (tasks, sink) = (&mut self.tasks, &mut self.sink);
            let read = sources.read_actions(STEP_ACTIONS, tasks, self.store, sink)?;
            self.commit_tasks()?;
            watch(sources.read_counts().records);
            if read == 0 {
                break;
            }
        }
        match self.options.until_ms {
            _ if self.options.checks_classes => self.check_classes(sources)?,
            _ if self.options.export.is_some() => self.end_learning(sources)?,
            Some(until_ms) => {
                self.advance_time(sources, until_ms)?;
                self.report_pending(sources)?;
            }
            None if !self.options.open_end => self.settle(sources)?,
            None => {}
        }
        self.sink.add_read_counts(sources.read_counts());
        Ok(())
    }

    /// Lets every task end, and weighs them against each other.
    fn check_classes(&mut self, sources: &mut InputSources<'_>) -> Result<(), ReplayError> {
        if let Some(last_ms) = self.last_ms() {
            self.advance_time(sources, last_ms.saturating_add(TASK_IDLE_MS))?;
        }
        for task in self.tasks.tasks_mut() {
            task.check_classes()?;
        }
        Ok(())
    }

    /// Lets the learning time end: every open task teaches, and those that are too strange are set
    /// aside, in every partition.
    fn end_learning(&mut self, sources: &mut InputSources<'_>) -> Result<(), ReplayError> {
        if let Some((_, at_ms)) = &self.options.export {
            self.advance_time(sources, *at_ms)?;
        }
        // A commit needs a record; this one moves no time.
        sources.advance_time(&mut self.tasks, i64::MIN);
        self.tasks.process_all(self.store)?;
        for task in self.tasks.tasks_mut() {
            task.check_classes()?;
        }
        self.commit_tasks()
    }

    fn last_ms(&self) -> Option<i64> {
        self.tasks.tasks().iter().map(EngineTask::stream_ms).max()
    }

    /// Lets time go on after the last record.
    fn settle(&mut self, sources: &mut InputSources<'_>) -> Result<(), ReplayError> {
        let Some(last_ms) = self.last_ms() else {
            return Ok(());
        };
        self.advance_time(sources, last_ms.saturating_add(SETTLE_MS))?;
        // Recorded answers of the identity system may be even later. They are applied too.
        while let Some(at_ms) = self
            .tasks
            .tasks()
            .iter()
            .filter_map(EngineTask::next_control_ms)
            .min()
        {
            self.advance_time(sources, at_ms)?;
        }
        self.report_pending(sources)
    }

    /// Moves the time of every task, and commits what is due by then.
    fn advance_time(&mut self, sources: &InputSources<'_>, at_ms: i64) -> Result<(), ReplayError> {
        sources.advance_time(&mut self.tasks, at_ms);
        self.commit_tasks()
    }

    /// Processes and commits the pushed records, partition by partition.
    fn commit_tasks(&mut self) -> Result<(), ReplayError> {
        self.tasks.process_all(self.store)?;
        for task in self.tasks.tasks_mut() {
            let Some(commit) = task.take_commit() else {
                continue;
            };
            self.sink.write_commit(&commit)?;
            let meta = commit.meta.to_bytes();
            self.store.write(crate::store::WriteBatch::for_partition(
                commit.partition,
                commit.store_entries(),
                meta,
            ))?;
            task.confirm_commit(&commit);
        }
        Ok(())
    }

    /// Writes the alerts that list the events since the last alert of each incident.
    fn report_pending(&mut self, sources: &InputSources<'_>) -> Result<(), ReplayError> {
        // A commit needs a record; this one moves no time.
        sources.advance_time(&mut self.tasks, i64::MIN);
        self.tasks.process_all(self.store)?;
        for task in self.tasks.tasks_mut() {
            task.report_pending(self.store)?;
        }
        self.commit_tasks()
    }

    fn into_summary(mut self, done: &TaskProgress) -> Result<ReplaySummary, ReplayError> {
        self.sink.flush_all()?;
        let mut summary = self.sink.summary;
        summary.actions = done.detector.actions;
        summary.tasks_unchecked = done.detector.tasks_unchecked;
        summary.retries = done.detector.retries;
        summary.unknown_fields += done.unknown_fields;
        let checks = self.tasks.tasks().iter().map(EngineTask::class_checks);
        summary.classes = sum_checks(checks.flatten());
        Ok(summary)
    }
}
