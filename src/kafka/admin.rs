//! Topics: created with the settings the guarantees need, and checked for them, all findings in
//! one go.

use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::consumer::log_line;
use super::error::{Error, describe};
use super::options::KafkaOptions;

/// Time for the first contact, after which the operator is told that nobody answers.
const CONTACT_WITHIN: Duration = Duration::from_secs(10);
/// Time for a request once there is contact.
const REQUEST_WITHIN: Duration = Duration::from_secs(20);
/// Time between two looks for a topic that was created.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(20);
/// The broker's word for "no limit" of `max.compaction.lag.ms`.
const NO_LAG_LIMIT: i64 = i64::MAX;

/// `cleanup.policy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cleanup {
    Delete,
    /// Compaction only: deletion by age would drop what simply did not change.
    Compact,
}

impl Cleanup {
    const fn word(self) -> &'static str {
        match self {
            Cleanup::Delete => "delete",
            Cleanup::Compact => "compact",
        }
    }
}

/// `message.timestamp.type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamp {
    /// The broker's clock; needed where stream time follows append time.
    Append,
    /// Nobody reads the stamp.
    Any,
}

impl Stamp {
    const fn word(self) -> Option<&'static str> {
        match self {
            Stamp::Append => Some("LogAppendTime"),
            Stamp::Any => None,
        }
    }
}

/// A topic as it has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSpec {
    pub name: String,
    /// Partitions when it is created.
    pub partitions: i32,
    /// Replicas when it is created.
    pub replication: i32,
    pub cleanup: Cleanup,
    pub stamp: Stamp,
    /// `max.message.bytes`, bytes: what creation sets.
    pub message_bytes_max: i64,
    /// The broker must take at least this, or we could not write; `None`: we only read it.
    pub message_bytes_needed: Option<i64>,
    /// `retention.ms` when it is created; `None`: the broker's default.
    pub retention_ms: Option<i64>,
    /// Must have as many partitions as the others of which this is true.
    pub co_partitioned: bool,
}

/// What a check found about one topic.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TopicReport {
    pub topic: String,
    pub partitions: Option<i32>,
    /// `max.message.bytes` as it is; `None` where nobody says.
    pub message_bytes_max: Option<i64>,
    /// `run` does not start with any of these.
    pub refusals: Vec<String>,
    /// Worth a line, no more.
    pub warnings: Vec<String>,
}

struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log_line("admin", level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, "{reason}");
    }
}

/// The administration client.
pub struct Admin {
    client: AdminClient<Quiet>,
    runtime: tokio::runtime::Runtime,
}

impl Admin {
    /// Makes contact: an unreachable broker is told within `CONTACT_WITHIN`.
    ///
    /// # Errors
    /// [`Error::Unreachable`] with the servers, [`Error::Client`] for a refused setting.
    pub fn connect(options: &KafkaOptions) -> Result<Self, Error> {
        let client: AdminClient<Quiet> =
            rdkafka::config::FromClientConfigAndContext::from_config_and_context(
                &options.admin_client(),
                Quiet,
            )
            .map_err(|e| Error::Client {
                client: "admin".into(),
                reason: describe(&e),
            })?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .map_err(|e| Error::Client {
                client: "admin".into(),
                reason: e.to_string(),
            })?;
        let started = Instant::now();
        client
            .inner()
            .fetch_metadata(None, CONTACT_WITHIN)
            .map_err(|e| Error::Unreachable {
                servers: options.bootstrap_servers.clone(),
                waited_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
                reason: describe(&e),
            })?;
        Ok(Admin { client, runtime })
    }

    /// The number of partitions of a topic, `None` when it does not exist.
    ///
    /// # Errors
    /// When nobody answers.
    pub fn partitions(&self, topic: &str) -> Result<Option<i32>, Error> {
        // Asked for all topics, for asking for one by name could create it.
        let metadata = self
            .client
            .inner()
            .fetch_metadata(None, REQUEST_WITHIN)
            .map_err(|e| Error::Transient {
                what: "metadata".into(),
                reason: describe(&e),
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
    /// [`Error::Refused`] with every topic that the broker refused.
    pub fn create(&self, specs: &[TopicSpec]) -> Result<Vec<String>, Error> {
        let mut missing = Vec::new();
        for spec in specs {
            if self.partitions(&spec.name)?.is_none() {
                missing.push(spec);
            }
        }
        let settings: Vec<_> = missing.iter().map(|spec| settings(spec)).collect();
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
            .map_err(|e| refused("topics create", &describe(&e)))?;
        let mut created = Vec::new();
        let mut failures = Vec::new();
        for result in results {
            match result {
                Ok(name) | Err((name, RDKafkaErrorCode::TopicAlreadyExists)) => created.push(name),
                Err((name, code)) => failures.push(format!("{name}: {code}")),
            }
        }
        if !failures.is_empty() {
            return Err(refused("topics create", &failures.join("; ")));
        }
        self.wait_visible(&created)?;
        Ok(created)
    }

    /// Waits until topics are there to be used: a broker answers before its metadata has them.
    fn wait_visible(&self, topics: &[String]) -> Result<(), Error> {
        let until = Instant::now() + REQUEST_WITHIN;
        for topic in topics {
            while self.partitions(topic)?.is_none_or(|count| count == 0) {
                if Instant::now() >= until {
                    let reason = format!("{topic}: created, but the broker does not show it");
                    return Err(refused("topics create", &reason));
                }
                std::thread::sleep(LOOK_AGAIN_AFTER);
            }
        }
        Ok(())
    }

    /// Compares the topics with what they have to be.
    ///
    /// # Errors
    /// When nobody answers or describing is not allowed.
    pub fn check(&self, specs: &[TopicSpec]) -> Result<Vec<TopicReport>, Error> {
        let mut reports = Vec::new();
        for spec in specs {
            let partitions = self.partitions(&spec.name)?;
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
        check_counts(specs, &mut reports);
        Ok(reports)
    }

    fn check_settings(&self, spec: &TopicSpec, report: &mut TopicReport) -> Result<(), Error> {
        let options = AdminOptions::new().request_timeout(Some(REQUEST_WITHIN));
        let what = [ResourceSpecifier::Topic(&spec.name)];
        let results = self
            .runtime
            .block_on(self.client.describe_configs(&what, &options))
            .map_err(|e| refused("describe topics", &describe(&e)))?;
        for result in results {
            let resource = result.map_err(|code| {
                refused(&format!("describe topic {}", spec.name), &code.to_string())
            })?;
            let value = |name: &str| {
                resource
                    .get(name)
                    .and_then(|entry| entry.value.clone())
                    .unwrap_or_default()
            };
            judge(spec, &value, report);
        }
        Ok(())
    }
}

fn refused(what: &str, reason: &str) -> Error {
    Error::Refused {
        what: what.to_owned(),
        reason: reason.to_owned(),
    }
}

fn settings(spec: &TopicSpec) -> Vec<(&'static str, String)> {
    let mut settings = vec![
        ("cleanup.policy", spec.cleanup.word().to_owned()),
        ("max.message.bytes", spec.message_bytes_max.to_string()),
        ("unclean.leader.election.enable", "false".to_owned()),
    ];
    if let Some(stamp) = spec.stamp.word() {
        settings.push(("message.timestamp.type", stamp.to_owned()));
    }
    if spec.replication >= 3 {
        settings.push(("min.insync.replicas", "2".to_owned()));
    }
    match spec.cleanup {
        Cleanup::Compact => {
            // Old values go within the hour, deletions stay readable for a day.
            settings.push(("max.compaction.lag.ms", "3600000".to_owned()));
            settings.push(("min.cleanable.dirty.ratio", "0.3".to_owned()));
            settings.push(("segment.bytes", "134217728".to_owned()));
            settings.push(("delete.retention.ms", "86400000".to_owned()));
        }
        Cleanup::Delete => {
            if let Some(retention) = spec.retention_ms {
                settings.push(("retention.ms", retention.to_string()));
            }
        }
    }
    settings
}

/// Compares one topic's settings; `value` gives a setting's text, empty when it has none.
fn judge(spec: &TopicSpec, value: &dyn Fn(&str) -> String, report: &mut TopicReport) {
    let cleanup = value("cleanup.policy");
    if cleanup != spec.cleanup.word() {
        let wanted = spec.cleanup.word();
        report.refusals.push(format!(
            "cleanup.policy is `{cleanup}`, it has to be `{wanted}`"
        ));
    }
    if let Some(wanted) = spec.stamp.word() {
        let stamp = value("message.timestamp.type");
        if stamp != wanted {
            report.refusals.push(format!(
                "message.timestamp.type is `{stamp}`, it has to be `{wanted}`"
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
    if spec.cleanup == Cleanup::Compact
        && number("max.compaction.lag.ms").is_none_or(|lag| lag == NO_LAG_LIMIT)
    {
        report
            .warnings
            .push("max.compaction.lag.ms is not set: a busy log may never be compacted".to_owned());
    }
}

/// All co-partitioned topics must have the count of the first that exists.
fn check_counts(specs: &[TopicSpec], reports: &mut [TopicReport]) {
    let first = specs.iter().zip(reports.iter()).find_map(|(spec, report)| {
        let count = report.partitions.filter(|_| spec.co_partitioned)?;
        Some((spec.name.clone(), count))
    });
    let Some((name, wanted)) = first else { return };
    for (spec, report) in specs.iter().zip(reports) {
        if let Some(count) = report.partitions.filter(|_| spec.co_partitioned)
            && count != wanted
        {
            report.refusals.push(format!(
                "has {count} partitions where `{name}` has {wanted}"
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
            cleanup: Cleanup::Compact,
            stamp: Stamp::Any,
            message_bytes_max: 2_097_152,
            message_bytes_needed: Some(1_048_576),
            retention_ms: None,
            co_partitioned: true,
        }
    }

    fn judged(spec: &TopicSpec, changed: &[(&str, &str)]) -> TopicReport {
        let mut report = TopicReport::default();
        let made = settings(spec);
        let value = |name: &str| {
            let changed = changed
                .iter()
                .find(|(n, _)| *n == name)
                .map(|(_, v)| (*v).to_owned());
            let made = || {
                made.iter()
                    .find(|(n, _)| *n == name)
                    .map(|(_, v)| v.clone())
            };
            changed.or_else(made).unwrap_or_default()
        };
        judge(spec, &value, &mut report);
        report
    }

    #[test]
    fn what_create_makes_passes_check() {
        let report = judged(&changelog(), &[]);
        assert!(
            report.refusals.is_empty() && report.warnings.is_empty(),
            "{report:?}"
        );
    }

    #[test]
    fn every_wrong_setting_is_named_in_one_go() {
        let report = judged(
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
            cleanup: Cleanup::Delete,
            stamp: Stamp::Append,
            message_bytes_needed: None,
            ..changelog()
        };
        let report = judged(&input, &[("message.timestamp.type", "CreateTime")]);
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
        check_counts(&[changelog(), other], &mut reports);
        assert!(reports[0].refusals.is_empty());
        assert_eq!(
            reports[1].refusals,
            ["has 6 partitions where `changelog` has 4"]
        );
    }
}
