//! Steps s2 to s10: one transaction for everything the worker's tasks have done, then the store.
//!
//! Outputs and links are acknowledged before the changelog is written. Should the broker tear a
//! transaction (a delayed commit of the one before, which the old transaction protocol cannot rule
//! out), the part that became visible early is the alerts, and they come again under the same ids;
//! the other order could lose them.

use std::sync::atomic::Ordering;
use std::time::Instant;

use super::assignment::{Partition, place};
use super::error::WorkerError;
use super::markers::Positions;
use super::settings::Delivery;
use super::stats::add;
use super::worker::Worker;
use crate::engine::contract::{Commit, Output, Task, TaskFactory};
use crate::event::Input;
use crate::kafka::{OutgoingRecord, TopicPartition, TransactionAbort};
use crate::store::{META_KEY, PartitionBatch, WriteBatch};
use crate::telemetry::OffsetCommitFailed;

/// What one transaction carries.
struct Parcel {
    commits: Vec<Commit>,
    ticks: Vec<Output>,
    notices: Vec<Output>,
    /// Next offsets of the actions of every partition in it, moved or not: they carry the proof
    /// that we are still a member, without which a partition we lost could be written to.
    offsets: Vec<(TopicPartition, i64)>,
}

impl<F: TaskFactory> Worker<F> {
    /// Commits what there is; does nothing when there is nothing. Trouble with the transaction is
    /// handled here; only what ends the worker is returned.
    pub(super) fn commit(&mut self) -> Result<(), WorkerError> {
        let now = Instant::now();
        let mut parcel = self.collect(now);
        if parcel.commits.is_empty() && parcel.ticks.is_empty() && parcel.notices.is_empty() {
            self.pace.committed(now);
            return Ok(());
        }
        if let Err(abort) = self.transact(&mut parcel) {
            // Tasks are opened anew and find their work again; nobody else knows of the notices.
            self.notices = parcel.notices;
            return self.give_up(&abort);
        }
        self.stats.commit_took(now.elapsed());
        self.keep(&parcel)?;
        if self.options.delivery == Delivery::AtLeastOnce
            && let Err(error) = self.group.commit_offsets(&parcel.offsets)
        {
            // The results are out and stored; the next commit carries the same offsets or later.
            OffsetCommitFailed {
                worker: &self.options.worker.to_string(),
                error: &error.to_string(),
            }
            .emit();
        }
        self.fences.committed();
        self.refusals.committed();
        self.aborts = 0;
        self.uncommitted = 0;
        self.pace.committed(Instant::now());
        Ok(())
    }

    /// Takes from every task what it has, and the ticks that are due.
    fn collect(&mut self, now: Instant) -> Parcel {
        let mut parcel = Parcel {
            commits: Vec::new(),
            ticks: Vec::new(),
            notices: std::mem::take(&mut self.notices),
            offsets: Vec::new(),
        };
        let at = Positions::of(&self.group, &self.side);
        let topics = &self.options.topics;
        let markers_due = std::mem::take(&mut self.markers_due);
        for partition in self.partitions.values_mut() {
            let quiet = partition.quiet(self.options.tick_after, now);
            let Some(task) = partition.task() else {
                continue;
            };
            let mut commit = task.commit();
            let tick = if quiet { task.tick() } else { None };
            match &mut commit {
                Some(commit) => partition.pass_over(commit, topics, &at),
                // With a tick the group's offset is written, and META must say the same.
                None if markers_due || tick.is_some() => {
                    commit = partition.offsets_only(topics, &at);
                }
                None => {}
            }
            if commit.is_none() && tick.is_none() {
                continue;
            }
            if let Some(tick) = tick {
                partition.ticked_at = now;
                self.stats.ticks.fetch_add(1, Ordering::Relaxed);
                parcel.ticks.push(tick);
            }
            let moved = commit
                .as_ref()
                .and_then(|commit| commit.actions_offset_next);
            let next = moved.unwrap_or(partition.actions_next);
            if let Some(place) = place(topics, Input::Actions, partition.number) {
                parcel.offsets.push((place, next));
            }
            parcel.commits.extend(commit);
        }
        parcel
    }

    /// s2 to s8. After an error nothing is known of the transaction.
    fn transact(&self, parcel: &mut Parcel) -> Result<(), TransactionAbort> {
        let transactional = self.options.delivery == Delivery::ExactlyOnce;
        self.producer.begin_transaction()?;
        let outputs = parcel.commits.iter().flat_map(|commit| &commit.outputs);
        let mut sent = 0;
        for output in outputs.chain(&parcel.ticks).chain(&parcel.notices) {
            self.produce(output)?;
            sent += 1;
        }
        if sent > 0 {
            self.producer.drain_deliveries()?;
        }
        for commit in &parcel.commits {
            self.produce_state(commit)?;
        }
        self.producer.drain_deliveries()?;
        for commit in &mut parcel.commits {
            let last = self.producer.offset_last(commit.partition).ok_or_else(|| {
                let partition = commit.partition;
                let reason = format!("no offset told for changelog partition {partition}");
                TransactionAbort::in_doubt("drain", reason)
            })?;
            commit.meta.changelog_next = last + 1;
        }
        if transactional {
            if !parcel.offsets.is_empty() {
                // Asked for now: the generation changes with every rebalance.
                let metadata = self
                    .group
                    .group_metadata()
                    .ok_or_else(TransactionAbort::no_group_metadata)?;
                self.producer.send_offsets(&parcel.offsets, &metadata)?;
            }
            self.producer.commit_transaction()?;
        }
        add(&self.stats.outputs, sent);
        Ok(())
    }

    fn produce(&self, output: &Output) -> Result<(), TransactionAbort> {
        self.producer.send_record(&OutgoingRecord {
            topic: self.options.topics.output(output.topic),
            partition: output.partition,
            key: output.key.as_deref(),
            value: output.value.as_deref(),
            headers: &output.headers,
        })
    }

    /// The state that changed, and META after it.
    fn produce_state(&self, commit: &Commit) -> Result<(), TransactionAbort> {
        let meta = commit.meta.to_bytes();
        let state = commit
            .changelog
            .iter()
            .map(|(key, value)| (key.as_slice(), value.as_deref()));
        for (key, value) in state.chain([(META_KEY, Some(meta.as_slice()))]) {
            self.stats.changed(key.len() + value.map_or(0, <[u8]>::len));
            self.producer.send_record(&OutgoingRecord {
                topic: &self.options.topics.changelog,
                partition: Some(commit.partition),
                key: Some(key),
                value,
                headers: &[],
            })?;
        }
        add(&self.stats.changelog_records, commit.changelog.len() + 1);
        Ok(())
    }

    /// s9 and s10: one batch for all partitions, then the tasks hear of it.
    fn keep(&mut self, parcel: &Parcel) -> Result<(), WorkerError> {
        let partitions = parcel.commits.iter().map(|commit| PartitionBatch {
            partition: commit.partition,
            puts: commit.puts(),
            meta: commit.meta.to_bytes(),
        });
        let batch = WriteBatch {
            partitions: partitions.collect(),
        };
        if !batch.partitions.is_empty() {
            self.store.write(batch)?;
        }
        for commit in &parcel.commits {
            self.stats.settled(commit);
            if let Some(partition) = self.partitions.get_mut(&commit.partition) {
                settle(partition, commit);
            }
        }
        Ok(())
    }
}

fn settle<T: Task>(partition: &mut Partition<T>, commit: &Commit) {
    partition.meta = Some(commit.meta.clone());
    if let Some(next) = commit.actions_offset_next {
        partition.actions_next = next;
    }
    if let Some(task) = partition.task() {
        task.committed(commit);
    }
}
