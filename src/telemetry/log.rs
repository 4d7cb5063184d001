//! Starts logging to stderr: readable lines on a terminal, JSON elsewhere.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

/// The environment variable with the filter, in `tracing`'s syntax: `info,rocksdb=debug`.
pub const FILTER_VARIABLE: &str = "SCOPEWATCH_LOG";
/// The filter when the variable is not set: our own lines from `info`, libraries' from `warn`.
const FILTER_DEFAULT: &str = "warn,scopewatch=info";

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogForm {
    /// `Human` on a terminal, else `Json`.
    #[default]
    Auto,
    Human,
    Json,
}

/// Why logging could not start.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("{FILTER_VARIABLE}: `{filter}` is not a log filter: {detail}")]
    Filter { filter: String, detail: String },
    #[error("logging was started before: {0}")]
    Started(String),
}

/// Starts logging to stderr for the whole process. `filter` is the text of `FILTER_VARIABLE`.
///
/// # Errors
/// [`LogError::Filter`] for a filter that cannot be read, [`LogError::Started`] the second time.
pub fn init_logging(form: LogForm, filter: Option<&str>) -> Result<(), LogError> {
    let text = filter
        .filter(|text| !text.trim().is_empty())
        .unwrap_or(FILTER_DEFAULT);
    let filter = EnvFilter::try_new(text).map_err(|error| LogError::Filter {
        filter: text.to_owned(),
        detail: error.to_string(),
    })?;
    let terminal = std::io::stderr().is_terminal();
    let human = match form {
        LogForm::Auto => terminal,
        LogForm::Human => true,
        LogForm::Json => false,
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(terminal && std::env::var_os("NO_COLOR").is_none());
    let started = if human {
        builder.with_target(false).finish().try_init()
    } else {
        builder.json().flatten_event(true).finish().try_init()
    };
    started.map_err(|error| LogError::Started(error.to_string()))
}
