//! Records made ahead of their time, by time and then by the order they were made in.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::fleet::SimRecord;

/// The records that wait.
#[derive(Debug, Default)]
pub struct Waiting {
    heap: BinaryHeap<Reverse<Entry>>,
    serial: u64,
}

#[derive(Debug)]
struct Entry {
    /// Time, then order of making: no two entries are equal.
    place: (i64, u64),
    record: SimRecord,
}

impl Waiting {
    /// Keeps `record` until its time.
    pub fn push(&mut self, record: SimRecord) {
        self.serial += 1;
        self.heap.push(Reverse(Entry {
            place: (record.at_ms, self.serial),
            record,
        }));
    }

    /// When the first one is due.
    #[must_use]
    pub fn next_ms(&self) -> Option<i64> {
        self.heap.peek().map(|Reverse(entry)| entry.place.0)
    }

    /// The first one.
    pub fn pop(&mut self) -> Option<SimRecord> {
        self.heap.pop().map(|Reverse(entry)| entry.record)
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.heap.len()
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.place == other.place
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.place.cmp(&other.place)
    }
}
