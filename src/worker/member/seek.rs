//! Moves a partition of the group to an offset.

use crate::kafka::{ClientError, GroupConsumer, TopicPartition};

/// Seeks of one partition before it is assigned anew instead.
const SEEKS_MAX: u32 = 3;

/// How a partition came to its offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::worker) enum SeekResult {
    /// By a seek: the client has forgotten the old position.
    Moved,
    /// By a new assignment: the client forgets the old position a little later.
    Reassigned,
}

/// The attempts to move one partition, which is paused.
#[derive(Debug, Default)]
pub(in crate::worker) struct SeekAttempts(u32);

impl SeekAttempts {
    /// Moves the partition to `offset`.
    ///
    /// The client refuses a seek until its fetcher for the partition runs, so the caller tries
    /// again. After a position out of range it refuses for ever: only a new assignment helps then.
    pub fn move_to(
        &mut self,
        group: &GroupConsumer,
        of: &TopicPartition,
        offset: i64,
    ) -> Result<SeekResult, ClientError> {
        self.0 += 1;
        if self.0 <= SEEKS_MAX {
            group.seek(of, offset)?;
            return Ok(SeekResult::Moved);
        }
        group.release_partitions(std::slice::from_ref(of))?;
        group.accept_assignment(&[(of.clone(), offset)])?;
        Ok(SeekResult::Reassigned)
    }
}
