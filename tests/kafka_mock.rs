//! Errors, retries and flow on librdkafka's mock cluster. The mock does not hide the records of an
//! aborted transaction, so these tests do not check what a `read_committed` reader sees.
#![cfg(feature = "kafka")]
#![allow(clippy::disallowed_methods, reason = "no pure room")]

#[path = "kafka_mock/panics.rs"]
mod panics;
#[path = "kafka_mock/raw_faults.rs"]
mod raw_faults;
mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use scopewatch::kafka::{
    DeliveryGuarantee, GroupConsumer, Message, PollResult, RebalanceEvent, TopicPartition,
};
use scopewatch::store::{MemoryStore, Store};
use scopewatch::worker::raw::RawInput;
use scopewatch::worker::topics::Topics;
use support::counting::{Faults, Running, Setup, check_counts};
use support::kafka::{ReadRecord, Reader, options, produce, topics, unique};

/// Longest wait for an event. No test says how fast anything is.
const WITHIN: Duration = Duration::from_secs(120);

type Mock = MockCluster<'static, DefaultProducerContext>;

fn cluster(partitions: i32) -> (Mock, String, String, Topics) {
    let mock = Mock::new(1).unwrap();
    let name = unique("mock");
    let topics = topics(&name);
    for spec in topics.specs(partitions, 1, true) {
        mock.create_topic(&spec.name, partitions, 1).unwrap();
    }
    let servers = mock.bootstrap_servers();
    (mock, servers, name, topics)
}

fn start(servers: &str, name: &str, topics: &Topics, partitions: u32) -> Running {
    let mut setup = Setup::new(options(servers, name, "a"), topics.clone(), partitions);
    setup.check = false;
    setup.start(&Arc::new(MemoryStore::new()), &Arc::<Faults>::default())
}

fn records(from: usize, to: usize) -> Vec<(String, String)> {
    (from..to)
        .map(|n| (format!("acme/agent-{}", n % 10), n.to_string()))
        .collect()
}

/// Checks that all counts are there, and that an alert that came twice has the same id and count.
fn check(alerts: &Reader, count: usize) {
    let mut texts: Vec<String> = alerts.records.iter().map(ReadRecord::text).collect();
    texts.sort();
    texts.dedup();
    let mut expected = BTreeMap::new();
    for (key, _) in records(0, count) {
        *expected.entry(key).or_insert(0) += 1;
    }
    check_counts(&texts, &expected);
}

/// Reads until there are `count` different alerts.
fn wait_different(alerts: &mut Reader, count: usize) {
    let until = Instant::now() + WITHIN;
    loop {
        let different: std::collections::BTreeSet<String> =
            alerts.records.iter().map(ReadRecord::text).collect();
        if different.len() >= count {
            return;
        }
        assert!(Instant::now() < until, "{} of {count}", different.len());
        alerts.poll(Duration::from_millis(50));
    }
}

#[test]
fn records_flow_from_commit_to_commit_without_an_abort() {
    let (_mock, servers, name, topics) = cluster(2);
    let running = start(&servers, &name, &topics, 2);
    let mut alerts = Reader::new(&servers, &topics.alerts, 2);
    for n in 0..10 {
        produce(&servers, &topics.actions, &records(n * 20, n * 20 + 20));
        alerts.wait_for(n * 20 + 20, WITHIN);
    }
    let stats = Arc::clone(&running.stats);
    running.end().unwrap();
    check(&alerts, 200);
    assert_eq!(stats.aborts.load(Ordering::Relaxed), 0);
}

/// Partition 7 is in the store and is none of the group's: it moved away before the start.
#[test]
fn the_state_of_a_partition_that_moved_away_is_dropped_when_it_is_too_old() {
    let (_mock, servers, name, topics) = cluster(2);
    let store = Arc::new(MemoryStore::new());
    store.open_partition(7).unwrap();
    let mut setup = Setup::new(options(&servers, &name, "a"), topics.clone(), 2);
    setup.check = false;
    setup.store_kept = Duration::from_secs(1);
    let running = setup.start(&store, &Arc::<Faults>::default());
    let until = Instant::now() + WITHIN;
    while store.partitions() != [0, 1] {
        assert!(Instant::now() < until, "{:?}", store.partitions());
        std::thread::sleep(Duration::from_millis(50));
    }
    // Those that it has go on.
    let mut alerts = Reader::new(&servers, &topics.alerts, 2);
    produce(&servers, &topics.actions, &records(0, 20));
    wait_different(&mut alerts, 20);
    running.end().unwrap();
    check(&alerts, 20);
}

#[test]
fn a_broker_that_goes_and_comes_back_costs_time_only() {
    let (mock, servers, name, topics) = cluster(2);
    let running = start(&servers, &name, &topics, 2);
    let mut alerts = Reader::new(&servers, &topics.alerts, 2);
    produce(&servers, &topics.actions, &records(0, 100));
    wait_different(&mut alerts, 100);
    mock.broker_down(1).unwrap();
    std::thread::sleep(Duration::from_secs(2));
    let turns = running.stats.turn_count(0);
    let until = Instant::now() + WITHIN;
    while running.stats.turn_count(0) <= turns + 1 {
        assert!(Instant::now() < until, "a worker that waits is alive");
        std::thread::sleep(Duration::from_millis(20));
    }
    mock.broker_up(1).unwrap();
    produce(&servers, &topics.actions, &records(100, 200));
    wait_different(&mut alerts, 200);
    assert!(
        running.stats.rebuilds.load(Ordering::Relaxed) >= 1,
        "a suspect producer is replaced"
    );
    running.end().unwrap();
    check(&alerts, 200);
}

#[test]
fn every_class_of_transaction_error_ends_in_a_repeat_of_the_batch() {
    use RDKafkaApiKey as Api;
    use RDKafkaRespErr as Code;
    let (mock, servers, name, topics) = cluster(2);
    let running = start(&servers, &name, &topics, 2);
    running.wait_state("running", 2, WITHIN);
    let mut alerts = Reader::new(&servers, &topics.alerts, 2);
    // Each error, and whether it aborts the transaction; the client retries the others by itself.
    let cases = [
        (
            Api::TxnOffsetCommit,
            Code::RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION,
            true,
        ),
        (
            Api::AddOffsetsToTxn,
            Code::RD_KAFKA_RESP_ERR_INVALID_TXN_STATE,
            true,
        ),
        (
            Api::AddPartitionsToTxn,
            Code::RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS,
            false,
        ),
        (Api::EndTxn, Code::RD_KAFKA_RESP_ERR_NOT_COORDINATOR, false),
        (Api::EndTxn, Code::RD_KAFKA_RESP_ERR_PRODUCER_FENCED, true),
        (Api::Produce, Code::RD_KAFKA_RESP_ERR__TRANSPORT, false),
    ];
    let mut sent = 0;
    for (api, code, gives_up) in cases {
        let before = running.stats.aborts.load(Ordering::Relaxed);
        mock.request_errors(api, &[code]);
        produce(&servers, &topics.control, &[("k", "v")]);
        produce(&servers, &topics.actions, &records(sent, sent + 50));
        sent += 50;
        wait_different(&mut alerts, sent);
        let aborts = running.stats.aborts.load(Ordering::Relaxed) - before;
        println!("{api:?} {code:?}: {aborts} given up");
        assert_eq!(aborts > 0, gives_up, "{api:?} {code:?}");
    }
    running.end().unwrap();
    check(&alerts, sent);
}

#[test]
fn a_record_that_is_refused_for_ever_ends_the_process_with_topic_and_code() {
    let (_mock, servers, name, topics) = cluster(1);
    let mut setup = Setup::new(options(&servers, &name, "a"), topics.clone(), 1);
    setup.check = false;
    let faults = Arc::<Faults>::default();
    faults.huge.store(true, Ordering::Release);
    let running = setup.start(&Arc::new(MemoryStore::new()), &faults);
    produce(&servers, &topics.actions, &records(0, 5));
    let stats = Arc::clone(&running.stats);
    let text = running.wait_end(WITHIN).unwrap_err().to_string();
    assert!(text.contains(&*topics.alerts), "{text}");
    assert!(text.contains("MessageSizeTooLarge"), "{text}");
    assert_eq!(stats.aborts.load(Ordering::Relaxed), 5);
}

#[test]
fn without_transactions_trouble_on_the_wire_replaces_no_producer() {
    let (mock, servers, name, topics) = cluster(1);
    let mut setup = Setup::new(options(&servers, &name, "a"), topics.clone(), 1);
    setup.check = false;
    setup.delivery = DeliveryGuarantee::AtLeastOnce;
    let running = setup.start(&Arc::new(MemoryStore::new()), &Arc::default());
    let mut alerts = Reader::new(&servers, &topics.alerts, 1);
    produce(&servers, &topics.actions, &records(0, 20));
    wait_different(&mut alerts, 20);
    mock.broker_down(1).unwrap();
    std::thread::sleep(Duration::from_secs(2));
    mock.broker_up(1).unwrap();
    produce(&servers, &topics.actions, &records(20, 40));
    wait_different(&mut alerts, 40);
    assert_eq!(running.stats.rebuilds.load(Ordering::Relaxed), 0);
    running.end().unwrap();
    check(&alerts, 40);
}

/// Raw records are mapped; then the broker disappears and the process is stopped.
fn raw_to_the_end(delivery: DeliveryGuarantee) {
    let (mock, servers, name, topics) = cluster(1);
    let foreign = Arc::clone(&topics.revocations);
    let mut setup = Setup::new(options(&servers, &name, "a"), topics.clone(), 1);
    setup.check = false;
    setup.delivery = delivery;
    setup.raw = vec![RawInput {
        topic: Arc::clone(&foreign),
        backfill: false,
        mapper: Box::new(|record| {
            let value = record.value.clone().unwrap_or_default();
            Ok(vec![Ok((b"acme/agent".to_vec(), value))])
        }),
    }];
    if delivery == DeliveryGuarantee::AtLeastOnce {
        // The broker refuses every request for a transaction.
        let refused = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
        mock.request_errors(RDKafkaApiKey::AddPartitionsToTxn, &[refused; 9]);
    }
    let running = setup.start(&Arc::new(MemoryStore::new()), &Arc::default());
    let mut actions = Reader::new(&servers, &topics.actions, 1);
    produce(&servers, &foreign, &records(0, 20));
    actions.wait_for(20, WITHIN);
    mock.broker_down(1).unwrap();
    std::thread::sleep(Duration::from_secs(3));
    running.end().unwrap();
}

#[test]
fn raw_inputs_end_in_order_while_the_broker_is_away() {
    raw_to_the_end(DeliveryGuarantee::ExactlyOnce);
}

#[test]
fn raw_inputs_without_transactions_ask_for_none() {
    raw_to_the_end(DeliveryGuarantee::AtLeastOnce);
}

#[test]
fn an_assigned_partition_is_silent_until_it_is_resumed_and_starts_at_the_given_offset() {
    let (_mock, servers, name, topics) = cluster(1);
    produce(&servers, &topics.actions, &records(0, 30));
    let config = options(&servers, &name, "a").group_consumer(&name, "0");
    let consumer = GroupConsumer::subscribe(&config, &[&topics.actions]).unwrap();
    let until = Instant::now() + WITHIN;
    let places = loop {
        assert!(Instant::now() < until, "no assignment");
        assert!(!matches!(
            consumer.poll(Duration::from_millis(50)),
            PollResult::Record(_)
        ));
        if let Some(RebalanceEvent::Assigned(places)) = consumer.next_rebalance() {
            break places;
        }
    };
    let place = TopicPartition {
        topic: topics.actions.to_string(),
        partition: 0,
    };
    assert_eq!(places, std::slice::from_ref(&place));
    consumer.accept_assignment(&[(place.clone(), 5)]).unwrap();
    let quiet = Instant::now();
    while quiet.elapsed() < Duration::from_millis(600) {
        assert!(!matches!(
            consumer.poll(Duration::from_millis(20)),
            PollResult::Record(_)
        ));
    }
    let first = |consumer: &GroupConsumer| loop {
        assert!(Instant::now() < until, "no record");
        if let PollResult::Record(message) = consumer.poll(Duration::from_millis(50)) {
            break message.offset();
        }
    };
    consumer.resume(&place).unwrap();
    assert_eq!(first(&consumer), 5);
    // Seek back, as after an aborted transaction.
    consumer.pause(&place).unwrap();
    consumer.seek(&place, 2).unwrap();
    consumer.resume(&place).unwrap();
    assert_eq!(first(&consumer), 2);
    assert_eq!(first(&consumer), 3);
    assert!(consumer.close(Duration::from_secs(5)));
}

#[test]
fn an_address_without_a_broker_is_an_error() {
    let error = start("127.0.0.1:1", "nobody", &topics("nobody"), 1)
        .wait_end(WITHIN)
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("no Kafka broker at `127.0.0.1:1`"),
        "{error}"
    );
}
