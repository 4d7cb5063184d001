//! The configuration: read from four sources, checked as a whole, returned as one value.
//!
//! Place in the flow: `cli` loads a [`Config`] once at start and gives it to `run`. A later source
//! wins: defaults, then the file, then environment variables (`SCOPEWATCH_KAFKA__BOOTSTRAP_SERVERS`
//! is `kafka.bootstrap_servers`), then flags.
//!
//! This room must not know what a setting changes. It opens only the configuration file and the
//! files of the rules directory ([`rule_files`]), and connects to nothing. It owns no state. One
//! run reports every problem with its location.
//!
//! Invariants: (1) one table, [`KEYS`], says what exists: the reader, `config show` and
//! `docs/configuration.md` follow it; (2) no secret leaves through `Debug`, [`show_settings`] or a
//! diagnostic.
//!
//! Read first: `tests/config.rs`.

mod build;
mod env;
mod file;
mod keys;
pub mod rule_files;
mod secret;
mod show;
mod suggest;
mod types;
mod value;

use std::collections::BTreeMap;
use std::path::Path;

pub use keys::{KEYS, SettingKey};
pub use secret::PropertyMap;
pub use show::{settings_reference, show_settings};
pub use types::{
    AlertSettings, Config, ControlSettings, HttpSettings, InternalSettings, KafkaSettings,
    LimitSettings, RawInputSettings, RuleSettings, SigningSettings, StoreKind, StoreSettings,
    TopicSettings,
};
pub use value::{SettingOrigin, SettingValue, ValueKind};

use crate::text::{Diagnostic, ProblemSeverity, SourceFile};
use value::Setting;

/// The sources of the settings.
#[derive(Debug, Clone, Default)]
pub struct ConfigSources {
    /// The configuration file, when there is one.
    pub file: Option<SourceFile>,
    /// Environment variables; those without the prefix `SCOPEWATCH_` are ignored.
    pub env: Vec<(String, String)>,
    /// Flags as key and value: `("kafka.bootstrap_servers", "broker:9092")`.
    pub flags: Vec<(String, String)>,
    /// Default of `kafka.instance_id`.
    pub host: String,
    /// Default of `workers`.
    pub cores: usize,
}

/// A configuration without errors, and the warnings about it.
#[derive(Debug)]
pub struct LoadedConfig {
    pub config: Config,
    pub warnings: Vec<Diagnostic>,
}

impl ConfigSources {
    /// The sources of this process: its environment, host name and cores, and the file at `path`.
    ///
    /// # Errors
    /// One diagnostic when the file cannot be read.
    pub fn of_process(
        path: Option<&Path>,
        flags: Vec<(String, String)>,
    ) -> Result<Self, Box<Diagnostic>> {
        let file = path.map(file::read_file).transpose()?;
        let text = |part: std::ffi::OsString| part.into_string().ok();
        let env = std::env::vars_os().filter_map(|(name, value)| Some((text(name)?, text(value)?)));
        Ok(ConfigSources {
            file,
            env: env.collect(),
            flags,
            host: env::host_name(),
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        })
    }
}

/// Reads, checks and builds the configuration.
///
/// # Errors
/// Every problem: of the file, of the environment, of the flags, and then of settings that
/// contradict each other.
pub fn load_config(sources: &ConfigSources) -> Result<LoadedConfig, Vec<Diagnostic>> {
    let (config, problems) = read_config(sources);
    let (warnings, errors): (Vec<_>, Vec<_>) = problems
        .into_iter()
        .partition(|problem| problem.severity == ProblemSeverity::Warning);
    if errors.is_empty() {
        Ok(LoadedConfig { config, warnings })
    } else {
        Err(errors)
    }
}

/// Reads the configuration as far as possible, with every problem and warning; for commands that
/// only look at it. A wrong setting has its default, or is missing.
#[must_use]
pub fn read_config(sources: &ConfigSources) -> (Config, Vec<Diagnostic>) {
    let mut problems = Vec::new();
    let mut settings: BTreeMap<&'static str, Setting> = keys::default_settings(sources);
    let mut raw = Vec::new();
    if let Some(file) = &sources.file {
        file::apply_file(file, &mut settings, &mut raw, &mut problems);
    }
    env::apply_variables(&sources.env, &mut settings, &mut problems);
    env::apply_flags(&sources.flags, &mut settings, &mut problems);
    let config = build::build_config(settings, raw, &mut problems);
    (config, problems)
}
