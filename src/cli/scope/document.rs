//! JSON laid out freely: a record over several lines, several records, or a list of them.

use std::ops::Range;

use serde::de::IgnoredAny;

use super::super::exit::Failure;
use super::super::files::TEXT_BYTES_MAX;
use crate::codec::locate::{Place, reader_place};
use crate::event::AgentScope;
use crate::event::diagnostic::{Diagnostic, SourceFile};
use crate::service::input_file::{Content, FileRecord, InputError};

/// One object of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Object {
    /// Its bytes.
    pub(super) span: Range<usize>,
    pub(super) place: Place,
}

/// Puts lines together again, each at its number.
pub(super) fn gather(
    name: &str,
    lines: impl Iterator<Item = Result<FileRecord<AgentScope>, InputError>>,
) -> Result<SourceFile, Failure> {
    let bytes_max = usize::try_from(TEXT_BYTES_MAX).unwrap_or(usize::MAX);
    let mut text = String::new();
    let mut line = 1;
    for record in lines {
        let record = record.map_err(|error| Failure::input(error.to_string()))?;
        let Content::Bytes(bytes) = record.content else {
            return Err(Failure::input(format!(
                "{name}: neither text nor Avro throughout"
            )));
        };
        let number = record.number;
        let part = std::str::from_utf8(&bytes)
            .map_err(|_| Failure::input(format!("{name}:{number}: not UTF-8 text")))?;
        if text.len() + part.len() > bytes_max {
            let message = format!("{name}: laid out over lines, and larger than {bytes_max} bytes");
            return Err(Failure::input(message));
        }
        while line < number && text.len() < bytes_max {
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
pub(super) fn objects(file: &SourceFile) -> Result<Vec<Object>, Box<Diagnostic>> {
    for value in serde_json::Deserializer::from_str(&file.text).into_iter::<IgnoredAny>() {
        if let Err(error) = value {
            let message = error.to_string();
            let (text, line, column) =
                reader_place(&message).unwrap_or((message.as_str(), error.line(), error.column()));
            return Err(Box::new(Diagnostic::error(file, (line, column), text)));
        }
    }
    Ok(scan(&file.text))
}

/// The outermost objects of what is known to be JSON.
fn scan(text: &str) -> Vec<Object> {
    let mut found = Vec::new();
    let (mut depth, mut start, mut place) = (0_usize, 0, (1, 1));
    let (mut line, mut column) = (1, 1);
    let (mut in_text, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if in_text => escaped = true,
            '"' => in_text = !in_text,
            '{' if !in_text => {
                if depth == 0 {
                    (start, place) = (at, (line, column));
                }
                depth += 1;
            }
            '}' if !in_text => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    found.push(Object {
                        span: start..at + 1,
                        place,
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
            .map(|object| (&text[object.span.clone()], object.place))
            .collect();
        let wanted = [
            ("{\"a\": \"}\\\"\"}", (1, 2)),
            ("{\"b\": {}}", (2, 3)),
            ("{}", (3, 1)),
        ];
        assert_eq!(shown, wanted);
    }

    #[test]
    fn broken_json_is_told_with_its_place() {
        let problem = objects(&file("{\n  \"a\": 1\n  \"b\": 2\n}")).unwrap_err();
        assert_eq!((problem.line, problem.column), (3, 3));
    }
}
