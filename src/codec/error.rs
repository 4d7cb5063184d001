//! Why a record was refused.

use std::fmt;

/// A refused record: the kind decides what happens to it, the message is for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DecodeError {
    pub kind: DecodeErrorKind,
    /// What is wrong and where in the record, in one line.
    pub message: String,
}

/// The kinds of refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecodeErrorKind {
    /// More bytes than `limit`; refused before anything was read.
    TooLarge { limit: usize },
    /// Not JSON or Avro, or not as its schema says.
    Malformed,
    /// Readable, but against the contract of the vocabulary: a required field missing, a wrong
    /// type, a limit of [`crate::event::limits`] passed, a field given twice.
    Contract,
    /// A Confluent schema id that `[schema.ids]` does not map. The record may be good: the caller
    /// pauses the partition instead of giving the record up.
    UnknownSchemaId(u32),
}

impl DecodeErrorKind {
    /// One word for headers, metrics and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            DecodeErrorKind::TooLarge { .. } => "too_large",
            DecodeErrorKind::Malformed => "malformed",
            DecodeErrorKind::Contract => "contract",
            DecodeErrorKind::UnknownSchemaId(_) => "unknown_schema_id",
        }
    }
}

impl fmt::Display for DecodeErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl DecodeError {
    pub(crate) fn too_large(bytes: usize, limit: usize) -> Self {
        DecodeError {
            kind: DecodeErrorKind::TooLarge { limit },
            message: format!("{bytes} bytes, at most {limit} are read"),
        }
    }

    pub(crate) fn malformed(message: impl Into<String>) -> Self {
        DecodeError {
            kind: DecodeErrorKind::Malformed,
            message: message.into(),
        }
    }

    pub(crate) fn contract(message: impl Into<String>) -> Self {
        DecodeError {
            kind: DecodeErrorKind::Contract,
            message: message.into(),
        }
    }

    /// The same error, said to be about a part of the record.
    pub(crate) fn within(mut self, part: &str) -> Self {
        self.message = format!("{part}: {}", self.message);
        self
    }
}
