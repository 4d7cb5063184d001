//! `freeze`, `unfreeze`, `reset` and `import` of `agent` and `class`: commands about what is
//! learned.

use std::path::PathBuf;

use clap::Args;

use super::{CommonArgs, agent_key};
use crate::cli::exit::{CommandFailure, CommandResult};
use crate::cli::output::Output;
use crate::codec::{Decoder, SchemaSet};
use crate::event::{
    AgentKey, AgentSelection, CommandKind, LearningChange, LearningCommand, LearningTarget,
    TaskClass, Text,
};
use crate::replay::learned_file::read_learned;

/// The key that agents are selected by.
const AGENT_TYPE: &str = "agent.type";

/// Of an agent, or of selected agents.
#[derive(Debug, Args)]
pub(in crate::cli) struct AgentLearningArgs {
    /// The agent; with --where the tenant alone
    #[arg(value_name = "TENANT/AGENT")]
    agent: String,
    /// Every agent of the tenant of which this is true: agent.type=TYPE
    #[arg(long = "where", value_name = "KEY=VALUE", value_parser = agent_selection)]
    selection: Option<AgentSelection>,
    #[command(flatten)]
    common: CommonArgs,
}

impl AgentLearningArgs {
    pub(in crate::cli) fn run(self, change: LearningChange, out: &mut Output) -> CommandResult {
        let (key, target) = match self.selection {
            Some(selection) => (tenant_key(&self.agent)?, LearningTarget::Agents(selection)),
            None => (agent_key(&self.agent)?, LearningTarget::Agent),
        };
        let command = CommandKind::Learning(Box::new(LearningCommand { target, change }));
        self.common.deliver(key, command, out)
    }
}

fn agent_selection(text: &str) -> Result<AgentSelection, String> {
    match text.split_once('=') {
        Some((AGENT_TYPE, agent_type)) if !agent_type.is_empty() => Ok(AgentSelection {
            agent_type: agent_type.into(),
        }),
        _ => Err(format!(
            "expected {AGENT_TYPE}=TYPE, such as {AGENT_TYPE}=desk; there is no other key"
        )),
    }
}

/// The key of a record that is addressed to a tenant.
fn tenant_key(text: &str) -> Result<AgentKey, CommandFailure> {
    if text.is_empty() || text.contains('/') {
        return Err(CommandFailure::bad_input(format!(
            "`{text}`: expected a tenant, such as acme, and no agent"
        )));
    }
    Ok(AgentKey::new(text, ""))
}

/// `agent reset`.
#[derive(Debug, Args)]
pub(in crate::cli) struct AgentResetArgs {
    #[command(flatten)]
    since: SinceArgs,
    #[command(flatten)]
    of: AgentLearningArgs,
}

impl AgentResetArgs {
    pub(in crate::cli) fn run(self, out: &mut Output) -> CommandResult {
        self.of.run(self.since.reset(), out)
    }
}

#[derive(Debug, Args)]
struct SinceArgs {
    /// Forget only what tasks first used at this time (RFC 3339) or later
    #[arg(long, value_name = "TIME")]
    since: Option<jiff::Timestamp>,
}

impl SinceArgs {
    fn reset(&self) -> LearningChange {
        LearningChange::Reset {
            since_ms: self.since.map(jiff::Timestamp::as_millisecond),
        }
    }
}

/// Which class.
#[derive(Debug, Args)]
pub(in crate::cli) struct ClassArgs {
    /// The tenant
    #[arg(value_name = "TENANT")]
    tenant: String,
    /// The agent type; without it the agents that have no type
    #[arg(long, value_name = "TYPE", required_unless_present = "task_class")]
    agent_type: Option<String>,
    /// The task class; without it every class of the agent type
    #[arg(long, value_name = "CLASS")]
    task_class: Option<String>,
    #[command(flatten)]
    common: CommonArgs,
}

/// `class reset`.
#[derive(Debug, Args)]
pub(in crate::cli) struct ClassResetArgs {
    #[command(flatten)]
    since: SinceArgs,
    #[command(flatten)]
    of: ClassArgs,
}

impl ClassResetArgs {
    pub(in crate::cli) fn run(self, out: &mut Output) -> CommandResult {
        self.of.run(self.since.reset(), out)
    }
}

impl ClassArgs {
    pub(in crate::cli) fn run(self, change: LearningChange, out: &mut Output) -> CommandResult {
        let class = TaskClass {
            agent_type: self.agent_type.map(Text::from).unwrap_or_default(),
            task_class: self.task_class.map(Text::from),
        };
        let command = LearningCommand {
            target: LearningTarget::Class(class),
            change,
        };
        let command = CommandKind::Learning(Box::new(command));
        self.common.deliver(tenant_key(&self.tenant)?, command, out)
    }
}

/// `class import` and `agent import`.
#[derive(Debug, Args)]
pub(in crate::cli) struct ImportArgs {
    /// The file, from `scopewatch replay --export`
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    common: CommonArgs,
}

/// Which records of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum ImportedKind {
    Classes,
    Agents,
}

impl ImportArgs {
    pub(in crate::cli) fn run(self, kind: ImportedKind, out: &mut Output) -> CommandResult {
        let schemas = SchemaSet::new([])
            .map_err(|_| CommandFailure::at_runtime("the built-in schemas do not parse"))?;
        let (_, records) = read_learned(&self.file, &Decoder::new(schemas))
            .map_err(|error| CommandFailure::bad_input(error.to_string()))?;
        let meant = records.into_iter().filter_map(|record| {
            let of_class = record.command.is_of_tenant();
            let agent = record.agent_key();
            ((kind == ImportedKind::Classes) == of_class).then_some((agent, record.command))
        });
        let meant: Vec<(AgentKey, CommandKind)> = meant.collect();
        if meant.is_empty() {
            let path = self.file.display();
            return Err(CommandFailure::bad_input(format!(
                "{path}: nothing of that was learned"
            )));
        }
        self.common.deliver_all(meant, out)
    }
}
