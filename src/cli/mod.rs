//! The command line: turns arguments into calls of the rooms, and results into text and exit code.
//!
//! Place in the flow: the outermost room. `main` calls [`main`]; each command has a file of its
//! own, reads its files, calls the rooms below and prints. Data goes to stdout through `output`,
//! everything else to stderr through `diagnostics`; `exit` has the exit codes.
//!
//! This room must not know how rules match, scopes judge or records decode. It owns no state. Its
//! limits: `files::TEXT_BYTES_MAX` for files read whole, and those of `replay::input_file` for
//! records, which are read one at a time.
//!
//! Read first: `tests/cli/main.rs`.

mod actions;
mod agent;
mod class;
mod class_lines;
mod completions;
mod config;
mod config_args;
mod control;
#[cfg(feature = "kafka")]
mod demo;
mod diagnostics;
mod exit;
mod files;
mod generate;
mod keys;
mod map;
mod output;
mod partitions_args;
mod progress;
mod replay;
mod revocations;
mod rules;
mod rules_args;
#[cfg(feature = "kafka")]
mod run;
mod scope;
#[cfg(feature = "kafka")]
mod topics;

use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, Parser, Subcommand};

use self::diagnostics::print_line;
use self::exit::CommandResult;
use self::output::Output;
use crate::event::ApprovalDecision;

const EXAMPLES: &str = "\
Examples:
  scopewatch rules test
  scopewatch map test cloudtrail.jsonl --mapping schemas/mappings/cloudtrail.jq --limit 5
  scopewatch scope draft --actions actions.jsonl.gz --out rules/scopes/drafted.yaml
";

/// Watches what AI agents do: compares each action with the agent's declared scope, its usual
/// behaviour and your rules; writes alerts and revocation requests.
#[derive(Debug, Parser)]
#[command(name = "scopewatch", version, arg_required_else_help = true)]
#[command(after_help = format!("{EXAMPLES}\n{}", exit::HELP))]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[cfg(feature = "kafka")]
    Run(run::RunArgs),
    #[cfg(feature = "kafka")]
    Demo(demo::DemoArgs),
    Replay(replay::ReplayArgs),
    Generate(generate::GenerateArgs),
    /// Check, test and list rules, and list the facts that they may read
    #[command(subcommand)]
    Rules(rules::RulesCommand),
    /// Check declared scopes and draft templates from recorded actions
    #[command(subcommand)]
    Scope(scope::ScopeCommand),
    /// Test a jq program that maps foreign records to actions
    #[command(subcommand)]
    Map(map::MapCommand),
    /// Approve a revocation plan that waits for a person
    #[command(after_help = control::APPROVE)]
    Approve(control::DecisionArgs),
    /// Deny a revocation plan that waits for a person
    #[command(after_help = control::DENY)]
    Deny(control::DecisionArgs),
    /// Report what the identity system did with a revocation request
    #[command(after_help = control::CONFIRM)]
    Confirm(control::ConfirmationArgs),
    /// Take a revocation request or plan back
    #[command(after_help = control::WITHDRAW)]
    Withdraw(control::WithdrawalArgs),
    /// Judge an incident
    #[command(after_help = control::VERDICT)]
    Verdict(control::VerdictArgs),
    /// Make the revocation budgets of a tenant whole again
    #[command(after_help = control::REARM)]
    Rearm(control::RearmArgs),
    /// Say that something an alert named is usual for its class of tasks
    #[command(after_help = control::ACCEPT)]
    Accept(control::AcceptanceArgs),
    /// Show what became of revocation requests, from the entries of the audit topic
    #[command(subcommand)]
    Revocations(revocations::RevocationsCommand),
    /// Show the delegation tree of an agent; freeze or reset what was learned of it
    #[command(subcommand)]
    Agent(agent::AgentCommand),
    /// Check what the classes of tasks learn; freeze or reset it
    #[command(subcommand)]
    Class(class::ClassCommand),
    /// Make signing keys and print their public keys
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Show and check the configuration
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Create the topics, or check those that exist
    #[cfg(feature = "kafka")]
    #[command(subcommand)]
    Topics(topics::TopicsCommand),
    /// Write a completion script for a shell
    Completions(completions::CompletionsArgs),
}

impl Command {
    fn run(self, out: &mut Output) -> CommandResult {
        match self {
            #[cfg(feature = "kafka")]
            Command::Run(args) => args.run(out),
            #[cfg(feature = "kafka")]
            Command::Demo(args) => args.run(out),
            Command::Replay(args) => args.run(out),
            Command::Generate(args) => args.run(out),
            Command::Rules(command) => command.run(out),
            Command::Scope(command) => command.run(out),
            Command::Map(command) => command.run(out),
            Command::Approve(args) => args.run(ApprovalDecision::Approve, out),
            Command::Deny(args) => args.run(ApprovalDecision::Deny, out),
            Command::Confirm(args) => args.run(out),
            Command::Withdraw(args) => args.run(out),
            Command::Verdict(args) => args.run(out),
            Command::Rearm(args) => args.run(out),
            Command::Accept(args) => args.run(out),
            Command::Revocations(command) => command.run(out),
            Command::Agent(command) => command.run(out),
            Command::Class(command) => command.run(out),
            Command::Keys(command) => command.run(out),
            Command::Config(command) => command.run(out),
            #[cfg(feature = "kafka")]
            Command::Topics(command) => command.run(out),
            Command::Completions(args) => args.run(Cli::command(), out),
        }
    }
}

/// Reads the arguments, runs the command and returns its exit code.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to stdout, mistakes to stderr; a closed pipe is no error.
            let error = without_values(error);
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(exit::INPUT));
        }
    };
    let mut out = Output::stdout();
    let outcome = cli.command.run(&mut out);
    let finished = out.finish();
    let outcome = outcome.and_then(|exit| finished.map(|()| exit).map_err(Into::into));
    match outcome {
        Ok(exit) => exit.into(),
        Err(failure) => {
            if !failure.message.is_empty() {
                print_line(&format!("error: {}", failure.message));
            }
            failure.exit.into()
        }
    }
}

/// The error without the values that it quotes, where an argument can hold a secret: the value of a
/// setting or property, or a word that was meant as one.
fn without_values(mut error: clap::Error) -> clap::Error {
    const VALUE_OPTIONS: [&str; 2] = ["--set", "--property"];
    let sets_values = std::env::args_os().any(|argument| {
        let argument = argument.to_string_lossy();
        VALUE_OPTIONS.iter().any(|name| argument.starts_with(name))
    });
    if sets_values {
        for kind in [ContextKind::InvalidArg, ContextKind::InvalidValue] {
            let Some(ContextValue::String(text)) = error.get(kind) else {
                continue;
            };
            // The name of an option is shown, with what it takes; what follows its `=` is not.
            let shown = match text.split_once('=') {
                Some((name, _)) if text.starts_with("--") && !name.contains('<') => name,
                _ if text.starts_with("--") => text,
                _ => crate::kafka::HIDDEN,
            };
            let shown = shown.to_owned();
            error.insert(kind, ContextValue::String(shown));
        }
        // A tip repeats the word.
        error.insert(ContextKind::Suggested, ContextValue::None);
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_declared_without_contradiction() {
        Cli::command().debug_assert();
    }
}
