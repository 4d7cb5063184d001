//! `topics create` and `topics check`.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::config_args::ConfigArgs;
use super::diagnostics::{count_noun, print_line};
use super::exit::{CommandFailure, CommandResult, ExitStatus};
use super::output::{Output, Table, TableFormat};
use crate::config::Config;
use crate::event::TimeSource;
use crate::kafka::{TopicAdmin, TopicReport};
use crate::run::{kafka_options, topic_names};
use crate::worker::topic_check::check_topics;

const CREATE_EXAMPLES: &str = "\
Examples:
  scopewatch topics create --config scopewatch.toml
  scopewatch topics create --set topics.partitions=3 --set topics.replication=1

Creates the topics that do not exist, with the settings that the guarantees need. Existing topics
are left as they are. Then all topics are checked and printed.
";
const CHECK_EXAMPLES: &str = "\
Examples:
  scopewatch topics check --config scopewatch.toml
  scopewatch topics check --format json | jq '.[] | select(.refusals != [])'

The exit code is 1 if a topic has a setting with which `scopewatch run` would not start.
";
const COLUMNS: &[&str] = &["topic", "partitions", "refusals", "warnings"];

#[derive(Debug, Subcommand)]
pub(super) enum TopicsCommand {
    /// Create the topics that do not exist
    #[command(after_help = CREATE_EXAMPLES)]
    Create(TopicsArgs),
    /// Compare the settings of the topics with what `run` needs
    #[command(after_help = CHECK_EXAMPLES)]
    Check(TopicsArgs),
}

#[derive(Debug, Args)]
pub(super) struct TopicsArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Form of the output
    #[arg(long, value_enum, default_value_t)]
    format: TableFormat,
}

impl TopicsCommand {
    pub(super) fn run(self, out: &mut Output) -> CommandResult {
        let (TopicsCommand::Create(args) | TopicsCommand::Check(args)) = &self;
        let config = args.config.load_config()?;
        let (topics, names) = (topic_names(&config), &config.topics);
        let append = config.time == TimeSource::Append;
        let specs = topics.specs(names.partitions, names.replication, append);
        let admin = connect_admin(&config)?;
        let failed =
            |error: crate::kafka::ClientError| CommandFailure::at_runtime(error.to_string());
        if matches!(self, TopicsCommand::Create(_)) {
            let created = admin.create_topics(&specs).map_err(failed)?;
            for name in &created {
                print_line(&format!("created {name}"));
            }
            let count = u64::try_from(created.len()).unwrap_or(u64::MAX);
            print_line(&format!("{} created", count_noun(count, "topic")));
        }
        let raw: Vec<&str> = config.raw.iter().map(|raw| raw.topic.as_str()).collect();
        let reports = check_topics(&admin, &topics, &specs, &raw).map_err(failed)?;
        print_reports(&reports, args.format, out)
    }
}

fn connect_admin(config: &Config) -> Result<TopicAdmin, CommandFailure> {
    TopicAdmin::connect(&kafka_options(config))
        .map_err(|error| CommandFailure::at_runtime(error.to_string()))
}

fn print_reports(reports: &[TopicReport], format: TableFormat, out: &mut Output) -> CommandResult {
    let mut table = Table::new(COLUMNS);
    for report in reports {
        table.add_row(report_row(report));
    }
    out.write_table(&table, format)?;
    let refused = reports
        .iter()
        .filter(|report| !report.refusals.is_empty())
        .count();
    if refused == 0 {
        return Ok(ExitStatus::Ok);
    }
    let count = u64::try_from(refused).unwrap_or(u64::MAX);
    print_line(&format!(
        "{} not as it has to be",
        count_noun(count, "topic")
    ));
    Ok(ExitStatus::Findings)
}

fn report_row(report: &TopicReport) -> Vec<Value> {
    vec![
        json!(report.topic),
        json!(report.partitions),
        json!(report.refusals),
        json!(report.warnings),
    ]
}
