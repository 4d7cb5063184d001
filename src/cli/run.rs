//! `scopewatch run`: the service itself.

use clap::Args;

use super::config_args::ConfigArgs;
use super::diagnostics;
use super::exit::{Exit, Failure, Outcome};
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
which is as safe as a crash. SIGHUP loads the rules again.";

/// Judge live: read actions from Kafka, write alerts and revocation requests
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct RunArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

impl RunArgs {
    pub(super) fn run(self, _out: &mut Output) -> Outcome {
        // What is worth a warning goes to the log.
        let (config, _) = super::config::checked(&self.config)?;
        let filter = std::env::var("SCOPEWATCH_LOG").ok();
        init_logging(LogForm::Auto, filter.as_deref()).map_err(|error| Failure {
            exit: Exit::Configuration,
            message: error.to_string(),
        })?;
        let stop = signals::install_handlers();
        match run::run_process(&config, &stop, true) {
            Ok(()) => Ok(Exit::Ok),
            Err(error) => Err(failure(&error)),
        }
    }
}

/// Which exit code an end of `run` has.
pub(super) fn failure(error: &RunError) -> Failure {
    let exit = match error {
        RunError::Build(BuildError::Files(problems)) => {
            diagnostics::print(problems);
            Exit::Input
        }
        RunError::Build(BuildError::Read(_)) => Exit::Input,
        RunError::Build(
            BuildError::NoRules(_)
            | BuildError::File { .. }
            | BuildError::Key { .. }
            | BuildError::NoRocksDb,
        ) => Exit::Configuration,
        _ => Exit::Runtime,
    };
    Failure {
        exit,
        message: error.to_string(),
    }
}
