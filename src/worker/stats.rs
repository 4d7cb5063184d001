//! The counters of the workers, and the state of each partition, for metrics and health.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::kafka::TopicPartition;
use crate::telemetry::Metrics;

/// A partition as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionView {
    pub worker: usize,
    /// `asking`, `restoring`, `comparing`, `catching up`, `running` or `stopped`.
    pub state: &'static str,
    /// Why it is stopped or paused.
    pub reason: Option<String>,
    /// Next offset of the actions as committed.
    pub actions_offset_next: i64,
}

/// What a partition's task has in memory, as of its last commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CachedCounts {
    pub agents_cached: u64,
    pub actions_deferred: u64,
}

/// Counters of all workers of a process; counters that only the metrics page shows are in
/// `metrics`.
#[derive(Default)]
pub struct WorkerStats {
    pub metrics: Arc<Metrics>,
    pub records: AtomicU64,
    pub outputs: AtomicU64,
    pub changelog_records: AtomicU64,
    pub commits: AtomicU64,
    pub aborts: AtomicU64,
    /// Producers that were replaced.
    pub rebuilds: AtomicU64,
    pub restored_entries: AtomicU64,
    pub ticks: AtomicU64,
    pub gaps: AtomicU64,
    /// Raw records that the mapping turned into no action.
    pub raw_skipped: AtomicU64,
    pub raw_records: AtomicU64,
    pub raw_dead: AtomicU64,
    /// Turns of each worker's loop, and whether the group has given it an assignment.
    workers: Mutex<BTreeMap<usize, (u64, bool)>>,
    partitions: Mutex<BTreeMap<i32, PartitionView>>,
    /// Turns of the raw inputs' loop.
    raw_turns: AtomicU64,
    /// Partitions of raw inputs that stopped, each with its reason.
    raw_stopped: Mutex<BTreeMap<TopicPartition, String>>,
    /// Of the partitions that have a task.
    cached_counts: Mutex<BTreeMap<i32, CachedCounts>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn add(counter: &AtomicU64, n: usize) {
    counter.fetch_add(u64::try_from(n).unwrap_or(u64::MAX), Ordering::Relaxed);
}

fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}

impl WorkerStats {
    pub(super) fn record_commit(&self, took: Duration) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.metrics.commit.record_us(micros(took));
    }

    /// Records of `input` were taken from Kafka, with so many bytes of values.
    pub(super) fn count_read(&self, input: &'static str, records: usize, bytes: usize) {
        if records == 0 {
            return;
        }
        self.metrics.records.add(input, records as u64);
        self.metrics.record_bytes.add(bytes as u64);
    }

    /// Bytes were written to the changelog.
    pub(super) fn count_changelog_bytes(&self, bytes: usize) {
        self.metrics.changelog_bytes.add(bytes as u64);
    }

    /// One batch was processed in this time.
    pub(super) fn record_batch_time(&self, took: Duration) {
        self.metrics.batch.record_us(micros(took));
    }

    pub(super) fn record_cache(&self, partition: i32, agents_cached: usize, actions_deferred: u64) {
        let cached_counts = CachedCounts {
            agents_cached: agents_cached as u64,
            actions_deferred,
        };
        lock(&self.cached_counts).insert(partition, cached_counts);
    }

    /// The sum over all tasks of this process.
    #[must_use]
    pub fn cached_counts(&self) -> CachedCounts {
        lock(&self.cached_counts)
            .values()
            .fold(CachedCounts::default(), |sum, one| CachedCounts {
                agents_cached: sum.agents_cached + one.agents_cached,
                actions_deferred: sum.actions_deferred + one.actions_deferred,
            })
    }

    /// Duration of commits at a quantile (0 to 1), microseconds.
    #[must_use]
    pub fn commit_us(&self, quantile: f64) -> u64 {
        self.metrics.commit.quantile_us(quantile)
    }

    /// The worker's loop has turned once more.
    pub(super) fn count_turn(&self, worker: usize) {
        lock(&self.workers).entry(worker).or_default().0 += 1;
    }

    /// The loop of the raw inputs has turned once more.
    pub(super) fn count_raw_turn(&self) {
        self.raw_turns.fetch_add(1, Ordering::Relaxed);
    }

    /// Turns of the raw inputs' loop so far.
    #[must_use]
    pub fn raw_turn_count(&self) -> u64 {
        self.raw_turns.load(Ordering::Relaxed)
    }

    /// A partition of a raw input stopped for this reason; `None`: it is not here any more.
    pub(super) fn set_raw_stopped(&self, of: &TopicPartition, reason: Option<String>) {
        let mut stopped = lock(&self.raw_stopped);
        match reason {
            Some(reason) => stopped.insert(of.clone(), reason),
            None => stopped.remove(of),
        };
    }

    /// The partitions of raw inputs that stopped, each with its reason.
    #[must_use]
    pub fn raw_stopped(&self) -> BTreeMap<TopicPartition, String> {
        lock(&self.raw_stopped).clone()
    }

    /// Whether the group has given the worker an assignment; `false` once it is lost.
    pub(super) fn set_assignment(&self, worker: usize, assigned: bool) {
        lock(&self.workers).entry(worker).or_default().1 = assigned;
    }

    /// Turns of the worker's loop so far.
    #[must_use]
    pub fn turn_count(&self, worker: usize) -> u64 {
        lock(&self.workers).get(&worker).map_or(0, |entry| entry.0)
    }

    /// Whether the group has given the worker an assignment, even an empty one.
    #[must_use]
    pub fn has_assignment(&self, worker: usize) -> bool {
        lock(&self.workers)
            .get(&worker)
            .is_some_and(|entry| entry.1)
    }

    /// The partitions of this process.
    #[must_use]
    pub fn partitions(&self) -> BTreeMap<i32, PartitionView> {
        lock(&self.partitions).clone()
    }

    pub(super) fn show_partition(&self, partition: i32, view: PartitionView) {
        // In the other stages a partition has no task, and the next task starts with an empty
        // cache.
        if !matches!(view.state, "running" | "catching up") {
            lock(&self.cached_counts).remove(&partition);
        }
        lock(&self.partitions).insert(partition, view);
    }

    /// Forgets a partition, unless another worker has it by now.
    pub(super) fn hide_partition(&self, partition: i32, worker: usize) {
        let mut partitions = lock(&self.partitions);
        if partitions
            .get(&partition)
            .is_some_and(|view| view.worker == worker)
        {
            partitions.remove(&partition);
            lock(&self.cached_counts).remove(&partition);
        }
    }
}
