//! What workers say about themselves, and the two answers that follow.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A worker whose loop has not moved for this long is stuck: a restart is the cure. Longer than
/// any wait the loop has.
pub const STALL_MAX: Duration = Duration::from_secs(30);

/// Shared between the workers, who write, and the console, which reads.
#[derive(Debug)]
pub struct Health {
    started: Instant,
    rules_loaded: AtomicBool,
    stopping: AtomicBool,
    workers: Vec<Worker>,
}

#[derive(Debug, Default)]
struct Worker {
    /// Milliseconds from the start to the last movement.
    moved_ms: AtomicU64,
    /// The group has answered, even if with no partition at all.
    assigned: AtomicBool,
    restoring: AtomicUsize,
}

impl Health {
    /// Of a process with this many workers, none of which has moved yet.
    #[must_use]
    pub fn new(workers: usize) -> Self {
        Health {
            started: Instant::now(),
            rules_loaded: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            workers: (0..workers).map(|_| Worker::default()).collect(),
        }
    }

    /// A bundle is active. A later refused one changes nothing: the old goes on judging.
    pub fn rules_loaded(&self) {
        self.rules_loaded.store(true, Ordering::Release);
    }

    /// The process is on its way out and should get no more work.
    pub fn stopping(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// The worker's loop went round once more.
    pub fn moved(&self, worker: usize) {
        if let Some(worker) = self.workers.get(worker) {
            worker.moved_ms.store(self.elapsed_ms(), Ordering::Relaxed);
        }
    }

    /// The worker has an assignment, of which so many partitions are still being restored.
    pub fn assigned(&self, worker: usize, restoring: usize) {
        if let Some(worker) = self.workers.get(worker) {
            worker.restoring.store(restoring, Ordering::Relaxed);
            worker.assigned.store(true, Ordering::Release);
        }
    }

    /// The worker lost its place in the group, and waits for another assignment.
    pub fn unassigned(&self, worker: usize) {
        if let Some(worker) = self.workers.get(worker) {
            worker.assigned.store(false, Ordering::Release);
        }
    }

    /// Nothing, or what is stuck.
    ///
    /// # Errors
    /// A sentence that names the worker.
    pub fn live(&self) -> Result<(), String> {
        self.live_at(self.elapsed_ms())
    }

    pub(super) fn live_at(&self, now_ms: u64) -> Result<(), String> {
        let stall_ms_max = u64::try_from(STALL_MAX.as_millis()).unwrap_or(u64::MAX);
        for (index, worker) in self.workers.iter().enumerate() {
            let still_ms = now_ms.saturating_sub(worker.moved_ms.load(Ordering::Relaxed));
            if still_ms > stall_ms_max {
                return Err(format!(
                    "worker {index} has not moved for {} s",
                    still_ms / 1_000
                ));
            }
        }
        Ok(())
    }

    /// Nothing, or what is missing.
    ///
    /// # Errors
    /// A sentence that names it.
    pub fn ready(&self) -> Result<(), String> {
        if self.stopping.load(Ordering::Acquire) {
            return Err("stopping".to_owned());
        }
        if !self.rules_loaded.load(Ordering::Acquire) {
            return Err("no rules are loaded".to_owned());
        }
        for (index, worker) in self.workers.iter().enumerate() {
            if !worker.assigned.load(Ordering::Acquire) {
                return Err(format!("worker {index} has no assignment yet"));
            }
            let restoring = worker.restoring.load(Ordering::Relaxed);
            if restoring > 0 {
                return Err(format!("worker {index} restores {restoring} partitions"));
            }
        }
        Ok(())
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
