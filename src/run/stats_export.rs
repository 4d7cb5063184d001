//! Once a second, exports the counters of workers, engine and store as metrics and health.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::config::Config;
use crate::console::ProcessHealth;
use crate::detector::DetectorCounts;
use crate::engine::{Engine, TaskProgress};
use crate::store::Store;
use crate::telemetry::{LimitHit, Metrics};
use crate::worker::{PartitionView, WorkerStats};

use super::lag_monitor::LagMonitor;
use super::parts::ProcessParts;

const EXPORT_INTERVAL: Duration = Duration::from_secs(1);

/// The exporting thread. It ends when this is dropped.
pub(super) struct StatsExporter {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for StatsExporter {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // The thread has reported its own panic.
            let _ = thread.join();
        }
    }
}

pub(super) fn start_exporter(
    config: &Config,
    parts: &ProcessParts,
    health: &Arc<ProcessHealth>,
) -> StatsExporter {
    let stop = Arc::new(AtomicBool::new(false));
    let mut state = ExportState {
        engine: Arc::clone(&parts.engine),
        store: Arc::clone(&parts.store),
        stats: Arc::clone(&parts.stats),
        metrics: Arc::clone(&parts.metrics),
        health: Arc::clone(health),
        beats: vec![0; config.workers],
        raw_beat: 0,
        lag: LagMonitor::new(config),
        progress: TaskProgress::default(),
        counted: ExportedCounts::default(),
    };
    if state.lag.is_working() {
        state.health.record_broker_reply();
    }
    let stopped = Arc::clone(&stop);
    let spawned = std::thread::Builder::new()
        .name("watch".to_owned())
        .spawn(move || {
            while !stopped.load(Ordering::Acquire) {
                state.export_all();
                std::thread::park_timeout(EXPORT_INTERVAL);
            }
            state.export_all();
        });
    StatsExporter {
        stop,
        thread: spawned.ok(),
    }
}

/// What the exporting thread reads, where it writes, and what it has exported so far.
struct ExportState {
    engine: Arc<Engine>,
    store: Arc<dyn Store>,
    stats: Arc<WorkerStats>,
    metrics: Arc<Metrics>,
    health: Arc<ProcessHealth>,
    beats: Vec<u64>,
    raw_beat: u64,
    lag: LagMonitor,
    progress: TaskProgress,
    counted: ExportedCounts,
}

/// The values of [`WorkerStats`] at the last export.
#[derive(Debug, Default)]
struct ExportedCounts {
    commits: u64,
    aborts: u64,
    changelog: u64,
    skipped: u64,
}

impl ExportState {
    fn export_all(&mut self) {
        self.export_worker_stats();
        self.export_engine_progress();
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
        let gauges = self.stats.cached_counts();
        metrics.agents_cached.set_u64(gauges.agents_cached);
        metrics.actions_deferred.set_u64(gauges.actions_deferred);
    }

    fn export_worker_stats(&mut self) {
        let views = self.stats.partitions();
        let restoring = |view: &&PartitionView| !matches!(view.state, "running" | "stopped");
        for (worker, exported) in self.beats.iter_mut().enumerate() {
            let beat = self.stats.turn_count(worker);
            if beat != *exported {
                *exported = beat;
                self.health.record_turn(worker);
            }
            // Before its first assignment a worker has no partitions, and that is not an error.
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
        self.export_stopped(&views);
        match self.lag.poll_total(&views) {
            Some(Ok(records)) => {
                self.health.record_broker_reply();
                self.metrics.lag_records.set(records);
            }
            Some(Err(reason)) => self.health.set_broker_trouble(reason),
            None => {}
        }
        if self.health.check_broker().is_err() {
            // What was known before says nothing now.
            self.metrics.lag_records.set(None);
        }
        let count = |counter: &std::sync::atomic::AtomicU64, exported: &mut u64| {
            let now = counter.load(Ordering::Relaxed);
            now - std::mem::replace(exported, now)
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

    /// Partitions that wait for a person, and whether the loop of the raw inputs turns.
    fn export_stopped(&mut self, views: &BTreeMap<i32, PartitionView>) {
        let turns = self.stats.raw_turn_count();
        if std::mem::replace(&mut self.raw_beat, turns) != turns {
            self.health.record_raw_turn();
        }
        let of_actions = views.iter().filter_map(|(partition, view)| {
            let reason = view.reason.as_deref().unwrap_or_default();
            (view.state == "stopped").then(|| stopped_text(&partition.to_string(), reason))
        });
        let raw = self.stats.raw_stopped();
        let of_raw = raw
            .iter()
            .map(|(of, reason)| stopped_text(&of.to_string(), reason));
        let stopped: Vec<String> = of_actions.chain(of_raw).collect();
        self.metrics
            .partitions_stopped
            .set_u64(stopped.len() as u64);
        self.health.set_stopped(stopped);
    }

    fn export_engine_progress(&mut self) {
        let now = self.engine.totals();
        let before = std::mem::replace(&mut self.progress, now);
        let metrics = &self.metrics;
        metrics
            .actions
            .add(now.detector.actions - before.detector.actions);
        metrics
            .findings
            .add(now.detector.findings - before.detector.findings);
        metrics
            .events_repeated
            .add(now.detector.retries - before.detector.retries);
        metrics
            .waits_expired
            .add(now.detector.waits_expired - before.detector.waits_expired);
        metrics
            .fields_unknown
            .add(now.unknown_fields - before.unknown_fields);
        for (name, count) in LIMITS {
            let times = count(&now.detector) - count(&before.detector);
            LimitHit { name, times }.emit(metrics);
        }
    }
}

/// A limit's name in the metrics, and how often it was hit.
type LimitCount = (&'static str, fn(&DetectorCounts) -> u64);

/// The limits of the detector.
const LIMITS: [LimitCount; 27] = [
    ("holds", |counts| counts.deferrals_refused),
    ("scopes_refused", |counts| counts.scopes_refused),
    ("agents_undeclared", |counts| counts.onboarding_full),
    ("metrics_per_agent", |counts| counts.metrics_full),
    ("metric_groups", |counts| counts.metric_groups_full),
    ("metric_group_absent", |counts| counts.metrics_ungrouped),
    ("open_tasks", |counts| counts.tasks_full),
    ("profile_entries", |counts| counts.profile_entries_dropped),
    ("profiles", |counts| counts.profiles_full),
    ("class_commands", |counts| counts.class_commands_full),
    ("agent_commands", |counts| counts.agent_commands_full),
    ("gateways", |counts| counts.gateways_full),
    ("gateway_numbers", |counts| counts.gateway_numbers_dropped),
    ("links_per_agent", |counts| counts.links_cut),
    ("link_targets", |counts| counts.links_refused),
    ("links_at_once", |counts| counts.links_overflowed),
    ("link_bytes", |counts| counts.links_too_large),
    ("requests_watched", |counts| counts.requests_unwatched),
    ("credential_links", |counts| counts.credential_links_cut),
    ("credential_users", |counts| counts.credential_users_full),
    ("tree_children", |counts| counts.tree_children_full),
    ("tree_members", |counts| counts.tree_members_full),
    ("tree_depth", |counts| counts.tree_depth_cut),
    ("tree_parents", |counts| counts.tree_parents_full),
    ("tree_claims", |counts| counts.tree_claims_full),
    ("tree_scopes", |counts| counts.tree_scopes_full),
    ("tree_scopes_coming", |counts| counts.tree_coming_full),
];

/// What the health page says of a stopped partition.
fn stopped_text(partition: &str, reason: &str) -> String {
    format!("partition {partition} is stopped: {reason}")
}

#[cfg(test)]
mod tests {
    use super::LIMITS;

    #[test]
    fn every_limit_is_documented() {
        let docs = include_str!("../../docs/metrics.md");
        for (name, _) in LIMITS {
            assert!(docs.contains(&format!("`{name}`")), "{name}");
        }
    }
}
