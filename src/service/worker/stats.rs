//! What a process tells about its workers: counters for the console, places for health.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;

/// Longest commit that is told apart, microseconds.
const COMMIT_US_MAX: u64 = 120_000_000;

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

/// Counters of all workers of a process.
pub struct Stats {
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
    /// Raw records that the mapping made nothing of.
    pub raw_skipped: AtomicU64,
    pub raw_records: AtomicU64,
    pub raw_dead: AtomicU64,
    /// Rounds of each worker's loop, and whether the group has answered it.
    workers: Mutex<BTreeMap<usize, (u64, bool)>>,
    /// Absent only if the histogram refused its own bounds.
    commit_us: Mutex<Option<Histogram<u64>>>,
    partitions: Mutex<BTreeMap<i32, PartitionView>>,
}

impl Default for Stats {
    fn default() -> Self {
        Stats {
            records: AtomicU64::new(0),
            outputs: AtomicU64::new(0),
            changelog_records: AtomicU64::new(0),
            commits: AtomicU64::new(0),
            aborts: AtomicU64::new(0),
            rebuilds: AtomicU64::new(0),
            restored_entries: AtomicU64::new(0),
            ticks: AtomicU64::new(0),
            gaps: AtomicU64::new(0),
            raw_skipped: AtomicU64::new(0),
            raw_records: AtomicU64::new(0),
            raw_dead: AtomicU64::new(0),
            workers: Mutex::default(),
            commit_us: Mutex::new(Histogram::new_with_max(COMMIT_US_MAX, 2).ok()),
            partitions: Mutex::default(),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(in crate::service) fn add(counter: &AtomicU64, n: usize) {
    counter.fetch_add(u64::try_from(n).unwrap_or(u64::MAX), Ordering::Relaxed);
}

impl Stats {
    pub(super) fn commit_took(&self, took: Duration) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        let us = u64::try_from(took.as_micros()).unwrap_or(COMMIT_US_MAX);
        if let Some(histogram) = lock(&self.commit_us).as_mut() {
            histogram.saturating_record(us);
        }
    }

    /// Duration of commits at a quantile (0 to 1), microseconds.
    #[must_use]
    pub fn commit_us(&self, quantile: f64) -> u64 {
        lock(&self.commit_us)
            .as_ref()
            .map_or(0, |h| h.value_at_quantile(quantile))
    }

    /// The worker's loop went round once more.
    pub(super) fn beat(&self, worker: usize) {
        lock(&self.workers).entry(worker).or_default().0 += 1;
    }

    /// The group has answered the worker.
    pub(super) fn answered(&self, worker: usize) {
        lock(&self.workers).entry(worker).or_default().1 = true;
    }

    /// The worker lost its place in the group.
    pub(super) fn unanswered(&self, worker: usize) {
        lock(&self.workers).entry(worker).or_default().1 = false;
    }

    /// Rounds of the worker's loop so far.
    #[must_use]
    pub fn beats(&self, worker: usize) -> u64 {
        lock(&self.workers).get(&worker).map_or(0, |entry| entry.0)
    }

    /// Whether the group has answered the worker, even if with no partition at all.
    #[must_use]
    pub fn has_assignment(&self, worker: usize) -> bool {
        lock(&self.workers)
            .get(&worker)
            .is_some_and(|entry| entry.1)
    }

    /// The partitions this process holds.
    #[must_use]
    pub fn partitions(&self) -> BTreeMap<i32, PartitionView> {
        lock(&self.partitions).clone()
    }

    pub(super) fn show(&self, partition: i32, view: PartitionView) {
        lock(&self.partitions).insert(partition, view);
    }

    /// Forgets a partition, unless another worker has it by now.
    pub(super) fn hide(&self, partition: i32, worker: usize) {
        let mut partitions = lock(&self.partitions);
        if partitions
            .get(&partition)
            .is_some_and(|view| view.worker == worker)
        {
            partitions.remove(&partition);
        }
    }
}
