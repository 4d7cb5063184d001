//! `class check`: the expected share of false alerts of each class, from recorded tasks alone.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use crate::cli::class_lines::class_lines;
use crate::cli::exit::{CommandFailure, CommandResult, ExitStatus};
use crate::cli::files::read_mapping;
use crate::cli::output::Output;
use crate::cli::partitions_args::PartitionsArgs;
use crate::cli::progress::ReadProgress;
use crate::cli::replay::{AGENTS_UNDECLARED_MAX, print_summary_problems, replay_failure, time_ms};
use crate::cli::rules_args::RulesArgs;
use crate::codec::{Decoder, SchemaSet};
use crate::detector::DetectorSettings;
use crate::engine::{Engine, EngineOptions};
use crate::event::TimeSource;
use crate::replay::{self, ReplayOptions};

pub(super) const EXAMPLES: &str = "\
Examples:
  How many false alerts to expect from the records of a quiet month:
    scopewatch class check --actions month*.avro --scopes scopes.jsonl
  The same of foreign records, as JSON:
    scopewatch class check --actions calls.jsonl.gz --mapping calls.jq --json

Each clean task is weighed against what all others of its class and its agent type have taught. A
task that alerts would have been a false alert, if the records hold no attack.";

#[derive(Debug, Args)]
pub(in crate::cli) struct CheckArgs {
    /// Files of actions, as for `replay`
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    actions: Vec<PathBuf>,
    /// Files of scope records, as for `replay`
    #[arg(long, value_name = "FILE", num_args = 1..)]
    scopes: Vec<PathBuf>,
    /// jq program that maps foreign JSON records to actions
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    #[command(flatten)]
    rules: RulesArgs,
    #[command(flatten)]
    partitions: PartitionsArgs,
    /// Leave out what happened later than this time (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = time_ms)]
    until: Option<i64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl CheckArgs {
    pub(super) fn run(self, out: &mut Output) -> CommandResult {
        let rules = self.rules.load_rules()?.rules;
        let schemas = SchemaSet::new([])
            .map_err(|_| CommandFailure::at_runtime("the built-in schemas do not parse"))?;
        let engine = EngineOptions {
            partitions: self.partitions.count,
            time: TimeSource::Event,
            detector: DetectorSettings {
                learn_until_ms: Some(i64::MAX),
                agents_undeclared_max: AGENTS_UNDECLARED_MAX,
                ..DetectorSettings::default()
            },
            ..EngineOptions::default()
        };
        let engine = Arc::new(Engine::new(Decoder::new(schemas), rules, None, engine));
        let kept = self.mapping.iter().cloned().collect();
        let options = ReplayOptions {
            kept,
            import: None,
            export: None,
            mapping: self.mapping.as_deref().map(read_mapping).transpose()?,
            actions: self.actions,
            scopes: self.scopes,
            control: Vec::new(),
            partitions: self.partitions.count,
            checks_classes: true,
            open_end: true,
            until_ms: self.until,
            alerts: None,
            revocations: None,
            audit: None,
            dead_letters: None,
        };
        let bar = ReadProgress::counting_records("class check", false);
        let summary = replay::run(&engine, &options, &mut |records| bar.set_count(records))
            .map_err(replay_failure)?;
        drop(bar);
        print_summary_problems(&summary);
        if self.json {
            let value = serde_json::to_value(&summary.classes)
                .map_err(|error| CommandFailure::at_runtime(error.to_string()))?;
            out.write_json(&value)?;
        } else {
            for line in class_lines(&summary.classes) {
                out.write_line(&line)?;
            }
        }
        let useless = summary.actions == 0 && summary.dead_letters > 0;
        Ok(if useless || !summary.unusable_files.is_empty() {
            ExitStatus::Input
        } else {
            ExitStatus::Ok
        })
    }
}
