//! What the steps of a restore work with.

use std::sync::Arc;
use std::time::Instant;

use crate::engine::contract::{OutputRecord, PartitionNotice, TaskFactory};
use crate::kafka::OffsetLookup;
use crate::store::Store;
use crate::telemetry::{PartitionStopped, RecordGap, RestoreRetried};
use crate::worker::partition::{AssignedPartition, PartitionClients};
use crate::worker::settings::{LOOKUP_RETRY_AFTER, WorkerOptions};
use crate::worker::stats::{WorkerStats, add};

/// The worker's parts, for one round of steps.
pub(in crate::worker) struct RestoreContext<'a, F> {
    pub options: &'a WorkerOptions,
    pub factory: &'a F,
    pub store: &'a dyn Store,
    pub lookup: &'a OffsetLookup,
    pub clients: PartitionClients<'a>,
    pub stats: &'a WorkerStats,
    /// Audit records for the next transaction.
    pub notices: &'a mut Vec<OutputRecord>,
    pub now: Instant,
}

impl<F: TaskFactory> RestoreContext<'_, F> {
    /// Begins the restore of a partition anew, after a pause.
    pub fn restart_later(&self, partition: &mut AssignedPartition<F::Task>, why: &str) {
        RestoreRetried {
            partition: partition.number,
            reason: why,
        }
        .emit();
        partition.restart(&self.clients, self.now + LOOKUP_RETRY_AFTER);
    }

    /// Stops a partition, with an audit record.
    pub fn stop_partition(&mut self, partition: &mut AssignedPartition<F::Task>, reason: String) {
        let notice = PartitionNotice::Stopped {
            partition: partition.number,
            reason: reason.clone(),
        };
        self.notices.extend(self.factory.audit_record(&notice));
        PartitionStopped {
            partition: partition.number,
            reason: &reason,
        }
        .emit(&self.stats.metrics);
        partition.stop(reason, &self.clients);
    }

    /// Adds the audit record of a notice, unless it is there already: a partition that begins anew
    /// finds the same things again.
    pub fn add_notice(&mut self, notice: &PartitionNotice) {
        let record = self.factory.audit_record(notice);
        let new = record.filter(|record| !self.notices.contains(record));
        self.notices.extend(new);
    }

    /// Reports records that were deleted before they were read.
    pub fn report_gap(&mut self, topic: &Arc<str>, partition: i32, from: i64, to: i64) {
        add(&self.stats.gaps, 1);
        RecordGap {
            topic,
            partition,
            from,
            to,
        }
        .emit(&self.stats.metrics);
        self.add_notice(&PartitionNotice::Gap {
            topic: Arc::clone(topic),
            partition,
            from,
            to,
        });
    }
}
