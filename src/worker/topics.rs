//! The names of the topics, and the specification of each.

use std::sync::Arc;

use crate::engine::contract::OutputTopic;
use crate::engine::dead_letter::{KEY_BYTES_KEPT, LETTER_BYTES_MAX};
use crate::event::Input;
use crate::event::limits::RECORD_BYTES_MAX;
use crate::kafka::{CleanupPolicy, TimestampType, TopicSpec};
use crate::store::VALUE_BYTES_MAX;

/// Retention of `agent.scopes` when we create it: the longest scope, 30 days, milliseconds.
const SCOPES_RETENTION_MS: i64 = 30 * 24 * 3_600_000;
/// Retention of a backfill topic when we create it: a week to judge what was mapped at once,
/// whatever the broker's default is. Milliseconds.
const BACKFILL_RETENTION_MS: i64 = 7 * 24 * 3_600_000;
/// Room for headers and framing beyond a value, bytes.
pub(super) const FRAMING_BYTES: usize = 64 * 1024;

/// The names of all topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topics {
    pub actions: Arc<str>,
    pub scopes: Arc<str>,
    pub control: Arc<str>,
    pub links: Arc<str>,
    /// `None`: no backfill input is configured, and the topic is not read.
    pub backfill: Option<Arc<str>>,
    pub changelog: Arc<str>,
    pub alerts: Arc<str>,
    pub revocations: Arc<str>,
    pub dead_letter: Arc<str>,
    pub audit: Arc<str>,
}

impl Default for Topics {
    fn default() -> Self {
        Topics {
            actions: "agent.actions".into(),
            scopes: "agent.scopes".into(),
            control: "agent.control".into(),
            links: "scopewatch.links".into(),
            backfill: None,
            changelog: "scopewatch.changelog".into(),
            alerts: "agent.alerts".into(),
            revocations: "agent.revocations".into(),
            dead_letter: "scopewatch.dlq".into(),
            audit: "scopewatch.audit".into(),
        }
    }
}

impl Topics {
    /// The topic of an input.
    #[must_use]
    pub fn input(&self, input: Input) -> Option<&Arc<str>> {
        match input {
            Input::Scopes => Some(&self.scopes),
            Input::Control => Some(&self.control),
            Input::Links => Some(&self.links),
            Input::Actions => Some(&self.actions),
            Input::Backfill => self.backfill.as_ref(),
        }
    }

    /// The input with this topic name.
    #[must_use]
    pub fn input_named(&self, topic: &str) -> Option<Input> {
        Input::ALL
            .into_iter()
            .find(|i| self.input(*i).is_some_and(|name| **name == *topic))
    }

    /// The inputs a partition reads beside the actions.
    #[must_use]
    pub fn side_inputs(&self) -> Vec<Input> {
        Input::ALL
            .into_iter()
            .filter(|i| *i != Input::Actions && self.input(*i).is_some())
            .collect()
    }

    /// The topic of an output.
    #[must_use]
    pub fn output(&self, topic: OutputTopic) -> &Arc<str> {
        match topic {
            OutputTopic::Alerts => &self.alerts,
            OutputTopic::Revocations => &self.revocations,
            OutputTopic::DeadLetter => &self.dead_letter,
            OutputTopic::Links => &self.links,
            OutputTopic::Audit => &self.audit,
            // Only a record of an input that is read can be moved.
            OutputTopic::Input(input) => self.input(input).unwrap_or(&self.actions),
        }
    }

    /// The specification of each topic. `append`: stream time of the actions is append time.
    #[must_use]
    pub fn specs(&self, partitions: i32, replication: i32, append: bool) -> Vec<TopicSpec> {
        let bytes = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let spec = |name: &Arc<str>, timestamps: TimestampType| TopicSpec {
            name: name.to_string(),
            partitions,
            replication,
            cleanup: CleanupPolicy::Delete,
            timestamps,
            message_bytes_max: bytes(RECORD_BYTES_MAX),
            message_bytes_needed: None,
            retention_ms: None,
            co_partitioned: true,
        };
        let out = |name: &Arc<str>, largest: usize| TopicSpec {
            message_bytes_max: bytes(2 * largest + FRAMING_BYTES),
            message_bytes_needed: Some(bytes(largest)),
            co_partitioned: false,
            ..spec(name, TimestampType::Any)
        };
        let actions = if append {
            TimestampType::Append
        } else {
            TimestampType::Any
        };
        let mut specs = vec![
            spec(&self.actions, actions),
            TopicSpec {
                retention_ms: Some(SCOPES_RETENTION_MS),
                ..spec(&self.scopes, TimestampType::Append)
            },
            spec(&self.control, TimestampType::Append),
            spec(&self.links, TimestampType::Append),
            TopicSpec {
                cleanup: CleanupPolicy::Compact,
                co_partitioned: true,
                ..out(&self.changelog, VALUE_BYTES_MAX)
            },
            out(&self.alerts, RECORD_BYTES_MAX),
            out(&self.revocations, RECORD_BYTES_MAX),
            TopicSpec {
                message_bytes_max: bytes(LETTER_BYTES_MAX + KEY_BYTES_KEPT + FRAMING_BYTES),
                ..out(&self.dead_letter, RECORD_BYTES_MAX + FRAMING_BYTES)
            },
            // A commit's journal record goes to the number of its partition.
            TopicSpec {
                co_partitioned: true,
                ..out(&self.audit, RECORD_BYTES_MAX)
            },
        ];
        // A backfilled record has its own time in its value. As Kafka's timestamp, an old time
        // would let retention delete the record before it is read, and brokers refuse a future
        // time.
        specs.extend(self.backfill.iter().map(|name| TopicSpec {
            retention_ms: Some(BACKFILL_RETENTION_MS),
            ..spec(name, TimestampType::Append)
        }));
        specs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_inputs_agree() {
        let topics = Topics::default();
        for input in Input::ALL {
            let name = topics.input(input);
            assert_eq!(
                name.and_then(|n| topics.input_named(n)),
                name.map(|_| input)
            );
        }
        assert!(!topics.side_inputs().contains(&Input::Actions));
        assert!(!topics.side_inputs().contains(&Input::Backfill));
    }

    #[test]
    fn the_changelog_is_compacted_and_takes_the_largest_value() {
        let specs = Topics::default().specs(12, 3, true);
        let changelog = specs
            .iter()
            .find(|s| s.name == "scopewatch.changelog")
            .unwrap();
        assert_eq!(changelog.cleanup, CleanupPolicy::Compact);
        assert!(changelog.message_bytes_max > changelog.message_bytes_needed.unwrap());
        assert!(changelog.co_partitioned);
        let actions = specs.iter().find(|s| s.name == "agent.actions").unwrap();
        assert_eq!(actions.timestamps, TimestampType::Append);
    }

    #[test]
    fn what_is_mapped_today_is_kept_from_today_on_however_old_it_is() {
        let topics = Topics {
            backfill: Some("agent.backfill".into()),
            ..Topics::default()
        };
        let specs = topics.specs(12, 3, true);
        let backfill = specs.iter().find(|s| s.name == "agent.backfill").unwrap();
        assert_eq!(backfill.timestamps, TimestampType::Append);
        assert_eq!(backfill.retention_ms, Some(BACKFILL_RETENTION_MS));
    }
}
