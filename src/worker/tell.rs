//! What a commit did becomes counts and log lines, once it is through.

use std::time::{SystemTime, UNIX_EPOCH};

use super::stats::Stats;
use crate::engine::contract::Commit;
use crate::engine::outcome::{DeadLetter, TaskOutcome, TaskSignal};
use crate::telemetry::{
    AlertCommitted, BudgetTripped, DeadLetter as DeadLetterSignal, Metrics, RevocationConfirmed,
    RevocationPlanned,
};

impl Stats {
    /// The transaction with `commit` is through and stored.
    pub(super) fn settled(&self, commit: &Commit) {
        if let Some(cached) = commit.agents_cached {
            self.stand(commit.partition, cached, commit.meta.held);
        }
        let now_ms = now_ms();
        for signal in commit.outcomes.iter().filter_map(TaskOutcome::signal) {
            emit_signal(&self.metrics, commit.partition, signal, now_ms);
        }
    }

    /// A foreign record that no mapping takes goes to the dead letters. Emitted again when its
    /// transaction has to be repeated.
    pub(super) fn unmapped(&self, letter: &DeadLetter) {
        emit_dead_letter(&self.metrics, letter);
    }
}

fn emit_signal(metrics: &Metrics, partition: i32, signal: TaskSignal<'_>, now_ms: i64) {
    match signal {
        TaskSignal::DeadLetter(letter) => emit_dead_letter(metrics, letter),
        TaskSignal::Alert { severity, cause_ms } => AlertCommitted {
            severity,
            // The broker's clock may be ahead of ours.
            latency_us: cause_ms.map(|at| {
                u64::try_from(now_ms.saturating_sub(at)).map_or(0, |ms| ms.saturating_mul(1_000))
            }),
        }
        .emit(metrics),
        TaskSignal::Plan {
            mode,
            tenant,
            txn,
            targets,
        } => RevocationPlanned {
            tenant,
            txn: &txn.to_string(),
            mode,
            targets,
        }
        .emit(metrics),
        TaskSignal::Confirmed { txn, after_ms } => RevocationConfirmed {
            txn: &txn.to_string(),
            after_ms,
        }
        .emit(metrics),
        TaskSignal::BudgetUsedUp { tenant } => BudgetTripped { tenant, partition }.emit(metrics),
    }
}

fn emit_dead_letter(metrics: &Metrics, letter: &DeadLetter) {
    let position = &letter.position;
    DeadLetterSignal {
        topic: &position.topic,
        partition: position.partition,
        offset: position.offset,
        reason: letter.class,
        error: &letter.message,
    }
    .emit(metrics);
}

fn now_ms() -> i64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}
