//! `scopewatch replay`: judges recorded actions with the engine of `run`, without a broker.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};

use super::class_lines::class_lines;
use super::config::{read_control_keys, read_key};
use super::diagnostics::{count_noun, print_line};
use super::exit::{CommandFailure, CommandResult, ExitStatus};
use super::files::read_mapping;
use super::output::Output;
use super::partitions_args::PartitionsArgs;
use super::rules_args::RulesArgs;
use crate::codec::set::{SetSettings, TokenSigner};
use crate::codec::{AlertFormat, Decoder, SchemaSet};
use crate::detector;
use crate::engine::{Engine, EngineOptions, limits};
use crate::event::TimeSource;
use crate::replay::{self, ReplayError, ReplayOptions, ReplaySummary};

const EXAMPLES: &str = "\
Examples:
  What would have fired on yesterday's actions:
    scopewatch replay --actions actions.jsonl.zst --scopes scopes.jsonl --alerts alerts.jsonl
  Learn a week, judge the rest, and count:
    scopewatch replay --actions week*.avro --learn-until 2026-03-09T00:00:00Z --summary json
  Learn a week once, and begin with it whenever the rest is judged:
    scopewatch replay --actions week.jsonl --learn-until 2026-03-09T00:00:00Z --export learned.jsonl
    scopewatch replay --actions later.jsonl --import learned.jsonl --alerts alerts.jsonl
  Foreign records from a pipe, alerts on stdout:
    zcat trail.json.gz | scopewatch replay --actions - --mapping cloudtrail.jq --alerts -";

/// Undeclared agents of a tenant with a state of their own. A recording is finite, and many a one
/// has another agent in each session; beyond the number of `run` they would not be compared with
/// their class.
pub(super) const AGENTS_UNDECLARED_MAX: u32 = 1_000_000;

/// The file name that stands for standard output.
const STDOUT: &str = "-";

/// The format of the summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SummaryArg {
    Text,
    Json,
}

/// Judge recorded actions on event time, with the engine that `run` uses
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ReplayArgs {
    /// Files of actions: JSON lines or Avro; plain, gzip or zstd; `-` is standard input. Several
    /// files are merged by `occurred_at`. Within a file an action may be up to 15 minutes behind
    /// the newest one before it. An action further behind is counted as late and judged all the
    /// same
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    actions: Vec<PathBuf>,
    /// Files of scope records: JSON (one a line, or laid out freely) or Avro
    #[arg(long, value_name = "FILE", num_args = 1..)]
    scopes: Vec<PathBuf>,
    /// Files of control records (confirmations, withdrawals, verdicts): JSON as for scopes. They
    /// name incidents and requests of a replay; `run` gives other ids
    #[arg(long, value_name = "FILE", num_args = 1..)]
    control: Vec<PathBuf>,
    /// JSON Web Key Set of the identity system: only confirmations that one of its keys signed
    /// count, as with the setting `control.keys` of `run`. Without it they are unsigned JSON
    #[arg(long, value_name = "FILE", requires = "control")]
    control_keys: Option<PathBuf>,
    /// File of what was learned before, from `--export`: it is known from its time on
    #[arg(long, value_name = "FILE")]
    import: Option<PathBuf>,
    /// Write what was learned until `--learn-until` to this file, for `--import`, `scopewatch class
    /// import` and `scopewatch agent import`. What happened later is left out
    #[arg(long, value_name = "FILE", requires = "learn_until",
          conflicts_with_all = ["until", "open_end"])]
    export: Option<PathBuf>,
    /// jq program that maps foreign JSON records to actions
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    #[command(flatten)]
    rules: RulesArgs,
    /// Only learn before this time (RFC 3339), judge after it
    #[arg(long, value_name = "TIME", value_parser = time_ms)]
    learn_until: Option<i64>,
    /// File for the alerts, one JSON object a line; `-` is standard output
    #[arg(long, value_name = "FILE")]
    alerts: Option<PathBuf>,
    /// File for the revocation requests, one a line
    #[arg(long, value_name = "FILE")]
    revocations: Option<PathBuf>,
    /// File for the audit entries: what was planned, requested, confirmed and still used, a line
    /// each
    #[arg(long, value_name = "FILE")]
    audit: Option<PathBuf>,
    /// File for the records that cannot be used, byte for byte
    #[arg(long, value_name = "FILE")]
    dead_letters: Option<PathBuf>,
    /// Form of the alerts
    #[arg(long, default_value = "native", value_parser = alert_format_parser())]
    alert_format: AlertFormat,
    /// Print a summary on standard output
    #[arg(long, value_enum, value_name = "FORM")]
    summary: Option<SummaryArg>,
    #[command(flatten)]
    partitions: PartitionsArgs,
    /// Stop at the last record, as in `run` when no more records come. Otherwise time goes on for
    /// two minutes, so that actions that wait for a scope are judged, and every action with a
    /// finding is listed in an alert
    #[arg(long)]
    open_end: bool,
    /// Leave out what happened later than this time (RFC 3339), and let time go on until it: a
    /// silence, a plan that nobody decided or a request without an answer is reported although no
    /// record follows it
    #[arg(long, value_name = "TIME", value_parser = time_ms, conflicts_with = "open_end")]
    until: Option<i64>,
    /// File of the key that signs the requests: Ed25519, P-256 or RSA in PEM; without a key they
    /// are unsigned claims
    #[arg(long, value_name = "FILE")]
    signing_key: Option<PathBuf>,
    /// Issuer (`iss`) of the requests
    #[arg(long, value_name = "URL", default_value = "scopewatch")]
    issuer: String,
}

impl ReplayArgs {
    pub(super) fn run(self, out: &mut Output) -> CommandResult {
        let rules = self.rules.load_rules()?.rules;
        let schemas = SchemaSet::new([])
            .map_err(|_| CommandFailure::at_runtime("the built-in schemas do not parse"))?;
        let engine = EngineOptions {
            partitions: self.partitions.count,
            time: TimeSource::Event,
            detector: detector::DetectorSettings {
                lists_every_event: !self.open_end,
                learn_until_ms: self.learn_until,
                agents_undeclared_max: AGENTS_UNDECLARED_MAX,
                ..detector::DetectorSettings::default()
            },
            alert_format: self.alert_format,
            set: SetSettings::new(&self.issuer),
            agents_cached_max: limits::AGENTS_CACHED_MAX,
            ticks: false,
        };
        let mapping_file = self.mapping.clone();
        let mapping = self.mapping.as_deref().map(read_mapping).transpose()?;
        let mut decoder = Decoder::new(schemas);
        if let Some(path) = &self.control_keys {
            let keys = read_control_keys(path).map_err(CommandFailure::bad_input)?;
            decoder = decoder.with_control_keys(keys);
        }
        let engine = Arc::new(Engine::new(decoder, rules, self.read_signer()?, engine));
        let kept = [&mapping_file, &self.signing_key, &self.control_keys];
        let kept = kept.into_iter().flatten().cloned().collect();
        let options = ReplayOptions {
            kept,
            actions: self.actions,
            scopes: self.scopes,
            control: self.control,
            import: self.import,
            export: self.export.zip(self.learn_until),
            mapping,
            partitions: self.partitions.count,
            checks_classes: false,
            open_end: self.open_end,
            until_ms: self.until,
            alerts: self.alerts,
            revocations: self.revocations,
            audit: self.audit,
            dead_letters: self.dead_letters,
        };
        let piped = options.output_paths();
        let piped = piped
            .into_iter()
            .flatten()
            .any(|path| path.as_os_str() == STDOUT);
        let bar = super::progress::ReadProgress::counting_records("replay", piped);
        let summary = replay::run(&engine, &options, &mut |records| bar.set_count(records))
            .map_err(replay_failure)?;
        drop(bar);
        print_summary_problems(&summary);
        print_summary(&summary, self.summary, out)?;
        // Findings are no failure of a replay. Single bad records are printed and counted; a file
        // without any usable record is bad input.
        let useless = summary.actions == 0 && summary.dead_letters > 0;
        Ok(if useless || !summary.unusable_files.is_empty() {
            ExitStatus::Input
        } else {
            ExitStatus::Ok
        })
    }

    fn read_signer(&self) -> Result<Option<TokenSigner>, CommandFailure> {
        let Some(path) = &self.signing_key else {
            return Ok(None);
        };
        let key = read_key(path).map_err(CommandFailure::bad_input)?;
        Ok(Some(TokenSigner::new(key)))
    }
}

pub(super) fn replay_failure(error: ReplayError) -> CommandFailure {
    match error {
        ReplayError::Input(_)
        | ReplayError::Document(_)
        | ReplayError::Arguments(_)
        | ReplayError::Learned(_) => CommandFailure::bad_input(error.to_string()),
        // A reader of our output may close it early: that is success.
        ReplayError::Output { path, source }
            if path == STDOUT && source.kind() == ErrorKind::BrokenPipe =>
        {
            CommandFailure::already_reported(ExitStatus::Ok)
        }
        _ => CommandFailure::at_runtime(error.to_string()),
    }
}

pub(super) fn print_summary_problems(summary: &ReplaySummary) {
    for problem in &summary.problems {
        print_line(problem);
    }
    let printed = u64::try_from(summary.problems.len()).unwrap_or(u64::MAX);
    if summary.dead_letters > printed {
        print_line(&format!("and {} more", summary.dead_letters - printed));
    }
    if let Some(first) = &summary.late_first {
        print_line(&format!(
            "warning: {first}: more than 15 minutes behind the newest action before it, as {} in \
             all; it is judged as if it were not. Sort each file by `occurred_at`",
            count_noun(summary.late, "action")
        ));
    }
    if let Some(first) = &summary.ahead_first {
        print_line(&format!(
            "warning: {first}: more than a day ahead of the actions before and after it, as {} in \
             all; it is judged at the time of the newest action before it",
            count_noun(summary.ahead, "action")
        ));
    }
    for file in &summary.unusable_files {
        print_line(&format!("error: {file}: no record of it can be used"));
    }
}

fn print_summary(
    summary: &ReplaySummary,
    form: Option<SummaryArg>,
    out: &mut Output,
) -> Result<(), CommandFailure> {
    match form {
        Some(SummaryArg::Json) => {
            let text = serde_json::to_string_pretty(summary)
                .map_err(|error| CommandFailure::at_runtime(error.to_string()))?;
            out.write_line(&text)?;
        }
        Some(SummaryArg::Text) => {
            for (name, count) in [
                ("records", summary.records),
                ("actions", summary.actions),
                ("skipped", summary.skipped),
                ("retries", summary.retries),
                ("late", summary.late),
                ("ahead", summary.ahead),
                ("dead letters", summary.dead_letters),
                ("agents with alerts", summary.agents_with_alerts),
                ("alert messages", summary.alerts),
                ("incidents", summary.incidents),
            ] {
                out.write_line(&format!("{name:<20}{count:>12}"))?;
            }
            for (mode, count) in &summary.requests_by_mode {
                out.write_line(&format!("{:<20}{count:>12}", format!("requests, {mode}")))?;
            }
            for (rule, count) in &summary.incidents_by_rule {
                out.write_line(&format!("  rule {rule}  {count:>8}"))?;
            }
            if !summary.classes.is_empty() {
                for line in class_lines(&summary.classes) {
                    out.write_line(&line)?;
                }
            }
        }
        None => {}
    }
    Ok(())
}

fn alert_format_parser() -> impl TypedValueParser<Value = AlertFormat> {
    PossibleValuesParser::new(["native", "ocsf"]).try_map(|word| word.parse::<AlertFormat>())
}

pub(super) fn time_ms(text: &str) -> Result<i64, String> {
    let time: jiff::Timestamp = text
        .parse()
        .map_err(|error| format!("{error}; expected RFC 3339, such as 2026-03-09T00:00:00Z"))?;
    Ok(time.as_millisecond())
}
