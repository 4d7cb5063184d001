//! `approve`, `deny`, `confirm`, `withdraw`, `verdict`, `rearm` and `accept`, and the commands
//! about what is learned: each writes control records, checks them as the control topic will, and
//! sends them or appends them to a file.

mod delivery;
mod examples;
mod learning;

use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

#[cfg(feature = "kafka")]
use super::config_args::ConfigArgs;
use super::exit::{CommandFailure, CommandResult, ExitStatus};
use super::output::Output;
use crate::codec::json;
use crate::event::{
    AcceptedUse, AgentKey, ApprovalDecision, BudgetCommand, CommandKind, ControlRecord,
    IncidentVerdict, RevocationResult, Text, Verb,
};

pub(super) use examples::{
    ACCEPT, AGENT_FREEZE, AGENT_IMPORT, AGENT_RESET, AGENT_UNFREEZE, APPROVE, CLASS_FREEZE,
    CLASS_IMPORT, CLASS_RESET, CLASS_UNFREEZE, CONFIRM, DENY, REARM, VERDICT, WITHDRAW,
};
pub(super) use learning::{
    AgentLearningArgs, AgentResetArgs, ClassArgs, ClassResetArgs, ImportArgs, ImportedKind,
};

/// Hex digits of the id of a transaction or an incident.
const ID_DIGITS: usize = 32;

/// What a command about one request names.
#[derive(Debug, Args)]
struct RequestArgs {
    /// The agent, as in the key of its alerts
    #[arg(value_name = "TENANT/AGENT")]
    agent: String,
    /// The request or plan: `txn` of its tokens, `revocation.txn` of its alert
    #[arg(value_name = "TXN")]
    txn: String,
}

impl RequestArgs {
    /// The agent and the transaction.
    fn parse(&self) -> Result<(AgentKey, Text), CommandFailure> {
        Ok((agent_key(&self.agent)?, transaction_id(&self.txn)?))
    }
}

/// `approve` and `deny`.
#[derive(Debug, Args)]
pub(super) struct DecisionArgs {
    #[command(flatten)]
    request: RequestArgs,
    #[command(flatten)]
    common: CommonArgs,
}

impl DecisionArgs {
    pub(super) fn run(self, decision: ApprovalDecision, out: &mut Output) -> CommandResult {
        let (agent, txn) = self.request.parse()?;
        let command = CommandKind::Decision { txn, decision };
        self.common.deliver(agent, command, out)
    }
}

/// `confirm`.
#[derive(Debug, Args)]
pub(super) struct ConfirmationArgs {
    #[command(flatten)]
    request: RequestArgs,
    /// What became of it
    #[arg(value_name = "RESULT", value_parser = result_parser())]
    result: RevocationResult,
    /// The credential, session or agent that it is about; without it every target of the request
    #[arg(long, value_name = "ID")]
    target: Option<String>,
    #[command(flatten)]
    common: CommonArgs,
}

impl ConfirmationArgs {
    pub(super) fn run(self, out: &mut Output) -> CommandResult {
        let (agent, txn) = self.request.parse()?;
        let command = CommandKind::Confirmation {
            txn,
            target: self.target.as_deref().map(Into::into),
            result: self.result,
        };
        self.common.deliver(agent, command, out)
    }
}

/// `withdraw`.
#[derive(Debug, Args)]
pub(super) struct WithdrawalArgs {
    #[command(flatten)]
    request: RequestArgs,
    #[command(flatten)]
    common: CommonArgs,
}

impl WithdrawalArgs {
    pub(super) fn run(self, out: &mut Output) -> CommandResult {
        let (agent, txn) = self.request.parse()?;
        let command = CommandKind::Withdrawal { txn };
        self.common.deliver(agent, command, out)
    }
}

/// `verdict`.
#[derive(Debug, Args)]
pub(super) struct VerdictArgs {
    /// The agent, as in the key of its alerts
    #[arg(value_name = "TENANT/AGENT")]
    agent: String,
    /// The incident: `incident_id` of its alerts
    #[arg(value_name = "INCIDENT")]
    incident: String,
    /// What the incident was
    #[arg(value_name = "VERDICT", value_parser = verdict_parser())]
    verdict: IncidentVerdict,
    #[command(flatten)]
    common: CommonArgs,
}

impl VerdictArgs {
    pub(super) fn run(self, out: &mut Output) -> CommandResult {
        let command = CommandKind::Verdict {
            incident_id: hex_id(&self.incident, "an incident", "incident_id")?,
            verdict: self.verdict,
        };
        self.common.deliver(agent_key(&self.agent)?, command, out)
    }
}

/// `rearm`.
#[derive(Debug, Args)]
pub(super) struct RearmArgs {
    /// The agent of the alert about the budget; its whole tenant is meant
    #[arg(value_name = "TENANT/AGENT")]
    agent: String,
    #[command(flatten)]
    common: CommonArgs,
}

impl RearmArgs {
    pub(super) fn run(self, out: &mut Output) -> CommandResult {
        let command = CommandKind::Budget {
            command: BudgetCommand::Rearm,
        };
        self.common.deliver(agent_key(&self.agent)?, command, out)
    }
}

/// `accept`.
#[derive(Debug, Args)]
pub(super) struct AcceptanceArgs {
    /// The agent of the alert
    #[arg(value_name = "TENANT/AGENT")]
    agent: String,
    /// The agent type of the class: `agent.type` of the alert; without it only the agent learns
    #[arg(long, value_name = "TYPE")]
    agent_type: Option<String>,
    /// The task class; without it the tasks of the agent type that name none
    #[arg(long, value_name = "CLASS", requires = "agent_type")]
    task_class: Option<String>,
    /// The resource type of the verb or of the resource
    #[arg(long, value_name = "TYPE")]
    resource_type: Option<String>,
    /// What the class may do to this resource type without being unusual
    #[arg(long, value_name = "VERB", requires = "resource_type", value_parser = verb_parser())]
    verb: Option<Verb>,
    /// A resource of this type
    #[arg(long, value_name = "ID", requires = "resource_type")]
    resource: Option<String>,
    /// A host, a mail address or an account
    #[arg(long, value_name = "DESTINATION")]
    destination: Option<String>,
    /// A tool
    #[arg(long, value_name = "NAME")]
    tool: Option<String>,
    #[command(flatten)]
    common: CommonArgs,
}

impl AcceptanceArgs {
    pub(super) fn run(self, out: &mut Output) -> CommandResult {
        let text = |given: Option<String>| given.map(Text::from);
        let accepted = AcceptedUse {
            agent_type: text(self.agent_type),
            task_class: text(self.task_class),
            resource_type: text(self.resource_type),
            verb: self.verb,
            resource_id: text(self.resource),
            destination: text(self.destination),
            tool: text(self.tool),
        };
        let command = CommandKind::Acceptance(Box::new(accepted));
        self.common.deliver(agent_key(&self.agent)?, command, out)
    }
}

/// What every command takes.
#[derive(Debug, Args)]
struct CommonArgs {
    /// Who gives the command; without it the name in the variable USER
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Why; it stands in the audit topic, and in the alert that follows a decision
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

impl CommonArgs {
    /// Writes the record of a command about `agent`, checks it, and sends it or writes it down.
    fn deliver(self, agent: AgentKey, command: CommandKind, out: &mut Output) -> CommandResult {
        self.deliver_all(vec![(agent, command)], out)
    }

    /// As [`Self::deliver`]; nothing is sent if one of the records is refused.
    fn deliver_all(
        self,
        commands: Vec<(AgentKey, CommandKind)>,
        out: &mut Output,
    ) -> CommandResult {
        let user = || std::env::var("USER").ok().filter(|name| !name.is_empty());
        let by = self.by.clone().or_else(user).ok_or_else(|| {
            CommandFailure::bad_input("who gives the command? Give --by NAME, for USER is not set")
        })?;
        let at = self.at.unwrap_or_else(jiff::Timestamp::now);
        let mut records = Vec::new();
        for (agent, command) in commands {
            let record = ControlRecord {
                tenant: agent.tenant,
                agent_id: agent.agent,
                by: by.as_str().into(),
                at_ms: at.as_millisecond(),
                reason: self.reason.as_deref().map(Into::into),
                command,
            };
            let value = json::write_control(&record);
            delivery::check_record(&value)?;
            records.push((record, value));
        }
        match &self.out {
            Some(path) => delivery::write_records(path, &records, out)?,
            None => self.send(&records)?,
        }
        Ok(ExitStatus::Ok)
    }

    #[cfg(feature = "kafka")]
    fn send(&self, records: &[(ControlRecord, Vec<u8>)]) -> Result<(), CommandFailure> {
        delivery::send_records(&self.config, records)
    }

    #[cfg(not(feature = "kafka"))]
    fn send(&self, _records: &[(ControlRecord, Vec<u8>)]) -> Result<(), CommandFailure> {
        Err(CommandFailure::bad_input(
            "this program was built without Kafka: give --out FILE",
        ))
    }
}

fn agent_key(text: &str) -> Result<AgentKey, CommandFailure> {
    AgentKey::parse(text).ok_or_else(|| {
        let message = format!("`{text}`: expected TENANT/AGENT, such as acme/bot-7");
        CommandFailure::bad_input(message)
    })
}

fn transaction_id(text: &str) -> Result<Text, CommandFailure> {
    hex_id(text, "a transaction", "revocation.txn")
}

/// An id that Scopewatch derived: `what` it is of, and the `field` of an alert that has it.
fn hex_id(text: &str, what: &str, field: &str) -> Result<Text, CommandFailure> {
    let id = text.to_ascii_lowercase();
    if id.len() == ID_DIGITS && id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(id.into());
    }
    Err(CommandFailure::bad_input(format!(
        "`{text}`: the id of {what} has {ID_DIGITS} hex digits; `{field}` of the alert has it"
    )))
}

fn result_parser() -> impl TypedValueParser<Value = RevocationResult> {
    PossibleValuesParser::new(["done", "not_found", "refused", "partial", "failed"])
        .try_map(|word| serde_json::from_value(word.into()))
}

fn verb_parser() -> impl TypedValueParser<Value = Verb> {
    PossibleValuesParser::new(Verb::ALL.iter().map(|verb| verb.as_str()))
        .map(|word| Verb::from_word(&word).unwrap_or_default())
}

fn verdict_parser() -> impl TypedValueParser<Value = IncidentVerdict> {
    PossibleValuesParser::new(["true_positive", "false_positive"])
        .try_map(|word| serde_json::from_value(word.into()))
}
