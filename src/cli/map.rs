//! `map test`.

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::actions::ActionReader;
use super::diagnostics::print_line;
use super::exit::{CommandResult, ExitStatus};
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
    pub(super) fn run(self, out: &mut Output) -> CommandResult {
        match self {
            MapCommand::Test(args) => test_mapping(args, out),
        }
    }
}

fn test_mapping(args: TestArgs, out: &mut Output) -> CommandResult {
    let mut reader = ActionReader::new(Some(&args.mapping))?;
    reader.records_max = args.limit.unwrap_or(u64::MAX);
    // On a terminal the printed actions already show the progress.
    reader.quiet = std::io::stdout().is_terminal();
    let counts = reader.read_records(&[args.file], |record| {
        match record.result {
            Ok(actions) if actions.is_empty() => {
                print_line(&format!("{}:{}: skipped", record.file, record.number));
            }
            Ok(actions) => {
                for action in &actions {
                    out.write_bytes(&write_action(action))?;
                    out.write_line("")?;
                }
            }
            Err(message) => print_line(&message),
        }
        Ok(())
    })?;
    print_line(&counts.to_string());
    Ok(if counts.refused == 0 {
        ExitStatus::Ok
    } else {
        ExitStatus::Input
    })
}
