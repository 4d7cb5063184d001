//! How long requests are remembered, what makes room for what, and what happens when nobody
//! answers.

use super::*;
use crate::event::RevocationResult;

const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

fn confirm(txn: DerivedId, result: RevocationResult) -> CommandKind {
    CommandKind::Confirmation {
        txn: txn.to_string().into(),
        target: None,
        result,
    }
}

fn own_alerts<'a>(outcomes: &'a [ResponseOutcome], rule: &str) -> Vec<&'a Alert> {
    let all = alerts(outcomes).into_iter();
    all.filter(|alert| alert.rule.id == rule).collect()
}

/// When the credential expires by its record, from the request on; until when it is remembered.
#[test]
fn an_unconfirmed_request_is_remembered_until_the_credential_expires() {
    for (expires_ms, kept_ms) in [
        (None, KEPT_UNKNOWN_MS),
        (Some(2 * DAY_MS), 2 * DAY_MS),
        (Some(90 * DAY_MS), 90 * DAY_MS),
        (Some(1_000), REQUEST_KEPT_MS),
        (Some(-1), KEPT_UNKNOWN_MS),
        (Some(i64::MAX), KEPT_MAX_MS),
    ] {
        let mut bench = Bench::new("default: auto\n");
        let asked_ms = bench.now_ms;
        let end_ms = expires_ms.map(|ms: i64| asked_ms.saturating_add(ms));
        bench.action.credential_expires_at_ms = end_ms;
        bench.fire(&["scope.verb"]);
        bench.pass((kept_ms - 1).max(QUIET_AGENT_MS));
        if kept_ms > QUIET_AGENT_MS {
            assert_eq!(bench.agent.requests().entries.len(), 1, "{expires_ms:?}");
            let late = bench.agent.after_revocation(&bench.action, bench.now_ms);
            assert!(late.is_some(), "{expires_ms:?}: its use is still watched");
            assert!(
                bench
                    .agent
                    .open()
                    .iter()
                    .all(|open| open.rule == UNANSWERED_RULE)
            );
        }
        bench.pass(1);
        bench.pass(QUIET_AGENT_MS);
        assert!(bench.agent.requests().entries.is_empty(), "{expires_ms:?}");
    }
}

#[test]
fn a_confirmed_request_is_forgotten_but_not_that_its_target_was_revoked() {
    let mut bench = Bench::new("default: auto\n");
    let txn = requests(&bench.fire(&["scope.verb"]))[0].txn;
    bench.say(confirm(txn, RevocationResult::Done));
    bench.pass(2 * QUIET_AGENT_MS);
    assert!(bench.agent.requests().entries.is_empty());
    bench.pass(60 * DAY_MS);
    let late = bench.agent.after_revocation(&bench.action, bench.now_ms);
    assert!(late.is_some());
}

#[test]
fn what_is_only_shown_makes_room_and_what_was_sent_never_does() {
    let mut bench = Bench::new("");
    for n in 0..REQUESTS_MAX {
        bench.action.credential_id = Some(format!("shown-{n}").into());
        bench.fire(&["scope.verb"]);
    }
    assert_eq!(bench.agent.requests().entries.len(), REQUESTS_MAX);
    bench.policy = policy("default: auto\n");
    for n in 0..REQUESTS_MAX {
        bench.action.credential_id = Some(format!("sent-{n}").into());
        let sent = requests(&bench.fire(&["scope.verb"])).len();
        assert_eq!(sent, 1, "{n}");
    }
    let entries = &bench.agent.requests().entries;
    assert!(
        entries
            .iter()
            .all(|entry| entry.state == RequestState::Sent)
    );
    assert_eq!(entries.len(), REQUESTS_MAX);
}

#[test]
fn where_sent_requests_leave_no_room_the_agent_as_a_whole_waits_for_a_person() {
    let mut bench = Bench::new("default: auto\n");
    for n in 0..200 {
        bench.action.credential_id = Some(format!("tok-{n}").into());
        bench.fire(&["scope.verb"]);
    }
    assert_eq!(requests(&bench.out).len(), REQUESTS_MAX);
    let entries = &bench.agent.requests().entries;
    assert_eq!(entries.len(), REQUESTS_MAX + 1, "one place for the agent");
    let whole = entries.last().unwrap();
    assert_eq!(
        (whole.target.kind, whole.state),
        (TargetKind::Agent, RequestState::Waiting)
    );
    let first = bench.action.clone();
    bench.action.credential_id = Some("tok-0".into());
    let used_ms = bench.now_ms + UNANSWERED_MS + 1;
    assert!(
        bench
            .agent
            .after_revocation(&bench.action, used_ms)
            .is_some()
    );
    bench.action = first;
    let told = alerts(&bench.out).len();
    assert!(told < 2 * REQUESTS_MAX, "a full book is not news each time");
    let txn = DerivedId::txn(whole.incident).to_string().into();
    let decision = crate::event::ApprovalDecision::Approve;
    let out = bench.say(CommandKind::Decision { txn, decision });
    assert_eq!(requests(&out)[0].targets[0].target.kind, TargetKind::Agent);
}

#[test]
fn in_shadow_a_full_ledger_plans_no_more() {
    let mut bench = Bench::new("");
    for n in 0..2 * REQUESTS_MAX {
        bench.action.credential_id = Some(format!("tok-{n}").into());
        bench.fire(&["scope.verb"]);
    }
    assert_eq!(bench.agent.requests().entries.len(), REQUESTS_MAX);
}

#[test]
fn a_request_that_nobody_answers_is_sent_again_as_it_was_and_an_alert_says_so() {
    let mut bench = Bench::new("default: auto\n");
    let first = requests(&bench.fire(&["scope.verb"]))[0].clone();
    assert!(bench.pass(UNANSWERED_MS - 1).is_empty());
    let out = bench.pass(1);
    let again = requests(&out)[0];
    assert_eq!(
        again,
        &RevocationRequest {
            kind: RequestKind::Repeated,
            ..first
        }
    );
    let own = own_alerts(&out, UNANSWERED_RULE);
    assert_eq!(own.len(), 1);
    let said = &own[0].message;
    assert!(said.contains("5 min") && said.contains("tok-1"), "{said}");
    // Less and less often, and never after an answer.
    for (minutes, repeated) in [(4, 0), (1, 1), (5, 0), (5, 1)] {
        let out = bench.pass(minutes * MINUTE_MS);
        assert_eq!(requests(&out).len(), repeated, "{minutes}");
    }
    bench.say(confirm(requests(&bench.out)[0].txn, RevocationResult::Done));
    let out = bench.pass(DAY_MS);
    assert!(requests(&out).is_empty());
}

#[test]
fn a_further_target_is_not_sent_silently_where_nobody_answers() {
    let mut bench = Bench::new("default: auto\n");
    bench.fire(&["scope.verb"]);
    let notes_of = |out: &[ResponseOutcome]| alerts(out)[0].revocation.clone().unwrap().notes;
    bench.pass(UNANSWERED_MS - 1);
    bench.action.credential_id = Some("tok-2".into());
    assert!(
        notes_of(&bench.fire(&["scope.verb"])).is_empty(),
        "it may still answer"
    );
    bench.pass(MINUTE_MS);
    bench.action.credential_id = Some("tok-3".into());
    let out = bench.fire(&["scope.verb"]);
    assert_eq!(requests(&out).len(), 1, "it is sent all the same");
    let notes = notes_of(&out);
    assert!(
        notes[0].contains("has not answered the request of 1970"),
        "{notes:?}"
    );
    for request in requests(&bench.out.clone()) {
        bench.say(confirm(request.txn, RevocationResult::Done));
    }
    bench.action.credential_id = Some("tok-4".into());
    let answered = bench.fire(&["scope.verb"]);
    assert!(notes_of(&answered).is_empty(), "it answers again");
}

#[test]
fn after_a_long_silence_a_request_is_sent_again_once() {
    let mut bench = Bench::new("default: auto\n");
    bench.fire(&["scope.verb"]);
    let out = bench.pass(5 * DAY_MS);
    assert_eq!(requests(&out).len(), 1);
    assert_eq!(requests(&bench.pass(1)).len(), 0);
}

#[test]
fn what_the_policy_no_longer_allows_is_not_sent_again() {
    for text in [
        "default: 'off'\n",
        "default: auto\nnever-revoke: {agents: [bot]}\n",
    ] {
        let mut bench = Bench::new("default: auto\n");
        bench.fire(&["scope.verb"]);
        bench.policy = policy(text);
        let out = bench.pass(UNANSWERED_MS);
        assert!(requests(&out).is_empty(), "{text}");
        assert_eq!(own_alerts(&out, UNANSWERED_RULE).len(), 1);
    }
}
