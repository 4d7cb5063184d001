//! Local time of a pane: what seasons and habits go by.

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
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
}

impl WallTime {
    pub fn new(at_ms: i64, offset: LocalOffset<'_>) -> Self {
        let local_ms = at_ms.saturating_add(offset(at_ms));
        WallTime {
            day: local_ms.div_euclid(DAY_MS),
            minute: (local_ms.rem_euclid(DAY_MS) / 60_000) as u16,
        }
    }

    pub fn hour(self) -> usize {
        usize::from(self.minute / 60).min(23)
    }

    pub fn is_weekend(self) -> bool {
        (self.day + EPOCH_WEEKDAY).rem_euclid(7) >= 5
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
        for extreme in [i64::MIN, i64::MAX] {
            assert!(WallTime::new(extreme, &|_| HOUR_MS).hour() < 24);
        }
    }
}
