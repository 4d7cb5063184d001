//! Sends generated records to Kafka. The key is `tenant/agent`, the partitioner is murmur2, as the
//! input topics require of every producer.

use std::sync::Mutex;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};

use crate::codec::avro::Encoder;
use crate::codec::{SchemaSet, json};
use crate::event::RecordBody;
use crate::simulator::{AttackLabel, SimRecord};

use super::file_sink::{RecordFormat, action_json};
use super::{GenerateError, RecordSink};

/// The longest time until a broker replies at the start.
const CONTACT_WITHIN: Duration = Duration::from_secs(10);
/// The longest time until the last records are delivered.
const FLUSH_MAX: Duration = Duration::from_secs(60);
/// Pause before the next attempt when the producer's queue is full.
const QUEUE_WAIT: Duration = Duration::from_millis(20);
/// Number of records between two polls for delivery reports.
const POLL_EVERY: u64 = 256;

/// The cluster and its topics.
#[derive(Debug, Clone)]
pub struct KafkaTarget {
    pub bootstrap_servers: String,
    pub actions: String,
    pub scopes: String,
    pub control: String,
    /// JSON, or Avro in single-object encoding.
    pub format: RecordFormat,
    /// Further librdkafka properties, for example for TLS.
    pub properties: Vec<(String, String)>,
}

/// Keeps the first delivery error.
#[derive(Debug, Default)]
struct DeliveryErrors(Mutex<Option<String>>);

impl ClientContext for DeliveryErrors {}

impl ProducerContext for DeliveryErrors {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let (Err((error, _)), Ok(mut first)) = (result, self.0.lock()) {
            first.get_or_insert_with(|| error.to_string());
        }
    }
}

/// Sends records to a cluster.
pub struct KafkaSink<'s> {
    producer: BaseProducer<DeliveryErrors>,
    encoder: Encoder<'s>,
    target: KafkaTarget,
    sent: u64,
}

/// Why there is no producer, without the value of a property, which can be a secret.
fn describe_refusal(error: &KafkaError) -> String {
    match error {
        KafkaError::ClientConfig(_, _, name, _) => {
            format!("librdkafka has no property `{name}`, or refuses its value")
        }
        KafkaError::ClientCreation(_) => "librdkafka refuses the properties".to_owned(),
        other => other.to_string(),
    }
}

impl<'s> KafkaSink<'s> {
    /// Connects a producer to `target`.
    ///
    /// # Errors
    /// librdkafka rejects a property, or no broker replies within ten seconds.
    pub fn connect(target: KafkaTarget, schemas: &'s SchemaSet) -> Result<Self, GenerateError> {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &target.bootstrap_servers)
            .set("client.id", "scopewatch-generate")
            .set("partitioner", "murmur2_random")
            .set("enable.idempotence", "true")
            .set("compression.type", "zstd")
            // A batch must fit into the topic's max.message.bytes even if compression gains
            // nothing.
            .set("batch.size", "200000")
            .set("linger.ms", "20");
        for (key, value) in &target.properties {
            config.set(key, value);
        }
        let producer: BaseProducer<DeliveryErrors> = config
            .create_with_context(DeliveryErrors::default())
            .map_err(|error| GenerateError::Kafka(describe_refusal(&error)))?;
        // Fail now if no broker replies, and not only after the last flush has waited for a minute.
        let servers = &target.bootstrap_servers;
        let reply = producer.client().fetch_metadata(None, CONTACT_WITHIN);
        reply.map_err(|error| {
            GenerateError::Kafka(format!("no broker of {servers} answered: {error}"))
        })?;
        Ok(KafkaSink {
            producer,
            encoder: Encoder::new(schemas),
            target,
            sent: 0,
        })
    }

    fn send_record(
        &mut self,
        topic: &str,
        key: &str,
        value: &[u8],
        at_ms: i64,
    ) -> Result<(), GenerateError> {
        let mut record = BaseRecord::to(topic)
            .key(key)
            .payload(value)
            .timestamp(at_ms);
        loop {
            match self.producer.send(record) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    self.producer.poll(QUEUE_WAIT);
                    self.check_deliveries()?;
                    record = back;
                }
                Err((error, _)) => return Err(GenerateError::Kafka(format!("{topic}: {error}"))),
            }
        }
        self.sent += 1;
        if self.sent.is_multiple_of(POLL_EVERY) {
            self.producer.poll(Duration::ZERO);
            self.check_deliveries()?;
        }
        Ok(())
    }

    fn check_deliveries(&self) -> Result<(), GenerateError> {
        let failed = self
            .producer
            .context()
            .0
            .lock()
            .ok()
            .and_then(|first| first.clone());
        failed.map_or(Ok(()), |error| {
            Err(GenerateError::Kafka(format!("not delivered: {error}")))
        })
    }
}

impl RecordSink for KafkaSink<'_> {
    fn write_record(&mut self, record: &SimRecord) -> Result<(), GenerateError> {
        let Some(agent) = record.body.agent_key() else {
            return Ok(());
        };
        let avro = |error: &dyn std::fmt::Display| GenerateError::Avro {
            path: "kafka".into(),
            message: error.to_string(),
        };
        let (topic, value) = match (&record.body, self.target.format) {
            (RecordBody::Action(action), RecordFormat::Jsonl) => {
                (self.target.actions.clone(), action_json(record, action))
            }
            (RecordBody::Action(action), RecordFormat::Avro) => {
                let value = self
                    .encoder
                    .action_single_object(action)
                    .map_err(|e| avro(&e))?;
                (self.target.actions.clone(), value)
            }
            (RecordBody::Scope(scope), RecordFormat::Jsonl) => {
                (self.target.scopes.clone(), json::write_scope(scope))
            }
            (RecordBody::Scope(scope), RecordFormat::Avro) => {
                let value = self
                    .encoder
                    .scope_single_object(scope)
                    .map_err(|e| avro(&e))?;
                (self.target.scopes.clone(), value)
            }
            (RecordBody::Control(control), _) => {
                (self.target.control.clone(), json::write_control(control))
            }
            (RecordBody::Link(_) | RecordBody::Unreadable(_), _) => return Ok(()),
        };
        self.send_record(&topic, &agent.to_string(), &value, record.at_ms)
    }

    fn finish(&mut self, _labels: &[AttackLabel]) -> Result<(), GenerateError> {
        self.producer.flush(FLUSH_MAX).map_err(|error| {
            GenerateError::Kafka(format!(
                "records left undelivered after {FLUSH_MAX:?}: {error}"
            ))
        })?;
        self.check_deliveries()
    }
}
