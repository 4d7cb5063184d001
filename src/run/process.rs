//! The parts of a process, and how they run until the operator asks for an end.

use std::sync::Arc;

use crate::config::Config;
use crate::console::{ConsoleError, ConsoleServer, ProcessHealth};
use crate::store::{Store, StoreError};
use crate::telemetry::{BundleActivated, Metrics};

use crate::engine::{Engine, EngineFactory, Rules};
use crate::worker::{Stats, Stop, WorkerError, supervise};

use super::build::BuildError;
use super::{build, reload, watch};

/// Why `run` ended badly.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Console(#[from] ConsoleError),
    #[error(transparent)]
    Worker(#[from] WorkerError),
}

/// A process's parts, so that the demo can look at them while they run.
pub struct Parts {
    pub engine: Arc<Engine>,
    pub store: Arc<dyn Store>,
    pub stats: Arc<Stats>,
    pub metrics: Arc<Metrics>,
}

impl Parts {
    /// The parts around an engine and a store; what is counted starts at zero.
    pub(crate) fn of(engine: Arc<Engine>, store: Arc<dyn Store>) -> Parts {
        let stats = Arc::new(Stats::default());
        let metrics = Arc::clone(&stats.metrics);
        Parts {
            engine,
            store,
            stats,
            metrics,
        }
    }

    /// Loads rules, keys and schemas, and opens the store.
    ///
    /// # Errors
    /// When any of them is missing, wrong or in use.
    pub fn build(config: &Config) -> Result<Parts, RunError> {
        let engine = Arc::new(build::engine(config)?);
        let store = build::store(config)?;
        Ok(Parts::of(engine, store))
    }
}

/// Runs until `stop` is asked for.
///
/// # Errors
/// When something cannot be built, the broker cannot be reached, or a worker ended.
pub fn run(config: &Config, stop: &Stop, check_topics: bool) -> Result<(), RunError> {
    run_parts(config, &Parts::build(config)?, stop, check_topics)
}

/// Runs parts that were built before.
///
/// # Errors
/// As [`run`].
pub fn run_parts(
    config: &Config,
    parts: &Parts,
    stop: &Stop,
    check_topics: bool,
) -> Result<(), RunError> {
    let health = Arc::new(ProcessHealth::new(config.workers));
    health.set_rules_loaded();
    activated(&parts.engine.rules(), &parts.metrics);
    let metrics = Arc::clone(&parts.metrics);
    let console = config
        .http
        .listen
        .map(|address| {
            ConsoleServer::start(address, Arc::clone(&health), move || metrics.render_text())
        })
        .transpose()?;
    let watch = watch::start(config, parts, &health);
    let reload = reload::start(config, parts);
    let options = build::supervisor(config, check_topics)?;
    let factory = Arc::new(EngineFactory(Arc::clone(&parts.engine)));
    let ended = supervise(
        options,
        factory,
        Arc::clone(&parts.store),
        stop,
        &parts.stats,
    );
    health.set_stopping();
    drop((watch, reload, console));
    let flushed = parts.store.flush();
    ended?;
    Ok(flushed?)
}

/// Tells which rules judge from here on.
pub(super) fn activated(rules: &Rules, metrics: &Metrics) {
    let half = rules.bundle.hash.iter().take(16);
    let hash: String = half.map(|byte| format!("{byte:02x}")).collect();
    BundleActivated {
        bundle: &hash,
        rules: rules.bundle.rules.len(),
    }
    .emit(metrics);
}
