//! `freeze`, `unfreeze` and `reset` of `agent` and `class`: commands about what is learned.

use clap::Args;

use super::{CommonArgs, agent_key};
use crate::cli::exit::{CommandFailure, CommandResult};
use crate::cli::output::Output;
use crate::event::{AgentKey, CommandKind, LearningChange, LearningCommand, TaskClass, Text};

/// Of an agent.
#[derive(Debug, Args)]
pub(in crate::cli) struct AgentLearningArgs {
    /// The agent
    #[arg(value_name = "TENANT/AGENT")]
    agent: String,
    #[command(flatten)]
    common: CommonArgs,
}

impl AgentLearningArgs {
    pub(in crate::cli) fn run(self, change: LearningChange, out: &mut Output) -> CommandResult {
        let command = LearningCommand {
            class: None,
            change,
        };
        let command = CommandKind::Learning(Box::new(command));
        self.common.deliver(agent_key(&self.agent)?, command, out)
    }
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
        if self.tenant.is_empty() || self.tenant.contains('/') {
            return Err(CommandFailure::bad_input(format!(
                "`{}`: expected a tenant, such as acme, and no agent",
                self.tenant
            )));
        }
        let class = TaskClass {
            agent_type: self.agent_type.map(Text::from).unwrap_or_default(),
            task_class: self.task_class.map(Text::from),
        };
        let command = LearningCommand {
            class: Some(class),
            change,
        };
        let command = CommandKind::Learning(Box::new(command));
        // Such a record is about no agent.
        let tenant = AgentKey::new(&self.tenant, "");
        self.common.deliver(tenant, command, out)
    }
}
