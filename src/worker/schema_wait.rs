//! How long a partition waits for a schema that its records name and nobody has configured. One
//! record must not keep all others of the partition waiting for ever, and neither must many records
//! that name one unknown schema after the other.

use std::time::{Duration, Instant};

/// For this long after a wait without success, no unknown schema is waited for.
const REST: Duration = Duration::from_secs(3_600);

/// The waits of one partition.
#[derive(Debug, Default)]
pub(super) struct SchemaWait {
    since: Option<Instant>,
    /// When the last wait ended without the schema.
    ended_at: Option<Instant>,
}

impl SchemaWait {
    /// A record waits for its schema; how much longer it may. Zero: it becomes a dead letter.
    pub fn time_left(&mut self, within: Duration, now: Instant) -> Duration {
        let rests = |at: Instant| now.saturating_duration_since(at) < REST;
        if self.ended_at.is_some_and(rests) {
            return Duration::ZERO;
        }
        let since = *self.since.get_or_insert(now);
        let left = within.saturating_sub(now.saturating_duration_since(since));
        if left.is_zero() {
            self.since = None;
            self.ended_at = Some(now);
        }
        left
    }

    /// No record waits.
    pub fn note_progress(&mut self) {
        self.since = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn many_records_wait_no_longer_than_one_does_within_an_hour() {
        let (start, within) = (Instant::now(), s(60));
        let mut wait = SchemaWait::default();
        assert_eq!(wait.time_left(within, start), s(60));
        assert_eq!(wait.time_left(within, start + s(59)), s(1));
        assert_eq!(wait.time_left(within, start + s(60)), s(0));
        for n in 0..1_000 {
            let now = start + s(60) + Duration::from_millis(n * 3_599);
            assert_eq!(wait.time_left(within, now), s(0));
        }
        let later = start + s(60) + REST;
        assert_eq!(wait.time_left(within, later), s(60));
    }

    #[test]
    fn a_schema_that_came_in_time_leaves_the_next_its_whole_time() {
        let (start, within) = (Instant::now(), s(60));
        let mut wait = SchemaWait::default();
        wait.time_left(within, start);
        wait.note_progress();
        assert_eq!(wait.time_left(within, start + s(50)), s(60));
        assert_eq!(wait.time_left(Duration::ZERO, start + s(51)), s(0));
    }
}
