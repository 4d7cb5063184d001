//! When agents work: in office hours, around the clock with a daily pattern, or at fixed minutes.

use super::seeded_rng::SeededRng;

pub const SECOND_MS: i64 = 1_000;
pub const MINUTE_MS: i64 = 60 * SECOND_MS;
pub const HOUR_MS: i64 = 60 * MINUTE_MS;
pub const DAY_MS: i64 = 24 * HOUR_MS;

/// The working times of an agent type, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkSchedule {
    /// Monday to Friday, from hour `from` to hour `to`.
    OfficeHours { from: u8, to: u8 },
    /// Day and night, with most activity around noon.
    AroundTheClock,
    /// At fixed times, the same in every period.
    Cron,
    /// Only when another agent spawns it.
    Spawned,
}

/// Activity of an around-the-clock agent by hour of the day. The mean is 1.
const SWELL: [f64; 24] = [
    0.5, 0.4, 0.4, 0.4, 0.5, 0.6, 0.8, 1.0, 1.3, 1.5, 1.6, 1.6, 1.5, 1.6, 1.6, 1.5, 1.3, 1.2, 1.1,
    1.0, 0.8, 0.7, 0.6, 0.5,
];

impl WorkSchedule {
    /// Share of the week in which the agent may work, 0 to 1.
    #[must_use]
    pub fn open_share(self) -> f64 {
        match self {
            WorkSchedule::OfficeHours { from, to } => {
                f64::from(to.saturating_sub(from)) * 5.0 / 168.0
            }
            WorkSchedule::AroundTheClock | WorkSchedule::Cron | WorkSchedule::Spawned => 1.0,
        }
    }

    /// The time at which `wait_ms` of open time have passed since `now_ms`.
    #[must_use]
    pub fn after_open_time(self, now_ms: i64, wait_ms: f64) -> i64 {
        match self {
            WorkSchedule::OfficeHours { from, to } => {
                after_office_time(now_ms, wait_ms as i64, from, to)
            }
            WorkSchedule::AroundTheClock => {
                let hour = usize::try_from(now_ms.rem_euclid(DAY_MS) / HOUR_MS).unwrap_or(0);
                now_ms.saturating_add((wait_ms / SWELL.get(hour).copied().unwrap_or(1.0)) as i64)
            }
            WorkSchedule::Cron | WorkSchedule::Spawned => now_ms.saturating_add(wait_ms as i64),
        }
    }
}

/// ISO weekday of a time in UTC, 1 = Monday. The epoch was a Thursday.
#[must_use]
pub fn weekday(at_ms: i64) -> u8 {
    u8::try_from((at_ms.div_euclid(DAY_MS) + 3).rem_euclid(7) + 1).unwrap_or(1)
}

/// Minute of the day in UTC.
#[must_use]
pub fn minute_of_day(at_ms: i64) -> u16 {
    u16::try_from(at_ms.rem_euclid(DAY_MS) / MINUTE_MS).unwrap_or(0)
}

fn after_office_time(now_ms: i64, wait_ms: i64, from: u8, to: u8) -> i64 {
    let (from_ms, to_ms) = (i64::from(from) * HOUR_MS, i64::from(to) * HOUR_MS);
    let mut left_ms = wait_ms.max(0);
    let mut at_ms = now_ms;
    loop {
        let day_ms = at_ms.div_euclid(DAY_MS) * DAY_MS;
        let open = weekday(at_ms) <= 5;
        let start_ms = at_ms.max(day_ms + from_ms);
        let rest_of_day_ms = day_ms + to_ms - start_ms;
        if open && left_ms < rest_of_day_ms {
            return start_ms + left_ms;
        }
        if open && rest_of_day_ms > 0 {
            left_ms -= rest_of_day_ms;
        }
        at_ms = day_ms + DAY_MS;
    }
}

/// Period and phase of a cron agent. Phases differ, so that agents do not all run at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CronPlan {
    pub period_ms: i64,
    pub phase_ms: i64,
    /// Actions per run.
    pub length: u32,
}

impl CronPlan {
    /// The longest of the usual periods in which a run has at most 400 actions at `rate` actions/s.
    #[must_use]
    pub fn new(rate: f64, rng: &mut SeededRng) -> Self {
        const RUN_MAX: f64 = 400.0;
        let periods = [DAY_MS, HOUR_MS, 10 * MINUTE_MS, MINUTE_MS];
        let run = |period_ms: i64| rate * period_ms as f64 / 1_000.0;
        let period_ms = periods
            .into_iter()
            .find(|p| run(*p) <= RUN_MAX)
            .unwrap_or(MINUTE_MS);
        let slots = period_ms / MINUTE_MS;
        let phase_ms = rng.uniform_between(0, slots - 1) * MINUTE_MS + 2 * SECOND_MS;
        CronPlan {
            period_ms,
            phase_ms,
            length: (run(period_ms) as u32).clamp(2, 100_000),
        }
    }

    /// The first run after `now_ms`, epoch ms.
    #[must_use]
    pub fn next_run_ms(self, now_ms: i64) -> i64 {
        let period = (now_ms - self.phase_ms).div_euclid(self.period_ms) + 1;
        period * self.period_ms + self.phase_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Friday 2026-01-02 16:30 UTC.
    const FRIDAY_MS: i64 = 1_767_371_400_000;

    #[test]
    fn office_time_skips_nights_and_weekends() {
        assert_eq!(
            (weekday(FRIDAY_MS), minute_of_day(FRIDAY_MS)),
            (5, 16 * 60 + 30)
        );
        let office = WorkSchedule::OfficeHours { from: 8, to: 17 };
        let monday = office.after_open_time(FRIDAY_MS, 45.0 * MINUTE_MS as f64);
        assert_eq!((weekday(monday), minute_of_day(monday)), (1, 8 * 60 + 15));
        assert_eq!(office.after_open_time(FRIDAY_MS, 0.0), FRIDAY_MS);
    }

    #[test]
    fn the_swell_has_mean_one() {
        assert!((SWELL.iter().sum::<f64>() / 24.0 - 1.0).abs() < 1e-9);
    }

    #[test]
    fn cron_runs_keep_their_minute() {
        let plan = CronPlan::new(0.01, &mut SeededRng::new(1, 1));
        let (first, second) = (
            plan.next_run_ms(FRIDAY_MS),
            plan.next_run_ms(plan.next_run_ms(FRIDAY_MS)),
        );
        assert!(first > FRIDAY_MS);
        assert_eq!(second - first, plan.period_ms);
    }
}
