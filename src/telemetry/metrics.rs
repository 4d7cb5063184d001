//! Every metric of the process, in one struct, and the Prometheus text of it.
//!
//! Names carry the prefix, the base unit and `_total` for counters. Add a metric here, in
//! [`Metrics::render`], and to the signal that moves it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::histogram::Histogram;

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds, and gives the new count.
    pub fn add(&self, count: u64) -> u64 {
        self.0
            .fetch_add(count, Ordering::Relaxed)
            .wrapping_add(count)
    }

    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    pub fn set(&self, value: i64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Sets a number of bytes or keys.
    pub fn set_u64(&self, value: u64) {
        self.set(i64::try_from(value).unwrap_or(i64::MAX));
    }

    pub fn add(&self, difference: i64) {
        self.0.fetch_add(difference, Ordering::Relaxed);
    }

    #[must_use]
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counters told apart by one label, whose values are words of the code.
#[derive(Debug, Default)]
pub struct Counters(Mutex<BTreeMap<&'static str, u64>>);

impl Counters {
    /// Adds under `word`, and gives the new count.
    pub fn add(&self, word: &'static str, count: u64) -> u64 {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = counts.entry(word).or_default();
        *counted = counted.wrapping_add(count);
        *counted
    }

    #[must_use]
    pub fn get(&self, word: &str) -> u64 {
        self.snapshot().get(word).copied().unwrap_or_default()
    }

    fn snapshot(&self) -> BTreeMap<&'static str, u64> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// What the process counts. Workers and signals move the counters and histograms; once a second the
/// watch of a run sets the gauges.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Records taken from Kafka, by input; again those that are read again.
    pub records: Counters,
    /// Bytes of their values.
    pub record_bytes: Counter,
    pub actions: Counter,
    /// Foreign records that a mapping made nothing of.
    pub records_skipped: Counter,
    /// Fields of records that the schema does not know.
    pub fields_unknown: Counter,
    /// Events whose id was among the agent's last ones.
    pub events_repeated: Counter,
    /// By reason.
    pub dead_letters: Counters,
    /// By severity.
    pub alerts: Counters,
    /// By mode; `withdrawn` are the notices that take requests back.
    pub revocation_requests: Counters,
    /// By the name of the limit.
    pub limits_hit: Counters,
    pub holds_expired: Counter,
    pub budgets_tripped: Counter,
    /// By what became of them: `activated`, `refused`.
    pub bundles: Counters,
    /// By what became of them: `committed`, `aborted`; those of the aborted that another producer
    /// with our id was the cause of are `fenced` too.
    pub transactions: Counters,
    /// By what became of the partition: `assigned`, `restored`, `released`, `lost`, `cold_start`,
    /// `gap`, `paused`, `stopped`.
    pub partition_events: Counters,
    pub changelog_records: Counter,
    pub changelog_bytes: Counter,

    pub partitions_assigned: Gauge,
    pub partitions_restoring: Gauge,
    pub agents_cached: Gauge,
    pub actions_held: Gauge,
    pub rules_active: Gauge,
    pub lag_records: Gauge,
    pub store_keys: Gauge,
    pub store_memtable_bytes: Gauge,
    pub store_file_bytes: Gauge,
    pub store_cache_bytes: Gauge,
    pub store_compaction_pending_bytes: Gauge,
    pub store_background_errors: Gauge,
    /// 1 while the store itself stops writes.
    pub store_write_stalled: Gauge,

    /// From the end of a batch to its commit.
    pub commit: Histogram,
    /// From an action's append to the commit of its alert.
    pub alert_latency: Histogram,
    /// From the append of a request's cause to the append of its confirmation.
    pub revocation_confirmed: Histogram,
    /// Judging what was read in one turn of a worker.
    pub batch: Histogram,

    /// Hash of the active bundle, in hex.
    bundle: Mutex<String>,
}

impl Metrics {
    /// All at zero.
    #[must_use]
    pub fn new() -> Self {
        Metrics::default()
    }

    /// Says which bundle is active; `hash` in hex.
    pub fn set_bundle(&self, hash: &str) {
        hash.clone_into(&mut self.bundle.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The Prometheus text, format 0.0.4.
    #[must_use]
    pub fn render(&self) -> String {
        let mut page = Page::default();
        self.render_counters(&mut page);
        self.render_gauges(&mut page);
        page.histogram(
            "commit_seconds",
            "From a judged batch to its commit",
            &self.commit,
        );
        page.histogram("batch_seconds", "Judging one batch", &self.batch);
        page.histogram(
            "alert_latency_seconds",
            "From an action's append to its alert's commit",
            &self.alert_latency,
        );
        page.histogram(
            "revocation_confirmed_seconds",
            "From a request's cause to the identity system's confirmation",
            &self.revocation_confirmed,
        );
        page.text
    }

    #[rustfmt::skip]
    fn render_counters(&self, page: &mut Page) {
        page.counters("records", "Records read", "input", &self.records);
        page.counter("record_bytes", "Bytes of record values read", &self.record_bytes);
        page.counter("actions", "Actions judged", &self.actions);
        page.counter("records_skipped", "Foreign records mapped to nothing", &self.records_skipped);
        page.counter("fields_unknown", "Record fields outside the schema", &self.fields_unknown);
        page.counter("events_repeated", "Events with a repeated id", &self.events_repeated);
        page.counters("dead_letters", "Unreadable records", "reason", &self.dead_letters);
        page.counters("alerts", "Alert messages committed", "severity", &self.alerts);
        page.counters("revocation_requests", "Revocation plans", "mode", &self.revocation_requests);
        page.counters("limits_hit", "Bounds that cut something off", "limit", &self.limits_hit);
        page.counter("holds_expired", "Held actions whose scope never came", &self.holds_expired);
        page.counter("budgets_tripped", "Revocation budgets used up", &self.budgets_tripped);
        page.counters("bundles", "Rule bundles loaded", "result", &self.bundles);
        page.counters("transactions", "Kafka transactions", "result", &self.transactions);
        page.counters("partition_events", "Partition life", "event", &self.partition_events);
        page.counter("changelog_records", "Changelog records written", &self.changelog_records);
        page.counter("changelog_bytes", "Changelog bytes written", &self.changelog_bytes);
    }

    #[rustfmt::skip]
    fn render_gauges(&self, page: &mut Page) {
        page.gauge("partitions_assigned", "Partitions held", &self.partitions_assigned);
        page.gauge("partitions_restoring", "Partitions being restored", &self.partitions_restoring);
        page.gauge("agents_cached", "Agents and tenants decoded in memory", &self.agents_cached);
        page.gauge("actions_held", "Actions waiting for a scope", &self.actions_held);
        page.gauge("rules_active", "Rules in the active bundle", &self.rules_active);
        page.gauge("lag_records", "Actions behind the end of their log", &self.lag_records);
        page.gauge("store_keys", "Keys in the store, estimated", &self.store_keys);
        page.gauge("store_memtable_bytes", "Unflushed bytes", &self.store_memtable_bytes);
        page.gauge("store_file_bytes", "Bytes in the store's files", &self.store_file_bytes);
        page.gauge("store_cache_bytes", "Bytes in the store's cache", &self.store_cache_bytes);
        page.gauge("store_compaction_pending_bytes", "Bytes still to compact",
            &self.store_compaction_pending_bytes);
        page.gauge("store_background_errors", "Errors of the store's background work",
            &self.store_background_errors);
        page.gauge("store_write_stalled", "1 while the store stops writes",
            &self.store_write_stalled);
        let bundle = self.bundle.lock().unwrap_or_else(PoisonError::into_inner).clone();
        page.info("build_info", "This program", "version", env!("CARGO_PKG_VERSION"));
        if !bundle.is_empty() {
            page.info("bundle_info", "The active rule bundle", "sha", &bundle);
        }
    }
}

/// The text as it grows. Writing to a `String` does not fail.
#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        let _ = writeln!(self.text, "scopewatch_{line}");
    }

    fn head(&mut self, name: &str, help: &str, kind: &str) {
        let _ = writeln!(self.text, "# HELP scopewatch_{name} {help}");
        let _ = writeln!(self.text, "# TYPE scopewatch_{name} {kind}");
    }

    fn counter(&mut self, name: &str, help: &str, counter: &Counter) {
        self.head(&format!("{name}_total"), help, "counter");
        self.line(format_args!("{name}_total {}", counter.get()));
    }

    fn counters(&mut self, name: &str, help: &str, label: &str, counters: &Counters) {
        self.head(&format!("{name}_total"), help, "counter");
        for (word, count) in counters.snapshot() {
            self.line(format_args!(
                "{name}_total{{{label}=\"{}\"}} {count}",
                escape(word)
            ));
        }
    }

    fn gauge(&mut self, name: &str, help: &str, gauge: &Gauge) {
        self.head(name, help, "gauge");
        self.line(format_args!("{name} {}", gauge.get()));
    }

    fn info(&mut self, name: &str, help: &str, label: &str, value: &str) {
        self.head(name, help, "gauge");
        self.line(format_args!("{name}{{{label}=\"{}\"}} 1", escape(value)));
    }

    fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.head(name, help, "histogram");
        let snapshot = histogram.snapshot();
        for (bound_us, count) in snapshot.buckets {
            self.line(format_args!(
                "{name}_bucket{{le=\"{}\"}} {count}",
                seconds(bound_us)
            ));
        }
        self.line(format_args!(
            "{name}_bucket{{le=\"+Inf\"}} {}",
            snapshot.count
        ));
        self.line(format_args!("{name}_sum {}", seconds(snapshot.sum_us)));
        self.line(format_args!("{name}_count {}", snapshot.count));
    }
}

/// Microseconds as seconds, exactly.
fn seconds(us: u64) -> String {
    let text = format!("{}.{:06}", us / 1_000_000, us % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn escape(value: &str) -> String {
    value
        .replace('\\', r"\\")
        .replace('"', "\\\"")
        .replace('\n', r"\n")
}
