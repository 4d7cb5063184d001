//! Splits a buffer of JSON lines into records with line numbers.

use crate::event::limits::RECORD_BYTES_MAX;

use super::error::DecodeError;

/// One line that is not blank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonLine<'b> {
    /// 1-based.
    pub number: u64,
    /// The line without its end. A line longer than a record may be is an error; the lines after it
    /// are read.
    pub record: Result<&'b [u8], DecodeError>,
}

/// The records of a buffer of whole lines. Blank lines are counted and contain no record. The last
/// line needs no line end.
pub fn json_lines(buffer: &[u8]) -> impl Iterator<Item = JsonLine<'_>> {
    json_lines_from(buffer, 1)
}

/// As [`json_lines`], for a buffer that starts at line `first` of its file.
pub fn json_lines_from(buffer: &[u8], first: u64) -> impl Iterator<Item = JsonLine<'_>> {
    (first..)
        .zip(buffer.split(|byte| *byte == b'\n'))
        .filter_map(|(number, line)| {
            let record = line.trim_ascii();
            if record.is_empty() {
                return None;
            }
            let record = if record.len() > RECORD_BYTES_MAX {
                Err(DecodeError::too_large(record.len(), RECORD_BYTES_MAX))
            } else {
                Ok(record)
            };
            Some(JsonLine { number, record })
        })
}

/// Splits `buffer` after its last line end into whole lines and the start of an incomplete line.
/// The caller puts the second part before its next buffer. If that part alone is longer than
/// [`RECORD_BYTES_MAX`], its line will be refused in any case.
#[must_use]
pub fn split_whole(buffer: &[u8]) -> (&[u8], &[u8]) {
    match buffer.iter().rposition(|byte| *byte == b'\n') {
        Some(end) => buffer.split_at(end + 1),
        None => (&[], buffer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::DecodeErrorKind;

    #[test]
    fn lines_keep_their_numbers_over_blank_ones_and_either_line_end() {
        let found: Vec<_> = json_lines(b"{}\r\n\n  \n{\"a\":1}\nlast")
            .map(|line| (line.number, line.record.unwrap()))
            .collect();
        assert_eq!(found, [(1, &b"{}"[..]), (4, b"{\"a\":1}"), (5, b"last")]);
        assert_eq!(json_lines(b"").count(), 0);
        assert_eq!(json_lines_from(b"x", 7).next().unwrap().number, 7);
    }

    #[test]
    fn a_line_over_the_limit_is_an_error_and_the_next_one_follows() {
        for (length, fits) in [(RECORD_BYTES_MAX, true), (RECORD_BYTES_MAX + 1, false)] {
            let mut buffer = vec![b'x'; length];
            buffer.extend_from_slice(b"\nnext\n");
            let found: Vec<_> = json_lines(&buffer).collect();
            assert_eq!(found.len(), 2);
            match &found[0].record {
                Ok(record) => assert!(fits && record.len() == length),
                Err(error) => {
                    assert!(!fits);
                    let limit = RECORD_BYTES_MAX;
                    assert_eq!(error.kind, DecodeErrorKind::TooLarge { limit });
                }
            }
            assert_eq!(found[1].record.as_deref(), Ok(&b"next"[..]));
        }
    }

    #[test]
    fn a_partial_line_is_kept_back() {
        assert_eq!(split_whole(b"a\nb\nc"), (&b"a\nb\n"[..], &b"c"[..]));
        assert_eq!(split_whole(b"abc"), (&b""[..], &b"abc"[..]));
    }
}
