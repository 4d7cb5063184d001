//! What a setting may be, and how a text becomes one.

use std::fmt;
use std::net::SocketAddr;

use super::secret::Properties;
use crate::text::quote_words;

/// What a setting accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A whole number, both ends included.
    Int { min: i64, max: i64 },
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Any text.
    Text,
    /// A file or folder, relative to the working directory; empty means none.
    Path,
    /// A Kafka topic.
    Topic,
    /// A group or instance id: what fits into a transactional id.
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
pub enum Value {
    Int(i64),
    Text(String),
    Map(Properties),
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    Default,
    File { path: String, line: usize },
    Variable(String),
    Flag,
}

/// A value with its origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    pub value: Value,
    pub origin: Origin,
}

/// Longest name Kafka takes for a topic.
const TOPIC_CHARS_MAX: usize = 249;

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File { path, line } => write!(f, "{path}:{line}"),
            Origin::Variable(name) => f.write_str(name),
            Origin::Flag => f.write_str("flag"),
        }
    }
}

impl fmt::Display for Kind {
    /// What is wanted, as it reads after "expected".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Int { min, max } => write!(f, "a whole number from {min} to {max}"),
            Kind::Choice(words) => write!(f, "one of {}", quote_words(words)),
            Kind::Text => f.write_str("a text"),
            Kind::Path => f.write_str("a path"),
            Kind::Topic => f.write_str("a topic: letters, digits, `.`, `_` and `-`"),
            Kind::Name => f.write_str("a name: letters, digits, `.`, `_` and `-`"),
            Kind::Servers => f.write_str("`host:port`, several separated by commas"),
            Kind::Address => f.write_str("an address such as `127.0.0.1:9464`, or nothing"),
            Kind::Map => f.write_str("a table of texts"),
            Kind::IdMap => f.write_str("a table from schema ids to files"),
        }
    }
}

impl Kind {
    /// Reads a text from the environment or a flag. Maps are set entry by entry instead.
    pub(super) fn read(self, text: &str) -> Result<Value, String> {
        match self {
            Kind::Int { .. } => {
                let number = text
                    .trim()
                    .parse()
                    .map_err(|_| format!("expected {self}"))?;
                self.check_int(number)
            }
            Kind::Map | Kind::IdMap => Err(format!("expected {self}, one entry at a time")),
            _ => self.check_text(text),
        }
    }

    /// Checks a whole number.
    pub(super) fn check_int(self, number: i64) -> Result<Value, String> {
        match self {
            Kind::Int { min, max } if (min..=max).contains(&number) => Ok(Value::Int(number)),
            Kind::Int { .. } => Err(format!("{number} is out of range: expected {self}")),
            _ => Err(format!("expected {self}")),
        }
    }

    /// Checks a text.
    pub(super) fn check_text(self, text: &str) -> Result<Value, String> {
        let fits = match self {
            Kind::Int { .. } | Kind::Map | Kind::IdMap => false,
            Kind::Choice(words) => words.contains(&text),
            Kind::Text | Kind::Path => !text.contains('\0'),
            Kind::Topic => {
                is_name(text) && text.len() <= TOPIC_CHARS_MAX && text != "." && text != ".."
            }
            Kind::Name => is_name(text),
            Kind::Servers => text.split(',').all(is_server),
            Kind::Address => text.is_empty() || text.parse::<SocketAddr>().is_ok(),
        };
        if fits {
            Ok(Value::Text(text.to_owned()))
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
    !host.is_empty() && host.chars().all(plain) && port.parse::<u16>().is_ok_and(|port| port > 0)
}
