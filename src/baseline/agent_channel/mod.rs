//! The agent channel: bursty counts. A sum alarms that is rare by its model and in its history.
//!
//! Sums over a pane, an hour and half a day are judged, the open ones as far as they have come. The
//! model is the negative binomial with the decayed mean and variance, scaled to the hour; the
//! history is a histogram. The lesser of both counts. Beside them stand the previous generation and
//! the bets on a slow drift.

mod buckets;
mod drift;
mod frozen_time;
mod hour_steps;
mod pane_time;
mod previous;
mod scale_moments;
mod season;
#[cfg(test)]
mod tests;
mod usual_sums;

use serde::{Deserialize, Serialize};

use self::buckets::{HISTORY_MARGIN, UNITS, UNITS_ALARMED, bucket_of, hours_of, upper_edge};
use self::drift::{DriftBets, HOURS_MIN, ratio_bucket};
use self::previous::{PreviousGeneration, PreviousScale};
use self::scale_moments::ScaleMoments;
use self::season::Season;
use self::usual_sums::ACTIVE_PANES_MIN;
use super::alarm_process::{AGENT_BOUND, AlarmProcess};
use super::level::SCORE_MAX;
use super::negative_binomial::tail_bans;
use super::sparse_counts::SparseCounts;
use super::wall_time::WallTime;

pub(super) use self::pane_time::PaneTime;
pub use self::usual_sums::UsualSums;

const HOUR_MS: i64 = 3_600_000;
const WEEK_MS: i64 = 7 * 24 * HOUR_MS;
/// The score that alarms, in bans.
pub(super) const AGENT_THRESHOLD: f64 = 3.25;
/// Bans that a score is worth less because three sums are judged.
const SCALES_PENALTY: f64 = 0.48;
/// A pane is learned as at most so many standard deviations above the mean.
const WINSOR_SD: f64 = 8.0;
/// The same for a pane that alarmed: a lasting change is learned in the end, a burst hardly.
const WINSOR_ALARMED_SD: f64 = 4.0;
/// Stream time before the channel judges.
pub(super) const LEARNING_MS: i64 = 3 * HOUR_MS;
/// Stream time after which the channel judges whatever happened: what is rare is known to be.
const KNOWN_MS: i64 = 7 * 24 * HOUR_MS;
/// Stream time from one alarm to the next: what happens between belongs to the same incident.
const ALARM_PAUSE_MS: i64 = HOUR_MS;
/// Closed blocks of each scale before its sums are judged: a day of hours, three days of halves.
const BLOCKS_MIN: [u32; 3] = [1, 24, 6];
/// The blocks of an hour and of half a day, as bits.
const PARTIAL_ALL: u8 = 0b110;
/// The histogram of the drift's ratios; those of the scales are before it.
const RATIOS: u16 = 3;
/// Blocks of an hour that are gone through one by one; a longer silence is as long as this.
const HOURS_STEPPED_MAX: i64 = 30 * 24;
/// Stream time since an alarm after which the class may learn the moments.
const CALM_MS: i64 = 24 * HOUR_MS;
/// Units of a real-valued metric in its first value.
const UNITS_OF_FIRST: f64 = 64.0;
/// A total of an hour is a drift only above this multiple of what is expected.
const DRIFT_RATIO_MIN: f64 = 1.5;

/// What the bursts of one metric are compared with.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct AgentChannel {
    scales: [ScaleMoments; 3],
    counts: SparseCounts,
    season: Season,
    previous: Option<Box<PreviousGeneration>>,
    bets: DriftBets,
    pub alarms: AlarmProcess,
    /// What one is in the metric's values; zero before the first value.
    unit: f32,
    active_panes: u16,
    /// By scale, a bit for an open block in which a pane alarmed.
    alarmed: u8,
    /// By scale, a bit for an open block of which a part is missing: it is not learned.
    partial: u8,
    /// What is usual for the class, as long as the agent's own history is short.
    #[serde(default)]
    class: Option<Box<UsualSums>>,
    began_ms: i64,
    alarm_last_ms: i64,
}

/// What a sum must reach besides being rare.
#[derive(Debug, Clone, Copy)]
pub(super) struct Floors {
    pub count: f64,
    pub ratio: f64,
}

/// A sum beside what was expected of it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct ScaleVerdict {
    pub window_ms: i64,
    pub observed: f64,
    pub expected: f64,
    /// Bans by the model alone.
    pub model_bans: f64,
    pub score: f64,
}

impl AgentChannel {
    /// Reads a word of it; see `MetricKnowledge::prefetch`.
    pub(super) fn prefetch(&self) -> u64 {
        self.began_ms as u64 ^ u64::from(self.active_panes) ^ u64::from(self.unit.to_bits())
    }

    pub fn new(began_ms: i64) -> Self {
        AgentChannel {
            partial: PARTIAL_ALL,
            began_ms,
            alarm_last_ms: began_ms.saturating_sub(ALARM_PAUSE_MS),
            ..AgentChannel::default()
        }
    }

    /// A channel that knows what is usual for its class.
    pub fn from_class(class: UsualSums, began_ms: i64) -> Self {
        let mut channel = AgentChannel::new(began_ms);
        channel.class = Some(Box::new(class));
        channel
    }

    /// Mean and variance of a sum. While the channel is young, what is usual for the class weighs
    /// as much as sixty active panes; then it is forgotten: else an agent that claims to be of a
    /// busy type would hide its bursts for weeks.
    fn moments(&self, scale: usize, time: &PaneTime<'_>) -> (f64, f64) {
        let own = &self.scales[scale];
        let moments = (f64::from(own.mean), f64::from(own.variance));
        let young = self.judges_by_class(time.start_ms);
        match self.class.as_deref().filter(|_| young) {
            Some(class) => {
                let panes = (time.block_ms(scale) / time.pane_ms.max(1)).max(1) as f64;
                class.blend(scale, panes, self.unit(), (moments, f64::from(own.blocks)))
            }
            None => moments,
        }
    }

    /// Mean and variance of the sums, once they are its own: not those of a class, nor of a time
    /// with an alarm.
    pub fn usual_sums(&self, at_ms: i64) -> Option<[(f64, f64); 3]> {
        let calm = at_ms.saturating_sub(self.alarm_last_ms) >= CALM_MS;
        let known = self.active_panes >= ACTIVE_PANES_MIN && !self.is_young(at_ms);
        let whole = (0..3).all(|scale| self.scales[scale].blocks >= BLOCKS_MIN[scale]);
        let unit = self.unit();
        (known && whole && calm).then(|| {
            self.scales.map(|one| {
                let (mean, variance) = (f64::from(one.mean), f64::from(one.variance));
                (mean * unit, variance * unit * unit)
            })
        })
    }

    /// Sets what one is in the values of a real-valued metric, by its first value.
    pub fn set_unit(&mut self, value: f64, is_real: bool) {
        if self.unit <= 0.0 && value > 0.0 {
            let octave = (value / UNITS_OF_FIRST).log2().floor();
            self.unit = match is_real {
                true => octave.clamp(-60.0, 60.0).exp2() as f32,
                false => 1.0,
            };
        }
    }

    /// Whether the channel has too little history to judge.
    pub fn is_learning(&self, at_ms: i64) -> bool {
        self.class.is_none() && self.is_young(at_ms)
    }

    /// Whether the channel judges by its class.
    pub fn judges_by_class(&self, at_ms: i64) -> bool {
        self.class.is_some() && self.is_young(at_ms)
    }

    fn is_young(&self, at_ms: i64) -> bool {
        let age_ms = at_ms.saturating_sub(self.began_ms);
        let quiet = self.active_panes < ACTIVE_PANES_MIN && age_ms < KNOWN_MS;
        quiet || age_ms < LEARNING_MS
    }

    /// The least value of the open pane at which a sum reaches the floors.
    pub fn floor_value(&self, floors: &Floors, time: &PaneTime<'_>) -> f64 {
        let used = (0..3).filter(|scale| self.is_judged(*scale, time));
        used.map(|scale| {
            let expected = self.expected_sum(scale, time).0 * self.unit();
            let floor = floors.count.max(floors.ratio * expected);
            floor - f64::from(self.scales[scale].sum) * self.unit()
        })
        .fold(f64::INFINITY, f64::min)
        .max(self.unit())
    }

    /// Judges the sums with `value` in the pane; the rarest of those that reach the floors.
    pub fn judge(&self, value: f64, floors: &Floors, time: &PaneTime<'_>) -> Option<ScaleVerdict> {
        let mut rarest: Option<ScaleVerdict> = None;
        for scale in (0..3).filter(|scale| self.is_judged(*scale, time)) {
            let sum = match scale {
                0 => 0.0,
                _ => f64::from(self.scales[scale].sum),
            };
            let observed = sum + value / self.unit();
            let real = observed * self.unit();
            if real < floors.count {
                continue;
            }
            let (expected, variance) = self.expected_sum(scale, time);
            let real_expected = expected * self.unit();
            if real < floors.ratio * real_expected {
                continue;
            }
            let model_bans = tail_bans(observed, expected, variance);
            let own = model_bans.min(self.history_bans(scale, observed, time.start_ms));
            let factor = self.factor_of(scale, time);
            let before = self.previous.as_ref();
            let before = before.map_or(0.0, |known| known.score(scale, observed, factor));
            let score = (own.max(before) - SCALES_PENALTY).clamp(0.0, SCORE_MAX);
            if rarest.is_none_or(|known| score > known.score) {
                rarest = Some(ScaleVerdict {
                    window_ms: time.block_ms(scale),
                    observed: real,
                    expected: real_expected,
                    model_bans,
                    score,
                });
            }
        }
        rarest
    }

    /// What no sum of this length before was above, and what was usual by last week's numbers.
    pub fn history_of(&self, window_ms: i64, time: &PaneTime<'_>) -> (Option<f64>, Option<f64>) {
        let scale = (0..3).find(|scale| time.block_ms(*scale) == window_ms);
        let Some(scale) = scale else {
            return (None, None);
        };
        let highest = self.counts.highest(scale as u16);
        let highest = highest.map(|bucket| upper_edge(bucket) * self.unit());
        let factor = self.factor_of(scale, time);
        let before = self.previous.as_ref();
        let mean = before.and_then(|known| known.scales.get(scale));
        let last_week = mean.map(|known| f64::from(known.mean) * factor * self.unit());
        (highest, last_week)
    }

    /// The verdict on a pane for people: the rarest sum, else that of the pane alone.
    pub fn describe(&self, value: f64, floors: &Floors, time: &PaneTime<'_>) -> ScaleVerdict {
        self.judge(value, floors, time).unwrap_or_else(|| {
            let (expected, variance) = self.expected_sum(0, time);
            ScaleVerdict {
                window_ms: time.pane_ms,
                observed: value,
                expected: expected * self.unit(),
                model_bans: tail_bans(value / self.unit(), expected, variance),
                score: 0.0,
            }
        })
    }

    /// Whether a score alarms in a pane that starts at `start_ms`; `threshold` is that of the rule.
    pub fn allows_alarm(&self, score: f64, threshold: f64, start_ms: i64) -> bool {
        self.alarms.allows(&AGENT_BOUND, score, threshold)
            && start_ms.saturating_sub(self.alarm_last_ms) >= ALARM_PAUSE_MS
    }

    /// Whether the sums of a scale have a history.
    fn is_judged(&self, scale: usize, time: &PaneTime<'_>) -> bool {
        let known = self.scales[scale].blocks >= BLOCKS_MIN[scale];
        time.is_used(scale) && (known || self.judges_by_class(time.start_ms))
    }

    /// Learns a closed pane.
    pub fn learn_pane(&mut self, value: f64, alarmed: bool, time: &PaneTime<'_>) {
        let value = value / self.unit();
        let taught = self.winsorised(0, value, alarmed, time);
        self.learn_block(0, value, alarmed);
        self.scales[0].learn(taught, time.pane_ms);
        for scale in 1..3 {
            let sum = f64::from(self.scales[scale].sum) + value;
            self.scales[scale].sum = sum as f32;
            self.alarmed |= u8::from(alarmed) << scale;
        }
        if value > 0.0 {
            self.active_panes = self.active_panes.saturating_add(1);
        }
        if !self.is_young(time.start_ms) {
            self.class = None;
        }
    }

    /// Learns a run of panes without anything.
    pub fn learn_zeros(&mut self, panes: u32, pane_ms: i64) {
        self.scales[0].learn_zeros(panes, pane_ms);
        // More would only push each other out.
        self.counts.add(0, 0, panes.min(20_000) * UNITS);
    }

    /// Notes an alarm of a pane.
    pub fn note_alarm(&mut self, start_ms: i64) {
        self.alarms.add_alarm(&AGENT_BOUND);
        self.alarm_last_ms = start_ms;
        self.bets.restart();
    }

    /// Closes the blocks that end between two panes. Returns the verdict of a drift when its bets
    /// have won enough in one of these hours; `missing` panes are learned nowhere.
    pub fn pass_time(
        &mut self,
        from_ms: i64,
        time: &PaneTime<'_>,
        missing: bool,
    ) -> Option<ScaleVerdict> {
        let mut drift = None;
        if missing {
            self.partial = PARTIAL_ALL;
        }
        let hour_ms = time.block_ms(1);
        let first = from_ms.max(self.began_ms).div_euclid(hour_ms);
        let end = time.start_ms.div_euclid(hour_ms);
        for hour in first..end.min(first.saturating_add(HOURS_STEPPED_MAX)) {
            let at = PaneTime {
                start_ms: hour.saturating_mul(hour_ms),
                ..*time
            };
            let rose = self.close_hour(&at);
            drift = rose.or(drift);
            let next_ms = at.start_ms.saturating_add(hour_ms);
            let half_day_ms = time.block_ms(2);
            if time.is_used(2)
                && at.start_ms.div_euclid(half_day_ms) != next_ms.div_euclid(half_day_ms)
            {
                self.close_block(2, &at);
            }
            if at.start_ms.div_euclid(WEEK_MS) != next_ms.div_euclid(WEEK_MS) {
                self.change_generation();
            }
            if missing {
                self.partial = PARTIAL_ALL;
            }
        }
        drift
    }

    /// Closes an hour: its sum, its season and the bets.
    fn close_hour(&mut self, time: &PaneTime<'_>) -> Option<ScaleVerdict> {
        let total = f64::from(self.scales[1].sum);
        let (alarmed, partial) = (self.alarmed & 2 != 0, self.partial & 2 != 0);
        let expected = self.expected_sum(1, time).0;
        self.close_block(1, time);
        if partial {
            return None;
        }
        let wall = WallTime::new(time.start_ms, time.offset);
        let mean = f64::from(self.scales[1].mean);
        self.season.learn(wall, total, mean);
        let bucket = ratio_bucket(total, expected);
        let (_, above) = self.counts.sums_around(RATIOS, bucket);
        let (above, all) = (hours_of(above), hours_of(self.counts.total(RATIOS)));
        let units = if alarmed { UNITS_ALARMED } else { UNITS };
        self.counts.add(RATIOS, bucket, units);
        if all < HOURS_MIN {
            return None;
        }
        // What is not more than expected is no evidence, however rare it became.
        self.bets.bet(match total > expected {
            true => (above + 1.0) / (all + 1.0),
            false => 1.0,
        });
        (total >= DRIFT_RATIO_MIN * expected).then(|| ScaleVerdict {
            window_ms: time.block_ms(1),
            observed: total * self.unit(),
            expected: expected * self.unit(),
            model_bans: self.bets.score(),
            score: self.bets.score(),
        })
    }

    fn close_block(&mut self, scale: usize, time: &PaneTime<'_>) {
        let value = f64::from(self.scales[scale].sum);
        let bit = 1_u8 << scale;
        let (alarmed, partial) = (self.alarmed & bit != 0, self.partial & bit != 0);
        self.alarmed &= !bit;
        self.partial &= !bit;
        self.scales[scale].sum = 0.0;
        if !partial {
            let taught = self.winsorised(scale, value, alarmed, time);
            self.learn_block(scale, value, alarmed);
            let factor = self.factor_of(scale, time);
            self.scales[scale].learn_in_season(taught, factor, time.block_ms(scale));
        }
    }

    /// The histogram learns what was, but of an alarm only a quarter.
    fn learn_block(&mut self, scale: usize, value: f64, alarmed: bool) {
        let units = if alarmed { UNITS_ALARMED } else { UNITS };
        self.counts.add(scale as u16, bucket_of(value), units);
    }

    /// The parameters of this week become those of the previous generation.
    fn change_generation(&mut self) {
        if self.active_panes >= ACTIVE_PANES_MIN {
            let scales = std::array::from_fn(|scale| {
                let moments = &self.scales[scale];
                let highest = self.counts.highest(scale as u16);
                PreviousScale {
                    mean: moments.mean,
                    variance: moments.variance,
                    highest: highest.unwrap_or_default() as u8,
                    blocks: u16::try_from(moments.blocks).unwrap_or(u16::MAX),
                }
            });
            self.previous = Some(Box::new(PreviousGeneration { scales }));
        }
        (0..4).for_each(|histogram| self.counts.halve(histogram));
    }

    /// Mean and variance of a sum at its hours.
    fn expected_sum(&self, scale: usize, time: &PaneTime<'_>) -> (f64, f64) {
        let factor = self.factor_of(scale, time);
        let (mean, variance) = self.moments(scale, time);
        (mean * factor, variance * factor)
    }

    /// The season's factor of a block.
    fn factor_of(&self, scale: usize, time: &PaneTime<'_>) -> f64 {
        let (block_ms, hours) = (time.block_ms(scale), time.hours(scale));
        let first_ms = match hours {
            1 => time.start_ms,
            _ => time.start_ms.div_euclid(block_ms) * block_ms,
        };
        let walls = WallTime::hours(first_ms, hours, time.offset);
        let factors = walls.map(|wall| self.season.factor(wall));
        factors.sum::<f64>() / hours as f64
    }

    /// Bans of a sum by its history: the share of those as large, beyond the largest by a cubic.
    fn history_bans(&self, scale: usize, value: f64, at_ms: i64) -> f64 {
        if self.judges_by_class(at_ms) {
            return SCORE_MAX + SCALES_PENALTY;
        }
        let histogram = scale as u16;
        // A sum is rare when it is clearly larger than those before it, not by one more action.
        let value = value / HISTORY_MARGIN;
        let (_, above) = self.counts.sums_around(histogram, bucket_of(value));
        let highest = self.counts.highest(histogram).map_or(1.0, upper_edge);
        let beyond = (highest / value.max(1.0)).min(1.0).powi(3);
        let all = hours_of(self.counts.total(histogram));
        -((hours_of(above) + 0.5 * beyond) / (all + 0.5))
            .min(1.0)
            .log10()
    }

    fn winsorised(&self, scale: usize, value: f64, alarmed: bool, time: &PaneTime<'_>) -> f64 {
        if self.active_panes < ACTIVE_PANES_MIN || !self.is_judged(scale, time) {
            return value;
        }
        let (mean, variance) = self.expected_sum(scale, time);
        let sd = variance.max(mean).max(1.0).sqrt();
        let deviations = if alarmed {
            WINSOR_ALARMED_SD
        } else {
            WINSOR_SD
        };
        value.min(mean + deviations * sd)
    }

    fn unit(&self) -> f64 {
        match self.unit > 0.0 {
            true => f64::from(self.unit),
            false => 1.0,
        }
    }

    /// The step in which values of the open pane are told apart.
    pub fn value_step(&self) -> f64 {
        self.unit()
    }

    #[cfg(test)]
    pub fn heap_bytes(&self) -> usize {
        let previous = self.previous.as_ref();
        self.counts.heap_bytes() + previous.map_or(0, |_| size_of::<PreviousGeneration>())
    }
}
