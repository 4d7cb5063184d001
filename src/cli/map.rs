//! `map test`.

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::actions::ActionReader;
use super::diagnostics::{count_noun, print_line};
use super::exit::{CommandResult, ExitStatus};
use super::output::Output;
use crate::codec::json::write_action;
use crate::event::AgentAction;

const EXAMPLES: &str = "\
Examples:
  scopewatch map test cloudtrail.jsonl.gz --mapping schemas/mappings/cloudtrail.jq --limit 3
  scopewatch map test calls.jsonl --mapping mine.jq > actions.jsonl
  zcat logs/*.gz | scopewatch map test - --mapping mine.jq >/dev/null

Each action is one line of JSON on standard output. Standard error names the lines of the first
records that are skipped, and of each that is refused. It warns of what is read and is probably not
what the record says: a time before 2000 or after 2100 (another unit than milliseconds), and a
delegation chain that begins with the agent itself (root first is right).
The exit code is 0, also with warnings; 2 if a record is refused, or the program does not compile;
4 if the output cannot be written.
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
    let mut doubts = MappingDoubts::default();
    let counts = reader.read_records(&[args.file], |record| {
        match record.result {
            Ok(actions) if actions.is_empty() => {
                if doubts.skipped.add_line(record.number) {
                    print_line(&format!("{}:{}: skipped", record.file, record.number));
                }
            }
            Ok(actions) => {
                for action in &actions {
                    doubts.look_at(action, record.number);
                    out.write_bytes(&write_action(action))?;
                    out.write_line("")?;
                }
            }
            Err(message) => print_line(&message),
        }
        Ok(())
    })?;
    doubts.print_warnings();
    print_line(&counts.to_string());
    Ok(if counts.refused == 0 {
        ExitStatus::Ok
    } else {
        ExitStatus::Input
    })
}

/// Line numbers that a warning names; further ones are only counted.
const LINES_MAX: usize = 5;

/// Times outside of these years are hardly meant: 2000 and 2100, in epoch milliseconds.
const YEARS_MS: std::ops::Range<i64> = 946_684_800_000..4_102_444_800_000;

/// What a mapping does that its author hardly meant.
#[derive(Debug, Default)]
struct MappingDoubts {
    skipped: LineCount,
    /// Times before 2000: most likely seconds.
    early: LineCount,
    /// Times after 2100: most likely microseconds or nanoseconds.
    late: LineCount,
    reversed: LineCount,
}

/// How many there are, and the first lines.
#[derive(Debug, Default)]
struct LineCount {
    count: u64,
    lines: Vec<u64>,
}

impl LineCount {
    /// Counts a line; says whether it is among the first.
    fn add_line(&mut self, number: u64) -> bool {
        self.count += 1;
        let is_first = self.lines.len() < LINES_MAX;
        if is_first {
            self.lines.push(number);
        }
        is_first
    }

    fn warn_of(&self, noun: &str, what: &str) {
        if self.count == 0 {
            return;
        }
        let lines: Vec<String> = self.lines.iter().map(u64::to_string).collect();
        let more = match self.count > self.lines.len() as u64 {
            true => " …",
            false => "",
        };
        let count = count_noun(self.count, noun);
        let word = if self.lines.len() == 1 {
            "line"
        } else {
            "lines"
        };
        print_line(&format!(
            "warning: {count} {what}, {word} {}{more}",
            lines.join(", ")
        ));
    }
}

impl MappingDoubts {
    fn look_at(&mut self, action: &AgentAction, number: u64) {
        let times = [
            action.occurred_at_ms,
            action.credential_issued_at_ms,
            action.credential_expires_at_ms,
        ];
        let mut times = times.iter().flatten().filter(|ms| !YEARS_MS.contains(ms));
        match times.next() {
            Some(ms) if *ms < YEARS_MS.start => {
                self.early.add_line(number);
            }
            Some(_) => {
                self.late.add_line(number);
            }
            None => {}
        }
        if action.chain_is_reversed() {
            self.reversed.add_line(number);
        }
    }

    fn print_warnings(&self) {
        self.skipped
            .warn_of("record", "skipped: no action came of it");
        let seconds = "with a time before 2000 (seconds? multiply by 1000)";
        self.early.warn_of("action", seconds);
        let micros = "with a time after 2100 (microseconds or nanoseconds? divide)";
        self.late.warn_of("action", micros);
        let reversed = "with a delegation chain that begins with the agent itself: root first is \
                        right, use `reverse`";
        self.reversed.warn_of("action", reversed);
    }
}
