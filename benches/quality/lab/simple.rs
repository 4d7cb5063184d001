//! Simple detectors on the same minutes: each has one threshold and one floor, both tuned on seeds
//! of their own.

use super::fleet::{DAY, HOUR, SimAgent};

/// Nothing alarms before so many minutes are known.
const LEARNING: i64 = 3 * DAY;
/// Alarms within so many minutes of the last one belong to its incident.
const QUIET: i64 = HOUR;
/// The floors that are tried: a minute with fewer actions never alarms.
pub const FLOORS: [u16; 3] = [0, 5, 20];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SimpleKind {
    Static,
    ZScore,
    Ewma,
    HourOfWeek,
    Quantile,
}

impl SimpleKind {
    pub const ALL: [SimpleKind; 5] = [
        SimpleKind::Static,
        SimpleKind::ZScore,
        SimpleKind::Ewma,
        SimpleKind::HourOfWeek,
        SimpleKind::Quantile,
    ];

    pub fn name(self) -> &'static str {
        match self {
            SimpleKind::Static => "static",
            SimpleKind::ZScore => "z-score",
            SimpleKind::Ewma => "EWMA",
            SimpleKind::HourOfWeek => "hour of week",
            SimpleKind::Quantile => "quantile",
        }
    }

    /// The thresholds that are tried.
    pub fn thresholds(self) -> &'static [f64] {
        match self {
            SimpleKind::Static => &[
                5.0, 8.0, 12.0, 18.0, 25.0, 35.0, 50.0, 70.0, 90.0, 110.0, 130.0, 150.0,
            ],
            SimpleKind::ZScore | SimpleKind::Ewma | SimpleKind::HourOfWeek => &[
                3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 13.0, 17.0, 22.0, 30.0, 45.0, 70.0,
            ],
            SimpleKind::Quantile => &[1.0, 1.2, 1.5, 1.8, 2.2, 2.7, 3.3, 4.0, 5.0, 7.0, 10.0, 15.0],
        }
    }
}

/// Moments that forget.
#[derive(Clone, Copy, Default)]
struct Moments {
    mean: f64,
    variance: f64,
    count: f64,
}

impl Moments {
    fn learn(&mut self, value: f64, weight_min: f64) {
        self.count += 1.0;
        let weight = (1.0 / self.count).max(weight_min);
        let off = value - self.mean;
        self.mean += weight * off;
        self.variance = (1.0 - weight) * (self.variance + weight * off * off);
    }

    /// Deviations from the mean; zero while less than an hour is known.
    fn score(&self, value: f64) -> f64 {
        match self.count >= HOUR as f64 {
            true => (value - self.mean) / (self.variance.sqrt() + 0.1),
            false => 0.0,
        }
    }
}

/// What one detector knows of one agent.
struct Knowledge {
    kind: SimpleKind,
    moments: Vec<Moments>,
    histogram: Vec<u32>,
}

impl Knowledge {
    fn new(kind: SimpleKind) -> Self {
        let bins = if kind == SimpleKind::HourOfWeek {
            168
        } else {
            1
        };
        Knowledge {
            kind,
            moments: vec![Moments::default(); bins],
            histogram: vec![0; 256],
        }
    }

    fn bin(&self, local: i64) -> usize {
        match self.kind {
            SimpleKind::HourOfWeek => (local / HOUR).rem_euclid(168) as usize,
            _ => 0,
        }
    }

    fn score(&self, value: f64, local: i64, quantile: f64) -> f64 {
        match self.kind {
            SimpleKind::Static => value,
            SimpleKind::Quantile => (value + 1.0) / (quantile + 1.0),
            _ => self.moments[self.bin(local)].score(value),
        }
    }

    fn learn(&mut self, value: f64, local: i64) {
        let (bin, weight_min) = (self.bin(local), self.weight_min());
        self.moments[bin].learn(value, weight_min);
        self.histogram[(value as usize).min(255)] += 1;
    }

    fn weight_min(&self) -> f64 {
        match self.kind {
            // A half-life of a day.
            SimpleKind::Ewma => 1.0 - 0.5_f64.powf(1.0 / DAY as f64),
            _ => 0.0,
        }
    }

    /// The value that one minute in a thousand exceeds.
    fn high_quantile(&self) -> f64 {
        let all: u32 = self.histogram.iter().sum();
        let mut left = all / 1_000;
        for (value, count) in self.histogram.iter().enumerate().rev() {
            if *count > left {
                return value as f64;
            }
            left -= count;
        }
        0.0
    }
}

/// The incidents of one detector on one agent: for each floor and threshold, their first minutes.
pub fn incidents(kind: SimpleKind, agent: &SimAgent) -> Vec<Vec<i64>> {
    let thresholds = kind.thresholds();
    let mut found = vec![Vec::new(); FLOORS.len() * thresholds.len()];
    let mut last = vec![i64::MIN / 2; found.len()];
    let mut known = Knowledge::new(kind);
    let mut quantile = 0.0;
    for (minute, count) in agent.counts.iter().enumerate() {
        let minute = minute as i64;
        let local = agent.zone.local(minute);
        let value = f64::from(*count);
        if kind == SimpleKind::Quantile && minute % HOUR == 0 {
            quantile = known.high_quantile();
        }
        if minute >= LEARNING && *count > 0 {
            let score = known.score(value, local, quantile);
            for (index, last) in last.iter_mut().enumerate() {
                let floor = FLOORS[index / thresholds.len()];
                if *count < floor || score <= thresholds[index % thresholds.len()] {
                    continue;
                }
                if minute - *last > QUIET {
                    found[index].push(minute);
                }
                *last = minute;
            }
        }
        known.learn(value, local);
    }
    found
}
