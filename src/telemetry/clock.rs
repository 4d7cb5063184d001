//! The wall clock. It serves measurements and look-ups; judgement takes its time from the records.

use std::time::{SystemTime, UNIX_EPOCH};

/// The time of the wall clock, epoch milliseconds.
#[must_use]
pub fn wall_clock_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
