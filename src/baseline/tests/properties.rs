//! What holds for any input: a restart changes nothing, nothing is no number, sizes are bounded.

use proptest::prelude::*;

use super::settings;
use crate::baseline::learned::MetricLearned;
use crate::baseline::{
    MetricAction, MetricLive, MetricSettings, MetricShare, Outage, PaneComparison, UTC,
};

const START_MS: i64 = 1_699_833_600_000; // a Monday, 00:00

/// Counts actions at these times; returns the alarms.
fn count_all(
    metric: &mut (MetricLive, MetricLearned),
    settings: &MetricSettings,
    actions: &[(i64, f64)],
) -> Vec<PaneComparison> {
    let mut alarms = Vec::new();
    for (at_ms, value) in actions {
        let action = MetricAction {
            settings,
            offset: UTC,
            at_ms: *at_ms,
            share: MetricShare::Amount(*value),
            outage: None,
            frozen: false,
        };
        let counted = metric.0.count_action(&mut metric.1, &action);
        alarms.extend(counted.alarm);
    }
    alarms
}

fn any_settings() -> impl Strategy<Value = MetricSettings> {
    let panes = vec![None, Some(60), Some(300), Some(3_600), Some(86_400)];
    (
        prop::sample::select(panes),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(pane_s, above, below, is_real)| {
            let mut settings = settings(60);
            settings.pane_ms = pane_s.map(|pane_s: i64| pane_s * 1_000);
            (settings.sides.above, settings.sides.below) = (above, below);
            settings.is_real = is_real;
            settings
        })
}

fn any_actions() -> impl Strategy<Value = Vec<(i64, f64)>> {
    let gap_ms = prop_oneof![0_i64..90_000, 0_i64..4_000_000, Just(90_000_000)];
    let value = prop_oneof![Just(1.0), 0.0..1e3, -1e3..1e9];
    prop::collection::vec((gap_ms, value), 1..150).prop_map(|steps| {
        let mut at_ms = START_MS;
        let mut actions = Vec::new();
        for (gap_ms, value) in steps {
            at_ms += gap_ms;
            actions.push((at_ms, value));
        }
        actions
    })
}

proptest! {
    #![proptest_config(crate::property::config(64))]

    /// The learned half is read back as it was written, at the last time that it had to be.
    #[test]
    fn a_restart_at_any_time_changes_nothing(
        settings in any_settings(),
        actions in any_actions(),
        cut in 0_usize..150,
    ) {
        let mut whole = (MetricLive::default(), MetricLearned::default());
        let mut stored = postcard::to_allocvec(&whole.1).unwrap();
        let mut restarted = None;
        let mut alarms = (Vec::new(), Vec::new());
        for (ix, (at_ms, value)) in actions.iter().enumerate() {
            let share = MetricShare::Amount(*value);
            // The longest gaps are outages.
            let before_ms = ix.checked_sub(1).map_or(*at_ms, |before| actions[before].0);
            let (from_ms, to_ms) = (before_ms, *at_ms);
            let outage = (to_ms - from_ms > 3_000_000).then_some(Outage { from_ms, to_ms });
            let action = MetricAction {
                settings: &settings, offset: UTC, at_ms: *at_ms, share, outage, frozen: false,
            };
            let counted = whole.0.count_action(&mut whole.1, &action);
            if counted.learned || ix == 0 {
                stored = postcard::to_allocvec(&whole.1).unwrap();
            }
            alarms.0.extend(counted.alarm);
            if ix == cut {
                let live = postcard::to_allocvec(&whole.0).unwrap();
                let live: MetricLive = postcard::from_bytes(&live).unwrap();
                let learned: MetricLearned = postcard::from_bytes(&stored).unwrap();
                restarted = Some((live, learned));
                alarms.0.clear();
            } else if let Some(metric) = &mut restarted {
                alarms.1.extend(metric.0.count_action(&mut metric.1, &action).alarm);
            }
        }
        if let Some(restarted) = restarted && cut + 1 < actions.len() {
            prop_assert_eq!(&alarms.0, &alarms.1);
            prop_assert_eq!(whole.1.copy_expanded(), restarted.1.copy_expanded());
            prop_assert_eq!(whole.1, restarted.1);
        }
    }

    #[test]
    fn every_number_is_finite(
        settings in any_settings(),
        times in prop::collection::vec(any::<i64>(), 1..20),
        values in prop::collection::vec(
            prop_oneof![Just(f64::MAX), Just(f64::MIN), Just(f64::NAN), Just(f64::INFINITY),
                Just(u64::MAX as f64), Just(f64::MIN_POSITIVE), Just(0.0), any::<f64>()],
            60..140,
        ),
    ) {
        let mut metric = (MetricLive::default(), MetricLearned::default());
        let panes = values.iter().enumerate();
        let mut actions: Vec<(i64, f64)> = panes
            .map(|(ix, value)| (START_MS + ix as i64 * 300_000, *value))
            .collect();
        actions.extend(times.iter().map(|at_ms| (*at_ms, 1.0)));
        let mut seen = count_all(&mut metric, &settings, &actions[..values.len()]);
        seen.push(metric.0.compare_pane(&metric.1, &settings, UTC));
        for comparison in &seen {
            let numbers = [comparison.observed, comparison.expected, comparison.ratio,
                comparison.p_value, comparison.score, comparison.needed, comparison.deviations];
            prop_assert!(numbers.iter().all(|number| number.is_finite()), "{comparison:?}");
            prop_assert!(!comparison.upper.is_nan());
        }
        count_all(&mut metric, &settings, &actions[values.len()..]);
        let bytes = postcard::to_allocvec(&metric).unwrap();
        let again: (MetricLive, MetricLearned) = postcard::from_bytes(&bytes).unwrap();
        prop_assert_eq!(postcard::to_allocvec(&again).unwrap(), bytes);
    }

    /// Late actions inside the bound count in the open pane, in any order.
    #[test]
    fn the_order_within_a_pane_does_not_matter(
        order in Just((0..40_i64).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let settings = settings(60);
        let count = |order: &[i64]| {
            let mut metric = (MetricLive::default(), MetricLearned::default());
            let warm: Vec<(i64, f64)> = (0..400).map(|i| (START_MS + i * 60_000, 1.0)).collect();
            count_all(&mut metric, &settings, &warm);
            let last_ms = START_MS + 400 * 60_000;
            let late: Vec<(i64, f64)> = std::iter::once((last_ms, 1.0))
                .chain(order.iter().map(|i| (last_ms - i * 20_000, 1.0)))
                .collect();
            let alarms = count_all(&mut metric, &settings, &late);
            (alarms, postcard::to_allocvec(&metric).unwrap(), metric.1.copy_expanded())
        };
        let sorted: Vec<i64> = (0..40).collect();
        prop_assert_eq!(count(&order), count(&sorted));
    }
}
