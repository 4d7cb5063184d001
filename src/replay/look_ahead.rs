//! Reads some records ahead, to decide which claim of the future is believed.
//!
//! A recorded file has no stamps of a broker: time goes on with what the records claim. A record
//! that is dated decades ahead would carry time with it, and all that follows would be late. So a
//! claim far ahead of the records before it must agree with the records after it.

use std::collections::VecDeque;

use crate::replay::input_file::InputError;

use super::action_files::{ActionFiles, HeadRecord, PreparedRecord};

/// A claim this far ahead of all before it, milliseconds, must agree with what follows. Longer than
/// a night or a delay of a gateway; an idle weekend is decided by what follows it.
const AHEAD_MS: i64 = 24 * 3_600_000;
/// Records that are read ahead.
const RECORDS_MAX: usize = 64;
/// Bytes of raw records after which no more is read ahead.
const BYTES_MAX: usize = 4 << 20;

/// A record of a file, with the time that it names.
pub(super) struct AheadRecord {
    pub(super) file: usize,
    pub(super) head: HeadRecord,
    pub(super) occurred_at_ms: Option<i64>,
}

/// The records of all files of actions, some of them read ahead.
pub(super) struct LookAhead<'a> {
    files: ActionFiles<'a>,
    queue: VecDeque<AheadRecord>,
    bytes: usize,
    /// Why no further record can be read; reported after those that were.
    failure: Option<InputError>,
    ended: bool,
    clock: ClaimClock,
}

impl<'a> LookAhead<'a> {
    pub(super) fn new(files: ActionFiles<'a>) -> Self {
        LookAhead {
            files,
            queue: VecDeque::new(),
            bytes: 0,
            failure: None,
            ended: false,
            clock: ClaimClock::default(),
        }
    }

    pub(super) fn has_several_files(&self) -> bool {
        self.files.has_several_files()
    }

    /// The next record; `None` after the end of all files.
    pub(super) fn next_record(&mut self) -> Result<Option<AheadRecord>, InputError> {
        while !self.ended && self.queue.len() <= RECORDS_MAX && self.bytes <= BYTES_MAX {
            match self.files.next_record() {
                Ok(Some((file, head))) => self.push_record(file, head),
                Ok(None) => self.ended = true,
                Err(error) => (self.failure, self.ended) = (Some(error), true),
            }
        }
        match self.queue.pop_front() {
            Some(record) => {
                self.bytes -= bytes_of(&record.head);
                Ok(Some(record))
            }
            None => self.failure.take().map_or(Ok(None), Err),
        }
    }

    /// The latest time at which an action that claims `claim_ms` may have happened, if its claim is
    /// not believed.
    pub(super) fn bound_claim(&mut self, claim_ms: i64) -> Option<i64> {
        let ahead = self.queue.iter().filter_map(|one| one.occurred_at_ms);
        self.clock.bound_claim(claim_ms, ahead)
    }

    fn push_record(&mut self, file: usize, head: HeadRecord) {
        let occurred_at_ms = match &head {
            Ok((_, PreparedRecord::Actions { actions, .. })) => {
                actions.first().and_then(|(_, a)| a.occurred_at_ms)
            }
            Ok((_, PreparedRecord::Raw(_) | PreparedRecord::Unmapped { .. })) | Err(_) => None,
        };
        self.bytes += bytes_of(&head);
        self.queue.push_back(AheadRecord {
            file,
            head,
            occurred_at_ms,
        });
    }
}

/// Bytes that a record in the queue takes, about.
fn bytes_of(head: &HeadRecord) -> usize {
    match head {
        Ok((_, PreparedRecord::Raw(bytes) | PreparedRecord::Unmapped { bytes, .. })) => bytes.len(),
        Ok((_, PreparedRecord::Actions { bytes, .. })) => bytes.len().max(1_024),
        Err(_) => 0,
    }
}

/// The newest time that was believed.
#[derive(Debug, Default)]
struct ClaimClock {
    newest_ms: Option<i64>,
}

impl ClaimClock {
    /// `None` if the claim is believed; else the newest time that was.
    fn bound_claim(
        &mut self,
        claim_ms: i64,
        ahead: impl Iterator<Item = i64> + Clone,
    ) -> Option<i64> {
        let newest_ms = self.newest_ms;
        let near = newest_ms.is_some_and(|newest| claim_ms <= newest.saturating_add(AHEAD_MS));
        let is_before = |at_ms: &i64| *at_ms < claim_ms.saturating_sub(AHEAD_MS);
        let before = || ahead.clone().filter(is_before);
        let agreeing = ahead.clone().count() - before().count();
        if near || before().count() <= agreeing {
            self.newest_ms = Some(newest_ms.map_or(claim_ms, |newest| newest.max(claim_ms)));
            return None;
        }
        newest_ms.or_else(|| before().min())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: i64 = AHEAD_MS;

    /// The bounds given to the claims, of which each sees those behind it.
    fn bounds(claims: &[i64]) -> Vec<Option<i64>> {
        let mut clock = ClaimClock::default();
        let each = claims.iter().enumerate();
        each.map(|(n, claim)| clock.bound_claim(*claim, claims[n + 1..].iter().copied()))
            .collect()
    }

    #[test]
    fn a_claim_of_the_far_future_is_not_believed_wherever_it_stands() {
        let far = 18_000 * DAY_MS;
        for at in 0..6 {
            let mut claims: Vec<i64> = (0..8).map(|n| 1_000 + n * 1_000).collect();
            claims.insert(at, far);
            let found = bounds(&claims);
            let expected = if at == 0 { 1_000 } else { at as i64 * 1_000 };
            assert_eq!(found[at], Some(expected), "{at}");
            assert_eq!(found.iter().flatten().count(), 1, "{at}");
        }
        // Several in a row, too, as long as more of the others follow.
        let claims = [0, far, far, far, 10, 20, 30, 40, 50];
        assert_eq!(bounds(&claims).iter().flatten().count(), 3);
    }

    #[test]
    fn an_idle_week_is_believed_and_so_is_history_before_it() {
        let claims = [
            0,
            10,
            7 * DAY_MS,
            7 * DAY_MS + 5,
            3,
            7 * DAY_MS + 9,
            90 * DAY_MS,
        ];
        assert!(bounds(&claims).iter().all(Option::is_none));
    }
}
