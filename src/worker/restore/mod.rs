//! How a partition comes from its assignment to its task, in five steps. No step waits: the worker
//! goes on polling, for a member that stops polling loses its membership.
//!
//! 1. Read META from the store.
//! 2. Look up the ends of the changelog and of the inputs.
//! 3. Read the changelog from where the store's META ends to the end that was looked up.
//! 4. Look up the group's committed offset of the actions, and compare it with META.
//! 5. Open the task, read the scopes to their end, then let the actions flow.
//!
//! What makes a predecessor harmless that is not dead but slow: a transaction that it has open in
//! step 2 has its records below the end that is looked up, so reading committed records up to that
//! end (3) waits until the transaction has ended one way or the other. Whatever the predecessor
//! begins later is refused, because its offsets are sent under a past generation.

mod catch_up;
mod changelog;
mod compare;
mod context;

use super::error::WorkerError;
use super::partition::{AssignedPartition, PartitionStage};
use crate::engine::contract::{PartitionTask, TaskFactory};

pub(super) use context::RestoreContext;

/// Takes the next step of a partition's restore if it can be taken; `true` when it was.
pub(super) fn advance<T: PartitionTask, F: TaskFactory<Task = T>>(
    partition: &mut AssignedPartition<T>,
    context: &mut RestoreContext<'_, F>,
) -> Result<bool, WorkerError> {
    match &partition.stage {
        PartitionStage::Starting(at) if context.now >= *at => {
            changelog::look_up_ends(partition, context)?;
            Ok(true)
        }
        PartitionStage::LookingUp(_) => changelog::receive_ends(partition, context),
        PartitionStage::Reading(_) => changelog::read_on(partition, context),
        PartitionStage::Comparing(_) => compare::compare_offsets(partition, context),
        PartitionStage::CatchingUp(_) => catch_up::begin_actions(partition, context),
        PartitionStage::Starting(_) | PartitionStage::Running(_) | PartitionStage::Stopped(_) => {
            Ok(false)
        }
    }
}
