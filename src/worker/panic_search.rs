//! Finds the record that makes the task of a partition panic.
//!
//! After a panic nothing is known of the task, so it is dropped, its state is restored as of the
//! last commit, and the records since then are read again: this time in pieces, each half as large
//! as what panicked, and each committed before the next. A piece of one record that panics is
//! found: when it comes again it becomes a dead letter of the class `processor_error`. Everything
//! before it is committed by then, and what follows is judged as usual.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use super::panics::PanicCauses;
use crate::engine::contract::{InputRecord, Rejection};
use crate::engine::outcome::FailureStage;
use crate::event::Input;

/// The class of the dead letter.
pub(super) const PROCESSOR_ERROR: &str = "processor_error";

/// A record by its input and offset.
type RecordId = (Input, i64);

/// What follows from a panic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PanicResult {
    /// The records are read again, in smaller pieces.
    Search,
    /// A record is found.
    Found(Input, i64),
    /// The partition has to stop.
    Stop,
}

/// The search in one partition. Outside a search it counts, and passes every record on.
#[derive(Debug, Default)]
pub(super) struct PanicSearch {
    /// Records that were given to the task since its last commit.
    uncommitted: usize,
    /// Records in a piece; `None` while nothing is searched.
    piece_max: Option<usize>,
    /// The records of the piece that the task has.
    piece: Vec<RecordId>,
    /// Records that came and wait for the next piece. Bounded as the queue of the task is.
    waiting: VecDeque<InputRecord>,
    /// Records to pass before the search ends without a result.
    left: usize,
    /// Found records, and whether a finding is still made of each.
    found: BTreeMap<RecordId, FoundRecord>,
    causes: PanicCauses,
}

/// A record that made the task panic.
#[derive(Debug)]
struct FoundRecord {
    reason: String,
    /// Judging its dead letter panicked too.
    silent: bool,
}

impl PanicSearch {
    pub fn is_active(&self) -> bool {
        self.piece_max.is_some()
    }

    /// Records that wait for their piece.
    pub fn waiting_count(&self) -> usize {
        self.waiting.len()
    }

    pub fn waiting_bytes(&self) -> usize {
        self.waiting.iter().map(InputRecord::byte_count).sum()
    }

    /// Takes a record that has come; returns what the task gets now: the record itself outside a
    /// search.
    pub fn admit(&mut self, record: InputRecord) -> Option<InputRecord> {
        if self.is_active() {
            self.waiting.push_back(record);
            return None;
        }
        self.uncommitted += 1;
        Some(record)
    }

    /// The next piece, once the last one has ended.
    pub fn next_piece(&mut self) -> Vec<InputRecord> {
        let Some(piece_max) = self.piece_max.filter(|_| self.piece.is_empty()) else {
            return Vec::new();
        };
        let over = self.left == 0;
        let count = if over { usize::MAX } else { piece_max };
        let records: Vec<_> = self
            .waiting
            .drain(..count.min(self.waiting.len()))
            .collect();
        self.uncommitted += records.len();
        if over {
            self.piece_max = None;
        } else {
            let ids = records.iter();
            self.piece = ids.map(|r| (r.input, r.position.offset)).collect();
        }
        records
    }

    /// Why a record is not given to the task as it is.
    pub fn rejection_of(&self, record: &InputRecord) -> Option<Rejection> {
        let found = self.found.get(&(record.input, record.position.offset))?;
        Some(Rejection {
            stage: FailureStage::Processing,
            class: PROCESSOR_ERROR,
            message: format!("the program failed on this record: {}", found.reason),
            reported: !found.silent,
        })
    }

    /// The records that the task got are committed, or had no effect that could be.
    pub fn end_piece(&mut self) {
        self.left = self.left.saturating_sub(self.uncommitted);
        self.uncommitted = 0;
        self.piece.clear();
    }

    /// The offsets of an input below `next` are committed.
    pub fn forget_found(&mut self, input: Input, next: i64) {
        self.found.retain(|(of, at), _| *of != input || *at >= next);
    }

    /// The partition begins anew from its last commit: what came is read again.
    pub fn restart(&mut self) {
        self.uncommitted = 0;
        self.piece.clear();
        self.waiting.clear();
    }

    /// The task panicked. Halves the next pieces, or names the record.
    pub fn note_panic(&mut self, reason: &str, now: Instant) -> PanicResult {
        let count = self.uncommitted;
        if count == 0 {
            // No record to blame: a fault of the state, or of the program alone.
            return self.note_cause(None, now);
        }
        if let [id] = self.piece.as_slice() {
            let id = *id;
            let repeated = self.found.get(&id).map(|found| found.silent);
            if repeated == Some(true) {
                return PanicResult::Stop;
            }
            let found = FoundRecord {
                reason: reason.to_owned(),
                silent: repeated.is_some(),
            };
            self.found.insert(id, found);
            self.piece_max = None;
            self.left = 0;
            if repeated.is_some() {
                return PanicResult::Found(id.0, id.1);
            }
            return self.note_cause(Some(id), now);
        }
        if !self.is_active() {
            self.left = count;
        }
        self.piece_max = Some((count / 2).max(1));
        PanicResult::Search
    }

    fn note_cause(&mut self, found: Option<RecordId>, now: Instant) -> PanicResult {
        if !self.causes.note_cause(now) {
            return PanicResult::Stop;
        }
        found.map_or(PanicResult::Search, |(input, at)| {
            PanicResult::Found(input, at)
        })
    }
}

#[cfg(test)]
mod tests;
