//! JSON laid out freely: a record over several lines, several records, or a list of them.

use std::ops::Range;

use serde::de::IgnoredAny;

use super::input_file::{Content, FileRecord, InputError};
use crate::codec::locate::split_reader_location;
use crate::event::AgentScope;
use crate::text::{Diagnostic, Location, SourceFile};

/// Bytes of a document: it is held whole.
pub const DOCUMENT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Why the lines of a document could not be put together.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    #[error(transparent)]
    Input(#[from] InputError),
    #[error("{path}: neither text nor Avro throughout")]
    Mixed { path: String },
    #[error("{path}:{line}: not UTF-8 text")]
    NotText { path: String, line: u64 },
    #[error("{path}: laid out over lines, and larger than {DOCUMENT_BYTES_MAX} bytes")]
    TooLarge { path: String },
}

/// One object of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its bytes.
    pub span: Range<usize>,
    pub location: Location,
}

/// A first line that is the beginning of a value, not a whole one; or a list of records.
pub fn is_begun<T>(record: &Result<FileRecord<T>, InputError>) -> bool {
    let Ok(FileRecord {
        content: Content::Bytes(bytes),
        ..
    }) = record
    else {
        return false;
    };
    let read = serde_json::from_slice::<IgnoredAny>(bytes);
    bytes.trim_ascii_start().starts_with(b"[") || read.is_err_and(|error| error.is_eof())
}

/// Puts lines together again, each at its number.
///
/// # Errors
/// When reading breaks off, and when the whole is no text or too large to be held.
pub fn gather(
    name: &str,
    lines: impl Iterator<Item = Result<FileRecord<AgentScope>, InputError>>,
) -> Result<SourceFile, DocumentError> {
    let path = || name.to_owned();
    let mut text = String::new();
    let mut line = 1;
    for record in lines {
        let FileRecord { number, content } = record?;
        let Content::Bytes(bytes) = content else {
            return Err(DocumentError::Mixed { path: path() });
        };
        let part = std::str::from_utf8(&bytes).map_err(|_| DocumentError::NotText {
            path: path(),
            line: number,
        })?;
        if text.len() + part.len() > DOCUMENT_BYTES_MAX {
            return Err(DocumentError::TooLarge { path: path() });
        }
        while line < number && text.len() < DOCUMENT_BYTES_MAX {
            text.push('\n');
            line += 1;
        }
        text.push_str(part);
    }
    Ok(SourceFile {
        path: name.to_owned(),
        text,
    })
}

/// The objects of a document that is one or more JSON values, each an object or a list of objects.
///
/// # Errors
/// Where the text stops being JSON.
pub fn objects(file: &SourceFile) -> Result<Vec<Object>, Box<Diagnostic>> {
    for value in serde_json::Deserializer::from_str(&file.text).into_iter::<IgnoredAny>() {
        if let Err(error) = value {
            let message = error.to_string();
            let stopped = Location::new(error.line(), error.column());
            let (text, at) = split_reader_location(&message).unwrap_or((message.as_str(), stopped));
            return Err(Box::new(Diagnostic::error(file, at, text)));
        }
    }
    Ok(scan(&file.text))
}

/// The outermost objects of what is known to be JSON.
fn scan(text: &str) -> Vec<Object> {
    let mut found = Vec::new();
    let (mut depth, mut start, mut location) = (0_usize, 0, Location::START);
    let (mut line, mut column) = (1, 1);
    let (mut in_text, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if in_text => escaped = true,
            '"' => in_text = !in_text,
            '{' if !in_text => {
                if depth == 0 {
                    (start, location) = (at, Location { line, column });
                }
                depth += 1;
            }
            '}' if !in_text => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    found.push(Object {
                        span: start..at + 1,
                        location,
                    });
                }
            }
            _ => {}
        }
        (line, column) = if c == '\n' {
            (line + 1, 1)
        } else {
            (line, column + 1)
        };
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> SourceFile {
        SourceFile {
            path: "f".into(),
            text: text.into(),
        }
    }

    #[test]
    fn objects_are_found_alone_in_lists_and_one_after_the_other() {
        let text = "[{\"a\": \"}\\\"\"},\n  {\"b\": {}}]\n{}";
        let found = objects(&file(text)).unwrap();
        let shown: Vec<_> = found
            .iter()
            .map(|object| (&text[object.span.clone()], object.location))
            .collect();
        let wanted = [
            ("{\"a\": \"}\\\"\"}", Location::new(1, 2)),
            ("{\"b\": {}}", Location::new(2, 3)),
            ("{}", Location::new(3, 1)),
        ];
        assert_eq!(shown, wanted);
    }

    #[test]
    fn broken_json_is_told_with_its_place() {
        let problem = objects(&file("{\n  \"a\": 1\n  \"b\": 2\n}")).unwrap_err();
        assert_eq!((problem.line, problem.column), (3, 3));
    }
}
