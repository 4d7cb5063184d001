//! How findings fold into incidents, and when an incident speaks.

use super::*;

#[test]
fn an_incident_speaks_at_counts_1_2_4_8_and_closes_after_an_hour_of_quiet() {
    let mut bench = Bench::new("default: 'off'\n");
    let mut told = Vec::new();
    for n in 1..=9 {
        bench.now_ms += MINUTE_MS;
        for alert in alerts(&bench.fire(&["scope.verb"])) {
            told.push((n, alert.activity, alert.count, alert.event_ids.len()));
        }
    }
    let (create, update) = (AlertActivity::Create, AlertActivity::Update);
    assert_eq!(
        told,
        [
            (1, create, 1, 1),
            (2, update, 2, 1),
            (4, update, 4, 2),
            (8, update, 8, 4)
        ]
    );

    assert!(bench.pass(QUIET_AGENT_MS - 1).is_empty());
    assert_eq!(bench.agent.next_due_ms(), Some(bench.now_ms + 1));
    let closed = bench.pass(5 * MINUTE_MS);
    let close = alerts(&closed)[0].clone();
    assert_eq!(close.activity, AlertActivity::Close(CloseReason::Quiet));
    assert_eq!(
        (close.count, close.event_ids.as_slice()),
        (9, &["e9".into()][..])
    );
    assert_eq!(
        close.time_ms,
        1_000_000 + 9 * MINUTE_MS + QUIET_AGENT_MS,
        "its due time"
    );
    assert!(bench.agent.is_empty());
}

#[test]
fn a_rise_in_severity_and_a_rule_that_joins_are_news() {
    let mut bench = Bench::new("");
    bench.fire(&["channel.plain"]);
    bench.fire(&["channel.plain"]);
    let graver = Finding {
        severity: RuleLevel::Critical,
        ..Finding::new(rule("channel.plain").unwrap())
    };
    let out = bench.fire_findings(&[graver]);
    assert_eq!(alerts(&out)[0].severity, RuleLevel::Critical);

    let mut bench = Bench::new("");
    for _ in 0..2 {
        bench.fire(&["scope.verb"]);
    }
    let out = bench.fire(&["channel.plain", "scope.verb"]);
    assert_eq!(
        also_ids(alerts(&out)[0]),
        ["channel.plain"],
        "count 3, told because a rule joined"
    );
    assert_eq!(
        also_ids(alerts(&bench.fire(&["scope.verb"]))[0]),
        [] as [&str; 0]
    );
    assert!(alerts(&bench.fire(&["channel.plain", "scope.verb"])).is_empty());
}

#[test]
fn an_informational_rule_opens_nothing_and_makes_no_alert_due() {
    let mut bench = Bench::new("");
    assert!(bench.fire(&["scope.first"]).is_empty());
    assert!(bench.agent.is_empty() && bench.tenant.is_empty());

    for _ in 0..2 {
        bench.fire(&["scope.verb"]);
    }
    // The third finding is told only if a rule joins, and this one does not.
    let silent = bench.fire(&["scope.first", "scope.verb"]);
    assert!(alerts(&silent).is_empty(), "{silent:?}");
    let fourth = bench.fire(&["scope.first", "scope.verb"]);
    let alert = alerts(&fourth)[0];
    assert_eq!((alert.count, alert.rule.id.as_str()), (4, "scope.verb"));
    assert_eq!(also_ids(alert), ["scope.first"], "it stands in the alert");
    assert_eq!(alert.severity, RuleLevel::High);
    assert_eq!(
        bench.agent.open()[0].also,
        [] as [&str; 0],
        "and takes no room from rules that are news"
    );
}

#[test]
fn an_informational_rule_leads_no_summary_and_stands_in_none_of_another_kind() {
    let mut bench = Bench::new("");
    let out = bench.fire(&["scope.first", "scope.undeclared"]);
    let rules: Vec<_> = alerts(&out).iter().map(|alert| &alert.rule.id).collect();
    assert_eq!(rules, ["scope.undeclared"]);
    assert_eq!(also_ids(alerts(&out)[0]), [] as [&str; 0]);
}

#[test]
fn one_action_is_one_alert_by_the_strongest_whatever_the_order() {
    for order in [
        ["channel.plain", "scope.verb"],
        ["scope.verb", "channel.plain"],
    ] {
        let mut bench = Bench::new("");
        let out = bench.fire(&order);
        assert_eq!(alerts(&out).len(), 1);
        assert_eq!(alerts(&out)[0].rule.id, "scope.verb");
        assert_eq!(alerts(&out)[0].message, "scope.verb explained");
        assert_eq!(bench.agent.open().len(), 1);
    }
    let mut bench = Bench::new("");
    let out = bench.fire(&["scope.verb", "channel.grave"]);
    assert_eq!(
        alerts(&out)[0].rule.id,
        "channel.grave",
        "severity comes before family"
    );
    let out = bench.fire(&["scope.verb"]);
    assert_eq!(
        alerts(&out)[0].activity,
        AlertActivity::Create,
        "alone, the weaker opens its own"
    );
}

#[test]
fn tasks_fold_apart_and_ids_are_those_of_the_first_event() {
    let mut bench = Bench::new("");
    let first = alerts(&bench.fire(&["scope.verb"]))[0].clone();
    bench.action.task_id = Some("t2".into());
    let second = alerts(&bench.fire(&["scope.verb"]))[0].clone();
    assert_ne!(first.incident_id, second.incident_id);
    assert_eq!(first.message_id, DerivedId::message(first.incident_id, 1));
    let again = Bench::new("").fire(&["scope.verb"]);
    assert_eq!(
        alerts(&again)[0].incident_id,
        first.incident_id,
        "state is not part of an id"
    );
}

#[test]
fn undeclared_agents_of_a_class_make_one_summary_a_day() {
    let mut bench = Bench::new("");
    bench.action.agent_type = Some("research".into());
    let mut create = 0;
    for agent in 0..40 {
        bench.action.agent_id = format!("bot-{agent}").into();
        bench.now_ms += 10 * MINUTE_MS;
        let out = bench.fire(&["scope.undeclared"]);
        create += alerts(&out)
            .iter()
            .filter(|a| a.activity == AlertActivity::Create)
            .count();
        assert!(
            alerts(&out).iter().all(|a| a.agent_id == "bot-0"),
            "one key for one incident"
        );
        bench.pass(2 * 60 * MINUTE_MS / 10);
    }
    assert_eq!(create, 1, "under a day, quiet or not");
    let summary = &bench.tenant.open()[0];
    assert_eq!((summary.count, summary.agents.len()), (40, AGENTS_MAX));
    let closed = bench.pass(2 * 86_400_000);
    assert_eq!(
        alerts(&closed)[0].activity,
        AlertActivity::Close(CloseReason::Quiet)
    );
}

#[test]
fn a_summary_does_not_swallow_the_agents_own_alert() {
    let mut bench = Bench::new("");
    let out = bench.fire(&["scope.undeclared", "channel.plain"]);
    let rules: Vec<_> = alerts(&out)
        .iter()
        .map(|alert| alert.rule.id.clone())
        .collect();
    assert_eq!(rules, ["channel.plain", "scope.undeclared"]);
    assert_eq!(also_ids(alerts(&out)[0]), ["scope.undeclared"]);
}

#[test]
fn invented_classes_share_the_last_summary_and_never_crowd_each_other_out() {
    let mut bench = Bench::new("");
    for class in 0..200 {
        bench.action.agent_type = Some(format!("kind-{class}").into());
        bench.fire(&["scope.undeclared"]);
    }
    assert_eq!(bench.tenant.open().len(), CLASSES_MAX + 1);
    assert_eq!(closed(&bench.out), 0);
}

fn closed(outcomes: &[ResponseOutcome]) -> usize {
    let closes = |alert: &&&Alert| matches!(alert.activity, AlertActivity::Close(_));
    alerts(outcomes).iter().filter(closes).count()
}

#[test]
fn invented_tools_share_the_last_summary_and_each_other_one_has_its_own() {
    let mut bench = Bench::new("");
    for tool in 0..200 {
        bench.action.tool_name = Some(format!("tool-{tool}").into());
        bench.fire(&["scope.unmapped"]);
    }
    assert_eq!(bench.tenant.open().len(), CLASSES_MAX + 1);
    let created = alerts(&bench.out)
        .iter()
        .filter(|alert| alert.activity == AlertActivity::Create)
        .count();
    assert_eq!(created, CLASSES_MAX + 1);
}

#[test]
fn invented_tasks_share_an_incident_beyond_the_first_few() {
    let mut bench = Bench::new("");
    for task in 0..500 {
        bench.action.task_id = Some(format!("t{task}").into());
        bench.fire(&["scope.verb"]);
    }
    assert_eq!(bench.agent.open().len(), TASKS_MAX + 1);
    let shared = bench.agent.open().last().unwrap();
    assert_eq!(
        (shared.task(), shared.count),
        (None, 500 - TASKS_MAX as u64)
    );
    assert_eq!(closed(&bench.out), 0);
}

#[test]
fn a_full_agent_closes_nothing_and_stays_bounded() {
    let rules = [
        "scope.verb",
        "scope.resource",
        "scope.session",
        "scope.agent",
        "channel.plain",
    ];
    let mut bench = Bench::new("");
    for task in 0..TASKS_MAX {
        for rule in rules {
            bench.now_ms += 1;
            bench.action.task_id = Some(format!("t{task}").into());
            for _ in 0..3 {
                bench.fire(&[rule]);
            }
        }
    }
    assert_eq!(bench.agent.open().len(), OPEN_MAX);
    assert_eq!(closed(&bench.out), 0);
    assert_eq!(bench.agent.open()[0].group.as_deref(), Some("t0"));
    let kept: usize = bench
        .agent
        .open()
        .iter()
        .map(|open| open.evidence.ids().len())
        .sum();
    assert!(kept <= OPEN_MAX * EVIDENCE_MIN, "{kept}");
}

#[test]
fn a_message_lists_at_most_32_events_and_counts_the_rest() {
    let mut bench = Bench::new("");
    for _ in 0..70 {
        bench.fire(&["scope.verb"]);
    }
    let last = alerts(&bench.out).last().unwrap().to_owned();
    assert_eq!(
        (last.count, last.event_ids.len(), last.event_ids_dropped),
        (64, 32, 0)
    );
    let mut bench = Bench::new("");
    for _ in 0..128 {
        bench.fire(&["scope.verb"]);
    }
    let last = alerts(&bench.out).last().unwrap().to_owned();
    assert_eq!((last.event_ids.len(), last.event_ids_dropped), (32, 32));
    assert_eq!(
        (last.event_ids[0].as_str(), last.event_ids[31].as_str()),
        ("e65", "e128")
    );
}

#[test]
fn state_survives_its_bytes() {
    let mut bench = Bench::new("default: auto\n");
    bench.fire(&["scope.verb", "scope.session"]);
    let bytes = postcard::to_allocvec(&bench.agent).unwrap();
    assert_eq!(
        postcard::from_bytes::<IncidentStore>(&bytes).unwrap(),
        bench.agent
    );
    assert!(
        bytes.len() < 600,
        "{} bytes for one incident and its request",
        bytes.len()
    );
}
