//! Encodes outcomes as records of the output topics. Outcomes become bytes only here.

use std::sync::Arc;

use crate::codec::keys::SignError;
use crate::codec::set::{self, SetSettings};
use crate::codec::signing_keys::SigningKeys;
use crate::codec::{AlertFormat, json, native, ocsf};
use crate::detector::OutgoingLink;
use crate::engine::contract::{OutputRecord, OutputTopic};
use crate::event::{AgentKey, Link, LinkBody, LinkTarget};
use crate::response::{Alert, AuditEntry, RevocationRequest};

use super::outcome::TaskOutcome;
use super::partitioner::partition_of_key;
use super::shared_engine::Engine;

/// Key of the links that every partition gets.
const ALL_PARTITIONS_KEY: &str = "#all";

/// Encodes outcomes with the settings of an engine.
pub(super) struct MessageEncoder<'a> {
    format: AlertFormat,
    set: &'a SetSettings,
    keys: Arc<SigningKeys>,
    /// Number of partitions of the links topic.
    partitions: u32,
}

impl<'a> MessageEncoder<'a> {
    pub(super) fn new(engine: &'a Engine) -> Self {
        MessageEncoder {
            format: engine.options.alert_format,
            set: &engine.options.set,
            keys: engine.signing_keys(),
            partitions: engine.options.partitions,
        }
    }

    /// Appends the records of one outcome. A dead letter is made from its original record instead,
    /// see [`super::dead_letter`], and so is a moved record.
    ///
    /// # Errors
    /// A request cannot be signed.
    pub(super) fn encode_outcome(
        &self,
        outcome: &TaskOutcome,
        outputs: &mut Vec<OutputRecord>,
    ) -> Result<(), SignError> {
        match outcome {
            TaskOutcome::Alert { alert, .. } => outputs.push(self.encode_alert(alert)),
            TaskOutcome::Revocation(request) => self.encode_request(request, outputs)?,
            TaskOutcome::Audit { entry, .. } => outputs.push(encode_audit(entry)),
            TaskOutcome::Link(link) => {
                let partitions = i32::try_from(self.partitions).unwrap_or(i32::MAX);
                let targets = match home_partition(&link.target, self.partitions) {
                    Some(home) => home..home.saturating_add(1),
                    None => 0..partitions,
                };
                outputs.extend(targets.map(|partition| encode_link(link, partition)));
            }
            TaskOutcome::DeadLetter(_) | TaskOutcome::Moved(_) => {}
        }
        Ok(())
    }

    fn encode_alert(&self, alert: &Alert) -> OutputRecord {
        let value = match self.format {
            AlertFormat::Ocsf => ocsf::detection_finding(alert, env!("CARGO_PKG_VERSION")),
            AlertFormat::Native => native::alert_json(alert),
        };
        let key = AgentKey::record_key(&alert.tenant, &alert.agent_id);
        let mut output = output_record(OutputTopic::Alerts, key, value.to_string().into_bytes());
        output
            .headers
            .push(text_header("message-id", &alert.message_id.to_string()));
        output
    }

    fn encode_request(
        &self,
        request: &RevocationRequest,
        outputs: &mut Vec<OutputRecord>,
    ) -> Result<(), SignError> {
        let (tokens, kind) = match self.keys.signer() {
            Some(signer) => (
                signer.sign_request(request, self.set)?,
                "application/secevent+jwt",
            ),
            None => (set::unsigned_tokens(request, self.set), "application/json"),
        };
        let key = AgentKey::record_key(&request.tenant, &request.agent_id);
        outputs.extend(tokens.into_iter().map(|token| {
            let value = token.text.into_bytes();
            let mut output = output_record(OutputTopic::Revocations, key.clone(), value);
            output.headers.push(text_header("content-type", kind));
            output.headers.push(text_header("message-id", &token.jti));
            output
        }));
        Ok(())
    }
}

/// The partition to which a link goes; `None` for every one.
pub(super) fn home_partition(target: &LinkTarget, partitions: u32) -> Option<i32> {
    let key = target.record_key()?;
    Some(partition_of_key(key.as_bytes(), partitions))
}

/// Encodes a link for one partition.
fn encode_link(link: &OutgoingLink, partition: i32) -> OutputRecord {
    let value = json::write_link(link);
    let key = link.target.record_key();
    let key = key.unwrap_or_else(|| ALL_PARTITIONS_KEY.to_owned());
    OutputRecord {
        partition: Some(partition),
        ..output_record(OutputTopic::Links, key, value)
    }
}

/// Encodes a tick, which moves the time of a quiet partition.
pub(super) fn encode_tick(partition: i32) -> OutputRecord {
    let tick = OutgoingLink {
        target: LinkTarget::AllPartitions,
        link: Link {
            cause: None,
            body: LinkBody::Tick,
        },
    };
    encode_link(&tick, partition)
}

fn encode_audit(entry: &AuditEntry) -> OutputRecord {
    let value = native::audit_json(entry).to_string().into_bytes();
    output_record(OutputTopic::Audit, entry.tenant.to_string(), value)
}

fn text_header(name: &str, value: &str) -> (String, Option<Vec<u8>>) {
    (name.to_owned(), Some(value.as_bytes().to_vec()))
}

fn output_record(topic: OutputTopic, key: String, value: Vec<u8>) -> OutputRecord {
    OutputRecord {
        topic,
        partition: None,
        key: Some(key.into_bytes()),
        value: Some(value),
        headers: Vec::new(),
    }
}
