//! Step 5: when the scopes are read to their end, the actions begin.

use super::context::RestoreContext;
use crate::engine::contract::{PartitionTask, TaskFactory};
use crate::event::Input;
use crate::kafka::{ClientError, GroupConsumer, SideConsumer, TopicPartition};
use crate::telemetry::{PartitionRestored, ScopesIncomplete, SeekRetried};
use crate::worker::error::WorkerError;
use crate::worker::member::SeekAttempts;
use crate::worker::partition::{AssignedPartition, PartitionStage, topic_partition};
use crate::worker::settings::SCOPES_WITHIN;

/// Lets the actions flow once the scopes are read, or once they make no progress for
/// [`SCOPES_WITHIN`]: an action waits for its scope no longer than that anyway.
pub(super) fn begin_actions<T: PartitionTask, F: TaskFactory<Task = T>>(
    partition: &mut AssignedPartition<T>,
    context: &mut RestoreContext<'_, F>,
) -> Result<bool, WorkerError> {
    let (number, start) = (partition.number, partition.actions_next);
    let topics = &context.options.topics;
    let (Some(scopes), Some(actions)) = (
        topic_partition(topics, Input::Scopes, number),
        topic_partition(topics, Input::Actions, number),
    ) else {
        return Ok(false);
    };
    let delivered = partition.deliver_next(Input::Scopes).unwrap_or(0);
    let pending = partition.pending_records();
    let (group, side) = (context.clients.group, context.clients.side);
    let PartitionStage::CatchingUp(catching_up) = &mut partition.stage else {
        return Ok(false);
    };
    let position = side.position(&scopes).unwrap_or(delivered);
    if position > catching_up.position {
        catching_up.position = position;
        catching_up.since = context.now;
    }
    let overdue = context.now.saturating_duration_since(catching_up.since) >= SCOPES_WITHIN;
    let behind = position < catching_up.scopes_end || pending > 0;
    if behind && !overdue {
        return Ok(false);
    }
    if behind {
        ScopesIncomplete { partition: number }.emit();
    }
    let backfill = topic_partition(topics, Input::Backfill, number);
    let begun = move_actions(&mut catching_up.seek, group, &actions, start)
        .and_then(|()| resume_backfill(side, backfill.as_ref()))
        .and_then(|()| group.resume(&actions));
    if let Err(error) = begun {
        SeekRetried {
            partition: number,
            error: &error.to_string(),
        }
        .emit();
        return Ok(false);
    }
    // As for the side inputs: a position of an earlier assignment must not be committed.
    let position = group.position(&actions);
    partition
        .stale_positions
        .extend(position.map(|position| (Input::Actions, position)));
    let before = std::mem::replace(&mut partition.stage, PartitionStage::Starting(context.now));
    if let PartitionStage::CatchingUp(catching_up) = before {
        partition.stage = PartitionStage::Running(catching_up.task);
    }
    PartitionRestored {
        partition: number,
        offset_next: start,
    }
    .emit(&context.stats.metrics);
    Ok(true)
}

fn move_actions(
    seek: &mut SeekAttempts,
    group: &GroupConsumer,
    actions: &TopicPartition,
    start: i64,
) -> Result<(), ClientError> {
    // After a new assignment the client may still report the old position: it is noted as stale.
    seek.move_to(group, actions, start).map(|_| ())
}

fn resume_backfill(
    side: &SideConsumer,
    backfill: Option<&TopicPartition>,
) -> Result<(), ClientError> {
    backfill.map_or(Ok(()), |backfill| side.resume(backfill))
}
