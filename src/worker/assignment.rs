//! The life of a partition in this process.
//!
//! ```text
//!                 assigned (paused)
//!                        │
//!                        v
//!   ┌────────────────> Asking      r1 META in the store; r2 ends of the logs
//!   │                    v
//!   │                 Reading      r3 changelog up to the end asked for
//!   │                    v
//!   │                 Comparing    r4 the group's stable offset against META ──┐
//!   │                    v                                                     │
//!   │                 CatchingUp   r5 scopes to their end, then actions flow   │
//!   │  any doubt         v                                                     v
//!   └───────────────── Running                                              Stopped
//!                        │                                                     │
//!                        v released or lost                                    v
//!                     (dropped)                                            (dropped)
//! ```
//!
//! Only `CatchingUp` and `Running` hold a task, so only they can commit; only `Running` lets
//! actions flow, those of a backfill too.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::restore::{Asking, Comparing, Reading};
use super::settings::{PENDING_BYTES_MAX, PENDING_MAX, RETRY_AFTER};
use super::stats::PartitionView;
use super::topics::Topics;
use crate::engine::contract::{InputRecord, Meta, Task, TaskError, input_name};
use crate::event::Input;
use crate::kafka::{GroupConsumer, SideConsumer, TopicPartition};
use crate::store::Store;
use crate::telemetry::{FlowControlFailed, ResetIncomplete};

/// Where a partition is in its life.
pub(super) enum Life<T> {
    /// To begin when the time has come; after an abort that is a little later.
    Starting(Instant),
    Asking(Asking),
    Reading(Reading),
    Comparing(Comparing),
    CatchingUp(CatchingUp<T>),
    Running(T),
    Stopped(String),
}

/// A restored task that reads its side inputs while its actions wait.
pub(super) struct CatchingUp<T> {
    pub task: T,
    /// End of the scopes when the partition was assigned.
    pub scopes_end: i64,
    /// Where the scopes stood when last looked at, and since when.
    pub position: i64,
    pub since: Instant,
    /// Tries to place the actions' consumer.
    pub tries: u32,
}

/// A partition the group gave us.
pub(super) struct Partition<T> {
    pub number: i32,
    pub life: Life<T>,
    /// Next offset of the actions: what is committed or will be first.
    pub actions_next: i64,
    /// What is assigned by hand for this partition.
    pub side: Vec<TopicPartition>,
    /// META as committed last; `None`: nothing is applied yet.
    pub meta: Option<Meta>,
    /// What the consumers said of their positions before they were placed for this task.
    pub placed: BTreeMap<Input, i64>,
    /// Next offset to hand to the task, per input: whatever is below was handed over already.
    seen_next: BTreeMap<Input, i64>,
    /// Inputs of which a record was handed over.
    handed: BTreeSet<Input>,
    /// Inputs that are held back.
    held: BTreeSet<Input>,
    retry_at: Option<Instant>,
    pub paused_reason: Option<String>,
    fresh: bool,
    pub record_at: Instant,
    pub ticked_at: Instant,
}

/// What becomes of a partition after its task has worked.
pub(super) enum Worked {
    Fine,
    Stopped(String),
    Fatal(String),
}

impl<T: Task> Partition<T> {
    pub fn new(number: i32, now: Instant) -> Self {
        Partition {
            number,
            life: Life::Starting(now),
            actions_next: 0,
            side: Vec::new(),
            meta: None,
            placed: BTreeMap::new(),
            handed: BTreeSet::new(),
            seen_next: BTreeMap::new(),
            held: BTreeSet::new(),
            retry_at: None,
            paused_reason: None,
            fresh: false,
            record_at: now,
            ticked_at: now,
        }
    }

    /// The task, where there is one.
    pub fn task(&mut self) -> Option<&mut T> {
        match &mut self.life {
            Life::CatchingUp(CatchingUp { task, .. }) | Life::Running(task) => Some(task),
            _ => None,
        }
    }

    /// The task, where there is one.
    pub fn task_ref(&self) -> Option<&T> {
        match &self.life {
            Life::CatchingUp(CatchingUp { task, .. }) | Life::Running(task) => Some(task),
            _ => None,
        }
    }

    /// Where each input begins, once the task is open.
    pub fn begin_inputs(&mut self, starts: &BTreeMap<Input, i64>, now: Instant) {
        self.seen_next.clone_from(starts);
        self.handed.clear();
        self.placed.clear();
        self.held.clear();
        self.retry_at = None;
        self.paused_reason = None;
        self.record_at = now;
    }

    /// Next offset of `input` that the task has not been given.
    pub fn seen(&self, input: Input) -> Option<i64> {
        self.seen_next.get(&input).copied()
    }

    /// Whether a record of `input` was handed to this task.
    pub fn handed(&self, input: Input) -> bool {
        self.handed.contains(&input)
    }

    /// Hands a record to the task. One that came before, after a seek or a resume, is dropped, and
    /// so is one that arrives while there is no task.
    pub fn push(&mut self, record: InputRecord, now: Instant) -> bool {
        let (input, offset) = (record.input, record.position.offset);
        if self
            .seen_next
            .get(&input)
            .is_some_and(|next| offset < *next)
        {
            return false;
        }
        let flows = match self.life {
            Life::Running(_) => true,
            Life::CatchingUp(_) => !acts(input),
            _ => false,
        };
        if !flows {
            return false;
        }
        let Some(task) = self.task() else {
            return false;
        };
        task.push(record);
        self.seen_next.insert(input, offset + 1);
        self.handed.insert(input);
        self.fresh = true;
        self.record_at = now;
        true
    }

    /// Lets the task apply what it holds, when there is something new or a retry is due.
    pub fn work(&mut self, store: &dyn Store, now: Instant) -> (Worked, Option<Input>) {
        let due = self.retry_at.is_some_and(|at| now >= at);
        if !self.fresh && !due {
            return (Worked::Fine, None);
        }
        self.fresh = false;
        let Some(task) = self.task() else {
            return (Worked::Fine, None);
        };
        match task.process(store) {
            Ok(()) => {
                self.retry_at = None;
                self.paused_reason = None;
                (Worked::Fine, None)
            }
            Err(TaskError::Paused { input, reason }) => {
                if self.retry_at.is_none() || due {
                    self.retry_at = Some(now + RETRY_AFTER);
                }
                self.paused_reason = Some(reason);
                (Worked::Fine, Some(input))
            }
            Err(TaskError::Stopped { reason }) => (Worked::Stopped(reason), None),
            Err(TaskError::Fatal { reason }) => (Worked::Fatal(reason), None),
        }
    }

    /// Holds inputs back or lets them flow: the paused one, and all while too much is queued.
    pub fn balance(
        &mut self,
        paused: Option<Input>,
        topics: &Topics,
        group: &GroupConsumer,
        side: &SideConsumer,
    ) {
        let Some(task) = self.task_ref() else { return };
        let full = task.pending() >= PENDING_MAX || task.pending_bytes() >= PENDING_BYTES_MAX;
        let waiting = self.retry_at.is_some();
        let running = matches!(self.life, Life::Running(_));
        for input in Input::ALL {
            if acts(input) && !running {
                continue;
            }
            let Some(place) = place(topics, input, self.number) else {
                continue;
            };
            let held = self.held.contains(&input);
            let hold = full || paused == Some(input) || (held && waiting);
            if hold == held {
                continue;
            }
            let done = match (input, hold) {
                (Input::Actions, true) => group.pause(&place),
                (Input::Actions, false) => group.resume(&place),
                (_, true) => side.pause(&place),
                (_, false) => side.resume(&place),
            };
            match done {
                Ok(()) if hold => _ = self.held.insert(input),
                Ok(()) => _ = self.held.remove(&input),
                // Tried again in the next turn.
                Err(error) => FlowControlFailed {
                    partition: self.number,
                    input: input_name(input),
                    error: &error.to_string(),
                }
                .emit(),
            }
        }
    }

    /// Pauses the actions or lets them flow, where they flow at all.
    pub fn flow(&mut self, on: bool, topics: &Topics, group: &GroupConsumer) {
        let flows = matches!(self.life, Life::Running(_)) && !self.held.contains(&Input::Actions);
        let Some(place) = place(topics, Input::Actions, self.number).filter(|_| flows) else {
            return;
        };
        let done = if on {
            group.resume(&place)
        } else {
            group.pause(&place)
        };
        if let Err(error) = done {
            FlowControlFailed {
                partition: self.number,
                input: input_name(Input::Actions),
                error: &error.to_string(),
            }
            .emit();
        }
    }

    /// Back to the start: the task and all it held are dropped, the actions wait. After this the
    /// only truth is what Kafka has committed.
    pub fn restart(
        &mut self,
        topics: &Topics,
        group: &GroupConsumer,
        side: &SideConsumer,
        at: Instant,
    ) {
        if let Some(place) = place(topics, Input::Actions, self.number)
            && let Err(error) = group.pause(&place)
        {
            ResetIncomplete {
                partition: self.number,
                error: &error.to_string(),
            }
            .emit();
        }
        self.drop_side(side);
        self.life = Life::Starting(at);
    }

    /// Stops for good, until the partition is assigned anew or the process starts again.
    pub fn stop(
        &mut self,
        reason: String,
        topics: &Topics,
        group: &GroupConsumer,
        side: &SideConsumer,
    ) {
        self.restart(topics, group, side, Instant::now());
        self.life = Life::Stopped(reason);
    }

    /// Stops reading what was assigned by hand.
    pub fn drop_side(&mut self, side: &SideConsumer) {
        if !self.side.is_empty()
            && let Err(error) = side.remove_partitions(&self.side)
        {
            ResetIncomplete {
                partition: self.number,
                error: &error.to_string(),
            }
            .emit();
        }
        self.side.clear();
    }

    /// Whether a tick is due: quiet for `after`, and none written for as long.
    pub fn quiet(&self, after: Duration, now: Instant) -> bool {
        matches!(self.life, Life::Running(_))
            && now.saturating_duration_since(self.record_at) >= after
            && now.saturating_duration_since(self.ticked_at) >= after
    }

    /// As the console shows it.
    pub fn view(&self, worker: usize) -> PartitionView {
        let (state, reason) = match &self.life {
            Life::Starting(_) | Life::Asking(_) => ("asking", None),
            Life::Reading(_) => ("restoring", None),
            Life::Comparing(_) => ("comparing", None),
            Life::CatchingUp(_) => ("catching up", self.paused_reason.clone()),
            Life::Running(_) => ("running", self.paused_reason.clone()),
            Life::Stopped(reason) => ("stopped", Some(reason.clone())),
        };
        PartitionView {
            worker,
            state,
            reason,
            actions_offset_next: self.actions_next,
        }
    }
}

/// Inputs that are judged, so they wait until the scopes are read.
fn acts(input: Input) -> bool {
    matches!(input, Input::Actions | Input::Backfill)
}

/// The place of an input for a partition.
pub(super) fn place(topics: &Topics, input: Input, partition: i32) -> Option<TopicPartition> {
    topics.input(input).map(|name| TopicPartition {
        topic: name.to_string(),
        partition,
    })
}
