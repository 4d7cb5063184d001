//! Creates topics with the settings that the guarantees need, and checks existing topics for them;
//! a check lists all differences at once.

use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::error::RDKafkaErrorCode;

use super::client::RequestContext;
use super::error::{ClientError, describe_error};
use super::options::KafkaOptions;

/// Time for the first contact. After it the operator learns that no broker answers.
const CONTACT_WITHIN: Duration = Duration::from_secs(10);
/// Time for a request once there is contact.
const REQUEST_WITHIN: Duration = Duration::from_secs(20);
/// Time between two checks whether a created topic is visible.
const VISIBILITY_INTERVAL: Duration = Duration::from_millis(20);
/// The broker's value of `max.compaction.lag.ms` for "no limit".
const NO_LAG_LIMIT: i64 = i64::MAX;

/// `cleanup.policy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CleanupPolicy {
    Delete,
    /// Compaction without deletion: deletion by age would drop keys that did not change for long.
    Compact,
}

impl CleanupPolicy {
    const fn as_str(self) -> &'static str {
        match self {
            CleanupPolicy::Delete => "delete",
            CleanupPolicy::Compact => "compact",
        }
    }
}

/// `message.timestamp.type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampType {
    /// The broker's clock; needed where stream time follows append time.
    Append,
    /// The topic's timestamps are not read.
    Any,
}

impl TimestampType {
    const fn as_str(self) -> Option<&'static str> {
        match self {
            TimestampType::Append => Some("LogAppendTime"),
            TimestampType::Any => None,
        }
    }
}

/// How a topic must be set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSpec {
    pub name: String,
    /// Partitions when it is created.
    pub partitions: i32,
    /// Replicas when it is created.
    pub replication: i32,
    pub cleanup: CleanupPolicy,
    pub timestamps: TimestampType,
    /// `max.message.bytes` when it is created.
    pub message_bytes_max: i64,
    /// Largest record that we write, bytes: the topic must take it. `None` where we only read.
    pub message_bytes_needed: Option<i64>,
    /// `retention.ms` when it is created; `None` for the broker's default.
    pub retention_ms: Option<i64>,
    /// Whether it must have as many partitions as all other topics with `true` here.
    pub co_partitioned: bool,
}

/// The result of checking one topic.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TopicReport {
    pub topic: String,
    pub partitions: Option<i32>,
    /// `max.message.bytes` in force; `None` where the broker does not say.
    pub message_bytes_max: Option<i64>,
    /// Differences with which `run` does not start.
    pub refusals: Vec<String>,
    /// Differences that `run` only logs.
    pub warnings: Vec<String>,
}

/// The administration client.
pub struct TopicAdmin {
    client: AdminClient<RequestContext>,
    runtime: tokio::runtime::Runtime,
}

impl TopicAdmin {
    /// Makes the client and waits up to `CONTACT_WITHIN` for a broker's answer.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`] with the servers; [`ClientError::Client`] for a bad setting.
    pub fn connect(options: &KafkaOptions) -> Result<Self, ClientError> {
        let settings = options.admin_client();
        let context = RequestContext(settings.event_reporter());
        let client: AdminClient<RequestContext> = settings.create_client(context)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .map_err(|e| ClientError::Client {
                client: "admin".into(),
                reason: e.to_string(),
            })?;
        let started = Instant::now();
        client
            .inner()
            .fetch_metadata(None, CONTACT_WITHIN)
            .map_err(|e| ClientError::Unreachable {
                servers: options.bootstrap_servers.clone(),
                waited_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
                reason: describe_error(&e),
            })?;
        Ok(TopicAdmin { client, runtime })
    }

    /// The number of partitions of a topic, `None` when it does not exist.
    ///
    /// # Errors
    /// When no broker answers.
    pub fn partition_count(&self, topic: &str) -> Result<Option<i32>, ClientError> {
        // Metadata of all topics: a request for one topic by name could create it.
        let metadata = self
            .client
            .inner()
            .fetch_metadata(None, REQUEST_WITHIN)
            .map_err(|e| ClientError::Transient {
                what: "metadata".into(),
                reason: describe_error(&e),
            })?;
        Ok(metadata
            .topics()
            .iter()
            .find(|t| t.name() == topic)
            .and_then(|t| i32::try_from(t.partitions().len()).ok()))
    }

    /// Creates the topics that do not exist; returns their names.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with every topic that the broker refused.
    pub fn create_topics(&self, specs: &[TopicSpec]) -> Result<Vec<String>, ClientError> {
        let mut missing = Vec::new();
        for spec in specs {
            if self.partition_count(&spec.name)?.is_none() {
                missing.push(spec);
            }
        }
        let settings: Vec<_> = missing.iter().map(|spec| topic_settings(spec)).collect();
        let topics: Vec<NewTopic<'_>> = missing
            .iter()
            .zip(&settings)
            .map(|(spec, settings)| {
                let replication = TopicReplication::Fixed(spec.replication);
                let topic = NewTopic::new(&spec.name, spec.partitions, replication);
                settings
                    .iter()
                    .fold(topic, |topic, (name, value)| topic.set(name, value))
            })
            .collect();
        if topics.is_empty() {
            return Ok(Vec::new());
        }
        let options = AdminOptions::new()
            .request_timeout(Some(REQUEST_WITHIN))
            .operation_timeout(Some(REQUEST_WITHIN));
        let results = self
            .runtime
            .block_on(self.client.create_topics(topics.iter(), &options))
            .map_err(|e| refusal("topics create", &describe_error(&e)))?;
        let mut created = Vec::new();
        let mut failures = Vec::new();
        for result in results {
            match result {
                Ok(name) | Err((name, RDKafkaErrorCode::TopicAlreadyExists)) => created.push(name),
                Err((name, code)) => failures.push(format!("{name}: {code}")),
            }
        }
        if !failures.is_empty() {
            return Err(refusal("topics create", &failures.join("; ")));
        }
        self.wait_visible(&created)?;
        Ok(created)
    }

    /// Waits until created topics can be used: a broker confirms them before its metadata has them.
    fn wait_visible(&self, topics: &[String]) -> Result<(), ClientError> {
        let until = Instant::now() + REQUEST_WITHIN;
        for topic in topics {
            while self.partition_count(topic)?.is_none_or(|count| count == 0) {
                if Instant::now() >= until {
                    let reason = format!("{topic}: created, but the broker does not show it");
                    return Err(refusal("topics create", &reason));
                }
                std::thread::sleep(VISIBILITY_INTERVAL);
            }
        }
        Ok(())
    }

    /// Compares the topics of the cluster with their specifications.
    ///
    /// # Errors
    /// When no broker answers, or when we may not describe topics.
    pub fn check_topics(&self, specs: &[TopicSpec]) -> Result<Vec<TopicReport>, ClientError> {
        let mut reports = Vec::new();
        for spec in specs {
            let partitions = self.partition_count(&spec.name)?;
            let mut report = TopicReport {
                topic: spec.name.clone(),
                partitions,
                ..TopicReport::default()
            };
            if partitions.is_none() {
                report
                    .refusals
                    .push("does not exist; run: scopewatch topics create".into());
            } else {
                self.check_settings(spec, &mut report)?;
            }
            reports.push(report);
        }
        compare_partition_counts(specs, &mut reports);
        Ok(reports)
    }

    fn check_settings(
        &self,
        spec: &TopicSpec,
        report: &mut TopicReport,
    ) -> Result<(), ClientError> {
        let options = AdminOptions::new().request_timeout(Some(REQUEST_WITHIN));
        let what = [ResourceSpecifier::Topic(&spec.name)];
        let results = self
            .runtime
            .block_on(self.client.describe_configs(&what, &options))
            .map_err(|e| refusal("describe topics", &describe_error(&e)))?;
        for result in results {
            let resource = result.map_err(|code| {
                refusal(&format!("describe topic {}", spec.name), &code.to_string())
            })?;
            let value = |name: &str| {
                resource
                    .get(name)
                    .and_then(|entry| entry.value.clone())
                    .unwrap_or_default()
            };
            compare_settings(spec, &value, report);
        }
        Ok(())
    }
}

fn refusal(what: &str, reason: &str) -> ClientError {
    ClientError::Refused {
        what: what.to_owned(),
        reason: reason.to_owned(),
    }
}

fn topic_settings(spec: &TopicSpec) -> Vec<(&'static str, String)> {
    let mut settings = vec![
        ("cleanup.policy", spec.cleanup.as_str().to_owned()),
        ("max.message.bytes", spec.message_bytes_max.to_string()),
        ("unclean.leader.election.enable", "false".to_owned()),
    ];
    if let Some(stamp) = spec.timestamps.as_str() {
        settings.push(("message.timestamp.type", stamp.to_owned()));
    }
    if spec.replication >= 3 {
        settings.push(("min.insync.replicas", "2".to_owned()));
    }
    match spec.cleanup {
        CleanupPolicy::Compact => {
            // Old values are compacted within an hour; tombstones stay readable for a day.
            settings.push(("max.compaction.lag.ms", "3600000".to_owned()));
            settings.push(("min.cleanable.dirty.ratio", "0.3".to_owned()));
            settings.push(("segment.bytes", "134217728".to_owned()));
            settings.push(("delete.retention.ms", "86400000".to_owned()));
        }
        CleanupPolicy::Delete => {
            if let Some(retention) = spec.retention_ms {
                settings.push(("retention.ms", retention.to_string()));
            }
        }
    }
    settings
}

/// Compares one topic's settings; `value` returns a setting's text, empty for one that is not set.
fn compare_settings(spec: &TopicSpec, value: &dyn Fn(&str) -> String, report: &mut TopicReport) {
    let cleanup = value("cleanup.policy");
    if cleanup != spec.cleanup.as_str() {
        let required = spec.cleanup.as_str();
        report.refusals.push(format!(
            "cleanup.policy is `{cleanup}`, it has to be `{required}`"
        ));
    }
    if let Some(required) = spec.timestamps.as_str() {
        let stamp = value("message.timestamp.type");
        if stamp != required {
            report.refusals.push(format!(
                "message.timestamp.type is `{stamp}`, it has to be `{required}`"
            ));
        }
    }
    let number = |name: &str| value(name).parse::<i64>().ok();
    report.message_bytes_max = number("max.message.bytes");
    if let Some(bytes) = number("max.message.bytes") {
        match spec.message_bytes_needed {
            Some(needed) if bytes < needed => report.refusals.push(format!(
                "max.message.bytes is {bytes}, records of up to {needed} bytes are written to it"
            )),
            None if bytes > spec.message_bytes_max => report.warnings.push(format!(
                "max.message.bytes is {bytes}; at most {} is advised, for a small compressed \
                 batch can unpack to a thousand times its size",
                spec.message_bytes_max
            )),
            _ => {}
        }
    }
    if spec.replication >= 3 && number("min.insync.replicas").is_some_and(|n| n < 2) {
        report
            .warnings
            .push("min.insync.replicas is 1: one broker's loss can lose records".into());
    }
    if value("unclean.leader.election.enable") == "true" {
        report.warnings.push(
            "unclean.leader.election.enable is true: acknowledged records can be lost".into(),
        );
    }
    if spec.cleanup == CleanupPolicy::Compact
        && number("max.compaction.lag.ms").is_none_or(|lag| lag == NO_LAG_LIMIT)
    {
        report
            .warnings
            .push("max.compaction.lag.ms is not set: a busy log may never be compacted".to_owned());
    }
}

/// Refuses co-partitioned topics with another partition count than the first existing one.
fn compare_partition_counts(specs: &[TopicSpec], reports: &mut [TopicReport]) {
    let first = specs.iter().zip(reports.iter()).find_map(|(spec, report)| {
        let count = report.partitions.filter(|_| spec.co_partitioned)?;
        Some((spec.name.clone(), count))
    });
    let Some((name, required)) = first else {
        return;
    };
    for (spec, report) in specs.iter().zip(reports) {
        if let Some(count) = report.partitions.filter(|_| spec.co_partitioned)
            && count != required
        {
            report.refusals.push(format!(
                "has {count} partitions where `{name}` has {required}"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changelog() -> TopicSpec {
        TopicSpec {
            name: "changelog".into(),
            partitions: 4,
            replication: 3,
            cleanup: CleanupPolicy::Compact,
            timestamps: TimestampType::Any,
            message_bytes_max: 2_097_152,
            message_bytes_needed: Some(1_048_576),
            retention_ms: None,
            co_partitioned: true,
        }
    }

    fn report_of(spec: &TopicSpec, changed: &[(&str, &str)]) -> TopicReport {
        let mut report = TopicReport::default();
        let created = topic_settings(spec);
        let value = |name: &str| {
            let changed = changed
                .iter()
                .find(|(n, _)| *n == name)
                .map(|(_, v)| (*v).to_owned());
            let created = || {
                created
                    .iter()
                    .find(|(n, _)| *n == name)
                    .map(|(_, v)| v.clone())
            };
            changed.or_else(created).unwrap_or_default()
        };
        compare_settings(spec, &value, &mut report);
        report
    }

    #[test]
    fn what_create_makes_passes_check() {
        let report = report_of(&changelog(), &[]);
        assert!(
            report.refusals.is_empty() && report.warnings.is_empty(),
            "{report:?}"
        );
    }

    #[test]
    fn every_wrong_setting_is_named_in_one_go() {
        let report = report_of(
            &changelog(),
            &[
                ("cleanup.policy", "compact,delete"),
                ("max.message.bytes", "1000"),
                ("min.insync.replicas", "1"),
                ("max.compaction.lag.ms", "9223372036854775807"),
            ],
        );
        assert_eq!(report.refusals.len(), 2, "{report:?}");
        assert_eq!(report.warnings.len(), 2, "{report:?}");
        let input = TopicSpec {
            cleanup: CleanupPolicy::Delete,
            timestamps: TimestampType::Append,
            message_bytes_needed: None,
            ..changelog()
        };
        let report = report_of(&input, &[("message.timestamp.type", "CreateTime")]);
        assert!(report.refusals[0].contains("LogAppendTime"), "{report:?}");
    }

    #[test]
    fn a_different_partition_count_is_refused() {
        let mut other = changelog();
        other.name = "actions".into();
        let report = |n| TopicReport {
            partitions: Some(n),
            ..TopicReport::default()
        };
        let mut reports = [report(4), report(6)];
        compare_partition_counts(&[changelog(), other], &mut reports);
        assert!(reports[0].refusals.is_empty());
        assert_eq!(
            reports[1].refusals,
            ["has 6 partitions where `changelog` has 4"]
        );
    }
}
