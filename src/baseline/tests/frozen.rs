//! A frozen metric judges by what it had learned, and learns nothing.

use std::collections::BTreeSet;

use super::settings;
use super::situations::{Chance, DAY, START_MS, burst_settings};
use crate::baseline::{
    MetricAction, MetricLearned, MetricLive, MetricSettings, MetricShare, MetricState,
    PaneComparison, UTC,
};

struct Metric {
    live: MetricLive,
    learned: MetricLearned,
    settings: MetricSettings,
    frozen: bool,
    alarms: Vec<(i64, PaneComparison)>,
    /// Stored and loaded again after every minute with actions.
    restarts: bool,
}

impl Metric {
    fn new(settings: MetricSettings) -> Self {
        Metric {
            live: MetricLive::default(),
            learned: MetricLearned::default(),
            settings,
            frozen: false,
            alarms: Vec::new(),
            restarts: false,
        }
    }

    fn act(&mut self, minute: i64, count: u64) {
        for _ in 0..count {
            let action = MetricAction {
                settings: &self.settings,
                offset: UTC,
                at_ms: START_MS + minute * 60_000,
                share: MetricShare::Amount(1.0),
                outage: None,
                frozen: self.frozen,
            };
            let counted = self.live.count_action(&mut self.learned, &action);
            self.alarms
                .extend(counted.alarm.map(|alarm| (minute, alarm)));
        }
        if self.restarts && count > 0 {
            let live = postcard::to_allocvec(&self.live).unwrap();
            let learned = postcard::to_allocvec(&self.learned).unwrap();
            self.live = postcard::from_bytes(&live).unwrap();
            self.learned = postcard::from_bytes(&learned).unwrap();
        }
    }

    fn act_for(&mut self, minutes: std::ops::Range<i64>, mean: u64, chance: &mut Chance) {
        for minute in minutes {
            let count = chance.below(2 * mean + 1);
            self.act(minute, count);
        }
    }

    fn freeze(&mut self) {
        self.live.freeze(&mut self.learned, &self.settings, UTC);
        self.frozen = true;
    }

    fn compare(&self) -> PaneComparison {
        self.live.compare_pane(&self.learned, &self.settings, UTC)
    }
}

/// Two weeks of three a minute, then four weeks of nine, frozen or not.
fn raised(frozen: bool, settings: MetricSettings) -> Metric {
    let mut metric = Metric::new(settings);
    let mut chance = Chance(3);
    metric.act_for(0..14 * DAY, 3, &mut chance);
    if frozen {
        metric.freeze();
    }
    metric.act_for(14 * DAY..42 * DAY, 9, &mut chance);
    metric
}

#[test]
fn what_is_expected_stays_as_long_as_it_is_frozen() {
    let mut hours = settings(3_600);
    (hours.sides.below, hours.sides.silence) = (false, false);
    for settings in [burst_settings(), hours] {
        // The window that is compared may be longer than the pane.
        let per_minute =
            |compared: &PaneComparison| compared.expected * 60_000.0 / compared.window_ms as f64;
        let learned = raised(false, settings).compare();
        assert!(per_minute(&learned) > 5.0, "{learned:?}");
        assert_eq!(learned.state, MetricState::Active);
        let mut frozen = raised(true, settings);
        let compared = frozen.compare();
        assert!(per_minute(&compared) < 4.0, "{compared:?}");
        assert_eq!(compared.state, MetricState::Frozen);
        // It goes on learning with the first pane that begins after it was unfrozen.
        frozen.frozen = false;
        frozen.act_for(42 * DAY..70 * DAY, 9, &mut Chance(5));
        let compared = frozen.compare();
        assert!(per_minute(&compared) > 5.0, "{compared:?}");
        assert_eq!(compared.state, MetricState::Active);
    }
}

#[test]
fn a_burst_in_a_frozen_time_alarms_each_day_and_becomes_no_habit() {
    let alarms = |frozen: bool| {
        let mut metric = Metric::new(burst_settings());
        let mut chance = Chance(9);
        metric.act_for(0..14 * DAY, 1, &mut chance);
        if frozen {
            metric.freeze();
        }
        for day in 14..28 {
            metric.act_for(day * DAY..day * DAY + 600, 1, &mut chance);
            metric.act(day * DAY + 600, 400);
            metric.act_for(day * DAY + 601..(day + 1) * DAY, 1, &mut chance);
        }
        assert!(metric.alarms.iter().all(|(minute, _)| *minute >= 14 * DAY));
        let mut states = metric.alarms.iter().map(|(_, alarm)| alarm.state);
        assert!(states.all(|state| (state == MetricState::Frozen) == frozen));
        // An alarm is told again whenever it has doubled.
        let days: BTreeSet<i64> = metric
            .alarms
            .iter()
            .map(|(minute, _)| minute / DAY)
            .collect();
        days.len()
    };
    let (learning, frozen) = (alarms(false), alarms(true));
    assert!(learning <= 4, "{learning}");
    assert!(frozen > learning, "{frozen}");
}

#[test]
fn who_is_frozen_while_it_learns_never_judges() {
    for minutes in [0, 30] {
        let mut metric = Metric::new(burst_settings());
        if minutes == 0 {
            metric.frozen = true;
        }
        let mut chance = Chance(1);
        metric.act_for(0..minutes, 3, &mut chance);
        metric.freeze();
        metric.act_for(minutes..21 * DAY, 3, &mut chance);
        metric.act(21 * DAY, 5_000);
        assert!(metric.alarms.is_empty(), "{minutes}: {:?}", metric.alarms);
    }
}

#[test]
fn a_restart_changes_nothing_of_a_frozen_metric() {
    let run = |restarts: bool| {
        let mut metric = Metric::new(burst_settings());
        metric.restarts = restarts;
        let mut chance = Chance(11);
        let mut frozen_at = [3 * DAY + 7, 6 * DAY + 5].into_iter().peekable();
        let mut thawed_at = [4 * DAY + 3, 9 * DAY].into_iter().peekable();
        for minute in 0..12 * DAY {
            if frozen_at.next_if_eq(&minute).is_some() {
                metric.freeze();
            }
            if thawed_at.next_if_eq(&minute).is_some() {
                metric.frozen = false;
            }
            let busy = minute / 60 % 24 >= 8 && chance.below(3) == 0;
            metric.act(minute, if busy { chance.below(9) } else { 0 });
        }
        let compared = metric.compare();
        (
            metric.alarms,
            compared.expected,
            metric.live,
            metric.learned,
        )
    };
    let (alarms, expected, live, learned) = run(false);
    let (alarms_again, expected_again, live_again, learned_again) = run(true);
    assert_eq!(alarms, alarms_again);
    assert_eq!(expected.to_bits(), expected_again.to_bits());
    let bytes = |live: &MetricLive| postcard::to_allocvec(live).unwrap();
    assert_eq!(bytes(&live), bytes(&live_again));
    assert_eq!(learned, learned_again);
}
