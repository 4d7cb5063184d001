//! `approve` and `deny`: a person's decision on a revocation plan that waits.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;

#[cfg(feature = "kafka")]
use super::config_args::ConfigArgs;
use super::diagnostics::print_line;
use super::exit::{CommandFailure, CommandResult, ExitStatus};
use super::output::Output;
use crate::codec::{Decoder, SchemaSet, json};
use crate::event::{AgentKey, ApprovalDecision, CommandKind, ControlRecord};
use crate::replay::input_file::STDIN;

/// Hex digits of a transaction.
const TXN_DIGITS: usize = 32;

pub(super) const APPROVE_EXAMPLES: &str = "\
Examples:
  scopewatch approve acme/research-7 2b575c82d4b80c27affdb552a0cefccd --reason 'no migration'
  scopewatch approve acme/research-7 2b575c82d4b80c27affdb552a0cefccd --out - --by ana

Agent and transaction stand in the alert: `tenant`, `agent_id` and `revocation.txn`. The record is
sent to the control topic, and the alert that follows says what became of it. A decision on a plan
that lapsed, or was decided, withdrawn or sent before, changes nothing.";
pub(super) const DENY_EXAMPLES: &str = "\
Examples:
  scopewatch deny acme/research-7 2b575c82d4b80c27affdb552a0cefccd --reason 'planned migration'

For one day nothing is planned for the target. See `scopewatch approve --help`.";

#[derive(Debug, Args)]
pub(super) struct DecisionArgs {
    /// The agent, as in the key of its alerts
    #[arg(value_name = "TENANT/AGENT")]
    agent: String,
    /// The plan: `revocation.txn` of its alert
    #[arg(value_name = "TXN")]
    txn: String,
    /// Who decides; without it the name in the variable USER
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Why; it stands in the alert that follows
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// When (RFC 3339), for a replay; without it now
    #[arg(long, value_name = "TIME")]
    at: Option<jiff::Timestamp>,
    /// Append the record to this file and send nothing; `-` is standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[cfg(feature = "kafka")]
    #[command(flatten)]
    config: ConfigArgs,
}

impl DecisionArgs {
    pub(super) fn run(self, decision: ApprovalDecision, out: &mut Output) -> CommandResult {
        let record = self.control_record(decision)?;
        let value = json::write_control(&record);
        check_record(&value)?;
        match &self.out {
            Some(path) if path.as_os_str() == STDIN => {
                out.write_line(&String::from_utf8_lossy(&value))?;
            }
            Some(path) => append_line(path, &value)?,
            None => self.send_record(&record, &value)?,
        }
        Ok(ExitStatus::Ok)
    }

    fn control_record(&self, decision: ApprovalDecision) -> Result<ControlRecord, CommandFailure> {
        let agent = AgentKey::parse(&self.agent).ok_or_else(|| {
            let message = format!(
                "`{}`: expected TENANT/AGENT, such as acme/bot-7",
                self.agent
            );
            CommandFailure::bad_input(message)
        })?;
        let txn = self.txn.to_ascii_lowercase();
        if txn.len() != TXN_DIGITS || !txn.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(CommandFailure::bad_input(format!(
                "`{}`: a transaction has {TXN_DIGITS} hex digits; `revocation.txn` of the alert \
                 has it",
                self.txn
            )));
        }
        let user = || std::env::var("USER").ok().filter(|name| !name.is_empty());
        let by = self.by.clone().or_else(user).ok_or_else(|| {
            CommandFailure::bad_input("who decides? Give --by NAME, for USER is not set")
        })?;
        let at = self.at.unwrap_or_else(jiff::Timestamp::now);
        Ok(ControlRecord {
            tenant: agent.tenant,
            agent_id: agent.agent,
            by: by.into(),
            at_ms: at.as_millisecond(),
            reason: self.reason.as_deref().map(Into::into),
            command: CommandKind::Decision {
                txn: txn.into(),
                decision,
            },
        })
    }

    #[cfg(feature = "kafka")]
    fn send_record(&self, record: &ControlRecord, value: &[u8]) -> Result<(), CommandFailure> {
        use crate::kafka::{OutgoingRecord, TransactionalProducer};
        use std::ops::ControlFlow;
        use std::time::Duration;
        let config = self.config.load_config()?;
        let options = crate::run::kafka_options(&config);
        let topic = &config.topics.control;
        let failed = |error: &dyn std::fmt::Display| {
            CommandFailure::at_runtime(format!("not sent to {topic}: {error}"))
        };
        let within = Duration::from_millis(options.transaction_timeout_ms()) * 2;
        let mut producer =
            TransactionalProducer::new(options.idempotent_producer("decision"), topic, within);
        let mut wait = |_: Option<&str>| ControlFlow::Continue(());
        producer
            .rebuild_client(&mut wait)
            .map_err(|error| failed(&error))?;
        let key = record.agent_key().to_string();
        let out = OutgoingRecord {
            topic,
            partition: None,
            key: Some(key.as_bytes()),
            value: Some(value),
            headers: &[],
        };
        let sent = producer
            .begin_transaction()
            .and_then(|()| producer.send_record(&out))
            .and_then(|()| producer.drain_deliveries());
        sent.map_err(|error| failed(&error.reason))?;
        print_line(&format!(
            "sent to {topic}; the next alert says what became of it"
        ));
        Ok(())
    }

    #[cfg(not(feature = "kafka"))]
    fn send_record(&self, _record: &ControlRecord, _value: &[u8]) -> Result<(), CommandFailure> {
        Err(CommandFailure::bad_input(
            "this program was built without Kafka: give --out FILE",
        ))
    }
}

/// Refuses what the control topic would make a dead letter of.
fn check_record(value: &[u8]) -> Result<(), CommandFailure> {
    let schemas = SchemaSet::new([])
        .map_err(|_| CommandFailure::at_runtime("the built-in schemas do not parse"))?;
    let decoded = Decoder::new(schemas).decode_control(value, None);
    decoded
        .map(|_| ())
        .map_err(|error| CommandFailure::bad_input(error.to_string()))
}

fn append_line(path: &Path, value: &[u8]) -> Result<(), CommandFailure> {
    let failed =
        |error: std::io::Error| CommandFailure::at_runtime(format!("{}: {error}", path.display()));
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map_err(failed)?;
    let line = [value, b"\n"].concat();
    file.write_all(&line).map_err(failed)?;
    print_line(&format!("appended to {}", path.display()));
    Ok(())
}
