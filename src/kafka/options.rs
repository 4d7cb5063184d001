//! Client settings: our defaults, what an operator may change, and what is refused because it would
//! break a guarantee.

use std::collections::BTreeMap;

use rdkafka::ClientConfig;

use super::client::{ClientEventHandler, ClientSettings};
use super::property_values::ValueScrubber;
use super::refused_properties::REFUSED_PROPERTIES;

/// Time after which the broker ends the transaction of a silent producer, milliseconds. A dead
/// instance delays `read_committed` readers no longer than this.
pub const TRANSACTION_TIMEOUT_MS: u64 = 6_000;
/// Time after which the group gives a silent member's partitions to others, milliseconds.
pub const SESSION_TIMEOUT_MS: u64 = 30_000;
/// Largest fetch response we accept, bytes: many times the largest record.
const RECEIVE_BYTES_MAX: &str = "67108864";
/// Largest fetch of all partitions together, bytes; at least 512 below [`RECEIVE_BYTES_MAX`].
const FETCH_BYTES_MAX: &str = "33554432";
/// Largest record that our producers accept, bytes before compression.
const MESSAGE_BYTES_MAX: &str = "8388608";
/// Size of a producer's batch, bytes; below the `max.message.bytes` of every topic we create.
const BATCH_BYTES: &str = "200000";

/// How to reach Kafka, and the names of this process there.
#[derive(Clone)]
pub struct KafkaOptions {
    pub bootstrap_servers: String,
    /// The consumer group, and the prefix of the transactional ids.
    pub group_id: String,
    /// The name of this process: unique in the group, the same after a restart.
    pub instance_id: String,
    /// Given to every librdkafka client, except for [`REFUSED_PROPERTIES`].
    pub properties: BTreeMap<String, String>,
    /// Receives what the clients report about themselves.
    pub on_event: ClientEventHandler,
}

impl std::fmt::Debug for KafkaOptions {
    /// Without the values of `properties`: some of them are secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KafkaOptions")
            .field("bootstrap_servers", &self.bootstrap_servers)
            .field("group_id", &self.group_id)
            .field("instance_id", &self.instance_id)
            .field("properties", &self.properties.keys().collect::<Vec<_>>())
            .finish()
    }
}

impl KafkaOptions {
    /// The transaction time-out in force, milliseconds.
    #[must_use]
    pub fn transaction_timeout_ms(&self) -> u64 {
        self.number_property("transaction.timeout.ms", TRANSACTION_TIMEOUT_MS)
    }

    /// The session time-out in force, milliseconds.
    #[must_use]
    pub fn session_timeout_ms(&self) -> u64 {
        self.number_property("session.timeout.ms", SESSION_TIMEOUT_MS)
    }

    /// The transactional id of worker `worker`, such as `scopewatch.host-1.0`.
    #[must_use]
    pub fn transactional_id(&self, worker: &str) -> String {
        format!("{}.{}.{worker}", self.group_id, self.instance_id)
    }

    /// The consumer group of the raw inputs.
    #[must_use]
    pub fn raw_group_id(&self) -> String {
        format!("{}-raw", self.group_id)
    }

    fn number_property(&self, name: &str, default: u64) -> u64 {
        self.properties
            .get(name)
            .and_then(|v| v.trim().parse().ok())
            .unwrap_or(default)
    }

    fn base_settings(&self, role: &str) -> ClientSettings {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.bootstrap_servers)
            .set("client.id", format!("scopewatch-{}-{role}", self.instance_id))
            .set("allow.auto.create.topics", "false")
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "2000")
            // Brokers close idle connections; that is no error.
            .set("log.connection.close", "false");
        for (name, value) in &self.properties {
            let refused = REFUSED_PROPERTIES
                .iter()
                .any(|(refused, _)| refused == name);
            if !refused && fits_role(name, role) {
                config.set(name, value);
            }
        }
        let scrubber = ValueScrubber::new(&self.properties);
        ClientSettings::new(config, self.on_event, scrubber)
    }

    fn consumer_settings(&self, role: &str) -> ClientSettings {
        let mut settings = self.base_settings(role);
        settings
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("isolation.level", "read_committed")
            .set("auto.offset.reset", "error")
            .set("check.crcs", "true");
        for (name, value) in [
            ("queued.min.messages", "10000"),
            ("queued.max.messages.kbytes", "16384"),
            // librdkafka's default of a second makes a consumer with an empty queue sleep.
            ("fetch.queue.backoff.ms", "10"),
            ("fetch.wait.max.ms", "50"),
            ("fetch.message.max.bytes", "1048576"),
            ("fetch.max.bytes", FETCH_BYTES_MAX),
            ("receive.message.max.bytes", RECEIVE_BYTES_MAX),
        ] {
            settings.set_default(name, value);
        }
        settings
    }

    /// A group member; `role` is part of its client id and of its static member id.
    #[must_use]
    pub fn group_consumer(&self, group_id: &str, role: &str) -> ClientSettings {
        let mut settings = self.consumer_settings(role);
        settings
            .set("group.id", group_id)
            .set("group.instance.id", format!("{}-{role}", self.instance_id))
            .set("partition.assignment.strategy", "cooperative-sticky");
        settings.set_default("session.timeout.ms", &SESSION_TIMEOUT_MS.to_string());
        settings.set_default("max.poll.interval.ms", "120000");
        settings
    }

    /// A consumer that gets its partitions from its owner. librdkafka assigns nothing without a
    /// group id, so it has one, with which it never joins or commits.
    #[must_use]
    pub fn side_consumer(&self, role: &str) -> ClientSettings {
        let mut settings = self.consumer_settings(role);
        settings.set("group.id", format!("{}-unused-side", self.group_id));
        settings
    }

    /// Looks up the ends of logs, open transactions included: librdkafka's ListOffsets follows the
    /// client's isolation level, and a restore must wait for transactions that are still open.
    #[must_use]
    pub fn watermark_client(&self) -> ClientSettings {
        let mut settings = self.base_settings("ends");
        settings
            .set("group.id", format!("{}-unused-ends", self.group_id))
            .set("enable.auto.commit", "false")
            .set("isolation.level", "read_uncommitted");
        settings
    }

    /// Looks up the stable committed offsets of a group without being a member.
    #[must_use]
    pub fn committed_client(&self, group_id: &str) -> ClientSettings {
        let mut settings = self.base_settings("offsets");
        settings
            .set("group.id", group_id)
            .set("enable.auto.commit", "false")
            .set("isolation.level", "read_committed");
        settings
    }

    fn producer_settings(&self, role: &str) -> ClientSettings {
        let mut settings = self.base_settings(role);
        let timeout = self.transaction_timeout_ms().to_string();
        settings
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("partitioner", "murmur2_random")
            .set("message.timeout.ms", timeout)
            // Before compression: a dead letter can be the unpacked content of a small batch.
            .set("message.max.bytes", MESSAGE_BYTES_MAX);
        for (name, value) in [
            ("compression.type", "zstd"),
            ("compression.level", "1"),
            // A commit waits for all deliveries, so each millisecond here delays every commit.
            ("linger.ms", "0"),
            ("batch.num.messages", "10000"),
            // max.message.bytes limits a batch: it must fit even if compression saves nothing.
            ("batch.size", BATCH_BYTES),
            ("queue.buffering.max.kbytes", "65536"),
        ] {
            settings.set_default(name, value);
        }
        settings
    }

    /// The producer of worker `worker`, for transactions.
    #[must_use]
    pub fn transactional_producer(&self, worker: &str) -> ClientSettings {
        let mut settings = self.producer_settings(&format!("out-{worker}"));
        settings
            .set("transactional.id", self.transactional_id(worker))
            .set(
                "transaction.timeout.ms",
                self.transaction_timeout_ms().to_string(),
            );
        settings
    }

    /// The producer of `delivery = "at_least_once"`.
    #[must_use]
    pub fn idempotent_producer(&self, worker: &str) -> ClientSettings {
        self.producer_settings(&format!("out-{worker}"))
    }

    /// For topic administration and the first contact.
    #[must_use]
    pub fn admin_client(&self) -> ClientSettings {
        self.base_settings("admin")
    }
}

/// Whether a property is for a client of this role. librdkafka logs a warning in every client that
/// gets a property of the other kind.
fn fits_role(name: &str, role: &str) -> bool {
    const CONSUMER: &[&str] = &[
        "session.timeout.ms",
        "heartbeat.interval.ms",
        "max.poll.interval.ms",
        "fetch.",
        "queued.",
        "receive.message.max.bytes",
        "coordinator.query.interval.ms",
    ];
    const PRODUCER: &[&str] = &[
        "transaction.",
        "compression.",
        "linger.ms",
        "batch.",
        "queue.buffering.",
        "sticky.",
    ];
    let any = |list: &[&str]| list.iter().any(|prefix| name.starts_with(prefix));
    let produces = role.starts_with("out-");
    let consumes = !produces && role != "admin";
    (consumes || !any(CONSUMER)) && (produces || !any(PRODUCER))
}

#[cfg(test)]
mod tests {
    use rdkafka::consumer::BaseConsumer;

    use super::super::client::RequestContext;
    use super::*;

    fn options(properties: &[(&str, &str)]) -> KafkaOptions {
        KafkaOptions {
            bootstrap_servers: "localhost:1".into(),
            group_id: "g".into(),
            instance_id: "host-1".into(),
            properties: properties
                .iter()
                .map(|(k, v)| ((*k).into(), (*v).into()))
                .collect(),
            on_event: |_| {},
        }
    }

    #[test]
    fn every_property_that_breaks_a_guarantee_is_left_out_by_name() {
        for (name, _) in REFUSED_PROPERTIES {
            let options = options(&[(name, "x"), ("ssl.ca.location", "ca.pem")]);
            for settings in [
                options.group_consumer("g", "0"),
                options.side_consumer("side-0"),
                options.transactional_producer("0"),
                options.admin_client(),
            ] {
                assert_ne!(settings.get(name), Some("x"), "{name}");
                assert_eq!(settings.get("ssl.ca.location"), Some("ca.pem"));
            }
        }
    }

    #[test]
    fn a_refused_property_does_not_reach_a_client_even_unchecked() {
        let options = options(&[("isolation.level", "read_uncommitted"), ("acks", "0")]);
        let side = options.side_consumer("side-0");
        assert_eq!(side.get("isolation.level"), Some("read_committed"));
        assert_eq!(options.transactional_producer("0").get("acks"), Some("all"));
    }

    #[test]
    fn an_operator_may_change_times_and_security() {
        let options = options(&[
            ("session.timeout.ms", "8000"),
            ("transaction.timeout.ms", "4000"),
            ("security.protocol", "ssl"),
        ]);
        let group = options.group_consumer("g", "0");
        assert_eq!(group.get("session.timeout.ms"), Some("8000"));
        assert_eq!(group.get("group.instance.id"), Some("host-1-0"));
        assert_eq!(group.get("transaction.timeout.ms"), None);
        let producer = options.transactional_producer("0");
        assert_eq!(producer.get("transaction.timeout.ms"), Some("4000"));
        assert_eq!(producer.get("message.timeout.ms"), Some("4000"));
        assert_eq!(producer.get("transactional.id"), Some("g.host-1.0"));
        assert_eq!(producer.get("session.timeout.ms"), None);
        assert_eq!(options.admin_client().get("security.protocol"), Some("ssl"));
    }

    #[test]
    fn no_error_and_no_report_of_a_client_shows_a_value() {
        static REPORTED: std::sync::Mutex<String> = std::sync::Mutex::new(String::new());
        const MARKER: &str = "hunter2-marker";
        for name in [
            "sasl.passwrd",
            "sasl.password",
            "security.protocol",
            "ssl.key.pem",
            "ssl.certificate.pem",
            "ssl.ca.location",
            "sasl.mechanisms",
            "sasl.jaas.config",
            "socket.timeout.ms",
            "broker.address.family",
            "debug",
            "",
        ] {
            for extra in ["", "security.protocol", "sasl.mechanisms"] {
                let mut options = options(&[(extra, "ssl"), (name, MARKER)]);
                options.properties.remove("");
                options.on_event = |event| REPORTED.lock().unwrap().push_str(&format!("{event:?}"));
                for settings in [options.group_consumer("g", "0"), options.side_consumer("s")] {
                    let context = RequestContext(settings.event_reporter());
                    let client: Result<BaseConsumer<RequestContext>, _> =
                        settings.create_client(context);
                    let shown = match &client {
                        Ok(client) => {
                            drop(client.poll(std::time::Duration::from_millis(5)));
                            String::new()
                        }
                        Err(error) => format!("{error} {error:?}"),
                    };
                    assert!(!shown.contains(MARKER), "{name}: {shown}");
                }
            }
        }
        let reported = REPORTED.lock().unwrap();
        assert!(!reported.contains(MARKER), "{reported}");
    }

    #[test]
    fn secrets_stay_out_of_debug_output() {
        let shown = format!("{:?}", options(&[("sasl.password", "hunter2")]));
        assert!(
            shown.contains("sasl.password") && !shown.contains("hunter2"),
            "{shown}"
        );
    }
}
