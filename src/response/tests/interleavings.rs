//! Whatever the order of findings, answers and time: never two requests for one target by one
//! incident, no message id twice, counts never fall, nothing grows without bound.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::event::{ActionOutcome, ApprovalDecision, IncidentVerdict, RevocationResult};

#[derive(Debug, Clone, Copy)]
enum Step {
    Verb,
    Resource,
    Both,
    Task(u8),
    Credential(u8),
    Outcome(Option<ActionOutcome>),
    Confirm(RevocationResult),
    Decide(ApprovalDecision),
    Withdraw,
    Verdict,
    Close,
    Minutes(u8),
    Shadow,
    Approve,
    Auto,
}

const RESULTS: [RevocationResult; 5] = [
    RevocationResult::Done,
    RevocationResult::NotFound,
    RevocationResult::Refused,
    RevocationResult::Partial,
    RevocationResult::Failed,
];

fn take(bench: &mut Bench, step: Step) {
    let txn = requests(&bench.out)
        .last()
        .map(|request| request.txn.to_string());
    let incident = bench.agent.open().last().map(|open| open.id.to_string());
    let planned = bench.agent.requests().entries.last();
    let planned = planned.map(|entry| DerivedId::txn(entry.incident).to_string());
    match step {
        Step::Verb => drop(bench.fire(&["scope.verb"])),
        Step::Resource => drop(bench.fire(&["scope.resource"])),
        Step::Both => drop(bench.fire(&["scope.resource", "scope.session", "scope.verb"])),
        Step::Task(n) => bench.action.task_id = Some(format!("t{n}").into()),
        Step::Credential(n) => bench.action.credential_id = Some(format!("tok-{n}").into()),
        Step::Outcome(outcome) => bench.action.outcome = outcome,
        Step::Decide(decision) => {
            if let Some(txn) = planned.map(Into::into) {
                bench.say(CommandKind::Decision { txn, decision });
            }
        }
        Step::Confirm(result) => {
            if let Some(txn) = txn {
                let txn = txn.into();
                bench.say(CommandKind::Confirmation {
                    txn,
                    target: None,
                    result,
                });
            }
        }
        Step::Withdraw => {
            if let Some(txn) = txn {
                bench.say(CommandKind::Withdrawal { txn: txn.into() });
            }
        }
        Step::Verdict => {
            if let Some(incident_id) = incident.map(Into::into) {
                let verdict = IncidentVerdict::FalsePositive;
                bench.say(CommandKind::Verdict {
                    incident_id,
                    verdict,
                });
            }
        }
        Step::Close => pass(bench, QUIET_AGENT_MS),
        Step::Minutes(n) => pass(bench, i64::from(n) * MINUTE_MS),
        Step::Shadow => bench.policy = policy(""),
        Step::Approve => bench.policy = policy("default: approve\n"),
        Step::Auto => bench.policy = policy("default: auto\n"),
    }
}

/// Lets time pass. What is due next lies ahead, or time would stand still.
fn pass(bench: &mut Bench, ms: i64) {
    bench.pass(ms);
    let due_ms = bench.agent.next_due_ms();
    assert!(due_ms.is_none_or(|due_ms| due_ms > bench.now_ms));
}

fn hold(bench: &Bench) {
    let mut asked = BTreeSet::new();
    for request in requests(&bench.out) {
        for planned in &request.targets {
            let id = DerivedId::jti(&planned.target, request.incident_id, "e", planned.attempt);
            match request.kind {
                RequestKind::Requested | RequestKind::Approved => {
                    assert!(asked.insert(id), "asked twice: {request:?}");
                }
                RequestKind::Repeated => assert!(asked.contains(&id), "not sent: {request:?}"),
                RequestKind::Withdrawn => {}
            }
        }
    }
    let mut messages = BTreeSet::new();
    let mut counts = BTreeMap::new();
    let mut closed = BTreeSet::new();
    for alert in alerts(&bench.out) {
        assert!(messages.insert(alert.message_id), "a message id twice");
        assert!(
            !closed.contains(&alert.incident_id),
            "a message after the close"
        );
        let before = counts.insert(alert.incident_id, alert.count).unwrap_or(0);
        assert!(alert.count >= before, "the count fell");
        assert_eq!(alert.activity == AlertActivity::Create, before == 0);
        assert!(alert.event_ids.len() <= EVIDENCE_MAX);
        if matches!(alert.activity, AlertActivity::Close(_)) {
            closed.insert(alert.incident_id);
        }
    }
    // One more of each kind about the identity system, and one place for the agent as a whole.
    assert!(bench.agent.open().len() <= OPEN_MAX + 2);
    assert!(bench.agent.requests().entries.len() <= REQUESTS_MAX + 1);
    assert!(bench.agent.revoked().len() <= REVOKED_MAX);
}

/// An open request blocks every other incident's: at no moment two sent and unanswered requests
/// for one target.
///
/// Nothing is sent in approve mode without a person, nor to a target that was refused.
fn hold_open(bench: &Bench) {
    let refused = |target: &RevocationTarget| {
        let mut entries = bench.agent.requests().entries.iter();
        entries.any(|entry| entry.state == RequestState::Refused && entry.target.is_same(target))
    };
    for entry in &bench.agent.requests().entries {
        let waits = entry.state == RequestState::Waiting;
        assert_eq!(entry.decide_by_ms.is_some() && waits, waits);
        assert!(!(waits && entry.sent), "sent without a decision");
        assert!(
            !(waits && refused(&entry.target)),
            "planned after a refusal"
        );
    }
    let mut open = BTreeSet::new();
    for entry in &bench.agent.requests().entries {
        if entry.state == RequestState::Sent {
            assert!(
                open.insert(entry.target.clone()),
                "two open requests for one target"
            );
        }
    }
}

/// Every order of six steps, with `policy`.
fn try_orders(policy: &str, steps: &[Step]) {
    for number in 0..steps.len().pow(6) {
        let mut bench = Bench::new(policy);
        let mut rest = number;
        for _ in 0..6 {
            take(&mut bench, steps[rest % steps.len()]);
            rest /= steps.len();
            hold_open(&bench);
        }
        hold(&bench);
    }
}

#[test]
fn every_order_of_six_steps_asks_at_most_once() {
    try_orders(
        "default: auto\n",
        &[
            Step::Verb,
            Step::Resource,
            Step::Confirm(RevocationResult::Done),
            Step::Withdraw,
            Step::Close,
        ],
    );
}

#[test]
fn every_order_of_six_steps_sends_only_what_was_approved() {
    try_orders(
        "default: approve\n",
        &[
            Step::Verb,
            Step::Decide(ApprovalDecision::Approve),
            Step::Decide(ApprovalDecision::Deny),
            Step::Confirm(RevocationResult::Failed),
            Step::Minutes(15),
        ],
    );
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Verb),
        3 => Just(Step::Resource),
        3 => Just(Step::Both),
        3 => (0..60u8).prop_map(Step::Task),
        2 => (0..40u8).prop_map(Step::Credential),
        1 => prop::sample::select(RESULTS.to_vec()).prop_map(Step::Confirm),
        2 => prop_oneof![Just(ApprovalDecision::Approve), Just(ApprovalDecision::Deny)]
            .prop_map(Step::Decide),
        1 => prop_oneof![Just(None), Just(Some(ActionOutcome::Denied))].prop_map(Step::Outcome),
        1 => Just(Step::Withdraw),
        1 => Just(Step::Verdict),
        1 => Just(Step::Close),
        2 => (0..40u8).prop_map(Step::Minutes),
        1 => Just(Step::Shadow),
        1 => Just(Step::Approve),
        1 => Just(Step::Auto),
    ]
}

proptest! {
    #![proptest_config(crate::property::config(128))]

    #[test]
    fn any_life_of_an_agent_keeps_the_promises(
        steps in prop::collection::vec(step(), 1..250)
    ) {
        let mut bench = Bench::new("default: auto\nbudget: {agents-per-hour: 1}\n");
        for step in steps {
            take(&mut bench, step);
            hold_open(&bench);
        }
        hold(&bench);
        bench.pass(KEPT_UNKNOWN_MS);
        bench.pass(2 * QUIET_AGENT_MS);
        prop_assert!(bench.agent.open().is_empty());
        prop_assert!(bench.agent.requests().entries.is_empty());
    }

    #[test]
    fn every_finding_is_told_by_its_event_or_counted_as_dropped(
        rules in prop::collection::vec(0..3usize, 1..120)
    ) {
        let mut bench = Bench::new("");
        let sets: [&[&str]; 3] =
            [&["scope.verb"], &["scope.resource"], &["channel.plain", "scope.verb"]];
        for index in &rules {
            bench.fire(sets[*index]);
        }
        bench.pass(2 * QUIET_AGENT_MS);
        let told: u64 = alerts(&bench.out)
            .iter()
            .map(|alert| alert.event_ids.len() as u64 + alert.event_ids_dropped)
            .sum();
        prop_assert_eq!(told, rules.len() as u64);
    }
}
