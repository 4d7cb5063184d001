//! The configuration and parts of the demo. They differ from those of `run` in the rules (with the
//! simulator's templates), the response policy (requests are sent) and the signing key (a new one).

use std::path::Path;
use std::sync::Arc;

use crate::codec::keys::TokenKey;
use crate::codec::set::{SetSettings, TokenSigner};
use crate::codec::{AlertFormat, Decoder, SchemaSet};
use crate::config::rule_files;
use crate::config::{self, Config, ConfigSources};
use crate::demo::plan::LIVE_FROM_MS;
use crate::detector;
use crate::engine::limits::AGENTS_CACHED_MAX;
use crate::engine::{Engine, EngineOptions, parse_rules, shipped_rule_files};
use crate::event::TimeSource;
use crate::run::{self, ProcessParts, RunError};
use crate::simulator;
use crate::text::SourceFile;
use crate::worker::topics::Topics;

use super::alert_display::CommittedAlerts;
use super::{DemoError, PARTITIONS, PipelineOptions};

/// The response policy of the demo. No credential is real, so requests may be sent.
const RESPONSE: &str = "default: auto\nbudget: {agents-per-hour: 1000}\n";

/// The configuration, loaded as `run` loads it.
pub(super) fn demo_config(
    bootstrap_servers: &str,
    directory: &Path,
    rocksdb: bool,
) -> Result<Config, DemoError> {
    let flag = |key: &str, value: String| (key.to_owned(), value);
    let sources = ConfigSources {
        file: None,
        env: Vec::new(),
        flags: vec![
            flag("kafka.bootstrap_servers", bootstrap_servers.to_owned()),
            flag("time", "event".to_owned()),
            flag("workers", "1".to_owned()),
            flag("alerts.format", "native".to_owned()),
            flag("topics.partitions", PARTITIONS.to_string()),
            flag("topics.replication", "1".to_owned()),
            flag(
                "store.kind",
                if rocksdb { "rocksdb" } else { "memory" }.to_owned(),
            ),
            flag("store.path", directory.join("store").display().to_string()),
            flag("rules.path", directory.join("rules").display().to_string()),
            flag("http.listen", String::new()),
        ],
        host: "demo".to_owned(),
        cores: 1,
    };
    config::load_config(&sources)
        .map(|loaded| loaded.config)
        .map_err(DemoError::Rules)
}

/// The names of all topics that the pipeline reads or writes.
pub(super) fn topic_names(topics: &Topics) -> Vec<String> {
    let all = [
        &topics.actions,
        &topics.scopes,
        &topics.control,
        &topics.links,
        &topics.changelog,
        &topics.alerts,
        &topics.revocations,
        &topics.dead_letter,
        &topics.audit,
    ];
    all.iter().map(|name| name.to_string()).collect()
}

/// The rules, with the simulated fleet's shared credentials declared as shared.
fn with_shared_credentials(mut files: Vec<SourceFile>) -> Vec<SourceFile> {
    for file in &mut files {
        if file.path.ends_with("/resources.yaml") {
            let declared = "\ncredentials: {shared: ['svc-shared-*']}\n";
            file.text.push_str(declared);
        }
    }
    files
}

/// Builds engine, store and counters, and the receiver of the committed alerts.
pub(super) fn build_parts(
    config: &Config,
    options: &PipelineOptions,
) -> Result<(Arc<ProcessParts>, CommittedAlerts), DemoError> {
    let mut files = match &options.rules {
        Some(directory) => rule_files::read_rule_files(directory)?,
        None => with_shared_credentials(shipped_rule_files()),
    };
    files.retain(|file| !file.path.ends_with("response.yaml"));
    files.extend(simulator::scope_templates());
    files.push(SourceFile {
        path: "rules/response.yaml".into(),
        text: RESPONSE.into(),
    });
    let loaded = parse_rules(&files, &[]);
    let rules = loaded.rules.ok_or(DemoError::Rules(loaded.problems))?;
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| DemoError::Other(error.to_string()))?;
    let engine = Engine::new(
        Decoder::new(SchemaSet::new([]).map_err(DemoError::Rules)?),
        rules,
        Some(TokenSigner::new(TokenKey::from_seed(&seed))),
        EngineOptions {
            partitions: PARTITIONS.unsigned_abs(),
            time: TimeSource::Event,
            detector: detector::DetectorSettings {
                learn_until_ms: Some(LIVE_FROM_MS),
                // At 60 times wall time the usual 30 s are half a second, less than a scope
                // may need through the broker.
                defer_ms: 120_000,
                ..detector::DetectorSettings::default()
            },
            alert_format: AlertFormat::Native,
            set: SetSettings::new("https://scopewatch.example"),
            agents_cached_max: AGENTS_CACHED_MAX,
            ticks: false,
        },
    );
    let store = run::open_store(config).map_err(RunError::from)?;
    let (engine, alerts) = CommittedAlerts::observe_engine(engine);
    Ok((
        Arc::new(ProcessParts::from_engine(Arc::new(engine), store)),
        alerts,
    ))
}
