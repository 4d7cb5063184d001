//! The kinds of settings, and the check of a value against its kind.

use std::fmt;
use std::net::SocketAddr;

use super::secret::PropertyMap;
use crate::text::quote_words;

/// What a setting accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    /// A whole number, both ends included.
    Int { min: i64, max: i64 },
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Any text.
    Text,
    /// A file or folder, relative to the working directory; empty means none.
    Path,
    /// Files; as one text separated by commas.
    PathList,
    /// A Kafka topic.
    Topic,
    /// A group or instance id: characters that fit into a transactional id.
    Name,
    /// `host:port`, several separated by commas.
    Servers,
    /// An address to listen on, or empty.
    Address,
    /// Text to text.
    Map,
    /// A number from 1 to text.
    IdMap,
}

/// A setting's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingValue {
    Int(i64),
    Text(String),
    List(Vec<String>),
    Map(PropertyMap),
}

/// The source of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingOrigin {
    Default,
    File { path: String, line: usize },
    Variable(String),
    Flag,
}

/// A value with its origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    pub value: SettingValue,
    pub origin: SettingOrigin,
}

/// Longest topic name that Kafka accepts.
const TOPIC_CHARS_MAX: usize = 249;

impl fmt::Display for SettingOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SettingOrigin::Default => f.write_str("default"),
            SettingOrigin::File { path, line } => write!(f, "{path}:{line}"),
            SettingOrigin::Variable(name) => f.write_str(name),
            SettingOrigin::Flag => f.write_str("flag"),
        }
    }
}

impl fmt::Display for ValueKind {
    /// The description of a valid value, to follow "expected".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ValueKind::Int { min, max } => write!(f, "a whole number from {min} to {max}"),
            ValueKind::Choice(words) => write!(f, "one of {}", quote_words(words)),
            ValueKind::Text => f.write_str("a text"),
            ValueKind::Path => f.write_str("a path"),
            ValueKind::PathList => f.write_str("a list of paths"),
            ValueKind::Topic => f.write_str("a topic: letters, digits, `.`, `_` and `-`"),
            ValueKind::Name => f.write_str("a name: letters, digits, `.`, `_` and `-`"),
            ValueKind::Servers => f.write_str("`host:port`, several separated by commas"),
            ValueKind::Address => f.write_str("an address such as `127.0.0.1:9464`, or nothing"),
            ValueKind::Map => f.write_str("a table of texts"),
            ValueKind::IdMap => f.write_str("a table from schema ids to files"),
        }
    }
}

impl ValueKind {
    /// Whether a problem may show the value: what was written for a number, a word or a name. A
    /// text, a path, a server or an entry of a table can be, or hold, a secret.
    pub(super) fn is_shown_in_problems(self) -> bool {
        match self {
            ValueKind::Int { .. } | ValueKind::Choice(_) | ValueKind::Topic => true,
            ValueKind::Name | ValueKind::Address => true,
            ValueKind::Text | ValueKind::Path | ValueKind::PathList | ValueKind::Servers => false,
            ValueKind::Map | ValueKind::IdMap => false,
        }
    }

    /// Parses a text from the environment or a flag. Maps are set one entry at a time instead.
    pub(super) fn parse_text(self, text: &str) -> Result<SettingValue, String> {
        match self {
            ValueKind::Int { .. } => {
                let number = text
                    .trim()
                    .parse()
                    .map_err(|_| format!("expected {self}"))?;
                self.check_int(number)
            }
            ValueKind::Map | ValueKind::IdMap => {
                Err(format!("expected {self}, one entry at a time"))
            }
            ValueKind::PathList => {
                let paths = text.split(',').map(str::trim);
                self.check_list(paths.filter(|path| !path.is_empty()))
            }
            _ => self.check_text(text),
        }
    }

    /// Checks a list of texts.
    pub(super) fn check_list<'a>(
        self,
        texts: impl Iterator<Item = &'a str>,
    ) -> Result<SettingValue, String> {
        let texts: Vec<String> = texts.map(str::to_owned).collect();
        let is_file = |text: &String| !text.is_empty() && ValueKind::Path.check_text(text).is_ok();
        if self == ValueKind::PathList && texts.iter().all(is_file) {
            Ok(SettingValue::List(texts))
        } else {
            Err(format!("expected {self}"))
        }
    }

    /// Checks a whole number.
    pub(super) fn check_int(self, number: i64) -> Result<SettingValue, String> {
        match self {
            ValueKind::Int { min, max } if (min..=max).contains(&number) => {
                Ok(SettingValue::Int(number))
            }
            ValueKind::Int { .. } => Err(format!("{number} is out of range: expected {self}")),
            _ => Err(format!("expected {self}")),
        }
    }

    /// Checks a text.
    pub(super) fn check_text(self, text: &str) -> Result<SettingValue, String> {
        let fits = match self {
            ValueKind::Int { .. } | ValueKind::Map | ValueKind::IdMap => false,
            ValueKind::PathList => false,
            ValueKind::Choice(words) => words.contains(&text),
            ValueKind::Text => !text.contains('\0'),
            // A key pasted where its file belongs would stand in the message that no file has it.
            ValueKind::Path => !text.contains(['\0', '\n', '\r']) && !text.contains("-----"),
            ValueKind::Topic => {
                is_name(text) && text.len() <= TOPIC_CHARS_MAX && text != "." && text != ".."
            }
            ValueKind::Name => is_name(text),
            ValueKind::Servers => text.split(',').all(is_server),
            ValueKind::Address => text.is_empty() || text.parse::<SocketAddr>().is_ok(),
        };
        if fits {
            Ok(SettingValue::Text(text.to_owned()))
        } else {
            Err(format!("expected {self}"))
        }
    }
}

fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    !text.is_empty() && text.chars().all(fits)
}

fn is_server(text: &str) -> bool {
    let Some((host, port)) = text.trim().rsplit_once(':') else {
        return false;
    };
    let plain = |c: char| !c.is_whitespace() && c != '/';
    // Before `@` stands a user, and perhaps a password: credentials are properties.
    !host.is_empty()
        && !host.contains('@')
        && host.chars().all(plain)
        && port.parse::<u16>().is_ok_and(|port| port > 0)
}
