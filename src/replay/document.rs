//! JSON documents over several lines: one record, several records, or a list of records.

use std::ops::Range;

use serde::de::IgnoredAny;

use super::input_file::{FileRecord, InputError, RecordContent};
use crate::codec::locate::split_reader_location;
use crate::event::AgentScope;
use crate::text::{Diagnostic, Location, SourceFile};

/// Maximum size of a document in bytes. A document is read into memory as a whole.
pub const DOCUMENT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Why the lines of a document cannot be joined.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    #[error(transparent)]
    Input(#[from] InputError),
    #[error("{path}: mixes lines of text with Avro records")]
    Mixed { path: String },
    #[error("{path}:{line}: not UTF-8 text")]
    NotText { path: String, line: u64 },
    #[error(
        "{path}: a JSON document over several lines may have at most {DOCUMENT_BYTES_MAX} bytes"
    )]
    TooLarge { path: String },
}

/// One object of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonObject {
    /// Byte range of the object in the document.
    pub span: Range<usize>,
    pub location: Location,
}

/// Whether the first line is an incomplete JSON value or the start of a list, so that the file is a
/// document.
pub fn starts_document<T>(record: &Result<FileRecord<T>, InputError>) -> bool {
    let Ok(FileRecord {
        content: RecordContent::Bytes(bytes),
        ..
    }) = record
    else {
        return false;
    };
    let read = serde_json::from_slice::<IgnoredAny>(bytes);
    bytes.trim_ascii_start().starts_with(b"[") || read.is_err_and(|error| error.is_eof())
}

/// Joins lines into one text. Each line keeps its number.
///
/// # Errors
/// A read error, or the document is not text or too large.
pub fn join_lines(
    name: &str,
    lines: impl Iterator<Item = Result<FileRecord<AgentScope>, InputError>>,
) -> Result<SourceFile, DocumentError> {
    let path = || name.to_owned();
    let mut text = String::new();
    let mut line = 1;
    for record in lines {
        let FileRecord { number, content } = record?;
        let RecordContent::Bytes(bytes) = content else {
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

/// The objects of a document. The document consists of JSON values, each an object or a list of
/// objects.
///
/// # Errors
/// The location at which the text is not JSON.
pub fn find_objects(file: &SourceFile) -> Result<Vec<JsonObject>, Box<Diagnostic>> {
    for value in serde_json::Deserializer::from_str(&file.text).into_iter::<IgnoredAny>() {
        if let Err(error) = value {
            let message = error.to_string();
            let stopped = Location::new(error.line(), error.column());
            let (text, at) = split_reader_location(&message).unwrap_or((message.as_str(), stopped));
            return Err(Box::new(Diagnostic::error(file, at, text)));
        }
    }
    Ok(scan_objects(&file.text))
}

/// The outermost objects of a text that is known to be JSON.
fn scan_objects(text: &str) -> Vec<JsonObject> {
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
                    found.push(JsonObject {
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
        let found = find_objects(&file(text)).unwrap();
        let shown: Vec<_> = found
            .iter()
            .map(|object| (&text[object.span.clone()], object.location))
            .collect();
        let expected = [
            ("{\"a\": \"}\\\"\"}", Location::new(1, 2)),
            ("{\"b\": {}}", Location::new(2, 3)),
            ("{}", Location::new(3, 1)),
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn broken_json_is_reported_with_its_location() {
        let problem = find_objects(&file("{\n  \"a\": 1\n  \"b\": 2\n}")).unwrap_err();
        assert_eq!((problem.line, problem.column), (3, 3));
    }
}
