//! The demo's identity system: it reads the requests and refuses each, since nobody's credential is
//! real, so that every request is answered as a real one would be.

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::{Value as Json, json};

use crate::config::Config;

use super::{DemoError, PARTITIONS};

pub(super) struct Identity {
    requests: BaseConsumer,
    answers: BaseProducer,
    control: String,
    answered: BTreeSet<String>,
}

impl Identity {
    pub(super) fn connect(config: &Config) -> Result<Self, DemoError> {
        let answers = ClientConfig::new()
            .set("bootstrap.servers", &config.kafka.bootstrap_servers)
            .set("partitioner", "murmur2_random")
            .create()?;
        Ok(Identity {
            requests: read_from_start(config, &config.topics.revocations)?,
            answers,
            control: config.topics.control.clone(),
            answered: BTreeSet::new(),
        })
    }

    /// Answers every request that has arrived; `at_ms` is the simulated time.
    pub(super) fn answer(&mut self, at_ms: i64) {
        while let Some(message) = self.requests.poll(Duration::ZERO) {
            // The mock's hiccups end by themselves; the next call goes on.
            let Ok(message) = message else { continue };
            let (Some(key), Some(token)) = (message.key(), message.payload()) else {
                continue;
            };
            let Some(txn) = txn(token) else { continue };
            let key = String::from_utf8_lossy(key).into_owned();
            let Some((tenant, agent)) = key.split_once('/') else {
                continue;
            };
            if !self.answered.insert(txn.clone()) {
                continue;
            }
            let answer = json!({
                "tenant": tenant,
                "agent_id": agent,
                "by": "demo-identity",
                "at": at_ms,
                "reason": "no credential of the demo is real",
                "confirmation": {"txn": txn, "result": "refused"},
            });
            let value = answer.to_string();
            let record = BaseRecord::to(&self.control).key(&key).payload(&value);
            // A full queue of a few answers is not to be had.
            let _ = self.answers.send(record);
        }
        self.answers.poll(Duration::ZERO);
    }
}

/// Reads a topic of the demo from its beginning.
fn read_from_start(config: &Config, topic: &str) -> Result<BaseConsumer, DemoError> {
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

/// The transaction of a signed token.
fn txn(token: &[u8]) -> Option<String> {
    let payload = token.split(|byte| *byte == b'.').nth(1)?;
    let claims: Json = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    claims["txn"].as_str().map(str::to_owned)
}
