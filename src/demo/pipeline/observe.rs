//! Reads the alerts topic as a SOC would, and hands each alert to the screen and the score.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};
use serde_json::Value as Json;

use crate::config::Config;
use crate::demo::{NativeAlertView, Score, Screen};
use crate::run::Parts;

use super::{DemoError, PARTITIONS};

/// Reads a topic of the demo from its beginning.
pub(super) fn reader(config: &Config, topic: &str) -> Result<BaseConsumer, DemoError> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &config.kafka.bootstrap_servers)
        .set("group.id", "scopewatch-demo-reader")
        .set("enable.auto.commit", "false")
        .create()?;
    let mut list = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        list.add_partition_offset(topic, partition, Offset::Beginning)?;
    }
    consumer.assign(&list)?;
    Ok(consumer)
}

/// The reader of the alerts.
pub(super) struct Observer {
    consumer: BaseConsumer,
    /// Rule id to the name of its file, without folder root and extension.
    slugs: BTreeMap<String, String>,
}

impl Observer {
    pub(super) fn connect(config: &Config, parts: &Parts) -> Result<Self, DemoError> {
        let consumer = reader(config, &config.topics.alerts)?;
        let rules = parts.engine.rules();
        let slugs = rules.bundle.rules.iter().map(|rule| {
            let path = rule.path.trim_end_matches(".yaml");
            let mut folders = path.rsplit('/').take(2).collect::<Vec<_>>();
            folders.reverse();
            (rule.id.to_string(), folders.join("/"))
        });
        Ok(Observer {
            consumer,
            slugs: slugs.collect(),
        })
    }

    /// Takes the alerts that arrive within `wait`.
    pub(super) fn look(
        &mut self,
        wait: Duration,
        score: &mut Score,
        screen: &mut Screen<std::io::Stdout>,
    ) -> Result<(), DemoError> {
        let until = Instant::now() + wait;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let Some(message) = self.consumer.poll(left) else {
                return Ok(());
            };
            // The mock's hiccups end by themselves; the next poll goes on.
            let Ok(message) = message else { continue };
            let bytes = message.payload().unwrap_or_default();
            if let Ok(alert) = serde_json::from_slice::<Json>(bytes) {
                self.show(&alert, score, screen);
            }
        }
    }

    fn show(&self, alert: &Json, score: &mut Score, screen: &mut Screen<std::io::Stdout>) {
        if alert["activity"] == "close" {
            return;
        }
        let slug = |id: &Json| {
            let id = id.as_str().unwrap_or_default();
            self.slugs.get(id).map_or(id, String::as_str).to_owned()
        };
        let list = |name: &str| alert[name].as_array().cloned().unwrap_or_default();
        let rule = slug(&alert["rule"]["id"]);
        let also: Vec<String> = list("also").iter().map(slug).collect();
        let also: Vec<&str> = also.iter().map(String::as_str).collect();
        let events = list("event_ids");
        let event_ids: Vec<&str> = events.iter().filter_map(Json::as_str).collect();
        let text = |name: &str| alert[name].as_str().unwrap_or_default();
        let view = NativeAlertView {
            rule: &rule,
            also: &also,
            tenant: text("tenant"),
            agent_id: text("agent_id"),
            event_ids: &event_ids,
            at_ms: alert["time_ms"].as_i64().unwrap_or_default(),
            severity: text("severity"),
            message: text("message"),
        };
        score.alert(&view);
        // A closed stdout ends the show, not the score.
        let _ = screen.alert(&view);
    }
}
