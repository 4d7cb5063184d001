//! What a metric takes, in memory and in the store.

use super::situations::{Chance, DAY, START_MS, burst_settings, office_minute};
use crate::baseline::{MetricAction, MetricLearned, MetricLive, MetricSettings, MetricShare, UTC};

/// Counts what `minute` says for so many days; returns the bytes in memory and those stored.
fn bytes_after(
    settings: &MetricSettings,
    days: i64,
    mut count: impl FnMut(i64) -> u64,
) -> (usize, usize) {
    let (mut live, mut learned) = (MetricLive::default(), MetricLearned::default());
    for minute in 0..days * DAY {
        for _ in 0..count(minute) {
            let action = MetricAction {
                settings,
                offset: UTC,
                at_ms: START_MS + minute * 60_000,
                share: MetricShare::Amount(1.0),
                outage: None,
                frozen: false,
            };
            live.count_action(&mut learned, &action);
        }
    }
    let stored = postcard::to_allocvec(&learned).unwrap().len();
    let memory = size_of::<MetricLive>() + live.heap_bytes();
    // Without the stored form, of which memory has a copy.
    let learned_bytes = size_of::<MetricLearned>() + learned.heap_bytes() - stored;
    (memory + learned_bytes, stored)
}

fn median(mut values: Vec<usize>) -> usize {
    values.sort_unstable();
    values[values.len() / 2]
}

#[test]
fn a_metric_is_small_in_memory_and_in_the_store() {
    let (mut memory, mut stored) = (Vec::new(), Vec::new());
    for seed in 0..20 {
        let mut chance = Chance(seed);
        let days = 2 + 2 * (seed as i64 % 8);
        let mut sparse = burst_settings();
        if seed % 4 == 0 {
            sparse.pane_ms = Some(3_600_000);
        }
        let bytes = bytes_after(&sparse, days, |minute| office_minute(&mut chance, minute));
        memory.push(bytes.0);
        stored.push(bytes.1);
    }
    eprintln!(
        "SIZES {} {}",
        median(memory.clone()),
        median(stored.clone())
    );
    assert!(median(memory.clone()) <= 800, "{memory:?}");
    assert!(median(stored.clone()) <= 250, "{stored:?}");
}
