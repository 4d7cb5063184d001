//! How far the actions that are committed are behind the end of their log.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::config::Config;
use crate::kafka::{
    LogEnds, LookupReply, LookupRequest, OffsetLookup, PendingReply, TopicPartition,
};
use crate::telemetry::{LagLookupFailed, LagUnavailable};
use crate::worker::PartitionView;

use super::build;

const EVERY: Duration = Duration::from_secs(10);

/// Asks for the ends of the logs on a thread of its own, one question at a time: a broker that
/// does not answer holds up neither a restore nor the watch.
pub(super) struct Lag {
    lookup: Option<OffsetLookup>,
    actions: String,
    reply: Option<PendingReply>,
    asked_at: Option<Instant>,
}

impl Lag {
    pub(super) fn new(config: &Config) -> Lag {
        let lookup = OffsetLookup::start(&build::kafka_options(config), &config.kafka.group_id);
        if let Err(error) = &lookup {
            LagUnavailable {
                error: &error.to_string(),
            }
            .emit();
        }
        Lag {
            lookup: lookup.ok(),
            actions: config.topics.actions.clone(),
            reply: None,
            asked_at: None,
        }
    }

    /// The lag over all partitions in records, each time there is a new answer.
    pub(super) fn look(&mut self, views: &BTreeMap<i32, PartitionView>) -> Option<u64> {
        let reply = match self.reply.as_ref().map(PendingReply::try_receive) {
            Some(None) => return None,
            reply => reply.flatten(),
        };
        self.reply = None;
        let due = self.asked_at.is_none_or(|at| at.elapsed() >= EVERY);
        if due && !views.is_empty() {
            self.asked_at = Some(Instant::now());
            let places = views.keys().map(|partition| TopicPartition {
                topic: self.actions.clone(),
                partition: *partition,
            });
            let request = LookupRequest::Ends(places.collect());
            self.reply = self
                .lookup
                .as_ref()
                .map(|lookup| lookup.send_request(request));
        }
        match reply {
            Some(Ok(LookupReply::Ends(ends))) => Some(sum(&ends, views)),
            Some(Err(reason)) => {
                LagLookupFailed { error: &reason }.emit();
                None
            }
            _ => None,
        }
    }
}

/// A partition that has not been compared with its group yet does not know where it is.
fn sum(ends: &BTreeMap<TopicPartition, LogEnds>, views: &BTreeMap<i32, PartitionView>) -> u64 {
    let behind = |(place, ends): (&TopicPartition, &LogEnds)| {
        let view = views.get(&place.partition)?;
        let known = view.actions_offset_next > 0 || view.state == "running";
        let records = ends.high - view.actions_offset_next.max(ends.low);
        known.then(|| u64::try_from(records).unwrap_or(0))
    };
    ends.iter().filter_map(behind).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deleted_records_are_no_lag_and_a_place_that_is_not_known_is_not_counted() {
        let view = |state, actions_offset_next| PartitionView {
            worker: 0,
            state,
            reason: None,
            actions_offset_next,
        };
        let ends = (0..4).map(|partition| {
            let topic = "t".to_owned();
            (
                TopicPartition { topic, partition },
                LogEnds { low: 5, high: 20 },
            )
        });
        let views = [
            (0, view("running", 12)),
            (1, view("running", 0)),
            (2, view("restoring", 0)),
            (3, view("running", 21)),
        ];
        assert_eq!(sum(&ends.collect(), &views.into()), 8 + 15);
    }
}
