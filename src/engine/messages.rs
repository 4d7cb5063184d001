//! What the detector said, as messages for the output topics.

use crate::codec::set::{self, SetSettings, TokenSigner};
use crate::codec::{AlertFormat, json, native, ocsf};
use crate::detector::LinkOut;
use crate::engine::contract::{Output, OutputTopic, Urgency};
use crate::event::{Link, LinkBody};
use crate::response::{Alert, AuditEntry, ResponseOutcome, RevocationRequest};

use super::partition_task::Progress;

/// Renders outcomes.
pub(super) struct Messages<'a> {
    pub format: AlertFormat,
    pub set: &'a SetSettings,
    pub signer: Option<&'a TokenSigner>,
}

impl Messages<'_> {
    /// Appends the messages of one outcome; says how soon they must be committed.
    pub(super) fn render(
        &self,
        outcome: ResponseOutcome,
        outputs: &mut Vec<Output>,
        progress: &mut Progress,
    ) -> Urgency {
        match outcome {
            ResponseOutcome::Alert(alert) => {
                progress.alerts += 1;
                outputs.push(self.alert(&alert));
                Urgency::Alert
            }
            ResponseOutcome::Revocation(request) => {
                progress.requests += 1;
                outputs.extend(self.request(&request));
                Urgency::Revocation
            }
            ResponseOutcome::Audit(entry) => {
                outputs.push(audit(&entry));
                Urgency::Batch
            }
        }
    }

    fn alert(&self, alert: &Alert) -> Output {
        let value = match self.format {
            AlertFormat::Ocsf => ocsf::detection_finding(alert, env!("CARGO_PKG_VERSION")),
            AlertFormat::Native => native::alert_json(alert),
        };
        let key = format!("{}/{}", alert.tenant, alert.agent_id);
        let mut output = output(OutputTopic::Alerts, key, value.to_string().into_bytes());
        output
            .headers
            .push(header("message-id", &alert.message_id.to_string()));
        output
    }

    fn request(&self, request: &RevocationRequest) -> Vec<Output> {
        let (tokens, kind) = match self.signer {
            Some(signer) => (
                signer.sign_request(request, self.set),
                "application/secevent+jwt",
            ),
            None => (set::unsigned_tokens(request, self.set), "application/json"),
        };
        let key = format!("{}/{}", request.tenant, request.agent_id);
        let each = tokens.into_iter().map(|token| {
            let value = token.text.into_bytes();
            let mut output = output(OutputTopic::Revocations, key.clone(), value);
            output.headers.push(header("content-type", kind));
            output.headers.push(header("message-id", &token.jti));
            output
        });
        each.collect()
    }

    /// A link for one partition.
    pub(super) fn link(&self, link: &LinkOut, partition: i32) -> Output {
        Output {
            partition: Some(partition),
            ..output(
                OutputTopic::Links,
                link.key.to_string(),
                json::write_link(&link.link),
            )
        }
    }

    /// The tick of a quiet partition.
    pub(super) fn tick(partition: i32) -> Output {
        let tick = Link {
            body: LinkBody::Tick,
        };
        Output {
            partition: Some(partition),
            ..output(
                OutputTopic::Links,
                "#tick".to_owned(),
                json::write_link(&tick),
            )
        }
    }
}

fn audit(entry: &AuditEntry) -> Output {
    let value = native::audit_json(entry).to_string().into_bytes();
    output(OutputTopic::Audit, entry.tenant.to_string(), value)
}

fn header(name: &str, value: &str) -> (String, Option<Vec<u8>>) {
    (name.to_owned(), Some(value.as_bytes().to_vec()))
}

fn output(topic: OutputTopic, key: String, value: Vec<u8>) -> Output {
    Output {
        topic,
        partition: None,
        key: Some(key.into_bytes()),
        value: Some(value),
        headers: Vec::new(),
    }
}
