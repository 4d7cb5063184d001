//! The state that workers report, and the two health checks that follow from it.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A worker whose loop has made no turn for this long is stuck, and the process needs a restart.
/// Longer than every wait in the loop.
pub const STALL_MAX: Duration = Duration::from_secs(30);

/// A process to which no broker has answered for this long can do no work. Longer than two look-ups
/// that fail.
pub const BROKER_SILENT_MAX: Duration = Duration::from_secs(30);

/// Shared between the workers, who write, and the console, which reads.
#[derive(Debug)]
pub struct ProcessHealth {
    started: Instant,
    rules_loaded: AtomicBool,
    stopping: AtomicBool,
    workers: Vec<WorkerHealth>,
    /// The thread of the raw inputs, where there are any.
    raw: Option<WorkerHealth>,
    /// One sentence for each partition that has stopped.
    stopped: Mutex<Vec<String>>,
    /// `None`: nobody asks the broker.
    broker: Mutex<Option<BrokerContact>>,
}

/// What a broker has answered.
#[derive(Debug)]
struct BrokerContact {
    /// Milliseconds from the start of the process to the last answer.
    answered_ms: u64,
    /// What failed since then.
    trouble: Option<String>,
}

#[derive(Debug, Default)]
struct WorkerHealth {
    /// Milliseconds from the start of the process to the last turn of the loop.
    turned_ms: AtomicU64,
    /// The group has sent an assignment, even one without partitions.
    assigned: AtomicBool,
    restoring: AtomicUsize,
}

impl ProcessHealth {
    /// The health of a process with this many workers, before their first turn. `raw_inputs`: it
    /// has a thread for raw inputs too.
    #[must_use]
    pub fn new(workers: usize, raw_inputs: bool) -> Self {
        ProcessHealth {
            started: Instant::now(),
            rules_loaded: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            workers: (0..workers).map(|_| WorkerHealth::default()).collect(),
            raw: raw_inputs.then(WorkerHealth::default),
            stopped: Mutex::default(),
            broker: Mutex::default(),
        }
    }

    /// Records that a bundle is active. A refused reload changes nothing: the old bundle stays.
    pub fn set_rules_loaded(&self) {
        self.rules_loaded.store(true, Ordering::Release);
    }

    /// Records that the process is ending and should get no more work.
    pub fn set_stopping(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// Records one turn of a worker's loop.
    pub fn record_turn(&self, worker: usize) {
        if let Some(worker) = self.workers.get(worker) {
            worker.turned_ms.store(self.elapsed_ms(), Ordering::Relaxed);
        }
    }

    /// Records one turn of the raw inputs' loop.
    pub fn record_raw_turn(&self) {
        if let Some(raw) = &self.raw {
            raw.turned_ms.store(self.elapsed_ms(), Ordering::Relaxed);
        }
    }

    /// Records which partitions have stopped, one sentence for each.
    pub fn set_stopped(&self, stopped: Vec<String>) {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = stopped;
    }

    /// Records that a broker has answered. From the first time on it must go on answering.
    pub fn record_broker_reply(&self) {
        *self.lock_broker() = Some(BrokerContact {
            answered_ms: self.elapsed_ms(),
            trouble: None,
        });
    }

    /// Records why no broker has answered.
    pub fn set_broker_trouble(&self, reason: String) {
        if let Some(contact) = self.lock_broker().as_mut() {
            contact.trouble = Some(reason);
        }
    }

    /// Whether a broker has answered lately.
    ///
    /// # Errors
    /// A sentence that says for how long none has, and what failed.
    pub fn check_broker(&self) -> Result<(), String> {
        self.check_broker_at(self.elapsed_ms())
    }

    pub(super) fn check_broker_at(&self, now_ms: u64) -> Result<(), String> {
        let contact = self.lock_broker();
        let Some(contact) = contact.as_ref() else {
            return Ok(());
        };
        let silent_ms = now_ms.saturating_sub(contact.answered_ms);
        let silent_ms_max = u64::try_from(BROKER_SILENT_MAX.as_millis()).unwrap_or(u64::MAX);
        if silent_ms < silent_ms_max {
            return Ok(());
        }
        let trouble = contact.trouble.as_deref().unwrap_or("no reply");
        Err(format!(
            "no Kafka broker has answered for {} s: {trouble}",
            silent_ms / 1_000
        ))
    }

    fn lock_broker(&self) -> MutexGuard<'_, Option<BrokerContact>> {
        self.broker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a worker's assignment; `restoring` counts its partitions that are not restored yet.
    pub fn set_assigned(&self, worker: usize, restoring: usize) {
        if let Some(worker) = self.workers.get(worker) {
            worker.restoring.store(restoring, Ordering::Relaxed);
            worker.assigned.store(true, Ordering::Release);
        }
    }

    /// Records that a worker lost its membership and waits for another assignment.
    pub fn set_unassigned(&self, worker: usize) {
        if let Some(worker) = self.workers.get(worker) {
            worker.assigned.store(false, Ordering::Release);
        }
    }

    /// Whether every loop still turns.
    ///
    /// # Errors
    /// A sentence that names the stuck thread.
    pub fn check_liveness(&self) -> Result<(), String> {
        self.check_liveness_at(self.elapsed_ms())
    }

    pub(super) fn check_liveness_at(&self, now_ms: u64) -> Result<(), String> {
        let stall_ms_max = u64::try_from(STALL_MAX.as_millis()).unwrap_or(u64::MAX);
        let named = |(index, worker)| (format!("worker {index}"), worker);
        let workers = self.workers.iter().enumerate().map(named);
        let raw = self
            .raw
            .iter()
            .map(|raw| ("the raw inputs".to_owned(), raw));
        for (name, worker) in workers.chain(raw) {
            let stalled_ms = now_ms.saturating_sub(worker.turned_ms.load(Ordering::Relaxed));
            if stalled_ms > stall_ms_max {
                return Err(format!("no turn of {name} for {} s", stalled_ms / 1_000));
            }
        }
        Ok(())
    }

    /// Whether the process can work: rules loaded, a broker that answers, every worker assigned and
    /// restored, no partition stopped.
    ///
    /// # Errors
    /// A sentence that says what is missing.
    pub fn check_readiness(&self) -> Result<(), String> {
        if self.stopping.load(Ordering::Acquire) {
            return Err("stopping".to_owned());
        }
        if !self.rules_loaded.load(Ordering::Acquire) {
            return Err("no rules are loaded".to_owned());
        }
        self.check_broker()?;
        for (index, worker) in self.workers.iter().enumerate() {
            if !worker.assigned.load(Ordering::Acquire) {
                return Err(format!("worker {index} has no assignment yet"));
            }
            let restoring = worker.restoring.load(Ordering::Relaxed);
            if restoring > 0 {
                return Err(format!("worker {index} restores {restoring} partitions"));
            }
        }
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        if !stopped.is_empty() {
            return Err(stopped.join("\n"));
        }
        Ok(())
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
