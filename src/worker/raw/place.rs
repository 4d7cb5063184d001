//! How a partition of a raw input comes to where the group stands: asked without waiting, tried
//! again until it works.

use std::time::{Duration, Instant};

use super::{RawWorker, ended};
use crate::kafka::{
    ClientError, LogEnds, LookupReply, LookupRequest, PendingReply, TopicPartition,
};
use crate::telemetry::RawPartitionRetried;
use crate::worker::WorkerError;

/// Pause between tries of a question or a seek.
pub(super) const AGAIN_AFTER: Duration = Duration::from_millis(500);
/// Tries of a seek before the partition is assigned anew.
const SEEKS_MAX: u32 = 3;

/// How far a partition of ours is.
pub(super) enum Place {
    /// To be placed, not before this time.
    Waiting {
        at: Instant,
        tries: u32,
    },
    Asked(Asked),
    /// Its records flow; what the group has committed.
    Flowing {
        next: i64,
    },
}

/// The group's offset and the ends of the log are asked for.
pub(super) struct Asked {
    committed: PendingReply,
    ends: PendingReply,
    offset: Option<Option<i64>>,
    log: Option<LogEnds>,
    tries: u32,
}

impl Asked {
    /// Takes the answers that came.
    fn hear(&mut self, place: &TopicPartition) -> Result<(), String> {
        if self.offset.is_none()
            && let Some(LookupReply::Committed(offset)) =
                self.committed.try_receive().transpose()?
        {
            self.offset = Some(offset);
        }
        if self.log.is_none()
            && let Some(LookupReply::Ends(ends)) = self.ends.try_receive().transpose()?
        {
            self.log = ends.get(place).copied();
        }
        Ok(())
    }
}

impl RawWorker {
    /// Takes every partition that does not flow a step on, without waiting.
    pub(super) fn place(&mut self) -> Result<(), WorkerError> {
        let now = Instant::now();
        let places: Vec<_> = self.ours.keys().cloned().collect();
        for place in places {
            let Some(state) = self.ours.remove(&place) else {
                continue;
            };
            let next = match state {
                Place::Waiting { at, tries } if now >= at => Place::Asked(Asked {
                    committed: self
                        .lookup
                        .send_request(LookupRequest::Committed(place.clone())),
                    ends: self
                        .lookup
                        .send_request(LookupRequest::Ends(vec![place.clone()])),
                    offset: None,
                    log: None,
                    tries,
                }),
                Place::Asked(asked) => self.answered(&place, asked)?,
                other => other,
            };
            self.ours.insert(place, next);
        }
        Ok(())
    }

    fn answered(&self, place: &TopicPartition, mut asked: Asked) -> Result<Place, WorkerError> {
        if let Err(why) = asked.hear(place) {
            return Ok(again(place, asked.tries, &why));
        }
        let (Some(offset), Some(log)) = (asked.offset, asked.log) else {
            return Ok(Place::Asked(asked));
        };
        // The group's stable offset, else the beginning of the log.
        let next = offset.unwrap_or(log.low);
        if next < log.low || next > log.high {
            return Err(ended(format!(
                "{place}: the group `{}` is at offset {next}, the topic has [{}, {}): records were \
                 deleted before they were read, or the topic was created anew; set the group's \
                 offsets to go on",
                self.kafka.raw_group_id(),
                log.low,
                log.high
            )));
        }
        if asked.tries >= SEEKS_MAX {
            // A seek is refused until the fetcher runs, and for ever after it has met a gap. After
            // a new assignment it is tried again: only a seek forgets the old position at once.
            let anew = self
                .group
                .release_partitions(std::slice::from_ref(place))
                .and_then(|()| self.group.accept_assignment(&[(place.clone(), next)]));
            let why = anew.map_or_else(|e| e.to_string(), |()| "assigned anew".into());
            return Ok(again(place, 0, &why));
        }
        Ok(match self.put(place, next) {
            Ok(()) => Place::Flowing { next },
            Err(error) => again(place, asked.tries + 1, &error.to_string()),
        })
    }

    fn put(&self, place: &TopicPartition, next: i64) -> Result<(), ClientError> {
        self.group.seek(place, next)?;
        self.group.resume(place)
    }
}

fn again(place: &TopicPartition, tries: u32, why: &str) -> Place {
    RawPartitionRetried {
        topic: &place.topic,
        partition: place.partition,
        reason: why,
    }
    .emit();
    Place::Waiting {
        at: Instant::now() + AGAIN_AFTER,
        tries,
    }
}
