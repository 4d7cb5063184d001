//! Offsets that hold no record for the task: transaction markers, records of aborted transactions,
//! and gaps that were accepted. META and the group have to pass over them too. A log that ends in a
//! marker can lose all its records to retention. It then starts after the marker, and an offset
//! that had stopped at the last record would look like a gap.

use std::collections::BTreeMap;

use super::partition::{AssignedPartition, topic_partition};
use super::topics::Topics;
use crate::engine::contract::{CommitUrgency, PartitionCommit, PartitionMeta, PartitionTask};
use crate::event::Input;
use crate::kafka::{GroupConsumer, SideConsumer, TopicPartition};

/// The positions of both consumers.
pub(super) struct ConsumerPositions {
    group: BTreeMap<TopicPartition, i64>,
    side: BTreeMap<TopicPartition, i64>,
}

impl ConsumerPositions {
    pub fn of(group: &GroupConsumer, side: &SideConsumer) -> Self {
        ConsumerPositions {
            group: group.positions(),
            side: side.positions(),
        }
    }

    fn get(&self, input: Input, of: &TopicPartition) -> Option<i64> {
        let positions = match input {
            Input::Actions => &self.group,
            _ => &self.side,
        };
        positions.get(of).copied()
    }
}

/// The offset to commit for an input when only markers or an accepted gap follow the last applied
/// record; `None` when a delivered record is not applied yet, or there is nothing to pass over.
/// `applied`: META's next offset; `deliver_next`: the next offset to deliver to the task;
/// `has_delivered`: a record was delivered since the input began; `position`: the consumer's, if it
/// belongs to this assignment.
fn passed_offset(
    applied: Option<i64>,
    deliver_next: i64,
    has_delivered: bool,
    position: Option<i64>,
) -> Option<i64> {
    if has_delivered && applied != Some(deliver_next) {
        return None;
    }
    let next = position.map_or(deliver_next, |position| position.max(deliver_next));
    (next > applied.unwrap_or(deliver_next)).then_some(next)
}

impl<T: PartitionTask> AssignedPartition<T> {
    fn passed_offsets(
        &self,
        meta: &PartitionMeta,
        topics: &Topics,
        positions: &ConsumerPositions,
    ) -> Vec<(Input, i64)> {
        let of_input = |input: &Input| {
            let of = topic_partition(topics, *input, self.number)?;
            let (next, has_delivered) = (self.deliver_next(*input)?, self.has_delivered(*input));
            // The client forgets the position of an earlier assignment a little late.
            let is_current = |position: &i64| {
                (self.is_running() || *input != Input::Actions)
                    && (has_delivered || self.stale_positions.get(input) != Some(position))
            };
            let position = positions.get(*input, &of).filter(is_current);
            let passed = passed_offset(meta.offset_next(*input), next, has_delivered, position)?;
            Some((*input, passed))
        };
        Input::ALL.iter().filter_map(of_input).collect()
    }

    /// Moves the offsets of a commit over what holds no record.
    pub fn pass_over_markers(
        &self,
        commit: &mut PartitionCommit,
        topics: &Topics,
        positions: &ConsumerPositions,
    ) {
        for (input, next) in self.passed_offsets(&commit.meta, topics, positions) {
            commit.meta.set_offset_next(input, next);
        }
        commit.actions_offset_next = commit.meta.offset_next(Input::Actions);
    }

    /// A commit of nothing but offsets, where there are any to commit.
    pub fn offset_commit(
        &self,
        topics: &Topics,
        positions: &ConsumerPositions,
    ) -> Option<PartitionCommit> {
        let meta = self.meta.clone()?;
        self.task()?;
        let mut commit = PartitionCommit {
            partition: self.number,
            outputs: Vec::new(),
            changelog: Vec::new(),
            local: Vec::new(),
            actions_offset_next: None,
            urgency: CommitUrgency::Idle,
            outcomes: Vec::new(),
            agents_cached: None,
            meta,
        };
        self.pass_over_markers(&mut commit, topics, positions);
        (Some(&commit.meta) != self.meta.as_ref()).then_some(commit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_after_the_last_record_is_passed_over() {
        assert_eq!(passed_offset(Some(10), 10, true, Some(11)), Some(11));
        assert_eq!(passed_offset(Some(10), 10, true, Some(10)), None);
        assert_eq!(passed_offset(Some(10), 10, true, None), None);
        // After a start, without a record: only a position of this start counts.
        assert_eq!(passed_offset(Some(10), 10, false, Some(11)), Some(11));
        assert_eq!(passed_offset(None, 0, false, Some(2)), Some(2));
    }

    #[test]
    fn what_waits_in_the_task_is_not_passed_over() {
        assert_eq!(passed_offset(Some(10), 12, true, Some(13)), None);
        assert_eq!(passed_offset(None, 1, true, Some(2)), None);
    }

    #[test]
    fn an_accepted_gap_is_committed_before_the_first_record_behind_it() {
        assert_eq!(passed_offset(Some(10), 25, false, None), Some(25));
        assert_eq!(passed_offset(None, 25, false, None), None);
    }
}
