//! Every metric of the process in one struct, and its Prometheus text.
//!
//! A metric's name has the prefix, the base unit, and `_total` for a counter. To add a metric, add
//! a field here, a line to `render_counters` or `render_gauges` (a histogram: to
//! [`Metrics::render_text`]) and a line to `docs/metrics.md`. A signal counts it, or
//! `run/stats_export.rs` sets it if it is a gauge or a total.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::histogram::Histogram;

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds and returns the new count.
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

    #[must_use]
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that goes up and down, and is absent from the page while nobody knows it: 0 would say
/// that all is well.
#[derive(Debug, Default)]
pub struct KnownGauge(Mutex<Option<u64>>);

impl KnownGauge {
    pub fn set(&self, value: Option<u64>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = value;
    }

    #[must_use]
    pub fn get(&self) -> Option<u64> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counters that differ in one label, whose values are constants of the code.
#[derive(Debug, Default)]
pub struct CounterFamily(Mutex<BTreeMap<&'static str, u64>>);

impl CounterFamily {
    /// Adds to the counter with the label value `word` and returns its new count.
    pub fn add(&self, word: &'static str, count: u64) -> u64 {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = counts.entry(word).or_default();
        *counted = counted.wrapping_add(count);
        *counted
    }

    #[must_use]
    pub fn count_of(&self, word: &str) -> u64 {
        self.snapshot_counts()
            .get(word)
            .copied()
            .unwrap_or_default()
    }

    fn snapshot_counts(&self) -> BTreeMap<&'static str, u64> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// All metrics. Workers and signals move the counters and histograms; the running process sets the
/// gauges once a second.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Records read from Kafka, by input; a record that is read twice counts twice.
    pub records: CounterFamily,
    /// Bytes of the values of these records.
    pub record_bytes: Counter,
    pub actions: Counter,
    /// Rules that matched, once per action or event, those that only inform included.
    pub findings: Counter,
    /// Foreign records that a mapping skipped.
    pub records_skipped: Counter,
    /// Records that were moved to the partition of their key.
    pub records_moved: Counter,
    /// Fields of records that the schema does not know.
    pub fields_unknown: Counter,
    /// Actions dropped because the agent had one with the same event id shortly before.
    pub events_repeated: Counter,
    /// By reason.
    pub dead_letters: CounterFamily,
    /// By severity.
    pub alerts: CounterFamily,
    /// By mode; `withdrawn` are the notices that take requests back.
    pub revocation_requests: CounterFamily,
    /// By the name of the limit.
    pub limits_hit: CounterFamily,
    pub waits_expired: Counter,
    pub budgets_tripped: Counter,
    /// By result: `activated`, `refused`.
    pub bundles: CounterFamily,
    /// By result: `activated`, `refused`.
    pub signing_key_loads: CounterFamily,
    /// By result: `committed`, `aborted`; an abort because another producer uses our transactional
    /// id also counts as `fenced`.
    pub transactions: CounterFamily,
    /// By event in a partition's life: `assigned`, `restored`, `released`, `lost`, `cold_start`,
    /// `gap`, `paused`, `panicked`, `stopped`.
    pub partition_events: CounterFamily,
    pub changelog_records: Counter,
    pub changelog_bytes: Counter,

    pub partitions_assigned: Gauge,
    pub partitions_restoring: Gauge,
    /// Partitions of the actions and of raw inputs that wait for a person.
    pub partitions_stopped: Gauge,
    pub agents_cached: Gauge,
    pub actions_deferred: Gauge,
    pub rules_active: Gauge,
    pub keys_published: Gauge,
    pub lag_records: KnownGauge,
    pub store_keys: Gauge,
    pub store_memtable_bytes: Gauge,
    pub store_file_bytes: Gauge,
    pub store_cache_bytes: Gauge,
    pub store_compaction_pending_bytes: Gauge,
    pub store_background_errors: Gauge,
    /// 1 while the store itself stops writes.
    pub store_write_stalled: Gauge,

    /// Time from the end of a batch to its commit.
    pub commit: Histogram,
    /// Time from an action's append to the commit of its alert.
    pub alert_latency: Histogram,
    /// Time from the append of a request's cause to the append of its confirmation.
    pub revocation_confirmed: Histogram,
    /// Time from a request until nobody acted with its targets any more.
    pub revocation_effective: Histogram,
    /// Time to judge the records read in one turn of a worker.
    pub batch: Histogram,

    /// Hash of the active bundle, in hex.
    bundle: Mutex<String>,
    /// Id of the key that signs; empty where nothing is signed.
    signing_key: Mutex<String>,
}

impl Metrics {
    /// All at zero.
    #[must_use]
    pub fn new() -> Self {
        Metrics::default()
    }

    /// Sets the hash of the active bundle, in hex.
    pub fn set_bundle(&self, hash: &str) {
        hash.clone_into(&mut self.bundle.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Sets the id of the key that signs.
    pub fn set_signing_key(&self, kid: &str) {
        let key = self.signing_key.lock();
        kid.clone_into(&mut key.unwrap_or_else(PoisonError::into_inner));
    }

    /// The Prometheus text, format 0.0.4.
    #[must_use]
    pub fn render_text(&self) -> String {
        let mut page = MetricsPage::default();
        self.render_counters(&mut page);
        self.render_gauges(&mut page);
        page.write_histogram(
            "commit_seconds",
            "From a judged batch to its commit",
            &self.commit,
        );
        page.write_histogram("batch_seconds", "Judging one batch", &self.batch);
        page.write_histogram(
            "alert_latency_seconds",
            "From an action's append to its alert's commit",
            &self.alert_latency,
        );
        page.write_histogram(
            "revocation_confirmed_seconds",
            "From a request's cause to the identity system's confirmation",
            &self.revocation_confirmed,
        );
        page.write_histogram(
            "revocation_effective_seconds",
            "From a request until nobody acted with its targets any more",
            &self.revocation_effective,
        );
        page.text
    }

    #[rustfmt::skip]
    fn render_counters(&self, page: &mut MetricsPage) {
        page.write_counters("records", "Records read", "input", &self.records);
        page.write_counter("record_bytes", "Bytes of record values read", &self.record_bytes);
        page.write_counter("actions", "Actions judged", &self.actions);
        page.write_counter("findings", "Rules that matched", &self.findings);
        page.write_counter("records_skipped", "Foreign records mapped to nothing",
            &self.records_skipped);
        page.write_counter("records_moved", "Records moved to the partition of their key",
            &self.records_moved);
        page.write_counter("fields_unknown", "Record fields outside the schema",
            &self.fields_unknown);
        page.write_counter("events_repeated", "Events with a repeated id", &self.events_repeated);
        page.write_counters("dead_letters", "Unreadable records", "reason", &self.dead_letters);
        page.write_counters("alerts", "Alert messages committed", "severity", &self.alerts);
        page.write_counters("revocation_requests", "Revocation plans", "mode",
            &self.revocation_requests);
        page.write_counters("limits_hit", "Bounds that cut something off", "limit",
            &self.limits_hit);
        page.write_counter("holds_expired", "Deferred actions whose scope never came",
            &self.waits_expired);
        page.write_counter("budgets_tripped", "Revocation budgets used up", &self.budgets_tripped);
        page.write_counters("bundles", "Rule bundles loaded", "result", &self.bundles);
        page.write_counters("signing_key_loads", "Signing keys loaded", "result",
            &self.signing_key_loads);
        page.write_counters("transactions", "Kafka transactions", "result", &self.transactions);
        page.write_counters("partition_events", "Partition life", "event", &self.partition_events);
        page.write_counter("changelog_records", "Changelog records written",
            &self.changelog_records);
        page.write_counter("changelog_bytes", "Changelog bytes written", &self.changelog_bytes);
    }

    #[rustfmt::skip]
    fn render_gauges(&self, page: &mut MetricsPage) {
        page.write_gauge("partitions_assigned", "Partitions assigned to this process",
            &self.partitions_assigned);
        page.write_gauge("partitions_restoring", "Partitions being restored",
            &self.partitions_restoring);
        page.write_gauge("partitions_stopped", "Partitions that wait for a person",
            &self.partitions_stopped);
        page.write_gauge("agents_cached", "Agents and tenants decoded in memory",
            &self.agents_cached);
        page.write_gauge("actions_held", "Actions waiting for a scope", &self.actions_deferred);
        page.write_gauge("rules_active", "Rules in the active bundle", &self.rules_active);
        page.write_gauge("signing_keys_published", "Keys in the published set",
            &self.keys_published);
        page.write_known("lag_records", "Actions behind the end of their log", &self.lag_records);
        page.write_gauge("store_keys", "Keys in the store, estimated", &self.store_keys);
        page.write_gauge("store_memtable_bytes", "Unflushed bytes", &self.store_memtable_bytes);
        page.write_gauge("store_file_bytes", "Bytes in the store's files", &self.store_file_bytes);
        page.write_gauge("store_cache_bytes", "Bytes in the store's cache",
            &self.store_cache_bytes);
        page.write_gauge("store_compaction_pending_bytes", "Bytes still to compact",
            &self.store_compaction_pending_bytes);
        page.write_gauge("store_background_errors", "Errors of the store's background work",
            &self.store_background_errors);
        page.write_gauge("store_write_stalled", "1 while the store stops writes",
            &self.store_write_stalled);
        let bundle = self.bundle.lock().unwrap_or_else(PoisonError::into_inner).clone();
        page.write_info("build_info", "This program", "version", env!("CARGO_PKG_VERSION"));
        if !bundle.is_empty() {
            page.write_info("bundle_info", "The active rule bundle", "sha", &bundle);
        }
        let key = self.signing_key.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if !key.is_empty() {
            page.write_info("signing_key_info", "The key that signs requests", "kid", &key);
        }
    }
}

/// The Prometheus text under construction. Writing to a `String` does not fail.
#[derive(Default)]
struct MetricsPage {
    text: String,
}

impl MetricsPage {
    fn write_line(&mut self, line: std::fmt::Arguments<'_>) {
        let _ = writeln!(self.text, "scopewatch_{line}");
    }

    fn write_head(&mut self, name: &str, help: &str, kind: &str) {
        let _ = writeln!(self.text, "# HELP scopewatch_{name} {help}");
        let _ = writeln!(self.text, "# TYPE scopewatch_{name} {kind}");
    }

    fn write_counter(&mut self, name: &str, help: &str, counter: &Counter) {
        self.write_head(&format!("{name}_total"), help, "counter");
        self.write_line(format_args!("{name}_total {}", counter.get()));
    }

    fn write_counters(&mut self, name: &str, help: &str, label: &str, counters: &CounterFamily) {
        self.write_head(&format!("{name}_total"), help, "counter");
        for (word, count) in counters.snapshot_counts() {
            self.write_line(format_args!(
                "{name}_total{{{label}=\"{}\"}} {count}",
                escape_label(word)
            ));
        }
    }

    fn write_gauge(&mut self, name: &str, help: &str, gauge: &Gauge) {
        self.write_head(name, help, "gauge");
        self.write_line(format_args!("{name} {}", gauge.get()));
    }

    fn write_known(&mut self, name: &str, help: &str, gauge: &KnownGauge) {
        self.write_head(name, help, "gauge");
        if let Some(value) = gauge.get() {
            self.write_line(format_args!("{name} {value}"));
        }
    }

    fn write_info(&mut self, name: &str, help: &str, label: &str, value: &str) {
        self.write_head(name, help, "gauge");
        self.write_line(format_args!(
            "{name}{{{label}=\"{}\"}} 1",
            escape_label(value)
        ));
    }

    fn write_histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.write_head(name, help, "histogram");
        let snapshot = histogram.take_snapshot();
        for (bound_us, count) in snapshot.buckets {
            self.write_line(format_args!(
                "{name}_bucket{{le=\"{}\"}} {count}",
                format_as_s(bound_us)
            ));
        }
        self.write_line(format_args!(
            "{name}_bucket{{le=\"+Inf\"}} {}",
            snapshot.count
        ));
        self.write_line(format_args!("{name}_sum {}", format_as_s(snapshot.sum_us)));
        self.write_line(format_args!("{name}_count {}", snapshot.count));
    }
}

/// Microseconds as a decimal number of seconds, without rounding.
fn format_as_s(us: u64) -> String {
    let text = format!("{}.{:06}", us / 1_000_000, us % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn escape_label(value: &str) -> String {
    value
        .replace('\\', r"\\")
        .replace('"', "\\\"")
        .replace('\n', r"\n")
}
