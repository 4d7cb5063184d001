//! Runs the parts of a process until a stop is requested.

use std::sync::Arc;

use super::agent_page::TreeReader;
use super::parts::{ConfigReader, ProcessParts, RunError, report_active_bundle};
use super::rule_loading::LoadedRules;
use super::{build, rules_reloader, stats_export};
use crate::config::Config;
use crate::console::{ConsoleError, ConsoleServer, PageSources, ProcessHealth};
use crate::engine::EngineFactory;
use crate::telemetry::ConsoleStarted;
use crate::worker::{Stop, supervise};

/// Runs until `stop` is requested.
///
/// # Errors
/// When a part cannot be built, the broker cannot be reached, or a worker failed.
pub fn run_process(
    config: &Config,
    rules: LoadedRules,
    config_reader: ConfigReader,
    stop: &Stop,
) -> Result<(), RunError> {
    let mut parts = ProcessParts::build(config, rules)?;
    parts.config_reader = Some(config_reader);
    run_parts(config, &parts, stop, true)
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
    let health = Arc::new(ProcessHealth::new(config.workers, !config.raw.is_empty()));
    health.set_rules_loaded();
    report_active_bundle(&parts.engine.rules(), &parts.metrics);
    let console = start_console(config, parts, &health)?;
    if let Some(console) = &console {
        ConsoleStarted {
            address: &console.address().to_string(),
        }
        .emit();
    }
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

/// Starts the console, if there is one.
fn start_console(
    config: &Config,
    parts: &ProcessParts,
    health: &Arc<ProcessHealth>,
) -> Result<Option<ConsoleServer>, ConsoleError> {
    let Some(address) = config.http.listen else {
        return Ok(None);
    };
    let metrics = Arc::clone(&parts.metrics);
    let trees = TreeReader::new(parts);
    let engine = Arc::clone(&parts.engine);
    let sources = PageSources {
        metrics: Box::new(move || metrics.render_text()),
        key_set: Box::new(move || engine.signing_keys().jwk_set().map(|set| set.to_string())),
        agent_tree: Box::new(move |tenant, agent| trees.read_page(tenant, agent)),
    };
    ConsoleServer::start(address, Arc::clone(health), sources).map(Some)
}
