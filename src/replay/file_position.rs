//! The position of a record in its file. It travels through the task to the record's dead letter.
//!
//! A task takes the records of an agent in order of their offsets. For a single file the offset
//! encodes the line number. When files are merged, the offset counts the merged records, and a
//! header carries the position.

use crate::text::Location;

/// The low bits of an offset are the record number, the high bits are the file number. Records of a
/// later file thus have larger offsets.
const NUMBER_BITS: u32 = 40;
const HEADER: &str = "scopewatch.replay.place";

/// A record header as in Kafka: name and value.
pub(super) type RecordHeader = (String, Option<Vec<u8>>);

/// Position of a record in the input files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FilePosition {
    /// Number of the file.
    pub file: usize,
    /// Line number, or record number in an Avro container, from 1.
    pub number: u64,
    /// Column at which the record begins in its line, from 1.
    pub column: usize,
}

impl FilePosition {
    /// The position of a record that starts its line, or of a record of an Avro container.
    pub(super) fn of_line(file: usize, number: u64) -> Self {
        FilePosition {
            file,
            number,
            column: 1,
        }
    }

    /// Encodes file and line number as an offset.
    pub(super) fn to_offset(self) -> i64 {
        let file = i64::try_from(self.file).unwrap_or(i64::MAX >> NUMBER_BITS);
        let number = i64::try_from(self.number).unwrap_or(i64::MAX) & ((1 << NUMBER_BITS) - 1);
        (file << NUMBER_BITS) | number
    }

    /// The inverse of [`FilePosition::to_offset`].
    fn from_offset(offset: i64) -> Self {
        let file = usize::try_from(offset >> NUMBER_BITS).unwrap_or(usize::MAX);
        let number = u64::try_from(offset & ((1 << NUMBER_BITS) - 1)).unwrap_or(0);
        FilePosition::of_line(file, number)
    }

    pub(super) fn to_header(self) -> RecordHeader {
        let text = format!("{} {} {}", self.file, self.number, self.column);
        (HEADER.to_owned(), Some(text.into_bytes()))
    }

    /// The position of a record that has these headers and this offset.
    pub(super) fn from_record(headers: &[RecordHeader], offset: i64) -> Self {
        let found = headers.iter().find(|(name, _)| name == HEADER);
        let text = found.and_then(|(_, value)| std::str::from_utf8(value.as_deref()?).ok());
        let mut parts = text.unwrap_or_default().split(' ');
        let mut next = || parts.next()?.parse::<u64>().ok();
        match (next(), next(), next()) {
            (Some(file), Some(number), Some(column)) => FilePosition {
                file: usize::try_from(file).unwrap_or(usize::MAX),
                number,
                column: usize::try_from(column).unwrap_or(1),
            },
            _ => FilePosition::from_offset(offset),
        }
    }

    /// Line and column, for messages.
    pub(super) fn location(self) -> Location {
        let line = usize::try_from(self.number).unwrap_or(usize::MAX);
        Location::new(line, self.column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_restored_from_its_offset_or_its_header() {
        let at = FilePosition {
            file: 3,
            number: 70_000_000_000,
            column: 9,
        };
        assert_eq!(FilePosition::from_record(&[at.to_header()], 1), at);
        assert_eq!(
            FilePosition::from_record(&[], at.to_offset()),
            FilePosition { column: 1, ..at }
        );
        assert!(FilePosition::of_line(0, 2).to_offset() < FilePosition::of_line(1, 1).to_offset());
    }
}
