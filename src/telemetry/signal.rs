//! One struct per thing worth knowing, each with one `emit` that counts it and says it.
//!
//! What can happen per record is logged as a sample: the first twenty of its kind, then each
//! doubling and every thousandth, with the count.

use tracing::{error, info, warn};

use super::metrics::Metrics;

/// Every this many of a kind is logged, however many there were.
const SAMPLE_EVERY: u64 = 1_000;
/// The first of a kind are logged one by one: they say what is wrong.
const SAMPLE_FIRST: u64 = 20;

fn is_sample(count: u64) -> bool {
    count <= SAMPLE_FIRST || count.is_power_of_two() || count.is_multiple_of(SAMPLE_EVERY)
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

/// A revocation plan was committed, in whatever mode.
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
        let count = metrics.revocation_requests.add(self.mode, 1);
        if is_sample(count) {
            let Requested {
                tenant,
                txn,
                mode,
                targets,
            } = self;
            info!(tenant, txn, mode, targets, count, "revocation planned");
        }
    }
}

/// The identity system has carried out a request.
#[derive(Debug)]
pub struct RevocationConfirmed<'a> {
    pub txn: &'a str,
    /// From the request's cause to the confirmation; both in append time.
    pub after_ms: u64,
}

impl RevocationConfirmed<'_> {
    pub fn emit(&self, metrics: &Metrics) {
        metrics
            .revocation_confirmed
            .record_us(self.after_ms.saturating_mul(1_000));
        info!(
            txn = self.txn,
            after_ms = self.after_ms,
            "revocation confirmed"
        );
    }
}

/// A tenant's revocation budget is used up; further requests are only shown.
#[derive(Debug)]
pub struct BudgetTripped<'a> {
    pub tenant: &'a str,
    pub partition: i32,
}

impl BudgetTripped<'_> {
    pub fn emit(&self, metrics: &Metrics) {
        metrics.budgets_tripped.add(1);
        let BudgetTripped { tenant, partition } = self;
        warn!(tenant, partition, "revocation budget used up for this hour");
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
        error!(
            path = self.path,
            problems = self.problems,
            "bundle refused; the one before goes on judging"
        );
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
        assert!(is_sample(1) && is_sample(20) && !is_sample(21) && is_sample(32));
        assert_eq!(
            (1..=100_000).filter(|count| is_sample(*count)).count(),
            20 + 12 + 100
        );
    }
}
