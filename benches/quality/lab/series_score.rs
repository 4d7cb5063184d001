//! Scores of alarms on a series: by windows with rewards for being early, and by events.

use super::series_families::Series;

/// Share of the rows that all windows of a series have together.
const WINDOWS: f64 = 0.10;
/// Share of the rows, and most rows, in which alarms are not scored.
const PROBATION: f64 = 0.15;
const PROBATION_ROWS_MAX: usize = 750;
/// The standard profile: a false alarm counts so much of a missed window.
const FALSE_ALARM: f64 = 0.11;
/// Rows after an event in which an alarm still finds it.
const EVENT_ROWS: usize = 7;

/// Sums over series.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SeriesScores {
    pub series: u32,
    /// Windows, and what they were worth.
    pub windows: f64,
    pub score: f64,
    pub events: u32,
    pub found: u32,
    pub false_alarms: u32,
    pub days: f64,
}

impl SeriesScores {
    pub fn add(&mut self, other: &SeriesScores) {
        self.series += other.series;
        self.windows += other.windows;
        self.score += other.score;
        self.events += other.events;
        self.found += other.found;
        self.false_alarms += other.false_alarms;
        self.days += other.days;
    }

    /// From 0, as if nothing alarmed, to 100, as if every window alarmed at its first row.
    pub fn windowed(&self) -> f64 {
        let perfect = self.windows * position_worth(-1.0);
        100.0 * (self.score + self.windows) / (perfect + self.windows).max(1e-9)
    }

    pub fn precision(&self) -> f64 {
        f64::from(self.found) / f64::from(self.found + self.false_alarms).max(1.0)
    }

    pub fn recall(&self) -> f64 {
        f64::from(self.found) / f64::from(self.events).max(1.0)
    }

    pub fn f1(&self) -> f64 {
        let (precision, recall) = (self.precision(), self.recall());
        2.0 * precision * recall / (precision + recall).max(1e-9)
    }

    /// Alarms per series and 30 days.
    pub fn alarms_per_30d(&self) -> f64 {
        f64::from(self.found + self.false_alarms) * 30.0 / self.days.max(1.0)
    }
}

/// What an alarm is worth: nearly 1 at the left end of a window (−1), 0 at its right end (0).
fn position_worth(position: f64) -> f64 {
    2.0 / (1.0 + (5.0 * position).exp()) - 1.0
}

/// Scores the rows that alarmed.
pub fn score_series(series: &Series, alarms: &[usize]) -> SeriesScores {
    let rows = series.values.len();
    let probation = ((rows as f64 * PROBATION) as usize).min(PROBATION_ROWS_MAX);
    let width = (rows as f64 * WINDOWS) as usize / series.anomalies.len().max(1);
    let windows: Vec<(usize, usize)> = series
        .anomalies
        .iter()
        .map(|(first, _)| {
            (
                first.saturating_sub(width / 2),
                (first + width / 2).min(rows - 1),
            )
        })
        .collect();
    let mut score = 0.0;
    for (first, last) in &windows {
        let found = alarms.iter().find(|row| (*first..=*last).contains(*row));
        score += found.map_or(-1.0, |row| {
            let position = (*row as f64 - *last as f64) / (last - first).max(1) as f64;
            position_worth(position)
        });
    }
    let scored = || alarms.iter().filter(|row| **row >= probation);
    for row in scored() {
        if windows
            .iter()
            .any(|(first, last)| (first..=last).contains(&row))
        {
            continue;
        }
        let before = windows.iter().rfind(|(_, last)| last < row);
        score += FALSE_ALARM
            * before.map_or(-1.0, |(first, last)| {
                let position = (row - last) as f64 / (last - first).max(1) as f64;
                position_worth(position.min(3.0))
            });
    }
    let hits = |event: &(usize, usize), row: usize| (event.0..=event.1 + EVENT_ROWS).contains(&row);
    let is_hit = |event: &&(usize, usize)| alarms.iter().any(|row| hits(event, *row));
    let is_false = |row: &&usize| !series.anomalies.iter().any(|event| hits(event, **row));
    SeriesScores {
        series: 1,
        windows: windows.len() as f64,
        score,
        events: series.anomalies.len() as u32,
        found: series.anomalies.iter().filter(is_hit).count() as u32,
        false_alarms: scored().filter(is_false).count() as u32,
        days: (rows as i64 * series.spacing) as f64 / 1_440.0,
    }
}
