//! Step 4: META and the group must agree where the actions go on. Then the task is opened, and its
//! side inputs begin to flow.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::changelog::unexpected_reply;
use super::context::RestoreContext;
use crate::engine::contract::{
    PartitionMeta, PartitionNotice, PartitionTask, TaskError, TaskFactory,
};
use crate::event::Input;
use crate::kafka::{DeliveryGuarantee, LogEnds, LookupReply, TopicPartition};
use crate::telemetry::{ColdStart, GroupOffsetIgnored};
use crate::worker::error::WorkerError;
use crate::worker::member::SeekAttempts;
use crate::worker::panics::catch_panic;
use crate::worker::partition::{AssignedPartition, PartitionStage, topic_partition};
use crate::worker::restore_stages::{CatchingUp, EndsByPartition};
use crate::worker::settings::GapPolicy;

/// Where a restored partition goes on.
struct StartPoint {
    meta: Option<PartitionMeta>,
    /// Next offset of the actions; `None`: the beginning of the log.
    actions_next: Option<i64>,
    ends: EndsByPartition,
}

/// Step 4: compares META with the group's committed offset.
pub(super) fn compare_offsets<T: PartitionTask, F: TaskFactory<Task = T>>(
    partition: &mut AssignedPartition<T>,
    context: &mut RestoreContext<'_, F>,
) -> Result<bool, WorkerError> {
    let PartitionStage::Comparing(comparing) = &mut partition.stage else {
        return Ok(false);
    };
    let committed = match comparing.committed.try_receive() {
        None => return Ok(false),
        Some(Ok(LookupReply::Committed(committed))) => committed,
        Some(other) => {
            context.restart_later(partition, &unexpected_reply(other));
            return Ok(false);
        }
    };
    let meta = comparing.meta.take();
    let ends = std::mem::take(&mut comparing.ends);
    let number = partition.number;
    let applied = meta
        .as_ref()
        .and_then(|meta| meta.offset_next(Input::Actions));
    let actions_next = match agreed_offset(applied, committed, context.options.delivery) {
        Ok(agreed) => agreed,
        Err((offset_meta, offset_group)) => {
            let reason = format!(
                "META says that actions before offset {offset_meta} of {}/{number} are applied, \
                 the group `{}` has committed {offset_group}: somebody moved the group's offsets; \
                 put them back to {offset_meta} while no instance runs",
                context.options.topics.actions, context.options.kafka.group_id
            );
            context.stop_partition(partition, reason);
            return Ok(true);
        }
    };
    if let (Some(offset_meta), Some(offset_group)) = (actions_next, committed)
        && offset_meta != offset_group
    {
        GroupOffsetIgnored {
            partition: number,
            offset_meta,
            offset_group,
        }
        .emit();
    }
    if let (None, Some(offset_next)) = (&meta, committed) {
        ColdStart {
            partition: number,
            offset_next,
        }
        .emit(&context.stats.metrics);
        context.add_notice(&PartitionNotice::ColdStart {
            partition: number,
            offset_next,
        });
    }
    let start = StartPoint {
        meta,
        actions_next,
        ends,
    };
    open_task(partition, context, start)?;
    Ok(true)
}

/// Opens the task and lets its side inputs flow.
fn open_task<T: PartitionTask, F: TaskFactory<Task = T>>(
    partition: &mut AssignedPartition<T>,
    context: &mut RestoreContext<'_, F>,
    start: StartPoint,
) -> Result<(), WorkerError> {
    let number = partition.number;
    let Some(starts) = input_starts(partition, context, &start) else {
        return Ok(());
    };
    let task = match read_task(number, context) {
        Ok(task) => task,
        Err(TaskError::Fatal { reason }) => {
            return Err(WorkerError::Task {
                partition: number,
                reason,
            });
        }
        Err(error) => {
            context.stop_partition(partition, error.to_string());
            return Ok(());
        }
    };
    let topics = &context.options.topics;
    let side_starts: Vec<_> = topics
        .side_inputs()
        .into_iter()
        .filter_map(|input| {
            Some((
                topic_partition(topics, input, number)?,
                *starts.get(&input)?,
            ))
        })
        .collect();
    if let Err(error) = context.clients.side.add_partitions(&side_starts) {
        context.restart_later(partition, &error.to_string());
        return Ok(());
    }
    partition.side_inputs = side_starts.into_iter().map(|(of, _)| of).collect();
    // A backfill is judged, so it waits with the actions for the scopes.
    if let Some(backfill) = topic_partition(topics, Input::Backfill, number)
        && let Err(error) = context.clients.side.pause(&backfill)
    {
        context.restart_later(partition, &error.to_string());
        return Ok(());
    }
    let scopes = topic_partition(topics, Input::Scopes, number);
    let scopes_end = scopes
        .and_then(|scopes| start.ends.get(&scopes))
        .map_or(0, |ends| ends.high);
    partition.actions_next = starts.get(&Input::Actions).copied().unwrap_or(0);
    partition.begin_inputs(&starts, context.now);
    partition.meta = start.meta;
    // The client may still report positions of an earlier assignment: they must not be committed.
    let positions = context.clients.side.positions();
    for input in topics.side_inputs() {
        let position =
            topic_partition(topics, input, number).and_then(|of| positions.get(&of).copied());
        partition
            .stale_positions
            .extend(position.map(|position| (input, position)));
    }
    partition.stage = PartitionStage::CatchingUp(CatchingUp {
        task,
        scopes_end,
        position: 0,
        since: context.now,
        seek: SeekAttempts::default(),
    });
    Ok(())
}

/// Opens the task. A panic while the state is read would come again.
fn read_task<F: TaskFactory>(
    number: i32,
    context: &RestoreContext<'_, F>,
) -> Result<F::Task, TaskError> {
    catch_panic(|| context.factory.open(number, context.store)).unwrap_or_else(|reason| {
        Err(TaskError::Stopped {
            reason: format!("the program failed on the state: {reason}; report this error"),
        })
    })
}

/// Where each input begins; `None` when the partition was stopped over an input.
fn input_starts<T: PartitionTask, F: TaskFactory<Task = T>>(
    partition: &mut AssignedPartition<T>,
    context: &mut RestoreContext<'_, F>,
    point: &StartPoint,
) -> Option<BTreeMap<Input, i64>> {
    let mut starts = BTreeMap::new();
    let topics = &context.options.topics;
    for input in Input::ALL {
        let Some(topic) = topics.input(input) else {
            continue;
        };
        let of = TopicPartition::new(topic, partition.number);
        let Some(log) = point.ends.get(&of).copied() else {
            continue;
        };
        let next = match input {
            Input::Actions => point.actions_next,
            _ => point.meta.as_ref().and_then(|meta| meta.offset_next(input)),
        };
        let start = input_start(partition, context, topic, next, log)?;
        starts.insert(input, start);
    }
    Some(starts)
}

/// Where one input begins; `None` when the partition was stopped over it.
fn input_start<T: PartitionTask, F: TaskFactory<Task = T>>(
    partition: &mut AssignedPartition<T>,
    context: &mut RestoreContext<'_, F>,
    topic: &Arc<str>,
    next: Option<i64>,
    log: LogEnds,
) -> Option<i64> {
    let number = partition.number;
    let Some(next) = next else {
        return Some(log.low);
    };
    if next > log.high {
        let reason = format!(
            "{topic}/{number}: records before offset {next} are applied, but the topic ends at {}: \
             it was created anew or truncated",
            log.high
        );
        // The end was looked up before META was read. A process that was frozen in between reads
        // there what another one has applied since, so the end is looked up once more.
        match std::mem::replace(&mut partition.end_in_doubt, true) {
            false => context.restart_later(partition, &reason),
            true => context.stop_partition(partition, reason),
        }
        return None;
    }
    if next >= log.low {
        return Some(next);
    }
    context.report_gap(topic, number, next, log.low);
    match context.options.gap {
        GapPolicy::Accept => Some(log.low),
        GapPolicy::Stop => {
            let reason = format!(
                "{topic}/{number}: records [{next}, {}) were deleted before they were read; \
                 lengthen the retention; to go on past the gap, set the group's offset to the \
                 log's start and begin with an empty store and changelog",
                log.low
            );
            context.stop_partition(partition, reason);
            None
        }
    }
}

/// Where the actions go on, given META's offset and the group's; or the two when they differ.
fn agreed_offset(
    applied: Option<i64>,
    committed: Option<i64>,
    delivery: DeliveryGuarantee,
) -> Result<Option<i64>, (i64, i64)> {
    match (applied, committed) {
        (Some(ours), Some(theirs)) if ours == theirs => Ok(Some(ours)),
        // The state is written before the offsets. Where the group is behind, its actions were
        // applied already; where it is ahead, the state was lost and they are applied again.
        (Some(ours), Some(_)) if delivery == DeliveryGuarantee::AtLeastOnce => Ok(Some(ours)),
        (Some(ours), Some(theirs)) => Err((ours, theirs)),
        // The group's offset expired or was deleted: META belongs to the state that is there.
        (Some(ours), None) => Ok(Some(ours)),
        // Nothing was applied yet: the group's offset, else the beginning of the log.
        (None, theirs) => Ok(theirs),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meta_and_group_must_agree_where_both_have_an_offset() {
        use DeliveryGuarantee::{AtLeastOnce, ExactlyOnce};
        assert_eq!(agreed_offset(Some(5), Some(5), ExactlyOnce), Ok(Some(5)));
        assert_eq!(agreed_offset(Some(5), Some(4), ExactlyOnce), Err((5, 4)));
        assert_eq!(agreed_offset(Some(4), Some(5), ExactlyOnce), Err((4, 5)));
        assert_eq!(agreed_offset(Some(5), Some(4), AtLeastOnce), Ok(Some(5)));
        assert_eq!(agreed_offset(Some(4), Some(5), AtLeastOnce), Ok(Some(4)));
        assert_eq!(agreed_offset(Some(5), None, ExactlyOnce), Ok(Some(5)));
        assert_eq!(agreed_offset(None, Some(5), ExactlyOnce), Ok(Some(5)));
        assert_eq!(agreed_offset(None, None, ExactlyOnce), Ok(None));
    }
}
