//! `config show` and `config check`.

use std::path::Path;

use clap::Subcommand;

use super::config_args::ConfigArgs;
use super::diagnostics::{self, count_noun, print_line};
use super::exit::{CommandFailure, CommandResult, ExitStatus};
use super::files;
use super::output::Output;
use crate::codec::SchemaSet;
use crate::codec::control_keys::ControlKeys;
use crate::codec::keys::{PublicKey, TokenKey};
use crate::config::{self, Config};
use crate::run::{LoadedRules, load_rules};
use crate::text::Diagnostic;

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
    pub(super) fn run(self, out: &mut Output) -> CommandResult {
        match self {
            ConfigCommand::Show { config } => {
                out.write_bytes(config::show_settings(&config.load_config()?).as_bytes())?;
                Ok(ExitStatus::Ok)
            }
            ConfigCommand::Check { config } => check_config(&config),
        }
    }
}

fn check_config(args: &ConfigArgs) -> CommandResult {
    let (_, rules) = load_checked(args)?;
    diagnostics::print_problems(&rules.problems);
    print_line("the configuration is good");
    Ok(ExitStatus::Ok)
}

/// Loads the configuration and its rules, and checks every file that it names. When
/// there is an error it prints all problems; otherwise it prints none of the rules.
pub(super) fn load_checked(args: &ConfigArgs) -> Result<(Config, LoadedRules), CommandFailure> {
    let (config, mut errors) = args.read_config()?;
    errors += diagnostics::print_problems(&problems_of_files(&config));
    let rules = load_configured_rules(&config);
    let exit = match (errors, rules) {
        (0, Ok(rules)) if rules.rules.is_some() => return Ok((config, rules)),
        (settings, Ok(rules)) => {
            errors += diagnostics::print_problems(&rules.problems);
            if settings == 0 {
                ExitStatus::Input
            } else {
                ExitStatus::Configuration
            }
        }
        (_, Err(problem)) => {
            errors += diagnostics::print_problems(&[*problem]);
            ExitStatus::Configuration
        }
    };
    let count = u64::try_from(errors).unwrap_or(u64::MAX);
    print_line(&count_noun(count, "problem"));
    Err(CommandFailure::already_reported(exit))
}

/// Loads the rules that the configuration names. The default directory may be missing: then the
/// shipped rules are used.
///
/// # Errors
/// A problem with the setting.
fn load_configured_rules(config: &Config) -> Result<LoadedRules, Box<Diagnostic>> {
    const SETTING: &str = "rules.path";
    let path = &config.rules.path;
    let is_shipped = config.is_default(SETTING) && !path.exists();
    load_rules((!is_shipped).then_some(path.as_path()))
        .map_err(|error| config.setting_problem(SETTING, &error.to_string()))
}

/// The problems of the files that the settings name.
fn problems_of_files(config: &Config) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    for (index, raw) in config.raw.iter().enumerate() {
        // A missing mapping was reported when the configuration was read.
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
    for path in &config.signing.published_key_files {
        if let Err(message) = read_public_key(path) {
            problems.push(*config.setting_problem("signing.published_key_files", &message));
        }
    }
    if let Some(path) = &config.control.keys
        && let Err(message) = read_control_keys(path)
    {
        problems.push(*config.setting_problem("control.keys", &message));
    }
    for (id, path) in &config.schema_ids {
        if let Err(message) = read_schema(*id, path) {
            problems.push(*config.setting_problem("schema.ids", &message));
        }
    }
    problems
}

/// Reads a signing key. The error never contains a part of the key.
pub(super) fn read_key(path: &Path) -> Result<TokenKey, String> {
    let file = files::read_text(path).map_err(|failure| failure.message)?;
    TokenKey::from_pem(&file.text).map_err(|error| error.in_file(&file.path).to_string())
}

/// Reads the public half of a key, from a private or a public key; and whether it was private.
pub(super) fn read_public_key(path: &Path) -> Result<(PublicKey, bool), String> {
    let file = files::read_text(path).map_err(|failure| failure.message)?;
    let key = PublicKey::from_pem(&file.text);
    let key = key.map_err(|error| error.in_file(&file.path).to_string())?;
    Ok((key, TokenKey::from_pem(&file.text).is_ok()))
}

/// Reads the keys that confirmations are signed with.
pub(super) fn read_control_keys(path: &Path) -> Result<ControlKeys, String> {
    let file = files::read_text(path).map_err(|failure| failure.message)?;
    ControlKeys::from_jwks(&file.text).map_err(|error| format!("{}: {error}", file.path))
}

fn read_schema(id: u32, path: &Path) -> Result<(), String> {
    let file = files::read_text(path).map_err(|failure| failure.message)?;
    SchemaSet::new([(id, file)]).map(drop).map_err(|problems| {
        let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
        texts.join("\n")
    })
}
