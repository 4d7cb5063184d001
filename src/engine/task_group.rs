//! The tasks of all partitions in one process, driven without a broker: replay, the learning phase
//! of the demo, tests. Links between the tasks take no way by a topic: a link is delivered before
//! the next record is applied anywhere.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use smallvec::SmallVec;

use crate::event::{AgentAction, Input, RecordPosition, TimeSource};
use crate::store::Store;

use super::contract::{InputRecord, PartitionTask, TaskError, input_name};
use super::encode::home_partition;
use super::partition_task::EngineTask;
use super::shared_engine::Engine;
use crate::detector::OutgoingLink;

/// The tasks of all partitions.
pub struct TaskGroup {
    tasks: Vec<EngineTask>,
    time: TimeSource,
    /// Name and next offset of the topic that links would have.
    links_topic: Arc<str>,
    link_offset: i64,
    /// From which time the task with this index has a scope or control record due, for tasks under
    /// event time that have one queued.
    side_due: BTreeSet<(i64, usize)>,
    due_of: Vec<Option<i64>>,
    /// Whether `side_due` knows what was queued since.
    side_known: bool,
    /// The task that applies one record only, because others are before its next one.
    stepping: Option<usize>,
}

/// Links on their way, each with the stream time of its sender.
type LinksOnTheWay = VecDeque<(OutgoingLink, i64)>;

impl TaskGroup {
    /// Opens the tasks of every partition of the engine. Links get offsets from `link_offset`.
    ///
    /// # Errors
    /// See [`EngineTask::open`].
    pub fn open(
        engine: &Arc<Engine>,
        store: &dyn Store,
        link_offset: i64,
    ) -> Result<Self, TaskError> {
        let mut tasks = Vec::new();
        for partition in 0..engine.options.partitions {
            let number = i32::try_from(partition).unwrap_or(i32::MAX);
            let task = EngineTask::open(Arc::clone(engine), number, store)?;
            tasks.push(task.with_links_aside());
        }
        Ok(TaskGroup {
            due_of: vec![None; tasks.len()],
            tasks,
            time: engine.options.time,
            links_topic: input_name(Input::Links).into(),
            link_offset,
            side_due: BTreeSet::new(),
            side_known: false,
            stepping: None,
        })
    }

    pub fn tasks(&self) -> &[EngineTask] {
        &self.tasks
    }

    /// The tasks, for commits. What is pushed to them directly is applied by
    /// [`TaskGroup::process_all`].
    pub fn tasks_mut(&mut self) -> &mut [EngineTask] {
        &mut self.tasks
    }

    /// Queues a record in the task of its partition, where it waits for its time or for
    /// [`TaskGroup::process_all`].
    pub fn push(&mut self, raw: InputRecord) {
        let index = index_of(raw.position.partition);
        if let Some(task) = self.tasks.get_mut(index) {
            task.push(raw);
        }
        self.side_known = false;
    }

    /// Queues a record and, where there are several partitions, applies it at once: what it leads
    /// to in other partitions is known there before the next record. A single task applies its
    /// records in batches.
    ///
    /// # Errors
    /// See [`PartitionTask::process_queued`].
    pub fn push_next(&mut self, raw: InputRecord, store: &dyn Store) -> Result<(), TaskError> {
        let index = index_of(raw.position.partition);
        if let Some(task) = self.tasks.get_mut(index) {
            task.push(raw);
        }
        self.process_next(index, store)
    }

    /// As [`TaskGroup::push_next`], for an action that is already decoded.
    ///
    /// # Errors
    /// See [`PartitionTask::process_queued`].
    pub fn push_next_action(
        &mut self,
        raw: InputRecord,
        action: AgentAction,
        store: &dyn Store,
    ) -> Result<(), TaskError> {
        let index = index_of(raw.position.partition);
        if let Some(task) = self.tasks.get_mut(index) {
            task.push_mapped(raw, action);
        }
        self.process_next(index, store)
    }

    /// Applies every queued record that is due, partition by partition.
    ///
    /// # Errors
    /// See [`PartitionTask::process_queued`].
    pub fn process_all(&mut self, store: &dyn Store) -> Result<(), TaskError> {
        for index in 0..self.tasks.len() {
            self.process_task(index, store)?;
        }
        Ok(())
    }

    fn process_next(&mut self, index: usize, store: &dyn Store) -> Result<(), TaskError> {
        if self.tasks.len() < 2 {
            return Ok(());
        }
        let next_ms = match self.time {
            TimeSource::Event => self
                .tasks
                .get_mut(index)
                .and_then(EngineTask::next_action_ms),
            // What has arrived is due.
            TimeSource::Append => None,
        };
        if let Some(next_ms) = next_ms {
            self.apply_side_records(next_ms, store)?;
            if let Some(task) = self.tasks.get_mut(index) {
                task.note_reached(next_ms);
            }
        }
        self.process_task(index, store)
    }

    /// Applies the scopes and control records of all partitions that are due when an action of
    /// `reached_ms` comes, in the order in which a single partition would.
    fn apply_side_records(&mut self, reached_ms: i64, store: &dyn Store) -> Result<(), TaskError> {
        if !std::mem::replace(&mut self.side_known, true) {
            (0..self.tasks.len()).for_each(|index| self.update_side_due(index));
        }
        loop {
            let due = self.side_due.range(..=(reached_ms, usize::MAX));
            let due: SmallVec<[usize; 12]> = due.map(|(_, index)| *index).collect();
            let heads = due.into_iter().filter_map(|index| {
                let head = self.tasks.get_mut(index)?.next_side(reached_ms)?;
                Some((head, index))
            });
            let Some((head, index)) = heads.min() else {
                return Ok(());
            };
            let Some(task) = self.tasks.get_mut(index) else {
                return Ok(());
            };
            task.note_reached(reached_ms);
            task.set_single_steps(true);
            self.stepping = Some(index);
            self.process_task(index, store)?;
            self.stepping = None;
            let Some(task) = self.tasks.get_mut(index) else {
                return Ok(());
            };
            task.set_single_steps(false);
            if task.next_side(reached_ms) == Some(head) {
                // It was not applied, so it will not be by trying again.
                return Ok(());
            }
        }
    }

    /// Processes one task, and delivers what it and the receivers lead to.
    fn process_task(&mut self, index: usize, store: &dyn Store) -> Result<(), TaskError> {
        let mut links = LinksOnTheWay::new();
        // A task stops at a record that leads to links; the rest of its queue follows them.
        let mut unfinished = BTreeSet::from([index]);
        loop {
            if let Some((link, at_ms)) = links.pop_front() {
                for receiver in self.receivers(&link) {
                    self.push_link(receiver, link.clone(), at_ms);
                    self.process_once(receiver, store, &mut links, &mut unfinished)?;
                }
            } else if let Some(next) = unfinished.pop_first() {
                self.process_once(next, store, &mut links, &mut unfinished)?;
            } else {
                return Ok(());
            }
        }
    }

    fn process_once(
        &mut self,
        index: usize,
        store: &dyn Store,
        links: &mut LinksOnTheWay,
        unfinished: &mut BTreeSet<usize>,
    ) -> Result<(), TaskError> {
        let Some(task) = self.tasks.get_mut(index) else {
            return Ok(());
        };
        task.process_queued(store)?;
        let at_ms = task.stream_ms();
        let taken = task.take_links();
        if !taken.is_empty() && self.stepping != Some(index) {
            unfinished.insert(index);
        }
        links.extend(taken.into_iter().map(|link| (link, at_ms)));
        self.update_side_due(index);
        Ok(())
    }

    fn receivers(&self, link: &OutgoingLink) -> std::ops::Range<usize> {
        let partitions = u32::try_from(self.tasks.len()).unwrap_or(u32::MAX);
        match home_partition(&link.target, partitions) {
            Some(home) => index_of(home)..index_of(home) + 1,
            None => 0..self.tasks.len(),
        }
    }

    fn push_link(&mut self, receiver: usize, link: OutgoingLink, at_ms: i64) {
        let raw = InputRecord {
            input: Input::Links,
            position: RecordPosition {
                topic: Arc::clone(&self.links_topic),
                partition: i32::try_from(receiver).unwrap_or(i32::MAX),
                offset: self.link_offset,
                index: 0,
            },
            append_ms: at_ms.max(0),
            key: None,
            value: None,
            headers: Vec::new(),
        };
        self.link_offset += 1;
        if let Some(task) = self.tasks.get_mut(receiver) {
            task.push_link(raw, link);
        }
    }

    fn update_side_due(&mut self, index: usize) {
        if self.time != TimeSource::Event || self.tasks.len() < 2 {
            return;
        }
        let due_ms = self.tasks.get_mut(index).and_then(EngineTask::side_due_ms);
        let Some(known) = self.due_of.get_mut(index) else {
            return;
        };
        if *known == due_ms {
            return;
        }
        if let Some(before_ms) = std::mem::replace(known, due_ms) {
            self.side_due.remove(&(before_ms, index));
        }
        if let Some(due_ms) = due_ms {
            self.side_due.insert((due_ms, index));
        }
    }
}

/// The index of a partition's task.
fn index_of(partition: i32) -> usize {
    usize::try_from(partition).unwrap_or(0)
}
