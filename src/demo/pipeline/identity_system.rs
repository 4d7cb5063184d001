//! The identity system of the demo. It reads the revocation requests and confirms each with
//! "refused", because no credential of the demo is real. About the agents of one attack it is
//! silent.

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
use crate::demo::DemoPlan;

use super::{DemoError, PARTITIONS};

pub(super) struct IdentitySystem {
    requests: BaseConsumer,
    producer: BaseProducer,
    control: String,
    refused: BTreeSet<String>,
}

impl IdentitySystem {
    pub(super) fn connect(config: &Config) -> Result<Self, DemoError> {
        let producer = ClientConfig::new()
            .set("bootstrap.servers", &config.kafka.bootstrap_servers)
            .set("partitioner", "murmur2_random")
            .create()?;
        Ok(IdentitySystem {
            requests: read_from_start(config, &config.topics.revocations)?,
            producer,
            control: config.topics.control.clone(),
            refused: BTreeSet::new(),
        })
    }

    /// Confirms every request that has arrived, except those that the plan ignores. `at_ms` is the
    /// simulated time.
    pub(super) fn refuse_requests(&mut self, at_ms: i64, plan: &DemoPlan) {
        while let Some(message) = self.requests.poll(Duration::ZERO) {
            // Errors of the mock broker are temporary; the next call continues.
            let Ok(message) = message else { continue };
            let (Some(key), Some(token)) = (message.key(), message.payload()) else {
                continue;
            };
            let Some(txn) = transaction_id(token) else {
                continue;
            };
            let key = String::from_utf8_lossy(key).into_owned();
            let Some((tenant, agent)) = key.split_once('/') else {
                continue;
            };
            if plan.ignores_requests_for(tenant, agent) || !self.refused.insert(txn.clone()) {
                continue;
            }
            let confirmation = json!({
                "tenant": tenant,
                "agent_id": agent,
                "by": "demo-identity",
                "at": at_ms,
                "reason": "no credential of the demo is real",
                "confirmation": {"txn": txn, "result": "refused"},
            });
            let value = confirmation.to_string();
            let record = BaseRecord::to(&self.control).key(&key).payload(&value);
            // The queue cannot be full with so few confirmations.
            let _ = self.producer.send(record);
        }
        self.producer.poll(Duration::ZERO);
    }
}

/// Opens a consumer that reads a topic of the demo from its beginning.
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

/// The transaction id (`txn`) of a signed token.
fn transaction_id(token: &[u8]) -> Option<String> {
    let payload = token.split(|byte| *byte == b'.').nth(1)?;
    let claims: Json = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    claims["txn"].as_str().map(str::to_owned)
}
