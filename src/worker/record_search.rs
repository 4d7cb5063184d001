//! Finds the record with which the work always fails: the task of a partition panics on it, or the
//! broker refuses what was made of it. A partition of the actions has a search of its own; the raw
//! inputs have one together, because one transaction carries all of them.
//!
//! After a failure nothing is known of the work, so it is dropped, and the records since the last
//! commit are read again: this time in pieces, each half as large as what failed, and each
//! committed before the next. A piece of one record that fails is found: when it comes again it
//! becomes a dead letter. Everything before it is committed by then, and what follows is done as
//! usual, at first in small pieces: where one record fails, more may follow.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use super::panics::PanicCauses;
use crate::engine::contract::{InputRecord, Rejection};
use crate::engine::outcome::FailureStage;

/// The class of the dead letter of a record on which the program panics.
pub(super) const PROCESSOR_ERROR: &str = "processor_error";
/// The class of the dead letter of a record of which the broker refuses what was made.
pub(super) const REFUSED: &str = "refused";
/// Pieces grow up to this many records; then the search is over.
const PIECE_RECORDS_MAX: usize = 2_048;
/// Failures on one record alone after which another attempt has no point, when no dead letter
/// mends them.
const ATTEMPTS_MAX: u32 = 5;

/// A topic and a partition of it.
pub(super) type LogPartition = (Arc<str>, i32);
/// A record by its log and offset.
type RecordId = (LogPartition, i64);

/// How the work failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// The program panicked, with this message.
    Panic(String),
    /// The broker refused a record that was to be written. `by_content`: for what is in it, so that
    /// the others can be written without it.
    Refusal { by_content: bool, reason: String },
}

impl Failure {
    fn class(&self) -> &'static str {
        match self {
            Failure::Panic(_) => PROCESSOR_ERROR,
            Failure::Refusal { .. } => REFUSED,
        }
    }

    pub fn reason(&self) -> &str {
        match self {
            Failure::Panic(reason) | Failure::Refusal { reason, .. } => reason,
        }
    }

    fn message(&self) -> String {
        match self {
            Failure::Panic(reason) => format!("the program failed on this record: {reason}"),
            Failure::Refusal { reason, .. } => {
                format!("the broker refused what was made of this record: {reason}")
            }
        }
    }
}

/// What follows from a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SearchResult {
    /// The records are read again, in smaller pieces.
    Search,
    /// This record is found.
    Found(LogPartition, i64),
    /// The partition has to stop; of the raw inputs, the one of this record.
    Stop(Option<(LogPartition, i64)>),
}

/// The search. While there is none it counts, and passes every record on.
#[derive(Debug, Default)]
pub(super) struct RecordSearch {
    /// Records that were passed on since the last commit.
    uncommitted: usize,
    /// Records in a piece; `None` while nothing is searched.
    piece_max: Option<usize>,
    /// The records of the piece that was passed on.
    piece: Vec<RecordId>,
    /// Records that came and wait for the next piece. Bounded as what is read ahead is.
    waiting: VecDeque<InputRecord>,
    /// The next offset, by log, after the records of which one has failed.
    suspects: BTreeMap<LogPartition, i64>,
    /// The records that failed alone.
    found: BTreeMap<RecordId, FoundRecord>,
    causes: PanicCauses,
}

/// A record with which the work failed although it was alone.
#[derive(Debug)]
struct FoundRecord {
    failure: Failure,
    failures: u32,
    letter: LetterForm,
}

/// What becomes of a found record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LetterForm {
    /// It is tried again as it is.
    None,
    Full,
    /// The full letter failed too. Nobody is told of this one but the operator, and it may be left
    /// without its value.
    Reduced,
}

impl RecordSearch {
    pub fn is_active(&self) -> bool {
        self.piece_max.is_some()
    }

    /// Records that wait for their piece.
    pub fn waiting(&self) -> impl ExactSizeIterator<Item = &InputRecord> {
        self.waiting.iter()
    }

    pub fn waiting_bytes(&self) -> usize {
        self.waiting.iter().map(InputRecord::byte_count).sum()
    }

    /// Takes a record that has come; returns what is passed on now: the record itself while nothing
    /// is searched.
    pub fn admit(&mut self, record: InputRecord) -> Option<InputRecord> {
        if self.is_active() || !self.waiting.is_empty() {
            self.waiting.push_back(record);
            return None;
        }
        self.uncommitted += 1;
        Some(record)
    }

    /// The next piece, once the last one has ended.
    pub fn next_piece(&mut self) -> Vec<InputRecord> {
        if !self.piece.is_empty() {
            return Vec::new();
        }
        let count = self.piece_max.unwrap_or(usize::MAX);
        let records: Vec<_> = self
            .waiting
            .drain(..count.min(self.waiting.len()))
            .collect();
        self.uncommitted += records.len();
        if self.is_active() {
            self.piece = records.iter().map(id_of).collect();
        }
        records
    }

    /// Why a record is not used as it is.
    pub fn rejection_of(&self, record: &InputRecord) -> Option<Rejection> {
        if self.found.is_empty() {
            return None;
        }
        let found = self.found.get(&id_of(record))?;
        (found.letter != LetterForm::None).then(|| Rejection {
            stage: FailureStage::Processing,
            class: found.failure.class(),
            message: found.failure.message(),
            reported: found.letter == LetterForm::Full,
        })
    }

    /// The records that were passed on are committed, or had no effect that could be.
    pub fn end_piece(&mut self) {
        if let Some(piece_max) = self.piece_max.filter(|_| self.uncommitted > 0) {
            for (log, offset) in &self.piece {
                if self.suspects.get(log).is_some_and(|end| offset + 1 >= *end) {
                    self.suspects.remove(log);
                }
            }
            if self.suspects.is_empty() {
                let doubled = piece_max.saturating_mul(2);
                self.piece_max = (doubled <= PIECE_RECORDS_MAX).then_some(doubled);
            }
        }
        for id in self.piece.drain(..) {
            self.found.remove(&id);
        }
        self.uncommitted = 0;
    }

    /// All begins anew from the last commit: what came is read again.
    pub fn restart(&mut self) {
        self.uncommitted = 0;
        self.piece.clear();
        self.waiting.clear();
    }

    /// Drops what came of a log: it is read again from the last commit.
    pub fn drop_records(&mut self, topic: &str, partition: i32) {
        self.waiting.retain(|record| {
            let position = &record.position;
            *position.topic != *topic || position.partition != partition
        });
        self.piece.retain(|(log, _)| !is_log(log, topic, partition));
    }

    /// Another member has this log now.
    pub fn forget_log(&mut self, topic: &str, partition: i32) {
        self.drop_records(topic, partition);
        self.found
            .retain(|(log, _), _| !is_log(log, topic, partition));
        self.suspects
            .retain(|log, _| !is_log(log, topic, partition));
    }

    /// The work failed. Halves the next pieces, or names the record. `suspects`: the next offsets
    /// after everything that came.
    pub fn note_failure(
        &mut self,
        failure: &Failure,
        suspects: impl IntoIterator<Item = (LogPartition, i64)>,
        now: Instant,
    ) -> SearchResult {
        let count = self.uncommitted;
        if count == 0 {
            // No record to blame: a fault of the state, or of the program alone.
            return self.note_cause(failure, None, now);
        }
        if let [id] = self.piece.as_slice() {
            return self.note_single(id.clone(), failure, now);
        }
        if self.suspects.is_empty() {
            self.suspects.extend(suspects);
        }
        self.piece_max = Some((count / 2).max(1));
        SearchResult::Search
    }

    /// The work failed with one record alone.
    fn note_single(&mut self, id: RecordId, failure: &Failure, now: Instant) -> SearchResult {
        let found = self.found.entry(id.clone()).or_insert(FoundRecord {
            failure: failure.clone(),
            failures: 0,
            letter: LetterForm::None,
        });
        found.failures += 1;
        let mended = !matches!(failure, Failure::Refusal { by_content, .. } if !by_content);
        let letter = match found.letter {
            _ if !mended && found.failures < ATTEMPTS_MAX => return SearchResult::Search,
            _ if !mended => return self.stop_at(id),
            LetterForm::Reduced => return self.stop_at(id),
            LetterForm::None => LetterForm::Full,
            LetterForm::Full => LetterForm::Reduced,
        };
        found.letter = letter;
        if letter == LetterForm::Full {
            found.failure.clone_from(failure);
        }
        // What comes after it is not suspected any more than any other record.
        self.suspects.clear();
        self.piece_max = Some(1);
        if letter == LetterForm::Reduced {
            return SearchResult::Found(id.0, id.1);
        }
        self.note_cause(failure, Some(id), now)
    }

    fn stop_at(&mut self, id: RecordId) -> SearchResult {
        self.found.remove(&id);
        SearchResult::Stop(Some(id))
    }

    /// Notes the cause of a panic. Refusals are not counted: whoever writes the records could stop
    /// a partition with a few of them.
    fn note_cause(
        &mut self,
        failure: &Failure,
        found: Option<RecordId>,
        now: Instant,
    ) -> SearchResult {
        if matches!(failure, Failure::Panic(_)) && !self.causes.note_cause(now) {
            return SearchResult::Stop(found);
        }
        found.map_or(SearchResult::Search, |(log, at)| {
            SearchResult::Found(log, at)
        })
    }
}

fn is_log(log: &LogPartition, topic: &str, partition: i32) -> bool {
    *log.0 == *topic && log.1 == partition
}

fn id_of(record: &InputRecord) -> RecordId {
    let position = &record.position;
    let log = (Arc::clone(&position.topic), position.partition);
    (log, position.offset)
}

#[cfg(test)]
mod tests;
