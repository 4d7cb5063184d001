//! `config show` and `config check`.

use std::path::Path;

use clap::Subcommand;

use super::config_args::ConfigArgs;
use super::diagnostics::{self, counted, tell};
use super::exit::{Exit, Failure, Outcome};
use super::files;
use super::output::Output;
use crate::codec::SchemaSet;
use crate::codec::keys::TokenKey;
use crate::config::rule_files;
use crate::config::{self, Config};
use crate::engine::parse_rules;
use crate::text::{Diagnostic, ProblemSeverity};

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
    /// Print the effective configuration, each line with its origin, without secrets
    #[command(after_help = SHOW_EXAMPLES)]
    Show {
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Check the configuration and the files that it names, also the rules; print every problem
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
                out.bytes(config::show_settings(&config.load()?).as_bytes())?;
                Ok(Exit::Ok)
            }
            ConfigCommand::Check { config } => check(&config),
        }
    }
}

fn check(args: &ConfigArgs) -> Outcome {
    let (_, warnings) = checked(args)?;
    diagnostics::print(&warnings);
    tell("the configuration is good");
    Ok(Exit::Ok)
}

/// The configuration and the warnings about its rules, when neither it nor a file that it names has
/// an error; every problem of all of them is printed otherwise.
pub(super) fn checked(args: &ConfigArgs) -> Result<(Config, Vec<Diagnostic>), Failure> {
    let (config, mut settings) = args.read()?;
    settings += diagnostics::print(&problems_of_files(&config));
    let rules = problems_of_rules(&config).unwrap_or_else(|problem| {
        settings += diagnostics::print(&[*problem]);
        Vec::new()
    });
    let wrong = |problem: &Diagnostic| problem.severity == ProblemSeverity::Error;
    if settings == 0 && !rules.iter().any(wrong) {
        return Ok((config, rules));
    }
    let errors = settings + diagnostics::print(&rules);
    let count = u64::try_from(errors).unwrap_or(u64::MAX);
    tell(&counted(count, "problem"));
    Err(Failure::told(match settings {
        0 => Exit::Input,
        _ => Exit::Configuration,
    }))
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
            problems.push(*config.raw_input_problem(index, "mapping", &failure.message));
        }
    }
    if let Some(path) = &config.signing.key_file
        && let Err(message) = read_key(path)
    {
        problems.push(*config.setting_problem("signing.key_file", &message));
    }
    for (id, path) in &config.schema_ids {
        if let Err(message) = read_schema(*id, path) {
            problems.push(*config.setting_problem("schema.ids", &message));
        }
    }
    problems
}

/// What is wrong with the rules; one directory that nobody named may be missing.
///
/// # Errors
/// What is wrong with the setting.
fn problems_of_rules(config: &Config) -> Result<Vec<Diagnostic>, Box<Diagnostic>> {
    const SETTING: &str = "rules.path";
    let path = &config.rules.path;
    if !path.exists() && config.is_default(SETTING) {
        return Ok(Vec::new());
    }
    let folder = rule_files::open_rule_folder(path);
    let folder = folder.map_err(|error| config.setting_problem(SETTING, &error.to_string()))?;
    if folder.files.is_empty() && folder.problems.is_empty() {
        let message = format!("no .yaml file in {}", path.display());
        return Err(config.setting_problem(SETTING, &message));
    }
    let base = path.parent().unwrap_or(Path::new(""));
    let problems = parse_rules(&folder.files, &folder.problems)
        .problems
        .into_iter();
    let opened = problems.map(|problem| Diagnostic {
        path: base.join(&problem.path).display().to_string(),
        ..problem
    });
    Ok(opened.collect())
}

/// Reads a signing key; the message never holds anything of it.
pub(super) fn read_key(path: &Path) -> Result<TokenKey, String> {
    let file = files::read_text(path).map_err(|failure| failure.message)?;
    TokenKey::from_pem(&file.text).map_err(|error| format!("{}: {error}", file.path))
}

fn read_schema(id: u32, path: &Path) -> Result<(), String> {
    let file = files::read_text(path).map_err(|failure| failure.message)?;
    SchemaSet::new([(id, file)]).map(drop).map_err(|problems| {
        let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
        texts.join("\n")
    })
}
