//! The table of settings: every path with its kind of value, default and description.

use std::collections::BTreeMap;

use super::ConfigSources;
use super::secret::PropertyMap;
use super::value::{Setting, SettingOrigin, SettingValue, ValueKind};
use crate::codec::AlertFormat;

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct SettingKey {
    /// Dotted path, as in the file: `kafka.bootstrap_servers`.
    pub path: &'static str,
    pub kind: ValueKind,
    /// The default, as an environment variable would have it.
    pub default: &'static str,
    /// One sentence for `docs/configuration.md`.
    pub doc: &'static str,
}

const fn key(
    path: &'static str,
    kind: ValueKind,
    default: &'static str,
    doc: &'static str,
) -> SettingKey {
    SettingKey {
        path,
        kind,
        default,
        doc,
    }
}

const fn whole_number(min: i64, max: i64) -> ValueKind {
    ValueKind::Int { min, max }
}

/// Every setting but those of `[[raw]]`, in the order in which they are shown.
pub const KEYS: &[SettingKey] = &[
    key(
        "workers",
        whole_number(1, 256),
        "",
        "Worker threads, each with two consumers and one producer; default: the number of cores",
    ),
    key(
        "delivery",
        ValueKind::Choice(&["exactly_once", "at_least_once"]),
        "exactly_once",
        "`at_least_once` is for brokers without transactions",
    ),
    key(
        "time",
        ValueKind::Choice(&["append", "event"]),
        "append",
        "Which time counts for `topics.actions`: the broker's or the actions' own",
    ),
    key(
        "kafka.bootstrap_servers",
        ValueKind::Servers,
        "127.0.0.1:9092",
        "Brokers to connect to first, `host:port`, separated by commas",
    ),
    key(
        "kafka.group_id",
        ValueKind::Name,
        "scopewatch",
        "Consumer group; also the prefix of transactional ids",
    ),
    key(
        "kafka.instance_id",
        ValueKind::Name,
        "",
        "Unique for each instance, the same after a restart; default: the host name",
    ),
    key(
        "kafka.properties",
        ValueKind::Map,
        "",
        "Passed to librdkafka; properties that would break a guarantee are refused",
    ),
    key(
        "topics.actions",
        ValueKind::Topic,
        "agent.actions",
        "In: what agents did",
    ),
    key(
        "topics.scopes",
        ValueKind::Topic,
        "agent.scopes",
        "In: what agents were declared to do",
    ),
    key(
        "topics.control",
        ValueKind::Topic,
        "agent.control",
        "In: confirmations, withdrawals, verdicts, decisions",
    ),
    key(
        "topics.backfill",
        ValueKind::Topic,
        "agent.backfill",
        "Internal: mapped actions of raw inputs on event time",
    ),
    key(
        "topics.links",
        ValueKind::Topic,
        "scopewatch.links",
        "Internal: messages from one partition to another",
    ),
    key(
        "topics.changelog",
        ValueKind::Topic,
        "scopewatch.changelog",
        "Internal: state, compacted",
    ),
    key(
        "topics.alerts",
        ValueKind::Topic,
        "agent.alerts",
        "Out: alerts",
    ),
    key(
        "topics.revocations",
        ValueKind::Topic,
        "agent.revocations",
        "Out: revocation requests",
    ),
    key(
        "topics.dead_letter",
        ValueKind::Topic,
        "scopewatch.dlq",
        "Out: records that could not be used, byte for byte",
    ),
    key(
        "topics.audit",
        ValueKind::Topic,
        "scopewatch.audit",
        "Out: what Scopewatch itself did",
    ),
    key(
        "topics.partitions",
        whole_number(1, 10_000),
        "12",
        "Partitions that `topics create` gives each topic",
    ),
    key(
        "topics.replication",
        whole_number(1, 9),
        "3",
        "Replicas that `topics create` asks for",
    ),
    key(
        "store.path",
        ValueKind::Path,
        "/var/lib/scopewatch",
        "Folder of the state",
    ),
    key(
        "store.kind",
        ValueKind::Choice(&["rocksdb", "memory"]),
        "rocksdb",
        "`memory` is for trials: every start restores from the changelog",
    ),
    key(
        "store.memory_mb",
        whole_number(32, 1_048_576),
        "256",
        "MiB for the store's cache, indexes and unflushed writes together",
    ),
    key(
        "rules.path",
        ValueKind::Path,
        "rules",
        "Directory of rules, scope templates, resources and response policy; must exist if set",
    ),
    key(
        "alerts.format",
        ValueKind::Choice(AlertFormat::WORDS),
        "ocsf",
        "`ocsf` is OCSF 1.8.0 Detection Finding JSON",
    ),
    key(
        "signing.key_file",
        ValueKind::Path,
        "",
        "The key that signs, PEM: Ed25519, P-256 or RSA; without it requests are unsigned JSON",
    ),
    key(
        "signing.published_key_files",
        ValueKind::PathList,
        "",
        "Keys that are published and do not sign: the next one, earlier ones; private or public",
    ),
    key(
        "signing.overlap_s",
        whole_number(0, 2_592_000),
        "604800",
        "Time that a replaced key stays published, if no file has it any more",
    ),
    key(
        "signing.issuer",
        ValueKind::Text,
        "",
        "`iss` of revocation requests; needed with a key",
    ),
    key(
        "signing.event_uri",
        ValueKind::Text,
        "",
        "Event type of a request; default: `<issuer>/event-type/revocation-requested`",
    ),
    key(
        "signing.audiences",
        ValueKind::Map,
        "",
        "Credential issuer to `aud`; default: the issuer itself",
    ),
    key(
        "control.keys",
        ValueKind::Path,
        "",
        "JSON Web Key Set of the identity system; with it only signed confirmations count",
    ),
    key(
        "http.listen",
        ValueKind::Address,
        "127.0.0.1:9464",
        "Address of the health, metrics and agent pages; empty: no pages",
    ),
    key(
        "schema.ids",
        ValueKind::IdMap,
        "",
        "Avro file of each Confluent schema id; without any, Confluent framing is not read",
    ),
    key(
        "schema.unknown_wait_s",
        whole_number(0, 3_600),
        "60",
        "Seconds that a record with another schema id waits, before it becomes a dead letter",
    ),
    key(
        "limits.agents_undeclared_max",
        whole_number(0, 10_000_000),
        "5000",
        "Agents without a scope that get full state, per tenant",
    ),
    key(
        "limits.hold_s",
        whole_number(0, 3_600),
        "30",
        "Seconds of stream time that an action waits for its scope",
    ),
    key(
        "limits.deferred_per_agent_max",
        whole_number(1, 10_000),
        "64",
        "Actions of one agent that may wait for a scope at a time",
    ),
    key(
        "limits.deferred_per_partition_max",
        whole_number(1, 1_000_000),
        "10000",
        "Actions of one partition that may wait for a scope at a time",
    ),
    key(
        "limits.cache_agents_max",
        whole_number(1_000, 50_000_000),
        "500000",
        "Agents whose state stays decoded in memory, over all partitions; each partition has its \
         share, at least 1000",
    ),
    key(
        "internal.tick_s",
        whole_number(1, 3_600),
        "10",
        "Seconds without records after which a partition advances its time",
    ),
    key(
        "internal.transaction_timeout_ms",
        whole_number(1_000, 900_000),
        "6000",
        "Milliseconds that a dead instance may hold back `read_committed` readers",
    ),
    key(
        "internal.session_timeout_ms",
        whole_number(1_000, 1_800_000),
        "30000",
        "Milliseconds without a heartbeat after which another instance takes over",
    ),
];

/// The keys of one `[[raw]]` entry.
pub const RAW_KEYS: &[SettingKey] = &[
    key("topic", ValueKind::Topic, "", "Topic of foreign records"),
    key(
        "mapping",
        ValueKind::Path,
        "",
        "jq program that turns a record into actions",
    ),
    key(
        "time",
        ValueKind::Choice(&["append", "occurred_at"]),
        "append",
        "`occurred_at` makes it a backfill: the actions' own time counts",
    ),
];

/// Values that are planned but not in this version: the message says so.
pub const NOT_YET: &[(&str, &str)] = &[("alerts.format", "ecs"), ("alerts.format", "avro")];

/// Settings of earlier versions that had no effect. They are accepted with a warning, so that an
/// old configuration still starts.
pub const RETIRED: &[&str] = &["topics.classes"];

/// Settings with another name in earlier versions: the old name and the new one.
pub(super) const RENAMED: &[(&str, &str)] = &[
    ("limits.held_per_agent_max", "limits.deferred_per_agent_max"),
    (
        "limits.held_per_partition_max",
        "limits.deferred_per_partition_max",
    ),
];

/// Librdkafka properties that have a setting of their own, with that setting.
pub const OWN_PROPERTIES: &[(&str, &str)] = &[
    ("session.timeout.ms", "set `internal.session_timeout_ms`"),
    (
        "transaction.timeout.ms",
        "set `internal.transaction_timeout_ms`",
    ),
];

/// The setting named `path`.
pub(super) fn find_key(path: &str) -> Option<&'static SettingKey> {
    KEYS.iter().find(|key| key.path == path)
}

/// The settings before any source is applied.
pub(super) fn default_settings(sources: &ConfigSources) -> BTreeMap<&'static str, Setting> {
    let setting = |key: &'static SettingKey| {
        let text = match key.path {
            "workers" => sources.cores.clamp(1, 256).to_string(),
            "kafka.instance_id" => sources.host.clone(),
            _ => key.default.to_owned(),
        };
        let value = match key.kind {
            ValueKind::Map | ValueKind::IdMap => SettingValue::Map(PropertyMap::default()),
            ValueKind::PathList => SettingValue::List(Vec::new()),
            ValueKind::Int { .. } => SettingValue::Int(text.parse().unwrap_or_default()),
            _ => SettingValue::Text(text),
        };
        (
            key.path,
            Setting {
                value,
                origin: SettingOrigin::Default,
            },
        )
    };
    KEYS.iter().map(setting).collect()
}
