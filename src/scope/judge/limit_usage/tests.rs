//! Windows, distinct values and what gives way at their bounds.

use super::*;
use crate::event::Limit;
use crate::scope::model::compiled::compile_limit;
use proptest::prelude::*;

fn limit(measure: &str, window_ms: i64) -> CompiledLimit {
    limit_of(measure, window_ms, 10)
}

fn limit_of(measure: &str, window_ms: i64, max: u32) -> CompiledLimit {
    let (measure, max) = (Measure::parse(measure).unwrap(), max.into());
    let limit = Limit {
        measure,
        window_ms,
        max,
    };
    compile_limit(0, &limit).unwrap()
}

fn host(name: &str) -> AgentAction {
    AgentAction {
        destination_host: Some(name.into()),
        ..AgentAction::new("a")
    }
}

/// Counts the action in; tells whether the limit was exceeded by it.
fn exceeds(
    usage: &mut LimitUsage,
    scope_id: &str,
    limit: &CompiledLimit,
    action: &AgentAction,
    at_ms: i64,
) -> bool {
    let seen = usage.with_action(scope_id, limit, action, at_ms).unwrap();
    usage.record_action(scope_id, limit, action, at_ms);
    seen > limit.max
}

fn held(usage: &LimitUsage) -> usize {
    usage.windows.iter().map(|w| w.values.len()).sum()
}

#[test]
fn scopes_in_rotation_keep_their_windows() {
    let limit = limit("count", 3_600_000);
    for scopes in [33, SCOPES_MAX] {
        let mut usage = LimitUsage::default();
        for round in 1..=11 {
            for n in 0..scopes {
                let (scope, at_ms) = (format!("s{n}"), round * 1_000 + n as i64);
                let fires = exceeds(&mut usage, &scope, &limit, &bytes(1), at_ms);
                assert_eq!(fires, round > 10, "{scope} in round {round}");
            }
        }
    }
}

#[test]
fn windows_that_have_ended_go_before_one_in_use() {
    let (long, short) = (limit("count", 3_600_000), limit("count", 1_000));
    let mut usage = LimitUsage::default();
    usage.record_action("long", &long, &bytes(1), 0);
    for n in 0..WINDOWS_MAX {
        usage.record_action(&format!("s{n}"), &short, &bytes(1), 2_000 + n as i64);
    }
    assert_eq!(
        usage.with_action("long", &long, &bytes(1), 2_999),
        Some(1.0),
        "unused longest"
    );
    let mut usage = LimitUsage::default();
    usage.record_action("long", &long, &bytes(1), 0);
    for n in 0..WINDOWS_MAX as i64 {
        usage.record_action(&format!("s{n}"), &short, &bytes(1), n * 100);
    }
    assert_eq!(
        usage.with_action("long", &long, &bytes(1), 20_000),
        Some(2.0)
    );
}

#[test]
fn the_values_of_other_tasks_blind_no_limit() {
    let limit = limit_of("distinct: destination.host", 3_600_000, 40);
    let mut usage = LimitUsage::default();
    for task in 0..13_i64 {
        for n in 0..40 {
            let action = host(&format!("{task}-{n}"));
            assert!(!exceeds(
                &mut usage,
                &format!("t{task}"),
                &limit,
                &action,
                task
            ));
        }
    }
    for n in 1..=41 {
        let fires = exceeds(&mut usage, "last", &limit, &host(&format!("h{n}")), 20);
        assert_eq!(fires, n == 41, "{n}");
        assert!(held(&usage) <= DISTINCT_TOTAL_MAX);
    }
    // A value seen again needs no room: nobody loses any for it.
    let before = held(&usage);
    usage.record_action("last", &limit, &host("h7"), 21);
    assert_eq!(held(&usage), before);
}

fn bytes(count: u64) -> AgentAction {
    AgentAction {
        volume_bytes_out: Some(count),
        ..AgentAction::new("a")
    }
}

#[test]
fn an_action_without_the_field_adds_nothing_and_is_not_judged() {
    let limit = limit("sum: volume.bytes_out", 60_000);
    let mut usage = LimitUsage::default();
    usage.record_action("s", &limit, &bytes(7), 0);
    assert_eq!(
        usage.with_action("s", &limit, &AgentAction::new("a"), 1),
        None
    );
    assert_eq!(usage.with_action("s", &limit, &bytes(1), 1), Some(8.0));
    assert_eq!(
        usage.with_action("other scope", &limit, &bytes(1), 1),
        Some(1.0)
    );
}

#[test]
fn distinct_counts_a_value_once_and_forgets_it_after_the_window() {
    let limit = limit("distinct: resource.id", 12_000);
    let id = |text: &str| AgentAction {
        resource_id: Some(text.into()),
        ..AgentAction::new("a")
    };
    let mut usage = LimitUsage::default();
    for (text, at) in [("x", 0), ("y", 1), ("x", 2)] {
        usage.record_action("s", &limit, &id(text), at);
    }
    assert_eq!(usage.with_action("s", &limit, &id("y"), 3), Some(2.0));
    assert_eq!(usage.with_action("s", &limit, &id("z"), 3), Some(3.0));
    assert_eq!(usage.with_action("s", &limit, &id("z"), 12_000), Some(1.0));
}

#[test]
fn state_stays_bounded_whatever_comes() {
    let limit = limit("distinct: resource.id", 12_000);
    let mut usage = LimitUsage::default();
    for n in 0..2_000 {
        let action = AgentAction {
            resource_id: Some(format!("{n}").into()),
            ..AgentAction::new("a")
        };
        usage.record_action(&format!("s{}", n % 50), &limit, &action, n);
    }
    assert!(usage.windows.len() <= WINDOWS_MAX);
    let held: usize = usage.windows.iter().map(|w| w.values.len()).sum();
    assert!(held <= DISTINCT_TOTAL_MAX, "{held}");
    assert!(usage.prune(20_000) && usage.is_empty());
}

proptest! {
    #![proptest_config(crate::property::config(256))]

    /// Against every event kept: exceeded only when it was, and always when it was for 11/12.
    #[test]
    fn a_distinct_limit_is_exceeded_when_the_window_says_so(
        steps in proptest::collection::vec((0i64..3_000, 0u8..12), 1..120), max in 0u32..6,
    ) {
        let window_ms = 24_000;
        let limit = limit_of("distinct: destination.host", window_ms, max);
        let mut usage = LimitUsage::default();
        let (mut now, mut all): (i64, Vec<(i64, u8)>) = (0, Vec::new());
        for (step, name) in steps {
            now += step;
            all.push((now, name));
            let fires = exceeds(&mut usage, "s", &limit, &host(&name.to_string()), now);
            let since = |start: i64| {
                let names = all.iter().filter(|(t, _)| *t > start).map(|(_, name)| name);
                names.collect::<std::collections::BTreeSet<_>>().len() > max as usize
            };
            prop_assert!(!fires || since(now - window_ms));
            prop_assert!(fires || !since(now - window_ms * 11 / 12));
            prop_assert!(held(&usage) <= max as usize + 1);
        }
    }

    /// Against every event kept: never more than the true window, never less than 11/12.
    #[test]
    fn the_count_lies_between_eleven_twelfths_and_the_whole_window(
        steps in proptest::collection::vec((0i64..4_000, 1u64..100), 1..80),
    ) {
        let window_ms = 24_000;
        let limit = limit("sum: volume.bytes_out", window_ms);
        let mut usage = LimitUsage::default();
        let (mut now, mut all): (i64, Vec<(i64, u64)>) = (0, Vec::new());
        for (step, amount) in steps {
            now += step;
            all.push((now, amount));
            let seen = usage.with_action("s", &limit, &bytes(amount), now).unwrap();
            usage.record_action("s", &limit, &bytes(amount), now);
            let since = |start: i64| -> f64 {
                all.iter().filter(|(t, _)| *t > start).map(|(_, a)| *a as f64).sum()
            };
            prop_assert!(seen <= since(now - window_ms));
            prop_assert!(seen >= since(now - window_ms * 11 / 12));
            prop_assert!(usage.windows[0].panes.len() <= 12);
        }
    }
}
