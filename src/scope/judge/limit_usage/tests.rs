//! Windows, distinct values and what gives way at their bounds.

use super::*;
use crate::event::{ActionOutcome, AgentScope, Limit, Measure};
use crate::scope::judge::limit_window::AMOUNTS_MAX;
use crate::scope::judge::pane_clock::LATE_MS;
use crate::scope::model::compiled::compile_limit;
use proptest::prelude::*;

const HOUR_MS: i64 = 3_600_000;

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

fn on_time(at_ms: i64) -> CountedTime {
    CountedTime {
        earliest_ms: at_ms,
        at_ms,
    }
}

/// Counts the action in; whether the limit was exceeded by it.
fn exceeds(
    usage: &mut LimitUsage,
    scope_id: &str,
    limit: &CompiledLimit,
    action: &AgentAction,
    at_ms: i64,
) -> bool {
    let seen = observe(usage, scope_id, limit, action, at_ms).unwrap();
    record(usage, scope_id, limit, action, at_ms);
    seen > limit.max
}

fn observe(
    usage: &LimitUsage,
    scope_id: &str,
    limit: &CompiledLimit,
    action: &AgentAction,
    at_ms: i64,
) -> Option<f64> {
    usage.with_action(text_fingerprint(scope_id), limit, action, on_time(at_ms))
}

fn record(
    usage: &mut LimitUsage,
    scope_id: &str,
    limit: &CompiledLimit,
    action: &AgentAction,
    at_ms: i64,
) {
    usage.record_action(text_fingerprint(scope_id), limit, action, on_time(at_ms));
}

fn value_count(usage: &LimitUsage) -> usize {
    usage.windows.iter().map(LimitWindow::value_count).sum()
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
    let (long, short) = (limit("count", 3 * HOUR_MS), limit("count", 1_000));
    let mut usage = LimitUsage::default();
    record(&mut usage, "long", &long, &bytes(1), 0);
    for n in 0..WINDOWS_MAX as i64 {
        record(&mut usage, &format!("s{n}"), &short, &bytes(1), n * 2_000);
    }
    let now_ms = WINDOWS_MAX as i64 * 2_000;
    let seen = observe(&usage, "long", &long, &bytes(1), now_ms);
    assert_eq!(seen, Some(2.0));
}

#[test]
fn the_values_of_other_tasks_blind_no_limit() {
    let limit = limit_of("distinct: destination.host", 7 * 24 * HOUR_MS, 200);
    let mut usage = LimitUsage::default();
    for n in 0..1_200 {
        for task in ["a", "b", "c"] {
            let fires = exceeds(&mut usage, task, &limit, &host(&format!("{task}{n}")), n);
            assert_eq!(fires, n >= 200, "{task} {n}");
        }
    }
    // A value seen again needs no room.
    let before = value_count(&usage);
    record(&mut usage, "a", &limit, &host("a1199"), 1_201);
    assert_eq!(value_count(&usage), before);
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
    record(&mut usage, "s", &limit, &bytes(7), 0);
    assert_eq!(
        observe(&usage, "s", &limit, &AgentAction::new("a"), 1),
        None
    );
    assert_eq!(observe(&usage, "s", &limit, &bytes(1), 1), Some(8.0));
    assert_eq!(
        observe(&usage, "other scope", &limit, &bytes(1), 1),
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
        record(&mut usage, "s", &limit, &id(text), at);
    }
    assert_eq!(observe(&usage, "s", &limit, &id("y"), 3), Some(2.0));
    assert_eq!(observe(&usage, "s", &limit, &id("z"), 3), Some(3.0));
    assert_eq!(observe(&usage, "s", &limit, &id("z"), 12_000), Some(1.0));
}

#[test]
fn a_denied_action_counts_nowhere_and_exceeds_nothing() {
    let limit = limit("count", HOUR_MS);
    let denied = AgentAction {
        outcome: Some(ActionOutcome::Denied),
        ..bytes(1)
    };
    let mut usage = LimitUsage::default();
    let terms = CompiledScope::compile(&AgentScope {
        limits: vec![Limit {
            measure: Measure::parse("count").unwrap(),
            window_ms: HOUR_MS,
            max: 10.0,
        }],
        ..AgentScope::default()
    });
    usage.record_in_limits("s", &terms.unwrap(), &denied, on_time(0));
    assert!(usage.is_empty());
    assert_eq!(observe(&usage, "s", &limit, &denied, 0), None);
}

#[test]
fn state_stays_bounded_whatever_comes() {
    let distinct = limit_of("distinct: resource.id", 12 * HOUR_MS, 10_000);
    let short = limit("count", 1_000);
    let mut usage = LimitUsage::default();
    for n in 0..60_000_i64 {
        let action = AgentAction {
            resource_id: Some(format!("{n}").into()),
            ..AgentAction::new("a")
        };
        record(&mut usage, &format!("s{}", n % 6), &distinct, &action, n);
        // Each action in a pane of its own, back and forth over 15 minutes.
        record(&mut usage, "s", &short, &action, n * 7_919 % LATE_MS);
    }
    assert!(usage.windows.len() <= WINDOWS_MAX);
    assert!(value_count(&usage) <= DISTINCT_TOTAL_MAX);
    let panes = usage.windows.iter().map(LimitWindow::amount_count).max();
    assert!(panes.unwrap() <= AMOUNTS_MAX);
    let stored = postcard::to_stdvec(&usage).unwrap().len();
    assert!(stored < 300_000, "{stored}");
    // Six tasks share the room, and each is still counted.
    for n in 0..6 {
        let seen = observe(&usage, &format!("s{n}"), &distinct, &host("x"), 60_000);
        assert_eq!(seen, None);
        let action = AgentAction {
            resource_id: Some("new".into()),
            ..AgentAction::new("a")
        };
        let seen = observe(&usage, &format!("s{n}"), &distinct, &action, 60_000).unwrap();
        assert!((seen / 10_000.0 - 1.0).abs() < 0.1, "s{n}: {seen}");
    }
    // Over, but for what may still be reported of a silence.
    assert!(!usage.prune(20 * HOUR_MS, |_| false));
    assert!(usage.prune(20 * HOUR_MS + SILENCE_MAX_MS, |_| false) && usage.is_empty());
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
            let seen = observe(&usage, "s", &limit, &bytes(amount), now).unwrap();
            record(&mut usage, "s", &limit, &bytes(amount), now);
            let since = |start: i64| -> f64 {
                all.iter().filter(|(t, _)| *t > start).map(|(_, a)| *a as f64).sum()
            };
            prop_assert!(seen <= since(now - window_ms));
            prop_assert!(seen >= since(now - window_ms * 11 / 12));
        }
    }

    /// In whatever order the actions of 15 minutes come, some of them exceeds the limit if a window
    /// did for 11/12, and none if no whole window did.
    #[test]
    fn late_actions_count_in_the_window_of_their_own_time(
        times in proptest::collection::vec((0i64..LATE_MS / 1_000, 0u8..8), 1..60),
        window_s in prop::sample::select(vec![10i64, 60, 300, 3_600]),
        max in 1u32..6,
        measure in prop::sample::select(vec!["count", "distinct: destination.host"]),
    ) {
        let limit = limit_of(measure, window_s * 1_000, max);
        let mut usage = LimitUsage::default();
        let mut fired = false;
        for (at_s, name) in &times {
            let action = host(&name.to_string());
            fired |= exceeds(&mut usage, "s", &limit, &action, at_s * 1_000);
        }
        // The actions of the window that ends with each action, in the order of their own times.
        let exceeded = |length_s: i64| times.iter().any(|(end, _)| {
            let inside = times.iter().filter(|(t, _)| t <= end && *t > end - length_s);
            let count = match measure {
                "count" => inside.count(),
                _ => inside.map(|(_, name)| name).collect::<std::collections::BTreeSet<_>>().len(),
            };
            count > max as usize
        });
        prop_assert!(!fired || exceeded(window_s), "no window was exceeded");
        // A value of which only the first and the last pane are kept may be missing in between.
        if measure == "count" {
            prop_assert!(fired || !exceeded(window_s * 11 / 12), "unseen");
        }
    }
}
