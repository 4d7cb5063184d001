//! The distinct values of one window of a limit: exact while there are few, a sample beyond.
//!
//! The sample is chosen by hash: of all values those below a threshold are kept, and their number
//! is scaled up. Unlike counters that only grow, such a sample forgets what leaves the window, and
//! it is the same list that counts exactly while the threshold is open.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::pane_clock::{PANES, PaneClock, is_counted};

/// Values that a limit with a lower maximum never exceeds unnoticed: up to so many, every window is
/// counted exactly.
pub const EXACT_MAX: usize = 512;
/// Values kept of one window whose limit is higher. The count of a larger window is an estimate
/// with a standard error of 1.6 %.
pub const SAMPLE_MAX: usize = 4_096;
/// Values that are kept at least of a window with a low limit.
const KEPT_MIN: usize = 64;

/// The values seen in a window, in the order in which they arrived.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct DistinctValues {
    /// Panes are stored as distances from this one.
    base: i64,
    seen: Vec<SeenValue>,
    /// The newest pane of a value.
    newest: i64,
    /// Only values whose hash is not above this are kept.
    threshold: u64,
    /// The lower threshold that was in force until some pane, if it was raised after that.
    lower_until: Option<(u64, i64)>,
}

/// A value, and the first and the last pane in which it was seen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct SeenValue {
    #[serde(with = "postcard::fixint::le")]
    hash: u64,
    first: u32,
    span: u32,
}

impl SeenValue {
    fn last(&self) -> u32 {
        self.first.saturating_add(self.span)
    }
}

/// How many values are kept for a limit with this maximum.
pub(super) fn values_kept_max(max: f64) -> usize {
    if max >= EXACT_MAX as f64 {
        return SAMPLE_MAX;
    }
    // A window that is exceeded, and as many values of late actions.
    let exceeded = (max as usize).saturating_add(1);
    (2 * exceeded).max(KEPT_MIN)
}

impl DistinctValues {
    pub(super) fn new(pane: i64, clock: PaneClock) -> Self {
        DistinctValues {
            base: pane.saturating_sub(clock.panes_kept()),
            seen: Vec::new(),
            newest: pane,
            threshold: u64::MAX,
            lower_until: None,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.seen.len()
    }

    /// The newest pane of a value.
    pub(super) fn newest_pane(&self) -> Option<i64> {
        (!self.seen.is_empty()).then_some(self.newest)
    }

    /// The distinct values, one with this hash included, of the fullest window that contains the
    /// pane. Late values add to windows that have passed.
    pub(super) fn count_with(&self, hash: u64, pane: i64) -> f64 {
        let mut greatest = self.count_at(hash, pane);
        if pane >= self.newest {
            return greatest;
        }
        let mut ends: smallvec::SmallVec<[i64; PANES as usize]> = smallvec::SmallVec::new();
        for seen in &self.seen {
            for end in [self.pane_of(seen.first), self.pane_of(seen.last())] {
                if end > pane && is_counted(pane, end) && !ends.contains(&end) {
                    ends.push(end);
                }
            }
        }
        for end in ends {
            greatest = greatest.max(self.count_at(hash, end));
        }
        greatest
    }

    /// The distinct values of the window that ends with pane `end`, one with this hash included.
    fn count_at(&self, hash: u64, end: i64) -> f64 {
        let threshold = self.threshold_at(end);
        let counted = |seen: &&SeenValue| {
            seen.hash <= threshold
                && seen.hash != hash
                && (is_counted(self.pane_of(seen.first), end)
                    || is_counted(self.pane_of(seen.last()), end))
        };
        let others = self.seen.iter().filter(counted).count();
        let all = others + usize::from(hash <= threshold);
        // 1 while every value is kept.
        let scale = u64::MAX as f64 / threshold as f64;
        (all as f64 * scale).max(1.0)
    }

    /// Adds a value. At most `kept_max` values are kept.
    pub(super) fn note_value(&mut self, hash: u64, pane: i64, clock: PaneClock, kept_max: usize) {
        if pane > self.newest {
            self.newest = pane;
            self.expire_values(clock);
            self.raise_threshold(kept_max);
        }
        if hash > self.threshold || pane <= self.newest.saturating_sub(clock.panes_kept()) {
            return;
        }
        let pane = self.distance_of(pane);
        if let Some(known) = self.seen.iter_mut().find(|seen| seen.hash == hash) {
            let last = known.last().max(pane);
            known.first = known.first.min(pane);
            known.span = last - known.first;
            return;
        }
        self.seen.push(SeenValue {
            hash,
            first: pane,
            span: 0,
        });
        if self.seen.len() > kept_max {
            self.expire_values(clock);
            self.drop_passed(kept_max);
            match kept_max < SAMPLE_MAX {
                true => self.drop_least_recent(kept_max),
                false => self.lower_threshold(kept_max - kept_max / 16),
            }
        }
    }

    /// Keeps at most `kept_max` values, whatever the limit: those of passed windows go first, then
    /// the window becomes a smaller sample.
    pub(super) fn thin_out(&mut self, kept_max: usize) {
        self.drop_passed(kept_max);
        self.lower_threshold(kept_max);
    }

    /// Forgets the values that no late action can reach any more.
    fn expire_values(&mut self, clock: PaneClock) {
        let oldest = self.distance_of(self.newest.saturating_sub(clock.panes_kept()));
        self.seen.retain(|seen| seen.last() > oldest);
    }

    /// Drops values that left the newest window, those that arrived first.
    fn drop_passed(&mut self, kept_max: usize) {
        let mut extra = self.seen.len().saturating_sub(kept_max);
        let start = self.distance_of(self.newest.saturating_sub(PANES));
        self.seen.retain(|seen| {
            let drops = extra > 0 && seen.last() <= start;
            extra -= usize::from(drops);
            !drops
        });
    }

    /// Drops the least recent values: one more than the limit allows suffices to see it exceeded.
    fn drop_least_recent(&mut self, kept_max: usize) {
        while self.seen.len() > kept_max {
            let oldest = self.seen.iter().enumerate();
            let Some((index, _)) = oldest.min_by_key(|(_, seen)| seen.last()) else {
                return;
            };
            self.seen.remove(index);
        }
    }

    /// Lowers the threshold so that at most `kept_max` values are below it.
    fn lower_threshold(&mut self, kept_max: usize) {
        if self.seen.len() <= kept_max {
            return;
        }
        let mut hashes: Vec<u64> = self.seen.iter().map(|seen| seen.hash).collect();
        let (_, threshold, _) = hashes.select_nth_unstable(kept_max.saturating_sub(1));
        self.threshold = *threshold;
        self.seen.retain(|seen| seen.hash <= self.threshold);
    }

    /// Lets more values in again when the newest window has become small. Windows that reach back
    /// before this pane are still counted with the lower threshold.
    fn raise_threshold(&mut self, kept_max: usize) {
        let still_lower = self
            .lower_until
            .is_some_and(|(_, until)| is_counted(until, self.newest));
        if self.threshold == u64::MAX || still_lower || self.seen.len() > kept_max / 4 {
            return;
        }
        self.lower_until = Some((self.threshold, self.newest.saturating_sub(1)));
        // Half of what may be kept, if as many values come as are known now.
        let factor = kept_max / 2 / self.seen.len().max(1);
        self.threshold = self.threshold.saturating_mul(factor.max(2) as u64);
    }

    /// The threshold of the window that ends with pane `end`.
    fn threshold_at(&self, end: i64) -> u64 {
        match self.lower_until {
            Some((lower, until)) if until > end.saturating_sub(PANES) => lower.min(self.threshold),
            _ => self.threshold,
        }
    }

    fn pane_of(&self, distance: u32) -> i64 {
        self.base.saturating_add(i64::from(distance))
    }

    fn distance_of(&self, pane: i64) -> u32 {
        let distance = pane.saturating_sub(self.base);
        u32::try_from(distance.max(0)).unwrap_or(u32::MAX)
    }
}
