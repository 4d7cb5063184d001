//! Who may ask for what: modes, joining, numbering, the budget, the never-revoke list.

use super::*;

fn block(outcomes: &[ResponseOutcome]) -> RevocationBlock {
    alerts(outcomes)[0]
        .revocation
        .clone()
        .expect("a revocation block")
}

#[test]
fn shadow_shows_the_plan_and_sends_nothing() {
    let mut bench = Bench::new("");
    let out = bench.fire(&["scope.verb"]);
    assert!(requests(&out).is_empty());
    let shown = block(&out);
    assert_eq!(
        (shown.mode, shown.targets.len()),
        (RevocationMode::Shadow, 1)
    );
    assert_eq!(shown.targets[0].state, RequestState::Planned);
    assert!(
        matches!(&out[1], ResponseOutcome::Audit(entry) if entry.what == AuditKind::ShadowPlan)
    );
}

#[test]
fn off_makes_no_plan_at_all() {
    let mut bench = Bench::new("default: 'off'\n");
    let out = bench.fire(&["scope.verb"]);
    assert_eq!((out.len(), &alerts(&out)[0].revocation), (1, &None));
}

#[test]
fn auto_sends_once_and_says_which_alert_told_of_it() {
    let mut bench = Bench::new("tenants: {acme: auto}\n");
    let out = bench.fire(&["scope.verb"]);
    let request = requests(&out)[0].clone();
    let alert = alerts(&out)[0];
    assert_eq!(request.message_id, Some(alert.message_id));
    assert_eq!(
        (request.txn, request.number),
        (DerivedId::txn(alert.incident_id), 1)
    );
    assert!(request.targets[0].target.is_named(&"tok-1".into()));
    assert_eq!(request.event_ids, ["e1"]);
    for _ in 0..20 {
        assert!(requests(&bench.fire(&["scope.verb"])).is_empty());
    }
}

#[test]
fn a_new_target_is_a_numbered_addition_under_the_same_transaction() {
    let mut bench = Bench::new("default: auto\n");
    let first = requests(&bench.fire(&["scope.verb"]))[0].clone();
    bench.fire(&["scope.verb"]);
    bench.action.credential_id = Some("tok-2".into());
    let out = bench.fire(&["scope.verb"]);
    let second = requests(&out)[0];
    assert_eq!((second.txn, second.number), (first.txn, 2));
    assert_eq!(
        block(&out).targets.len(),
        2,
        "count 3, told because of the request"
    );
}

#[test]
fn a_later_incident_joins_an_open_request() {
    let mut bench = Bench::new("default: auto\n");
    let first = requests(&bench.fire(&["scope.verb"]))[0].clone();
    let out = bench.fire(&["scope.resource"]);
    assert!(requests(&out).is_empty());
    assert_eq!(block(&out).targets[0].joined, Some(first.txn));
    assert_eq!(bench.agent.requests().entries[0].joined.len(), 1);
    bench.fire(&["scope.resource"]);
    assert_eq!(
        bench.agent.requests().entries[0].joined.len(),
        1,
        "joined once"
    );
}

#[test]
fn the_weaker_rule_still_asks_for_its_target() {
    let mut bench = Bench::new("default: auto\n");
    let out = bench.fire(&["channel.grave", "scope.verb"]);
    assert_eq!(alerts(&out)[0].rule.id, "channel.grave");
    assert!(requests(&out)[0].targets[0].reason.contains("scope.verb"));
}

#[test]
fn a_missing_id_is_not_widened_and_the_alert_says_so() {
    let mut bench = Bench::new("default: auto\nissuers: {acme: 'https://idp'}\n");
    bench.action.credential_id = None;
    let out = bench.fire(&["scope.verb"]);
    assert!(requests(&out).is_empty());
    let shown = block(&out);
    assert!(shown.targets.is_empty());
    assert_eq!(
        shown.notes,
        ["no request: the record names no credential id"]
    );
    assert_eq!(shown.mode, RevocationMode::Auto);
}

#[test]
fn the_never_revoke_list_and_onboarding_hold_requests_back() {
    let mut bench = Bench::new("default: auto\nnever-revoke: {agents: ['b*']}\n");
    let out = bench.fire(&["scope.verb"]);
    assert!(requests(&out).is_empty() && block(&out).notes[0].contains("never-revoke"));

    let mut bench = Bench::new("default: auto\n");
    bench.undeclared = true;
    let out = bench.fire(&["scope.verb"]);
    assert!(requests(&out).is_empty() && block(&out).notes[0].contains("onboarded"));

    let mut bench = Bench::new("default: auto\nstrict: [acme]\n");
    bench.undeclared = true;
    assert_eq!(requests(&bench.fire(&["scope.verb"])).len(), 1);
}

#[test]
fn a_used_up_budget_waits_for_a_person_and_alerts_once_an_hour() {
    let mut bench = Bench::new("default: auto\nbudget: {agents-per-hour: 2}\n");
    let mut sent = 0;
    for agent in 0..5 {
        bench.agent = IncidentStore::default();
        bench.action.agent_id = format!("bot-{agent}").into();
        sent += requests(&bench.fire(&["scope.verb"])).len();
    }
    assert_eq!(sent, 2);
    let out = bench.out.clone();
    let told: Vec<_> = alerts(&out)
        .into_iter()
        .filter(|a| a.rule.id == BUDGET_RULE)
        .collect();
    assert_eq!(told.len(), 1);
    let said = &told[0].message;
    assert!(said.contains("budget of 2 declared agents"), "{said}");
    assert_eq!(told[0].rule.title, "Revocation budget used up");
    let last = alerts(&out)
        .into_iter()
        .rfind(|a| a.rule.id == "scope.verb")
        .unwrap();
    let shown = last.revocation.as_ref().unwrap();
    assert_eq!(shown.targets[0].state, RequestState::Waiting);
    assert!(shown.notes[0].contains("budget"));

    // What others spent leaves the budget of declared agents whole, and the other way round.
    bench.declared = false;
    bench.agent = IncidentStore::default();
    assert_eq!(requests(&bench.fire(&["scope.verb"])).len(), 1);

    bench.pass(60 * MINUTE_MS);
    bench.declared = true;
    bench.agent = IncidentStore::default();
    let out = bench.fire(&["scope.verb"]);
    assert_eq!(requests(&out).len(), 1, "the next hour starts afresh");
}

#[test]
fn what_was_shadow_may_be_sent_later_but_only_once() {
    let mut bench = Bench::new("");
    bench.fire(&["scope.verb"]);
    bench.policy = policy("default: auto\n");
    let out = bench.fire(&["scope.verb"]);
    assert_eq!(requests(&out).len(), 1);
    assert_eq!(block(&out).targets.len(), 1);
    assert!(requests(&bench.fire(&["scope.verb"])).is_empty());
}

#[test]
fn a_crowded_incident_does_not_ask_again_within_the_hour() {
    let mut bench = Bench::new("default: auto\n");
    let mut sent = 0;
    for round in 0..200 {
        bench.action.task_id = Some(format!("t{}", round % 50).into());
        bench.now_ms += 100;
        sent += requests(&bench.fire(&["scope.verb"])).len();
    }
    assert_eq!(sent, 1);
    assert!(bench.agent.requests().entries.len() <= REQUESTS_MAX);
}
