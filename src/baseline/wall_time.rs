//! Local time of a pane: what seasons and habits go by.

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
const MINUTES_PER_DAY: u16 = 1_440;
/// The first day of the epoch was a Thursday, the fourth day of a week that starts on Monday.
const EPOCH_WEEKDAY: i64 = 3;

/// Milliseconds by which local time is ahead of UTC, at a time.
pub type LocalOffset<'a> = &'a dyn Fn(i64) -> i64;

/// When a pane starts by the tenant's clock on the wall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WallTime {
    /// Days since 1970-01-01.
    pub day: i64,
    pub minute: u16,
    is_weekend: bool,
}

impl WallTime {
    /// The local times at `first_ms` and at each of the hours after it.
    pub fn hours(
        first_ms: i64,
        hours: i64,
        offset: LocalOffset<'_>,
    ) -> impl Iterator<Item = WallTime> {
        let last_ms = first_ms.saturating_add((hours - 1).saturating_mul(HOUR_MS));
        let steady = offset(first_ms) == offset(last_ms);
        let mut next = WallTime::new(first_ms, offset);
        (0..hours).map(move |hour| {
            let wall = next;
            next = match steady {
                true => wall.next_hour(),
                false => {
                    let at_ms = first_ms.saturating_add((hour + 1).saturating_mul(HOUR_MS));
                    WallTime::new(at_ms, offset)
                }
            };
            wall
        })
    }

    pub fn new(at_ms: i64, offset: LocalOffset<'_>) -> Self {
        let local_ms = at_ms.saturating_add(offset(at_ms));
        let minute = (local_ms.rem_euclid(DAY_MS) / 60_000) as u16;
        WallTime::at(local_ms.div_euclid(DAY_MS), minute)
    }

    /// A minute of a day since 1970-01-01.
    pub fn at(day: i64, minute: u16) -> Self {
        let is_weekend = day.saturating_add(EPOCH_WEEKDAY).rem_euclid(7) >= 5;
        WallTime {
            day,
            minute,
            is_weekend,
        }
    }

    /// The same minute of the next hour, where the clock does not change.
    pub fn next_hour(self) -> Self {
        let minute = self.minute + 60;
        match minute < MINUTES_PER_DAY {
            true => WallTime { minute, ..self },
            false => WallTime::at(self.day.saturating_add(1), minute - MINUTES_PER_DAY),
        }
    }

    pub fn hour(self) -> usize {
        usize::from(self.minute / 60).min(23)
    }

    pub fn is_weekend(self) -> bool {
        self.is_weekend
    }
}

/// Local time that is UTC.
pub const UTC: LocalOffset<'static> = &|_| 0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_time_follows_the_offset() {
        let saturday_ms = 1_700_265_600_000; // 2023-11-18 00:00 UTC
        let utc = WallTime::new(saturday_ms, UTC);
        assert_eq!((utc.hour(), utc.is_weekend()), (0, true));
        let west = WallTime::new(saturday_ms, &|_| -HOUR_MS);
        assert_eq!(
            (west.minute, west.is_weekend(), utc.day - west.day),
            (23 * 60, false, 1)
        );
        let winter = |at_ms| {
            if at_ms < saturday_ms + 3 * HOUR_MS {
                2 * HOUR_MS
            } else {
                HOUR_MS
            }
        };
        for offset in [UTC, &winter, &|_| -5 * HOUR_MS - 1_800_000] {
            let each = (0..12).map(|hour| WallTime::new(saturday_ms + hour * HOUR_MS, offset));
            assert!(WallTime::hours(saturday_ms, 12, offset).eq(each));
        }
        for extreme in [i64::MIN, i64::MAX] {
            assert_eq!(WallTime::hours(extreme, 12, UTC).count(), 12);
            assert!(WallTime::new(extreme, &|_| HOUR_MS).hour() < 24);
        }
    }
}
