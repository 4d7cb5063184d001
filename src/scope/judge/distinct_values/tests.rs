//! Exact counts, estimates beyond them, and windows that become small again.

use super::*;
use crate::event::text_fingerprint;

const HOUR_MS: i64 = 3_600_000;

fn clock() -> PaneClock {
    PaneClock::new(12 * HOUR_MS)
}

/// Values `from..to` in one pane; the count after the last of them.
fn fill(values: &mut DistinctValues, from: u32, to: u32, pane: i64, max: f64) -> f64 {
    let mut seen = 0.0;
    for n in from..to {
        let hash = text_fingerprint(&n.to_string());
        seen = values.count_with(hash, pane);
        values.note_value(hash, pane, clock(), values_kept_max(max));
    }
    seen
}

#[test]
fn up_to_the_sample_size_a_count_is_exact_and_beyond_it_within_five_per_cent() {
    let mut values = DistinctValues::new(0, clock());
    let mut before = 0;
    for total in [512, 1_000, 4_000, 5_000, 10_000, 40_000, 200_000] {
        let seen = fill(&mut values, before, total, i64::from(before) / 40_000, 1e9);
        before = total;
        let error = (seen / f64::from(total) - 1.0).abs();
        let allowed = if total as usize <= SAMPLE_MAX {
            0.0
        } else {
            0.05
        };
        assert!(error <= allowed, "{total}: {seen}");
        assert!(values.len() <= SAMPLE_MAX);
    }
    // The same values again change nothing.
    let again = fill(&mut values, 0, 1_000, 5, 1e9);
    assert!((again / 200_000.0 - 1.0).abs() <= 0.05, "{again}");
}

#[test]
fn after_a_flood_small_windows_are_counted_well_again() {
    let mut values = DistinctValues::new(0, clock());
    fill(&mut values, 0, 100_000, 0, 600.0);
    let mut worst = 0.0_f64;
    for pane in 1..60 {
        let from = 1_000_000 + u32::try_from(pane).unwrap() * 50;
        // From here on 600 values are in each window.
        let seen = fill(&mut values, from, from + 50, pane, 600.0);
        if pane > 36 {
            worst = worst.max((seen / 600.0 - 1.0).abs());
        }
    }
    assert!(worst <= 0.05, "{worst}");
}

#[test]
fn a_low_limit_is_exceeded_however_many_values_have_passed() {
    let mut values = DistinctValues::new(0, clock());
    for round in 0..50 {
        let pane = i64::from(round) * PANES;
        let from = round * 1_000;
        let seen = fill(&mut values, from, from + 300, pane, 200.0);
        assert!(seen > 200.0, "{round}: {seen}");
        assert!(values.len() <= values_kept_max(200.0));
    }
}
