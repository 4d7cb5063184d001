//! One struct per thing worth knowing, each with one `emit` that counts it and says it.
//!
//! What can happen per record is logged as a sample: the first, second, fourth, eighth …, and
//! every thousandth of its kind.

use tracing::{error, info, warn};

use super::metrics::Metrics;

/// Every this many of a kind is logged, however many there were.
const SAMPLE_EVERY: u64 = 1_000;

fn is_sample(count: u64) -> bool {
    count.is_power_of_two() || count.is_multiple_of(SAMPLE_EVERY)
}

/// A record that could not be read went to the dead letters.
#[derive(Debug)]
pub struct DeadLetter<'a> {
    pub topic: &'a str,
    pub partition: i32,
    pub offset: i64,
    /// A word of the code, for the label.
    pub reason: &'static str,
    pub message: &'a str,
}

impl DeadLetter<'_> {
    pub fn emit(&self, metrics: &Metrics) {
        let count = metrics.dead_letters.add(self.reason, 1);
        if is_sample(count) {
            let DeadLetter {
                topic,
                partition,
                offset,
                reason,
                message,
            } = self;
            warn!(
                topic,
                partition, offset, reason, count, "dead letter: {message}"
            );
        }
    }
}

/// The group gave this instance a partition.
#[derive(Debug)]
pub struct PartitionAssigned {
    pub partition: i32,
}

impl PartitionAssigned {
    pub fn emit(&self, metrics: &Metrics) {
        metrics.partition_events.add("assigned", 1);
        metrics.partitions_assigned.add(1);
        metrics.partitions_restoring.add(1);
        info!(partition = self.partition, "partition assigned");
    }
}

/// An assigned partition has its state and judges from here.
#[derive(Debug)]
pub struct PartitionRestored {
    pub partition: i32,
    /// Changelog records applied.
    pub records: u64,
    pub took_ms: u64,
}

impl PartitionRestored {
    pub fn emit(&self, metrics: &Metrics) {
        metrics.partition_events.add("restored", 1);
        metrics.partitions_restoring.add(-1);
        let PartitionRestored {
            partition,
            records,
            took_ms,
        } = self;
        info!(partition, records, took_ms, "partition restored");
    }
}

/// A partition went to another instance: given back in order, or lost.
#[derive(Debug)]
pub struct PartitionReleased {
    pub partition: i32,
    /// The group took it without asking: what was not committed is judged again elsewhere.
    pub lost: bool,
    /// It left before its restore was done.
    pub restoring: bool,
}

impl PartitionReleased {
    pub fn emit(&self, metrics: &Metrics) {
        metrics.partitions_assigned.add(-1);
        if self.restoring {
            metrics.partitions_restoring.add(-1);
        }
        let partition = self.partition;
        if self.lost {
            metrics.partition_events.add("lost", 1);
            warn!(
                partition,
                "partition lost: this instance was too slow for the group"
            );
        } else {
            metrics.partition_events.add("released", 1);
            info!(partition, "partition released");
        }
    }
}

/// A partition starts without state: what its agents did before is not known.
#[derive(Debug)]
pub struct ColdStart<'a> {
    pub partition: i32,
    pub why: &'a str,
}

impl ColdStart<'_> {
    pub fn emit(&self, metrics: &Metrics) {
        metrics.partition_events.add("cold_start", 1);
        warn!(partition = self.partition, "cold start: {}", self.why);
    }
}

/// Records were deleted from an input before they were read.
#[derive(Debug)]
pub struct Gap<'a> {
    pub topic: &'a str,
    pub partition: i32,
    /// The first offset wanted, and the first there is.
    pub offset_next: i64,
    pub offset_first: i64,
}

impl Gap<'_> {
    pub fn emit(&self, metrics: &Metrics) {
        metrics.partition_events.add("gap", 1);
        let Gap {
            topic,
            partition,
            offset_next,
            offset_first,
        } = self;
        error!(
            topic,
            partition, offset_next, offset_first, "gap: records are gone unread"
        );
    }
}

/// A record names a schema that `[schema.ids]` does not have; its partition waits.
#[derive(Debug)]
pub struct SchemaUnknown<'a> {
    pub topic: &'a str,
    pub partition: i32,
    pub offset: i64,
    pub id: u32,
}

impl SchemaUnknown<'_> {
    pub fn emit(&self, metrics: &Metrics) {
        metrics.partition_events.add("paused", 1);
        let SchemaUnknown {
            topic,
            partition,
            offset,
            id,
        } = self;
        error!(
            topic,
            partition, offset, id, "unknown schema id: add it to [schema.ids]; paused"
        );
    }
}

/// Another producer with our transactional id took over.
#[derive(Debug)]
pub struct Fenced<'a> {
    pub worker: usize,
    pub detail: &'a str,
}

impl Fenced<'_> {
    pub fn emit(&self, metrics: &Metrics) {
        metrics.transactions.add("fenced", 1);
        error!(
            worker = self.worker,
            "fenced by a newer instance: {}", self.detail
        );
    }
}

/// A transaction was taken back; its records are judged again.
#[derive(Debug)]
pub struct TransactionAborted<'a> {
    pub worker: usize,
    pub detail: &'a str,
}

impl TransactionAborted<'_> {
    pub fn emit(&self, metrics: &Metrics) {
        metrics.transactions.add("aborted", 1);
        warn!(worker = self.worker, "transaction aborted: {}", self.detail);
    }
}

/// A transaction was committed. Counted, never logged.
#[derive(Debug)]
pub struct Committed {
    pub took_us: u64,
    pub changelog_records: u64,
    pub changelog_bytes: u64,
}

impl Committed {
    pub fn emit(&self, metrics: &Metrics) {
        metrics.transactions.add("committed", 1);
        metrics.commit.record_us(self.took_us);
        metrics.changelog_records.add(self.changelog_records);
        metrics.changelog_bytes.add(self.changelog_bytes);
    }
}

/// An alert message was committed. The alert itself is the log line; here it is only counted.
#[derive(Debug)]
pub struct Alerted {
    /// A word of the code, for the label.
    pub severity: &'static str,
    /// From the action's append to the commit; `None` where the two clocks do not compare.
    pub latency_us: Option<u64>,
}

impl Alerted {
    pub fn emit(&self, metrics: &Metrics) {
        metrics.alerts.add(self.severity, 1);
        if let Some(latency_us) = self.latency_us {
            metrics.alert_latency.record_us(latency_us);
        }
    }
}

/// A revocation plan was made, in whatever mode.
#[derive(Debug)]
pub struct Requested<'a> {
    pub tenant: &'a str,
    pub txn: &'a str,
    /// A word of the code, for the label.
    pub mode: &'static str,
    pub targets: usize,
}

impl Requested<'_> {
    pub fn emit(&self, metrics: &Metrics) {
        metrics.revocation_requests.add(self.mode, 1);
        let Requested {
            tenant,
            txn,
            mode,
            targets,
        } = self;
        info!(tenant, txn, mode, targets, "revocation planned");
    }
}

/// A revoked target has fallen silent, as far as can be known.
#[derive(Debug)]
pub struct RevocationEffective<'a> {
    pub txn: &'a str,
    pub after_ms: u64,
}

impl RevocationEffective<'_> {
    pub fn emit(&self, metrics: &Metrics) {
        metrics
            .revocation_effective
            .record_us(self.after_ms.saturating_mul(1_000));
        info!(
            txn = self.txn,
            after_ms = self.after_ms,
            "revocation took effect"
        );
    }
}

/// A held action's scope did not come in time; it is judged as undeclared.
#[derive(Debug)]
pub struct HoldExpired<'a> {
    pub tenant: &'a str,
    pub agent: &'a str,
}

impl HoldExpired<'_> {
    pub fn emit(&self, metrics: &Metrics) {
        let count = metrics.holds_expired.add(1);
        if is_sample(count) {
            let HoldExpired { tenant, agent } = self;
            info!(tenant, agent, count, "hold expired: no scope came");
        }
    }
}

/// A tenant's revocation budget is used up; further requests wait for approval.
#[derive(Debug)]
pub struct BudgetTripped<'a> {
    pub tenant: &'a str,
    pub partition: i32,
    pub agents: u32,
}

impl BudgetTripped<'_> {
    pub fn emit(&self, metrics: &Metrics) {
        metrics.budgets_tripped.add(1);
        let BudgetTripped {
            tenant,
            partition,
            agents,
        } = self;
        warn!(
            tenant,
            partition, agents, "revocation budget used up for this hour"
        );
    }
}

/// A bundle of rules judges from here on.
#[derive(Debug)]
pub struct BundleActivated<'a> {
    /// In hex.
    pub hash: &'a str,
    pub rules: usize,
}

impl BundleActivated<'_> {
    pub fn emit(&self, metrics: &Metrics) {
        metrics.bundles.add("activated", 1);
        metrics.set_bundle(self.hash);
        metrics
            .rules_active
            .set(i64::try_from(self.rules).unwrap_or(i64::MAX));
        info!(bundle = self.hash, rules = self.rules, "bundle activated");
    }
}

/// A bundle was not taken; the one before it goes on.
#[derive(Debug)]
pub struct BundleRefused<'a> {
    pub path: &'a str,
    pub problems: usize,
}

impl BundleRefused<'_> {
    pub fn emit(&self, metrics: &Metrics) {
        metrics.bundles.add("refused", 1);
        error!(path = self.path, problems = self.problems, "bundle refused");
    }
}

/// A bound cut something off.
#[derive(Debug)]
pub struct LimitHit {
    /// The name of the bound, a word of the code.
    pub name: &'static str,
    /// How often since it was last told.
    pub times: u64,
}

impl LimitHit {
    pub fn emit(&self, metrics: &Metrics) {
        if self.times == 0 {
            return;
        }
        let after = metrics.limits_hit.add(self.name, self.times);
        let before = after.saturating_sub(self.times);
        if before == 0 || before.ilog2() != after.ilog2() {
            warn!(limit = self.name, count = after, "limit hit");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_sample;

    #[test]
    fn a_flood_is_logged_as_a_trickle() {
        assert!(is_sample(1) && is_sample(2) && !is_sample(3));
        assert_eq!(
            (1..=100_000).filter(|count| is_sample(*count)).count(),
            17 + 100
        );
    }
}
