//! `scopewatch run`: judges live.

use std::sync::Arc;

use clap::Args;

use super::config::load_checked;
use super::config_args::ConfigArgs;
use super::diagnostics;
use super::exit::{CommandFailure, CommandResult, ExitStatus};
use super::output::Output;
use crate::run::signals;
use crate::run::{self, BuildError, RunError};
use crate::telemetry::{LogForm, init_logging};

const EXAMPLES: &str = "\
Examples:
  scopewatch run --config scopewatch.toml
  SCOPEWATCH_KAFKA__BOOTSTRAP_SERVERS=broker:9092 scopewatch run
  SCOPEWATCH_LOG=debug scopewatch run --set store.kind=memory

SIGTERM ends the process within 10 s, with everything committed. A second SIGTERM ends it at once,
which is as safe as a crash. SIGHUP loads the rules again, the schemas of
`[schema.ids]`, the keys of `[control]` and those of `[signing]`.";

/// Judge live: read actions from Kafka, write alerts and revocation requests
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct RunArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

impl RunArgs {
    pub(super) fn run(self, _out: &mut Output) -> CommandResult {
        // The warnings about the rules go to the log.
        let (config, rules) = load_checked(&self.config)?;
        let filter = std::env::var("SCOPEWATCH_LOG").ok();
        init_logging(LogForm::Auto, filter.as_deref()).map_err(|error| CommandFailure {
            exit: ExitStatus::Configuration,
            message: error.to_string(),
        })?;
        let stop = signals::install_handlers();
        let args = self.config;
        let config_reader = Arc::new(move || args.load_config().ok());
        match run::run_process(&config, rules, config_reader, &stop) {
            Ok(()) => Ok(ExitStatus::Ok),
            Err(error) => Err(run_failure(&error)),
        }
    }
}

/// The exit status for an error of `run`.
pub(super) fn run_failure(error: &RunError) -> CommandFailure {
    let exit = match error {
        RunError::Build(BuildError::Files(problems)) => {
            diagnostics::print_problems(problems);
            ExitStatus::Input
        }
        RunError::Build(
            BuildError::File { .. } | BuildError::SigningKey(_) | BuildError::NoRocksDb,
        ) => ExitStatus::Configuration,
        _ => ExitStatus::Runtime,
    };
    CommandFailure {
        exit,
        message: error.to_string(),
    }
}
