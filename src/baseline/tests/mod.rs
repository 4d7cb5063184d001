//! The worked examples of the level channel, and what holds for any input.

mod frozen;
mod image;
mod properties;
mod situations;
mod sizes;

use super::alarm_process::{AlarmProcess, LEVEL_BOUND};
use super::comparison::{AlarmSides, MetricSettings};
use super::knowledge::{ClosedPane, LearnContext, MetricKnowledge};
use super::level::level_threshold;
use super::wall_time::{UTC, WallTime};

pub(super) fn settings(pane_s: i64) -> MetricSettings {
    MetricSettings {
        pane_ms: Some(pane_s * 1_000),
        sides: AlarmSides {
            above: true,
            below: true,
            silence: true,
        },
        false_alarms_per_30d: 1.0,
        min_count: 0.0,
        min_ratio: 1.0,
        is_real: false,
        mean_of: None,
    }
}

/// What the level channel said of one pane.
#[derive(Debug, Clone, Copy, Default)]
struct Row {
    deviations: f64,
    from_hour: f64,
    score: f64,
    needed: f64,
    alarm: bool,
}

/// Learns rows of one pane each from midnight on; `None` is a missing pane.
fn learn_rows(pane_s: i64, rows: impl IntoIterator<Item = Option<f64>>) -> Vec<Row> {
    let settings = settings(pane_s);
    let context = LearnContext {
        settings: &settings,
        offset: UTC,
        frozen: false,
    };
    let mut learned = MetricKnowledge {
        pane_ms: pane_s * 1_000,
        pane: -1,
        first_ms: 1,
        ..MetricKnowledge::default()
    };
    let mut shown = Vec::new();
    for (pane, value) in (0..).zip(rows) {
        learned.pass_panes(pane, true, &context);
        let mut row = Row::default();
        if let Some(value) = value {
            row = show_row(&learned, pane, value);
            let closed = ClosedPane {
                pane,
                observed: value as f32,
                alarmed: false,
            };
            row.alarm = learned.learn_closed(&closed, &context).is_some();
        }
        shown.push(row);
    }
    shown
}

/// What the channel says of a pane before it learns it.
fn show_row(learned: &MetricKnowledge, pane: i64, value: f64) -> Row {
    let pane_s = learned.pane_s();
    let wall = WallTime::new(pane * learned.pane_ms, UTC);
    let needed =
        |alarms: AlarmProcess| level_threshold(pane_s) + alarms.after(&LEVEL_BOUND, pane_s).lift();
    if let Some(level) = &learned.level {
        let mut level = level.clone();
        let Some(mut compared) = level.core.compare(value) else {
            return Row::default();
        };
        level
            .history
            .score(value, wall.hour(), pane_s, &mut compared);
        return Row {
            deviations: compared.deviations,
            from_hour: compared.from_hour,
            score: compared.score,
            needed: needed(level.alarms),
            alarm: false,
        };
    }
    let Some(drops) = &learned.drops else {
        return Row::default();
    };
    let mut core = drops.core;
    let compared = core.compare(value).unwrap_or_default();
    Row {
        deviations: compared.deviations,
        from_hour: 0.0,
        score: core.magnitude(&compared),
        needed: needed(drops.alarms),
        alarm: false,
    }
}

/// 100, 104, 100, 104 …
fn zigzag(rows: usize) -> impl Iterator<Item = Option<f64>> {
    (0..rows).map(|row| Some(if row % 2 == 0 { 100.0 } else { 104.0 }))
}

fn then(values: &[f64]) -> impl Iterator<Item = Option<f64>> + '_ {
    values.iter().map(|value| Some(*value))
}

fn near(name: &str, shown: f64, expected: f64) {
    let tolerance = 0.005_f64.max(expected.abs() * 2e-4);
    assert!(
        (shown - expected).abs() <= tolerance,
        "{name}: {shown}, not {expected}"
    );
}

const ANY: f64 = f64::NAN;

fn check(name: &str, row: Row, expected: [f64; 4], alarm: bool) {
    let shown = [row.deviations, row.from_hour, row.score, row.needed];
    for (part, (shown, expected)) in ["z", "zh", "score", "needed"]
        .iter()
        .zip(shown.iter().zip(expected))
    {
        if !expected.is_nan() {
            near(&format!("{name} {part}"), *shown, expected);
        }
    }
    assert_eq!(row.alarm, alarm, "{name}: {row:?}");
}

#[test]
fn thresholds_are_as_published() {
    let cases = [
        (60.0, 4.528),
        (300.0, 3.829),
        (600.0, 3.528),
        (1_800.0, 3.051),
        (3_600.0, 2.750),
        (86_400.0, 1.370),
    ];
    for (pane_s, threshold) in cases {
        near(&format!("{pane_s} s"), level_threshold(pane_s), threshold);
    }
}

#[test]
fn example_1_a_spike_alarms_and_the_next_needs_time() {
    let rows = learn_rows(
        3_600,
        zigzag(60)
            .chain(then(&[200.0, 210.0, 200.0]))
            .chain(zigzag(24))
            .chain(then(&[200.0]))
            .chain(zigzag(36))
            .chain(then(&[200.0])),
    );
    check("21", rows[21], [0.552, ANY, 0.0, ANY], false);
    check("59", rows[59], [0.549, ANY, 0.495, ANY], false);
    check("60", rows[60], [26.479, ANY, 8.0, 2.750], true);
    check("61", rows[61], [23.128, ANY, 8.0, 3.249], false);
    check("62", rows[62], [16.716, ANY, ANY, 3.248], false);
    check("87", rows[87], [15.241, ANY, 8.0, 3.223], true);
    check("124", rows[124], [14.865, 15.362, ANY, 3.651], true);
}

#[test]
fn example_2_the_second_of_two_is_no_alarm() {
    let rows = learn_rows(300, zigzag(60).chain(then(&[200.0, 210.0])));
    check("60", rows[60], [ANY, ANY, ANY, 3.829], true);
    check("61", rows[61], [ANY, ANY, ANY, 4.329], false);
}

#[test]
fn example_3_a_flat_series() {
    let flat = std::iter::repeat_n(Some(45.0), 100);
    let rows = learn_rows(300, flat.chain(then(&[46.0, 45.0])));
    check("99", rows[99], [ANY, ANY, 0.0, ANY], false);
    check("100", rows[100], [22_222.0, ANY, 8.0, ANY], true);
    check("101", rows[101], [ANY, -3_972.0, 8.0, ANY], false);
}

#[test]
fn example_4_the_usual_height_of_the_day_at_night() {
    let usual = |row: usize| {
        let day = if (9..=11).contains(&(row % 24)) {
            20
        } else {
            10
        };
        Some((day + row % 3) as f64)
    };
    let rows = learn_rows(
        3_600,
        (0..226).map(|row| if row == 219 { Some(21.0) } else { usual(row) }),
    );
    check("218", rows[218], [-0.066, ANY, 0.070, ANY], false);
    check("219", rows[219], [2.618, 3.280, 3.120, ANY], true);
    check("225", rows[225], [2.308, 0.0, 2.077, ANY], false);
}

#[test]
fn example_5_missing_panes_teach_nothing() {
    let missing = std::iter::repeat_n(None, 5);
    let rows = learn_rows(3_600, zigzag(60).chain(missing).chain(then(&[100.0])));
    check("65", rows[65], [-0.540, ANY, 0.486, ANY], false);
}

#[test]
fn example_6_a_sparse_series_has_no_level() {
    let sparse = (0..599).map(|row| Some(if row % 30 == 0 { 50.0 } else { 0.0 }));
    let rows = learn_rows(300, sparse.chain(then(&[5_000.0])));
    assert!(!rows[599].alarm);
}

#[test]
fn examples_7_and_8_minutes_alarm_downwards_only() {
    let dense = || (0..300).map(|row| Some((200 + 7 * row % 11) as f64));
    let rows = learn_rows(60, dense().chain(then(&[0.0, 0.0])));
    check("300", rows[300], [-41.411, ANY, ANY, 4.528], true);
    check("301", rows[301], [ANY, ANY, ANY, 5.028], false);
    let rows = learn_rows(60, dense().chain(then(&[900.0])));
    assert!(
        (rows[300].deviations - 140.4).abs() < 0.05,
        "{:?}",
        rows[300]
    );
    check("300", rows[300], [ANY, ANY, 8.0, ANY], false);
}
