//! Opens the tasks of an engine for the workers, and makes the audit records about partitions.

use std::sync::Arc;

use super::contract::{OutputRecord, PartitionNotice, TaskError, TaskFactory};
use super::journal;
use super::partition_task::EngineTask;
use super::shared_engine::Engine;
use crate::detector::timer_of;
use crate::store::Store;

/// Opens the tasks of an engine for the workers.
#[derive(Debug, Clone)]
pub struct EngineFactory(pub Arc<Engine>);

impl TaskFactory for EngineFactory {
    type Task = EngineTask;

    fn open(&self, partition: i32, store: &dyn Store) -> Result<EngineTask, TaskError> {
        EngineTask::open(Arc::clone(&self.0), partition, store)
    }

    fn set_moving(&self, allowed: bool) {
        self.0.set_moving(allowed);
    }

    fn audit_record(&self, notice: &PartitionNotice) -> Option<OutputRecord> {
        Some(journal::notice_record(notice))
    }

    fn local_entry(&self, key: &[u8], value: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
        timer_of(key, value).map(|timer| (timer, Vec::new()))
    }
}
