//! `agent tree`: the delegation tree of an agent, from a replay or from a running process; and the
//! commands about what is learned of an agent.

mod loopback;
mod tree_text;

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};

use self::loopback::request_tree;
use self::tree_text::tree_lines;
use super::control::{self, AgentLearningArgs, AgentResetArgs, ImportArgs, ImportedKind};
use super::exit::{CommandFailure, CommandResult, ExitStatus};
use super::output::Output;
use super::partitions_args::PartitionsArgs;
use super::progress::ReadProgress;
use super::replay::{print_summary_problems, replay_failure, time_ms};
use super::rules_args::RulesArgs;
use crate::codec::{Decoder, SchemaSet};
use crate::detector::agent_tree::AgentTree;
use crate::engine::{AgentTreeError, Engine, EngineOptions};
use crate::event::{AgentKey, LearningChange, TimeSource};
use crate::replay::{self, ReplayOptions};

const EXAMPLES: &str = "\
Examples:
  From recorded actions and scopes, at their end:
    scopewatch agent tree acme/worker --actions actions.jsonl --scopes scopes.jsonl
  From scopes alone, at a time:
    scopewatch agent tree acme/worker --scopes scopes.jsonl --at 2026-03-02T10:00:00Z
  From a process that runs on this machine, with its `http.listen`:
    scopewatch agent tree acme/worker --url http://127.0.0.1:9464 --json

An agent that nothing is known of is bad input. A process knows the agents of its own partitions.";

#[derive(Debug, Subcommand)]
pub(super) enum AgentCommand {
    /// Show the agents from the root to an agent and those below it, with the evidence of each edge
    /// and the scopes of each agent
    #[command(after_help = EXAMPLES)]
    Tree(TreeArgs),
    /// Let an agent, or all of a type, learn nothing until unfrozen
    #[command(after_help = control::AGENT_FREEZE)]
    Freeze(AgentLearningArgs),
    /// Let a frozen agent, or all of a type, learn again
    #[command(after_help = control::AGENT_UNFREEZE)]
    Unfreeze(AgentLearningArgs),
    /// Forget what was learned of an agent, or of all of a type
    #[command(after_help = control::AGENT_RESET)]
    Reset(AgentResetArgs),
    /// Take over what a replay has learned of agents
    #[command(after_help = control::AGENT_IMPORT)]
    Import(ImportArgs),
}

#[derive(Debug, Args)]
pub(super) struct TreeArgs {
    /// The agent
    #[arg(value_name = "TENANT/AGENT", value_parser = agent_key)]
    agent: AgentKey,
    /// Files of actions, as for `replay`
    #[arg(long, value_name = "FILE", num_args = 1..,
          required_unless_present_any = ["at", "url"])]
    actions: Vec<PathBuf>,
    /// Files of scope records, as for `replay`
    #[arg(long, value_name = "FILE", num_args = 1..,
          required_unless_present_any = ["actions", "url"])]
    scopes: Vec<PathBuf>,
    /// Files of control records, as for `replay`
    #[arg(long, value_name = "FILE", num_args = 1..)]
    control: Vec<PathBuf>,
    #[command(flatten)]
    rules: RulesArgs,
    #[command(flatten)]
    partitions: PartitionsArgs,
    /// Show the tree as it was at this time (RFC 3339). Default: two minutes after the last action
    #[arg(long, value_name = "TIME", value_parser = time_ms)]
    at: Option<i64>,
    /// Ask a process that runs on this machine instead: `http://` and its `http.listen`
    #[arg(long, value_name = "URL",
          conflicts_with_all = ["actions", "scopes", "control", "directory", "partitions", "at"])]
    url: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl AgentCommand {
    pub(super) fn run(self, out: &mut Output) -> CommandResult {
        match self {
            AgentCommand::Tree(args) => args.run(out),
            AgentCommand::Freeze(args) => args.run(LearningChange::Freeze, out),
            AgentCommand::Unfreeze(args) => args.run(LearningChange::Unfreeze, out),
            AgentCommand::Reset(args) => args.run(out),
            AgentCommand::Import(args) => args.run(ImportedKind::Agents, out),
        }
    }
}

impl TreeArgs {
    fn run(self, out: &mut Output) -> CommandResult {
        let json = self.json;
        let (tree, exit) = match &self.url {
            Some(url) => (request_tree(url, &self.agent)?, ExitStatus::Ok),
            None => self.replay_tree()?,
        };
        if json {
            let value = serde_json::to_value(&tree)
                .map_err(|error| CommandFailure::at_runtime(error.to_string()))?;
            out.write_json(&value)?;
        } else {
            for line in tree_lines(&tree) {
                out.write_line(&line)?;
            }
        }
        Ok(exit)
    }

    fn replay_tree(self) -> Result<(AgentTree, ExitStatus), CommandFailure> {
        let rules = self.rules.load_rules()?.rules;
        let schemas = SchemaSet::new([])
            .map_err(|_| CommandFailure::at_runtime("the built-in schemas do not parse"))?;
        let engine = EngineOptions {
            partitions: self.partitions.count,
            time: TimeSource::Event,
            ..EngineOptions::default()
        };
        let engine = Arc::new(Engine::new(Decoder::new(schemas), rules, None, engine));
        let options = ReplayOptions {
            actions: self.actions,
            scopes: self.scopes,
            control: self.control,
            import: None,
            export: None,
            mapping: None,
            partitions: self.partitions.count,
            checks_classes: false,
            open_end: false,
            until_ms: self.at,
            alerts: None,
            revocations: None,
            audit: None,
            dead_letters: None,
            kept: Vec::new(),
        };
        let bar = ReadProgress::counting_records("replay", false);
        let (summary, tree) =
            replay::run_for_tree(&engine, &options, &self.agent, &mut |records| {
                bar.set_count(records);
            })
            .map_err(replay_failure)?;
        drop(bar);
        print_summary_problems(&summary);
        let tree = tree.map_err(|error| tree_failure(&error))?;
        let exit = match summary.unusable_files.is_empty() {
            true => ExitStatus::Ok,
            false => ExitStatus::Input,
        };
        Ok((tree, exit))
    }
}

fn tree_failure(error: &AgentTreeError) -> CommandFailure {
    match error {
        AgentTreeError::Unknown { .. } => CommandFailure::bad_input(error.to_string()),
        _ => CommandFailure::at_runtime(error.to_string()),
    }
}

fn agent_key(text: &str) -> Result<AgentKey, String> {
    AgentKey::parse(text).ok_or_else(|| "expected TENANT/AGENT, such as acme/planner".to_owned())
}
