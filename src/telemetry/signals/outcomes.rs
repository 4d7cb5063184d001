//! What the detector and the response produced: alerts, requests, dead letters, limits reached.

use tracing::{info, warn};

use super::is_sample;
use crate::telemetry::metrics::Metrics;

/// A record that cannot be read was written to the dead letters.
#[derive(Debug)]
pub struct DeadLetterWritten<'a> {
    pub topic: &'a str,
    pub partition: i32,
    pub offset: i64,
    /// Value of the metric's label: a constant of the code.
    pub reason: &'static str,
    pub error: &'a str,
}

impl DeadLetterWritten<'_> {
    pub fn emit(&self, metrics: &Metrics) {
        let count = metrics.dead_letters.add(self.reason, 1);
        if is_sample(count) {
            let DeadLetterWritten {
                topic,
                partition,
                offset,
                reason,
                error,
            } = self;
            warn!(
                topic,
                partition, offset, reason, count, error, "dead letter"
            );
        }
    }
}

/// A record in another partition than its key's was written to that partition.
#[derive(Debug)]
pub struct RecordMoved<'a> {
    pub topic: &'a str,
    pub partition: i32,
    pub offset: i64,
    /// The partition of its key.
    pub home: i32,
}

impl RecordMoved<'_> {
    pub fn emit(&self, metrics: &Metrics) {
        let count = metrics.records_moved.add(1);
        if is_sample(count) {
            let RecordMoved {
                topic,
                partition,
                offset,
                home,
            } = self;
            warn!(
                topic,
                partition, offset, home, count, "record moved to the partition of its key"
            );
        }
    }
}

/// An alert message was committed. It is only counted: the alert topic is its log.
#[derive(Debug)]
pub struct AlertCommitted {
    /// Value of the metric's label: a constant of the code.
    pub severity: &'static str,
    /// Time from the action's append to the commit; `None` where the two clocks do not compare.
    pub latency_us: Option<u64>,
}

impl AlertCommitted {
    pub fn emit(&self, metrics: &Metrics) {
        metrics.alerts.add(self.severity, 1);
        if let Some(latency_us) = self.latency_us {
            metrics.alert_latency.record_us(latency_us);
        }
    }
}

/// A revocation plan was committed, in shadow or in earnest.
#[derive(Debug)]
pub struct RevocationPlanned<'a> {
    pub tenant: &'a str,
    pub txn: &'a str,
    /// Value of the metric's label: a constant of the code.
    pub mode: &'static str,
    pub targets: usize,
}

impl RevocationPlanned<'_> {
    pub fn emit(&self, metrics: &Metrics) {
        let count = metrics.revocation_requests.add(self.mode, 1);
        if is_sample(count) {
            let RevocationPlanned {
                tenant,
                txn,
                mode,
                targets,
            } = self;
            info!(tenant, txn, mode, targets, count, "revocation planned");
        }
    }
}

/// A limit of the code was reached, and something was dropped or not recorded.
#[derive(Debug)]
pub struct LimitHit {
    /// The name of the limit: a constant of the code.
    pub name: &'static str,
    /// How often since the last signal of this limit.
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

counted_signals! {
    /// The identity system has revoked what a request named.
    info RevocationConfirmed<'a> "revocation confirmed" {
        txn: &'a str,
        /// Time from the request's cause to the confirmation, both in append time.
        after_ms: u64,
        /// Time from the request until nobody acted with the target any more.
        effective_ms: u64,
    }
    counts |signal, metrics| {
        metrics.revocation_confirmed.record_us(signal.after_ms.saturating_mul(1_000));
        metrics.revocation_effective.record_us(signal.effective_ms.saturating_mul(1_000))
    };

    /// A tenant's revocation budget is used up: further requests stay in shadow mode.
    warn BudgetTripped<'a> "revocation budget used up for this hour" {
        tenant: &'a str,
        partition: i32,
    }
    counts |_signal, metrics| metrics.budgets_tripped.add(1);
}
