//! Worker processes that are killed and frozen, on a real Apache Kafka. The test binary starts
//! itself as the worker process, so that `kill -9` ends a whole process.
#![cfg(feature = "kafka")]
#![allow(clippy::disallowed_methods, reason = "no pure room")]

mod support;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use scopewatch::kafka::{CleanupPolicy, TimestampType, TopicSpec};
use scopewatch::run::signals;
use scopewatch::store::MemoryStore;
use scopewatch::worker::raw::RawInput;
use scopewatch::worker::topics::Topics;
use scopewatch::worker::{WorkerStats, supervise};
use support::counting::{Counting, Setup, check_counts};
use support::kafka::{
    ReadRecord, Reader, bootstrap, create, create_specs, ends, options, produce, topics, unique,
};

const PARTITIONS: i32 = 4;
const KEYS: usize = 60;
/// Longest wait for an event. No test says how fast anything is.
const WITHIN: Duration = Duration::from_secs(120);

/// The worker process: does nothing unless it was started by one of the tests below.
#[test]
fn child() {
    let Ok(servers) = std::env::var("SCOPEWATCH_CHILD_SERVERS") else {
        return;
    };
    // Shown with RUST_LOG=scopewatch=info and --nocapture.
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr);
    let _ = log.with_env_filter(filter).try_init();
    let name = std::env::var("SCOPEWATCH_CHILD_NAME").unwrap();
    let instance = std::env::var("SCOPEWATCH_CHILD_INSTANCE").unwrap();
    let stop = signals::install_handlers();
    let stats = Arc::new(WorkerStats::default());
    let told = Arc::clone(&stats);
    std::thread::spawn(move || {
        loop {
            let running = told
                .partitions()
                .values()
                .filter(|v| v.state == "running")
                .count();
            let raw = told.raw_records.load(Ordering::Relaxed);
            let commits = told.commits.load(Ordering::Relaxed) + raw;
            let aborts = told.aborts.load(Ordering::Relaxed);
            eprintln!("status {running} {commits} {aborts}");
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let mut setup = Setup::new(options(&servers, &name, &instance), topics(&name), 4);
    setup.workers = 2;
    if std::env::var_os("SCOPEWATCH_CHILD_RAW").is_some() {
        setup.raw = vec![raw_input(&name)];
    }
    let (supervisor, partition_count) = setup.supervisor();
    let factory = Arc::new(Counting {
        partition_count,
        faults: Arc::default(),
    });
    let store = Arc::new(MemoryStore::new());
    let outcome = supervise(supervisor, factory, store, &stop, &stats);
    if let Err(error) = &outcome {
        eprintln!("error {error}");
    }
    std::process::exit(if outcome.is_ok() { 0 } else { 4 });
}

fn raw_topic(name: &str) -> String {
    format!("{name}.raw")
}

/// The actions of a raw record: none for every seventh, two for the others.
fn mapped(n: usize) -> Vec<(String, String)> {
    let copies = if n.is_multiple_of(7) { 0 } else { 2 };
    (0..copies)
        .map(|copy| (format!("acme/agent-{}", n % KEYS), format!("{n}/{copy}")))
        .collect()
}

/// Raw records with an action that the broker refuses.
const REFUSED: [usize; 3] = [1_000, 9_999, 15_000];
/// `max.message.bytes` of the topic of the actions, and the size of a refused action. The program
/// would read an action of this size.
const TOPIC_BYTES_MAX: i64 = 220_000;
const REFUSED_BYTES: usize = 250_000;

/// Bytes that no compression makes smaller.
fn random_bytes(count: usize) -> Vec<u8> {
    let mut state = 11_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    std::iter::repeat_with(next).take(count).collect()
}

fn raw_input(name: &str) -> RawInput {
    RawInput {
        topic: raw_topic(name).into(),
        backfill: false,
        mapper: Box::new(move |record| {
            let text = String::from_utf8_lossy(record.value.as_deref().unwrap_or_default());
            let n = text.parse().map_err(|_| "not a number".to_owned())?;
            let actions = mapped(n).into_iter();
            let mut actions: Vec<_> = actions
                .map(|(key, value)| Ok((key.into_bytes(), value.into_bytes())))
                .collect();
            if REFUSED.contains(&n) {
                actions.push(Ok((b"acme/agent-0".to_vec(), random_bytes(REFUSED_BYTES))));
            }
            Ok(actions)
        }),
    }
}

/// A worker process and its output.
struct Worker {
    process: Child,
    running: Arc<AtomicU64>,
    commits: Arc<AtomicU64>,
    aborts: Arc<AtomicU64>,
}

impl Worker {
    fn start(servers: &str, name: &str, instance: &str) -> Worker {
        let command = Command::new(std::env::current_exe().unwrap());
        Worker::spawn(command, servers, name, instance)
    }

    /// Starts one that maps raw records too.
    fn start_raw(servers: &str, name: &str) -> Worker {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.env("SCOPEWATCH_CHILD_RAW", "1");
        Worker::spawn(command, servers, name, "a")
    }

    fn spawn(mut command: Command, servers: &str, name: &str, instance: &str) -> Worker {
        let mut process = command
            .args(["--exact", "child", "--nocapture"])
            .env("SCOPEWATCH_CHILD_SERVERS", servers)
            .env("SCOPEWATCH_CHILD_NAME", name)
            .env("SCOPEWATCH_CHILD_INSTANCE", instance)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let [running, commits, aborts] = [(); 3].map(|()| Arc::new(AtomicU64::new(0)));
        let told = [&running, &commits, &aborts].map(Arc::clone);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let words: Vec<&str> = line.split(' ').collect();
                if let ["status", numbers @ ..] = &words[..] {
                    for (number, told) in numbers.iter().zip(&told) {
                        told.store(number.parse().unwrap(), Ordering::Release);
                    }
                } else {
                    println!("{line}");
                }
            }
        });
        Worker {
            process,
            running,
            commits,
            aborts,
        }
    }

    fn signal(&self, signal: libc::c_int) {
        let pid = libc::pid_t::try_from(self.process.id()).unwrap();
        // SAFETY: a signal to a process of our own that has not been waited for.
        assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
    }

    fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    fn wait_commit(&self, within: Duration) {
        let until = Instant::now() + within;
        while self.commits.load(Ordering::Acquire) == 0 {
            assert!(Instant::now() < until, "no commit");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until a transaction was aborted.
    fn wait_abort(&self, within: Duration) {
        let until = Instant::now() + within;
        while self.aborts.load(Ordering::Acquire) == 0 {
            assert!(Instant::now() < until, "no transaction was aborted");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn wait_running(&self, count: u64, within: Duration) {
        let until = Instant::now() + within;
        while self.running.load(Ordering::Acquire) < count {
            assert!(Instant::now() < until, "not {count} running");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends SIGTERM; returns the exit code and how long the process took to end.
    fn terminate(mut self) -> (Option<i32>, Duration) {
        let asked = Instant::now();
        self.signal(libc::SIGTERM);
        let status = self.process.wait().unwrap();
        (status.code(), asked.elapsed())
    }
}

/// Produces actions and knows the expected counts.
struct Feed {
    servers: String,
    topic: String,
    sent: usize,
    per_key: BTreeMap<String, u64>,
}

impl Feed {
    fn new(servers: &str, topics: &Topics) -> Feed {
        let (servers, topic) = (servers.to_owned(), topics.actions.to_string());
        Feed {
            servers,
            topic,
            sent: 0,
            per_key: BTreeMap::new(),
        }
    }

    fn send(&mut self, count: usize) {
        let records: Vec<_> = (self.sent..self.sent + count)
            .map(|n| (format!("acme/agent-{}", n % KEYS), n.to_string()))
            .collect();
        for (key, _) in &records {
            *self.per_key.entry(key.clone()).or_insert(0) += 1;
        }
        produce(&self.servers, &self.topic, &records);
        self.sent += count;
    }
}

fn verify(servers: &str, topics: &Topics, feed: &Feed) {
    let mut alerts = Reader::new(servers, &topics.alerts, PARTITIONS);
    alerts.wait_for(feed.sent, WITHIN);
    alerts.poll(Duration::from_millis(500));
    let texts: Vec<String> = alerts.records.iter().map(ReadRecord::text).collect();
    check_counts(&texts, &feed.per_key);
    for topic in [&topics.alerts, &topics.changelog] {
        let until = Instant::now() + WITHIN;
        loop {
            let high = ends(servers, topic, PARTITIONS, "read_uncommitted");
            if high == ends(servers, topic, PARTITIONS, "read_committed") {
                break;
            }
            assert!(
                Instant::now() < until,
                "a transaction stays open on {topic}"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

#[test]
fn kills_lose_nothing_and_repeat_nothing() {
    let Some(servers) = bootstrap() else { return };
    let name = unique("kill");
    let topics = topics(&name);
    create(&servers, &topics, PARTITIONS);
    let mut feed = Feed::new(&servers, &topics);
    for round in 0..5u64 {
        let started = Instant::now();
        let worker = Worker::start(&servers, &name, "a");
        feed.send(2_000);
        worker.wait_commit(WITHIN);
        println!(
            "round {round}: first commit after {} ms",
            started.elapsed().as_millis()
        );
        // At another moment of the stream each time.
        std::thread::sleep(Duration::from_millis(7 + 61 * round));
        worker.kill();
    }
    let worker = Worker::start(&servers, &name, "a");
    verify(&servers, &topics, &feed);
    let (code, took) = worker.terminate();
    println!("SIGTERM: exit {code:?} after {} ms", took.as_millis());
    assert_eq!(code, Some(0));
}

/// The topics of the raw test; the broker takes only small actions.
fn create_raw_topics(servers: &str, topics: &Topics, raw: &str) {
    let mut specs = topics.specs(PARTITIONS, 1, true);
    let foreign = TopicSpec {
        name: raw.to_owned(),
        cleanup: CleanupPolicy::Delete,
        timestamps: TimestampType::Any,
        ..topics.specs(PARTITIONS, 1, true).swap_remove(0)
    };
    for spec in &mut specs {
        if *spec.name == *topics.actions {
            spec.message_bytes_max = TOPIC_BYTES_MAX;
        }
    }
    specs.push(foreign);
    create_specs(servers, &specs);
}

#[test]
fn raw_records_are_mapped_once_through_refusals_aborts_and_kills() {
    let Some(servers) = bootstrap() else { return };
    let name = unique("raw-kill");
    let topics = topics(&name);
    let raw = raw_topic(&name);
    create_raw_topics(&servers, &topics, &raw);
    let count = 20_000;
    let records: Vec<_> = (0..count).map(|n| (n.to_string(), n.to_string())).collect();
    produce(&servers, &raw, &records[..6_000]);
    // Killed while it searches for the record that the broker refuses.
    let worker = Worker::start_raw(&servers, &name);
    worker.wait_abort(WITHIN);
    produce(&servers, &raw, &records[6_000..12_000]);
    println!("killed after {:?} records and commits", worker.commits);
    worker.kill();
    let worker = Worker::start_raw(&servers, &name);
    produce(&servers, &raw, &records[12_000..]);
    let passed = (0..count).filter(|n| !REFUSED.contains(n));
    let mut expected: Vec<_> = passed.flat_map(mapped).collect();
    let mut actions = Reader::new(&servers, &topics.actions, PARTITIONS);
    actions.wait_for(expected.len(), WITHIN);
    let mut letters = Reader::new(&servers, &topics.dead_letter, PARTITIONS);
    letters.wait_for(REFUSED.len(), WITHIN);
    worker.wait_abort(WITHIN);
    println!("aborts of the second process: {:?}", worker.aborts);
    let (code, _) = worker.terminate();
    assert_eq!(code, Some(0));
    // Nothing is written any more: whatever came twice is there.
    actions.poll(Duration::from_secs(1));
    letters.poll(Duration::from_secs(1));
    let texts: std::collections::BTreeSet<_> =
        letters.records.iter().map(ReadRecord::text).collect();
    assert_eq!(texts, REFUSED.iter().map(ToString::to_string).collect());
    assert_eq!(letters.records.len(), REFUSED.len());
    let mut got: Vec<_> = actions
        .records
        .iter()
        .map(|record| {
            let key = record.key.clone().unwrap_or_default();
            (String::from_utf8(key).unwrap(), record.text())
        })
        .collect();
    got.sort();
    expected.sort();
    assert_eq!(got.len(), expected.len());
    assert!(got == expected, "the same number of other records");
}

#[test]
fn a_frozen_process_is_replaced_and_does_no_harm_when_it_wakes() {
    let Some(servers) = bootstrap() else { return };
    let name = unique("zombie");
    let topics = topics(&name);
    create(&servers, &topics, PARTITIONS);
    let mut feed = Feed::new(&servers, &topics);
    let frozen = Worker::start(&servers, &name, "a");
    feed.send(2_000);
    frozen.wait_commit(WITHIN);
    let second = Worker::start(&servers, &name, "b");
    second.wait_running(1, WITHIN);
    feed.send(5_000);
    frozen.signal(libc::SIGSTOP);
    let stopped = Instant::now();
    feed.send(2_000);
    second.wait_running(4, WITHIN);
    println!(
        "taken over after {} ms (session 6000)",
        stopped.elapsed().as_millis()
    );
    feed.send(2_000);
    std::thread::sleep(Duration::from_secs(2));
    frozen.signal(libc::SIGCONT);
    feed.send(2_000);
    std::thread::sleep(Duration::from_secs(3));
    feed.send(2_000);
    verify(&servers, &topics, &feed);
    frozen.wait_running(1, WITHIN);
    let (code, _) = frozen.terminate();
    assert_eq!(
        code,
        Some(0),
        "the frozen process came back and ended in order"
    );
    second.kill();
}

#[test]
fn two_processes_with_one_name_do_not_fight_for_ever() {
    let Some(servers) = bootstrap() else { return };
    let name = unique("twins");
    let topics = topics(&name);
    create(&servers, &topics, PARTITIONS);
    let mut feed = Feed::new(&servers, &topics);
    let mut twins = [
        Worker::start(&servers, &name, "a"),
        Worker::start(&servers, &name, "a"),
    ];
    let until = Instant::now() + WITHIN;
    let mut ended = None;
    while ended.is_none() {
        assert!(Instant::now() < until, "both go on");
        feed.send(100);
        for twin in &mut twins {
            ended = ended.or(twin.process.try_wait().unwrap());
        }
    }
    assert_eq!(ended.unwrap().code(), Some(4));
    for twin in twins {
        twin.kill();
    }
    let worker = Worker::start(&servers, &name, "a");
    verify(&servers, &topics, &feed);
    worker.kill();
}
