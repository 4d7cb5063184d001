//! Turns checked values into the typed configuration, and checks settings against each other.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::file::RawEntry;
use super::secret::PropertyMap;
use super::types::{
    AlertSettings, Config, ControlSettings, HttpSettings, InternalSettings, KafkaSettings,
    LimitSettings, RawInputSettings, RuleSettings, SigningSettings, StoreKind, StoreSettings,
    TopicSettings,
};
use super::value::{Setting, SettingOrigin, SettingValue};
use crate::codec::keys::PUBLISHED_MAX;
use crate::event::TimeSource;
use crate::kafka::DeliveryGuarantee;
use crate::text::{Diagnostic, ProblemSeverity};

/// The settings by path. The defaults put a value of the right kind at every path of `KEYS`, so the
/// fallbacks of these lookups are never used.
struct SettingsByPath(BTreeMap<&'static str, Setting>);

impl SettingsByPath {
    fn text_at(&self, path: &str) -> String {
        match self.0.get(path).map(|setting| &setting.value) {
            Some(SettingValue::Text(text)) => text.clone(),
            _ => String::new(),
        }
    }

    fn optional_text_at(&self, path: &str) -> Option<String> {
        Some(self.text_at(path)).filter(|text| !text.is_empty())
    }

    /// A whole number; its range was checked, so it fits.
    fn number_at<N: TryFrom<i64> + Default>(&self, path: &str) -> N {
        match self.0.get(path).map(|setting| &setting.value) {
            Some(SettingValue::Int(number)) => N::try_from(*number).unwrap_or_default(),
            _ => N::default(),
        }
    }

    fn paths_at(&self, path: &str) -> Vec<PathBuf> {
        match self.0.get(path).map(|setting| &setting.value) {
            Some(SettingValue::List(paths)) => paths.iter().map(PathBuf::from).collect(),
            _ => Vec::new(),
        }
    }

    fn map_at(&self, path: &str) -> PropertyMap {
        match self.0.get(path).map(|setting| &setting.value) {
            Some(SettingValue::Map(properties)) => properties.clone(),
            _ => PropertyMap::default(),
        }
    }

    fn origin_of(&self, path: &str) -> SettingOrigin {
        self.0
            .get(path)
            .map_or(SettingOrigin::Default, |setting| setting.origin.clone())
    }
}

/// Builds the configuration. Settings that contradict each other are added to `problems`.
pub(super) fn build_config(
    settings: BTreeMap<&'static str, Setting>,
    raw_entries: Vec<RawEntry>,
    problems: &mut Vec<Diagnostic>,
) -> Config {
    let settings = SettingsByPath(settings);
    let config = Config {
        workers: settings.number_at("workers"),
        delivery: match settings.text_at("delivery").as_str() {
            "at_least_once" => DeliveryGuarantee::AtLeastOnce,
            _ => DeliveryGuarantee::ExactlyOnce,
        },
        time: time_source(&settings.text_at("time")),
        kafka: KafkaSettings {
            bootstrap_servers: settings.text_at("kafka.bootstrap_servers"),
            group_id: settings.text_at("kafka.group_id"),
            instance_id: settings.text_at("kafka.instance_id"),
            properties: settings.map_at("kafka.properties"),
        },
        topics: build_topics(&settings),
        raw: raw_entries.iter().map(build_raw_input).collect(),
        store: build_store(&settings),
        rules: RuleSettings {
            path: settings.text_at("rules.path").into(),
        },
        alerts: AlertSettings {
            format: settings
                .text_at("alerts.format")
                .parse()
                .unwrap_or_default(),
        },
        signing: build_signing(&settings),
        control: ControlSettings {
            keys: settings.optional_text_at("control.keys").map(PathBuf::from),
        },
        http: HttpSettings {
            listen: settings.text_at("http.listen").parse().ok(),
        },
        schema_ids: build_schema_ids(&settings),
        unknown_schema_wait_s: settings.number_at("schema.unknown_wait_s"),
        limits: build_limits(&settings),
        internal: build_internal(&settings),
        settings: BTreeMap::new(),
        raw_entries: Vec::new(),
    };
    check_topics(&settings, &config, &raw_entries, problems);
    check_other_settings(&settings, &config, problems);
    Config {
        settings: settings.0,
        raw_entries,
        ..config
    }
}

fn time_source(word: &str) -> TimeSource {
    match word {
        "event" | "occurred_at" => TimeSource::Event,
        _ => TimeSource::Append,
    }
}

fn build_topics(settings: &SettingsByPath) -> TopicSettings {
    let topic = |name: &str| settings.text_at(&format!("topics.{name}"));
    TopicSettings {
        actions: topic("actions"),
        scopes: topic("scopes"),
        control: topic("control"),
        backfill: topic("backfill"),
        links: topic("links"),
        changelog: topic("changelog"),
        alerts: topic("alerts"),
        revocations: topic("revocations"),
        dead_letter: topic("dead_letter"),
        audit: topic("audit"),
        partitions: settings.number_at("topics.partitions"),
        replication: settings.number_at("topics.replication"),
    }
}

fn build_raw_input(entry: &RawEntry) -> RawInputSettings {
    let text = |path: &str| match entry.settings.get(path).map(|setting| &setting.value) {
        Some(SettingValue::Text(text)) => text.clone(),
        _ => String::new(),
    };
    RawInputSettings {
        topic: text("topic"),
        mapping: text("mapping").into(),
        time: time_source(&text("time")),
    }
}

fn build_store(settings: &SettingsByPath) -> StoreSettings {
    const MIB: usize = 1024 * 1024;
    StoreSettings {
        path: settings.text_at("store.path").into(),
        kind: match settings.text_at("store.kind").as_str() {
            "memory" => StoreKind::Memory,
            _ => StoreKind::RocksDb,
        },
        memory_bytes: settings
            .number_at::<usize>("store.memory_mb")
            .saturating_mul(MIB),
    }
}

fn build_signing(settings: &SettingsByPath) -> SigningSettings {
    let audiences = settings.map_at("signing.audiences");
    SigningSettings {
        key_file: settings
            .optional_text_at("signing.key_file")
            .map(PathBuf::from),
        published_key_files: settings.paths_at("signing.published_key_files"),
        overlap_s: settings.number_at("signing.overlap_s"),
        issuer: settings.optional_text_at("signing.issuer"),
        event_uri: settings.optional_text_at("signing.event_uri"),
        audiences: audiences
            .iter()
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .collect(),
    }
}

fn build_schema_ids(settings: &SettingsByPath) -> BTreeMap<u32, PathBuf> {
    let ids = settings.map_at("schema.ids");
    ids.iter()
        .filter_map(|(id, file)| Some((id.parse().ok()?, file.into())))
        .collect()
}

fn build_limits(settings: &SettingsByPath) -> LimitSettings {
    LimitSettings {
        agents_undeclared_max: settings.number_at("limits.agents_undeclared_max"),
        deferral_ms: settings
            .number_at::<i64>("limits.hold_s")
            .saturating_mul(1_000),
        deferred_per_agent_max: settings.number_at("limits.deferred_per_agent_max"),
        deferred_per_partition_max: settings.number_at("limits.deferred_per_partition_max"),
        cache_agents_max: settings.number_at("limits.cache_agents_max"),
    }
}

fn build_internal(settings: &SettingsByPath) -> InternalSettings {
    InternalSettings {
        tick_ms: settings
            .number_at::<i64>("internal.tick_s")
            .saturating_mul(1_000),
        transaction_timeout_ms: settings.number_at("internal.transaction_timeout_ms"),
        session_timeout_ms: settings.number_at("internal.session_timeout_ms"),
    }
}

/// Refuses one topic for two purposes: output would be read as input, or two states would mix.
fn check_topics(
    settings: &SettingsByPath,
    config: &Config,
    raw_entries: &[RawEntry],
    problems: &mut Vec<Diagnostic>,
) {
    let mut taken: BTreeMap<String, String> = BTreeMap::new();
    let names = super::KEYS
        .iter()
        .filter(|key| key.kind == super::ValueKind::Topic);
    for key in names {
        let topic = settings.text_at(key.path);
        if let Some(other) = taken.insert(topic.clone(), key.path.to_owned()) {
            let message = format!("`{}` and `{other}` are both `{topic}`", key.path);
            // Reported where one of the two was set, because that can be changed.
            let origins = [settings.origin_of(key.path), settings.origin_of(&other)];
            let set = origins
                .iter()
                .find(|origin| **origin != SettingOrigin::Default);
            problems.push(problem_at(set.unwrap_or(&SettingOrigin::Default), message));
        }
    }
    for (raw, entry) in config
        .raw
        .iter()
        .zip(raw_entries)
        .filter(|(raw, _)| !raw.topic.is_empty())
    {
        if let Some(other) = taken.insert(raw.topic.clone(), "another `[[raw]]` entry".to_owned()) {
            let message = format!("`raw.topic`: `{}` is also {other}", raw.topic);
            let origin = entry.settings.get("topic").map(|setting| &setting.origin);
            problems.push(problem_at(
                origin.unwrap_or(&SettingOrigin::Default),
                message,
            ));
        }
    }
}

fn check_other_settings(
    settings: &SettingsByPath,
    config: &Config,
    problems: &mut Vec<Diagnostic>,
) {
    if config.signing.key_file.is_some() && config.signing.issuer.is_none() {
        let message =
            "`signing.key_file` needs `signing.issuer`: a signed request names its sender";
        problems.push(problem_at(
            &settings.origin_of("signing.key_file"),
            message.to_owned(),
        ));
    }
    let published = config.signing.published_key_files.len();
    let message = match (published, &config.signing.key_file) {
        (1.., None) => Some("needs `signing.key_file`: nothing is signed without".to_owned()),
        (PUBLISHED_MAX.., _) => Some(format!(
            "at most {} files: receivers look at each key",
            PUBLISHED_MAX - 1
        )),
        _ => None,
    };
    if let Some(message) = message {
        let origin = settings.origin_of("signing.published_key_files");
        let message = format!("`signing.published_key_files`: {message}");
        problems.push(problem_at(&origin, message));
    }
    if config.limits.deferred_per_agent_max > config.limits.deferred_per_partition_max {
        let message =
            "`limits.deferred_per_agent_max` is above `limits.deferred_per_partition_max`";
        problems.push(problem_at(
            &settings.origin_of("limits.deferred_per_agent_max"),
            message.to_owned(),
        ));
    }
    let protocol = config
        .kafka
        .properties
        .get("security.protocol")
        .unwrap_or("plaintext");
    if protocol.eq_ignore_ascii_case("plaintext") && !is_loopback(&config.kafka.bootstrap_servers) {
        let message = "the connection to Kafka is neither encrypted nor authenticated; set \
                       `security.protocol` in `kafka.properties`";
        let origin = settings.origin_of("kafka.bootstrap_servers");
        let warning = problem_at(&origin, message.to_owned());
        problems.push(Diagnostic {
            severity: ProblemSeverity::Warning,
            ..warning
        });
    }
}

fn is_loopback(servers: &str) -> bool {
    servers.split(',').all(|server| {
        let host = server
            .trim()
            .rsplit_once(':')
            .map_or(server, |(host, _)| host);
        host == "localhost" || host.starts_with("127.") || host == "[::1]"
    })
}

impl Config {
    /// Whether no source sets this path.
    #[must_use]
    pub fn is_default(&self, path: &str) -> bool {
        let setting = self.settings.get(path);
        setting.is_none_or(|setting| setting.origin == SettingOrigin::Default)
    }

    /// A problem with a setting, reported where it was set.
    #[must_use]
    pub fn setting_problem(&self, path: &str, message: &str) -> Box<Diagnostic> {
        let origin = self.settings.get(path).map(|setting| &setting.origin);
        let origin = origin.unwrap_or(&SettingOrigin::Default);
        Box::new(problem_at(origin, format!("`{path}`: {message}")))
    }

    /// A problem with a key of the `[[raw]]` entry at `index`, reported where it was set.
    #[must_use]
    pub fn raw_input_problem(&self, index: usize, key: &str, message: &str) -> Box<Diagnostic> {
        let setting = self.raw_entries.get(index);
        let setting = setting.and_then(|entry| entry.settings.get(key));
        let origin = setting.map_or(&SettingOrigin::Default, |setting| &setting.origin);
        Box::new(problem_at(origin, format!("`raw.{key}`: {message}")))
    }
}

/// A problem, reported where the setting was set.
fn problem_at(origin: &SettingOrigin, message: String) -> Diagnostic {
    let (path, line) = match origin {
        SettingOrigin::File { path, line } => (path.clone(), *line),
        SettingOrigin::Default | SettingOrigin::Flag => (format!("configuration ({origin})"), 0),
        SettingOrigin::Variable(name) => (format!("environment variable {name}"), 0),
    };
    Diagnostic {
        line,
        ..Diagnostic::of_source(path, message)
    }
}
