//! Honest agents as counts of actions a minute, of five families.

use super::attacks::Attack;
use super::random::Random;

pub const MINUTE_MS: i64 = 60_000;
pub const HOUR: i64 = 60;
pub const DAY: i64 = 24 * HOUR;
/// Monday 2026-03-09, 00:00 UTC.
pub const START_MS: i64 = 1_773_014_400_000;
/// The minute at which the clocks of Berlin go forward: Sunday 2026-03-29, 01:00 UTC.
pub const CLOCK_CHANGE: i64 = 20 * DAY + HOUR;
/// When a daily job runs, minutes of the day.
const JOB_MINUTE: i64 = 6 * HOUR;

/// How an agent works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// Something in nearly every minute, more by day.
    Service,
    /// Tasks of many actions in office hours.
    Office,
    /// A few small tasks a day.
    Sparse,
    /// A job every 10 to 60 minutes.
    Cron,
    /// A large job at 06:00, and little else.
    Daily,
}

impl Family {
    pub const ALL: [Family; 5] = [
        Family::Service,
        Family::Office,
        Family::Sparse,
        Family::Cron,
        Family::Daily,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Family::Service => "service",
            Family::Office => "office",
            Family::Sparse => "sparse",
            Family::Cron => "cron",
            Family::Daily => "daily job",
        }
    }
}

/// The time zone of an agent's tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zone {
    Utc,
    Berlin,
}

impl Zone {
    /// The tenant's id.
    pub fn tenant(self) -> &'static str {
        match self {
            Zone::Utc => "reykjavik",
            Zone::Berlin => "berlin",
        }
    }

    /// The local minute of a minute since the start.
    pub fn local(self, minute: i64) -> i64 {
        match self {
            Zone::Utc => minute,
            Zone::Berlin if minute < CLOCK_CHANGE => minute + HOUR,
            Zone::Berlin => minute + 2 * HOUR,
        }
    }

    /// The minute since the start of a local minute.
    fn minute_of_local(self, local: i64) -> i64 {
        match self {
            Zone::Utc => local,
            Zone::Berlin if local < CLOCK_CHANGE + HOUR => local - HOUR,
            Zone::Berlin => local - 2 * HOUR,
        }
    }
}

/// An agent and what it does.
#[derive(Debug, Clone)]
pub struct SimAgent {
    pub number: usize,
    pub family: Family,
    pub zone: Zone,
    /// A daily job that ignores the clocks of its tenant.
    pub pinned_to_utc: bool,
    /// Actions in each minute.
    pub counts: Vec<u16>,
    pub attack: Option<Attack>,
}

impl SimAgent {
    pub fn id(&self) -> String {
        format!(
            "{}-{:04}",
            self.family.name().replace(' ', "-"),
            self.number
        )
    }

    /// An honest agent over `days`.
    pub fn new(number: usize, family: Family, days: i64, seed: u64) -> Self {
        let mut random = Random::new(seed, number as u64 + 1);
        let zone = *random.choose(&[Zone::Utc, Zone::Berlin]);
        let pinned_to_utc = zone == Zone::Berlin && random.happens(0.5);
        let mut agent = SimAgent {
            number,
            family,
            zone,
            pinned_to_utc,
            counts: vec![0; (days * DAY) as usize],
            attack: None,
        };
        match family {
            Family::Service => agent.serve(&mut random),
            Family::Office => agent.work_in_office(&mut random),
            Family::Sparse => {
                let tasks = random.between(1.0, 6.0);
                agent.do_small_tasks(tasks, &mut random);
            }
            Family::Cron => agent.run_cron(&mut random),
            Family::Daily => agent.run_daily(&mut random),
        }
        agent
    }

    pub fn add(&mut self, minute: i64, count: u32) {
        let slot = usize::try_from(minute).ok();
        if let Some(slot) = slot.and_then(|slot| self.counts.get_mut(slot)) {
            *slot = slot.saturating_add(count.min(60_000) as u16);
        }
    }

    pub fn count_at(&self, minute: i64) -> u32 {
        let slot = usize::try_from(minute).ok();
        slot.and_then(|slot| self.counts.get(slot))
            .map_or(0, |count| u32::from(*count))
    }

    /// Minutes from this one on in which it does nothing.
    pub fn idle_minutes(&self, from: i64) -> i64 {
        let minutes = from..self.minutes();
        minutes
            .take_while(|minute| self.count_at(*minute) == 0)
            .count() as i64
    }

    fn minutes(&self) -> i64 {
        self.counts.len() as i64
    }

    fn serve(&mut self, random: &mut Random) {
        let rate = random.lognormal(1.6, 0.4).clamp(0.8, 4.0);
        let swing = random.between(0.1, 0.6);
        let weekend = random.between(0.6, 1.0);
        let mut noise = 1.0;
        for minute in 0..self.minutes() {
            let local = self.zone.local(minute);
            if local % HOUR == 0 {
                noise = random.lognormal(1.0, 0.15);
            }
            let hour = (local % DAY) as f64 / HOUR as f64;
            let by_day = 1.0 + swing * ((hour - 14.0) / 24.0 * std::f64::consts::TAU).cos();
            let by_week = if is_weekend(local) { weekend } else { 1.0 };
            let count = random.poisson(rate * by_day * by_week * noise);
            self.add(minute, count);
        }
    }

    fn work_in_office(&mut self, random: &mut Random) {
        let tasks = random.between(6.0, 20.0);
        for local_day in 0..=self.minutes() / DAY {
            if is_weekend(local_day * DAY) {
                continue;
            }
            for _ in 0..random.poisson(tasks) {
                let start = local_day * DAY + random.between(8.0, 18.0 - 0.2).mul_hours();
                let heavy = random.happens(0.1);
                let minutes = random.between(3.0, 25.0) * if heavy { 2.5 } else { 1.0 };
                let rate = random.lognormal(2.5, 0.5).min(8.0);
                for step in 0..minutes as i64 {
                    let count = random.poisson(rate);
                    self.add(self.zone.minute_of_local(start + step), count);
                }
            }
        }
    }

    fn do_small_tasks(&mut self, tasks: f64, random: &mut Random) {
        for local_day in 0..=self.minutes() / DAY {
            for _ in 0..random.poisson(tasks) {
                let start = local_day * DAY + random.between(6.0, 22.0).mul_hours();
                for step in 0..1 + random.below(3) as i64 {
                    let count = 1 + random.poisson(2.0);
                    self.add(self.zone.minute_of_local(start + step), count);
                }
            }
        }
    }

    fn run_cron(&mut self, random: &mut Random) {
        let period = *random.choose(&[10_i64, 15, 30, 60]);
        let size = random.between(3.0, 20.0);
        let first = random.below(period as u64) as i64;
        for start in (first..self.minutes()).step_by(period as usize) {
            let count = (size * random.between(0.8, 1.2)).round() as u32;
            self.add(start, count.max(1));
        }
    }

    fn run_daily(&mut self, random: &mut Random) {
        let size = random.between(60.0, 240.0);
        let minutes = 3 + random.below(4) as i64;
        for day in 0..=self.minutes() / DAY {
            let local = day * DAY + JOB_MINUTE;
            let start = match self.pinned_to_utc {
                true => local,
                false => self.zone.minute_of_local(local),
            };
            let today = size * random.between(0.85, 1.15);
            for step in 0..minutes {
                let count = random.poisson(today / minutes as f64);
                self.add(start + step, count);
            }
        }
        self.do_small_tasks(2.0, random);
    }

    /// Actions in a typical active minute, before a minute.
    pub fn typical(&self, before: i64) -> f64 {
        let known = &self.counts[..before as usize];
        let mut active: Vec<u16> = known.iter().copied().filter(|count| *count > 0).collect();
        active.sort_unstable();
        active
            .get(active.len() / 2)
            .map_or(1.0, |count| f64::from(*count))
    }

    /// Actions a minute in the eight busiest hours of the day, before a minute.
    pub fn busy_rate(&self, before: i64) -> f64 {
        let mut hours = [0.0_f64; 24];
        for (minute, count) in self.counts[..before as usize].iter().enumerate() {
            hours[minute / 60 % 24] += f64::from(*count);
        }
        hours.sort_by(|a, b| b.total_cmp(a));
        let days = (before as f64 / DAY as f64).max(1.0);
        hours[..8].iter().sum::<f64>() / (8.0 * 60.0 * days)
    }
}

/// Whether a local minute is on a Saturday or Sunday; the first day is a Monday.
fn is_weekend(local: i64) -> bool {
    local.div_euclid(DAY).rem_euclid(7) >= 5
}

/// Hours as whole minutes.
trait Hours {
    fn mul_hours(self) -> i64;
}

impl Hours for f64 {
    fn mul_hours(self) -> i64 {
        (self * HOUR as f64) as i64
    }
}
