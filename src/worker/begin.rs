//! Steps r4 and r5: a restored partition is compared with what the group has committed, its task
//! is opened, its scopes are read, and its actions begin to flow.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::assignment::{CatchingUp, Life, Partition, place};
use super::error::WorkerError;
use super::restore::{EndsByPlace, Tools};
use super::settings::{Delivery, GapPolicy, SCOPES_WITHIN};
use super::stats::add;
use crate::engine::contract::{Meta, Notice, Output, Task, TaskError, TaskFactory};
use crate::event::Input;
use crate::kafka::{LogEnds, LookupReply};
use crate::telemetry::{
    ColdStart, GroupOffsetIgnored, PartitionRestored, RecordGap, ScopesIncomplete, SeekRetried,
};

/// Tries of a seek before the partition is assigned anew instead.
const SEEKS_MAX: u32 = 3;

impl<T: Task> Partition<T> {
    /// r4: META and the group must say the same.
    pub(super) fn compare<F: TaskFactory<Task = T>>(
        &mut self,
        tools: &mut Tools<'_, F>,
        now: Instant,
    ) -> Result<bool, WorkerError> {
        let Life::Comparing(comparing) = &mut self.life else {
            return Ok(false);
        };
        let committed = match comparing.reply.try_receive() {
            None => return Ok(false),
            Some(Ok(LookupReply::Committed(committed))) => committed,
            Some(other) => {
                let why = other.err().unwrap_or_else(|| "a wrong answer".into());
                self.again(tools, now, &why);
                return Ok(false);
            }
        };
        let meta = comparing.meta.take();
        let ends = std::mem::take(&mut comparing.ends);
        let applied = meta
            .as_ref()
            .and_then(|meta| meta.offset_next(Input::Actions));
        let agreed = match agree(applied, committed, tools.options.delivery) {
            Ok(agreed) => {
                if let (Some(ours), Some(theirs)) = (agreed, committed)
                    && ours != theirs
                {
                    GroupOffsetIgnored {
                        partition: self.number,
                        offset_meta: ours,
                        offset_group: theirs,
                    }
                    .emit();
                }
                agreed
            }
            Err((ours, theirs)) => {
                let reason = format!(
                    "META says that actions before offset {ours} of {}/{} are applied, the group \
                     `{}` has committed {theirs}: somebody moved the group's offsets; put them \
                     back to {ours} while no instance runs",
                    tools.options.topics.actions, self.number, tools.options.kafka.group_id
                );
                self.stopped(tools, reason);
                return Ok(true);
            }
        };
        if let (None, Some(offset_next)) = (&meta, committed) {
            ColdStart {
                partition: self.number,
                offset_next,
            }
            .emit(&tools.stats.metrics);
            let notice = Notice::ColdStart {
                partition: self.number,
                offset_next,
            };
            note(tools.notices, tools.factory.audit(&notice));
        }
        self.begin_task(tools, meta, agreed, &ends, now)?;
        Ok(true)
    }

    /// Opens the task and lets its side inputs flow.
    fn begin_task<F: TaskFactory<Task = T>>(
        &mut self,
        tools: &mut Tools<'_, F>,
        meta: Option<Meta>,
        agreed: Option<i64>,
        ends: &EndsByPlace,
        now: Instant,
    ) -> Result<(), WorkerError> {
        let Some(starts) = self.starts(tools, meta.as_ref(), agreed, ends) else {
            return Ok(());
        };
        let task = match tools.factory.open(self.number, tools.store) {
            Ok(task) => task,
            Err(TaskError::Fatal { reason }) => {
                return Err(WorkerError::Task {
                    partition: self.number,
                    reason,
                });
            }
            Err(error) => {
                self.stopped(tools, error.to_string());
                return Ok(());
            }
        };
        let topics = &tools.options.topics;
        let side: Vec<_> = topics
            .side_inputs()
            .into_iter()
            .filter_map(|i| Some((place(topics, i, self.number)?, *starts.get(&i)?)))
            .collect();
        if let Err(error) = tools.side.add_partitions(&side) {
            self.again(tools, now, &error.to_string());
            return Ok(());
        }
        self.side = side.into_iter().map(|(place, _)| place).collect();
        let backfill = place(topics, Input::Backfill, self.number);
        if let Some(Err(error)) = backfill.map(|place| tools.side.pause(&place)) {
            self.again(tools, now, &error.to_string());
            return Ok(());
        }
        let scopes = place(topics, Input::Scopes, self.number);
        let scopes_end = scopes
            .and_then(|place| ends.get(&place))
            .map_or(0, |ends| ends.high);
        self.actions_next = starts.get(&Input::Actions).copied().unwrap_or(0);
        self.begin_inputs(&starts, now);
        self.meta = meta;
        let before = tools.side.positions();
        for input in topics.side_inputs() {
            let position = place(topics, input, self.number).and_then(|p| before.get(&p).copied());
            self.placed
                .extend(position.map(|position| (input, position)));
        }
        self.life = Life::CatchingUp(CatchingUp {
            task,
            scopes_end,
            position: 0,
            since: now,
            tries: 0,
        });
        Ok(())
    }

    /// Where each input begins; `None` when the partition was stopped over one.
    fn starts<F: TaskFactory<Task = T>>(
        &mut self,
        tools: &mut Tools<'_, F>,
        meta: Option<&Meta>,
        agreed: Option<i64>,
        ends: &EndsByPlace,
    ) -> Option<BTreeMap<Input, i64>> {
        let mut starts = BTreeMap::new();
        for input in Input::ALL {
            let topics = &tools.options.topics;
            let Some(name) = topics.input(input).map(Arc::clone) else {
                continue;
            };
            let Some(place) = place(topics, input, self.number) else {
                continue;
            };
            let Some(end) = ends.get(&place).copied() else {
                continue;
            };
            let next = match input {
                Input::Actions => agreed,
                _ => meta.and_then(|meta| meta.offset_next(input)),
            };
            let start = self.start_of(tools, &name, next, end)?;
            starts.insert(input, start);
        }
        Some(starts)
    }

    /// Where an input begins; `None` when the partition was stopped over it.
    fn start_of<F: TaskFactory>(
        &mut self,
        tools: &mut Tools<'_, F>,
        topic: &Arc<str>,
        next: Option<i64>,
        ends: LogEnds,
    ) -> Option<i64> {
        let Some(next) = next else {
            return Some(ends.low);
        };
        if next > ends.high {
            let reason = format!(
                "{topic}/{}: records before offset {next} are applied, but the topic ends at {}: \
                 it was created anew or truncated",
                self.number, ends.high
            );
            self.stopped(tools, reason);
            return None;
        }
        if next >= ends.low {
            return Some(next);
        }
        add(&tools.stats.gaps, 1);
        RecordGap {
            topic,
            partition: self.number,
            from: next,
            to: ends.low,
        }
        .emit(&tools.stats.metrics);
        let notice = Notice::Gap {
            topic: Arc::clone(topic),
            partition: self.number,
            from: next,
            to: ends.low,
        };
        note(tools.notices, tools.factory.audit(&notice));
        match tools.options.gap {
            GapPolicy::Accept => Some(ends.low),
            GapPolicy::Stop => {
                let reason = format!(
                    "{topic}/{}: records [{next}, {}) were deleted before they were read; \
                     lengthen the retention; to go on past the gap, set the group's offset to \
                     the log's start and begin with an empty store and changelog",
                    self.number, ends.low
                );
                self.stopped(tools, reason);
                None
            }
        }
    }

    /// r5: when the scopes are read to their end, the actions begin.
    pub(super) fn catch_up<F: TaskFactory>(
        &mut self,
        tools: &mut Tools<'_, F>,
        now: Instant,
    ) -> Result<bool, WorkerError> {
        let (number, start) = (self.number, self.actions_next);
        let topics = &tools.options.topics;
        let (Some(scopes), Some(actions)) = (
            place(topics, Input::Scopes, number),
            place(topics, Input::Actions, number),
        ) else {
            return Ok(false);
        };
        let begun = self.seen(Input::Scopes).unwrap_or(0);
        let Life::CatchingUp(catching) = &mut self.life else {
            return Ok(false);
        };
        let position = tools.side.position(&scopes).unwrap_or(begun);
        if position > catching.position {
            catching.position = position;
            catching.since = now;
        }
        let late = now.saturating_duration_since(catching.since) >= SCOPES_WITHIN;
        let behind = position < catching.scopes_end || catching.task.pending() > 0;
        if behind && !late {
            return Ok(false);
        }
        if behind {
            ScopesIncomplete { partition: number }.emit();
        }
        catching.tries += 1;
        // A seek is refused until the fetcher runs, and for ever after it has met a gap.
        let placed = if catching.tries <= SEEKS_MAX {
            tools.group.seek(&actions, start)
        } else {
            let again = [(actions.clone(), start)];
            tools
                .group
                .release_partitions(std::slice::from_ref(&actions))
                .and(tools.group.accept_assignment(&again))
        };
        let backfill = place(topics, Input::Backfill, number);
        let flows = placed
            .and_then(|()| backfill.map_or(Ok(()), |place| tools.side.resume(&place)))
            .and_then(|()| tools.group.resume(&actions));
        if let Err(error) = flows {
            SeekRetried {
                partition: number,
                error: &error.to_string(),
            }
            .emit();
            return Ok(false);
        }
        let position = tools.group.position(&actions);
        self.placed
            .extend(position.map(|position| (Input::Actions, position)));
        let before = std::mem::replace(&mut self.life, Life::Starting(now));
        if let Life::CatchingUp(catching) = before {
            self.life = Life::Running(catching.task);
        }
        PartitionRestored {
            partition: number,
            offset_next: start,
        }
        .emit(&tools.stats.metrics);
        Ok(true)
    }
}

/// Adds a notice that is not there yet: a partition that begins anew finds the same things.
fn note(notices: &mut Vec<Output>, notice: Option<Output>) {
    let new = notice.filter(|notice| !notices.contains(notice));
    notices.extend(new);
}

/// r4 in numbers: where the actions go on, or the two that differ.
fn agree(
    applied: Option<i64>,
    committed: Option<i64>,
    delivery: Delivery,
) -> Result<Option<i64>, (i64, i64)> {
    match (applied, committed) {
        (Some(ours), Some(theirs)) if ours == theirs => Ok(Some(ours)),
        // The state is written before the offsets, so what the group lacks was applied already;
        // where it is ahead the state was lost, and what it lacks is applied again.
        (Some(ours), Some(_)) if delivery == Delivery::AtLeastOnce => Ok(Some(ours)),
        (Some(ours), Some(theirs)) => Err((ours, theirs)),
        // Offsets that expired or were deleted: META stands with the state it belongs to.
        (Some(ours), None) => Ok(Some(ours)),
        // Nothing applied yet: the group's word, else the beginning of the log.
        (None, theirs) => Ok(theirs),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meta_and_group_must_agree_where_both_speak() {
        use Delivery::{AtLeastOnce, ExactlyOnce};
        assert_eq!(agree(Some(5), Some(5), ExactlyOnce), Ok(Some(5)));
        assert_eq!(agree(Some(5), Some(4), ExactlyOnce), Err((5, 4)));
        assert_eq!(agree(Some(4), Some(5), ExactlyOnce), Err((4, 5)));
        assert_eq!(agree(Some(5), Some(4), AtLeastOnce), Ok(Some(5)));
        assert_eq!(agree(Some(4), Some(5), AtLeastOnce), Ok(Some(4)));
        assert_eq!(agree(Some(5), None, ExactlyOnce), Ok(Some(5)));
        assert_eq!(agree(None, Some(5), ExactlyOnce), Ok(Some(5)));
        assert_eq!(agree(None, None, ExactlyOnce), Ok(None));
    }
}
