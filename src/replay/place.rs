//! Where a record stands in its file, carried through the task to its dead letter.
//!
//! A task takes an agent's records in the order of their offsets. In a single file that is the
//! line, and costs nothing; where files are merged the offset counts the merged records, and a
//! header says where each comes from.

use crate::text::Location;

/// Bits of an offset that count the records of one file; those above number the file, so that the
/// records of a later file are later ones.
const NUMBER_BITS: u32 = 40;
const HEADER: &str = "scopewatch.replay.place";

/// A header of a record, as Kafka has them.
pub(super) type Header = (String, Option<Vec<u8>>);

/// Where a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct At {
    /// The file, as it is numbered.
    pub file: usize,
    /// The line, or the record of a container; 1-based.
    pub number: u64,
    /// Where in the line it begins; 1-based.
    pub column: usize,
}

impl At {
    /// A record that has its line, or its place in a container, for itself.
    pub(super) fn line(file: usize, number: u64) -> Self {
        At {
            file,
            number,
            column: 1,
        }
    }

    /// The offset that stands for the line.
    pub(super) fn offset(self) -> i64 {
        let file = i64::try_from(self.file).unwrap_or(i64::MAX >> NUMBER_BITS);
        let number = i64::try_from(self.number).unwrap_or(i64::MAX) & ((1 << NUMBER_BITS) - 1);
        (file << NUMBER_BITS) | number
    }

    /// Reads [`At::offset`] back.
    fn of_offset(offset: i64) -> Self {
        let file = usize::try_from(offset >> NUMBER_BITS).unwrap_or(usize::MAX);
        let number = u64::try_from(offset & ((1 << NUMBER_BITS) - 1)).unwrap_or(0);
        At::line(file, number)
    }

    pub(super) fn header(self) -> Header {
        let text = format!("{} {} {}", self.file, self.number, self.column);
        (HEADER.to_owned(), Some(text.into_bytes()))
    }

    /// The place of a record that comes back with these headers and this offset.
    pub(super) fn read(headers: &[Header], offset: i64) -> Self {
        let found = headers.iter().find(|(name, _)| name == HEADER);
        let text = found.and_then(|(_, value)| std::str::from_utf8(value.as_deref()?).ok());
        let mut parts = text.unwrap_or_default().split(' ');
        let mut next = || parts.next()?.parse::<u64>().ok();
        match (next(), next(), next()) {
            (Some(file), Some(number), Some(column)) => At {
                file: usize::try_from(file).unwrap_or(usize::MAX),
                number,
                column: usize::try_from(column).unwrap_or(1),
            },
            _ => At::of_offset(offset),
        }
    }

    /// Line and column.
    pub(super) fn start(self) -> Location {
        let line = usize::try_from(self.number).unwrap_or(usize::MAX);
        Location::new(line, self.column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_comes_back_from_its_offset_or_its_header() {
        let at = At {
            file: 3,
            number: 70_000_000_000,
            column: 9,
        };
        assert_eq!(At::read(&[at.header()], 1), at);
        assert_eq!(At::read(&[], at.offset()), At { column: 1, ..at });
        assert!(At::line(0, 2).offset() < At::line(1, 1).offset());
    }
}
