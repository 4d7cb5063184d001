//! Which time an action gets: the broker's append time bounds the time that a record claims, and
//! records of the past among live ones do not move stream time. The class of a task is the declared
//! one.

use scopewatch::engine::Rules;
use scopewatch::engine::contract::OutputTopic;
use scopewatch::event::{Input, TimeSource};
use serde_json::json;

use crate::harness::{
    HOUR, Harness, MINUTE, SECOND, T0, created, databases, file, mail, of, options, read, record,
    rules_with,
};

const DAY: i64 = 24 * HOUR;

#[test]
fn history_and_false_dates_beside_live_records_leave_the_clock_alone() {
    for claim_ms in [T0 - 4_000 * DAY, T0 + 30_000 * DAY] {
        let mut harness = Harness::with(|_| ());
        let since_ms = T0 - 5_000 * DAY;
        let mut scope = json!({"agent.id": "other", "grants": databases()});
        scope["effective_from"] = since_ms.into();
        harness.scope(T0, scope);
        harness.action(T0, read("waits"));
        let mut old = read("old");
        old["agent.id"] = "other".into();
        old["occurred_at"] = claim_ms.into();
        harness.send(Input::Backfill, T0 + SECOND, &old);
        assert!(harness.step().is_empty(), "{claim_ms}");
        assert!(harness.task.stream_ms() <= T0 + SECOND, "{claim_ms}");
        assert_eq!(harness.task.meta().deferred, 1, "{claim_ms}");
        harness.tick(T0 + 30 * SECOND);
        assert_eq!(created(&harness.step()).len(), 1, "{claim_ms}");
    }
}

#[test]
fn a_claim_of_the_future_is_bounded_by_the_brokers_stamp_under_event_time_too() {
    let mut harness = Harness::with(|options| options.time = TimeSource::Event);
    let mut action = read("e");
    action["occurred_at"] = (T0 + 30_000 * DAY).into();
    harness.action(T0, action);
    harness.step();
    assert_eq!(harness.task.stream_ms(), T0 + 5 * SECOND);
    assert_eq!(harness.count("clamped"), 1);
}

#[test]
fn history_does_not_fill_the_open_pane_of_a_baseline() {
    for (input, spikes) in [(Input::Actions, 1), (Input::Backfill, 0)] {
        let mut harness = Harness::with(|_| ());
        harness.scope(T0, json!({"grants": databases()}));
        let mut n = 0;
        let mut act = |harness: &mut Harness, input: Input, at_ms: i64, claim_ms: i64| {
            n += 1;
            let mut action = read(&format!("e{n}"));
            action["occurred_at"] = claim_ms.into();
            harness.send(input, at_ms, &action);
        };
        for minute in 0..600 {
            act(
                &mut harness,
                Input::Actions,
                T0 + minute * MINUTE,
                T0 + minute * MINUTE,
            );
        }
        let now_ms = T0 + 600 * MINUTE;
        for _ in 0..400 {
            let claim_ms = if input == Input::Actions { now_ms } else { T0 };
            act(&mut harness, input, now_ms, claim_ms);
        }
        harness.step();
        let spike = |title: &&String| *title == "Far more actions than usual";
        let found = created(&harness.alerts());
        assert_eq!(
            found.iter().filter(spike).count(),
            spikes,
            "{input:?}: {found:?}"
        );
    }
}

#[test]
fn an_action_without_any_time_takes_the_streams_or_is_a_dead_letter() {
    let mut harness = Harness::with(|options| options.time = TimeSource::Event);
    harness.scope(0, json!({"grants": databases(), "effective_from": T0}));
    harness.action(0, read("no time yet"));
    assert_eq!(created(&harness.step()), ["Unreadable action"]);
    assert_eq!(of(&harness.outputs, OutputTopic::DeadLetter).count(), 1);
    let mut dated = read("dated");
    dated["occurred_at"] = (T0 + MINUTE).into();
    harness.action(0, dated);
    harness.action(0, read("undated"));
    let opened = created(&harness.step());
    assert!(
        opened.is_empty(),
        "judged within the scope's time: {opened:?}"
    );
    assert_eq!(harness.count("actions"), 2);
    assert_eq!(of(&harness.outputs, OutputTopic::DeadLetter).count(), 1);
}

/// A custom rule beside the shipped ones.
struct Custom {
    title: &'static str,
    selection: &'static str,
    fires: &'static str,
    silent: &'static str,
}

impl Custom {
    fn with_shipped(&self) -> Rules {
        let Custom {
            title,
            selection,
            fires,
            silent,
        } = self;
        let text = format!(
            "title: {title}\nid: 7f0c2a4e-5b1d-4c57-9d3e-0a1b2c3d4e5f\nstatus: stable\n\
             description: x\nauthor: x\ndate: 2026-03-02\ntags: [owasp.asi02-2026]\n\
             logsource: {{product: scopewatch, category: agent_action}}\n\
             detection: {{s: {selection}, condition: s}}\nlevel: low\n\
             response: {{risk: 1, revoke: none}}\n\
             tests:\n  - name: fires\n    {fires}\n    expect: fire\n  \
             - name: silent\n    {silent}\n    expect: silent\n"
        );
        rules_with(&[file("rules/policy/custom.yaml", &text)])
    }
}

#[test]
fn the_class_of_a_task_is_the_declared_one() {
    let rule = Custom {
        title: "Payroll",
        selection: "{task.class: payroll}",
        fires: "events: [{task.class: payroll}]",
        silent: "events: [{task.class: other}]",
    };
    let rules = rule.with_shipped();
    let mut harness = Harness::new(crate::harness::engine(rules, options()));
    harness.scope(T0, json!({"task.class": "payroll", "grants": databases()}));
    let mut action = read("e");
    action["task.class"] = "harmless".into();
    harness.action(T0 + 1, action);
    assert_eq!(created(&harness.step()), ["Payroll"]);
}

#[test]
fn any_rule_may_read_what_a_baseline_expects_without_an_alarm() {
    let rule = Custom {
        title: "Busy",
        selection: "{baseline.actions.ratio|gte: 3, baseline.actions.state: active}",
        fires: "given: {facts: {baseline.actions.ratio: 4, baseline.actions.state: active}}\n    \
                events: [{tool.name: x}]",
        silent: "events: [{tool.name: x}]",
    };
    let rules = rule.with_shipped();
    let mut harness = Harness::new(crate::harness::engine(rules, options()));
    harness.scope(T0, json!({"grants": databases()}));
    for minute in 0..600 {
        harness.action(T0 + minute * MINUTE, read(&format!("m{minute}")));
    }
    assert!(harness.step().is_empty(), "one a minute is what it expects");
    for n in 0..4 {
        harness.action(T0 + 600 * MINUTE + n, read(&format!("n{n}")));
    }
    assert_eq!(created(&harness.step()), ["Busy"], "far below an alarm");
}

#[test]
fn one_alert_for_each_tool_that_nobody_mapped() {
    let mut harness = Harness::with(|_| ());
    harness.scope(T0, json!({"grants": databases()}));
    for (n, tool) in ["think", "plan", "think", "exfiltrate"].iter().enumerate() {
        let body = json!({"event_id": format!("e{n}"), "tool.name": tool});
        harness.push(record(Input::Actions, n as i64, T0 + n as i64, &body));
    }
    harness.step();
    assert_eq!(created(&harness.alerts()).len(), 3);
    harness.action(T0 + MINUTE, mail("last"));
    harness.step();
}
