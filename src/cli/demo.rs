//! `scopewatch demo`: its arguments.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::diagnostics;
use super::exit::{CommandFailure, CommandResult, ExitStatus};
use super::output::Output;
use crate::demo::DemoOptions;
use crate::demo::pipeline::{self, DemoError, PipelineOptions};

const EXAMPLES: &str = "\
Examples:
  One minute in which an hour passes, with every attack that this version can catch:
    scopewatch demo
  The same demo, with its store kept afterwards:
    scopewatch demo --seconds 60 --seed 7 --keep";

/// The store of the demo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StoreArg {
    /// RocksDB in a temporary directory
    Rocksdb,
    /// Memory
    Memory,
}

/// Judge a simulated fleet live, in one process and without a broker.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct DemoArgs {
    /// Length of the live part in seconds; one second is one simulated minute
    #[arg(long, value_name = "N", default_value_t = 60,
          value_parser = clap::value_parser!(u32).range(10..=3_600))]
    pub seconds: u32,
    /// Agents in the fleet
    #[arg(long, value_name = "N", default_value_t = 200,
          value_parser = clap::value_parser!(u32).range(50..=100_000))]
    pub agents: u32,
    /// Actions per real second, averaged over a week; office hours are busier
    #[arg(long, value_name = "R", default_value_t = 60.0)]
    pub rate: f64,
    /// The same seed gives the same fleet and the same attacks
    #[arg(long, value_name = "N", default_value_t = 7)]
    pub seed: u64,
    /// Keep the store afterwards and print its path
    #[arg(long)]
    pub keep: bool,
    /// Where the state is kept [default: rocksdb if the program was built with it]
    #[arg(long, value_enum, value_name = "KIND")]
    pub store: Option<StoreArg>,
    /// Rules directory [default: the rules shipped with scopewatch]
    #[arg(long, value_name = "DIR")]
    pub rules: Option<PathBuf>,
}

impl DemoArgs {
    pub(super) fn run(self, out: &mut Output) -> CommandResult {
        // Log lines would break the table on the screen, so only errors are logged by default.
        let filter = std::env::var("SCOPEWATCH_LOG").unwrap_or_else(|_| "error".to_owned());
        crate::telemetry::init_logging(crate::telemetry::LogForm::Auto, Some(&filter)).map_err(
            |error| CommandFailure {
                exit: ExitStatus::Configuration,
                message: error.to_string(),
            },
        )?;
        let rocksdb = match self.store {
            Some(StoreArg::Memory) => false,
            Some(StoreArg::Rocksdb) => true,
            None => cfg!(feature = "rocksdb"),
        };
        let options = PipelineOptions {
            plan: self.demo_options(),
            rocksdb,
            keep: self.keep,
            rules: self.rules.clone(),
        };
        let board = pipeline::run_demo(&options).map_err(demo_failure)?;
        out.write_line(&board.to_string())?;
        let (planted, caught) = board.expected_and_caught();
        Ok(if caught < planted {
            ExitStatus::Findings
        } else {
            ExitStatus::Ok
        })
    }

    /// What the plan needs of these.
    #[must_use]
    fn demo_options(&self) -> DemoOptions {
        DemoOptions {
            seconds: self.seconds,
            agents: self.agents,
            rate: self.rate,
            seed: self.seed,
        }
    }
}

fn demo_failure(error: DemoError) -> CommandFailure {
    match &error {
        DemoError::Rules(problems) => {
            diagnostics::print_problems(problems);
            CommandFailure::bad_input(error.to_string())
        }
        DemoError::Plan(_) | DemoError::Read(_) => CommandFailure::bad_input(error.to_string()),
        _ => CommandFailure::at_runtime(error.to_string()),
    }
}
