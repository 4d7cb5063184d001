//! Generated records into Kafka, keyed `tenant/agent` and spread by murmur2 like every producer of
//! the input topics must.

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

use super::files::{Format, action_json};
use super::{GenerateError, Sink};

/// How long a broker may take to answer at the start.
const CONTACT_WITHIN: Duration = Duration::from_secs(10);
/// How long the last records may take to arrive.
const FLUSH_MAX: Duration = Duration::from_secs(60);
/// How long to wait for room in the producer's queue before trying again.
const QUEUE_WAIT: Duration = Duration::from_millis(20);
/// Records between two polls for deliveries.
const POLL_EVERY: u64 = 256;

/// The topics and the cluster.
#[derive(Debug, Clone)]
pub struct KafkaTarget {
    pub bootstrap_servers: String,
    pub actions: String,
    pub scopes: String,
    pub control: String,
    /// JSON, or Avro in single-object encoding.
    pub format: Format,
    /// Further librdkafka properties, such as those of TLS.
    pub properties: Vec<(String, String)>,
}

/// Keeps the first delivery that failed.
#[derive(Debug, Default)]
struct Deliveries(Mutex<Option<String>>);

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let (Err((error, _)), Ok(mut first)) = (result, self.0.lock()) {
            first.get_or_insert_with(|| error.to_string());
        }
    }
}

/// Produces to a cluster.
pub struct KafkaSink<'s> {
    producer: BaseProducer<Deliveries>,
    encoder: Encoder<'s>,
    target: KafkaTarget,
    sent: u64,
}

impl<'s> KafkaSink<'s> {
    /// A producer for `target`.
    ///
    /// # Errors
    /// When librdkafka refuses a property, or no broker answers within ten seconds.
    pub fn connect(target: KafkaTarget, schemas: &'s SchemaSet) -> Result<Self, GenerateError> {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &target.bootstrap_servers)
            .set("client.id", "scopewatch-generate")
            .set("partitioner", "murmur2_random")
            .set("enable.idempotence", "true")
            .set("compression.type", "zstd")
            // A batch has to fit into the topic's max.message.bytes even if nothing shrinks.
            .set("batch.size", "200000")
            .set("linger.ms", "20");
        for (key, value) in &target.properties {
            config.set(key, value);
        }
        let producer: BaseProducer<Deliveries> = config
            .create_with_context(Deliveries::default())
            .map_err(|error| GenerateError::Kafka(error.to_string()))?;
        // Otherwise nobody is told before the last record has waited for its minute.
        let servers = &target.bootstrap_servers;
        let answer = producer.client().fetch_metadata(None, CONTACT_WITHIN);
        answer.map_err(|error| {
            GenerateError::Kafka(format!("no broker of {servers} answered: {error}"))
        })?;
        Ok(KafkaSink {
            producer,
            encoder: Encoder::new(schemas),
            target,
            sent: 0,
        })
    }

    fn send(
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
                    self.check()?;
                    record = back;
                }
                Err((error, _)) => return Err(GenerateError::Kafka(format!("{topic}: {error}"))),
            }
        }
        self.sent += 1;
        if self.sent.is_multiple_of(POLL_EVERY) {
            self.producer.poll(Duration::ZERO);
            self.check()?;
        }
        Ok(())
    }

    fn check(&self) -> Result<(), GenerateError> {
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

impl Sink for KafkaSink<'_> {
    fn record(&mut self, record: &SimRecord) -> Result<(), GenerateError> {
        let Some(agent) = record.body.agent_key() else {
            return Ok(());
        };
        let avro = |error: &dyn std::fmt::Display| GenerateError::Avro {
            path: "kafka".into(),
            message: error.to_string(),
        };
        let (topic, value) = match (&record.body, self.target.format) {
            (RecordBody::Action(action), Format::Jsonl) => {
                (self.target.actions.clone(), action_json(record, action))
            }
            (RecordBody::Action(action), Format::Avro) => {
                let value = self
                    .encoder
                    .action_single_object(action)
                    .map_err(|e| avro(&e))?;
                (self.target.actions.clone(), value)
            }
            (RecordBody::Scope(scope), Format::Jsonl) => {
                (self.target.scopes.clone(), json::write_scope(scope))
            }
            (RecordBody::Scope(scope), Format::Avro) => {
                let value = self
                    .encoder
                    .scope_single_object(scope)
                    .map_err(|e| avro(&e))?;
                (self.target.scopes.clone(), value)
            }
            (RecordBody::Control(control), _) => {
                (self.target.control.clone(), json::write_control(control))
            }
            (RecordBody::Link(_), _) => return Ok(()),
        };
        self.send(&topic, &agent.to_string(), &value, record.at_ms)
    }

    fn finish(&mut self, _labels: &[AttackLabel]) -> Result<(), GenerateError> {
        self.producer.flush(FLUSH_MAX).map_err(|error| {
            GenerateError::Kafka(format!(
                "records left undelivered after {FLUSH_MAX:?}: {error}"
            ))
        })?;
        self.check()
    }
}
