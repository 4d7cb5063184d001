//! From checked texts to typed settings, and what must hold between them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::file::RawEntry;
use super::secret::Properties;
use super::types::{
    AlertFormat, Alerts, Config, Delivery, Http, Internal, Kafka, Limits, Raw, Rules, Signing,
    StoreKind, StoreSettings, Topics,
};
use super::value::{Origin, Setting, Value};
use crate::event::TimeSource;
use crate::text::{Diagnostic, Severity};

/// The settings by path. Every path of `KEYS` is there with a value of its kind, because the
/// defaults are; what a lookup gives otherwise is never seen.
struct Settings(BTreeMap<&'static str, Setting>);

impl Settings {
    fn text(&self, path: &str) -> String {
        match self.0.get(path).map(|setting| &setting.value) {
            Some(Value::Text(text)) => text.clone(),
            _ => String::new(),
        }
    }

    fn some_text(&self, path: &str) -> Option<String> {
        Some(self.text(path)).filter(|text| !text.is_empty())
    }

    /// A whole number; its range was checked, so it fits.
    fn number<N: TryFrom<i64> + Default>(&self, path: &str) -> N {
        match self.0.get(path).map(|setting| &setting.value) {
            Some(Value::Int(number)) => N::try_from(*number).unwrap_or_default(),
            _ => N::default(),
        }
    }

    fn map(&self, path: &str) -> Properties {
        match self.0.get(path).map(|setting| &setting.value) {
            Some(Value::Map(properties)) => properties.clone(),
            _ => Properties::default(),
        }
    }

    fn origin(&self, path: &str) -> Origin {
        self.0
            .get(path)
            .map_or(Origin::Default, |setting| setting.origin.clone())
    }
}

/// Builds the configuration; what does not hold between settings goes to `problems`.
pub(super) fn build(
    settings: BTreeMap<&'static str, Setting>,
    raw_entries: Vec<RawEntry>,
    problems: &mut Vec<Diagnostic>,
) -> Config {
    let settings = Settings(settings);
    let config = Config {
        workers: settings.number("workers"),
        delivery: match settings.text("delivery").as_str() {
            "at_least_once" => Delivery::AtLeastOnce,
            _ => Delivery::ExactlyOnce,
        },
        time: time_source(&settings.text("time")),
        kafka: Kafka {
            bootstrap_servers: settings.text("kafka.bootstrap_servers"),
            group_id: settings.text("kafka.group_id"),
            instance_id: settings.text("kafka.instance_id"),
            properties: settings.map("kafka.properties"),
        },
        topics: topics(&settings),
        raw: raw_entries.iter().map(raw).collect(),
        store: store(&settings),
        rules: Rules {
            path: settings.text("rules.path").into(),
        },
        alerts: Alerts {
            format: match settings.text("alerts.format").as_str() {
                "native" => AlertFormat::Native,
                _ => AlertFormat::Ocsf,
            },
        },
        signing: signing(&settings),
        http: Http {
            listen: settings.text("http.listen").parse().ok(),
        },
        schema_ids: schema_ids(&settings),
        limits: limits(&settings),
        internal: internal(&settings),
        settings: BTreeMap::new(),
        raw_entries: Vec::new(),
    };
    check_topics(&settings, &config, &raw_entries, problems);
    check_the_rest(&settings, &config, problems);
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

fn topics(settings: &Settings) -> Topics {
    let topic = |name: &str| settings.text(&format!("topics.{name}"));
    Topics {
        actions: topic("actions"),
        scopes: topic("scopes"),
        control: topic("control"),
        backfill: topic("backfill"),
        links: topic("links"),
        classes: topic("classes"),
        changelog: topic("changelog"),
        alerts: topic("alerts"),
        revocations: topic("revocations"),
        dead_letter: topic("dead_letter"),
        audit: topic("audit"),
        partitions: settings.number("topics.partitions"),
        replication: settings.number("topics.replication"),
    }
}

fn raw(entry: &RawEntry) -> Raw {
    let text = |path: &str| match entry.settings.get(path).map(|setting| &setting.value) {
        Some(Value::Text(text)) => text.clone(),
        _ => String::new(),
    };
    Raw {
        topic: text("topic"),
        mapping: text("mapping").into(),
        time: time_source(&text("time")),
    }
}

fn store(settings: &Settings) -> StoreSettings {
    const MIB: usize = 1024 * 1024;
    StoreSettings {
        path: settings.text("store.path").into(),
        kind: match settings.text("store.kind").as_str() {
            "memory" => StoreKind::Memory,
            _ => StoreKind::RocksDb,
        },
        memory_bytes: settings
            .number::<usize>("store.memory_mb")
            .saturating_mul(MIB),
    }
}

fn signing(settings: &Settings) -> Signing {
    let audiences = settings.map("signing.audiences");
    Signing {
        key_file: settings.some_text("signing.key_file").map(PathBuf::from),
        issuer: settings.some_text("signing.issuer"),
        event_uri: settings.some_text("signing.event_uri"),
        audiences: audiences
            .iter()
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .collect(),
    }
}

fn schema_ids(settings: &Settings) -> BTreeMap<u32, PathBuf> {
    let ids = settings.map("schema.ids");
    ids.iter()
        .filter_map(|(id, file)| Some((id.parse().ok()?, file.into())))
        .collect()
}

fn limits(settings: &Settings) -> Limits {
    Limits {
        agents_undeclared_max: settings.number("limits.agents_undeclared_max"),
        hold_ms: settings
            .number::<i64>("limits.hold_s")
            .saturating_mul(1_000),
        held_per_agent_max: settings.number("limits.held_per_agent_max"),
        held_per_partition_max: settings.number("limits.held_per_partition_max"),
        cache_agents_max: settings.number("limits.cache_agents_max"),
    }
}

fn internal(settings: &Settings) -> Internal {
    Internal {
        tick_ms: settings
            .number::<i64>("internal.tick_s")
            .saturating_mul(1_000),
        transaction_timeout_ms: settings.number("internal.transaction_timeout_ms"),
        session_timeout_ms: settings.number("internal.session_timeout_ms"),
    }
}

/// One topic for two purposes would feed output back as input, or mix state of two kinds.
fn check_topics(
    settings: &Settings,
    config: &Config,
    raw_entries: &[RawEntry],
    problems: &mut Vec<Diagnostic>,
) {
    let mut taken: BTreeMap<String, String> = BTreeMap::new();
    let names = super::KEYS
        .iter()
        .filter(|key| key.kind == super::Kind::Topic);
    for key in names {
        let topic = settings.text(key.path);
        if let Some(other) = taken.insert(topic.clone(), key.path.to_owned()) {
            let message = format!("`{}` and `{other}` are both `{topic}`", key.path);
            // Where somebody set one of them is where it can be mended.
            let origins = [settings.origin(key.path), settings.origin(&other)];
            let set = origins.iter().find(|origin| **origin != Origin::Default);
            problems.push(problem(set.unwrap_or(&Origin::Default), message));
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
            problems.push(problem(origin.unwrap_or(&Origin::Default), message));
        }
    }
}

fn check_the_rest(settings: &Settings, config: &Config, problems: &mut Vec<Diagnostic>) {
    if config.signing.key_file.is_some() && config.signing.issuer.is_none() {
        let message =
            "`signing.key_file` needs `signing.issuer`: a signed request names its sender";
        problems.push(problem(
            &settings.origin("signing.key_file"),
            message.to_owned(),
        ));
    }
    if config.limits.held_per_agent_max > config.limits.held_per_partition_max {
        let message = "`limits.held_per_agent_max` is above `limits.held_per_partition_max`";
        problems.push(problem(
            &settings.origin("limits.held_per_agent_max"),
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
        let origin = settings.origin("kafka.bootstrap_servers");
        let warning = problem(&origin, message.to_owned());
        problems.push(Diagnostic {
            severity: Severity::Warning,
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
    /// Whether nobody has set this.
    #[must_use]
    pub fn is_default(&self, path: &str) -> bool {
        let setting = self.settings.get(path);
        setting.is_none_or(|setting| setting.origin == Origin::Default)
    }

    /// A problem with a setting, at the place it came from.
    #[must_use]
    pub fn problem(&self, path: &str, message: &str) -> Box<Diagnostic> {
        let origin = self.settings.get(path).map(|setting| &setting.origin);
        let origin = origin.unwrap_or(&Origin::Default);
        Box::new(problem(origin, format!("`{path}`: {message}")))
    }

    /// A problem with a key of the `[[raw]]` entry at `index`.
    #[must_use]
    pub fn raw_problem(&self, index: usize, key: &str, message: &str) -> Box<Diagnostic> {
        let setting = self.raw_entries.get(index);
        let setting = setting.and_then(|entry| entry.settings.get(key));
        let origin = setting.map_or(&Origin::Default, |setting| &setting.origin);
        Box::new(problem(origin, format!("`raw.{key}`: {message}")))
    }
}

/// A problem at the place a setting came from.
fn problem(origin: &Origin, message: String) -> Diagnostic {
    let (path, line) = match origin {
        Origin::File { path, line } => (path.clone(), *line),
        Origin::Default | Origin::Flag => (format!("configuration ({origin})"), 0),
        Origin::Variable(name) => (format!("environment variable {name}"), 0),
    };
    Diagnostic {
        line,
        ..Diagnostic::of_source(path, message)
    }
}
