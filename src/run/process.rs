//! Assembles the parts of a process, and runs them until a stop is requested.

use std::sync::Arc;

use crate::config::Config;
use crate::console::{ConsoleError, ConsoleServer, ProcessHealth};
use crate::store::{Store, StoreError};
use crate::telemetry::{BundleActivated, Metrics};

use crate::engine::{Engine, EngineFactory, Rules};
use crate::text::units::encode_hex;
use crate::worker::{Stop, WorkerError, WorkerStats, supervise};

use super::build::BuildError;
use super::rule_loading::LoadedRules;
use super::{build, rules_reloader, stats_export};

/// Why the process failed.
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

/// The parts of a process. The demo reads their counters while they run.
pub struct ProcessParts {
    pub engine: Arc<Engine>,
    pub store: Arc<dyn Store>,
    pub stats: Arc<WorkerStats>,
    pub metrics: Arc<Metrics>,
}

impl ProcessParts {
    /// Assembles the parts around an engine and a store. All counters start at zero.
    pub(crate) fn from_engine(engine: Arc<Engine>, store: Arc<dyn Store>) -> ProcessParts {
        let stats = Arc::new(WorkerStats::default());
        let metrics = Arc::clone(&stats.metrics);
        ProcessParts {
            engine,
            store,
            stats,
            metrics,
        }
    }

    /// Builds the engine with these rules, reads keys and schemas, and opens the store.
    ///
    /// # Errors
    /// When a file is missing or has errors, or the store is in use.
    pub fn build(config: &Config, rules: LoadedRules) -> Result<ProcessParts, RunError> {
        let engine = Arc::new(build::build_engine(config, rules)?);
        let store = build::open_store(config)?;
        Ok(ProcessParts::from_engine(engine, store))
    }
}

/// Runs until `stop` is requested.
///
/// # Errors
/// When a part cannot be built, the broker cannot be reached, or a worker failed.
pub fn run_process(config: &Config, rules: LoadedRules, stop: &Stop) -> Result<(), RunError> {
    run_parts(config, &ProcessParts::build(config, rules)?, stop, true)
}

/// Runs the given parts until `stop` is requested.
///
/// # Errors
/// As [`run_process`].
pub fn run_parts(
    config: &Config,
    parts: &ProcessParts,
    stop: &Stop,
    check_topics: bool,
) -> Result<(), RunError> {
    let health = Arc::new(ProcessHealth::new(config.workers));
    health.set_rules_loaded();
    report_active_bundle(&parts.engine.rules(), &parts.metrics);
    let metrics = Arc::clone(&parts.metrics);
    let console = config
        .http
        .listen
        .map(|address| {
            ConsoleServer::start(address, Arc::clone(&health), move || metrics.render_text())
        })
        .transpose()?;
    let exporter = stats_export::start_exporter(config, parts, &health);
    let reloader = rules_reloader::start_reloader(config, parts);
    let options = build::supervisor_options(config, check_topics)?;
    let factory = Arc::new(EngineFactory(Arc::clone(&parts.engine)));
    let ended = supervise(
        options,
        factory,
        Arc::clone(&parts.store),
        stop,
        &parts.stats,
    );
    health.set_stopping();
    drop((exporter, reloader, console));
    let flushed = parts.store.flush();
    ended?;
    Ok(flushed?)
}

/// Logs the active bundle and sets its metrics.
pub(super) fn report_active_bundle(rules: &Rules, metrics: &Metrics) {
    let hash = encode_hex(&rules.bundle.hash[..16]);
    BundleActivated {
        bundle: &hash,
        rules: rules.bundle.rules.len(),
    }
    .emit(metrics);
}
