//! Builds the parts of a process from a checked configuration.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::codec::control_keys::{ControlKeys, KeySetError};
use crate::codec::set::SetSettings;
use crate::codec::{Decoder, Mapping, SchemaSet, json};
use crate::config::{Config, StoreKind};
use crate::detector;
use crate::engine::contract::InputRecord;
use crate::engine::{Engine, EngineOptions, Rules};
use crate::event::TimeSource;
use crate::kafka::KafkaOptions;
use crate::store::{MemoryStore, Store, StoreError};
use crate::telemetry::{RuleProblem, RulesEmpty, ShippedRulesUsed};
use crate::text::{Diagnostic, SourceFile};
use crate::worker::raw::{RawInput, RecordMapper};
use crate::worker::settings::STORE_KEPT;
use crate::worker::topics::Topics;
use crate::worker::{GapPolicy, SupervisorOptions, WorkerError, partition_count};

use super::rule_loading::LoadedRules;
use super::signing_keys;

/// The least number of agents that a partition caches, however many partitions there are.
const AGENTS_CACHED_MIN: usize = 1_000;

/// Why a part of the process could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Errors in rules, mappings or schemas. Lists every problem.
    #[error("errors in rules, mappings or schemas: {}", .0.len())]
    Files(Vec<Diagnostic>),
    #[error("{path}: {source}")]
    File {
        path: String,
        source: std::io::Error,
    },
    /// A signing key cannot be used.
    #[error("{0}")]
    SigningKey(Box<Diagnostic>),
    #[error("{path}: {source}")]
    ControlKeys { path: String, source: KeySetError },
    #[error("this program was built without RocksDB; set `store.kind = \"memory\"`")]
    NoRocksDb,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Kafka(#[from] WorkerError),
}

/// Builds the engine with these rules. Reads all files before it connects to a broker, so that a
/// mistake in a file is reported without one.
pub(super) fn build_engine(config: &Config, rules: LoadedRules) -> Result<Engine, BuildError> {
    let rules = accept_rules(config, rules)?;
    let decoder = load_decoder(config)?;
    let keys = signing_keys::read_keys(config).map_err(BuildError::SigningKey)?;
    let partitions = count_partitions(config)?;
    let options = EngineOptions {
        partitions,
        time: config.time,
        detector: detector::DetectorSettings {
            defer_ms: config.limits.deferral_ms,
            agents_undeclared_max: u32::try_from(config.limits.agents_undeclared_max)
                .unwrap_or(u32::MAX),
            deferred_per_agent_max: config.limits.deferred_per_agent_max,
            deferred_per_partition_max: config.limits.deferred_per_partition_max as u64,
            lists_every_event: false,
            learn_until_ms: None,
        },
        alert_format: config.alerts.format,
        set: set_settings(config),
        agents_cached_max: agents_cached_max(config.limits.cache_agents_max, partitions),
        ticks: true,
    };
    Ok(Engine::new(decoder, rules, keys, options))
}

/// Builds the decoder with the schemas of `[schema.ids]` and the keys of `[control]`.
pub(super) fn load_decoder(config: &Config) -> Result<Decoder, BuildError> {
    let decoder = Decoder::new(load_schemas(config)?);
    let Some(path) = &config.control.keys else {
        return Ok(decoder);
    };
    let file = read_file(path)?;
    let keys = ControlKeys::from_jwks(&file.text).map_err(|source| BuildError::ControlKeys {
        path: file.path,
        source,
    })?;
    Ok(decoder.with_control_keys(keys))
}

/// Reads the schemas of `[schema.ids]`.
fn load_schemas(config: &Config) -> Result<SchemaSet, BuildError> {
    let mut schemas = Vec::new();
    for (id, path) in &config.schema_ids {
        schemas.push((*id, read_file(path)?));
    }
    SchemaSet::new(schemas).map_err(BuildError::Files)
}

/// The number of agents that one partition may cache. All partitions may be assigned to one
/// instance, so each gets an equal share.
fn agents_cached_max(all_max: usize, partitions: u32) -> usize {
    let count = usize::try_from(partitions).unwrap_or(usize::MAX).max(1);
    (all_max / count).max(AGENTS_CACHED_MIN)
}

/// The rules, after logging their warnings.
fn accept_rules(config: &Config, loaded: LoadedRules) -> Result<Rules, BuildError> {
    let path = &config.rules.path.display().to_string();
    if loaded.directory.is_none() {
        ShippedRulesUsed { path }.emit();
    }
    let Some(rules) = loaded.rules else {
        return Err(BuildError::Files(loaded.problems));
    };
    for problem in &loaded.problems {
        RuleProblem {
            path: &problem.path,
            problem: &problem.to_string(),
        }
        .emit();
    }
    if rules.judges_nothing() {
        RulesEmpty { path }.emit();
    }
    Ok(rules)
}

/// Opens the configured store.
///
/// # Errors
/// The store is in use or has a newer format, or the disk reports an error.
pub(crate) fn open_store(config: &Config) -> Result<Arc<dyn Store>, BuildError> {
    match config.store.kind {
        StoreKind::Memory => Ok(Arc::new(MemoryStore::new())),
        #[cfg(feature = "rocksdb")]
        StoreKind::RocksDb => {
            let options = crate::store::StoreOptions {
                path: config.store.path.clone(),
                memory_bytes: config.store.memory_bytes,
                on_event: super::client_events::log_store_event,
            };
            Ok(Arc::new(crate::store::RocksStore::open(&options)?))
        }
        #[cfg(not(feature = "rocksdb"))]
        StoreKind::RocksDb => Err(BuildError::NoRocksDb),
    }
}

/// Asks the broker for the number of partitions of the actions topic.
fn count_partitions(config: &Config) -> Result<u32, BuildError> {
    Ok(partition_count(
        &kafka_options(config),
        &config.topics.actions,
    )?)
}

/// The options of every Kafka client.
pub(crate) fn kafka_options(config: &Config) -> KafkaOptions {
    let own = &config.kafka.properties;
    let mut properties: BTreeMap<String, String> = own
        .iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let internal = &config.internal;
    for (name, value) in [
        ("session.timeout.ms", internal.session_timeout_ms),
        ("transaction.timeout.ms", internal.transaction_timeout_ms),
    ] {
        properties.insert(name.to_owned(), value.to_string());
    }
    KafkaOptions {
        bootstrap_servers: config.kafka.bootstrap_servers.clone(),
        group_id: config.kafka.group_id.clone(),
        instance_id: config.kafka.instance_id.clone(),
        properties,
        on_event: super::client_events::log_client_event,
    }
}

/// The names of all topics. Only raw inputs with event time write to the backfill topic; without
/// such an input it is not read.
pub(crate) fn topic_names(config: &Config) -> Topics {
    let names = &config.topics;
    let backfill = config.raw.iter().any(|raw| raw.time == TimeSource::Event);
    Topics {
        actions: names.actions.as_str().into(),
        scopes: names.scopes.as_str().into(),
        control: names.control.as_str().into(),
        links: names.links.as_str().into(),
        backfill: backfill.then(|| names.backfill.as_str().into()),
        changelog: names.changelog.as_str().into(),
        alerts: names.alerts.as_str().into(),
        revocations: names.revocations.as_str().into(),
        dead_letter: names.dead_letter.as_str().into(),
        audit: names.audit.as_str().into(),
    }
}

/// The options of the workers' supervisor.
pub(super) fn supervisor_options(
    config: &Config,
    check_topics: bool,
) -> Result<SupervisorOptions, BuildError> {
    let mut raw = Vec::new();
    for input in &config.raw {
        raw.push(RawInput {
            topic: input.topic.as_str().into(),
            backfill: input.time == TimeSource::Event,
            mapper: compile_mapper(&input.mapping)?,
        });
    }
    Ok(SupervisorOptions {
        kafka: kafka_options(config),
        topics: topic_names(config),
        workers: config.workers,
        delivery: config.delivery,
        gap: GapPolicy::Stop,
        schema_within: Duration::from_secs(config.unknown_schema_wait_s),
        store_kept: STORE_KEPT,
        tick_after: Duration::from_millis(u64::try_from(config.internal.tick_ms).unwrap_or(5_000)),
        raw,
        append_time: config.time == TimeSource::Append,
        check_topics,
    })
}

/// Compiles the jq mapping of a raw input.
fn compile_mapper(path: &Path) -> Result<RecordMapper, BuildError> {
    let file = read_file(path)?;
    let mapping = Mapping::compile(&file.path, &file.text)
        .map_err(|problem| BuildError::Files(vec![*problem]))?;
    Ok(Box::new(move |record: &InputRecord| {
        let bytes = record.value.as_deref().unwrap_or_default();
        let outputs = mapping
            .map_record(bytes)
            .map_err(|error| error.to_string())?;
        let each = (0_u32..).zip(outputs).map(|(index, output)| {
            let mut action = output.map_err(|error| error.to_string())?;
            let position = crate::event::RecordPosition {
                index,
                ..record.position.clone()
            };
            // The id must not depend on the offset of the mapped record, which differs after a
            // retry.
            action
                .event_id
                .get_or_insert_with(|| position.to_string().into());
            action.occurred_at_ms.get_or_insert(record.append_ms);
            let key = action.agent_key().to_string();
            Ok((key.into_bytes(), json::write_action(&action)))
        });
        Ok(each.collect())
    }))
}

fn set_settings(config: &Config) -> SetSettings {
    let signing = &config.signing;
    let mut settings = SetSettings::new(signing.issuer.as_deref().unwrap_or("scopewatch"));
    if let Some(uri) = &signing.event_uri {
        settings.event_uri.clone_from(uri);
    }
    settings.audiences.clone_from(&signing.audiences);
    settings
}

fn read_file(path: &Path) -> Result<SourceFile, BuildError> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|source| BuildError::File {
        path: name.clone(),
        source,
    })?;
    Ok(SourceFile { path: name, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_shared_among_the_partitions() {
        assert_eq!(agents_cached_max(500_000, 12), 41_666);
        assert_eq!(agents_cached_max(1_000, 12), 1_000);
    }
}
