//! A partition that the group gave to this worker, and the stages of its life.
//!
//! ```text
//!                 assigned (paused)
//!                        │
//!                        v
//!   ┌────────────────> LookingUp    1 META in the store; 2 ends of the logs
//!   │                    v
//!   │                 Reading       3 changelog up to the end that was looked up
//!   │                    v
//!   │                 Comparing     4 the group's stable offset against META ──┐
//!   │                    v                                                     │
//!   │                 CatchingUp    5 scopes to their end, then actions flow   │
//!   │  any doubt         v                                                     v
//!   └───────────────── Running                                              Stopped
//!                        │                                                     │
//!                        v released or lost                                    v
//!                     (dropped)                                            (dropped)
//! ```
//!
//! Only `CatchingUp` and `Running` have a task, so only they can commit. Only in `Running` do the
//! actions flow, and those of a backfill. The steps 1 to 5 are in `restore`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::error::WorkerError;
use super::index::IndexFunction;
use super::panics::catch_panic;
use super::record_search::{LogPartition, RecordSearch};
use super::restore_stages::{CatchingUp, ComparingOffsets, LookingUp, ReadingChangelog};
use super::schema_wait::SchemaWait;
use super::settings::{INPUT_RETRY_AFTER, PENDING_BYTES_MAX, PENDING_MAX};
use super::stats::{PartitionView, WorkerStats};
use super::topics::Topics;
use crate::engine::contract::{
    CommitUrgency, InputRecord, PartitionCommit, PartitionMeta, PartitionTask, TaskError,
    input_name,
};
use crate::event::Input;
use crate::kafka::{BorrowedMessage, GroupConsumer, Message, SideConsumer, TopicPartition};
use crate::store::Store;
use crate::telemetry::{FlowControlFailed, ResetIncomplete};

/// The stage of a partition.
pub(super) enum PartitionStage<T> {
    /// The restore begins at this time; after an abort that is a little later.
    Starting(Instant),
    LookingUp(LookingUp),
    Reading(ReadingChangelog),
    Comparing(ComparingOffsets),
    CatchingUp(CatchingUp<T>),
    Running(T),
    /// The reason, for the operator.
    Stopped(String),
}

/// The consumers that a partition pauses and resumes.
#[derive(Clone, Copy)]
pub(super) struct PartitionClients<'a> {
    pub topics: &'a Topics,
    pub group: &'a GroupConsumer,
    pub side: &'a SideConsumer,
}

impl PartitionClients<'_> {
    /// Pauses an input of a partition, or resumes it.
    fn set_paused(&self, input: Input, number: i32, paused: bool) -> bool {
        let Some(of) = topic_partition(self.topics, input, number) else {
            return false;
        };
        let result = match (input, paused) {
            (Input::Actions, true) => self.group.pause(&of),
            (Input::Actions, false) => self.group.resume(&of),
            (_, true) => self.side.pause(&of),
            (_, false) => self.side.resume(&of),
        };
        if let Err(error) = &result {
            FlowControlFailed {
                partition: number,
                input: input_name(input),
                error: &error.to_string(),
            }
            .emit();
        }
        result.is_ok()
    }
}

/// A partition that the group gave to this worker.
pub(super) struct AssignedPartition<T> {
    pub number: i32,
    pub stage: PartitionStage<T>,
    /// Next offset of the actions: what is committed or will be first.
    pub actions_next: i64,
    /// Partitions of the side consumer that were assigned for this partition.
    pub side_inputs: Vec<TopicPartition>,
    /// META of the last commit; `None`: nothing was ever applied.
    pub meta: Option<PartitionMeta>,
    /// Positions that the consumers still reported of an earlier assignment when this task began.
    pub stale_positions: BTreeMap<Input, i64>,
    /// Next offset of each input to deliver to the task: whatever is below was delivered.
    deliver_next: BTreeMap<Input, i64>,
    /// Inputs of which a record was delivered to this task.
    delivered: BTreeSet<Input>,
    paused_inputs: BTreeSet<Input>,
    /// When a task that paused an input is asked to process again.
    retry_at: Option<Instant>,
    pub paused_reason: Option<String>,
    /// An input once seemed to end before what META says is applied, and its end is looked up anew.
    pub end_in_doubt: bool,
    /// A record was delivered that the task has not processed.
    unprocessed: bool,
    /// Finds a record that makes the task panic.
    pub search: RecordSearch,
    schema_wait: SchemaWait,
    /// The message of the task's panic. Nothing but the end of the task follows.
    panicked: Option<String>,
    pub last_record_at: Instant,
    pub ticked_at: Instant,
}

/// The result of letting a task process its records.
pub(super) enum WorkResult {
    Applied,
    /// The partition has to stop, for this reason.
    Stopped(String),
    /// The task panicked, with this message.
    Panicked(String),
    /// The process has to end, for this reason.
    Fatal(String),
}

impl<T: PartitionTask> AssignedPartition<T> {
    pub fn new(number: i32, now: Instant) -> Self {
        AssignedPartition {
            number,
            stage: PartitionStage::Starting(now),
            actions_next: 0,
            side_inputs: Vec::new(),
            meta: None,
            stale_positions: BTreeMap::new(),
            deliver_next: BTreeMap::new(),
            delivered: BTreeSet::new(),
            paused_inputs: BTreeSet::new(),
            retry_at: None,
            paused_reason: None,
            end_in_doubt: false,
            unprocessed: false,
            search: RecordSearch::default(),
            schema_wait: SchemaWait::default(),
            panicked: None,
            last_record_at: now,
            ticked_at: now,
        }
    }

    /// The task, in the stages that have one, unless it panicked.
    fn task_mut(&mut self) -> Option<&mut T> {
        match &mut self.stage {
            PartitionStage::CatchingUp(CatchingUp { task, .. }) | PartitionStage::Running(task) => {
                Some(task).filter(|_| self.panicked.is_none())
            }
            _ => None,
        }
    }

    /// The task, in the stages that have one, unless it panicked.
    pub fn task(&self) -> Option<&T> {
        match &self.stage {
            PartitionStage::CatchingUp(CatchingUp { task, .. }) | PartitionStage::Running(task) => {
                Some(task).filter(|_| self.panicked.is_none())
            }
            _ => None,
        }
    }

    /// Lets the task work; `None` when there is none, or when it panics.
    pub fn run_task<R>(&mut self, work: impl FnOnce(&mut T) -> R) -> Option<R> {
        let task = self.task_mut()?;
        match catch_panic(|| work(task)) {
            Ok(result) => Some(result),
            Err(reason) => {
                self.panicked = Some(reason);
                None
            }
        }
    }

    pub fn is_running(&self) -> bool {
        matches!(self.stage, PartitionStage::Running(_))
    }

    /// Sets where each input of a new task starts.
    pub fn begin_inputs(&mut self, starts: &BTreeMap<Input, i64>, now: Instant) {
        self.end_in_doubt = false;
        self.deliver_next.clone_from(starts);
        self.delivered.clear();
        self.stale_positions.clear();
        self.paused_inputs.clear();
        self.retry_at = None;
        self.paused_reason = None;
        self.last_record_at = now;
    }

    /// Next offset of `input` to deliver to the task.
    pub fn deliver_next(&self, input: Input) -> Option<i64> {
        self.deliver_next.get(&input).copied()
    }

    /// Whether a record of `input` was delivered to this task.
    pub fn has_delivered(&self, input: Input) -> bool {
        self.delivered.contains(&input)
    }

    /// Takes a record of the changelog, and writes to the store when enough of them have come.
    pub fn restore_entry(
        &mut self,
        message: &BorrowedMessage<'_>,
        store: &dyn Store,
        stats: &WorkerStats,
        indexer: IndexFunction<'_>,
    ) -> Result<(), WorkerError> {
        if let PartitionStage::Reading(reading) = &mut self.stage
            && reading.take_entry(message.key().unwrap_or_default(), message.payload())
        {
            reading.flush_entries(store, stats, indexer)?;
        }
        Ok(())
    }

    /// Delivers a record to the task; returns whether it was. A record is dropped while there is no
    /// task for it, and when it was delivered before: after a seek or a resume the consumer may
    /// bring records again.
    pub fn push_record(&mut self, record: InputRecord, now: Instant) -> bool {
        let (input, offset) = (record.input, record.position.offset);
        let delivered = self.deliver_next.get(&input);
        if delivered.is_some_and(|next| offset < *next) {
            return false;
        }
        if is_judged(input) && !self.is_running() {
            return false;
        }
        if self.task().is_none() {
            return false;
        }
        if let Some(record) = self.search.admit(record) {
            self.push_to_task(record);
        }
        self.deliver_next.insert(input, offset + 1);
        self.delivered.insert(input);
        self.unprocessed = true;
        self.last_record_at = now;
        true
    }

    fn push_to_task(&mut self, record: InputRecord) {
        let rejection = self.search.rejection_of(&record);
        self.run_task(|task| match rejection {
            None => task.push(record),
            Some(rejection) => task.push_rejected(record, rejection),
        });
        self.unprocessed = true;
    }

    /// Lets the task process its records, when there is a new one or a retry is due. Returns also
    /// the input that the task wants paused.
    pub fn process_records(
        &mut self,
        store: &dyn Store,
        schema_within: Duration,
        now: Instant,
    ) -> (WorkResult, Option<Input>) {
        if self.task().is_some() {
            for record in self.search.next_piece() {
                self.push_to_task(record);
            }
        }
        let due = self.retry_at.is_some_and(|at| now >= at);
        let mut result = None;
        if self.unprocessed || due {
            self.unprocessed = false;
            result = self.process_queued(store, schema_within, now);
        }
        if let Some(reason) = self.panicked.take() {
            return (WorkResult::Panicked(reason), None);
        }
        match result {
            None => (WorkResult::Applied, None),
            Some(Ok(())) => {
                self.retry_at = None;
                self.paused_reason = None;
                self.schema_wait.note_progress();
                let idle = |task: &T| task.commit_urgency() == CommitUrgency::Idle;
                if self.search.is_active() && self.task().is_some_and(idle) {
                    self.end_piece();
                }
                (WorkResult::Applied, None)
            }
            Some(Err(TaskError::Paused { input, reason })) => {
                if self.retry_at.is_none() || due {
                    self.retry_at = Some(now + INPUT_RETRY_AFTER.min(schema_within));
                }
                self.paused_reason = Some(reason);
                (WorkResult::Applied, Some(input))
            }
            Some(Err(TaskError::Stopped { reason })) => (WorkResult::Stopped(reason), None),
            Some(Err(TaskError::Fatal { reason })) => (WorkResult::Fatal(reason), None),
        }
    }

    /// Lets the task process its records. A record that has waited for its schema long enough
    /// becomes a dead letter, so that those behind it are judged.
    fn process_queued(
        &mut self,
        store: &dyn Store,
        schema_within: Duration,
        now: Instant,
    ) -> Option<Result<(), TaskError>> {
        loop {
            let result = self.run_task(|task| task.process_queued(store))?;
            let Err(TaskError::Paused { input, .. }) = &result else {
                return Some(result);
            };
            let (input, left) = (*input, self.schema_wait.time_left(schema_within, now));
            if !left.is_zero() {
                return Some(result);
            }
            self.run_task(|task| task.reject_waiting(input))?;
        }
    }

    /// Pauses inputs or resumes them: `paused_input`, and all of them while the task has too much
    /// in its queue.
    pub fn control_flow(&mut self, paused_input: Option<Input>, clients: &PartitionClients<'_>) {
        let Some(task) = self.task() else { return };
        let search = &self.search;
        let full = task.pending_records() + search.waiting().len() >= PENDING_MAX
            || task.pending_bytes() + search.waiting_bytes() >= PENDING_BYTES_MAX;
        let retries = self.retry_at.is_some();
        for input in Input::ALL {
            if is_judged(input) && !self.is_running() {
                continue;
            }
            let was_paused = self.paused_inputs.contains(&input);
            let pause = full || paused_input == Some(input) || (was_paused && retries);
            // What the client refuses is tried again in the next turn.
            if pause == was_paused || !clients.set_paused(input, self.number, pause) {
                continue;
            }
            if pause {
                self.paused_inputs.insert(input);
            } else {
                self.paused_inputs.remove(&input);
            }
        }
    }

    /// Pauses the actions or resumes them, if they flow at all.
    pub fn set_actions_flow(&self, flowing: bool, clients: &PartitionClients<'_>) {
        if !self.is_running() || self.paused_inputs.contains(&Input::Actions) {
            return;
        }
        clients.set_paused(Input::Actions, self.number, !flowing);
    }

    /// Back to the start at `at`: the task and its queue are dropped, and the actions are paused.
    /// From here on only what Kafka has committed counts.
    pub fn restart(&mut self, clients: &PartitionClients<'_>, at: Instant) {
        if let Some(actions) = topic_partition(clients.topics, Input::Actions, self.number)
            && let Err(error) = clients.group.pause(&actions)
        {
            ResetIncomplete {
                partition: self.number,
                error: &error.to_string(),
            }
            .emit();
        }
        self.leave_side_inputs(clients.side);
        self.stage = PartitionStage::Starting(at);
        self.panicked = None;
        self.search.restart();
    }

    /// The partition goes on from a commit, which is stored.
    pub fn settle_commit(&mut self, commit: &PartitionCommit) {
        self.meta = Some(commit.meta.clone());
        if let Some(next) = commit.actions_offset_next {
            self.actions_next = next;
        }
        self.end_piece();
        self.run_task(|task| task.confirm_commit(commit));
    }

    /// What the task got is committed, or had no effect. A record that still waits in its queue
    /// belongs to the same piece: it must not be blamed for a failure of the next.
    fn end_piece(&mut self) {
        if self.task().is_none_or(|task| task.pending_records() == 0) {
            self.search.end_piece();
        }
    }

    /// The next offset, by log, after everything that came.
    pub fn next_by_log(&self, topics: &Topics) -> Vec<(LogPartition, i64)> {
        let each = self.deliver_next.iter();
        each.filter_map(|(input, next)| {
            let topic = topics.input(*input)?;
            Some(((topic.clone(), self.number), *next))
        })
        .collect()
    }

    /// Records that came and are not applied.
    pub fn pending_records(&self) -> usize {
        let queued = self.task().map_or(0, PartitionTask::pending_records);
        queued + self.search.waiting().len()
    }

    /// Stops the partition until it is assigned anew or the process starts again.
    pub fn stop(&mut self, reason: String, clients: &PartitionClients<'_>) {
        self.restart(clients, Instant::now());
        self.stage = PartitionStage::Stopped(reason);
    }

    /// Stops reading what the side consumer reads for this partition.
    pub fn leave_side_inputs(&mut self, side: &SideConsumer) {
        if !self.side_inputs.is_empty()
            && let Err(error) = side.remove_partitions(&self.side_inputs)
        {
            ResetIncomplete {
                partition: self.number,
                error: &error.to_string(),
            }
            .emit();
        }
        self.side_inputs.clear();
    }

    /// How long no record has come, ms.
    pub fn quiet_ms(&self, now: Instant) -> i64 {
        let quiet = now.saturating_duration_since(self.last_record_at);
        i64::try_from(quiet.as_millis()).unwrap_or(i64::MAX)
    }

    /// Whether a tick may be due: no record for `after`, and no tick for as long.
    pub fn is_quiet(&self, after: Duration, now: Instant) -> bool {
        self.is_running()
            && now.saturating_duration_since(self.last_record_at) >= after
            && now.saturating_duration_since(self.ticked_at) >= after
    }

    /// The partition as the console shows it.
    pub fn view(&self, worker: usize) -> PartitionView {
        let (state, reason) = match &self.stage {
            PartitionStage::Starting(_) | PartitionStage::LookingUp(_) => ("asking", None),
            PartitionStage::Reading(_) => ("restoring", None),
            PartitionStage::Comparing(_) => ("comparing", None),
            PartitionStage::CatchingUp(_) => ("catching up", self.paused_reason.clone()),
            PartitionStage::Running(_) => ("running", self.paused_reason.clone()),
            PartitionStage::Stopped(reason) => ("stopped", Some(reason.clone())),
        };
        PartitionView {
            worker,
            state,
            reason,
            actions_offset_next: self.actions_next,
        }
    }
}

/// Whether records of the input are judged, so that they wait until the scopes are read.
fn is_judged(input: Input) -> bool {
    matches!(input, Input::Actions | Input::Backfill)
}

/// The partition `number` of the topic of an input.
pub(super) fn topic_partition(
    topics: &Topics,
    input: Input,
    number: i32,
) -> Option<TopicPartition> {
    let topic = topics.input(input)?;
    Some(TopicPartition::new(topic, number))
}
