//! Offsets that hold no record for us: transaction markers, records of given-up transactions, and
//! gaps that were accepted. META and the group have to pass over them too. A log that ends in a
//! marker may lose all its records to retention; its start then lies behind the last record and the
//! marker, and an offset that had stopped at the record would look like a gap.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::assignment::{Life, Partition, place};
use super::topics::Topics;
use super::worker::Worker;
use crate::engine::contract::{Commit, Meta, Task, TaskFactory, Urgency};
use crate::event::Input;
use crate::kafka::{GroupConsumer, SideConsumer, TopicPartition};

/// Time between looks for markers that no other commit takes along.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Where both consumers stand.
pub(super) struct Positions {
    group: BTreeMap<TopicPartition, i64>,
    side: BTreeMap<TopicPartition, i64>,
}

impl Positions {
    pub fn of(group: &GroupConsumer, side: &SideConsumer) -> Self {
        Positions {
            group: group.positions(),
            side: side.positions(),
        }
    }

    pub fn get(&self, input: Input, place: &TopicPartition) -> Option<i64> {
        let positions = match input {
            Input::Actions => &self.group,
            _ => &self.side,
        };
        positions.get(place).copied()
    }
}

/// The next offset to commit of an input, where it is further than `applied`. `seen`: next offset
/// to hand over; `handed`: a record was handed over since the input began at `seen`; `position`:
/// the consumer's, if it is of this beginning.
fn passed(applied: Option<i64>, seen: i64, handed: bool, position: Option<i64>) -> Option<i64> {
    if handed && applied != Some(seen) {
        // Something waits in the task.
        return None;
    }
    let next = position.map_or(seen, |position| position.max(seen));
    (next > applied.unwrap_or(seen)).then_some(next)
}

impl<T: Task> Partition<T> {
    fn passed_over(&self, meta: &Meta, topics: &Topics, at: &Positions) -> Vec<(Input, i64)> {
        let running = matches!(self.life, Life::Running(_));
        let of_input = |input: &Input| {
            let place = place(topics, *input, self.number)?;
            let (seen, handed) = (self.seen(*input)?, self.handed(*input));
            // The client forgets the position of an earlier assignment a little late.
            let known = |position: &i64| {
                (running || *input != Input::Actions)
                    && (handed || self.placed.get(input) != Some(position))
            };
            let position = at.get(*input, &place).filter(known);
            Some((
                *input,
                passed(meta.offset_next(*input), seen, handed, position)?,
            ))
        };
        Input::ALL.iter().filter_map(of_input).collect()
    }

    /// Lets a commit pass over what is no record for us.
    pub fn pass_over(&self, commit: &mut Commit, topics: &Topics, at: &Positions) {
        for (input, next) in self.passed_over(&commit.meta, topics, at) {
            commit.meta.set_offset_next(input, next);
        }
        commit.actions_offset_next = commit.meta.offset_next(Input::Actions);
    }

    /// A commit of nothing but offsets, where there are any to commit.
    pub fn offsets_only(&self, topics: &Topics, at: &Positions) -> Option<Commit> {
        let meta = self.meta.clone()?;
        self.task_ref()?;
        let mut commit = Commit {
            partition: self.number,
            outcomes: Vec::new(),
            outputs: Vec::new(),
            changelog: Vec::new(),
            local: Vec::new(),
            actions_offset_next: None,
            urgency: Urgency::Idle,
            agents_cached: None,
            meta,
        };
        self.pass_over(&mut commit, topics, at);
        (Some(&commit.meta) != self.meta.as_ref()).then_some(commit)
    }
}

impl<F: TaskFactory> Worker<F> {
    /// Whether a commit of offsets alone is due.
    pub(super) fn markers_due(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.markers_at) < LOOK_EVERY {
            return false;
        }
        self.markers_at = now;
        let at = Positions::of(&self.group, &self.side);
        let topics = &self.options.topics;
        self.markers_due = self
            .partitions
            .values()
            .any(|partition| partition.offsets_only(topics, &at).is_some());
        self.markers_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_after_the_last_record_is_passed_over() {
        assert_eq!(passed(Some(10), 10, true, Some(11)), Some(11));
        assert_eq!(passed(Some(10), 10, true, Some(10)), None);
        assert_eq!(passed(Some(10), 10, true, None), None);
        // After a start, without a record: only a position of this start counts.
        assert_eq!(passed(Some(10), 10, false, Some(11)), Some(11));
        assert_eq!(passed(None, 0, false, Some(2)), Some(2));
    }

    #[test]
    fn what_waits_in_the_task_is_not_passed_over() {
        assert_eq!(passed(Some(10), 12, true, Some(13)), None);
        assert_eq!(passed(None, 1, true, Some(2)), None);
    }

    #[test]
    fn an_accepted_gap_is_committed_before_the_first_record_behind_it() {
        assert_eq!(passed(Some(10), 25, false, None), Some(25));
        assert_eq!(passed(None, 25, false, None), None);
    }
}
