//! The demo's machinery: an embedded broker on loopback, the simulator as gateway, and the very
//! pipeline that `run` runs.
//!
//! The broker is librdkafka's mock: it has no admin API and keeps 5 MiB a partition, so topics are
//! not checked and rates are modest. What it cannot show is isolation: exactly-once is proven
//! against a real Kafka, in the tests.

mod identity;
mod learn;
mod observe;
mod parts;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::mocking::MockCluster;

use crate::codec::SchemaSet;
use crate::demo::generate::{Format, GenerateError, KafkaSink, KafkaTarget, Sink};
use crate::engine::contract::TaskError;
use crate::run::{self, ProcessParts, RunError};
use crate::simulator::FleetOptionsError;
use crate::text::Diagnostic;
use crate::worker::Stop;

use super::{DemoOptions, DemoPlan, Due, Score, Scoreboard, Screen, Stats};
use identity::Identity;
use observe::Observer;

/// Partitions of every topic of the demo.
pub(super) const PARTITIONS: i32 = 4;
/// How long the pipeline may take to be ready, and to drain at the end.
const READY_WITHIN: Duration = Duration::from_secs(30);
const DRAIN: Duration = Duration::from_secs(4);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What the demo is run with.
#[derive(Debug, Clone)]
pub struct PipelineOptions {
    pub plan: DemoOptions,
    /// RocksDB in a temporary directory, or memory.
    pub rocksdb: bool,
    /// Keep the store's directory.
    pub keep: bool,
    pub rules: Option<PathBuf>,
}

/// Why the demo could not run.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error(transparent)]
    Plan(#[from] FleetOptionsError),
    #[error("{} problems in the rules", .0.len())]
    Rules(Vec<Diagnostic>),
    #[error(transparent)]
    Read(#[from] crate::config::rule_files::ReadError),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(transparent)]
    Task(#[from] TaskError),
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    #[error(transparent)]
    Generate(#[from] GenerateError),
    #[error("the embedded broker: {0}")]
    Kafka(#[from] rdkafka::error::KafkaError),
    #[error("the pipeline was not ready within {} s", READY_WITHIN.as_secs())]
    NotReady,
    #[error("the demo's directory: {0}")]
    Directory(std::io::Error),
    #[error("{0}")]
    Other(String),
}

/// Runs the demo to its end and scores it.
///
/// # Errors
/// When a part of it cannot be started or fails.
pub fn run(options: &PipelineOptions) -> Result<Scoreboard, DemoError> {
    let mut plan = DemoPlan::new(&options.plan)?;
    let directory = tempfile::Builder::new()
        .prefix("scopewatch-demo-")
        .tempdir()
        .map_err(DemoError::Directory)?;
    let cluster = MockCluster::new(1)?;
    let config = parts::config(
        &cluster.bootstrap_servers(),
        directory.path(),
        options.rocksdb,
    )?;
    let topics = run::topic_names(&config);
    for name in parts::topic_names(&topics) {
        cluster.create_topic(&name, PARTITIONS, 1)?;
    }
    let (parts, alerts) = parts::build(&config, options)?;
    let terminal = std::io::stderr().is_terminal();
    let mut screen = Screen::new(std::io::stdout(), terminal, options.plan.seconds);
    learn::learn(&mut plan, &parts, &mut screen)?;
    let stop = Stop::new();
    let pipeline = start(&config, &parts, &stop)?;
    let observer = Observer::new(alerts, &parts.engine);
    let played = play(&mut plan, &config, &parts, &observer, &mut screen);
    stop.request();
    let ended = pipeline
        .join()
        .map_err(|_| DemoError::Other("the pipeline panicked".into()))?;
    let score = played?;
    ended?;
    if options.keep {
        let kept = directory.keep();
        let _ = screen.text(&format!("the store is kept in {}", kept.display()));
    }
    Ok(score.finish(&plan.labels()))
}

type Pipeline = JoinHandle<Result<(), RunError>>;

/// Starts the real pipeline on a thread of its own and waits until every partition runs.
fn start(
    config: &crate::config::Config,
    parts: &Arc<ProcessParts>,
    stop: &Stop,
) -> Result<Pipeline, DemoError> {
    let (config, of_thread, stopped) = (config.clone(), Arc::clone(parts), stop.clone());
    let thread = std::thread::Builder::new()
        .name("pipeline".to_owned())
        .spawn(move || run::run_parts(&config, &of_thread, &stopped, false))
        .map_err(|error| DemoError::Other(error.to_string()))?;
    let since = Instant::now();
    let running = || {
        let views = parts.stats.partitions();
        views.len() == PARTITIONS as usize && views.values().all(|view| view.state == "running")
    };
    while !running() {
        if thread.is_finished() || since.elapsed() > READY_WITHIN {
            stop.request();
            return match thread.join() {
                Ok(Err(error)) => Err(error.into()),
                Ok(Ok(())) | Err(_) => Err(DemoError::NotReady),
            };
        }
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(thread)
}

/// Plays the live part: records by the wall clock in, alerts out.
fn play(
    plan: &mut DemoPlan,
    config: &crate::config::Config,
    parts: &ProcessParts,
    observer: &Observer,
    screen: &mut Screen<std::io::Stdout>,
) -> Result<Score, DemoError> {
    let schemas = SchemaSet::new([]).map_err(DemoError::Rules)?;
    let target = KafkaTarget {
        bootstrap_servers: config.kafka.bootstrap_servers.clone(),
        actions: config.topics.actions.clone(),
        scopes: config.topics.scopes.clone(),
        control: config.topics.control.clone(),
        format: Format::Jsonl,
        properties: Vec::new(),
    };
    let mut sink = KafkaSink::connect(target, &schemas)?;
    let agents = plan.agents();
    let mut identity = Identity::connect(config)?;
    let mut score = Score::new();
    let learned = parts.engine.totals().detector.actions;
    let start = Instant::now();
    let mut shown = Instant::now();
    let mut before = (Duration::ZERO, 0);
    let mut stats = |elapsed: Duration| {
        let totals = parts.engine.totals();
        let actions = totals.detector.actions - learned;
        let lately = (elapsed - before.0).as_secs_f64().max(0.001);
        let rate = (actions - before.1) as f64 / lately;
        before = (elapsed, actions);
        Stats {
            elapsed,
            stream_ms: DemoPlan::stream_ms(elapsed),
            actions,
            rate,
            agents,
            alerts: totals.alerts,
            requests: totals.requests,
        }
    };
    loop {
        match plan.due(start.elapsed()) {
            Due::Now(record) => sink.record(&record)?,
            Due::After(wait) => {
                observer.look(wait.min(LOOK_EVERY), &mut score, screen);
            }
            Due::Over => break,
        }
        if shown.elapsed() >= Duration::from_secs(1) {
            shown = Instant::now();
            identity.answer(DemoPlan::stream_ms(start.elapsed()));
            observer.look(Duration::ZERO, &mut score, screen);
            screen.stats(&stats(start.elapsed()));
        }
    }
    sink.finish(&plan.labels())?;
    let drained = Instant::now();
    while drained.elapsed() < DRAIN {
        identity.answer(DemoPlan::stream_ms(start.elapsed()));
        observer.look(LOOK_EVERY, &mut score, screen);
    }
    screen.stats(&stats(start.elapsed()));
    Ok(score)
}
