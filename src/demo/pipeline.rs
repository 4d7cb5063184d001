//! The live demo: an embedded broker on loopback, the simulator as the gateway, and the same
//! pipeline as `run`.
//!
//! The broker is the mock of librdkafka. It has no admin API and keeps 5 MiB per partition, so
//! topics are not checked and rates are modest. It does not isolate transactions; the tests show
//! exactly-once against a real Kafka.

mod alert_display;
mod identity_system;
mod learning;
mod parts;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::mocking::MockCluster;

use crate::codec::SchemaSet;
use crate::demo::generate::{GenerateError, KafkaSink, KafkaTarget, RecordFormat, RecordSink};
use crate::engine::contract::TaskError;
use crate::run::{self, ProcessParts, RunError};
use crate::simulator::FleetOptionsError;
use crate::text::Diagnostic;
use crate::worker::Stop;

use super::{AlertScorer, DemoOptions, DemoPlan, DemoScreen, DueRecord, LiveStats, Scoreboard};
use alert_display::AlertDisplay;
use identity_system::IdentitySystem;

/// Partitions of every topic of the demo.
pub(super) const PARTITIONS: i32 = 4;
/// The longest time until the pipeline is ready.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// How long alerts are still shown after the last record.
const DRAIN: Duration = Duration::from_secs(4);
/// The longest wait for an alert before the next record is checked.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Options of the demo.
#[derive(Debug, Clone)]
pub struct PipelineOptions {
    pub plan: DemoOptions,
    /// Store the state in RocksDB in a temporary directory, or else in memory.
    pub rocksdb: bool,
    /// Keep the directory of the store.
    pub keep: bool,
    pub rules: Option<PathBuf>,
}

/// Why the demo failed.
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

/// Runs the demo to its end and returns its score.
///
/// # Errors
/// A part of the demo cannot start, or fails.
pub fn run_demo(options: &PipelineOptions) -> Result<Scoreboard, DemoError> {
    let mut plan = DemoPlan::new(&options.plan)?;
    let directory = tempfile::Builder::new()
        .prefix("scopewatch-demo-")
        .tempdir()
        .map_err(DemoError::Directory)?;
    let cluster = MockCluster::new(1)?;
    let config = parts::demo_config(
        &cluster.bootstrap_servers(),
        directory.path(),
        options.rocksdb,
    )?;
    let topics = run::topic_names(&config);
    for name in parts::topic_names(&topics) {
        cluster.create_topic(&name, PARTITIONS, 1)?;
    }
    let (parts, alerts) = parts::build_parts(&config, options)?;
    let terminal = std::io::stderr().is_terminal();
    let mut screen = DemoScreen::new(std::io::stdout(), terminal, options.plan.seconds);
    learning::learn_history(&mut plan, &parts, &mut screen)?;
    let stop = Stop::new();
    let pipeline = start_pipeline(&config, &parts, &stop)?;
    let display = AlertDisplay::new(alerts, &parts.engine);
    let played = play_live_part(&mut plan, &config, &parts, &display, &mut screen);
    stop.request();
    let ended = pipeline
        .join()
        .map_err(|_| DemoError::Other("the pipeline panicked".into()))?;
    let score = played?;
    ended?;
    if options.keep {
        let kept = directory.keep();
        let _ = screen.show_text(&format!("the store is kept in {}", kept.display()));
    }
    Ok(score.compare_with_labels(&plan.emitted_labels()))
}

type Pipeline = JoinHandle<Result<(), RunError>>;

/// Starts the pipeline in its own thread and waits until every partition is running.
fn start_pipeline(
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

/// Plays the live part: sends records by the wall clock, and shows the alerts.
fn play_live_part(
    plan: &mut DemoPlan,
    config: &crate::config::Config,
    parts: &ProcessParts,
    display: &AlertDisplay,
    screen: &mut DemoScreen<std::io::Stdout>,
) -> Result<AlertScorer, DemoError> {
    let schemas = SchemaSet::new([]).map_err(DemoError::Rules)?;
    let target = KafkaTarget {
        bootstrap_servers: config.kafka.bootstrap_servers.clone(),
        actions: config.topics.actions.clone(),
        scopes: config.topics.scopes.clone(),
        control: config.topics.control.clone(),
        format: RecordFormat::Jsonl,
        properties: Vec::new(),
    };
    let mut sink = KafkaSink::connect(target, &schemas)?;
    let agents = plan.agent_count();
    let mut identity = IdentitySystem::connect(config)?;
    let mut score = AlertScorer::new();
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
        LiveStats {
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
        match plan.next_live_record(start.elapsed()) {
            DueRecord::Now(record) => sink.write_record(&record)?,
            DueRecord::After(wait) => {
                display.show_alerts(wait.min(LOOK_EVERY), &mut score, screen);
            }
            DueRecord::Over => break,
        }
        if shown.elapsed() >= Duration::from_secs(1) {
            shown = Instant::now();
            identity.refuse_requests(DemoPlan::stream_ms(start.elapsed()), plan);
            display.show_alerts(Duration::ZERO, &mut score, screen);
            screen.show_stats(&stats(start.elapsed()));
        }
    }
    sink.finish(&plan.emitted_labels())?;
    let drained = Instant::now();
    while drained.elapsed() < DRAIN {
        identity.refuse_requests(DemoPlan::stream_ms(start.elapsed()), plan);
        display.show_alerts(LOOK_EVERY, &mut score, screen);
    }
    screen.show_stats(&stats(start.elapsed()));
    Ok(score)
}
