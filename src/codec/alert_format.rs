//! The formats of an alert message.

use std::str::FromStr;

/// The format of alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AlertFormat {
    /// OCSF 1.8.0 Detection Finding, JSON.
    #[default]
    Ocsf,
    /// Scopewatch's own JSON.
    Native,
}

impl AlertFormat {
    /// The word of each format in settings and arguments.
    pub const WORDS: &[&str] = &["ocsf", "native"];
}

impl FromStr for AlertFormat {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "ocsf" => Ok(AlertFormat::Ocsf),
            "native" => Ok(AlertFormat::Native),
            other => Err(format!("`{other}` is neither `ocsf` nor `native`")),
        }
    }
}
