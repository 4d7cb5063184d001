//! Raw inputs that cannot go on: one record is set aside, or one partition stops; all else goes on.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use scopewatch::store::MemoryStore;
use scopewatch::worker::raw::RawInput;

use super::support::counting::{Faults, POISON, Running, Setup};
use super::support::kafka::{ReadRecord, Reader, options, produce};
use super::{Topics, WITHIN, cluster};

/// A value of which the mapping makes an action that no consumer would read.
const HUGE: &str = "huge";

/// A value of which the mapping makes something that is no action, and an action.
const MIXED: &str = "mixed";

/// Supervisor with one raw input, read from the topic of the revocations. Its mapping panics on
/// some records.
fn start(servers: &str, name: &str, topics: &Topics, workers: usize) -> (Running, Arc<str>) {
    start_with(servers, name, topics, workers, &Arc::default())
}

fn start_with(
    servers: &str,
    name: &str,
    topics: &Topics,
    workers: usize,
    faults: &Arc<Faults>,
) -> (Running, Arc<str>) {
    let foreign = Arc::clone(&topics.revocations);
    let mut setup = Setup::new(options(servers, name, "a"), topics.clone(), 1);
    setup.check = false;
    setup.workers = workers;
    setup.raw = vec![RawInput {
        topic: Arc::clone(&foreign),
        backfill: false,
        mapper: Box::new(|record| {
            let value = record.value.clone().unwrap_or_default();
            assert!(value != POISON.as_bytes(), "poison");
            let huge = (value == HUGE.as_bytes()).then(|| vec![b'x'; 9_000_000]);
            let no_action = Err("m.jq: output 0: no action".to_owned());
            let bad = (value == MIXED.as_bytes()).then_some(no_action);
            let action = |value: Vec<u8>| Ok((b"acme/agent".to_vec(), value));
            let good = huge.into_iter().chain([value]).map(action);
            Ok(bad.into_iter().chain(good).collect())
        }),
    }];
    let store = Arc::new(MemoryStore::new());
    (setup.start(&store, faults), foreign)
}

fn classes(letters: &Reader) -> Vec<(String, String)> {
    let class = |letter: &ReadRecord| {
        let name = "__scopewatch.errors.class";
        let found = letter.headers.iter().find(|(header, _)| header == name);
        let class = found.and_then(|(_, value)| value.clone()).unwrap();
        (letter.text(), String::from_utf8(class).unwrap())
    };
    letters.records.iter().map(class).collect()
}

/// Actions that do not come from the raw input are judged.
fn check_judging(servers: &str, topics: &Topics, before: usize) {
    produce(servers, &topics.actions, &[("acme/other", "1")]);
    Reader::new(servers, &topics.alerts, 1).wait_for(before + 1, WITHIN);
}

fn wait_stop_reason(running: &Running) -> String {
    let until = Instant::now() + WITHIN;
    while running.stats.raw_stopped().is_empty() {
        assert!(Instant::now() < until, "no raw partition has stopped");
        std::thread::sleep(Duration::from_millis(20));
    }
    running.stats.raw_stopped().into_values().next().unwrap()
}

fn wait_stopped(running: &Running, topics: &Topics, servers: &str) -> String {
    let reason = wait_stop_reason(running);
    let until = Instant::now() + WITHIN;
    let mut audit = Reader::new(servers, &topics.audit, 1);
    while !audit
        .records
        .iter()
        .any(|r| r.text().contains("RawStopped"))
    {
        assert!(Instant::now() < until, "the audit topic does not say so");
        audit.poll(Duration::from_millis(50));
    }
    let turns = running.stats.raw_turn_count();
    while running.stats.raw_turn_count() == turns {
        assert!(Instant::now() < until, "the loop of the raw inputs stands");
        std::thread::sleep(Duration::from_millis(20));
    }
    reason
}

fn mapping_panics(workers: usize) {
    let (_mock, servers, name, topics) = cluster(1);
    let (running, foreign) = start(&servers, &name, &topics, workers);
    let some = [("", "1"), ("", POISON), ("", "2"), ("", HUGE), ("", "3")];
    produce(&servers, &foreign, &some);
    let mut actions = Reader::new(&servers, &topics.actions, 1);
    actions.wait_for(4, WITHIN);
    let mut letters = Reader::new(&servers, &topics.dead_letter, 1);
    letters.wait_for(2, WITHIN);
    let class = |value: &str, class: &str| (value.to_owned(), class.to_owned());
    let failed = class(POISON, "processor_error");
    assert_eq!(classes(&letters), [failed, class(HUGE, "too_large")]);
    check_judging(&servers, &topics, 4);
    assert!(running.stats.raw_stopped().is_empty());

    let mut audit = Reader::new(&servers, &topics.audit, 1);
    audit.wait_for(1, WITHIN);
    assert!(audit.records[0].text().contains("RecordFailed"));

    // One by one, so that the causes are counted apart.
    for n in 0..3 {
        produce(&servers, &foreign, &[("", POISON)]);
        letters.wait_for(3 + n, WITHIN);
    }
    let reason = wait_stopped(&running, &topics, &servers);
    assert!(reason.contains("at last with `poison`"), "{reason}");
    check_judging(&servers, &topics, 5);
    running.end().unwrap();
}

#[test]
fn with_one_worker_a_mapping_that_panics_sets_records_aside_and_then_stops_alone() {
    mapping_panics(1);
}

#[test]
fn with_two_workers_a_mapping_that_panics_sets_records_aside_and_then_stops_alone() {
    mapping_panics(2);
}

/// Starts with raw records; the broker refuses the first `refusals` requests to write what is made
/// of them. There are no audit records, which could take such a refusal.
fn start_refused(values: &[&str], refusals: usize) -> (super::Mock, String, Topics, Running) {
    let (mock, servers, name, topics) = cluster(1);
    let records: Vec<_> = values.iter().map(|value| ("", *value)).collect();
    produce(&servers, &topics.revocations, &records);
    let refusal = RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
    mock.request_errors(RDKafkaApiKey::Produce, &vec![refusal; refusals]);
    let faults = Arc::<Faults>::default();
    faults.audit_silent.store(true, Ordering::Release);
    let (running, _) = start_with(&servers, &name, &topics, 1, &faults);
    (mock, servers, topics, running)
}

fn check_refused(values: &[&str], refusals: usize, letter: &str) {
    let (_mock, servers, topics, running) = start_refused(values, refusals);
    let mut letters = Reader::new(&servers, &topics.dead_letter, 1);
    letters.wait_for(1, WITHIN);
    let expected = (letter.to_owned(), "refused".to_owned());
    assert_eq!(classes(&letters), [expected]);
    let mut actions = Reader::new(&servers, &topics.actions, 1);
    actions.wait_for(values.len() - 1, WITHIN);
    let texts: Vec<String> = actions.records.iter().map(ReadRecord::text).collect();
    assert_eq!(texts, values[1..]);
    assert!(running.stats.raw_stopped().is_empty());
    let aborts = running.stats.aborts.load(Ordering::Relaxed);
    assert_eq!(aborts, refusals as u64);
    running.end().unwrap();
}

#[test]
fn of_several_mapped_records_the_one_that_the_broker_refuses_is_set_aside() {
    // Eight, four, two, and the first record alone.
    check_refused(&["1", "2", "3", "4", "5", "6", "7", "8"], 4, "1");
}

#[test]
fn a_refused_record_whose_dead_letter_is_refused_too_leaves_a_letter_without_its_value() {
    check_refused(&["1", "2", "3"], 3, "");
}

#[test]
fn a_raw_partition_stops_alone_when_the_broker_refuses_every_letter_of_a_record() {
    let (_mock, servers, topics, running) = start_refused(&["1", "2", "3"], 4);
    let reason = wait_stop_reason(&running);
    assert!(reason.contains("at offset 0"), "{reason}");
    assert!(reason.contains("MessageSizeTooLarge"), "{reason}");
    check_judging(&servers, &topics, 0);
    running.end().unwrap();
}

#[test]
fn an_output_that_is_no_action_costs_no_other_of_its_record() {
    let (_mock, servers, name, topics) = cluster(1);
    produce(&servers, &topics.revocations, &[("", MIXED)]);
    let (running, _) = start(&servers, &name, &topics, 1);
    let mut letters = Reader::new(&servers, &topics.dead_letter, 1);
    letters.wait_for(1, WITHIN);
    assert_eq!(
        classes(&letters),
        [(MIXED.to_owned(), "mapping".to_owned())]
    );
    let mut actions = Reader::new(&servers, &topics.actions, 1);
    actions.wait_for(1, WITHIN);
    assert_eq!(actions.records[0].text(), MIXED);
    // Its number is that of the output, so a mapping that is mended later makes the same ids.
    let index = ("scopewatch.index".to_owned(), Some(b"1".to_vec()));
    assert!(actions.records[0].headers.contains(&index));
    running.end().unwrap();
}

/// Commits an offset of a group that has no members.
fn commit_offset(servers: &str, group: &str, topic: &str, offset: i64) {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("group.id", group)
        .create()
        .unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, 0, Offset::Offset(offset))
        .unwrap();
    consumer.commit(&list, CommitMode::Sync).unwrap();
}

#[test]
fn a_raw_topic_that_was_created_anew_stops_alone() {
    let (_mock, servers, name, topics) = cluster(1);
    let group = options(&servers, &name, "a").raw_group_id();
    produce(&servers, &topics.revocations, &[("", "1")]);
    commit_offset(&servers, &group, &topics.revocations, 1_000);
    let (running, _) = start(&servers, &name, &topics, 1);
    let reason = wait_stopped(&running, &topics, &servers);
    assert!(reason.contains("is at offset 1000"), "{reason}");
    check_judging(&servers, &topics, 0);
    running.end().unwrap();
}
