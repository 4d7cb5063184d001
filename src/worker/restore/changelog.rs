//! Steps 1 to 3: the state of a partition, from the store and the changelog.

use std::time::Duration;

use super::context::RestoreContext;
use crate::engine::contract::{PartitionMeta, PartitionTask, TaskFactory};
use crate::event::Input;
use crate::kafka::{LogEnds, LookupReply, LookupRequest, TopicPartition};
use crate::store::WriteBatch;
use crate::telemetry::{RestorePending, RestoreStarted, StoredMetaRefused, wall_clock_ms};
use crate::worker::error::WorkerError;
use crate::worker::index::build_index;
use crate::worker::partition::{AssignedPartition, PartitionStage, topic_partition};
use crate::worker::restore_stages::{
    ComparingOffsets, EndsByPartition, LookingUp, ReadingChangelog,
};
use crate::worker::settings::STORE_AGE_MAX_MS;

/// Time after which a restore without progress logs what it waits for.
const REPORT_AFTER: Duration = Duration::from_secs(10);

/// Step 1: reads META from the store. Begins step 2, after the assignment: from
/// then on every transaction of the previous owner is visible to this member.
pub(super) fn look_up_ends<T: PartitionTask, F: TaskFactory<Task = T>>(
    partition: &mut AssignedPartition<T>,
    context: &mut RestoreContext<'_, F>,
) -> Result<(), WorkerError> {
    let number = partition.number;
    context.store.open_partition(number)?;
    let bytes = context.store.meta(number)?;
    let meta = bytes.and_then(|bytes| match PartitionMeta::from_bytes(&bytes) {
        Ok(meta) => Some(meta),
        Err(error) => {
            StoredMetaRefused {
                partition: number,
                error: &error.to_string(),
            }
            .emit();
            None
        }
    });
    let topics = &context.options.topics;
    let changelog = TopicPartition::new(&topics.changelog, number);
    let mut logs: Vec<_> = Input::ALL
        .iter()
        .filter_map(|input| topic_partition(topics, *input, number))
        .collect();
    logs.push(changelog.clone());
    let ends = context.lookup.send_request(LookupRequest::Ends(logs));
    // Whether the store is too old shows in the changelog's offset of half a day ago.
    let offset_at = meta.is_some().then(|| {
        let at_ms = wall_clock_ms() - STORE_AGE_MAX_MS;
        context
            .lookup
            .send_request(LookupRequest::OffsetAt(changelog, at_ms))
    });
    partition.stage = PartitionStage::LookingUp(LookingUp {
        meta,
        ends,
        offset_at,
        known_ends: None,
    });
    Ok(())
}

/// Step 2: receives the ends of the logs.
pub(super) fn receive_ends<T: PartitionTask, F: TaskFactory<Task = T>>(
    partition: &mut AssignedPartition<T>,
    context: &mut RestoreContext<'_, F>,
) -> Result<bool, WorkerError> {
    let PartitionStage::LookingUp(looking_up) = &mut partition.stage else {
        return Ok(false);
    };
    if looking_up.known_ends.is_none() {
        match looking_up.ends.try_receive() {
            None => return Ok(false),
            Some(Ok(LookupReply::Ends(ends))) => looking_up.known_ends = Some(ends),
            Some(other) => {
                context.restart_later(partition, &unexpected_reply(other));
                return Ok(false);
            }
        }
    }
    let half_a_day_ago = match looking_up
        .offset_at
        .as_ref()
        .map(|reply| reply.try_receive())
    {
        None => None,
        Some(None) => return Ok(false),
        Some(Some(Ok(LookupReply::OffsetAt(offset)))) => offset,
        Some(Some(other)) => {
            context.restart_later(partition, &unexpected_reply(other));
            return Ok(false);
        }
    };
    let ends = looking_up.known_ends.take().unwrap_or_default();
    let meta = looking_up.meta.take();
    begin_reading(partition, context, meta, ends, half_a_day_ago)?;
    Ok(true)
}

/// Begins step 3, with the store's state and what it lacks, or with the whole changelog.
fn begin_reading<T: PartitionTask, F: TaskFactory<Task = T>>(
    partition: &mut AssignedPartition<T>,
    context: &mut RestoreContext<'_, F>,
    meta: Option<PartitionMeta>,
    ends: EndsByPartition,
    half_a_day_ago: Option<i64>,
) -> Result<(), WorkerError> {
    let number = partition.number;
    let changelog = TopicPartition::new(&context.options.topics.changelog, number);
    let Some(log) = ends.get(&changelog).copied() else {
        context.restart_later(partition, "the changelog's ends are unknown");
        return Ok(());
    };
    if let Some(meta) = &meta
        && meta.changelog_next > log.high
    {
        let (next, high) = (meta.changelog_next, log.high);
        let reason = format!(
            "the store has {changelog} up to offset {next}, the topic ends at {high}: it was \
             created anew or truncated; remove the store to go on with what the topic has"
        );
        context.stop_partition(partition, reason);
        return Ok(());
    }
    let usable = meta.filter(|meta| {
        let next = meta.changelog_next;
        next >= log.low && is_complete(next, log, half_a_day_ago)
    });
    let from = match &usable {
        Some(meta) => meta.changelog_next,
        None => {
            // Emptied first: keys that the changelog no longer has would stay otherwise.
            context.store.restore_begin(number)?;
            log.low
        }
    };
    RestoreStarted {
        partition: number,
        whole: usable.is_none(),
        from,
        to: log.high,
    }
    .emit();
    let stored_meta = usable.map(|meta| meta.to_bytes());
    let reading =
        ReadingChangelog::new(changelog.clone(), log.high, stored_meta, ends, context.now);
    partition.stage = PartitionStage::Reading(reading);
    if from >= log.high {
        // Nothing to read, so no record would come to say that the end is reached.
        return finish_reading(partition, context, from);
    }
    let start = [(changelog.clone(), from)];
    if let Err(error) = context.clients.side.add_partitions(&start) {
        context.restart_later(partition, &error.to_string());
        return Ok(());
    }
    partition.side_inputs.push(changelog);
    Ok(())
}

/// Step 3: whether the end is reached. The consumer's *position* decides, not the last record:
/// transaction markers take offsets too.
pub(super) fn read_on<T: PartitionTask, F: TaskFactory<Task = T>>(
    partition: &mut AssignedPartition<T>,
    context: &mut RestoreContext<'_, F>,
) -> Result<bool, WorkerError> {
    let PartitionStage::Reading(reading) = &mut partition.stage else {
        return Ok(false);
    };
    let position = context.clients.side.position(&reading.changelog);
    if let Some(position) = position.filter(|position| *position >= reading.target) {
        finish_reading(partition, context, position)?;
        return Ok(true);
    }
    if context.now.saturating_duration_since(reading.reported_at) >= REPORT_AFTER {
        reading.reported_at = context.now;
        RestorePending {
            partition: partition.number,
            position,
            to: reading.target,
        }
        .emit();
    }
    Ok(false)
}

/// Ends step 3: the state is in the store, META last. Begins step 4.
fn finish_reading<T: PartitionTask, F: TaskFactory<Task = T>>(
    partition: &mut AssignedPartition<T>,
    context: &mut RestoreContext<'_, F>,
    position: i64,
) -> Result<(), WorkerError> {
    let number = partition.number;
    let PartitionStage::Reading(reading) = &mut partition.stage else {
        return Ok(());
    };
    let latest = reading.latest_meta.take();
    let meta = match latest
        .map(|bytes| PartitionMeta::from_bytes(&bytes))
        .transpose()
    {
        Ok(meta) => meta,
        Err(error) => {
            let reason = format!("the changelog's last META cannot be used: {error}");
            context.stop_partition(partition, reason);
            return Ok(());
        }
    };
    if let Some(meta) = &meta
        && let Err(reason) = meta.check_partition_count(context.options.partition_count)
    {
        context.stop_partition(partition, reason);
        return Ok(());
    }
    let meta = meta.map(|meta| PartitionMeta {
        changelog_next: position,
        ..meta
    });
    if let Some(meta) = &meta {
        let indexer = |key: &[u8], value: &[u8]| context.factory.local_entry(key, value);
        reading.flush_entries(context.store, context.stats, &indexer)?;
        let bytes = meta.to_bytes();
        // META is written last: a crash before leaves a store without META, or with the old one,
        // and the same records are read again.
        if reading.whole {
            build_index(context.store, number, &indexer)?;
            context.store.restore_finish(number, bytes)?;
        } else {
            let batch = WriteBatch::for_partition(number, Vec::new(), bytes);
            context.store.write(batch)?;
        }
    }
    let ends = std::mem::take(&mut reading.ends);
    partition.leave_side_inputs(context.clients.side);
    let Some(actions) = topic_partition(&context.options.topics, Input::Actions, number) else {
        return Ok(());
    };
    let committed = context
        .lookup
        .send_request(LookupRequest::Committed(actions));
    partition.stage = PartitionStage::Comparing(ComparingOffsets {
        meta,
        committed,
        ends,
    });
    Ok(())
}

/// Why a reply is of no use.
pub(super) fn unexpected_reply(reply: Result<LookupReply, String>) -> String {
    reply
        .err()
        .unwrap_or_else(|| "the reply belongs to another request".into())
}

/// Whether a store whose changelog goes on at `next` has seen every deletion that compaction may
/// have removed since. `half_a_day_ago`: the first offset of that age or younger; when there is
/// none, the store must be at the end of the log, but for the marker of its last transaction.
fn is_complete(next: i64, log: LogEnds, half_a_day_ago: Option<i64>) -> bool {
    half_a_day_ago.map_or(next + 1 >= log.high, |then| next >= then)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_store_is_complete_only_at_the_end_of_a_silent_changelog() {
        let log = LogEnds { low: 0, high: 100 };
        assert!(is_complete(100, log, None));
        assert!(is_complete(99, log, None), "META at 98, its marker at 99");
        assert!(!is_complete(98, log, None));
        assert!(is_complete(60, log, Some(60)));
        assert!(!is_complete(59, log, Some(60)));
    }
}
