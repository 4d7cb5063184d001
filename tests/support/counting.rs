//! A task that counts: one alert per action with the running count of its key. A record that is
//! lost or repeated, or a commit that is torn, shows in the counts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use scopewatch::engine::contract::{
    CommitUrgency, InputRecord, OutputRecord, OutputTopic, PartitionCommit, PartitionMeta,
    PartitionNotice, PartitionTask, Rejection, TaskError, TaskFactory,
};
use scopewatch::engine::outcome::FailureStage;
use scopewatch::event::Input;
use scopewatch::kafka::{DeliveryGuarantee, KafkaOptions};
use scopewatch::store::{MemoryStore, Store};
use scopewatch::worker::topics::Topics;
use scopewatch::worker::{GapPolicy, Stop, SupervisorOptions, WorkerError, WorkerStats, supervise};

/// Faults that a test can switch on.
#[derive(Default)]
pub struct Faults {
    /// The next output is larger than any broker accepts, once.
    pub huge_once: AtomicBool,
    /// Every output is larger than any broker accepts.
    pub huge: AtomicBool,
    /// Inputs of the records in the order in which they were applied.
    pub order: std::sync::Mutex<Vec<Input>>,
    /// Actions whose value is `later` are not processed while this is set.
    pub pause: AtomicBool,
    /// Tasks ask for ticks.
    pub ticks: AtomicBool,
    /// Records with the value [`MISPLACED`] are dead letters instead of moved.
    pub moves_forbidden: AtomicBool,
    /// The factory panics when it is asked for an audit record.
    pub audit_panics: AtomicBool,
    /// The factory makes no audit records.
    pub audit_silent: AtomicBool,
}

/// An action with this value makes the task panic.
pub const POISON: &str = "poison";
/// An action with this value is moved: written to the topic of the actions again, with its key.
pub const MISPLACED: &str = "misplaced";

pub struct Counting {
    pub partition_count: u32,
    pub faults: Arc<Faults>,
}

pub struct CountingTask {
    partition: i32,
    meta: PartitionMeta,
    queue: std::collections::VecDeque<(InputRecord, Option<Rejection>)>,
    /// Count and last applied offset by key.
    dirty: BTreeMap<Vec<u8>, (u64, i64)>,
    clean: BTreeMap<Vec<u8>, (u64, i64)>,
    outputs: Vec<OutputRecord>,
    touched: bool,
    faults: Arc<Faults>,
}

fn state(bytes: &[u8]) -> (u64, i64) {
    let part = |at: usize| bytes[at..at + 8].try_into().unwrap();
    (u64::from_le_bytes(part(0)), i64::from_le_bytes(part(8)))
}

impl TaskFactory for Counting {
    type Task = CountingTask;

    fn open(&self, partition: i32, store: &dyn Store) -> Result<CountingTask, TaskError> {
        let stored = store.meta(partition).unwrap();
        let meta = stored.map(|bytes| PartitionMeta::from_bytes(&bytes).unwrap());
        Ok(CountingTask {
            partition,
            meta: meta.unwrap_or_else(|| PartitionMeta::new(1, self.partition_count)),
            queue: std::collections::VecDeque::new(),
            dirty: BTreeMap::new(),
            clean: BTreeMap::new(),
            outputs: Vec::new(),
            touched: false,
            faults: Arc::clone(&self.faults),
        })
    }

    fn set_moving(&self, allowed: bool) {
        self.faults
            .moves_forbidden
            .store(!allowed, Ordering::Release);
    }

    fn audit_record(&self, notice: &PartitionNotice) -> Option<OutputRecord> {
        let panics = self.faults.audit_panics.load(Ordering::Acquire);
        assert!(!panics, "no audit record");
        if self.faults.audit_silent.load(Ordering::Acquire) {
            return None;
        }
        Some(OutputRecord {
            topic: OutputTopic::Audit,
            partition: Some(0),
            key: None,
            value: Some(format!("{notice:?}").into_bytes()),
            headers: Vec::new(),
        })
    }
}

impl CountingTask {
    fn move_record(&mut self, record: InputRecord) {
        if self.faults.moves_forbidden.load(Ordering::Acquire) {
            return self.reject(record, "misplaced");
        }
        self.touched = true;
        self.meta
            .set_offset_next(record.input, record.position.offset + 1);
        self.outputs.push(OutputRecord {
            topic: OutputTopic::Input(record.input),
            partition: None,
            key: record.key,
            value: Some(if self.faults.huge.load(Ordering::Acquire) {
                vec![b'x'; 30_000_000]
            } else {
                b"moved".to_vec()
            }),
            headers: Vec::new(),
        });
    }

    fn reject(&mut self, record: InputRecord, class: &str) {
        self.touched = true;
        self.meta
            .set_offset_next(record.input, record.position.offset + 1);
        self.outputs.push(OutputRecord {
            topic: OutputTopic::DeadLetter,
            partition: None,
            key: record.key,
            value: record.value,
            headers: vec![("class".into(), Some(class.into()))],
        });
    }

    fn apply(&mut self, store: &dyn Store, record: &InputRecord) {
        assert!(record.value.as_deref() != Some(POISON.as_bytes()), "poison");
        self.touched = true;
        self.faults.order.lock().unwrap().push(record.input);
        self.meta
            .set_offset_next(record.input, record.position.offset + 1);
        self.meta.stream_ms = self.meta.stream_ms.max(record.append_ms);
        let mut key = record.key.clone().unwrap_or_default();
        if record.input != Input::Actions {
            key.insert(0, b'!');
        }
        let held = self
            .dirty
            .get(&key)
            .or_else(|| self.clean.get(&key))
            .copied();
        let (count, applied) = held.unwrap_or_else(|| {
            store
                .get(self.partition, &key)
                .unwrap()
                .map_or((0, -1), |b| state(&b))
        });
        let offset = record.position.offset;
        assert!(offset > applied, "offset {offset} comes after {applied}");
        self.dirty.insert(key, (count + 1, offset));
        if record.input != Input::Actions {
            return;
        }
        let name = String::from_utf8_lossy(record.key.as_deref().unwrap_or_default()).into_owned();
        let mut value = format!("{}/{offset} {name} {}", self.partition, count + 1).into_bytes();
        let huge = self.faults.huge.load(Ordering::Acquire);
        if self.faults.huge_once.swap(false, Ordering::AcqRel) || huge {
            value.resize(30_000_000, b'x');
        }
        self.outputs.push(OutputRecord {
            topic: OutputTopic::Alerts,
            partition: None,
            key: record.key.clone(),
            value: Some(value),
            headers: vec![("n".into(), Some(b"1".to_vec()))],
        });
    }
}

impl PartitionTask for CountingTask {
    fn push(&mut self, record: InputRecord) {
        self.queue.push_back((record, None));
    }

    fn push_rejected(&mut self, record: InputRecord, rejection: Rejection) {
        self.queue.push_back((record, Some(rejection)));
    }

    fn reject_waiting(&mut self, input: Input) {
        let waits = |(record, _): &&mut (InputRecord, _)| record.input == input;
        if let Some((_, rejection)) = self.queue.iter_mut().find(waits) {
            *rejection = Some(Rejection {
                stage: FailureStage::Decode,
                class: "unknown_schema_id",
                message: String::new(),
                reported: true,
            });
        }
    }

    fn pending_records(&self) -> usize {
        self.queue.len()
    }

    fn pending_bytes(&self) -> usize {
        0
    }

    fn process_queued(&mut self, store: &dyn Store) -> Result<(), TaskError> {
        while let Some((record, rejection)) = self.queue.front() {
            let later = rejection.is_none() && record.value.as_deref() == Some(b"later");
            if later && self.faults.pause.load(Ordering::Acquire) {
                let reason = "told to wait".to_owned();
                return Err(TaskError::Paused {
                    input: record.input,
                    reason,
                });
            }
            match self.queue.pop_front() {
                Some((record, Some(rejection))) => self.reject(record, rejection.class),
                Some((record, None)) if record.value.as_deref() == Some(MISPLACED.as_bytes()) => {
                    self.move_record(record);
                }
                Some((record, None)) => self.apply(store, &record),
                None => {}
            }
        }
        Ok(())
    }

    fn commit_urgency(&self) -> CommitUrgency {
        match (self.outputs.is_empty(), self.touched) {
            (false, _) => CommitUrgency::Alert,
            (true, true) => CommitUrgency::Batch,
            (true, false) => CommitUrgency::Idle,
        }
    }

    fn dirty_bytes(&self) -> usize {
        self.dirty.len() * 32
    }

    fn take_commit(&mut self) -> Option<PartitionCommit> {
        if !self.touched {
            return None;
        }
        self.touched = false;
        self.meta.sequence += 1;
        let urgency = self.commit_urgency();
        let changelog = self.dirty.iter().map(|(key, (count, applied))| {
            let mut value = count.to_le_bytes().to_vec();
            value.extend(applied.to_le_bytes());
            (key.clone(), Some(value))
        });
        Some(PartitionCommit {
            partition: self.partition,
            changelog: changelog.collect(),
            local: Vec::new(),
            outcomes: Vec::new(),
            outputs: std::mem::take(&mut self.outputs),
            meta: self.meta.clone(),
            actions_offset_next: self.meta.offset_next(Input::Actions),
            urgency,
            agents_cached: Some(self.clean.len()),
        })
    }

    fn confirm_commit(&mut self, commit: &PartitionCommit) {
        self.meta.clone_from(&commit.meta);
        self.clean.append(&mut self.dirty);
    }

    fn tick_record(&self, _wall_ms: i64, _quiet_ms: i64) -> Option<OutputRecord> {
        self.faults
            .ticks
            .load(Ordering::Acquire)
            .then(|| OutputRecord {
                topic: OutputTopic::Links,
                partition: Some(self.partition),
                key: Some(b"tick".to_vec()),
                value: Some(b"tick".to_vec()),
                headers: Vec::new(),
            })
    }
}

/// Settings that a test can change.
pub struct Setup {
    pub kafka: KafkaOptions,
    pub topics: Topics,
    pub partitions: u32,
    pub workers: usize,
    pub delivery: DeliveryGuarantee,
    pub gap: GapPolicy,
    pub check: bool,
    pub schema_within: Duration,
    pub store_kept: Duration,
    pub raw: Vec<scopewatch::worker::raw::RawInput>,
}

impl Setup {
    pub fn new(kafka: KafkaOptions, topics: Topics, partitions: u32) -> Self {
        Setup {
            kafka,
            topics,
            partitions,
            workers: 1,
            delivery: DeliveryGuarantee::ExactlyOnce,
            gap: GapPolicy::Stop,
            check: true,
            schema_within: Duration::from_secs(60),
            store_kept: scopewatch::worker::settings::STORE_KEPT,
            raw: Vec::new(),
        }
    }

    pub fn supervisor(self) -> (SupervisorOptions, u32) {
        let options = SupervisorOptions {
            kafka: self.kafka,
            topics: self.topics,
            workers: self.workers,
            delivery: self.delivery,
            gap: self.gap,
            tick_after: Duration::from_millis(500),
            schema_within: self.schema_within,
            store_kept: self.store_kept,
            raw: self.raw,
            append_time: true,
            check_topics: self.check,
        };
        (options, self.partitions)
    }

    pub fn start(self, store: &Arc<MemoryStore>, faults: &Arc<Faults>) -> Running {
        let (options, partition_count) = self.supervisor();
        let factory = Arc::new(Counting {
            partition_count,
            faults: Arc::clone(faults),
        });
        let (stop, stats) = (Stop::new(), Arc::new(WorkerStats::default()));
        let (own_stop, own_stats) = (stop.clone(), Arc::clone(&stats));
        let store: Arc<dyn Store> = store.clone();
        let thread =
            std::thread::spawn(move || supervise(options, factory, store, &own_stop, &own_stats));
        Running {
            stop,
            stats,
            thread,
        }
    }
}

/// A supervisor on a thread of its own.
pub struct Running {
    pub stop: Stop,
    pub stats: Arc<WorkerStats>,
    thread: std::thread::JoinHandle<Result<(), WorkerError>>,
}

impl Running {
    pub fn end(self) -> Result<(), WorkerError> {
        self.stop.request();
        self.thread.join().unwrap()
    }

    /// Waits until the supervisor ends by itself.
    pub fn wait_end(self, within: Duration) -> Result<(), WorkerError> {
        let until = Instant::now() + within;
        while !self.thread.is_finished() {
            assert!(Instant::now() < until, "the supervisor goes on");
            std::thread::sleep(Duration::from_millis(10));
        }
        self.thread.join().unwrap()
    }

    /// Waits until `count` partitions are in `state`.
    pub fn wait_state(&self, state: &str, count: usize, within: Duration) {
        let until = Instant::now() + within;
        loop {
            let views = self.stats.partitions();
            if views.values().filter(|view| view.state == state).count() >= count {
                return;
            }
            assert!(Instant::now() < until, "not {count} {state}: {views:?}");
            assert!(!self.thread.is_finished(), "the supervisor has ended");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Checks alerts `partition/offset key count` against the log: each action once, counts in order.
pub fn check_counts(alerts: &[String], per_key: &BTreeMap<String, u64>) {
    let mut places = std::collections::BTreeSet::new();
    let mut counts: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for alert in alerts {
        let words: Vec<&str> = alert.split(' ').collect();
        assert!(places.insert(words[0].to_owned()), "{} twice", words[0]);
        counts
            .entry(words[1].to_owned())
            .or_default()
            .push(words[2].parse().unwrap());
    }
    for (key, count) in per_key {
        let mut got = counts.remove(key).unwrap_or_default();
        got.sort_unstable();
        assert_eq!(got, (1..=*count).collect::<Vec<_>>(), "counts of {key}");
    }
    assert!(counts.is_empty(), "alerts nobody asked for: {counts:?}");
}

/// All entries of a store except META.
pub fn contents(store: &MemoryStore) -> BTreeMap<(i32, Vec<u8>), Vec<u8>> {
    let mut all = BTreeMap::new();
    for partition in store.partitions() {
        let mut visit = |key: &[u8], value: &[u8]| {
            if key != scopewatch::store::META_KEY {
                all.insert((partition, key.to_vec()), value.to_vec());
            }
            std::ops::ControlFlow::Continue(())
        };
        store.scan_prefix(partition, b"", &mut visit).unwrap();
    }
    all
}
