//! How a partition of a raw input comes to the group's committed offset: looked up without waiting,
//! tried again until it works.

use std::time::Instant;

use crate::kafka::{LogEnds, LookupReply, LookupRequest, PendingReply, TopicPartition};
use crate::telemetry::RawPartitionRetried;
use crate::worker::member::{GroupMember, SeekAttempts, SeekResult};
use crate::worker::settings::LOOKUP_RETRY_AFTER;

/// The state of an assigned partition.
pub(super) enum RawPartition {
    /// Paused; to be looked up, not before `at`.
    Starting { at: Instant, seek: SeekAttempts },
    /// Paused; the group's offset and the ends of the log are being looked up.
    LookingUp(Lookups),
    /// Its records flow. `next`: the next offset that the group has committed.
    Flowing { next: i64 },
    /// Paused until it is assigned anew or the process starts again, for this reason.
    Stopped(String),
}

/// The two look-ups of a start.
pub(super) struct Lookups {
    committed: PendingReply,
    ends: PendingReply,
    /// `Some(None)`: the group has no committed offset.
    offset: Option<Option<i64>>,
    log: Option<LogEnds>,
    seek: SeekAttempts,
}

impl Lookups {
    fn send(of: &TopicPartition, member: &GroupMember, seek: SeekAttempts) -> Self {
        let lookup = &member.lookup;
        Lookups {
            committed: lookup.send_request(LookupRequest::Committed(of.clone())),
            ends: lookup.send_request(LookupRequest::Ends(vec![of.clone()])),
            offset: None,
            log: None,
            seek,
        }
    }

    /// Takes the replies that are there.
    fn receive_replies(&mut self, of: &TopicPartition) -> Result<(), String> {
        if self.offset.is_none()
            && let Some(LookupReply::Committed(offset)) =
                self.committed.try_receive().transpose()?
        {
            self.offset = Some(offset);
        }
        if self.log.is_none()
            && let Some(LookupReply::Ends(ends)) = self.ends.try_receive().transpose()?
        {
            self.log = ends.get(of).copied();
        }
        Ok(())
    }
}

impl RawPartition {
    pub fn starting(at: Instant) -> Self {
        RawPartition::Starting {
            at,
            seek: SeekAttempts::default(),
        }
    }

    /// The next offset that the group has committed; `None` while the partition does not flow.
    pub fn committed_next(&self) -> Option<i64> {
        match self {
            RawPartition::Flowing { next } => Some(*next),
            RawPartition::Starting { .. }
            | RawPartition::LookingUp(_)
            | RawPartition::Stopped(_) => None,
        }
    }

    /// Why the partition has stopped.
    pub fn stop_reason(&self) -> Option<&str> {
        match self {
            RawPartition::Stopped(reason) => Some(reason),
            _ => None,
        }
    }

    /// The state after the next step, without waiting.
    pub fn advance(self, of: &TopicPartition, member: &GroupMember, now: Instant) -> Self {
        match self {
            RawPartition::Starting { at, seek } if now >= at => {
                RawPartition::LookingUp(Lookups::send(of, member, seek))
            }
            RawPartition::LookingUp(lookups) => move_to_start(of, member, lookups),
            other => other,
        }
    }
}

/// Moves the partition to its start once both replies are there.
fn move_to_start(of: &TopicPartition, member: &GroupMember, mut lookups: Lookups) -> RawPartition {
    if let Err(reason) = lookups.receive_replies(of) {
        return start_later(of, lookups.seek, &reason);
    }
    let (Some(offset), Some(log)) = (lookups.offset, lookups.log) else {
        return RawPartition::LookingUp(lookups);
    };
    // The group's stable offset, else the beginning of the log.
    let next = offset.unwrap_or(log.low);
    if next < log.low || next > log.high {
        // Somebody has to decide; until then the other partitions go on.
        return RawPartition::Stopped(format!(
            "the group `{}` is at offset {next}, the topic has [{}, {}): records were deleted \
             before they were read, or the topic was created anew; stop the process and set the \
             group's offsets to go on",
            member.options.group_id, log.low, log.high
        ));
    }
    let mut seek = lookups.seek;
    match seek.move_to(&member.group, of, next) {
        Ok(SeekResult::Moved) => match member.group.resume(of) {
            Ok(()) => RawPartition::Flowing { next },
            Err(error) => start_later(of, seek, &error.to_string()),
        },
        // The client may still report the old position, from which offsets would be committed. A
        // seek after the new assignment makes it forget.
        Ok(SeekResult::Reassigned) => start_later(of, SeekAttempts::default(), "assigned anew"),
        Err(error) => start_later(of, seek, &error.to_string()),
    }
}

fn start_later(of: &TopicPartition, seek: SeekAttempts, reason: &str) -> RawPartition {
    RawPartitionRetried {
        topic: &of.topic,
        partition: of.partition,
        reason,
    }
    .emit();
    RawPartition::Starting {
        at: Instant::now() + LOOKUP_RETRY_AFTER,
        seek,
    }
}
