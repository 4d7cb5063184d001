//! Who may be hit, and who is asked: every line of `proof`, and what may hit many.

use proptest::prelude::*;

use super::*;
use crate::event::ActionOutcome;

fn notes(outcomes: &[ResponseOutcome]) -> Vec<String> {
    let block = alerts(outcomes)[0].revocation.clone();
    block.map(|block| block.notes).unwrap_or_default()
}

/// Outcome, listed by the scope, accepted before, other agents: whether the credential is a target.
#[test]
fn a_credential_is_a_target_only_if_it_is_proven() {
    let denied = Some(ActionOutcome::Denied);
    for (outcome, listed, before, others, target) in [
        (None, false, false, 0, true),
        (Some(ActionOutcome::Allowed), false, false, 0, true),
        (Some(ActionOutcome::Error), false, false, 0, true),
        (denied, false, false, 0, false),
        (denied, false, true, 0, true),
        (denied, true, false, 0, true),
        (None, false, false, 1, false),
        (None, false, true, 1, false),
        (denied, false, true, 1, false),
        (None, true, false, 1, true),
        (denied, true, false, 1, true),
    ] {
        let mut bench = Bench::new("default: auto\n");
        if before {
            bench.uses.note_use(&bench.action.clone(), 0);
        }
        if listed {
            bench.scope.credential_ids = vec!["tok-1".into()];
            bench.scope.issuer = Some("https://idp".into());
        }
        bench.action.outcome = outcome;
        bench.others = others;
        let out = bench.fire(&["scope.verb"]);
        let case = format!("{outcome:?} listed {listed} before {before} others {others}");
        assert_eq!(requests(&out).len(), usize::from(target), "{case}");
        assert_eq!(alerts(&out).len(), 1, "{case}");
        let said = notes(&out).iter().any(|note| note.contains("not proven"));
        assert_eq!(said, !target, "{case}");
    }
}

#[test]
fn a_session_of_a_denied_action_is_no_target() {
    for (outcome, sent) in [(None, 1), (Some(ActionOutcome::Denied), 0)] {
        let mut bench = Bench::new("default: auto\n");
        bench.action.session_id = Some("s-1".into());
        bench.action.outcome = outcome;
        assert_eq!(requests(&bench.fire(&["scope.session"])).len(), sent);
    }
}

/// The scope's issuer goes before the configured one, that before one of an accepted action; a
/// denied action names none.
#[test]
fn the_issuer_that_is_asked_is_one_that_can_be_trusted() {
    let denied = Some(ActionOutcome::Denied);
    let (scope, config, idp) = ("https://scope", "https://config", "https://idp");
    for (declared, configured, accepted, outcome, record, expected) in [
        (Some(scope), true, true, denied, "https://evil", Some(scope)),
        (None, true, true, denied, "https://evil", Some(config)),
        (None, false, true, denied, "https://evil", Some(idp)),
        (None, false, false, denied, "https://evil", None),
        (None, false, false, None, "https://one", Some("https://one")),
        (
            Some("the desk"),
            false,
            true,
            denied,
            "https://evil",
            Some(idp),
        ),
    ] {
        for rule in ["scope.verb", "scope.agent"] {
            let issuers = if configured {
                format!("issuers: {{acme: '{config}'}}\n")
            } else {
                String::new()
            };
            let mut bench = Bench::new(&format!("default: auto\n{issuers}"));
            bench.scope.issuer = declared.map(Into::into);
            bench.scope.credential_ids = vec!["tok-1".into()];
            if accepted {
                bench.uses.note_use(&bench.action.clone(), 0);
            }
            bench.action.outcome = outcome;
            bench.action.credential_issuer = Some(record.into());
            let out = bench.fire(&[rule]);
            let named = requests(&out)
                .first()
                .and_then(|request| request.targets[0].target.issuer().cloned());
            let case = format!("{rule} {declared:?} {configured} {accepted} {outcome:?}");
            assert_eq!(named.as_deref(), expected, "{case}");
        }
    }
}

/// Under the declared issuer, the id of an accepted credential of another issuer names a
/// credential that somebody else may have.
#[test]
fn an_accepted_credential_of_another_issuer_than_the_declared_is_not_proven() {
    for (issuer, sent) in [("https://idp", 1), ("https://idp/", 1), ("https://x", 0)] {
        let mut bench = Bench::new("default: auto\nissuers: {acme: 'https://idp'}\n");
        bench.action.credential_issuer = Some(issuer.into());
        let out = bench.fire(&["scope.verb"]);
        assert_eq!(requests(&out).len(), sent, "{issuer}");
    }
}

#[test]
fn what_was_taken_away_is_the_most_that_is_asked_for() {
    use TargetKind::{Agent, Credential, Session};
    for (rule, taken, kind) in [
        ("scope.agent", None, Agent),
        ("scope.agent", Some(Agent), Agent),
        ("scope.agent", Some(Session), Session),
        ("scope.agent", Some(Credential), Credential),
        ("scope.session", Some(Credential), Credential),
        ("scope.session", Some(Agent), Session),
        ("scope.verb", Some(Agent), Credential),
    ] {
        let mut bench = Bench::new("default: auto\n");
        bench.action.session_id = Some("s-1".into());
        bench.taken = taken;
        let out = bench.fire(&[rule]);
        let found = requests(&out)[0].targets[0].target.kind;
        assert_eq!(found, kind, "{rule} {taken:?}");
    }
}

#[test]
fn a_credential_of_more_than_three_agents_waits_for_a_person() {
    for (others, waits) in [(0, false), (2, false), (3, true), (100, true)] {
        let mut bench = Bench::new("default: auto\n");
        bench.scope.credential_ids = vec!["tok-1".into()];
        bench.others = others;
        let out = bench.fire(&["scope.verb"]);
        assert_eq!(requests(&out).is_empty(), waits, "{others} others");
        let block = alerts(&out)[0].revocation.clone().unwrap();
        let waiting = block.targets[0].state == RequestState::Waiting;
        assert_eq!(waiting, waits, "{others} others");
    }
    // Only shown stays only shown.
    let mut bench = Bench::new("");
    bench.others = 0;
    bench.scope.credential_ids = vec!["tok-1".into()];
    bench.others = 9;
    let out = bench.fire(&["scope.verb"]);
    let block = alerts(&out)[0].revocation.clone().unwrap();
    assert_eq!(block.targets[0].state, RequestState::Planned);
}

/// A credential that the agent may name, and what its record claims of it.
fn shown() -> impl Strategy<Value = (u8, Option<ActionOutcome>, Option<u8>)> {
    let outcome = prop_oneof![
        1 => Just(None),
        1 => Just(Some(ActionOutcome::Allowed)),
        1 => Just(Some(ActionOutcome::Error)),
        3 => Just(Some(ActionOutcome::Denied)),
    ];
    (0..12u8, outcome, prop::option::of(0..6u8))
}

proptest! {
    #![proptest_config(crate::property::config(256))]

    /// Whatever an agent shows in whatever order: no request for a credential that no action was
    /// accepted with, and none to an issuer that only denied actions name.
    #[test]
    fn what_was_only_ever_denied_is_never_hit_and_never_asked(
        steps in prop::collection::vec(shown(), 1..60)
    ) {
        let mut bench = Bench::new("default: auto\n");
        let (mut accepted, mut issuers) = (Vec::new(), Vec::new());
        for (credential, outcome, issuer) in steps {
            bench.action.credential_id = Some(format!("c{credential}").into());
            bench.action.credential_issuer = issuer.map(|n| format!("https://{n}").into());
            bench.action.outcome = outcome;
            if outcome != Some(ActionOutcome::Denied) {
                accepted.push(format!("c{credential}"));
                issuers.extend(issuer.map(|n| format!("https://{n}")));
            }
            let out = bench.fire(&["scope.verb", "scope.agent"]);
            for request in requests(&out) {
                for planned in &request.targets {
                    let target = &planned.target;
                    if let TargetName::JwtId { jti, .. } = &target.name {
                        prop_assert!(accepted.iter().any(|known| known == jti), "{jti}");
                    }
                    if let Some(issuer) = target.issuer() {
                        prop_assert!(issuers.iter().any(|known| known == issuer), "{issuer}");
                    }
                }
            }
        }
    }
}
