//! `scopewatch generate`: writes the records of a simulated fleet to files or Kafka.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use super::diagnostics::print_line;
use super::exit::{CommandFailure, CommandResult, ExitStatus};
use super::output::Output;
use crate::codec::SchemaSet;
use crate::demo::generate::{
    FileSink, GenerateError, GeneratePlan, GenerateSummary, RecordFormat, RecordSink,
    generate_records, write_templates,
};
use crate::simulator::{AttackKind, AttackLabel, AttackPlan, DAY_MS, FAMILIES, FleetOptions};
use crate::telemetry::wall_clock_ms;
use crate::text::units::parse_duration_ms;

/// Records between two updates of the progress bar.
const SHOW_EVERY: u64 = 4_096;

const EXAMPLES: &str = "\
Examples:
  Two weeks of 500 agents with attacks in the second week, as JSON lines:
    scopewatch generate --out fleet --agents 500 --days 14 --attacks judged
  Judge them, with templates for the agents for which no scope is declared:
    cp -r rules my-rules && cp fleet/scopes/*.yaml my-rules/scopes/
    scopewatch replay --rules my-rules --actions fleet/actions.jsonl \\
        --scopes fleet/scopes.jsonl --learn-until 2026-01-12T00:00:00Z --alerts alerts.jsonl
  A million actions as Avro, without attacks:
    scopewatch generate --out bulk --format avro --actions 1000000 --attacks none
  A fleet that acts in real time and writes to a cluster until it is interrupted; `run` needs the
  templates among its rules:
    scopewatch generate --templates my-rules/scopes
    scopewatch generate --to kafka --bootstrap 127.0.0.1:9092 --live --rate 50";

/// Where to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DestinationArg {
    Kafka,
}

/// How to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RecordFormatArg {
    Jsonl,
    Avro,
}

/// The kinds of attack to plant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttackChoice(Vec<AttackKind>);

/// Simulate a fleet of agents with planted attacks, and label the attacks.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct GenerateArgs {
    /// Directory for actions, scopes, control records, labels and templates
    #[arg(
        long,
        value_name = "DIR",
        required_unless_present_any = ["to", "templates"],
        conflicts_with_all = ["to", "bootstrap"]
    )]
    pub out: Option<PathBuf>,
    /// Directory for the templates of the agents that have no scope of their own, such as
    /// rules/scopes; alone, nothing else is written
    #[arg(long, value_name = "DIR", conflicts_with = "out")]
    pub templates: Option<PathBuf>,
    /// Write to Kafka instead of files
    #[arg(long, value_name = "WHERE", requires = "bootstrap")]
    pub to: Option<DestinationArg>,
    /// Bootstrap servers of the cluster
    #[arg(long, value_name = "HOST:PORT,…", requires = "to")]
    pub bootstrap: Option<String>,
    /// Topic of the actions
    #[arg(long, value_name = "NAME", default_value = "agent.actions")]
    pub topic_actions: String,
    /// Topic of the scopes
    #[arg(long, value_name = "NAME", default_value = "agent.scopes")]
    pub topic_scopes: String,
    /// Topic of the control records
    #[arg(long, value_name = "NAME", default_value = "agent.control")]
    pub topic_control: String,
    /// A librdkafka property, such as security.protocol=ssl; may be repeated
    #[arg(long = "property", value_name = "KEY=VALUE", value_parser = parse_property)]
    pub properties: Vec<(String, String)>,
    /// JSON lines, or Avro (container files; single-object encoding in Kafka)
    #[arg(long, value_enum, default_value = "jsonl")]
    pub format: RecordFormatArg,
    /// Stop after this many actions
    #[arg(long, value_name = "N")]
    pub actions: Option<u64>,
    /// Simulated days [default: 1, or as many as --actions takes]
    #[arg(long, value_name = "D", value_parser = clap::value_parser!(u32).range(1..=3_650))]
    pub days: Option<u32>,
    /// Agents in the fleet
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub agents: u32,
    /// Tenants that the agents belong to
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub tenants: u32,
    /// Actions per second of the whole fleet, averaged over a week
    #[arg(long, value_name = "R", default_value_t = 5.0)]
    pub rate: f64,
    /// The same seed gives the same fleet, record for record
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Which attacks to plant: none, judged (those for which this version has rules), all, or
    /// families such as scope,channel; each with the benign twins that look like its attacks
    #[arg(long, value_name = "KINDS", default_value = "judged", value_parser = parse_attacks)]
    pub attacks: AttackChoice,
    /// Time from one attack to the next
    #[arg(long, value_name = "SPAN", default_value = "30m", value_parser = parse_span)]
    pub attacks_every: i64,
    /// Time from the start of the fleet to the first attack [default: half of the run]
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    pub attacks_after: Option<i64>,
    /// Start of the fleet: RFC 3339 or epoch milliseconds
    #[arg(long, value_name = "TIME", default_value = "2026-01-05T00:00:00Z",
          value_parser = parse_time)]
    pub start: i64,
    /// Write each record when its time has come, starting now, until interrupted
    #[arg(long, conflicts_with = "start")]
    pub live: bool,
    /// File for the labels of the attacks, when writing to Kafka
    #[arg(long, value_name = "FILE", conflicts_with = "out")]
    pub labels: Option<PathBuf>,
}

fn parse_property(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .ok_or_else(|| "expected KEY=VALUE".to_owned())
}

fn parse_attacks(text: &str) -> Result<AttackChoice, String> {
    let mut kinds = match text {
        "none" => return Ok(AttackChoice(Vec::new())),
        "judged" => return Ok(AttackChoice(AttackKind::judged())),
        "all" => return Ok(AttackChoice(AttackKind::ALL.to_vec())),
        _ => AttackKind::judged(),
    };
    let families: Vec<&str> = text.split(',').map(str::trim).collect();
    let of_family = |name: &str| kinds.iter().any(|kind| kind.family() == name);
    if let Some(unknown) = families.iter().find(|name| !of_family(name)) {
        let known = FAMILIES.into_iter().filter(|name| of_family(name));
        let known: Vec<&str> = known.collect();
        return Err(format!(
            "`{unknown}` is none of none, judged, all, {}",
            known.join(", ")
        ));
    }
    kinds.retain(|kind| families.contains(&kind.family()));
    Ok(AttackChoice(kinds))
}

fn parse_span(text: &str) -> Result<i64, String> {
    parse_duration_ms(text).ok_or_else(|| format!("`{text}` is not a span such as 90s, 30m or 2h"))
}

fn parse_time(text: &str) -> Result<i64, String> {
    if let Ok(ms) = text.parse() {
        return Ok(ms);
    }
    let time: jiff::Timestamp = text
        .parse()
        .map_err(|_| format!("`{text}` is neither RFC 3339 nor epoch milliseconds"))?;
    Ok(time.as_millisecond())
}

impl GenerateArgs {
    /// The plan that these arguments ask for; `now_ms` is the wall clock, used by `--live` only.
    #[must_use]
    pub fn fleet_plan(&self, now_ms: i64) -> GeneratePlan {
        let start_ms = if self.live { now_ms } else { self.start };
        let end_ms = match (self.days, self.actions) {
            (Some(days), _) => start_ms.saturating_add(i64::from(days) * DAY_MS),
            (None, None) if !self.live => start_ms.saturating_add(DAY_MS),
            (None, _) => i64::MAX,
        };
        let run_ms = match (self.days, self.actions) {
            (None, Some(actions)) => (actions as f64 * 1_000.0 / self.rate) as i64,
            _ if end_ms == i64::MAX => DAY_MS / 12,
            _ => end_ms.saturating_sub(start_ms),
        };
        let kinds = self.attacks.0.clone();
        let from_ms = start_ms.saturating_add(self.attacks_after.unwrap_or(run_ms / 2));
        let attacks = (!kinds.is_empty()).then(|| AttackPlan {
            spacing_ms: self.attacks_every,
            ..AttackPlan::new(kinds, from_ms)
        });
        GeneratePlan {
            fleet: FleetOptions {
                seed: self.seed,
                agents: self.agents,
                tenants: self.tenants,
                start_ms,
                end_ms,
                rate: self.rate,
                attacks,
            },
            actions_max: self.actions,
            scopes_first: self.to.is_some() && !self.live,
            real_time: self.live,
        }
    }

    fn record_format(&self) -> RecordFormat {
        match self.format {
            RecordFormatArg::Jsonl => RecordFormat::Jsonl,
            RecordFormatArg::Avro => RecordFormat::Avro,
        }
    }
}

impl GenerateArgs {
    pub(super) fn run(self, _out: &mut Output) -> CommandResult {
        static STOP: AtomicBool = AtomicBool::new(false);
        crate::run::signals::forward_to_flag(&STOP);
        let failure = |error: GenerateError| match error {
            GenerateError::Options(_) => CommandFailure::bad_input(error.to_string()),
            _ => CommandFailure::at_runtime(error.to_string()),
        };
        if let Some(dir) = &self.templates {
            let count = write_templates(dir).map_err(failure)?;
            print_line(&format!("{count} templates in {}", dir.display()));
            if self.to.is_none() {
                return Ok(ExitStatus::Ok);
            }
        }
        let summary = run_generate(&self, &STOP).map_err(failure)?;
        print_line(&format!(
            "{} actions, {} scopes, {} control records, {} attacks",
            summary.actions, summary.scopes, summary.controls, summary.attacks
        ));
        Ok(ExitStatus::Ok)
    }
}

/// Runs the command until it is done or `stop` is set.
///
/// # Errors
/// When the arguments do not describe a fleet, or a record cannot be written.
pub fn run_generate(
    args: &GenerateArgs,
    stop: &AtomicBool,
) -> Result<GenerateSummary, GenerateError> {
    let plan = args.fleet_plan(wall_clock_ms());
    let schemas = SchemaSet::new([]).map_err(|problems| GenerateError::Avro {
        path: "schemas".into(),
        message: problems
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("; "),
    })?;
    let bar = progress_bar(&plan);
    let start_ms = plan.fleet.start_ms;
    let mut show = |actions: u64, at_ms: i64| {
        if actions.is_multiple_of(SHOW_EVERY) {
            let passed = u64::try_from(at_ms - start_ms).unwrap_or(0) / 1_000;
            bar.set_position(if plan.actions_max.is_some() {
                actions
            } else {
                passed
            });
        }
    };
    let mut sink = open_sink(args, &schemas)?;
    let summary = generate_records(&plan, sink.as_mut(), stop, &mut show)?;
    bar.finish_and_clear();
    Ok(summary)
}

fn open_sink<'s>(
    args: &GenerateArgs,
    schemas: &'s SchemaSet,
) -> Result<Box<dyn RecordSink + 's>, GenerateError> {
    if let Some(dir) = &args.out {
        return Ok(Box::new(FileSink::create(
            dir,
            args.record_format(),
            schemas,
        )?));
    }
    #[cfg(feature = "kafka")]
    {
        use crate::demo::generate::{KafkaSink, KafkaTarget};
        let target = KafkaTarget {
            bootstrap_servers: args.bootstrap.clone().unwrap_or_default(),
            actions: args.topic_actions.clone(),
            scopes: args.topic_scopes.clone(),
            control: args.topic_control.clone(),
            format: args.record_format(),
            properties: args.properties.clone(),
        };
        let sink = KafkaSink::connect(target, schemas)?;
        Ok(Box::new(WithLabels {
            sink,
            path: args.labels.clone(),
        }))
    }
    #[cfg(not(feature = "kafka"))]
    Err(GenerateError::Kafka(
        "this build has no Kafka; write to files with --out".into(),
    ))
}

/// A sink that writes no labels, with a file for the labels.
#[cfg_attr(not(feature = "kafka"), allow(dead_code))]
struct WithLabels<S> {
    sink: S,
    path: Option<PathBuf>,
}

impl<S: RecordSink> RecordSink for WithLabels<S> {
    fn write_record(&mut self, record: &crate::simulator::SimRecord) -> Result<(), GenerateError> {
        self.sink.write_record(record)
    }

    fn finish(&mut self, labels: &[AttackLabel]) -> Result<(), GenerateError> {
        self.sink.finish(labels)?;
        let Some(path) = &self.path else {
            return Ok(());
        };
        let mut text = String::new();
        for label in labels {
            text.push_str(&serde_json::to_string(label).unwrap_or_default());
            text.push('\n');
        }
        std::fs::write(path, text).map_err(|source| GenerateError::File {
            path: path.display().to_string(),
            source,
        })
    }
}

/// A bar over actions or simulated seconds, on a terminal only.
fn progress_bar(plan: &GeneratePlan) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let seconds = plan.fleet.end_ms.saturating_sub(plan.fleet.start_ms) / 1_000;
    let endless = plan.fleet.end_ms == i64::MAX && plan.actions_max.is_none();
    let bar = if endless {
        ProgressBar::new_spinner()
    } else {
        let simulated = u64::try_from(seconds).unwrap_or(u64::MAX);
        ProgressBar::new(plan.actions_max.unwrap_or(simulated))
    };
    let unit = if plan.actions_max.is_some() {
        "actions"
    } else {
        "simulated seconds"
    };
    let style =
        ProgressStyle::with_template(&format!("{{bar:40}} {{pos}}/{{len}} {unit}, {{eta}} left"));
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: GenerateArgs,
    }

    fn plan(line: &str) -> Result<GeneratePlan, clap::Error> {
        let words = std::iter::once("x").chain(line.split_whitespace());
        Cli::try_parse_from(words).map(|cli| cli.args.fleet_plan(1_000))
    }

    #[test]
    fn days_actions_and_live_decide_the_span() {
        let day = plan("--out d").unwrap();
        assert_eq!(day.fleet.end_ms - day.fleet.start_ms, DAY_MS);
        assert_eq!(
            day.fleet.attacks.unwrap().from_ms,
            day.fleet.start_ms + DAY_MS / 2
        );
        let counted = plan("--out d --actions 1000 --rate 10 --attacks all").unwrap();
        assert_eq!(
            (counted.fleet.end_ms, counted.actions_max),
            (i64::MAX, Some(1_000))
        );
        assert_eq!(
            counted.fleet.attacks.unwrap().from_ms - counted.fleet.start_ms,
            50_000
        );
        let live = plan("--to kafka --bootstrap h:1 --live --attacks none").unwrap();
        assert_eq!(
            (live.fleet.start_ms, live.real_time, live.scopes_first),
            (1_000, true, false)
        );
        assert!(live.fleet.attacks.is_none());
        assert!(plan("--to kafka --bootstrap h:1").unwrap().scopes_first);
    }

    #[test]
    fn attacks_are_chosen_by_family() {
        let kinds = |line: &str| plan(line).unwrap().fleet.attacks.unwrap().kinds;
        let families = |line: &str| -> BTreeSet<&str> {
            kinds(line).iter().map(|kind| kind.family()).collect()
        };
        assert_eq!(families("--out d --attacks scope"), ["scope"].into());
        let two = families("--out d --attacks channel,scope");
        assert_eq!(two, ["channel", "scope"].into());
        assert_eq!(kinds("--out d"), AttackKind::judged());
        let problem = plan("--out d --attacks weather").unwrap_err().to_string();
        assert!(
            problem.contains("`weather` is none of none, judged, all, scope, "),
            "{problem}"
        );
    }

    #[test]
    fn arguments_that_make_no_sense_are_refused() {
        for line in [
            "",
            "--to kafka",
            "--out d --to kafka --bootstrap h:1",
            "--out d --bootstrap h:1",
            "--out d --start yesterday",
            "--out d --attacks-every soon",
            "--out d --live --start 5",
            "--out d --attacks scope,weather",
            "--out d --attacks",
        ] {
            assert!(plan(line).is_err(), "{line}");
        }
        assert_eq!(plan("--out d --start 77").unwrap().fleet.start_ms, 77);
    }
}
