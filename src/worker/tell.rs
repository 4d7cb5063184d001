//! What a commit did becomes counts and log lines, once it is through.

use std::time::{SystemTime, UNIX_EPOCH};

use super::stats::Stats;
use crate::engine::contract::{Commit, InputRecord, Told};
use crate::telemetry::{
    AlertCommitted, BudgetTripped, DeadLetter, Metrics, RevocationConfirmed, RevocationPlanned,
};

impl Stats {
    /// The transaction with `commit` is through and stored.
    pub(super) fn settled(&self, commit: &Commit) {
        if let Some(cached) = commit.agents_cached {
            self.stand(commit.partition, cached, commit.meta.held);
        }
        let now_ms = now_ms();
        for told in &commit.told {
            tell(&self.metrics, commit.partition, told, now_ms);
        }
    }

    /// A foreign record that no mapping takes goes to the dead letters. Told again when its
    /// transaction has to be repeated.
    pub(super) fn unmapped(&self, record: &InputRecord, message: &str) {
        let position = &record.position;
        DeadLetter {
            topic: &position.topic,
            partition: position.partition,
            offset: position.offset,
            reason: "mapping",
            error: message,
        }
        .emit(&self.metrics);
    }
}

fn tell(metrics: &Metrics, partition: i32, told: &Told, now_ms: i64) {
    match told {
        Told::DeadLetter {
            position,
            reason,
            message,
        } => DeadLetter {
            topic: &position.topic,
            partition: position.partition,
            offset: position.offset,
            reason,
            error: message,
        }
        .emit(metrics),
        Told::Alert {
            severity,
            append_ms,
        } => AlertCommitted {
            severity,
            // The broker's clock may be ahead of ours.
            latency_us: append_ms.map(|at| {
                u64::try_from(now_ms.saturating_sub(at)).map_or(0, |ms| ms.saturating_mul(1_000))
            }),
        }
        .emit(metrics),
        Told::Plan {
            mode,
            tenant,
            txn,
            targets,
        } => RevocationPlanned {
            tenant,
            txn,
            mode,
            targets: *targets,
        }
        .emit(metrics),
        Told::Confirmed { txn, after_ms } => RevocationConfirmed {
            txn,
            after_ms: *after_ms,
        }
        .emit(metrics),
        Told::BudgetTripped { tenant } => BudgetTripped { tenant, partition }.emit(metrics),
    }
}

fn now_ms() -> i64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}
