//! Plans that wait for a person: approved, denied, lapsed, and every decision that comes too late,
//! twice or for somebody else.

use super::*;
use crate::event::{ApprovalDecision, RevocationResult};

fn waiting() -> (Bench, DerivedId) {
    let mut bench = Bench::new("default: approve\n");
    let out = bench.fire(&["scope.verb"]);
    assert!(
        requests(&out).is_empty(),
        "nothing leaves before a decision"
    );
    let block = alerts(&out)[0].revocation.clone().unwrap();
    (bench, block.txn)
}

fn decision(txn: DerivedId, decision: ApprovalDecision) -> CommandKind {
    CommandKind::Decision {
        txn: txn.to_string().into(),
        decision,
    }
}

fn approve(txn: DerivedId) -> CommandKind {
    decision(txn, ApprovalDecision::Approve)
}

fn deny(txn: DerivedId) -> CommandKind {
    decision(txn, ApprovalDecision::Deny)
}

fn audits(outcomes: &[ResponseOutcome]) -> Vec<(AuditKind, &str)> {
    outcomes
        .iter()
        .filter_map(|outcome| match outcome {
            ResponseOutcome::Audit(entry) => Some((entry.what, entry.detail.as_str())),
            _ => None,
        })
        .collect()
}

#[test]
fn a_plan_that_waits_says_what_and_until_when() {
    let (bench, _) = waiting();
    let alert = alerts(&bench.out)[0];
    let block = alert.revocation.clone().unwrap();
    assert_eq!(block.mode, RevocationMode::Approve);
    let target = &block.targets[0];
    let until_ms = bench.now_ms + APPROVAL_MS;
    assert_eq!(
        (target.state, target.decide_by_ms),
        (RequestState::Waiting, Some(until_ms))
    );
    let note = &block.notes[0];
    assert!(note.contains("waits until 1970-01-01T00:31:40Z"), "{note}");
    assert_eq!(audits(&bench.out)[0].0, AuditKind::PlanWaiting);
    assert_eq!(bench.agent.next_due_ms(), Some(until_ms));
}

#[test]
fn an_approved_plan_is_sent_once_and_the_alert_goes_before_it() {
    let (mut bench, txn) = waiting();
    bench.now_ms += 60_000;
    let out = bench.say(approve(txn));
    let request = requests(&out)[0];
    assert_eq!(
        (request.kind, request.txn, request.number),
        (RequestKind::Approved, txn, 1)
    );
    assert!(request.targets[0].target.is_named(&"tok-1".into()));
    assert_eq!(request.event_ids, ["e1"]);
    assert_eq!(request.reason, "scope.verb explained");
    let alert = alerts(&out)[0];
    assert_eq!(request.message_id, Some(alert.message_id));
    assert!(alert.message.contains("Approved by ann: credential tok-1"));
    assert!(matches!(out[0], ResponseOutcome::Alert(_)));
    assert_eq!(audits(&out)[0].0, AuditKind::PlanApproved);
    // From now on it is a request like any other.
    assert!(requests(&bench.fire(&["scope.verb"])).is_empty());
    let done = CommandKind::Confirmation {
        txn: txn.to_string().into(),
        target: None,
        result: RevocationResult::Done,
    };
    bench.say(done);
    assert_eq!(bench.agent.revoked().len(), 1);
}

#[test]
fn a_denied_plan_is_not_planned_again_for_a_day() {
    for policy_text in ["default: approve\n", "default: auto\n"] {
        let (mut bench, txn) = waiting();
        let out = bench.say(deny(txn));
        assert!(requests(&out).is_empty());
        assert!(alerts(&out)[0].message.contains("Denied by ann"));
        bench.policy = policy(policy_text);
        for rule in ["scope.verb", "scope.resource"] {
            let out = bench.fire(&[rule]);
            assert!(requests(&out).is_empty(), "{policy_text} {rule}");
            assert!(bench.agent.requests().entries.len() == 1, "one plan");
        }
        bench.pass(DENIED_MS);
        let out = bench.fire(&["scope.verb"]);
        let block = alerts(&out)[0].revocation.clone().unwrap();
        assert_ne!(block.targets[0].state, RequestState::Denied);
    }
}

#[test]
fn a_plan_lapses_says_so_and_may_be_planned_again() {
    let (mut bench, txn) = waiting();
    let until_ms = bench.now_ms + APPROVAL_MS;
    assert!(bench.pass(APPROVAL_MS - 1).is_empty());
    let out = bench.pass(1);
    let alert = alerts(&out)[0];
    assert!(alert.message.contains("lapsed"), "{}", alert.message);
    assert_eq!(alert.time_ms, until_ms);
    let block = alert.revocation.clone().unwrap();
    assert_eq!(block.targets[0].state, RequestState::Lapsed);
    assert_eq!(block.targets[0].decide_by_ms, None);
    assert_eq!(audits(&out)[0].0, AuditKind::PlanLapsed);
    assert!(requests(&bench.say(approve(txn))).is_empty(), "too late");
    let out = bench.fire(&["scope.verb"]);
    let block = alerts(&out)[0].revocation.clone().unwrap();
    assert_eq!(block.targets[0].state, RequestState::Waiting);
    assert_eq!(block.targets.len(), 1, "it takes the place of the old plan");
    assert_eq!(requests(&bench.say(approve(txn))).len(), 1);
}

/// What was decided, lapsed, withdrawn, sent, only shown or never planned here stays as it is, and
/// the audit entry says why.
#[test]
fn a_decision_on_nothing_that_waits_changes_nothing_and_says_why() {
    type Before = fn(&mut Bench, DerivedId);
    let cases: [(&str, Before, &str); 7] = [
        (
            "approved",
            |b, txn| drop(b.say(approve(txn))),
            "sent before",
        ),
        ("denied", |b, txn| drop(b.say(deny(txn))), "denied before"),
        ("lapsed", |b, _| drop(b.pass(APPROVAL_MS)), "lapsed before"),
        (
            "due, but its timer has not fired",
            |b, _| b.now_ms += APPROVAL_MS,
            "lapsed before",
        ),
        (
            "withdrawn",
            |b, txn| {
                let txn = txn.to_string().into();
                b.say(CommandKind::Withdrawal { txn });
            },
            "withdrawn before",
        ),
        (
            "only shown",
            |b, _| {
                b.agent = IncidentStore::default();
                b.policy = policy("");
                b.offset = 0;
                b.fire(&["scope.verb"]);
            },
            "only shown",
        ),
        (
            "another agent's",
            |b, _| b.agent = IncidentStore::default(),
            "no plan of this agent",
        ),
    ];
    for (name, before, why) in cases {
        for again in [ApprovalDecision::Approve, ApprovalDecision::Deny] {
            let (mut bench, txn) = waiting();
            before(&mut bench, txn);
            let state = bench.agent.clone();
            let out = bench.say(decision(txn, again));
            let entries = audits(&out);
            assert_eq!(out.len(), 1, "{name}: {out:?}");
            assert_eq!(entries[0].0, AuditKind::ControlIgnored, "{name}");
            assert!(entries[0].1.contains(why), "{name}: {}", entries[0].1);
            assert_eq!(bench.agent, state, "{name}: the state changed");
        }
    }
}

/// In a recording control records do not move stream time; their own time decides.
#[test]
fn a_recorded_decision_after_the_end_of_the_wait_is_too_late() {
    let (mut bench, txn) = waiting();
    let record = ControlRecord {
        tenant: "acme".into(),
        agent_id: "bot".into(),
        by: "ann".into(),
        at_ms: 0,
        reason: None,
        command: approve(txn),
    };
    let late = ControlArrival {
        decided_ms: bench.now_ms + APPROVAL_MS,
        ..bench.arrival()
    };
    let out = bench.collect(|bench, bundle, out| {
        handle_control(bundle, &mut bench.agent, &record, late, out);
    });
    assert!(requests(&out).is_empty());
    assert!(audits(&out)[0].1.contains("lapsed"));
}

/// The policy may have changed since the plan: a ceiling that was lowered meanwhile holds.
#[test]
fn an_approval_is_no_more_than_the_policy_allows_now() {
    for text in [
        "default: approve\ntenants: {acme: 'off'}\n",
        "default: approve\ntenants: {acme: shadow}\n",
        "default: approve\nrules: {scope.verb: shadow}\n",
        "default: approve\nnever-revoke: {agents: ['b*']}\n",
        "default: approve\nnever-revoke: {credentials: ['tok-*']}\n",
    ] {
        let (mut bench, txn) = waiting();
        bench.policy = policy(text);
        let out = bench.say(approve(txn));
        assert!(requests(&out).is_empty(), "{text}");
        assert_eq!(audits(&out)[0].0, AuditKind::ControlIgnored, "{text}");
    }
}

#[test]
fn a_stronger_rule_need_not_wait_and_a_weaker_one_joins_the_wait() {
    let (mut bench, txn) = waiting();
    let out = bench.fire(&["scope.resource"]);
    assert!(requests(&out).is_empty());
    let block = alerts(&out)[0].revocation.clone().unwrap();
    assert_eq!(
        block.targets[0].joined,
        Some(txn),
        "one plan for one target"
    );
    bench.policy = policy("default: approve\nrules: {scope.verb: auto}\n");
    let out = bench.fire(&["scope.verb"]);
    assert_eq!(requests(&out).len(), 1);
    let audit = audits(&bench.say(approve(txn)))[0].0;
    assert_eq!(audit, AuditKind::ControlIgnored, "it is sent already");
}

/// One open request for one target: what waits elsewhere joins what was sent.
#[test]
fn a_plan_that_waits_joins_another_incident_s_request() {
    let (mut bench, txn) = waiting();
    bench.policy = policy("default: approve\nrules: {scope.resource: auto}\n");
    assert_eq!(requests(&bench.fire(&["scope.resource"])).len(), 1);
    assert_eq!(bench.agent.requests().entries.len(), 1);
    let out = bench.say(approve(txn));
    assert!(requests(&out).is_empty());
    assert!(audits(&out)[0].1.contains("sent before"), "{out:?}");
}

#[test]
fn a_withdrawal_takes_a_waiting_plan_back_without_a_word_to_the_identity_system() {
    let (mut bench, txn) = waiting();
    let out = bench.say(CommandKind::Withdrawal {
        txn: txn.to_string().into(),
    });
    assert!(requests(&out).is_empty(), "it never got the request");
    assert!(bench.agent.open().is_empty());
}

#[test]
fn one_decision_is_for_all_plans_of_its_transaction() {
    let (mut bench, txn) = waiting();
    bench.action.credential_id = Some("tok-2".into());
    bench.fire(&["scope.verb"]);
    let out = bench.say(approve(txn));
    let sent: Vec<(u32, usize)> = requests(&out)
        .iter()
        .map(|request| (request.number, request.targets.len()))
        .collect();
    assert_eq!(sent, [(1, 1), (2, 1)]);
}
