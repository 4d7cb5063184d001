//! Distinguishes two processes with one transactional id from one process that stood still for too
//! long.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Fences within [`WINDOW`] that mean a second process has our transactional id.
const FENCES_MAX: usize = 3;
const WINDOW: Duration = Duration::from_secs(60);
/// A turn of the loop longer than this was a pause: the process stood still.
const PAUSE: Duration = Duration::from_secs(3);

/// The fences of the last minute, and when the loop last turned.
#[derive(Debug)]
pub(super) struct FenceCounter {
    at: VecDeque<Instant>,
    alive_at: Instant,
    /// One fence may follow a pause: the broker has timed our transaction out.
    excused: bool,
}

impl FenceCounter {
    pub fn new(now: Instant) -> Self {
        FenceCounter {
            at: VecDeque::new(),
            alive_at: now,
            excused: false,
        }
    }

    /// Called in every turn and before a fence is counted: notices that the process stood still.
    pub fn note_alive(&mut self, now: Instant) {
        if now.saturating_duration_since(self.alive_at) >= PAUSE {
            self.excused = true;
        }
        self.alive_at = now;
    }

    /// A commit succeeded after the last pause, so the broker has not fenced us for it.
    pub fn note_commit(&mut self) {
        self.excused = false;
    }

    /// Notes a fence; the number of fences within [`WINDOW`] when there were too many.
    pub fn note_fence(&mut self, now: Instant) -> Option<usize> {
        self.note_alive(now);
        if std::mem::take(&mut self.excused) {
            return None;
        }
        self.at.push_back(now);
        while self
            .at
            .front()
            .is_some_and(|at| now.saturating_duration_since(*at) > WINDOW)
        {
            self.at.pop_front();
        }
        Some(self.at.len()).filter(|times| *times >= FENCES_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn three_fences_within_a_minute_are_too_many() {
        let start = Instant::now();
        let mut fences = FenceCounter::new(start);
        assert_eq!(fences.note_fence(start + s(1)), None);
        assert_eq!(fences.note_fence(start + s(2)), None);
        assert_eq!(fences.note_fence(start + s(3)), Some(3));
    }

    #[test]
    fn fences_far_apart_are_not() {
        let start = Instant::now();
        let mut fences = FenceCounter::new(start);
        for n in 0..20 {
            for turn in 0..40 {
                fences.note_alive(start + s(n * 40 + turn));
            }
            assert_eq!(fences.note_fence(start + s(n * 40 + 40)), None);
        }
    }

    #[test]
    fn one_fence_after_a_pause_is_excused() {
        let start = Instant::now();
        let mut fences = FenceCounter::new(start);
        assert_eq!(fences.note_fence(start + s(1)), None);
        assert_eq!(fences.note_fence(start + s(2)), None);
        // Stopped for 20 s, in the middle of a commit: the turn has not ended yet.
        assert_eq!(fences.note_fence(start + s(22)), None);
        assert_eq!(fences.note_fence(start + s(23)), Some(3));
    }
}
