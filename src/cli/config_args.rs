//! The options of every command that reads the configuration.

use std::path::PathBuf;

use clap::Args;

use super::diagnostics;
use super::exit::{CommandFailure, ExitStatus};
use crate::config::{self, Config, ConfigSources};

/// Where the configuration comes from.
#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    /// Configuration file (TOML); environment variables SCOPEWATCH_… override it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Set one key; overrides file and environment: --set kafka.group_id=trial
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_and_value)]
    set: Vec<(String, String)>,
}

impl ConfigArgs {
    fn config_sources(&self) -> Result<ConfigSources, CommandFailure> {
        let sources = ConfigSources::of_process(self.config.as_deref(), self.set.clone());
        sources.map_err(|problem| {
            diagnostics::print_problems([&*problem]);
            CommandFailure::already_reported(ExitStatus::Configuration)
        })
    }

    /// Reads the configuration as far as it can be read; problems and warnings are printed, and
    /// the number of problems is returned.
    pub(super) fn read_config(&self) -> Result<(Config, usize), CommandFailure> {
        let (config, problems) = config::read_config(&self.config_sources()?);
        Ok((config, diagnostics::print_problems(&problems)))
    }

    /// Loads the configuration; problems and warnings are printed.
    pub(super) fn load_config(&self) -> Result<Config, CommandFailure> {
        match config::load_config(&self.config_sources()?) {
            Ok(loaded) => {
                diagnostics::print_problems(&loaded.warnings);
                Ok(loaded.config)
            }
            Err(problems) => {
                diagnostics::print_problems(&problems);
                Err(CommandFailure::already_reported(ExitStatus::Configuration))
            }
        }
    }
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().into(), value.into())),
        _ => Err("expected KEY=VALUE, such as kafka.group_id=trial".to_owned()),
    }
}
