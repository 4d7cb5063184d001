//! Once a second: what the workers count becomes metrics and health.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::config::Config;
use crate::console::ProcessHealth;
use crate::engine::{Engine, Progress};
use crate::store::Store;
use crate::telemetry::{LimitHit, Metrics};
use crate::worker::Stats;

use super::lag::Lag;
use super::process::Parts;

const EVERY: Duration = Duration::from_secs(1);

/// The watching thread; ends when dropped.
pub(super) struct Watch {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A panic there was told by its own thread.
            let _ = thread.join();
        }
    }
}

pub(super) fn start(config: &Config, parts: &Parts, health: &Arc<ProcessHealth>) -> Watch {
    let stop = Arc::new(AtomicBool::new(false));
    let mut eye = Eye {
        engine: Arc::clone(&parts.engine),
        store: Arc::clone(&parts.store),
        stats: Arc::clone(&parts.stats),
        metrics: Arc::clone(&parts.metrics),
        health: Arc::clone(health),
        beats: vec![0; config.workers],
        lag: Lag::new(config),
        told: Progress::default(),
        counted: Counted::default(),
    };
    let stopped = Arc::clone(&stop);
    let spawned = std::thread::Builder::new()
        .name("watch".to_owned())
        .spawn(move || {
            while !stopped.load(Ordering::Acquire) {
                eye.look();
                std::thread::park_timeout(EVERY);
            }
            eye.look();
        });
    Watch {
        stop,
        thread: spawned.ok(),
    }
}

struct Eye {
    engine: Arc<Engine>,
    store: Arc<dyn Store>,
    stats: Arc<Stats>,
    metrics: Arc<Metrics>,
    health: Arc<ProcessHealth>,
    beats: Vec<u64>,
    lag: Lag,
    told: Progress,
    counted: Counted,
}

/// Counters of [`Stats`] as last seen.
#[derive(Debug, Default)]
struct Counted {
    commits: u64,
    aborts: u64,
    changelog: u64,
    skipped: u64,
}

impl Eye {
    fn look(&mut self) {
        self.look_at_workers();
        self.look_at_engine();
        let properties = self.store.properties();
        let metrics = &self.metrics;
        metrics.store_keys.set_u64(properties.keys);
        metrics
            .store_memtable_bytes
            .set_u64(properties.memtable_bytes);
        metrics.store_file_bytes.set_u64(properties.file_bytes);
        metrics.store_cache_bytes.set_u64(properties.cache_bytes);
        metrics
            .store_compaction_pending_bytes
            .set_u64(properties.compaction_pending_bytes);
        metrics
            .store_background_errors
            .set_u64(properties.background_errors);
        metrics
            .store_write_stalled
            .set(i64::from(properties.write_stalled));
        let standing = self.stats.standing();
        metrics.agents_cached.set_u64(standing.agents_cached);
        metrics.actions_deferred.set_u64(standing.actions_held);
    }

    fn look_at_workers(&mut self) {
        let views = self.stats.partitions();
        let restoring = |view: &&crate::worker::PartitionView| view.state != "running";
        for (worker, seen) in self.beats.iter_mut().enumerate() {
            let beat = self.stats.beats(worker);
            if beat != *seen {
                *seen = beat;
                self.health.record_turn(worker);
            }
            // Before the group's first answer a worker has no rounds with an assignment.
            if self.stats.has_assignment(worker) {
                let of_worker = views.values().filter(|view| view.worker == worker);
                self.health
                    .set_assigned(worker, of_worker.filter(restoring).count());
            } else {
                self.health.set_unassigned(worker);
            }
        }
        self.metrics.partitions_assigned.set_u64(views.len() as u64);
        let restoring = views.values().filter(restoring).count();
        self.metrics.partitions_restoring.set_u64(restoring as u64);
        if let Some(records) = self.lag.look(&views) {
            self.metrics.lag_records.set_u64(records);
        }
        let count = |counter: &std::sync::atomic::AtomicU64, seen: &mut u64| {
            let now = counter.load(Ordering::Relaxed);
            now - std::mem::replace(seen, now)
        };
        let (metrics, counted) = (&self.metrics, &mut self.counted);
        metrics.transactions.add(
            "committed",
            count(&self.stats.commits, &mut counted.commits),
        );
        metrics
            .transactions
            .add("aborted", count(&self.stats.aborts, &mut counted.aborts));
        metrics
            .changelog_records
            .add(count(&self.stats.changelog_records, &mut counted.changelog));
        metrics
            .records_skipped
            .add(count(&self.stats.raw_skipped, &mut counted.skipped));
    }

    fn look_at_engine(&mut self) {
        let now = self.engine.totals();
        let before = std::mem::replace(&mut self.told, now);
        let metrics = &self.metrics;
        metrics
            .actions
            .add(now.detector.actions - before.detector.actions);
        metrics
            .events_repeated
            .add(now.detector.retries - before.detector.retries);
        metrics
            .waits_expired
            .add(now.detector.hold_expired - before.detector.hold_expired);
        metrics
            .fields_unknown
            .add(now.unknown_fields - before.unknown_fields);
        for (name, now, before) in [
            ("holds", now.detector.hold_full, before.detector.hold_full),
            (
                "scopes_refused",
                now.detector.scopes_refused,
                before.detector.scopes_refused,
            ),
            (
                "agents_undeclared",
                now.detector.onboarding_full,
                before.detector.onboarding_full,
            ),
            (
                "metrics_per_agent",
                now.detector.metrics_full,
                before.detector.metrics_full,
            ),
        ] {
            let times = now - before;
            LimitHit { name, times }.emit(metrics);
        }
    }
}
