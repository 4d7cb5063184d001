//! Stand-ins for public series: values at a fixed spacing, with the rows of their anomalies. Half
//! of the families look like measurements of machines, half like counts of a production system.

use super::random::Random;

/// A kind of series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SeriesFamily {
    /// Noise around a level that moves, for good or for hours.
    LevelChanges,
    /// A day and a week of half hours, with odd days.
    SeasonalCounts,
    /// Noise with single values far outside.
    Spikes,
    /// Load of a machine with jobs that belong to it.
    NoisyCloud,
    /// A temperature that wanders, then breaks in.
    Wandering,
    /// Large hourly counts with a day and a week; short peaks and drops.
    HourlyLarge,
    /// Small hourly counts, many of them zero at night.
    HourlySmall,
    /// Counts of five minutes with a daily batch; short peaks and drops.
    FiveMinutes,
}

impl SeriesFamily {
    pub const ALL: [SeriesFamily; 8] = [
        SeriesFamily::LevelChanges,
        SeriesFamily::SeasonalCounts,
        SeriesFamily::Spikes,
        SeriesFamily::NoisyCloud,
        SeriesFamily::Wandering,
        SeriesFamily::HourlyLarge,
        SeriesFamily::HourlySmall,
        SeriesFamily::FiveMinutes,
    ];

    pub fn name(self) -> &'static str {
        match self {
            SeriesFamily::LevelChanges => "level changes",
            SeriesFamily::SeasonalCounts => "seasonal counts, 30 min",
            SeriesFamily::Spikes => "spikes",
            SeriesFamily::NoisyCloud => "noisy cloud metric",
            SeriesFamily::Wandering => "wandering temperature",
            SeriesFamily::HourlyLarge => "large hourly counts",
            SeriesFamily::HourlySmall => "small hourly counts",
            SeriesFamily::FiveMinutes => "counts of five minutes",
        }
    }

    /// Whether it stands for counts of production monitoring, and not for the novelty corpus.
    pub fn is_monitoring(self) -> bool {
        matches!(
            self,
            SeriesFamily::HourlyLarge | SeriesFamily::HourlySmall | SeriesFamily::FiveMinutes
        )
    }

    /// Minutes between two rows, and rows.
    fn shape(self) -> (i64, usize) {
        match self {
            SeriesFamily::SeasonalCounts => (30, 5_000),
            SeriesFamily::HourlyLarge | SeriesFamily::HourlySmall => (60, 1_440),
            _ => (5, 4_032),
        }
    }
}

/// One series.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    pub family: SeriesFamily,
    /// Minutes between two rows.
    pub spacing: i64,
    pub values: Vec<f64>,
    /// First and last row of each anomaly.
    pub anomalies: Vec<(usize, usize)>,
}

/// The share of a series in which nothing unusual happens.
const PROBATION: f64 = 0.2;

impl Series {
    pub fn new(family: SeriesFamily, number: u64, seed: u64) -> Self {
        let mut random = Random::new(seed, 5_000_000 + number * 16 + family as u64);
        let (spacing, rows) = family.shape();
        let values = match family {
            SeriesFamily::LevelChanges | SeriesFamily::Spikes => flat(rows, &mut random),
            SeriesFamily::SeasonalCounts => seasonal(rows, spacing, 8_000.0, &mut random),
            SeriesFamily::NoisyCloud => cloud(rows, &mut random),
            SeriesFamily::Wandering => wandering(rows, &mut random),
            SeriesFamily::HourlyLarge => seasonal(rows, spacing, 900.0, &mut random),
            SeriesFamily::HourlySmall => seasonal(rows, spacing, 6.0, &mut random),
            SeriesFamily::FiveMinutes => batches(rows, &mut random),
        };
        let mut series = Series {
            family,
            spacing,
            values,
            anomalies: Vec::new(),
        };
        series.plant(&mut random);
        series
    }

    /// Plants its anomalies, apart from each other.
    fn plant(&mut self, random: &mut Random) {
        let rows = self.values.len();
        let count = match self.family.is_monitoring() {
            true => 3 + random.below(5) as usize,
            false => 1 + random.below(3) as usize,
        };
        let first = (rows as f64 * PROBATION) as usize;
        let share = (rows - first) / count;
        for n in 0..count {
            let low = first + n * share;
            let at = low + random.below(share as u64 * 2 / 3) as usize;
            let length = self.disturb(at, random);
            self.anomalies.push((at, (at + length - 1).min(rows - 1)));
        }
    }

    /// Plants one anomaly; returns its rows.
    fn disturb(&mut self, at: usize, random: &mut Random) -> usize {
        let values = &self.values;
        let rows = values.len();
        let (centre, spread) = centre_of(values);
        let sign = if random.happens(0.3) { -1.0 } else { 1.0 };
        let hours = |hours: f64, spacing: i64| ((hours * 60.0) as i64 / spacing).max(1) as usize;
        match self.family {
            SeriesFamily::LevelChanges => {
                let step = sign * spread * random.between(5.0, 12.0);
                let stays = random.happens(0.5);
                let length = hours(random.between(3.0, 20.0), self.spacing);
                let end = if stays { rows } else { (at + length).min(rows) };
                self.change(at, end, |value| (value + step).max(0.0));
                length
            }
            SeriesFamily::SeasonalCounts => {
                let length = hours(random.between(5.0, 24.0), self.spacing);
                let factor = *random.choose(&[0.15, 0.3, 1.6, 2.0]);
                self.change(at, at + length, |value| value * factor);
                length
            }
            SeriesFamily::Spikes => {
                let length = 1 + random.below(4) as usize;
                let step = sign * spread * random.between(8.0, 25.0);
                self.change(at, at + length, |value| (value + step).max(0.0));
                length
            }
            SeriesFamily::NoisyCloud => {
                let length = hours(random.between(1.0, 12.0), self.spacing);
                let level = random.between(60.0, 100.0);
                let mut noise = || random.normal();
                self.change(at, at + length, |_| (level + noise()).min(100.0));
                length
            }
            SeriesFamily::Wandering => {
                let length = hours(random.between(2.0, 12.0), self.spacing);
                let step = centre * random.between(0.15, 0.4);
                self.change(at, at + length, |value| value - step);
                length
            }
            SeriesFamily::HourlyLarge | SeriesFamily::HourlySmall | SeriesFamily::FiveMinutes => {
                let length = 1 + random.below(4) as usize;
                let drop = self.family != SeriesFamily::HourlySmall && random.happens(0.35);
                let factor = if drop { 0.1 } else { random.between(2.0, 6.0) };
                let base = if drop { 0.0 } else { centre * 0.5 };
                self.change(at, at + length, |value| (value * factor + base).round());
                length
            }
        }
    }

    fn change(&mut self, from: usize, end: usize, mut to: impl FnMut(f64) -> f64) {
        let end = end.min(self.values.len());
        for value in &mut self.values[from..end] {
            *value = to(*value);
        }
    }
}

/// Median and the deviation that half of the values do not exceed, as a standard deviation.
fn centre_of(values: &[f64]) -> (f64, f64) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let median = sorted[sorted.len() / 2];
    let mut off: Vec<f64> = values.iter().map(|value| (value - median).abs()).collect();
    off.sort_by(f64::total_cmp);
    (median, (off[off.len() / 2] * 1.48).max(median * 0.01))
}

fn flat(rows: usize, random: &mut Random) -> Vec<f64> {
    let level = random.lognormal(50.0, 0.6);
    let noise = level * random.between(0.01, 0.08);
    let rest = random.between(0.0, 0.8);
    let mut off = 0.0;
    let mut value = || {
        off = rest * off + noise * (1.0 - rest * rest).sqrt() * random.normal();
        (level + off).max(0.0)
    };
    (0..rows).map(|_| value()).collect()
}

fn seasonal(rows: usize, spacing: i64, size: f64, random: &mut Random) -> Vec<f64> {
    let size = random.lognormal(size, 0.5);
    let swing = random.between(0.4, 0.9);
    let weekend = random.between(0.5, 1.0);
    let rough = random.between(0.03, 0.10);
    let value = |row: usize| {
        let minute = row as i64 * spacing;
        let hour = (minute % 1_440) as f64 / 60.0;
        let by_day = 1.0 + swing * ((hour - 15.0) / 24.0 * std::f64::consts::TAU).cos();
        let by_week = if minute / 1_440 % 7 >= 5 {
            weekend
        } else {
            1.0
        };
        let mean = size * by_day * by_week * random.lognormal(1.0, rough);
        f64::from(random.poisson(mean))
    };
    (0..rows).map(value).collect()
}

fn cloud(rows: usize, random: &mut Random) -> Vec<f64> {
    let (idle, every) = (
        random.between(2.0, 12.0),
        12 * (1 + random.below(24) as usize),
    );
    let (high, length) = (random.between(15.0, 40.0), 1 + random.below(3) as usize);
    let value = |row: usize| {
        let job = if row % every < length {
            high * random.lognormal(1.0, 0.1)
        } else {
            0.0
        };
        let stray = if random.happens(0.003) {
            random.between(5.0, 20.0)
        } else {
            0.0
        };
        (idle * random.lognormal(1.0, 0.15) + job + stray).min(100.0)
    };
    (0..rows).map(value).collect()
}

fn wandering(rows: usize, random: &mut Random) -> Vec<f64> {
    let (mut at, level) = (0.0, random.between(60.0, 95.0));
    let mut value = || {
        at = 0.995 * at + 0.4 * random.normal();
        level + at + 0.3 * random.normal()
    };
    (0..rows).map(|_| value()).collect()
}

fn batches(rows: usize, random: &mut Random) -> Vec<f64> {
    let mut values = seasonal(rows, 5, 60.0, random);
    let (start, length) = (random.below(280) as usize, 2 + random.below(6) as usize);
    let size = centre_of(&values).0 * random.between(1.0, 3.0);
    for day in (0..rows).step_by(288) {
        let end = (day + start + length).min(rows);
        for value in values.iter_mut().take(end).skip(day + start) {
            *value += (size * random.lognormal(1.0, 0.1)).round();
        }
    }
    values
}
