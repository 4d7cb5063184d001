//! The settings as the program reads them: checked, typed, with units in their names.

use crate::kafka::DeliveryGuarantee;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::file::RawEntry;
use super::secret::PropertyMap;
use super::value::Setting;
use crate::codec::AlertFormat;
use crate::event::TimeSource;

/// The whole configuration. Paths are as given: relative ones start at the working directory.
#[derive(Debug, Clone)]
pub struct Config {
    /// Worker threads, 1 to 256.
    pub workers: usize,
    pub delivery: DeliveryGuarantee,
    /// Time source of `topics.actions`.
    pub time: TimeSource,
    pub kafka: KafkaSettings,
    pub topics: TopicSettings,
    pub raw: Vec<RawInputSettings>,
    pub store: StoreSettings,
    pub rules: RuleSettings,
    pub alerts: AlertSettings,
    pub signing: SigningSettings,
    pub control: ControlSettings,
    pub http: HttpSettings,
    /// Confluent schema id to Avro file.
    pub schema_ids: BTreeMap<u32, PathBuf>,
    /// Time that a record with another schema id waits, seconds.
    pub unknown_schema_wait_s: u64,
    pub limits: LimitSettings,
    pub internal: InternalSettings,
    /// Every setting with its origin, for `config show`.
    pub(super) settings: BTreeMap<&'static str, Setting>,
    pub(super) raw_entries: Vec<RawEntry>,
}

/// `[kafka]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaSettings {
    /// `host:port`, separated by commas.
    pub bootstrap_servers: String,
    pub group_id: String,
    pub instance_id: String,
    /// Given to librdkafka. Some values are secrets, which `Debug` hides.
    pub properties: PropertyMap,
}

/// `[topics]`: the names, and the partitions and replicas that `topics create` uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSettings {
    pub actions: String,
    pub scopes: String,
    pub control: String,
    pub backfill: String,
    pub links: String,
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
pub struct RawInputSettings {
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

/// Where the state is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreKind {
    RocksDb,
    Memory,
}

/// `[rules]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSettings {
    pub path: PathBuf,
}

/// `[alerts]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlertSettings {
    pub format: AlertFormat,
}

/// `[signing]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningSettings {
    /// PEM file; its content is not part of the configuration.
    pub key_file: Option<PathBuf>,
    /// Keys that are published and do not sign.
    pub published_key_files: Vec<PathBuf>,
    /// Time that a replaced key stays published, seconds.
    pub overlap_s: u64,
    pub issuer: Option<String>,
    pub event_uri: Option<String>,
    /// Credential issuer to `aud`.
    pub audiences: BTreeMap<String, String>,
}

/// `[control]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlSettings {
    /// JSON Web Key Set that confirmations must be signed with.
    pub keys: Option<PathBuf>,
}

/// `[http]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpSettings {
    /// `None`: no HTTP at all.
    pub listen: Option<SocketAddr>,
}

/// `[limits]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitSettings {
    pub agents_undeclared_max: u64,
    /// Stream time that an action waits for its scope (`limits.hold_s`).
    pub deferral_ms: i64,
    /// Deferred actions of one agent (`limits.deferred_per_agent_max`).
    pub deferred_per_agent_max: usize,
    /// Deferred actions of one partition (`limits.deferred_per_partition_max`).
    pub deferred_per_partition_max: usize,
    pub cache_agents_max: usize,
}

/// `[internal]`: numbers that rarely need a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InternalSettings {
    pub tick_ms: i64,
    pub transaction_timeout_ms: u32,
    pub session_timeout_ms: u32,
}
