//! The parts of a process, and why it fails.

use std::sync::Arc;

use super::build::{self, BuildError};
use super::rule_loading::LoadedRules;
use crate::config::Config;
use crate::console::ConsoleError;
use crate::engine::{Engine, Rules};
use crate::store::{Store, StoreError};
use crate::telemetry::{BundleActivated, Metrics};
use crate::text::units::encode_hex;
use crate::worker::{WorkerError, WorkerStats};

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
    /// Reads the configuration again, for the schemas; `None`: they stay as they are.
    pub config_reader: Option<ConfigReader>,
}

/// Reads the configuration again; `None` if it has errors, which are reported then.
pub type ConfigReader = Arc<dyn Fn() -> Option<Config> + Send + Sync>;

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
            config_reader: None,
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

/// Logs the active bundle and sets its metrics.
pub(super) fn report_active_bundle(rules: &Rules, metrics: &Metrics) {
    let hash = encode_hex(&rules.bundle.hash[..16]);
    BundleActivated {
        bundle: &hash,
        rules: rules.bundle.rules.len(),
    }
    .emit(metrics);
}
