//! `map test`.

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::actions::ActionReader;
use super::diagnostics::tell;
use super::exit::{Exit, Outcome};
use super::output::Output;
use crate::codec::json::write_action;

const EXAMPLES: &str = "\
Examples:
  scopewatch map test cloudtrail.jsonl.gz --mapping schemas/mappings/cloudtrail.jq --limit 3
  scopewatch map test calls.jsonl --mapping mine.jq > actions.jsonl
  zcat logs/*.gz | scopewatch map test - --mapping mine.jq >/dev/null

Each action is one line of JSON on standard output. Standard error names the line of each record
that is skipped or refused. The exit code is 2 if a record is refused.
";

#[derive(Debug, Subcommand)]
pub(super) enum MapCommand {
    /// Run a jq program over foreign records and print the actions
    #[command(after_help = EXAMPLES)]
    Test(TestArgs),
}

#[derive(Debug, Args)]
pub(super) struct TestArgs {
    /// Records, one JSON object a line; plain, gzip or zstd; `-` is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The jq program; schemas/mappings/template.jq shows how to write one
    #[arg(long, value_name = "M.jq")]
    mapping: PathBuf,
    /// Stop after this many records
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
}

impl MapCommand {
    pub(super) fn run(self, out: &mut Output) -> Outcome {
        match self {
            MapCommand::Test(args) => test(args, out),
        }
    }
}

fn test(args: TestArgs, out: &mut Output) -> Outcome {
    let mut reader = ActionReader::new(Some(&args.mapping))?;
    reader.records_max = args.limit.unwrap_or(u64::MAX);
    // The actions scroll by on the same terminal; they are progress enough.
    reader.quiet = std::io::stdout().is_terminal();
    let counts = reader.read(&[args.file], |record| {
        match record.result {
            Ok(actions) if actions.is_empty() => {
                tell(&format!("{}:{}: skipped", record.file, record.number));
            }
            Ok(actions) => {
                for action in &actions {
                    out.bytes(&write_action(action))?;
                    out.line("")?;
                }
            }
            Err(message) => tell(&message),
        }
        Ok(())
    })?;
    tell(&counts.to_string());
    Ok(if counts.refused == 0 {
        Exit::Ok
    } else {
        Exit::Input
    })
}
