//! Why a record was refused.

use std::fmt;

/// Why a record was refused. The kind decides how the caller treats the record; the message is for
/// people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DecodeError {
    pub kind: DecodeErrorKind,
    /// The problem and the field that has it, in one line.
    pub message: String,
}

/// The kinds of refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecodeErrorKind {
    /// More than `limit` bytes; the record was not read.
    TooLarge { limit: usize },
    /// Neither JSON nor in a form of Avro.
    NotJson,
    /// In a form of Avro, but not as its schema says.
    Malformed,
    /// Readable, but a breach of the contract. An action: neither value nor key names its agent.
    /// A scope or control record: a required field is missing, a value has the wrong type, a limit
    /// of [`crate::event::limits`] is exceeded, or a field is given twice.
    Contract,
    /// A control record that has to be signed and is not, or whose signature does not verify.
    Signature,
    /// A Confluent schema id that `[schema.ids]`, which names others, does not map. The record may
    /// be valid once the id is known. The only kind for which the caller waits; a record of any
    /// other kind never becomes readable.
    UnknownSchemaId(u32),
}

impl DecodeErrorKind {
    /// One word for headers, metrics and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            DecodeErrorKind::TooLarge { .. } => "too_large",
            DecodeErrorKind::NotJson => "not_json",
            DecodeErrorKind::Malformed => "malformed",
            DecodeErrorKind::Contract => "contract",
            DecodeErrorKind::Signature => "signature",
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

    pub(crate) fn not_json(message: impl Into<String>) -> Self {
        DecodeError {
            kind: DecodeErrorKind::NotJson,
            message: message.into(),
        }
    }

    /// The error of a JSON reader: what it finds malformed is no JSON.
    pub(crate) fn of_json(self) -> Self {
        match self.kind {
            DecodeErrorKind::Malformed => DecodeError::not_json(self.message),
            _ => self,
        }
    }

    pub(crate) fn contract(message: impl Into<String>) -> Self {
        DecodeError {
            kind: DecodeErrorKind::Contract,
            message: message.into(),
        }
    }

    pub(crate) fn signature(message: impl Into<String>) -> Self {
        DecodeError {
            kind: DecodeErrorKind::Signature,
            message: message.into(),
        }
    }

    /// The same error with the name of the part of the record in front of its message.
    pub(crate) fn within(mut self, part: &str) -> Self {
        self.message = format!("{part}: {}", self.message);
        self
    }
}
