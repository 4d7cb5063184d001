//! Declared working hours, on the wall clock of their zone.
//!
//! Zones come from the database compiled into the program, never from the machine's, so that run
//! and replay agree everywhere.

use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::event::WorkingHours;

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// The zone of an IANA name, such as `Europe/Berlin`.
#[must_use]
pub fn time_zone(name: &str) -> Option<TimeZone> {
    ZONES.get(name).ok()
}

/// A moment on a zone's wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalTime {
    /// ISO weekday, 1 = Monday.
    pub weekday: u8,
    /// Minute of the day, 0 to 1439.
    pub minute: u16,
}

/// The wall clock of `zone` at `at_ms`; `None` outside the years the calendar knows.
#[must_use]
pub fn local_time(at_ms: i64, zone: &TimeZone) -> Option<LocalTime> {
    let civil = zone.to_datetime(Timestamp::from_millisecond(at_ms).ok()?);
    let weekday = u8::try_from(civil.weekday().to_monday_one_offset()).ok()?;
    let minute = i32::from(civil.hour()) * 60 + i32::from(civil.minute());
    Some(LocalTime {
        weekday,
        minute: u16::try_from(minute).ok()?,
    })
}

/// Hours ready to judge by.
#[derive(Debug, Clone)]
pub struct CompiledHours {
    /// Bit `d` for ISO weekday `d`.
    days: u8,
    from_min: u16,
    to_min: u16,
    zone: Option<TimeZone>,
}

impl CompiledHours {
    /// Compiles declared hours; `None` when the zone is unknown.
    #[must_use]
    pub fn compile(hours: &WorkingHours) -> Option<Self> {
        let zone = match &hours.zone {
            Some(name) => Some(time_zone(name)?),
            None => None,
        };
        let named = hours.days.iter().filter(|day| (1..=7).contains(*day));
        let days = named.fold(0, |mask, day| mask | 1 << day);
        let days = if hours.days.is_empty() {
            0b1111_1110
        } else {
            days
        };
        Some(CompiledHours {
            days,
            from_min: hours.from_min,
            to_min: hours.to_min,
            zone,
        })
    }

    /// The wall clock these hours are read on.
    #[must_use]
    pub fn local_time(&self, at_ms: i64, tenant_zone: &TimeZone) -> Option<LocalTime> {
        local_time(at_ms, self.zone.as_ref().unwrap_or(tenant_zone))
    }

    /// Whether the moment lies inside. A span over midnight belongs to the day it starts on.
    #[must_use]
    pub fn contains(&self, at: LocalTime) -> bool {
        let today = self.has_weekday(at.weekday);
        if self.from_min == self.to_min {
            return today;
        }
        if self.from_min < self.to_min {
            return today && (self.from_min..self.to_min).contains(&at.minute);
        }
        let yesterday = self.has_weekday(if at.weekday == 1 { 7 } else { at.weekday - 1 });
        (today && at.minute >= self.from_min) || (yesterday && at.minute < self.to_min)
    }

    fn has_weekday(&self, weekday: u8) -> bool {
        self.days & (1 << weekday) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    fn inside(days: &[u8], from_min: u16, to_min: u16, name: &str, at: &str) -> bool {
        let zone = Some(name.into());
        let hours = CompiledHours::compile(&WorkingHours {
            days: days.to_vec(),
            from_min,
            to_min,
            zone,
        })
        .unwrap();
        hours.contains(hours.local_time(ms(at), &TimeZone::UTC).unwrap())
    }

    #[test]
    fn the_end_is_exclusive_and_the_start_inclusive() {
        let day = |at| inside(&[1, 2, 3, 4, 5], 420, 1140, "UTC", at);
        assert!(!day("2026-06-01T06:59:59Z"));
        assert!(day("2026-06-01T07:00:00Z"));
        assert!(day("2026-06-01T18:59:59Z"));
        assert!(!day("2026-06-01T19:00:00Z"));
        assert!(!day("2026-06-06T12:00:00Z"), "a Saturday");
    }

    #[test]
    fn a_night_belongs_to_the_day_it_starts_on() {
        // Friday night, 22:00 to 06:00; 2026-06-05 is a Friday.
        let night = |at| inside(&[5], 1320, 360, "UTC", at);
        assert!(night("2026-06-05T23:00:00Z"));
        assert!(
            night("2026-06-06T05:59:00Z"),
            "Saturday morning is Friday's night"
        );
        assert!(!night("2026-06-06T06:00:00Z"));
        assert!(
            !night("2026-06-05T05:00:00Z"),
            "Friday morning is Thursday's night"
        );
        // Sunday's night reaches Monday: the week wraps.
        assert!(inside(&[7], 1320, 360, "UTC", "2026-06-08T01:00:00Z"));
    }

    #[test]
    fn equal_ends_are_the_whole_day() {
        assert!(inside(&[1], 0, 0, "UTC", "2026-06-01T23:59:00Z"));
        assert!(!inside(&[1], 0, 0, "UTC", "2026-06-02T00:00:00Z"));
        assert!(inside(&[], 0, 1440, "UTC", "2026-06-02T23:59:00Z"));
    }

    #[test]
    fn daylight_saving_moves_the_hours_with_the_wall_clock() {
        let office = |at| inside(&[], 480, 1020, "Europe/Berlin", at);
        // Winter: 08:00 in Berlin is 07:00 UTC. Summer (from 2026-03-29): 06:00 UTC.
        assert!(!office("2026-03-27T06:30:00Z"));
        assert!(office("2026-03-27T07:00:00Z"));
        assert!(office("2026-03-30T06:30:00Z"));
        // 2026-10-25, 02:30 comes twice; both are inside 02:00 to 03:00.
        let repeated = |at| inside(&[], 120, 180, "Europe/Berlin", at);
        assert!(repeated("2026-10-25T00:30:00Z") && repeated("2026-10-25T01:30:00Z"));
        // 2026-03-29, 02:30 does not exist: 01:59 is followed by 03:00.
        assert!(!repeated("2026-03-29T00:59:00Z") && !repeated("2026-03-29T01:00:00Z"));
    }

    #[test]
    fn an_unknown_zone_does_not_compile_and_an_absurd_time_has_no_wall_clock() {
        let hours = WorkingHours {
            days: vec![],
            from_min: 0,
            to_min: 0,
            zone: Some("Mars/Base".into()),
        };
        assert!(CompiledHours::compile(&hours).is_none());
        assert!(local_time(i64::MAX, &TimeZone::UTC).is_none());
    }
}
