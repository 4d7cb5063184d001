//! A real broker for tests: the one at `SCOPEWATCH_TEST_KAFKA`, or one that `.ci/kafka` starts and
//! that ends with the test process. Without Java or Maven the tests are skipped, unless
//! `SCOPEWATCH_REQUIRE_KAFKA=1` or `CI=true` says that this is a failure.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, DeliveryResult, Headers, Message};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use scopewatch::kafka::{KafkaOptions, TopicAdmin, TopicSpec};
use scopewatch::worker::topics::Topics;

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

/// A name that neither another test of this process nor an earlier run has used.
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
        on_event: |_| {},
    }
}

/// Creates the topics of a test, as `topics create` does.
pub fn create(servers: &str, topics: &Topics, partitions: i32) {
    create_specs(servers, &topics.specs(partitions, 1, true));
}

/// Creates topics, and waits until they are there.
pub fn create_specs(servers: &str, specs: &[TopicSpec]) {
    let admin = TopicAdmin::connect(&options(servers, "admin", "admin")).unwrap();
    assert_eq!(admin.create_topics(specs).unwrap().len(), specs.len());
    // The broker confirms before every node knows the topics.
    let until = Instant::now() + Duration::from_secs(10);
    while specs
        .iter()
        .any(|spec| admin.partition_count(&spec.name).unwrap().is_none())
    {
        assert!(Instant::now() < until, "topics do not appear");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Panics when a record could not be delivered.
pub struct Delivered;

impl ClientContext for Delivered {}

impl ProducerContext for Delivered {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            // A panic here would unwind through C code.
            eprintln!("a record of the test was not delivered: {error}");
            std::process::abort();
        }
    }
}

/// An ordinary producer, as in a gateway. Its batches fit into `max.message.bytes` of the inputs.
pub fn producer(servers: &str) -> BaseProducer<Delivered> {
    ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("partitioner", "murmur2_random")
        .set("enable.idempotence", "true")
        .set("batch.size", "200000")
        .set("message.max.bytes", "10000000")
        .set("compression.type", "zstd")
        .create_with_context(Delivered)
        .unwrap()
}

/// Produces `(key, value)` records.
pub fn produce<K: AsRef<[u8]>, V: AsRef<[u8]>>(servers: &str, topic: &str, records: &[(K, V)]) {
    let producer = producer(servers);
    for (key, value) in records {
        send(
            &producer,
            BaseRecord::to(topic)
                .key(key.as_ref())
                .payload(value.as_ref()),
        );
    }
    producer.flush(Duration::from_secs(30)).unwrap();
}

/// Sends a record; waits while the producer's queue is full.
pub fn send(producer: &BaseProducer<Delivered>, mut record: BaseRecord<'_, [u8], [u8]>) {
    while let Err((error, back)) = producer.send(record) {
        let full = KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull);
        assert_eq!(error, full);
        producer.poll(Duration::from_millis(5));
        record = back;
    }
}

/// A record as a reader sees it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReadRecord {
    pub partition: i32,
    pub offset: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl ReadRecord {
    fn of(message: &BorrowedMessage<'_>) -> ReadRecord {
        let headers = message.headers().map_or_else(Vec::new, |headers| {
            let each = headers.iter();
            each.map(|h| (h.key.to_owned(), h.value.map(<[u8]>::to_vec)))
                .collect()
        });
        ReadRecord {
            partition: message.partition(),
            offset: message.offset(),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers,
        }
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.value.as_deref().unwrap_or_default()).into_owned()
    }
}

/// Reads a topic with `read_committed` from its beginning.
pub struct Reader {
    consumer: BaseConsumer,
    pub records: Vec<ReadRecord>,
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
            records: Vec::new(),
        }
    }

    /// Reads what arrives within `wait` of the last record.
    pub fn poll(&mut self, wait: Duration) {
        while let Some(Ok(message)) = self.consumer.poll(wait) {
            self.records.push(ReadRecord::of(&message));
        }
    }

    /// Reads until there are `count` records; panics after `within`.
    pub fn wait_for(&mut self, count: usize, within: Duration) {
        let until = Instant::now() + within;
        while self.records.len() < count {
            assert!(
                Instant::now() < until,
                "{} of {count} records came",
                self.records.len()
            );
            self.poll(Duration::from_millis(50));
        }
    }
}

/// A client context that does not log the end of a partition as an error.
struct Quiet;

impl ClientContext for Quiet {
    fn error(&self, _: KafkaError, _: &str) {}
}

impl ConsumerContext for Quiet {}

/// Every record that a `read_committed` reader finds in a topic now.
pub fn read_all(servers: &str, topic: &str, partitions: i32) -> Vec<ReadRecord> {
    let consumer: BaseConsumer<Quiet> = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("group.id", unique("reader"))
        .set("isolation.level", "read_committed")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("fetch.wait.max.ms", "20")
        .create_with_context(Quiet)
        .unwrap();
    let mut list = TopicPartitionList::new();
    for partition in 0..partitions {
        list.add_partition_offset(topic, partition, Offset::Beginning)
            .unwrap();
    }
    consumer.assign(&list).unwrap();
    let until = Instant::now() + Duration::from_secs(60);
    let (mut found, mut ended) = (Vec::new(), BTreeSet::new());
    while ended.len() < usize::try_from(partitions).unwrap() {
        assert!(
            Instant::now() < until,
            "{topic} is not read to its end: {ended:?}"
        );
        match consumer.poll(Duration::from_millis(50)) {
            Some(Ok(message)) => found.push(ReadRecord::of(&message)),
            Some(Err(KafkaError::PartitionEOF(partition))) => drop(ended.insert(partition)),
            Some(Err(_)) | None => {}
        }
    }
    found
}

/// End offsets of a topic's partitions under `read_committed` and `read_uncommitted`: equal when no
/// transaction is open.
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

/// The committed offsets of a group, without partitions that have none. Offsets of an open
/// transaction are not committed.
pub fn committed(servers: &str, group: &str, topic: &str, partitions: i32) -> BTreeMap<i32, i64> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("group.id", group)
        .set("isolation.level", "read_uncommitted")
        .create()
        .unwrap();
    let mut list = TopicPartitionList::new();
    for partition in 0..partitions {
        list.add_partition(topic, partition);
    }
    let Ok(found) = consumer.committed_offsets(list, Duration::from_secs(5)) else {
        return BTreeMap::new();
    };
    let offset = |o: Offset| {
        if let Offset::Offset(offset) = o {
            Some(offset)
        } else {
            None
        }
    };
    let each = found.elements();
    each.iter()
        .filter_map(|e| Some((e.partition(), offset(e.offset())?)))
        .collect()
}
