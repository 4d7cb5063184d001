//! Records with a later delivery time, sorted by that time and then by the order of insertion.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::sim_record::SimRecord;

/// The pending records.
#[derive(Debug, Default)]
pub struct PendingRecords {
    heap: BinaryHeap<Reverse<PendingEntry>>,
    serial: u64,
}

#[derive(Debug)]
struct PendingEntry {
    /// Delivery time, then order of insertion: no two entries are equal.
    due: (i64, u64),
    record: SimRecord,
}

impl PendingRecords {
    /// Stores `record` until its delivery time.
    pub fn push(&mut self, record: SimRecord) {
        self.serial += 1;
        self.heap.push(Reverse(PendingEntry {
            due: (record.at_ms, self.serial),
            record,
        }));
    }

    /// The earliest delivery time, epoch ms.
    #[must_use]
    pub fn next_ms(&self) -> Option<i64> {
        self.heap.peek().map(|Reverse(entry)| entry.due.0)
    }

    /// Removes the record with the earliest delivery time.
    pub fn pop(&mut self) -> Option<SimRecord> {
        self.heap.pop().map(|Reverse(entry)| entry.record)
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.heap.len()
    }
}

impl PartialEq for PendingEntry {
    fn eq(&self, other: &Self) -> bool {
        self.due == other.due
    }
}

impl Eq for PendingEntry {}

impl PartialOrd for PendingEntry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for PendingEntry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.due.cmp(&other.due)
    }
}
