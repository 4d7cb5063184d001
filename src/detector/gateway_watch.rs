//! Which of a gateway's numbers are missing: the state of the gateway's own subject.
//!
//! A number is missing when a greater one came and it did not come within ten minutes after that.
//! Each partition sends the numbers that came to it and its time, and the numbers are judged by the
//! time of the partition that is farthest behind: a partition that is slow makes nothing missing.

use rangemap::RangeSet;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::event::GatewayNotice;

/// How long a number may be late, milliseconds of stream time.
const LATE_MS: i64 = 10 * 60_000;
/// Time between two marks, milliseconds.
const MARK_STEP_MS: i64 = 30_000;
/// Marks that are kept.
const MARKS_MAX: usize = 32;
/// Ranges of numbers that have come and are not judged yet.
const RANGES_MAX: usize = 16_384;
/// Partitions whose time is known.
const PARTITIONS_MAX: usize = 4_096;

/// What is known of the numbers of one gateway.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct GatewayWatch {
    /// Numbers from `judged_to` on that have come.
    seen: RangeSet<u64>,
    /// Smaller numbers are judged, or came before the gateway was watched; `None` before the first.
    judged_to: Option<u64>,
    /// Each says that numbers up to it had come by a stream time.
    marks: SmallVec<[Mark; 2]>,
    /// The stream time of each partition that the gateway's records come to.
    partitions: Vec<(i32, i64)>,
    /// When the greatest number last grew.
    grew_ms: i64,
    /// The greatest number since then that was judged before.
    behind: Option<u64>,
    /// `judged_to` before the gateway seemed to count anew.
    before_restart: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    at_ms: i64,
    greatest: u64,
}

/// Numbers that have not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MissingNumbers {
    pub count: u64,
    pub first: u64,
    pub last: u64,
}

impl GatewayWatch {
    /// Takes over what a partition sends. Returns what is missing by now, and whether numbers had
    /// to be given up unjudged.
    pub fn apply_notice(&mut self, notice: &GatewayNotice) -> (Option<MissingNumbers>, bool) {
        let now_ms = notice.as_of_ms;
        let repeated = !self.note_partition(notice);
        self.note_numbers(notice, now_ms);
        if repeated {
            // Numbers that are sent again say nothing of a gateway that counts anew.
            self.behind = None;
        }
        let missing = self.judge_due();
        self.begin_anew_if_restarted(now_ms);
        let given_up = self.seen.len() > RANGES_MAX;
        if given_up {
            self.give_up();
        }
        (missing, given_up)
    }

    /// Returns whether the notice is later than the last one of its partition.
    fn note_partition(&mut self, notice: &GatewayNotice) -> bool {
        let known = self
            .partitions
            .iter()
            .position(|one| one.0 == notice.partition);
        match known {
            Some(ix) if notice.leaves => {
                self.partitions.swap_remove(ix);
            }
            Some(ix) => {
                let at_ms = &mut self.partitions[ix].1;
                let before_ms = std::mem::replace(at_ms, notice.as_of_ms.max(*at_ms));
                return before_ms < notice.as_of_ms;
            }
            None if notice.leaves || self.partitions.len() >= PARTITIONS_MAX => {}
            None => self.partitions.push((notice.partition, notice.as_of_ms)),
        }
        true
    }

    fn note_numbers(&mut self, notice: &GatewayNotice, now_ms: i64) {
        let before = self.greatest();
        for number in notice.numbers() {
            if self.before_restart.is_some_and(|to| to <= number) {
                self.go_on_as_before();
            }
            let judged_to = *self.judged_to.get_or_insert(number);
            // The end of a range must be a number too.
            match (judged_to..u64::MAX).contains(&number) {
                true => self.seen.insert(number..number + 1),
                false => self.behind = self.behind.max(Some(number)),
            }
        }
        let greatest = self.greatest();
        if greatest > before {
            self.grew_ms = self.grew_ms.max(now_ms);
            self.behind = None;
        }
        self.pass_complete();
        if let Some(range) = self.seen.last() {
            self.add_mark(Mark {
                at_ms: now_ms,
                greatest: range.end - 1,
            });
        }
    }

    fn greatest(&self) -> Option<u64> {
        let last = self.seen.last().map(|range| range.end - 1);
        last.max(self.judged_to.and_then(|to| to.checked_sub(1)))
    }

    fn add_mark(&mut self, mark: Mark) {
        let room = self.marks.len() < MARKS_MAX;
        match self.marks.last_mut() {
            Some(last) if last.greatest >= mark.greatest => {}
            Some(last) if mark.at_ms < last.at_ms.saturating_add(MARK_STEP_MS) => {
                // A greater number at the time of the last mark or before has been passed no
                // earlier than the mark says.
                if mark.at_ms <= last.at_ms {
                    last.greatest = mark.greatest;
                }
            }
            Some(last) if !room => *last = mark,
            _ => self.marks.push(mark),
        }
    }

    /// Numbers without a gap from `judged_to` on need no judging.
    fn pass_complete(&mut self) {
        if let (Some(to), Some(first)) = (self.judged_to, self.seen.first().cloned())
            && first.start <= to
        {
            self.judged_to = Some(first.end);
            self.seen.remove(first);
        }
    }

    /// Judges what has been passed for long enough in every partition.
    fn judge_due(&mut self) -> Option<MissingNumbers> {
        let slowest_ms = self.partitions.iter().map(|(_, at_ms)| *at_ms).min()?;
        let due_ms = slowest_ms.saturating_sub(LATE_MS);
        let passed = self.marks.iter().take_while(|mark| mark.at_ms <= due_ms);
        let (count, to) = (passed.clone().count(), passed.last()?.greatest);
        self.marks.drain(..count);
        let from = self.judged_to.filter(|from| *from < to)?;
        let mut missing: Option<MissingNumbers> = None;
        for gap in self.seen.gaps(&(from..to)) {
            let so_far = missing.get_or_insert(MissingNumbers {
                count: 0,
                first: gap.start,
                last: gap.start,
            });
            so_far.count += gap.end - gap.start;
            so_far.last = gap.end - 1;
        }
        self.seen.remove(from..to);
        self.judged_to = Some(to);
        self.pass_complete();
        missing
    }

    /// A gateway that only sends numbers that are judged already seems to count anew: or a record
    /// was repeated while nothing happened.
    fn begin_anew_if_restarted(&mut self, now_ms: i64) {
        // Only when nothing is left to be judged.
        if let Some(behind) = self.behind
            && self.seen.is_empty()
            && now_ms.saturating_sub(self.grew_ms) >= LATE_MS
        {
            self.marks.clear();
            self.before_restart = self.before_restart.max(self.judged_to);
            self.judged_to = Some(behind.saturating_add(1));
            self.behind = None;
            self.grew_ms = now_ms;
        }
    }

    /// The gateway did not count anew: the numbers between are not missing.
    fn go_on_as_before(&mut self) {
        self.judged_to = self.before_restart.take();
        self.seen.clear();
        self.marks.clear();
    }

    /// Forgets what is not judged: it takes more room than a gateway may have.
    fn give_up(&mut self) {
        self.judged_to = self.greatest().map(|greatest| greatest.saturating_add(1));
        self.seen.clear();
        self.marks.clear();
    }
}

#[cfg(test)]
mod tests;
