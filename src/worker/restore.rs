//! Steps r1 to r3: how a partition comes to its state (r4 and r5: `begin`). Every step waits
//! without blocking, so the worker goes on polling; one that stopped would lose its membership.
//!
//! What makes a predecessor harmless that is not dead but slow: a transaction it has open when we
//! ask for the end of the changelog (r2) has its records below that end, so reading committed up
//! to it (r3) waits until that transaction has ended one way or the other; and whatever it begins
//! later is refused, because its offsets come under a past generation.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use super::assignment::{Life, Partition, place};
use super::error::WorkerError;
use super::index::{Indexer, build_index, with_index};
use super::settings::{RESTORE_BYTES_MAX, RESTORE_ENTRIES_MAX, STORE_AGE_MAX_MS, WorkerOptions};
use super::stats::{Stats, add};
use crate::engine::contract::{Meta, Notice, Output, Task, TaskFactory};
use crate::event::Input;
use crate::kafka::{
    GroupConsumer, LogEnds, LookupReply, LookupRequest, OffsetLookup, PendingReply, SideConsumer,
    TopicPartition,
};
use crate::store::{Entry, META_KEY, Store, WriteBatch};
use crate::telemetry::{
    PartitionStopped, RestorePending, RestoreRetried, RestoreStarted, StoredMetaRefused,
};

/// Pause between tries of a question or a seek.
const AGAIN_AFTER: Duration = Duration::from_millis(500);
/// Time after which a restore that makes no progress says what it waits for.
const TELL_AFTER: Duration = Duration::from_secs(10);

pub(super) type EndsByPlace = BTreeMap<TopicPartition, LogEnds>;

/// r1 and r2: the store's META is read, the ends are asked for.
pub(super) struct Asking {
    meta: Option<Meta>,
    ends: PendingReply,
    /// The changelog's offset of half a day ago, where the store has a META.
    age: Option<PendingReply>,
    known: Option<EndsByPlace>,
}

/// r3: the changelog is being read.
pub(super) struct Reading {
    place: TopicPartition,
    target: i64,
    /// The store was emptied, so entries are loaded in bulk and META comes last.
    whole: bool,
    /// META as the store has it, while it is not whole.
    stored: Vec<u8>,
    latest: Option<Vec<u8>>,
    entries: Vec<Entry>,
    bytes: usize,
    ends: EndsByPlace,
    told_at: Instant,
}

/// r4: the group's committed offset is asked for.
pub(super) struct Comparing {
    pub meta: Option<Meta>,
    pub reply: PendingReply,
    pub ends: EndsByPlace,
}

/// What the steps work with: the worker's parts.
pub(super) struct Tools<'a, F> {
    pub options: &'a WorkerOptions,
    pub factory: &'a F,
    pub store: &'a dyn Store,
    pub lookup: &'a OffsetLookup,
    pub group: &'a GroupConsumer,
    pub side: &'a SideConsumer,
    pub stats: &'a Stats,
    pub notices: &'a mut Vec<Output>,
}

impl Reading {
    /// Takes a changelog record; `true` when the entries should go to the store.
    pub fn take(&mut self, key: &[u8], value: Option<&[u8]>) -> bool {
        if key == META_KEY {
            self.latest = value.map(<[u8]>::to_vec);
            return false;
        }
        self.bytes += key.len() + value.map_or(0, <[u8]>::len);
        self.entries.push((key.to_vec(), value.map(<[u8]>::to_vec)));
        self.entries.len() >= RESTORE_ENTRIES_MAX || self.bytes >= RESTORE_BYTES_MAX
    }

    /// Writes what was taken. A crash from here on leaves the old META, or none, and the same
    /// records are read again: writing a value twice changes nothing.
    pub fn flush(
        &mut self,
        store: &dyn Store,
        stats: &Stats,
        indexer: Indexer<'_>,
    ) -> Result<(), WorkerError> {
        let entries = std::mem::take(&mut self.entries);
        self.bytes = 0;
        if entries.is_empty() {
            return Ok(());
        }
        add(&stats.restored_entries, entries.len());
        let partition = self.place.partition;
        if self.whole {
            store.bulk_load(partition, entries)?;
        } else {
            let entries = with_index(store, partition, entries, indexer)?;
            store.write(WriteBatch::one(partition, entries, self.stored.clone()))?;
        }
        Ok(())
    }
}

fn now_ms() -> i64 {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

/// Whether a store that goes on at `next` cannot have missed a deletion that compaction has since
/// forgotten. Where nothing was written for half a day it must be at the end; the marker of its
/// last transaction may follow.
fn fresh(next: i64, log: LogEnds, half_a_day_ago: Option<i64>) -> bool {
    half_a_day_ago.map_or(next + 1 >= log.high, |then| next >= then)
}

impl<T: Task> Partition<T> {
    /// Takes the next step of the restore if it can be taken; `true` when it was.
    pub fn advance<F: TaskFactory<Task = T>>(
        &mut self,
        tools: &mut Tools<'_, F>,
        now: Instant,
    ) -> Result<bool, WorkerError> {
        match &mut self.life {
            Life::Starting(at) if now >= *at => {
                self.ask(tools)?;
                Ok(true)
            }
            Life::Asking(_) => self.answered(tools, now),
            Life::Reading(_) => self.read_on(tools, now),
            Life::Comparing(_) => self.compare(tools, now),
            Life::CatchingUp(_) => self.catch_up(tools, now),
            Life::Starting(_) | Life::Running(_) | Life::Stopped(_) => Ok(false),
        }
    }

    pub(super) fn again(&mut self, tools: &Tools<'_, impl TaskFactory>, now: Instant, why: &str) {
        RestoreRetried {
            partition: self.number,
            reason: why,
        }
        .emit();
        let topics = &tools.options.topics;
        self.restart(topics, tools.group, tools.side, now + AGAIN_AFTER);
    }

    pub(super) fn stopped<F: TaskFactory>(&mut self, tools: &mut Tools<'_, F>, reason: String) {
        let notice = Notice::Stopped {
            partition: self.number,
            reason: reason.clone(),
        };
        tools.notices.extend(tools.factory.audit(&notice));
        PartitionStopped {
            partition: self.number,
            reason: &reason,
        }
        .emit(&tools.stats.metrics);
        self.stop(reason, &tools.options.topics, tools.group, tools.side);
    }

    /// r1: META of the store; r2: the question for the ends, asked after the assignment.
    fn ask<F: TaskFactory>(&mut self, tools: &mut Tools<'_, F>) -> Result<(), WorkerError> {
        tools.store.open_partition(self.number)?;
        let bytes = tools.store.meta(self.number)?;
        let meta = bytes.and_then(|bytes| match Meta::from_bytes(&bytes) {
            Ok(meta) => Some(meta),
            Err(error) => {
                StoredMetaRefused {
                    partition: self.number,
                    error: &error.to_string(),
                }
                .emit();
                None
            }
        });
        let topics = &tools.options.topics;
        let changelog = TopicPartition {
            topic: topics.changelog.to_string(),
            partition: self.number,
        };
        let mut places: Vec<_> = Input::ALL
            .iter()
            .filter_map(|i| place(topics, *i, self.number))
            .collect();
        places.push(changelog.clone());
        let ends = tools.lookup.send_request(LookupRequest::Ends(places));
        let age = meta.is_some().then(|| {
            tools.lookup.send_request(LookupRequest::OffsetAt(
                changelog,
                now_ms() - STORE_AGE_MAX_MS,
            ))
        });
        self.life = Life::Asking(Asking {
            meta,
            ends,
            age,
            known: None,
        });
        Ok(())
    }

    fn answered<F: TaskFactory>(
        &mut self,
        tools: &mut Tools<'_, F>,
        now: Instant,
    ) -> Result<bool, WorkerError> {
        let Life::Asking(asking) = &mut self.life else {
            return Ok(false);
        };
        if asking.known.is_none() {
            match asking.ends.try_receive() {
                None => return Ok(false),
                Some(Ok(LookupReply::Ends(ends))) => asking.known = Some(ends),
                Some(other) => {
                    let why = other.err().unwrap_or_else(|| "a wrong answer".into());
                    self.again(tools, now, &why);
                    return Ok(false);
                }
            }
        }
        let half_a_day_ago = match asking.age.as_ref().map(PendingReply::try_receive) {
            None => None,
            Some(None) => return Ok(false),
            Some(Some(Ok(LookupReply::OffsetAt(offset)))) => offset,
            Some(Some(other)) => {
                let why = other.err().unwrap_or_else(|| "a wrong answer".into());
                self.again(tools, now, &why);
                return Ok(false);
            }
        };
        let ends = asking.known.take().unwrap_or_default();
        let meta = asking.meta.take();
        self.begin_reading(tools, meta, ends, half_a_day_ago, now)?;
        Ok(true)
    }

    /// Chooses between the store's state with what it lacks, and the whole changelog.
    fn begin_reading<F: TaskFactory>(
        &mut self,
        tools: &mut Tools<'_, F>,
        meta: Option<Meta>,
        ends: EndsByPlace,
        half_a_day_ago: Option<i64>,
        now: Instant,
    ) -> Result<(), WorkerError> {
        let topic = tools.options.topics.changelog.to_string();
        let place = TopicPartition {
            topic,
            partition: self.number,
        };
        let Some(log) = ends.get(&place).copied() else {
            self.again(tools, now, "the changelog's ends are unknown");
            return Ok(());
        };
        if let Some(meta) = &meta
            && meta.changelog_next > log.high
        {
            let (next, high, topic) = (meta.changelog_next, log.high, &place.topic);
            let reason = format!(
                "the store has {topic}/{} up to offset {next}, the topic ends at {high}: it was \
                 created anew or truncated; remove the store to go on with what the topic has",
                self.number
            );
            self.stopped(tools, reason);
            return Ok(());
        }
        let usable = meta.filter(|meta| {
            meta.changelog_next >= log.low && fresh(meta.changelog_next, log, half_a_day_ago)
        });
        let (whole, from, stored) = match &usable {
            Some(meta) => (false, meta.changelog_next, meta.to_bytes()),
            None => {
                tools.store.restore_begin(self.number)?;
                (true, log.low, Vec::new())
            }
        };
        RestoreStarted {
            partition: self.number,
            whole,
            from,
            to: log.high,
        }
        .emit();
        let reading = Reading {
            place: place.clone(),
            target: log.high,
            whole,
            latest: (!whole).then(|| stored.clone()),
            stored,
            entries: Vec::new(),
            bytes: 0,
            ends,
            told_at: now,
        };
        self.life = Life::Reading(reading);
        if from >= log.high {
            return self.restored(tools, from);
        }
        if let Err(error) = tools.side.add_partitions(&[(place.clone(), from)]) {
            self.again(tools, now, &error.to_string());
            return Ok(());
        }
        self.side.push(place);
        Ok(())
    }

    /// r3: are we there? The *position* tells, not the last record: transaction markers take
    /// offsets too.
    fn read_on<F: TaskFactory>(
        &mut self,
        tools: &mut Tools<'_, F>,
        now: Instant,
    ) -> Result<bool, WorkerError> {
        let Life::Reading(reading) = &mut self.life else {
            return Ok(false);
        };
        let position = tools.side.position(&reading.place);
        if let Some(position) = position.filter(|position| *position >= reading.target) {
            self.restored(tools, position)?;
            return Ok(true);
        }
        if now.saturating_duration_since(reading.told_at) >= TELL_AFTER {
            reading.told_at = now;
            RestorePending {
                partition: self.number,
                position,
                to: reading.target,
            }
            .emit();
        }
        Ok(false)
    }

    /// The changelog is in the store: META last, then r4's question.
    fn restored<F: TaskFactory>(
        &mut self,
        tools: &mut Tools<'_, F>,
        position: i64,
    ) -> Result<(), WorkerError> {
        let Life::Reading(reading) = &mut self.life else {
            return Ok(());
        };
        let meta = match reading
            .latest
            .take()
            .map(|bytes| Meta::from_bytes(&bytes))
            .transpose()
        {
            Ok(meta) => meta,
            Err(error) => {
                let reason = format!("the changelog's last META cannot be used: {error}");
                self.stopped(tools, reason);
                return Ok(());
            }
        };
        let counted = tools.options.partition_count;
        if let Some(meta) = &meta
            && meta.partition_count != counted
        {
            let reason = format!(
                "the state was kept for {} partitions, the topic has {counted}: agents would be \
                 looked for in the wrong partitions: restore the count, or start with an empty \
                 store and an empty changelog",
                meta.partition_count
            );
            self.stopped(tools, reason);
            return Ok(());
        }
        let meta = meta.map(|meta| Meta {
            changelog_next: position,
            ..meta
        });
        if let Some(meta) = &meta {
            let indexer = |key: &[u8], value: &[u8]| tools.factory.index(key, value);
            reading.flush(tools.store, tools.stats, &indexer)?;
            let bytes = meta.to_bytes();
            if reading.whole {
                build_index(tools.store, self.number, &indexer)?;
                tools.store.restore_finish(self.number, bytes)?;
            } else {
                tools
                    .store
                    .write(WriteBatch::one(self.number, Vec::new(), bytes))?;
            }
        }
        let ends = std::mem::take(&mut reading.ends);
        self.drop_side(tools.side);
        let Some(actions) = place(&tools.options.topics, Input::Actions, self.number) else {
            return Ok(());
        };
        let reply = tools.lookup.send_request(LookupRequest::Committed(actions));
        self.life = Life::Comparing(Comparing { meta, reply, ends });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_store_is_fresh_only_at_the_end_of_a_silent_changelog() {
        let log = LogEnds { low: 0, high: 100 };
        assert!(fresh(100, log, None));
        assert!(fresh(99, log, None), "META at 98, its marker at 99");
        assert!(!fresh(98, log, None));
        assert!(fresh(60, log, Some(60)));
        assert!(!fresh(59, log, Some(60)));
    }
}
