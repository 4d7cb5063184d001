//! Drafts working hours, only if the actions show them beyond doubt.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;

use crate::scope::model::working_hours::{LocalTime, local_time};

/// Distinct days with actions before hours are drafted: two weeks of work.
const DAYS_MIN: usize = 14;
/// Actions before hours are drafted.
const ACTIONS_MIN: u64 = 200;
/// The longest span, in hours of the day, that counts as clearly bounded.
const SPAN_MAX: usize = 10;
/// Distinct days that are counted; further ones add no evidence.
const DAYS_KEPT_MAX: usize = 64;
const DAY_MS: i64 = 86_400_000;

/// When a class acted, in UTC.
#[derive(Debug, Clone, Default)]
pub(crate) struct ObservedHours {
    actions: u64,
    /// Some action had no usable time, so no hours can be drafted.
    unknown: bool,
    days: BTreeSet<i64>,
    /// Bit set of hours of the day.
    hours: u32,
    /// Bit set of ISO weekdays.
    weekdays: u8,
}

/// Drafted hours in UTC, whole hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WorkingSpan {
    pub(crate) from_hour: usize,
    pub(crate) to_hour: usize,
    /// No action fell on a weekend.
    pub(crate) weekdays_only: bool,
}

impl ObservedHours {
    pub(crate) fn observe_time(&mut self, occurred_at_ms: Option<i64>) {
        let seen = occurred_at_ms.and_then(|at| Some((at, local_time(at, &TimeZone::UTC)?)));
        let Some((at_ms, LocalTime { weekday, minute })) = seen else {
            self.unknown = true;
            return;
        };
        self.actions += 1;
        self.hours |= 1 << (minute / 60);
        self.weekdays |= 1 << weekday;
        if self.days.len() < DAYS_KEPT_MAX {
            self.days.insert(at_ms.div_euclid(DAY_MS));
        }
    }

    pub(crate) fn merge_from(&mut self, other: &ObservedHours) {
        self.actions += other.actions;
        self.unknown |= other.unknown;
        self.hours |= other.hours;
        self.weekdays |= other.weekdays;
        let left = DAYS_KEPT_MAX.saturating_sub(self.days.len());
        self.days.extend(other.days.iter().take(left));
    }

    /// The span of the actions plus an hour on both sides, if it is at most [`SPAN_MAX`] hours and
    /// does not reach over midnight UTC.
    pub(crate) fn working_span(&self) -> Option<WorkingSpan> {
        if self.unknown || self.days.len() < DAYS_MIN || self.actions < ACTIONS_MIN {
            return None;
        }
        let has = |hour: &usize| self.hours & (1 << hour) != 0;
        let (first, last) = ((0..24).find(has)?, (0..24).rfind(has)?);
        if last + 1 - first > SPAN_MAX || first == 0 || last == 23 {
            return None;
        }
        let weekdays_only = self.weekdays & (1 << 6 | 1 << 7) == 0;
        Some(WorkingSpan {
            from_hour: first - 1,
            to_hour: last + 2,
            weekdays_only,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Twenty actions a day, every hour from `first` to `last`, for `days` days from a Monday.
    fn observed(days: i64, first: i64, last: i64) -> ObservedHours {
        let monday = 1_780_272_000_000; // 2026-06-01T00:00:00Z
        let mut seen = ObservedHours::default();
        for day in 0..days {
            for n in 0..20 {
                let hour = first + n % (last - first + 1);
                seen.observe_time(Some(monday + day * DAY_MS + hour * 3_600_000));
            }
        }
        seen
    }

    #[test]
    fn only_a_clear_span_over_two_weeks_is_drafted() {
        let found = observed(14, 8, 16).working_span();
        assert_eq!(
            found,
            Some(WorkingSpan {
                from_hour: 7,
                to_hour: 18,
                weekdays_only: false
            })
        );
        assert!(observed(5, 8, 16).working_span().is_none(), "too few days");
        assert!(
            observed(14, 6, 20).working_span().is_none(),
            "too long a span"
        );
        assert!(
            observed(14, 0, 5).working_span().is_none(),
            "may reach over midnight"
        );
        let mut unknown = observed(14, 8, 16);
        unknown.observe_time(None);
        assert!(unknown.working_span().is_none(), "an action without a time");
    }
}
