//! Four weeks of minutes in the life of an agent: what must alarm, and what must not.

use super::settings;
use crate::baseline::knowledge::LearnContext;
use crate::baseline::learned::MetricLearned;
use crate::baseline::{
    AlarmKind, LocalOffset, MetricAction, MetricLive, MetricSettings, MetricShare, PaneComparison,
    UTC,
};

const MINUTE_MS: i64 = 60_000;
const HOUR: i64 = 60;
pub(super) const DAY: i64 = 24 * HOUR;
/// A Monday, 00:00.
pub(super) const START_MS: i64 = 1_699_833_600_000;

/// Numbers that look like chance, the same in every run.
pub(super) struct Chance(pub u64);

impl Chance {
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// The settings of a rule on bursts, as it is shipped.
pub(super) fn burst_settings() -> MetricSettings {
    let mut settings = settings(60);
    (settings.sides.below, settings.sides.silence) = (false, false);
    (settings.min_count, settings.min_ratio) = (20.0, 3.0);
    settings
}

struct Agent<'a> {
    live: MetricLive,
    learned: MetricLearned,
    settings: MetricSettings,
    offset: LocalOffset<'a>,
    /// The minutes that alarmed.
    alarms: Vec<i64>,
    comparisons: Vec<PaneComparison>,
}

impl<'a> Agent<'a> {
    fn new(settings: MetricSettings, offset: LocalOffset<'a>) -> Self {
        Agent {
            live: MetricLive::default(),
            learned: MetricLearned::default(),
            settings,
            offset,
            alarms: Vec::new(),
            comparisons: Vec::new(),
        }
    }

    fn act(&mut self, minute: i64, count: u64) {
        for i in 0..count {
            let action = MetricAction {
                settings: &self.settings,
                offset: self.offset,
                at_ms: START_MS + minute * MINUTE_MS + (i % 60) as i64 * 900,
                share: MetricShare::Amount(1.0),
                outage: None,
                frozen: false,
            };
            let counted = self.live.count_action(&mut self.learned, &action);
            if let Some(alarm) = counted.alarm {
                self.alarms.push(minute);
                self.comparisons.push(alarm);
            }
        }
    }

    /// Minutes from `minute` on until the silence alarms.
    fn silence_after(&mut self, minute: i64, limit: i64) -> Option<i64> {
        let settings = self.settings;
        (minute..minute + limit).find(|at| {
            let at_ms = START_MS + at * MINUTE_MS;
            self.live
                .alarm_silence(&mut self.learned, &settings, self.offset, at_ms)
                .is_some_and(|alarm| alarm.kind == AlarmKind::Silence)
        })
    }
}

/// What an office agent does in a minute, besides its jobs.
pub(super) fn office_minute(chance: &mut Chance, minute: i64) -> u64 {
    let (day, hour) = (minute / DAY, minute % DAY / HOUR);
    let works = day % 7 < 5 && (8..18).contains(&hour);
    match works && chance.below(10) < 3 {
        true => 1 + chance.below(6),
        false => 0,
    }
}

/// Twenty-eight days; `job` says what a minute has besides the usual work of an office.
fn live_through(
    seed: u64,
    offset: LocalOffset<'_>,
    office: bool,
    job: impl Fn(i64, i64) -> u64,
) -> Vec<i64> {
    let mut chance = Chance(seed);
    let mut agent = Agent::new(burst_settings(), offset);
    for minute in 0..28 * DAY {
        let usual = if office {
            office_minute(&mut chance, minute)
        } else {
            0
        };
        agent.act(minute, usual + job(minute / DAY, minute % DAY));
    }
    agent.alarms
}

fn is_nine(minute: i64) -> bool {
    (9 * HOUR..9 * HOUR + 5).contains(&minute)
}

#[test]
fn a_daily_job_is_known_after_three_days() {
    for (seed, office) in [(1, false), (2, true), (3, true), (4, true)] {
        let alarms = live_through(
            seed,
            UTC,
            office,
            |_, minute| {
                if is_nine(minute) { 60 } else { 0 }
            },
        );
        assert!(alarms.len() <= 3, "{seed}: {alarms:?}");
        assert!(alarms.iter().all(|at| at / DAY < 14), "{seed}: {alarms:?}");
    }
}

#[test]
fn a_weekly_job_is_known_in_the_fourth_week() {
    for (seed, office) in [(1, false), (2, true), (3, true)] {
        let alarms = live_through(seed, UTC, office, |day, minute| {
            if day % 7 == 2 && is_nine(minute) {
                60
            } else {
                0
            }
        });
        assert!(alarms.iter().all(|at| at / DAY < 21), "{seed}: {alarms:?}");
    }
}

#[test]
fn ten_times_the_daily_job_alarms_within_three_minutes() {
    for (seed, office) in [(1, false), (2, true), (3, true)] {
        let alarms = live_through(seed, UTC, office, |day, minute| match is_nine(minute) {
            true if day == 20 => 600,
            true => 60,
            false => 0,
        });
        let nine = 20 * DAY + 9 * HOUR;
        let within = alarms.iter().any(|at| (nine..nine + 3).contains(at));
        assert!(within, "{seed}: {alarms:?}");
    }
}

/// The job comes by UTC; the tenant's clocks change on day 14.
#[test]
fn a_clock_change_is_one_more_alarm_at_most() {
    let change_ms = START_MS + 14 * DAY * MINUTE_MS;
    let offset = move |at_ms: i64| if at_ms < change_ms { 0 } else { 3_600_000 };
    for (seed, office) in [(1, false), (2, true), (3, true)] {
        let alarms = live_through(
            seed,
            &offset,
            office,
            |_, minute| {
                if is_nine(minute) { 60 } else { 0 }
            },
        );
        let after = alarms.iter().filter(|at| **at >= 14 * DAY).count();
        assert!(after <= 1, "{seed}: {alarms:?}");
    }
}

/// From nothing to a hundred times the usual active minute within a day.
#[test]
fn a_ramp_alarms_within_three_hours_and_is_one_incident() {
    for seed in 1..4 {
        let mut chance = Chance(seed);
        let mut agent = Agent::new(burst_settings(), UTC);
        for minute in 0..14 * DAY {
            agent.act(minute, office_minute(&mut chance, minute));
        }
        agent.alarms.clear();
        for step in 0..DAY {
            agent.act(14 * DAY + step, (350 * step / DAY) as u64);
        }
        let first = agent.alarms.first().map(|at| at - 14 * DAY);
        assert!(
            first.is_some_and(|first| first <= 3 * HOUR),
            "{seed}: {:?}",
            agent.alarms
        );
        assert!(agent.alarms.len() <= 8, "{seed}: {:?}", agent.alarms);
    }
}

fn silence_settings() -> MetricSettings {
    let mut settings = settings(60);
    (settings.sides.above, settings.sides.below) = (false, false);
    settings
}

#[test]
fn a_dense_service_that_stops_alarms_after_an_hour() {
    let mut chance = Chance(5);
    let mut agent = Agent::new(silence_settings(), UTC);
    for minute in 0..7 * DAY {
        agent.act(minute, 1 + chance.below(4));
    }
    let silent = agent.silence_after(7 * DAY, 300).map(|at| at - 7 * DAY);
    assert_eq!(silent, Some(HOUR));
    assert_eq!(agent.silence_after(7 * DAY + 61, 3_000), None, "once");
}

#[test]
fn an_agent_with_nights_and_weekends_alarms_after_three_times_its_longest_gap() {
    let mut chance = Chance(6);
    let mut agent = Agent::new(silence_settings(), UTC);
    let mut last = 0;
    for minute in 0..28 * DAY {
        let count = office_minute(&mut chance, minute);
        agent.act(minute, count);
        last = if count > 0 { minute } else { last };
    }
    let weekend = 62 * HOUR;
    let silent = agent
        .silence_after(28 * DAY, 20 * DAY)
        .map(|at| at - last)
        .unwrap();
    assert!(
        (5 * weekend / 2..=3 * weekend + DAY).contains(&silent),
        "{silent}"
    );
}

/// Missing panes are no silence and no drop.
#[test]
fn an_outage_of_the_collector_alarms_nothing() {
    let settings = settings(60);
    let context = LearnContext {
        settings: &settings,
        offset: UTC,
        frozen: false,
    };
    let mut chance = Chance(7);
    let mut agent = Agent::new(settings, UTC);
    for minute in 0..21 * DAY {
        agent.act(minute, 3 + chance.below(4));
    }
    agent.act(21 * DAY, 3);
    agent.alarms.clear();
    let pane = START_MS / MINUTE_MS + 21 * DAY;
    let mut learned = agent.learned.copy_expanded();
    learned.pane = pane;
    assert_eq!(learned.pass_panes(pane + 3 * DAY, true, &context), None);
    assert_eq!(
        learned.judge_silence(pane + 3 * DAY - 1, pane + 3 * DAY, &context),
        None
    );
}

/// Honest agents of an office: how often the shipped settings alarm on them.
#[test]
fn honest_weeks_hardly_alarm() {
    let mut alarms = Vec::new();
    for seed in 10..18 {
        alarms.extend(live_through(seed, UTC, true, |_, _| 0));
    }
    assert!(alarms.len() <= 4, "{} in 8 agent-months", alarms.len());
}

/// Ten times the usual work from one minute on is found in the first hour.
#[test]
fn a_lasting_shift_alarms_soon() {
    for seed in 1..5 {
        let mut chance = Chance(seed);
        let mut agent = Agent::new(burst_settings(), UTC);
        for minute in 0..14 * DAY + 10 * HOUR {
            agent.act(minute, office_minute(&mut chance, minute));
        }
        agent.alarms.clear();
        let from = 14 * DAY + 10 * HOUR;
        for minute in from..from + 2 * HOUR {
            agent.act(minute, 8 + chance.below(6));
        }
        let first = agent.alarms.first().map(|at| at - from);
        assert!(first.is_some_and(|first| first <= 60), "{seed}: {first:?}");
    }
}

/// A new version of an agent may do much more for good. Its alarms are few, and end: that is why a
/// version needs no second baseline beside the first.
#[test]
fn what_became_more_for_good_is_learned_after_few_alarms() {
    for (factor, alarms_max) in [(3, 1), (10, 3)] {
        for seed in 1..5 {
            let mut chance = Chance(seed);
            let mut agent = Agent::new(burst_settings(), UTC);
            for minute in 0..42 * DAY {
                let times = if minute < 14 * DAY { 1 } else { factor };
                agent.act(minute, times * office_minute(&mut chance, minute));
            }
            let mut days: Vec<i64> = agent.alarms.iter().map(|at| at / DAY - 14).collect();
            days.dedup();
            assert!(days.len() <= alarms_max, "{factor} times, {seed}: {days:?}");
            assert!(
                days.iter().all(|day| *day < 14),
                "{factor} times, {seed}: {days:?}"
            );
        }
    }
}

/// A little more every hour is no rare sum, but it adds up.
#[test]
fn a_slow_rise_alarms_within_a_day() {
    for seed in 1..5 {
        let mut chance = Chance(seed);
        let mut agent = Agent::new(burst_settings(), UTC);
        for minute in 0..16 * DAY {
            let count = match minute < 14 * DAY {
                true => chance.below(3) / 2,
                false => chance.below(3),
            };
            agent.act(minute, count);
        }
        let first = agent.alarms.first().map(|at| at - 14 * DAY);
        assert!(
            first.is_some_and(|first| (0..=DAY).contains(&first)),
            "{seed}: {first:?}"
        );
        assert_eq!(agent.comparisons[0].kind, AlarmKind::Drift, "{seed}");
    }
}

#[test]
fn a_spike_alarms_in_its_minute_and_what_is_shown_is_its_numbers() {
    let mut chance = Chance(8);
    let mut agent = Agent::new(burst_settings(), UTC);
    for minute in 0..14 * DAY {
        agent.act(minute, office_minute(&mut chance, minute));
    }
    agent.alarms.clear();
    let at = 14 * DAY + 10 * HOUR;
    agent.act(at, 200);
    // Once more whenever it has doubled.
    let told = agent.alarms.len();
    assert!(
        told <= 4 && agent.alarms.iter().all(|alarm| *alarm == at),
        "{:?}",
        agent.alarms
    );
    let shown = &agent.comparisons[agent.comparisons.len() - told..];
    let doubled = shown
        .windows(2)
        .all(|pair| pair[1].observed >= 2.0 * pair[0].observed);
    assert!(doubled, "{shown:?}");
    let shown = shown[0];
    assert_eq!((shown.kind, shown.window_ms), (AlarmKind::Burst, MINUTE_MS));
    assert!(
        shown.observed >= 20.0 && shown.observed == shown.upper,
        "{shown:?}"
    );
    assert!(shown.expected < 5.0 && shown.score >= 3.25, "{shown:?}");
}
