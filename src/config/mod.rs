//! The settings: read from four places, checked whole, handed on as one value.
//!
//! Place in the flow: `cli` loads a [`Config`] once at start and gives it to `run`. Later wins:
//! defaults, then the file, then environment variables (`SCOPEWATCH_KAFKA__BOOTSTRAP_SERVERS` is
//! `kafka.bootstrap_servers`), then flags.
//!
//! This room knows nothing of what the settings bring about: it opens no file but its own and those
//! of the rules directory ([`rule_files`]), and connects to nothing. It owns no state. Every
//! problem is reported in one run, with its place.
//!
//! Invariants: (1) one table, [`KEYS`], says what exists: the reader, `config show` and
//! `docs/configuration.md` follow it; (2) no secret leaves through `Debug`, [`show()`] or a
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

pub use keys::{KEYS, Key, REFUSED_PROPERTIES};
pub use secret::Properties;
pub use show::{reference, show};
pub use types::{
    AlertFormat, Alerts, Config, Delivery, Http, Internal, Kafka, Limits, Raw, Rules, Signing,
    StoreKind, StoreSettings, Topics,
};
pub use value::{Kind, Origin, Value};

use crate::text::{Diagnostic, Severity, SourceFile};
use value::Setting;

/// The places settings come from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The configuration file, when there is one.
    pub file: Option<SourceFile>,
    /// Environment variables; those that do not start with `SCOPEWATCH_` are passed over.
    pub env: Vec<(String, String)>,
    /// Flags as key and value: `("kafka.bootstrap_servers", "broker:9092")`.
    pub flags: Vec<(String, String)>,
    /// Default of `kafka.instance_id`.
    pub host: String,
    /// Default of `workers`.
    pub cores: usize,
}

/// A configuration that holds, and what to tell the operator about it all the same.
#[derive(Debug)]
pub struct Loaded {
    pub config: Config,
    pub warnings: Vec<Diagnostic>,
}

impl Sources {
    /// The sources of this process: its environment, host name and cores, and the file at `path`.
    ///
    /// # Errors
    /// One diagnostic when the file cannot be read.
    pub fn of_process(
        path: Option<&Path>,
        flags: Vec<(String, String)>,
    ) -> Result<Self, Box<Diagnostic>> {
        let file = path.map(file::read).transpose()?;
        let text = |part: std::ffi::OsString| part.into_string().ok();
        let env = std::env::vars_os().filter_map(|(name, value)| Some((text(name)?, text(value)?)));
        Ok(Sources {
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
/// Every problem of every source, in the order of file, environment, flags, and then what does not
/// hold between settings.
pub fn load(sources: &Sources) -> Result<Loaded, Vec<Diagnostic>> {
    let (config, problems) = read(sources);
    let (warnings, errors): (Vec<_>, Vec<_>) = problems
        .into_iter()
        .partition(|problem| problem.severity == Severity::Warning);
    if errors.is_empty() {
        Ok(Loaded { config, warnings })
    } else {
        Err(errors)
    }
}

/// The configuration as far as it can be read, with every problem and warning: for those who look
/// at it and run nothing by it. A setting that is wrong has its default, or is left out.
#[must_use]
pub fn read(sources: &Sources) -> (Config, Vec<Diagnostic>) {
    let mut problems = Vec::new();
    let mut settings: BTreeMap<&'static str, Setting> = keys::defaults(sources);
    let mut raw = Vec::new();
    if let Some(file) = &sources.file {
        file::apply(file, &mut settings, &mut raw, &mut problems);
    }
    env::apply_variables(&sources.env, &mut settings, &mut problems);
    env::apply_flags(&sources.flags, &mut settings, &mut problems);
    let config = build::build(settings, raw, &mut problems);
    (config, problems)
}
