//! The settings as the program reads them: checked, typed, with units in their names.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::file::RawEntry;
use super::secret::Properties;
use super::value::Setting;
use crate::event::TimeSource;

/// The whole configuration. Paths are as given: relative ones start at the working directory.
#[derive(Debug, Clone)]
pub struct Config {
    /// Worker threads, 1 to 256.
    pub workers: usize,
    pub delivery: Delivery,
    /// Time source of `topics.actions`.
    pub time: TimeSource,
    pub kafka: Kafka,
    pub topics: Topics,
    pub raw: Vec<Raw>,
    pub store: StoreSettings,
    pub rules: Rules,
    pub alerts: Alerts,
    pub signing: Signing,
    pub http: Http,
    /// Confluent schema id to Avro file.
    pub schema_ids: BTreeMap<u32, PathBuf>,
    pub limits: Limits,
    pub internal: Internal,
    /// What `config show` prints: every setting with its origin.
    pub(super) settings: BTreeMap<&'static str, Setting>,
    pub(super) raw_entries: Vec<RawEntry>,
}

/// What a record is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    ExactlyOnce,
    AtLeastOnce,
}

/// `[kafka]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kafka {
    /// `host:port`, separated by commas.
    pub bootstrap_servers: String,
    pub group_id: String,
    pub instance_id: String,
    /// For librdkafka; may hold secrets, so `Debug` hides some values.
    pub properties: Properties,
}

/// `[topics]`: names, and what `topics create` makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topics {
    pub actions: String,
    pub scopes: String,
    pub control: String,
    pub backfill: String,
    pub links: String,
    pub classes: String,
    pub changelog: String,
    pub alerts: String,
    pub revocations: String,
    pub dead_letter: String,
    pub audit: String,
    pub partitions: i32,
    pub replication: i32,
}

/// One `[[raw]]` entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raw {
    pub topic: String,
    pub mapping: PathBuf,
    /// `Event` for a backfill (`time = "occurred_at"`).
    pub time: TimeSource,
}

/// `[store]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreSettings {
    pub path: PathBuf,
    pub kind: StoreKind,
    pub memory_bytes: usize,
}

/// Where state is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreKind {
    RocksDb,
    Memory,
}

/// `[rules]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    pub path: PathBuf,
}

/// `[alerts]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alerts {
    pub format: AlertFormat,
}

/// The form of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertFormat {
    Ocsf,
    Native,
}

/// `[signing]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signing {
    /// PEM file; its content is not part of the configuration.
    pub key_file: Option<PathBuf>,
    pub issuer: Option<String>,
    pub event_uri: Option<String>,
    /// Credential issuer to `aud`.
    pub audiences: BTreeMap<String, String>,
}

/// `[http]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Http {
    /// `None`: no HTTP at all.
    pub listen: Option<SocketAddr>,
}

/// `[limits]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub agents_undeclared_max: u64,
    pub hold_ms: i64,
    pub held_per_agent_max: usize,
    pub held_per_partition_max: usize,
    pub cache_agents_max: usize,
}

/// `[internal]`: numbers that rarely need a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Internal {
    pub tick_ms: i64,
    pub transaction_timeout_ms: u32,
    pub session_timeout_ms: u32,
}
