//! Confirmations, withdrawals and verdicts, and the watch over a revocation's effect.

use super::*;
use crate::event::{ApprovalDecision, IncidentVerdict, RevocationResult};

fn revoked() -> (Bench, DerivedId) {
    let mut bench = Bench::new("default: auto\n");
    let txn = requests(&bench.fire(&["scope.verb"]))[0].txn;
    (bench, txn)
}

fn confirm(txn: DerivedId, target: Option<&str>, result: RevocationResult) -> CommandKind {
    CommandKind::Confirmation {
        txn: txn.to_string().into(),
        target: target.map(Into::into),
        result,
    }
}

fn withdrawal(txn: DerivedId) -> CommandKind {
    CommandKind::Withdrawal {
        txn: txn.to_string().into(),
    }
}

#[test]
fn done_is_final() {
    let (mut bench, txn) = revoked();
    bench.say(confirm(txn, None, RevocationResult::Done));
    let late = bench.say(confirm(txn, None, RevocationResult::Failed));
    assert!(alerts(&late).is_empty(), "ignored and audited only");
    assert_eq!(bench.agent.requests().entries[0].state, RequestState::Done);
    bench.now_ms += 1_000;
    let again = bench.fire(&["scope.verb"]);
    assert!(requests(&again).is_empty(), "not asked a second time");
}

#[test]
fn after_a_confirmation_and_its_grace_the_credential_should_be_dead() {
    let (mut bench, txn) = revoked();
    bench.now_ms += 2_000;
    let out = bench.say(confirm(txn, Some("tok-1"), RevocationResult::Done));
    let shown = alerts(&out)[0].revocation.clone().unwrap();
    assert_eq!(shown.targets[0].state, RequestState::Done);
    assert!(
        alerts(&out)[0]
            .message
            .contains("credential tok-1 is revoked")
    );
    assert_eq!(bench.agent.revoked().len(), 1);

    let at = |ms| {
        bench
            .agent
            .after_revocation(&bench.action, bench.now_ms + ms)
    };
    assert_eq!(at(GRACE_CONFIRMED_MS), None, "still on its way");
    assert_eq!(at(GRACE_CONFIRMED_MS + 1), Some(GRACE_CONFIRMED_MS + 1));
    assert_eq!(at(-10_000), None, "done before");
    let mut other = bench.action.clone();
    other.credential_id = Some("tok-2".into());
    assert_eq!(
        bench.agent.after_revocation(&other, bench.now_ms + 60_000),
        None
    );
    let effect = bench
        .agent
        .requests()
        .effect_on(&bench.action, bench.now_ms + 1_000);
    assert_eq!(effect, RevocationEffect::InGrace { since_ms: 1_000 });
}

#[test]
fn without_an_answer_a_request_counts_after_five_minutes() {
    let (bench, _) = revoked();
    let at = |ms| {
        bench
            .agent
            .after_revocation(&bench.action, bench.now_ms + ms)
    };
    assert_eq!(at(GRACE_UNCONFIRMED_MS), None);
    assert_eq!(at(GRACE_UNCONFIRMED_MS + 1), Some(GRACE_UNCONFIRMED_MS + 1));
}

#[test]
fn uses_before_the_effect_are_noted_for_the_time_it_took() {
    let (mut bench, _) = revoked();
    let action = bench.action.clone();
    bench.agent.note_target_use(&action, bench.now_ms + 700);
    bench.agent.note_target_use(&action, bench.now_ms + 300);
    assert_eq!(
        bench.agent.requests().entries[0].uses.last_ms(),
        Some(bench.now_ms + 700)
    );
}

#[test]
fn what_was_not_done_revokes_nothing_and_only_what_failed_is_asked_again() {
    use RevocationResult::{Failed, NotFound, Partial, Refused};
    for (result, own, another) in [
        (Refused, 0, 0),
        (NotFound, 0, 1),
        (Failed, 1, 1),
        (Partial, 1, 1),
    ] {
        let (bench, txn) = revoked();
        for (rule, asked) in [("scope.verb", own), ("scope.resource", another)] {
            let mut bench = bench.clone();
            let out = bench.say(confirm(txn, None, result));
            let refused = usize::from(result == Refused);
            assert_eq!(alerts(&out).len(), 1 + refused, "{result:?}");
            assert!(bench.agent.revoked().is_empty());
            let later_ms = bench.now_ms + 600_000;
            assert_eq!(bench.agent.after_revocation(&bench.action, later_ms), None);
            let found = requests(&bench.fire(&[rule])).len();
            assert_eq!(found, asked, "{result:?} {rule}");
        }
    }
}

#[test]
fn what_failed_is_asked_again_under_another_number_and_so_another_id() {
    let (mut bench, txn) = revoked();
    let mut seen = vec![1];
    for result in [RevocationResult::Failed, RevocationResult::Partial] {
        bench.say(confirm(txn, None, result));
        let again = requests(&bench.fire(&["scope.verb"]))[0].clone();
        assert_eq!((again.txn, again.kind), (txn, RequestKind::Requested));
        seen.push(again.targets[0].attempt);
        assert!(
            requests(&bench.fire(&["scope.verb"])).is_empty(),
            "only once"
        );
    }
    assert_eq!(seen, [1, 2, 3]);
    let target = &bench.agent.requests().entries[0].target;
    let incident = bench.agent.open()[0].id;
    let ids: std::collections::BTreeSet<DerivedId> = (1..=3)
        .map(|attempt| DerivedId::jti(target, incident, "e", attempt))
        .collect();
    assert_eq!(ids.len(), 3);
}

#[test]
fn a_refusal_is_final_and_raises_an_alert_of_its_own() {
    let (mut bench, txn) = revoked();
    let out = bench.say(confirm(txn, None, RevocationResult::Refused));
    let own = alerts(&out)
        .into_iter()
        .find(|alert| alert.rule.id == REFUSED_RULE);
    let own = own.expect("an alert of its own");
    assert!(own.message.contains("credential tok-1"), "{}", own.message);
    assert_eq!(own.activity, AlertActivity::Create);
    for minutes in [1, 120, 7 * 24 * 60] {
        bench.pass(minutes * MINUTE_MS);
        let out = bench.fire(&["scope.verb"]);
        assert!(requests(&out).is_empty(), "after {minutes} min");
    }
}

#[test]
fn a_plan_in_shadow_cannot_be_confirmed() {
    for policy_text in ["", "default: approve\n"] {
        let mut bench = Bench::new(policy_text);
        let shown = alerts(&bench.fire(&["scope.verb"]))[0]
            .revocation
            .clone()
            .unwrap();
        let out = bench.say(confirm(shown.txn, None, RevocationResult::Done));
        assert!(alerts(&out).is_empty() && bench.agent.revoked().is_empty());
    }
}

#[test]
fn a_confirmation_from_the_future_or_the_past_is_clamped() {
    let (mut bench, txn) = revoked();
    let asked_ms = bench.now_ms;
    bench.now_ms += 1_000;
    let record = ControlRecord {
        tenant: "acme".into(),
        agent_id: "bot".into(),
        by: "idp".into(),
        at_ms: 0,
        reason: None,
        command: confirm(txn, None, RevocationResult::Done),
    };
    let arrival = bench.arrival();
    bench.collect(|bench, setting, out| {
        handle_control(setting, &mut bench.agent, &record, arrival, out);
    });
    assert_eq!(bench.agent.revoked()[0].at_ms, asked_ms);
}

#[test]
fn a_withdrawal_clears_everything_is_sent_and_holds_the_rule_for_a_day() {
    let (mut bench, txn) = revoked();
    bench.say(confirm(txn, None, RevocationResult::Done));
    let out = bench.say(withdrawal(txn));
    let notice = requests(&out)[0];
    assert_eq!((notice.kind, notice.txn), (RequestKind::Withdrawn, txn));
    let close = alerts(&out)[0];
    assert_eq!(
        close.activity,
        AlertActivity::Close(CloseReason::FalsePositive)
    );
    assert_eq!(notice.message_id, Some(close.message_id));
    assert_eq!(
        close.revocation.as_ref().unwrap().targets[0].state,
        RequestState::Withdrawn
    );
    assert!(bench.agent.open().is_empty() && bench.agent.revoked().is_empty());
    assert_eq!(
        bench
            .agent
            .after_revocation(&bench.action, bench.now_ms + 600_000),
        None
    );

    let out = bench.fire(&["scope.verb"]);
    assert!(requests(&out).is_empty(), "held in shadow");
    assert_eq!(alerts(&out)[0].activity, AlertActivity::Create, "but told");
    bench.pass(MUTED_MS);
    assert_eq!(requests(&bench.fire(&["scope.verb"])).len(), 1);
}

#[test]
fn a_second_withdrawal_and_strange_control_records_are_ignored_and_audited() {
    let (mut bench, txn) = revoked();
    bench.say(withdrawal(txn));
    for command in [
        withdrawal(txn),
        CommandKind::Withdrawal {
            txn: "nonsense".into(),
        },
        CommandKind::Verdict {
            incident_id: txn.to_string().into(),
            verdict: IncidentVerdict::FalsePositive,
        },
        CommandKind::Decision {
            txn: txn.to_string().into(),
            decision: ApprovalDecision::Approve,
        },
    ] {
        let out = bench.say(command);
        let ignored = |outcome: &ResponseOutcome| match outcome {
            ResponseOutcome::Audit(entry) => entry.what == AuditKind::ControlIgnored,
            _ => false,
        };
        assert!(out.len() == 1 && out.iter().all(ignored), "{out:?}");
    }
}

#[test]
fn a_false_positive_verdict_takes_the_request_back_too() {
    let (mut bench, _) = revoked();
    let incident = bench.agent.open()[0].id.to_string();
    let verdict = |verdict| CommandKind::Verdict {
        incident_id: incident.as_str().into(),
        verdict,
    };
    assert!(alerts(&bench.say(verdict(IncidentVerdict::TruePositive))).is_empty());
    let out = bench.say(verdict(IncidentVerdict::FalsePositive));
    assert_eq!(requests(&out)[0].kind, RequestKind::Withdrawn);
    assert!(bench.agent.open().is_empty());
}

#[test]
fn a_revocation_outlives_its_incident_and_can_still_be_withdrawn() {
    let (mut bench, txn) = revoked();
    bench.say(confirm(txn, None, RevocationResult::Done));
    bench.pass(3 * QUIET_AGENT_MS);
    assert!(bench.agent.open().is_empty() && bench.agent.requests().entries.is_empty());
    assert!(
        bench
            .agent
            .after_revocation(&bench.action, bench.now_ms)
            .is_some()
    );
    bench.say(withdrawal(txn));
    assert_eq!(
        bench.agent.after_revocation(&bench.action, bench.now_ms),
        None
    );
}

#[test]
fn who_still_acts_is_reported_after_a_minute_and_then_more_seldom() {
    let mut bench = Bench::new("default: auto\n");
    let request = requests(&bench.fire(&["scope.verb"]))[0].clone();
    let mut reports = Vec::new();
    for second in 1..=290 {
        bench.now_ms += 1_000;
        bench.agent.note_target_use(&bench.action, bench.now_ms);
        for outcome in bench.pass(0) {
            match outcome {
                ResponseOutcome::Audit(entry) if entry.what == AuditKind::TargetUsed => {
                    let uses = entry.targets[0].uses;
                    assert_eq!(uses.last_ms(), Some(bench.now_ms));
                    reports.push((second, uses.count()));
                }
                ResponseOutcome::Alert(alert) => {
                    assert_eq!(second, 60, "one alert, the first time");
                    let block = alert.revocation.unwrap();
                    assert_eq!(block.progress.still_acting, 1);
                    assert!(
                        alert
                            .message
                            .starts_with("60 actions with credential tok-1")
                    );
                }
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(reports, [(60, 60), (180, 180)]);
    let out = bench.say(CommandKind::Confirmation {
        txn: request.txn.to_string().into(),
        target: None,
        result: RevocationResult::Done,
    });
    let done = &alerts(&out)[0].revocation.clone().unwrap().targets[0];
    assert_eq!((done.uses.count(), done.effective_ms), (290, Some(290_000)));
    assert!(!done.still_acts);
    bench.now_ms += 30_000;
    bench.agent.note_target_use(&bench.action, bench.now_ms);
    let out = bench.pass(60 * MINUTE_MS);
    let late = out.iter().find_map(|one| match one {
        ResponseOutcome::Audit(entry) if entry.what == AuditKind::TargetUsed => {
            Some(entry.targets[0].clone())
        }
        _ => None,
    });
    let late = late.expect("a use after the confirmation");
    assert_eq!((late.effective_ms, late.still_acts), (Some(320_000), true));
}
