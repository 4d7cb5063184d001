//! Measures the lag: how many records lie between the committed actions and the end of their log.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::config::Config;
use crate::kafka::{
    LogEnds, LookupReply, LookupRequest, OffsetLookup, PendingReply, TopicPartition,
};
use crate::telemetry::{LagLookupFailed, LagUnavailable};
use crate::worker::PartitionView;

use super::build;

const LOOKUP_INTERVAL: Duration = Duration::from_secs(10);

/// Looks up the ends of the logs in a thread of its own, one request at a time. A broker that does
/// not reply thus delays neither a restore nor the metrics.
pub(super) struct LagMonitor {
    lookup: Option<OffsetLookup>,
    actions: String,
    reply: Option<PendingReply>,
    asked_at: Option<Instant>,
}

impl LagMonitor {
    /// Whether there is anybody to ask.
    pub(super) fn is_working(&self) -> bool {
        self.lookup.is_some()
    }

    pub(super) fn new(config: &Config) -> LagMonitor {
        let lookup = OffsetLookup::start(&build::kafka_options(config), &config.kafka.group_id);
        if let Err(error) = &lookup {
            LagUnavailable {
                error: &error.to_string(),
            }
            .emit();
        }
        LagMonitor {
            lookup: lookup.ok(),
            actions: config.topics.actions.clone(),
            reply: None,
            asked_at: None,
        }
    }

    /// The lag over all partitions in records, if it is known of any, or why no broker said it;
    /// `None` if no new reply has arrived.
    pub(super) fn poll_total(
        &mut self,
        views: &BTreeMap<i32, PartitionView>,
    ) -> Option<Result<Option<u64>, String>> {
        let reply = match self.reply.as_ref().map(PendingReply::try_receive) {
            Some(None) => return None,
            reply => reply.flatten(),
        };
        self.reply = None;
        let due = self
            .asked_at
            .is_none_or(|at| at.elapsed() >= LOOKUP_INTERVAL);
        if due {
            self.asked_at = Some(Instant::now());
            // An instance without partitions asks for one all the same: it must notice a broker
            // that is gone.
            let numbers = views.keys().copied();
            let numbers = numbers.chain(views.is_empty().then_some(0));
            let partitions = numbers.map(|partition| TopicPartition {
                topic: self.actions.clone(),
                partition,
            });
            let request = LookupRequest::Ends(partitions.collect());
            self.reply = self
                .lookup
                .as_ref()
                .map(|lookup| lookup.send_request(request));
        }
        match reply {
            Some(Ok(LookupReply::Ends(ends))) => Some(Ok(total_lag(&ends, views))),
            Some(Err(reason)) => {
                LagLookupFailed { error: &reason }.emit();
                Some(Err(reason))
            }
            _ => None,
        }
    }
}

/// Sums the lag; `None` if it is known of no partition. Skips a partition whose position has not
/// yet been compared with its group.
fn total_lag(
    ends: &BTreeMap<TopicPartition, LogEnds>,
    views: &BTreeMap<i32, PartitionView>,
) -> Option<u64> {
    let behind = |(partition, ends): (&TopicPartition, &LogEnds)| {
        let view = views.get(&partition.partition)?;
        let known = view.actions_offset_next > 0 || view.state == "running";
        let records = ends.high - view.actions_offset_next.max(ends.low);
        known.then(|| u64::try_from(records).unwrap_or(0))
    };
    let known = ends.iter().filter_map(behind);
    known.reduce(u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deleted_records_are_no_lag_and_an_unknown_position_is_not_counted() {
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
        let ends = ends.collect();
        assert_eq!(total_lag(&ends, &views.into()), Some(8 + 15));
        assert_eq!(total_lag(&ends, &BTreeMap::new()), None, "unknown is not 0");
    }
}
