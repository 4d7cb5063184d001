//! What follows when a partition has processed its records, or could not: flow control, pauses, the
//! search for a record that makes its task panic, the stop of one partition. The others go on.

use std::sync::Arc;
use std::time::Instant;

use super::error::WorkerError;
use super::partition::{AssignedPartition, PartitionClients, WorkResult};
use super::record_search::{Failure, SearchResult};
use super::stats::WorkerStats;
use crate::engine::contract::{OutputRecord, PartitionNotice, TaskFactory, input_name};
use crate::event::Input;
use crate::telemetry::{InputPaused, PartitionStopped, RecordFailed, TaskPanicked};

/// The worker's parts, for the results of one turn.
pub(super) struct ResultContext<'a, F> {
    pub factory: &'a F,
    pub clients: PartitionClients<'a>,
    pub stats: &'a WorkerStats,
    /// Audit records for the next transaction.
    pub notices: &'a mut Vec<OutputRecord>,
    pub now: Instant,
}

impl<F: TaskFactory> ResultContext<'_, F> {
    /// Acts on the result of one partition. `was_paused`: an input was paused before.
    ///
    /// # Errors
    /// When the process has to end.
    pub fn handle_result(
        &mut self,
        partition: &mut AssignedPartition<F::Task>,
        (result, paused_input): (WorkResult, Option<Input>),
        was_paused: bool,
    ) -> Result<(), WorkerError> {
        if let Some(input) = paused_input.filter(|_| !was_paused) {
            InputPaused {
                partition: partition.number,
                input: input_name(input),
                reason: partition.paused_reason.as_deref().unwrap_or_default(),
            }
            .emit(&self.stats.metrics);
        }
        match result {
            WorkResult::Applied => partition.control_flow(paused_input, &self.clients),
            WorkResult::Stopped(reason) => self.stop_partition(partition, reason),
            WorkResult::Panicked(reason) => self.search_record(partition, &reason),
            WorkResult::Fatal(reason) => {
                return Err(WorkerError::Task {
                    partition: partition.number,
                    reason,
                });
            }
        }
        Ok(())
    }

    fn stop_partition(&mut self, partition: &mut AssignedPartition<F::Task>, reason: String) {
        PartitionStopped {
            partition: partition.number,
            reason: &reason,
        }
        .emit(&self.stats.metrics);
        let notice = PartitionNotice::Stopped {
            partition: partition.number,
            reason: reason.clone(),
        };
        self.notices.extend(self.factory.audit_record(&notice));
        partition.stop(reason, &self.clients);
    }

    /// The task panicked: it is dropped, and its records are read again from the last commit.
    fn search_record(&mut self, partition: &mut AssignedPartition<F::Task>, reason: &str) {
        let number = partition.number;
        TaskPanicked {
            partition: number,
            reason,
        }
        .emit(&self.stats.metrics);
        let failure = Failure::Panic(reason.to_owned());
        let suspects = partition.next_by_log(self.clients.topics);
        match partition.search.note_failure(&failure, suspects, self.now) {
            SearchResult::Search => partition.restart(&self.clients, self.now),
            SearchResult::Found((topic, _), offset) => {
                let notice = found_record(topic, number, offset, reason);
                self.notices.extend(self.factory.audit_record(&notice));
                partition.restart(&self.clients, self.now);
            }
            SearchResult::Stop(_) => {
                let reason = format!(
                    "the program failed on its records again and again, at last with `{reason}`; \
                     report this error"
                );
                self.stop_partition(partition, reason);
            }
        }
    }
}

/// Reports a record that was found to fail; returns what the audit topic says of it.
pub(super) fn found_record(
    topic: Arc<str>,
    partition: i32,
    offset: i64,
    reason: &str,
) -> PartitionNotice {
    RecordFailed {
        topic: &topic,
        partition,
        offset,
        reason,
    }
    .emit();
    PartitionNotice::RecordFailed {
        topic,
        partition,
        offset,
        reason: reason.to_owned(),
    }
}
