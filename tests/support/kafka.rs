//! A real broker for tests: the one of `SCOPEWATCH_TEST_KAFKA`, or one started by `.ci/kafka` that
//! ends with the test process. Without Java or Maven the tests are skipped, unless
//! `SCOPEWATCH_REQUIRE_KAFKA=1` or `CI=true` says that this is a failure.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use scopewatch::kafka::{Admin, KafkaOptions};
use scopewatch::service::topics::Topics;

/// The broker's address, or `None` when the test is to be skipped.
pub fn bootstrap() -> Option<String> {
    static BROKER: OnceLock<Option<String>> = OnceLock::new();
    // Shown with RUST_LOG=scopewatch=info and --nocapture.
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    let _ = tracing_subscriber::fmt().with_env_filter(filter).try_init();
    let found = BROKER.get_or_init(|| {
        if let Ok(servers) = std::env::var("SCOPEWATCH_TEST_KAFKA") {
            return Some(servers);
        }
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/.ci/kafka");
        let owner = std::process::id().to_string();
        let started = Command::new(script)
            .args(["up", "--port", "0", "--owner", &owner])
            .stderr(Stdio::inherit())
            .output();
        match started {
            Ok(output) if output.status.success() => {
                Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
            }
            _ => None,
        }
    });
    if found.is_none() {
        let set = |name: &str, value: &str| std::env::var(name).is_ok_and(|v| v == value);
        let needed = set("SCOPEWATCH_REQUIRE_KAFKA", "1") || set("CI", "true");
        assert!(
            !needed,
            "a real Kafka is required, and .ci/kafka could not start one"
        );
        println!("skipped: no real Kafka (see .ci/kafka)");
    }
    found.clone()
}

/// A name that no other test of this process, nor an earlier run, has used.
pub fn unique(name: &str) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let n = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!("{name}-{}-{n}", std::process::id())
}

/// The topics of one test.
pub fn topics(prefix: &str) -> Topics {
    let name = |word: &str| format!("{prefix}.{word}").into();
    Topics {
        actions: name("actions"),
        scopes: name("scopes"),
        control: name("control"),
        links: name("links"),
        backfill: Some(name("backfill")),
        changelog: name("changelog"),
        alerts: name("alerts"),
        revocations: name("revocations"),
        dead_letter: name("dlq"),
        audit: name("audit"),
    }
}

/// Settings with times short enough for tests.
pub fn options(servers: &str, group: &str, instance: &str) -> KafkaOptions {
    let properties = [
        ("session.timeout.ms", "6000"),
        ("heartbeat.interval.ms", "500"),
        ("transaction.timeout.ms", "5000"),
    ];
    KafkaOptions {
        bootstrap_servers: servers.to_owned(),
        group_id: group.to_owned(),
        instance_id: instance.to_owned(),
        properties: properties
            .iter()
            .map(|(k, v)| ((*k).into(), (*v).into()))
            .collect(),
    }
}

/// Creates the topics of a test, as `topics create` does.
pub fn create(servers: &str, topics: &Topics, partitions: i32) {
    let admin = Admin::connect(&options(servers, "admin", "admin")).unwrap();
    let specs = topics.specs(partitions, 1, true);
    assert_eq!(admin.create(&specs).unwrap().len(), specs.len());
    // The broker answers before every node knows the topics.
    let until = Instant::now() + Duration::from_secs(10);
    while specs
        .iter()
        .any(|spec| admin.partitions(&spec.name).unwrap().is_none())
    {
        assert!(Instant::now() < until, "topics do not appear");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Produces `(key, value)` records with an ordinary producer.
pub fn produce(servers: &str, topic: &str, records: &[(String, String)]) {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("partitioner", "murmur2_random")
        .set("enable.idempotence", "true")
        .create()
        .unwrap();
    for (key, value) in records {
        let mut record = BaseRecord::to(topic)
            .key(key.as_str())
            .payload(value.as_str());
        while let Err((_, back)) = producer.send(record) {
            producer.poll(Duration::from_millis(5));
            record = back;
        }
        if producer.in_flight_count() > 50_000 {
            producer.poll(Duration::from_millis(5));
        }
    }
    producer.flush(Duration::from_secs(30)).unwrap();
}

/// A record as a reader sees it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    pub partition: i32,
    pub offset: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Seen {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.value.as_deref().unwrap_or_default()).into_owned()
    }
}

/// Reads a topic with `read_committed` from its beginning.
pub struct Reader {
    consumer: BaseConsumer,
    pub seen: Vec<Seen>,
}

impl Reader {
    pub fn new(servers: &str, topic: &str, partitions: i32) -> Self {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", servers)
            .set("group.id", unique("reader"))
            .set("isolation.level", "read_committed")
            .set("enable.auto.commit", "false")
            .set("fetch.wait.max.ms", "20")
            .create()
            .unwrap();
        let mut list = TopicPartitionList::new();
        for partition in 0..partitions {
            list.add_partition_offset(topic, partition, Offset::Beginning)
                .unwrap();
        }
        consumer.assign(&list).unwrap();
        Reader {
            consumer,
            seen: Vec::new(),
        }
    }

    /// Reads what arrives within `wait` of the last record.
    pub fn poll(&mut self, wait: Duration) {
        use rdkafka::message::Headers;
        while let Some(Ok(message)) = self.consumer.poll(wait) {
            let headers = message.headers().map_or_else(Vec::new, |h| {
                h.iter()
                    .map(|h| (h.key.to_owned(), h.value.map(<[u8]>::to_vec)))
                    .collect()
            });
            self.seen.push(Seen {
                partition: message.partition(),
                offset: message.offset(),
                key: message.key().map(<[u8]>::to_vec),
                value: message.payload().map(<[u8]>::to_vec),
                headers,
            });
        }
    }

    /// Reads until there are `count` records; panics after `within`.
    pub fn wait_for(&mut self, count: usize, within: Duration) {
        let until = Instant::now() + within;
        while self.seen.len() < count {
            assert!(
                Instant::now() < until,
                "{} of {count} records came",
                self.seen.len()
            );
            self.poll(Duration::from_millis(50));
        }
    }
}

/// Ends of a topic's partitions for readers of either isolation: equal when no transaction is open.
pub fn ends(servers: &str, topic: &str, partitions: i32, isolation: &str) -> BTreeMap<i32, i64> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("isolation.level", isolation)
        .create()
        .unwrap();
    (0..partitions)
        .map(|p| {
            (
                p,
                consumer
                    .fetch_watermarks(topic, p, Duration::from_secs(5))
                    .unwrap()
                    .1,
            )
        })
        .collect()
}
