//! The watch of a gateway's numbers, beside a naive model of it.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const MINUTE: i64 = 60_000;

fn notice(partition: i32, as_of_ms: i64, numbers: Vec<u64>) -> GatewayNotice {
    GatewayNotice {
        gateway: "gw".into(),
        partition,
        as_of_ms,
        ..GatewayNotice::default()
    }
    .with_numbers(numbers)
}

fn missing(watch: &mut GatewayWatch, notice: &GatewayNotice) -> Option<(u64, u64, u64)> {
    let (missing, dropped) = watch.apply_notice(notice);
    assert!(!dropped);
    missing.map(|m| (m.count, m.first, m.last))
}

#[test]
fn numbers_that_do_not_come_are_missing_ten_minutes_after_a_greater_one() {
    let mut watch = GatewayWatch::default();
    assert_eq!(missing(&mut watch, &notice(0, 0, vec![7, 8, 11])), None);
    let late = notice(0, LATE_MS - 1, vec![12]);
    assert_eq!(missing(&mut watch, &late), None);
    let due = notice(0, LATE_MS, vec![]);
    assert_eq!(missing(&mut watch, &due), Some((2, 9, 10)));
    // Once.
    let later = notice(0, 3 * LATE_MS, vec![13]);
    assert_eq!(missing(&mut watch, &later), None);
}

#[test]
fn what_came_late_or_to_another_partition_is_not_missing() {
    let mut watch = GatewayWatch::default();
    assert_eq!(missing(&mut watch, &notice(0, 0, vec![1, 4])), None);
    assert_eq!(missing(&mut watch, &notice(1, MINUTE, vec![2])), None);
    let late = notice(0, LATE_MS - 1, vec![3]);
    assert_eq!(missing(&mut watch, &late), None);
    for partition in [0, 1] {
        let later = notice(partition, 5 * LATE_MS, vec![]);
        assert_eq!(missing(&mut watch, &later), None);
    }
}

#[test]
fn a_partition_that_is_behind_makes_nothing_missing_until_it_has_caught_up_or_left() {
    for leaves in [false, true] {
        let mut watch = GatewayWatch::default();
        missing(&mut watch, &notice(1, 0, vec![2]));
        missing(&mut watch, &notice(0, 0, vec![3, 5]));
        let far = notice(0, 9 * LATE_MS, vec![6]);
        assert_eq!(missing(&mut watch, &far), None, "partition 1 may have 4");
        let mut last = notice(1, 9 * LATE_MS, vec![]);
        last.leaves = leaves;
        assert_eq!(missing(&mut watch, &last), Some((1, 4, 4)));
    }
}

#[test]
fn a_repeat_changes_nothing() {
    let mut watch = GatewayWatch::default();
    let notices = [
        notice(0, 0, vec![1, 2, 5]),
        notice(1, MINUTE, vec![4, 6]),
        notice(0, 2 * MINUTE, vec![9]),
    ];
    for one in &notices {
        missing(&mut watch, one);
    }
    let before = watch.clone();
    for one in &notices {
        assert_eq!(missing(&mut watch, one), None);
    }
    assert_eq!(
        (watch.seen, watch.partitions),
        (before.seen, before.partitions)
    );
}

#[test]
fn a_gateway_that_counts_anew_is_watched_again() {
    let mut watch = GatewayWatch::default();
    missing(&mut watch, &notice(0, 0, (1_000..1_200).collect()));
    let mut found = Vec::new();
    for minute in 1..60 {
        // From 1 on, ten a minute; 300 to 304 never come.
        let from = 1 + 10 * (minute as u64 - 1);
        let numbers = (from..from + 10).filter(|n| !(300..305).contains(n));
        found.extend(missing(
            &mut watch,
            &notice(0, minute * MINUTE, numbers.collect()),
        ));
    }
    assert_eq!(found, [(5, 300, 304)]);
}

#[test]
fn a_record_that_is_repeated_while_nothing_happens_makes_nothing_missing() {
    let mut watch = GatewayWatch::default();
    missing(&mut watch, &notice(0, 0, (1..500).collect()));
    let again = notice(0, 8 * LATE_MS, vec![17]);
    assert_eq!(missing(&mut watch, &again), None);
    let next = notice(0, 9 * LATE_MS, vec![500, 501, 503]);
    assert_eq!(missing(&mut watch, &next), None);
    let due = notice(0, 11 * LATE_MS, vec![]);
    assert_eq!(missing(&mut watch, &due), Some((1, 502, 502)));
}

#[test]
fn hostile_numbers_are_bounded_and_end_the_watch_for_minutes_only() {
    let mut watch = GatewayWatch::default();
    let mut number = 0;
    let mut dropped = 0;
    for round in 0..100 {
        let numbers = (0..512).map(|n| number + 3 * n).collect();
        number += 3 * 512;
        dropped += u64::from(watch.apply_notice(&notice(0, round, numbers)).1);
        assert!(watch.seen.len() <= RANGES_MAX);
    }
    assert!(dropped > 0);
    let far = notice(0, 1_000, vec![u64::MAX, u64::MAX - 1]);
    missing(&mut watch, &far);
    let mut found = 0;
    for minute in 1..60 {
        let from = 10 * minute as u64;
        let numbers = (from..from + 10).filter(|n| n % 50 != 7).collect();
        let one = notice(0, 1_000 + minute * MINUTE, numbers);
        found += u64::from(missing(&mut watch, &one).is_some());
    }
    assert!(found > 1, "{found}");
}

/// Of ten numbers a minute: by how many minutes each is late and to which partition it comes, or
/// `None` where it is lost.
fn arrivals() -> impl Strategy<Value = Vec<Option<(i64, i32)>>> {
    let late = prop_oneof![8 => 0_i64..3, 1 => 0_i64..25];
    prop::collection::vec(prop::option::weighted(0.9, (late, 0_i32..3)), 20..300)
}

proptest! {
    #![proptest_config(crate::property::config(300))]

    /// Beside a model that knows the minute of each number. Marks date a number up to half a
    /// minute too early, and arrivals are whole minutes apart.
    #[test]
    fn finds_what_a_naive_model_finds(arrivals in arrivals()) {
        let came: BTreeMap<u64, (i64, i32)> = (0_u64..).zip(&arrivals)
            .filter_map(|(n, one)| one.map(|(late, to)| (n, (n as i64 / 10 + late, to))))
            .collect();
        let mut watch = GatewayWatch::default();
        let mut found = BTreeSet::new();
        let mut begun = None;
        'all: for minute in 0..80 {
            for partition in 0..3 {
                // All is judged by then, and the model knows nothing of gateways that count anew.
                if watch.before_restart.is_some() {
                    break 'all;
                }
                let here = came.iter().filter(|(_, at)| **at == (minute, partition));
                let here: Vec<u64> = here.map(|(n, _)| *n).collect();
                let before = watch.clone();
                if let (Some(missing), _) =
                    watch.apply_notice(&notice(partition, minute * MINUTE, here.clone()))
                {
                    let gone = (missing.first..=missing.last)
                        .filter(|n| !before.seen.contains(n) && !here.contains(n));
                    let gone: Vec<u64> = gone.collect();
                    prop_assert_eq!(gone.len() as u64, missing.count);
                    found.extend(gone);
                }
                begun = begun.or(here.first().copied());
            }
        }
        for number in &found {
            let passed = came.range(number + 1..).map(|(_, at)| at.0).min().unwrap();
            let at = came.get(number).map_or(i64::MAX, |at| at.0);
            prop_assert!(at >= passed + LATE_MS / MINUTE, "{} came at {}", number, at);
        }
        // What is lost between numbers that came is found.
        let last = came.keys().last().copied().unwrap_or(0);
        let lost = (begun.unwrap_or(last)..last).filter(|n| !came.contains_key(n));
        let all_found = lost.clone().all(|n| found.contains(&n));
        prop_assert!(all_found || watch.before_restart.is_some(), "{:?}", lost);
    }

    #[test]
    fn rising_numbers_with_gaps_are_found_whole(
        gaps in prop::collection::btree_set(1_u64..400, 0..60),
        of in prop::collection::vec(0_i32..3, 400),
    ) {
        let mut watch = GatewayWatch::default();
        let mut found = 0;
        for minute in 0..60_i64 {
            for partition in 0..3 {
                let here = (minute as u64 * 10..minute as u64 * 10 + 10)
                    .filter(|n| *n < 400 && !gaps.contains(n) && of[*n as usize] == partition);
                let one = notice(partition, minute * MINUTE, here.collect());
                found += watch.apply_notice(&one).0.map_or(0, |m| m.count);
            }
        }
        let last = (0..400).rev().find(|n| !gaps.contains(n)).unwrap();
        let begun = (0..10).find(|n| !gaps.contains(n) && of[*n as usize] == 0);
        // Numbers below the first that the watch heard of are before its time.
        let first = begun.unwrap_or(0);
        let expected = gaps.iter().filter(|n| **n < last && **n > first).count() as u64;
        prop_assume!(begun.is_some());
        prop_assert_eq!(found, expected);
    }
}
