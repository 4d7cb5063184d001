//! `config show` and `config check`.

use std::path::Path;

use clap::Subcommand;

use super::config_args::ConfigArgs;
use super::diagnostics::{counted, tell};
use super::exit::{Exit, Failure, Outcome};
use super::files;
use super::output::Output;
use crate::codec::SchemaSet;
use crate::codec::keys::Key;
use crate::config::{self, Config};

const SHOW_EXAMPLES: &str = "\
Examples:
  scopewatch config show --config scopewatch.toml
  SCOPEWATCH_KAFKA__GROUP_ID=trial scopewatch config show
  scopewatch config show --set kafka.bootstrap_servers=broker:9092
";
const CHECK_EXAMPLES: &str = "\
Examples:
  scopewatch config check --config scopewatch.toml && systemctl restart scopewatch
";

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Print the configuration in force, each line with its origin, without secrets
    #[command(after_help = SHOW_EXAMPLES)]
    Show {
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Check the configuration and the files that it names; print every problem
    #[command(after_help = CHECK_EXAMPLES)]
    Check {
        #[command(flatten)]
        config: ConfigArgs,
    },
}

impl ConfigCommand {
    pub(super) fn run(self, out: &mut Output) -> Outcome {
        match self {
            ConfigCommand::Show { config } => {
                out.bytes(config::show(&config.load()?).as_bytes())?;
                Ok(Exit::Ok)
            }
            ConfigCommand::Check { config } => check(&config.load()?),
        }
    }
}

fn check(config: &Config) -> Outcome {
    let problems = problems_of_files(config);
    for problem in &problems {
        tell(&format!("error: {problem}"));
    }
    if problems.is_empty() {
        tell("the configuration is good");
        return Ok(Exit::Ok);
    }
    let count = u64::try_from(problems.len()).unwrap_or(u64::MAX);
    tell(&format!(
        "{} with the files of the configuration",
        counted(count, "problem")
    ));
    Err(Failure::told(Exit::Configuration))
}

/// What is wrong with the files that the settings name. Rules have a command of their own, and
/// their directory may be left to the default.
fn problems_of_files(config: &Config) -> Vec<String> {
    let mut problems = Vec::new();
    let mut note = |setting: &str, result: Result<(), String>| {
        problems.extend(
            result
                .err()
                .map(|message| format!("`{setting}`: {message}")),
        );
    };
    for raw in &config.raw {
        let read = files::read_mapping(&raw.mapping).map(drop);
        note("raw.mapping", read.map_err(|failure| failure.message));
    }
    if let Some(path) = &config.signing.key_file {
        note("signing.key_file", read_key(path).map(drop));
    }
    for (id, path) in &config.schema_ids {
        note("schema.ids", read_schema(*id, path));
    }
    problems
}

/// Reads a signing key; the message never holds anything of it.
pub(super) fn read_key(path: &Path) -> Result<Key, String> {
    let file = files::read_text(path).map_err(|failure| failure.message)?;
    Key::from_pem(&file.text).map_err(|error| format!("{}: {error}", file.path))
}

fn read_schema(id: u32, path: &Path) -> Result<(), String> {
    let file = files::read_text(path).map_err(|failure| failure.message)?;
    SchemaSet::new([(id, file)]).map(drop).map_err(|problems| {
        let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
        texts.join("\n")
    })
}
