//! Records on which the program fails: they are found and set aside, and nothing else stops.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use scopewatch::engine::partitioner::partition_of_key;
use scopewatch::store::MemoryStore;

use super::support::counting::{Faults, MISPLACED, POISON, Running, Setup, check_counts};
use super::support::kafka::{ReadRecord, Reader, options, produce};
use super::{WITHIN, cluster, wait_different};

const PARTITIONS: u32 = 2;

/// Keys of agents in one partition.
fn keys_of(partition: i32) -> impl Iterator<Item = String> {
    let keys = (0..).map(|n| format!("acme/agent-{n}"));
    keys.filter(move |key| partition_of_key(key.as_bytes(), PARTITIONS) == partition)
}

fn start(
    servers: &str,
    name: &str,
    topics: &super::Topics,
    workers: usize,
    faults: &Arc<Faults>,
) -> Running {
    let mut setup = Setup::new(options(servers, name, "a"), topics.clone(), PARTITIONS);
    setup.check = false;
    setup.workers = workers;
    setup.start(&Arc::new(MemoryStore::new()), faults)
}

/// `count` records of ten agents, one of them such that the task panics on it.
fn with_poison(count: usize, bad: usize) -> Vec<(String, String)> {
    let mut records = super::records(0, count);
    records[bad].1 = POISON.into();
    records
}

fn one_bad_record(workers: usize) {
    let (_mock, servers, name, topics) = cluster(2);
    let records = with_poison(300, 137);
    produce(&servers, &topics.actions, &records);
    let running = start(&servers, &name, &topics, workers, &Arc::default());
    let mut alerts = Reader::new(&servers, &topics.alerts, 2);
    let mut letters = Reader::new(&servers, &topics.dead_letter, 2);
    wait_different(&mut alerts, 299);
    letters.wait_for(1, WITHIN);
    // It comes again, and is found again.
    produce(&servers, &topics.actions, &with_poison(20, 3));
    wait_different(&mut alerts, 299 + 19);
    letters.wait_for(2, WITHIN);
    running.wait_state("running", 2, WITHIN);
    let panics = running.stats.metrics.partition_events.count_of("panicked");
    assert!(panics >= 4, "{panics}");
    running.end().unwrap();

    for letter in &letters.records {
        assert_eq!(letter.text(), POISON);
        let class = Some(b"processor_error".to_vec());
        assert_eq!(letter.headers, [("class".to_owned(), class)]);
    }
    let mut expected = BTreeMap::new();
    let again = with_poison(20, 3);
    for (key, value) in records.iter().chain(&again) {
        *expected.entry(key.clone()).or_insert(0) += u64::from(value != POISON);
    }
    let texts: Vec<String> = alerts.records.iter().map(ReadRecord::text).collect();
    check_counts(&texts, &expected);
}

#[test]
fn one_worker_sets_a_record_aside_on_which_its_task_panics_and_judges_all_others_once() {
    one_bad_record(1);
}

#[test]
fn two_workers_set_a_record_aside_on_which_a_task_panics_and_judge_all_others_once() {
    one_bad_record(2);
}

fn many_bad_records(workers: usize) {
    let (_mock, servers, name, topics) = cluster(2);
    let running = start(&servers, &name, &topics, workers, &Arc::default());
    running.wait_state("running", 2, WITHIN);
    let bad = keys_of(0).take(8).map(|key| (key, POISON));
    produce(&servers, &topics.actions, &bad.collect::<Vec<_>>());
    running.wait_state("stopped", 1, WITHIN);
    let views = running.stats.partitions();
    let reason = views[&0].reason.as_deref().unwrap_or_default();
    assert!(reason.contains("at last with `poison`"), "{views:?}");

    // The other partition goes on, the process says what happened, and it can be stopped.
    let good: Vec<_> = keys_of(1).take(30).map(|key| (key, "1")).collect();
    produce(&servers, &topics.actions, &good);
    let mut alerts = Reader::new(&servers, &topics.alerts, 2);
    alerts.wait_for(30, WITHIN);
    let mut audit = Reader::new(&servers, &topics.audit, 1);
    let stopped = |audit: &Reader| audit.records.iter().any(|r| r.text().contains("Stopped"));
    let until = Instant::now() + WITHIN;
    while !stopped(&audit) {
        assert!(Instant::now() < until, "{:?}", audit.records);
        audit.poll(Duration::from_millis(50));
    }
    assert_eq!(running.stats.partitions()[&1].state, "running");
    running.end().unwrap();
}

#[test]
fn with_one_worker_a_partition_that_panics_again_and_again_stops_alone() {
    many_bad_records(1);
}

#[test]
fn with_two_workers_a_partition_that_panics_again_and_again_stops_alone() {
    many_bad_records(2);
}

fn panic_of_the_loop(workers: usize) {
    let (_mock, servers, name, topics) = cluster(2);
    let faults = Arc::<Faults>::default();
    faults.audit_panics.store(true, Ordering::Release);
    let running = start(&servers, &name, &topics, workers, &faults);
    running.wait_state("running", 2, WITHIN);
    produce(&servers, &topics.actions, &with_poison(20, 3));
    let error = running.wait_end(WITHIN).unwrap_err().to_string();
    assert!(error.contains("panicked: no audit record"), "{error}");
}

#[test]
fn a_panic_outside_of_a_task_closes_the_clients_of_one_worker_and_ends_the_process() {
    panic_of_the_loop(1);
}

#[test]
fn a_panic_outside_of_a_task_ends_two_workers_and_the_process() {
    panic_of_the_loop(2);
}

#[test]
fn a_record_that_may_not_be_moved_becomes_a_dead_letter_and_stops_nothing() {
    let (_mock, servers, name, topics) = cluster(1);
    let mut setup = Setup::new(options(&servers, &name, "a"), topics.clone(), 1);
    setup.check = false;
    let faults = Arc::<Faults>::default();
    let running = setup.start(&Arc::new(MemoryStore::new()), &faults);
    running.wait_state("running", 1, WITHIN);
    // Without the fault it comes back through the topic, and is counted.
    produce(&servers, &topics.actions, &[("acme/a", MISPLACED)]);
    let mut alerts = Reader::new(&servers, &topics.alerts, 1);
    alerts.wait_for(1, WITHIN);
    // Larger than any broker accepts.
    faults.huge.store(true, Ordering::Release);
    produce(&servers, &topics.actions, &[("acme/a", MISPLACED)]);
    let mut letters = Reader::new(&servers, &topics.dead_letter, 1);
    letters.wait_for(1, WITHIN);
    assert_eq!(letters.records[0].text(), MISPLACED);
    faults.huge.store(false, Ordering::Release);
    produce(&servers, &topics.actions, &[("acme/a", "1")]);
    alerts.wait_for(2, WITHIN);
    assert!(alerts.records[1].text().ends_with(" acme/a 2"));
    running.end().unwrap();
}

#[test]
fn a_record_that_waits_for_a_schema_holds_its_partition_up_only_for_a_while() {
    let (_mock, servers, name, topics) = cluster(1);
    let mut setup = Setup::new(options(&servers, &name, "a"), topics.clone(), 1);
    setup.check = false;
    setup.schema_within = Duration::from_secs(2);
    let faults = Arc::<Faults>::default();
    faults.pause.store(true, Ordering::Release);
    let running = setup.start(&Arc::new(MemoryStore::new()), &faults);
    let mut waiting: Vec<_> = (0..5).map(|_| ("acme/a", "later")).collect();
    waiting.push(("acme/a", "1"));
    produce(&servers, &topics.actions, &waiting);
    let mut alerts = Reader::new(&servers, &topics.alerts, 1);
    alerts.wait_for(1, WITHIN);
    let mut letters = Reader::new(&servers, &topics.dead_letter, 1);
    letters.wait_for(5, WITHIN);
    assert!(
        letters
            .records
            .iter()
            .all(|letter| letter.text() == "later")
    );
    let paused = running.stats.metrics.partition_events.count_of("paused");
    assert!(paused >= 1, "it waited");
    running.end().unwrap();
}
