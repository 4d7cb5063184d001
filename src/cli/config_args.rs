//! The options of every command that reads the configuration.

use std::path::PathBuf;

use clap::Args;

use super::diagnostics;
use super::exit::{Exit, Failure};
use crate::config::{self, Config, Sources};

/// Where the configuration comes from.
#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    /// Configuration file (TOML); SCOPEWATCH_… environment variables override it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Set one key, over file and environment: --set kafka.group_id=trial
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_and_value)]
    set: Vec<(String, String)>,
}

impl ConfigArgs {
    /// Loads the configuration; problems and warnings are printed.
    pub(super) fn load(&self) -> Result<Config, Failure> {
        let sources = Sources::of_process(self.config.as_deref(), self.set.clone());
        let sources = sources.map_err(|problem| {
            diagnostics::print([&*problem]);
            Failure::told(Exit::Configuration)
        })?;
        match config::load(&sources) {
            Ok(loaded) => {
                diagnostics::print(&loaded.warnings);
                Ok(loaded.config)
            }
            Err(problems) => {
                diagnostics::print(&problems);
                Err(Failure::told(Exit::Configuration))
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
