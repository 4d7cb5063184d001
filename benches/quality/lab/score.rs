//! Shares with their intervals, medians, and alarms per agent and 30 days.

use super::fleet::{DAY, SimAgent};
use super::gateway::Alert;

/// So many of so many.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Share {
    pub hits: u32,
    pub all: u32,
}

impl Share {
    pub fn note(&mut self, hit: bool) {
        self.hits += u32::from(hit);
        self.all += 1;
    }

    pub fn add(&mut self, other: Share) {
        self.hits += other.hits;
        self.all += other.all;
    }

    pub fn value(self) -> f64 {
        f64::from(self.hits) / f64::from(self.all.max(1))
    }

    /// The 95 % interval of Wilson.
    pub fn interval(self) -> (f64, f64) {
        let (n, p, z) = (f64::from(self.all.max(1)), self.value(), 1.96_f64);
        let centre = p + z * z / (2.0 * n);
        let half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
        let scale = 1.0 + z * z / n;
        (
            ((centre - half) / scale).max(0.0),
            ((centre + half) / scale).min(1.0),
        )
    }

    pub fn text(self) -> String {
        if self.all == 0 {
            return "–".into();
        }
        let (low, high) = self.interval();
        format!("{:.2} [{low:.2}–{high:.2}]", self.value())
    }
}

pub fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    Some(sorted[(share * last as f64).round() as usize])
}

pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// False alarms of one agent over the days in which it was honest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HonestTime {
    pub days: f64,
    pub incidents: u32,
    pub alerts: u32,
}

impl HonestTime {
    /// Alarms of an agent from `first` on, and before its attack.
    pub fn of(agent: &SimAgent, alerts: &[&Alert], first: i64) -> Self {
        let end = agent.counts.len() as i64;
        let until = agent.attack.map_or(end, |attack| attack.start);
        let honest = || {
            alerts
                .iter()
                .filter(|alert| (first..until).contains(&alert.minute))
        };
        HonestTime {
            days: (until - first) as f64 / DAY as f64,
            incidents: honest().filter(|alert| alert.opens).count() as u32,
            alerts: honest().count() as u32,
        }
    }

    pub fn incidents_per_30d(&self) -> f64 {
        f64::from(self.incidents) * 30.0 / self.days
    }
}

/// False alarms of several agents.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FalseAlarms {
    pub agents: usize,
    /// Per agent and 30 days.
    pub incidents: f64,
    pub alerts: f64,
    /// Incidents of the agent that only one in twenty exceeds.
    pub p95: f64,
}

impl FalseAlarms {
    pub fn of(times: &[HonestTime]) -> Self {
        let days: f64 = times.iter().map(|time| time.days).sum();
        let per_30d = |count: u32| f64::from(count) * 30.0 / days.max(1.0);
        let each: Vec<f64> = times.iter().map(HonestTime::incidents_per_30d).collect();
        FalseAlarms {
            agents: times.len(),
            incidents: per_30d(times.iter().map(|time| time.incidents).sum()),
            alerts: per_30d(times.iter().map(|time| time.alerts).sum()),
            p95: quantile(&each, 0.95).unwrap_or(0.0),
        }
    }
}
