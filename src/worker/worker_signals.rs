//! The signals of a worker: what a commit led to, and which partitions came and went.

use super::stats::WorkerStats;
use crate::engine::contract::PartitionCommit;
use crate::engine::outcome::{DeadLetter, TaskOutcome, TaskSignal};
use crate::telemetry::{
    AlertCommitted, BudgetTripped, DeadLetterWritten, Metrics, PartitionsAssigned, PartitionsLost,
    PartitionsReleased, RecordMoved, RevocationConfirmed, RevocationPlanned, wall_clock_ms,
};

impl WorkerStats {
    /// The group assigned partitions to a worker.
    pub(super) fn emit_assignment(&self, worker: usize, partitions: &[i32]) {
        PartitionsAssigned {
            worker,
            count: partitions.len() as u64,
            partitions: &format!("{partitions:?}"),
        }
        .emit(&self.metrics);
    }

    /// A worker released partitions, or lost them.
    pub(super) fn emit_removal(&self, worker: usize, partitions: &[i32], lost: bool) {
        let (count, metrics) = (partitions.len() as u64, &self.metrics);
        let partitions = &*format!("{partitions:?}");
        if lost {
            PartitionsLost {
                worker,
                count,
                partitions,
            }
            .emit(metrics);
        } else {
            PartitionsReleased {
                worker,
                count,
                partitions,
            }
            .emit(metrics);
        }
    }

    /// Emits the signals of a commit, once it is committed and stored.
    pub(super) fn emit_signals(&self, commit: &PartitionCommit) {
        if let Some(cached) = commit.agents_cached {
            self.record_cache(commit.partition, cached, commit.meta.deferred);
        }
        let now_ms = wall_clock_ms();
        for signal in commit.outcomes.iter().filter_map(TaskOutcome::signal) {
            emit_signal(&self.metrics, commit.partition, signal, now_ms);
        }
    }

    /// Emits the dead letter of a foreign record that the mapping refused. When its transaction is
    /// aborted, the record is read again, and this signal is emitted again.
    pub(super) fn emit_unmapped(&self, letter: &DeadLetter) {
        emit_dead_letter(&self.metrics, letter);
    }
}

fn emit_signal(metrics: &Metrics, partition: i32, signal: TaskSignal<'_>, now_ms: i64) {
    match signal {
        TaskSignal::DeadLetter(letter) => emit_dead_letter(metrics, letter),
        TaskSignal::Moved(moved) => RecordMoved {
            topic: &moved.position.topic,
            partition,
            offset: moved.position.offset,
            home: moved.home,
        }
        .emit(metrics),
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
        TaskSignal::Confirmed {
            txn,
            after_ms,
            effective_ms,
        } => RevocationConfirmed {
            effective_ms: u64::try_from(effective_ms).unwrap_or(0),
            txn: &txn.to_string(),
            after_ms,
        }
        .emit(metrics),
        TaskSignal::BudgetUsedUp { tenant } => BudgetTripped { tenant, partition }.emit(metrics),
    }
}

fn emit_dead_letter(metrics: &Metrics, letter: &DeadLetter) {
    let position = &letter.position;
    DeadLetterWritten {
        topic: &position.topic,
        partition: position.partition,
        offset: position.offset,
        reason: letter.class,
        error: &letter.message,
    }
    .emit(metrics);
}
