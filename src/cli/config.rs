//! `config show` and `config check`.

use std::path::Path;

use clap::Subcommand;

use super::config_args::ConfigArgs;
use super::diagnostics::{self, counted, tell};
use super::exit::{Exit, Failure, Outcome};
use super::files;
use super::output::Output;
use crate::codec::SchemaSet;
use crate::codec::keys::Key;
use crate::config::{self, Config};
use crate::event::diagnostic::Diagnostic;
use crate::service::rule_files;

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
    /// Check the configuration and the files that it names, rules too; print every problem
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
            ConfigCommand::Check { config } => check(&config),
        }
    }
}

fn check(args: &ConfigArgs) -> Outcome {
    let (config, mut errors) = args.read()?;
    errors += diagnostics::print(&problems_of_files(&config));
    if errors == 0 {
        tell("the configuration is good");
        return Ok(Exit::Ok);
    }
    let count = u64::try_from(errors).unwrap_or(u64::MAX);
    tell(&counted(count, "problem"));
    Err(Failure::told(Exit::Configuration))
}

/// What is wrong with the files that the settings name.
fn problems_of_files(config: &Config) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    for (index, raw) in config.raw.iter().enumerate() {
        // What is not given was told of already.
        if raw.mapping.as_os_str().is_empty() {
            continue;
        }
        if let Err(failure) = files::read_mapping(&raw.mapping) {
            problems.push(*config.raw_problem(index, "mapping", &failure.message));
        }
    }
    if let Some(path) = &config.signing.key_file
        && let Err(message) = read_key(path)
    {
        problems.push(*config.problem("signing.key_file", &message));
    }
    for (id, path) in &config.schema_ids {
        if let Err(message) = read_schema(*id, path) {
            problems.push(*config.problem("schema.ids", &message));
        }
    }
    problems.extend(problems_of_rules(config));
    problems
}

/// What is wrong with the rules directory; one that nobody named may be missing.
fn problems_of_rules(config: &Config) -> Vec<Diagnostic> {
    const SETTING: &str = "rules.path";
    let path = &config.rules.path;
    if !path.exists() && config.is_default(SETTING) {
        return Vec::new();
    }
    match rule_files::open(Some(path)) {
        Ok(folder) if folder.files.is_empty() && folder.problems.is_empty() => {
            let message = format!("no .yaml file in {}", path.display());
            vec![*config.problem(SETTING, &message)]
        }
        Ok(folder) => {
            let base = path.parent().unwrap_or(Path::new(""));
            let problems = folder.load().problems.into_iter();
            let opened = problems.map(|problem| Diagnostic {
                path: base.join(&problem.path).display().to_string(),
                ..problem
            });
            opened.collect()
        }
        Err(error) => vec![*config.problem(SETTING, &error.to_string())],
    }
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
