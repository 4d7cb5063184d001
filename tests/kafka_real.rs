//! State, aborts, restores, gaps and reassignment on a real Apache Kafka, in one process. The tests
//! that kill and freeze processes are in `kafka_kill.rs`.
#![cfg(feature = "kafka")]
#![allow(clippy::disallowed_methods, reason = "no pure room")]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use scopewatch::event::Input;
use scopewatch::kafka::DeliveryGuarantee;
use scopewatch::store::{MemoryStore, Store};
use scopewatch::worker::{GapPolicy, raw::RawInput, topics::Topics};
use support::counting::{Faults, Setup, check_counts, contents};
use support::kafka::{
    Reader, bootstrap, committed, create, ends, options, produce, topics, unique,
};

const WITHIN: Duration = Duration::from_secs(40);

fn records(count: usize, keys: usize) -> Vec<(String, String)> {
    (0..count)
        .map(|n| (format!("acme/agent-{}", n % keys), format!("{n}")))
        .collect()
}

fn per_key(count: usize, keys: usize) -> BTreeMap<String, u64> {
    let mut all = BTreeMap::new();
    for (key, _) in records(count, keys) {
        *all.entry(key).or_insert(0) += 1;
    }
    all
}

fn texts(reader: &Reader) -> Vec<String> {
    reader
        .records
        .iter()
        .map(support::kafka::ReadRecord::text)
        .collect()
}

/// New topics for a test, and the name that the topics and the group share.
fn fresh(servers: &str, name: &str, partitions: i32) -> (String, Topics) {
    let name = unique(name);
    let topics = topics(&name);
    create(servers, &topics, partitions);
    (name, topics)
}

#[test]
fn every_action_counts_once_and_the_changelog_restores_the_state() {
    let Some(servers) = bootstrap() else { return };
    let (name, topics) = fresh(&servers, "once", 4);
    produce(&servers, &topics.scopes, &records(40, 10));
    produce(&servers, &topics.actions, &records(3_000, 50));
    let store = Arc::new(MemoryStore::new());
    let mut setup = Setup::new(options(&servers, &name, "a"), topics.clone(), 4);
    setup.workers = 2;
    let running = setup.start(&store, &Arc::default());
    let mut alerts = Reader::new(&servers, &topics.alerts, 4);
    alerts.wait_for(3_000, WITHIN);
    // One record at a time, to measure a small commit.
    for n in 0..60 {
        produce(&servers, &topics.actions, &[("acme/slow", n.to_string())]);
        std::thread::sleep(Duration::from_millis(40));
    }
    alerts.wait_for(3_060, WITHIN);
    let stats = Arc::clone(&running.stats);
    running.end().unwrap();
    println!(
        "commits {} p50 {} us p99 {} us, aborts {}",
        stats.commits.load(Ordering::Relaxed),
        stats.commit_us(0.5),
        stats.commit_us(0.99),
        stats.aborts.load(Ordering::Relaxed)
    );
    let mut expected = per_key(3_000, 50);
    expected.insert("acme/slow".into(), 60);
    alerts.poll(Duration::from_millis(300));
    check_counts(&texts(&alerts), &expected);
    for topic in [&topics.alerts, &topics.changelog] {
        let high = ends(&servers, topic, 4, "read_uncommitted");
        assert_eq!(
            high,
            ends(&servers, topic, 4, "read_committed"),
            "open transaction: {topic}"
        );
    }
    // The same process name with an empty store: the changelog must restore the same bytes.
    let fresh = Arc::new(MemoryStore::new());
    let mut setup = Setup::new(options(&servers, &name, "a"), topics.clone(), 4);
    setup.workers = 2;
    let started = Instant::now();
    let running = setup.start(&fresh, &Arc::default());
    running.wait_state("running", 4, WITHIN);
    println!(
        "restored and running after {} ms",
        started.elapsed().as_millis()
    );
    running.end().unwrap();
    assert!(contents(&store).len() > 50);
    assert_eq!(contents(&fresh), contents(&store));
    for partition in 0..4 {
        assert!(fresh.meta(partition).unwrap().is_some());
    }
}

#[test]
fn a_failed_delivery_gives_the_transaction_up_and_nothing_is_lost_or_doubled() {
    let Some(servers) = bootstrap() else { return };
    let (name, topics) = fresh(&servers, "abort", 2);
    let faults = Arc::new(Faults::default());
    let running = Setup::new(options(&servers, &name, "a"), topics.clone(), 2)
        .start(&Arc::new(MemoryStore::new()), &faults);
    let mut alerts = Reader::new(&servers, &topics.alerts, 2);
    produce(&servers, &topics.actions, &records(200, 7));
    alerts.wait_for(200, WITHIN);
    faults.huge_once.store(true, Ordering::Release);
    let more: Vec<_> = records(400, 7).split_off(200);
    produce(&servers, &topics.actions, &more);
    alerts.wait_for(400, WITHIN);
    assert!(running.stats.aborts.load(Ordering::Relaxed) >= 1);
    running.end().unwrap();
    alerts.poll(Duration::from_millis(300));
    check_counts(&texts(&alerts), &per_key(400, 7));
}

#[test]
fn a_second_instance_takes_half_and_gives_it_back() {
    let Some(servers) = bootstrap() else { return };
    let (name, topics) = fresh(&servers, "share", 4);
    let start = |instance: &str| {
        Setup::new(options(&servers, &name, instance), topics.clone(), 4)
            .start(&Arc::new(MemoryStore::new()), &Arc::default())
    };
    let first = start("a");
    first.wait_state("running", 4, WITHIN);
    let mut alerts = Reader::new(&servers, &topics.alerts, 4);
    let all = records(4_000, 40);
    produce(&servers, &topics.actions, &all[..1_000]);
    let joined = Instant::now();
    let second = start("b");
    produce(&servers, &topics.actions, &all[1_000..2_000]);
    second.wait_state("running", 2, WITHIN);
    println!(
        "hand-over to a second instance after {} ms",
        joined.elapsed().as_millis()
    );
    produce(&servers, &topics.actions, &all[2_000..3_000]);
    alerts.wait_for(3_000, WITHIN);
    first.end().unwrap();
    produce(&servers, &topics.actions, &all[3_000..]);
    // A static member that leaves keeps its partitions until its session ends.
    let left = Instant::now();
    second.wait_state("running", 4, WITHIN);
    println!(
        "take-over from a stopped instance after {} ms",
        left.elapsed().as_millis()
    );
    alerts.wait_for(4_000, WITHIN);
    second.end().unwrap();
    alerts.poll(Duration::from_millis(300));
    check_counts(&texts(&alerts), &per_key(4_000, 40));
}

/// Deletes the records of a partition below `before`.
fn delete_records(servers: &str, topic: &str, partition: i32, before: i64) {
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .create()
        .unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, Offset::Offset(before))
        .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime
        .block_on(admin.delete_records(&list, &AdminOptions::new()))
        .unwrap();
}

#[test]
fn a_gap_stops_the_partition_and_is_named_and_may_be_accepted() {
    let Some(servers) = bootstrap() else { return };
    let (name, topics) = fresh(&servers, "gap", 1);
    let store = Arc::new(MemoryStore::new());
    let setup = || Setup::new(options(&servers, &name, "a"), topics.clone(), 1);
    let mut alerts = Reader::new(&servers, &topics.alerts, 1);
    produce(&servers, &topics.actions, &records(10, 1));
    let running = setup().start(&store, &Arc::default());
    alerts.wait_for(10, WITHIN);
    running.end().unwrap();
    produce(&servers, &topics.actions, &records(20, 1));
    delete_records(&servers, &topics.actions, 0, 25);
    let running = setup().start(&store, &Arc::default());
    running.wait_state("stopped", 1, WITHIN);
    let reason = running.stats.partitions()[&0].reason.clone().unwrap();
    assert!(reason.contains("[10, 25)"), "{reason}");
    let mut audit = Reader::new(&servers, &topics.audit, 1);
    audit.wait_for(2, WITHIN);
    assert!(
        texts(&audit)[0].contains("from: 10, to: 25"),
        "{:?}",
        texts(&audit)
    );
    running.end().unwrap();
    let mut accepting = setup();
    accepting.gap = GapPolicy::Accept;
    let running = accepting.start(&store, &Arc::default());
    alerts.wait_for(15, WITHIN);
    running.end().unwrap();
    assert_eq!(texts(&alerts)[10], "0/25 acme/agent-0 11");
}

#[test]
fn a_gap_accepted_before_the_first_record_behind_it_is_closed_for_good() {
    let Some(servers) = bootstrap() else { return };
    let (name, topics) = fresh(&servers, "gap-tick", 1);
    let store = Arc::new(MemoryStore::new());
    let setup = || Setup::new(options(&servers, &name, "a"), topics.clone(), 1);
    let mut alerts = Reader::new(&servers, &topics.alerts, 1);
    produce(&servers, &topics.actions, &records(10, 1));
    let running = setup().start(&store, &Arc::default());
    alerts.wait_for(10, WITHIN);
    running.end().unwrap();
    produce(&servers, &topics.actions, &records(20, 1));
    delete_records(&servers, &topics.actions, 0, 30);
    let faults = Arc::<Faults>::default();
    faults.ticks.store(true, Ordering::Release);
    let mut accepting = setup();
    accepting.gap = GapPolicy::Accept;
    let running = accepting.start(&store, &faults);
    Reader::new(&servers, &topics.links, 1).wait_for(1, WITHIN);
    running.end().unwrap();
    let running = setup().start(&store, &Arc::default());
    running.wait_state("running", 1, WITHIN);
    running.end().unwrap();
}

/// Produces records in one transaction: the log then ends in a marker.
fn produce_in_transaction(servers: &str, topics: &[&str], records: &[(String, String)]) {
    use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", servers);
    config.set("transactional.id", unique("gateway"));
    let producer: BaseProducer = config.create().unwrap();
    producer.init_transactions(WITHIN).unwrap();
    producer.begin_transaction().unwrap();
    for topic in topics {
        for (key, value) in records {
            let record = BaseRecord::to(topic).key(key).payload(value);
            producer.send(record).map_err(|(e, _)| e).unwrap();
        }
    }
    producer.commit_transaction(WITHIN).unwrap();
}

#[test]
fn a_log_that_ends_in_a_marker_and_loses_all_its_records_has_no_gap() {
    let Some(servers) = bootstrap() else { return };
    let (name, topics) = fresh(&servers, "marker", 1);
    let store = Arc::new(MemoryStore::new());
    let setup = || Setup::new(options(&servers, &name, "a"), topics.clone(), 1);
    let mut alerts = Reader::new(&servers, &topics.alerts, 1);
    let both = [&*topics.actions, &*topics.scopes];
    produce_in_transaction(&servers, &both, &records(10, 1));
    let running = setup().start(&store, &Arc::default());
    alerts.wait_for(10, WITHIN);
    let until = Instant::now() + WITHIN;
    while committed(&servers, &name, &topics.actions, 1).get(&0) != Some(&11) {
        assert!(Instant::now() < until, "the marker is not committed");
        std::thread::sleep(Duration::from_millis(100));
    }
    running.end().unwrap();
    for topic in both {
        delete_records(&servers, topic, 0, 11);
    }
    let running = setup().start(&store, &Arc::default());
    running.wait_state("running", 1, WITHIN);
    produce(&servers, &topics.actions, &records(20, 1)[10..]);
    alerts.wait_for(20, WITHIN);
    running.end().unwrap();
    check_counts(&texts(&alerts), &per_key(20, 1));
}

#[test]
fn what_was_noticed_outlives_a_transaction_that_is_given_up() {
    let Some(servers) = bootstrap() else { return };
    // Microseconds decide which transaction carries the notices.
    let given_up = (0..20).any(|attempt| noticed_in_an_abort(&servers, attempt));
    assert!(given_up, "no transaction with notices was given up");
}

/// Whether a transaction had been aborted when the notices of the next one arrived.
fn noticed_in_an_abort(servers: &str, attempt: u32) -> bool {
    let (name, topics) = fresh(servers, &format!("notice-{attempt}"), 2);
    let store = Arc::new(MemoryStore::new());
    let faults = Arc::new(Faults::default());
    let setup = || Setup::new(options(servers, &name, "a"), topics.clone(), 2);
    let mut alerts = Reader::new(servers, &topics.alerts, 2);
    produce(servers, &topics.actions, &records(20, 20));
    let running = setup().start(&store, &faults);
    alerts.wait_for(20, WITHIN);
    running.end().unwrap();
    produce(servers, &topics.actions, &records(20, 20));
    // One partition stops; the other has an output that no broker accepts.
    let end = ends(servers, &topics.actions, 2, "read_uncommitted")[&0];
    delete_records(servers, &topics.actions, 0, end);
    faults.huge_once.store(true, Ordering::Release);
    let running = setup().start(&store, &faults);
    let mut audit = Reader::new(servers, &topics.audit, 2);
    audit.wait_for(2, WITHIN);
    let given_up = running.stats.aborts.load(Ordering::Relaxed) >= 1;
    running.end().unwrap();
    let noticed = texts(&audit);
    assert!(noticed[0].starts_with("Gap"), "{noticed:?}");
    assert!(noticed[1].starts_with("Stopped"), "{noticed:?}");
    given_up
}

#[test]
fn a_backfill_waits_until_the_scopes_are_read() {
    let Some(servers) = bootstrap() else { return };
    let (name, topics) = fresh(&servers, "backfill", 1);
    let backfill = topics.backfill.clone().unwrap();
    let early: Vec<_> = (0..100).map(|n| (format!("early-{n}"), "")).collect();
    produce(&servers, &backfill, &early);
    produce(&servers, &topics.scopes, &records(8_000, 5));
    let faults = Arc::new(Faults::default());
    let running = Setup::new(options(&servers, &name, "a"), topics.clone(), 1)
        .start(&Arc::new(MemoryStore::new()), &faults);
    let until = Instant::now() + WITHIN;
    while faults.order.lock().unwrap().len() < 8_100 {
        assert!(Instant::now() < until, "not everything is applied");
        std::thread::sleep(Duration::from_millis(20));
    }
    running.end().unwrap();
    let order = faults.order.lock().unwrap();
    let early = order[..8_000].iter().filter(|i| **i != Input::Scopes);
    assert_eq!(early.count(), 0, "judged before the scopes were read");
}

#[test]
fn offsets_that_somebody_moved_stop_the_partition() {
    let Some(servers) = bootstrap() else { return };
    let (name, topics) = fresh(&servers, "moved", 1);
    let store = Arc::new(MemoryStore::new());
    let setup = || Setup::new(options(&servers, &name, "a"), topics.clone(), 1);
    produce(&servers, &topics.actions, &records(10, 1));
    let mut alerts = Reader::new(&servers, &topics.alerts, 1);
    let running = setup().start(&store, &Arc::default());
    alerts.wait_for(10, WITHIN);
    running.end().unwrap();
    // The group is empty once the static member's session has ended.
    let until = Instant::now() + WITHIN;
    let consumer: rdkafka::consumer::BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &servers)
        .set("group.id", &name)
        .create()
        .unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&topics.actions, 0, Offset::Offset(3))
        .unwrap();
    use rdkafka::consumer::{CommitMode, Consumer};
    while consumer.commit(&list, CommitMode::Sync).is_err() {
        assert!(Instant::now() < until);
        std::thread::sleep(Duration::from_millis(200));
    }
    let running = setup().start(&store, &Arc::default());
    running.wait_state("stopped", 1, WITHIN);
    let reason = running.stats.partitions()[&0].reason.clone().unwrap();
    assert!(
        reason.contains("offset 10") && reason.contains("committed 3"),
        "{reason}"
    );
    running.end().unwrap();
}

#[test]
fn a_paused_input_waits_and_ticks_pass_time_on_quiet_partitions() {
    let Some(servers) = bootstrap() else { return };
    let (name, topics) = fresh(&servers, "pause", 2);
    let faults = Arc::new(Faults::default());
    faults.pause.store(true, Ordering::Release);
    faults.ticks.store(true, Ordering::Release);
    let running = Setup::new(options(&servers, &name, "a"), topics.clone(), 2)
        .start(&Arc::new(MemoryStore::new()), &faults);
    running.wait_state("running", 2, WITHIN);
    // Keys on both partitions; one of them waits.
    let later = ("k0".to_owned(), "later".to_owned());
    produce(
        &servers,
        &topics.actions,
        &[later, ("k0".into(), "after".into())],
    );
    let other: Vec<_> = (0..20)
        .map(|n| (format!("k{n}"), "now".to_owned()))
        .collect();
    let place = |key: &str| scopewatch::engine::partitioner::partition_of_key(key.as_bytes(), 2);
    let free = other
        .iter()
        .filter(|(key, _)| place(key) != place("k0"))
        .count();
    produce(&servers, &topics.actions, &other);
    let mut alerts = Reader::new(&servers, &topics.alerts, 2);
    alerts.wait_for(free, WITHIN);
    alerts.poll(Duration::from_millis(500));
    assert_eq!(
        alerts.records.len(),
        free,
        "only the other partition goes on"
    );
    let mut links = Reader::new(&servers, &topics.links, 2);
    links.wait_for(1, WITHIN);
    faults.pause.store(false, Ordering::Release);
    alerts.wait_for(22, WITHIN);
    running.end().unwrap();
}

#[test]
fn at_least_once_delivers_everything_with_the_same_ids() {
    let Some(servers) = bootstrap() else { return };
    let (name, topics) = fresh(&servers, "alo", 2);
    let store = Arc::new(MemoryStore::new());
    let start = |store: &Arc<MemoryStore>| {
        let mut setup = Setup::new(options(&servers, &name, "a"), topics.clone(), 2);
        setup.delivery = DeliveryGuarantee::AtLeastOnce;
        setup.start(store, &Arc::default())
    };
    let mut alerts = Reader::new(&servers, &topics.alerts, 2);
    produce(&servers, &topics.actions, &records(500, 9));
    let running = start(&store);
    alerts.wait_for(500, WITHIN);
    running.end().unwrap();
    produce(&servers, &topics.actions, &records(1_000, 9).split_off(500));
    let running = start(&Arc::new(MemoryStore::new()));
    alerts.wait_for(1_000, WITHIN);
    running.end().unwrap();
    let mut found = texts(&alerts);
    found.sort();
    found.dedup();
    check_counts(&found, &per_key(1_000, 9));
}

#[test]
fn raw_records_are_mapped_once_skipped_or_dead() {
    let Some(servers) = bootstrap() else { return };
    let (name, mut topics) = fresh(&servers, "raw", 2);
    // The foreign records can come from any topic.
    let foreign = Arc::clone(&topics.control);
    topics.control = Arc::clone(&topics.links);
    let mut setup = Setup::new(options(&servers, &name, "a"), topics.clone(), 2);
    setup.check = false;
    topics.control = Arc::clone(&foreign);
    setup.topics = topics.clone();
    setup.raw = vec![RawInput {
        topic: Arc::clone(&foreign),
        backfill: false,
        mapper: Box::new(|record| {
            let value = String::from_utf8_lossy(record.value.as_deref().unwrap_or_default());
            match value.parse::<u32>() {
                Err(error) => Err(error.to_string()),
                Ok(n) if n % 2 == 1 => Ok(Vec::new()),
                Ok(n) => {
                    let one = |k: u32| Ok((format!("acme/{k}").into_bytes(), vec![b'x']));
                    Ok(vec![one(n), one(n + 1)])
                }
            }
        }),
    }];
    let mut records: Vec<_> = (0..100).map(|n| (String::new(), n.to_string())).collect();
    records.push(("odd key".into(), "not a number".into()));
    produce(&servers, &foreign, &records);
    let running = setup.start(&Arc::new(MemoryStore::new()), &Arc::default());
    let mut actions = Reader::new(&servers, &topics.actions, 2);
    actions.wait_for(100, WITHIN);
    let mut dead = Reader::new(&servers, &topics.dead_letter, 2);
    dead.wait_for(1, WITHIN);
    let letter = &dead.records[0];
    assert_eq!(letter.key.as_deref(), Some(&b"odd key"[..]));
    assert_eq!(letter.text(), "not a number");
    let named = letter.headers.iter().any(|(name, value)| {
        name == "__scopewatch.errors.stage" && value.as_deref() == Some(b"mapping")
    });
    assert!(named, "{:?}", letter.headers);
    assert_eq!(running.stats.raw_skipped.load(Ordering::Relaxed), 50);
    running.end().unwrap();
    actions.poll(Duration::from_millis(300));
    assert_eq!(actions.records.len(), 100);
}
