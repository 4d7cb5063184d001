//! The state of a tree by its rules: what each verdict needs, what evidence proves, what an
//! attacker can fill.

mod bounds;

use super::verdict::decide_verdict;
use super::*;
use crate::event::{
    AgentAction, AgentScope, AncestorEnd, ChildNotice, DeclaredStatus,
    DelegationState as ReportedState, DelegationVerdict, EdgeEvidence, EdgeSource, Grant,
    MemberNotice, NoticedMember, NoticedScope, ParentNotice, ParentScope, Text, Verb,
};

const NOW: i64 = 1_780_315_200_000;
const WAIT_MS: i64 = 30_000;
const HOUR_MS: i64 = 3_600_000;

fn scope(id: &str, parent: Option<(&str, Option<&str>)>) -> AgentScope {
    AgentScope {
        scope_id: id.into(),
        agent_id: "child".into(),
        parent: parent.map(|(agent, scope)| ParentScope {
            agent_id: agent.into(),
            scope_id: scope.map(Into::into),
            act_chain: Vec::new(),
        }),
        grants: vec![grant("email.*")],
        ..AgentScope::default()
    }
}

fn grant(kind: &str) -> Grant {
    Grant {
        resource_types: vec![kind.into()],
        verbs: vec![Verb::Read],
        ..Grant::default()
    }
}

fn noticed(id: &str, change: impl FnOnce(&mut AgentScope)) -> NoticedScope {
    let mut scope = scope(id, None);
    change(&mut scope);
    NoticedScope {
        scope: Box::new(scope),
        terms_known: true,
        since_ms: NOW,
        taken: None,
    }
}

fn notice(parent: &str, scopes: Vec<NoticedScope>) -> ParentNotice {
    ParentNotice {
        number: 0,
        parent: parent.into(),
        as_of_ms: NOW,
        missing: Vec::new(),
        spawned: false,
        templated: false,
        scopes,
        ancestors: Vec::new(),
        edge: EdgeEvidence::default(),
        ended_above: None,
        taken: None,
    }
}

/// A child of `boss` by scope `s1`, which names scope `p1`.
fn declared() -> DelegationState {
    let mut state = DelegationState::default();
    own(&mut state, &scope("s1", Some(("boss", Some("p1")))));
    state
}

fn own(state: &mut DelegationState, scope: &AgentScope) -> Vec<Text> {
    state.note_own_scope(&OwnScope {
        scope,
        record_ms: NOW,
    })
}

fn hear(state: &mut DelegationState, notice: &ParentNotice) -> NoticeNews {
    let own = scope("s1", Some(("boss", Some("p1"))));
    state.note_parent(notice, false, NOW, |id| (id == "s1").then_some(&own))
}

/// The verdict on an action of `child` after an hour; `declared`: its scope `s1` judges it.
fn verdict(
    state: &DelegationState,
    declared: bool,
    change: impl FnOnce(&mut AgentAction),
) -> Option<DelegationVerdict> {
    let mut action = AgentAction::new("child");
    change(&mut action);
    let parent = ParentScope {
        agent_id: "boss".into(),
        scope_id: Some("p1".into()),
        act_chain: Vec::new(),
    };
    let evidence = ActionEvidence {
        action: &action,
        at_ms: NOW + HOUR_MS,
        scope_id: declared.then_some("s1"),
        scope_parent: Some(&parent).filter(|_| declared),
        wait_ms: WAIT_MS,
    };
    decide_verdict(state, &evidence)
}

fn chain(ids: &[&str]) -> Vec<Text> {
    ids.iter().map(|id| (*id).into()).collect()
}

#[test]
fn a_chain_alone_decides_where_nothing_is_declared() {
    use DelegationVerdict::{Ambient, Cyclic, Delegated, Direct, Malformed, Truncated};
    use ReportedState as R;
    let none = DelegationState::default();
    for (ids, reported, expected) in [
        (&[][..], None, None),
        (&["child"], None, Some(Direct)),
        (&[], Some(R::Direct), Some(Direct)),
        (&["ana", "child"], None, Some(Direct)),
        (&["boss", "child"], None, Some(Delegated)),
        (&["boss"], None, Some(Delegated)),
        (&[], Some(R::Delegated), Some(Delegated)),
        (&[], Some(R::Unattributed), Some(Ambient)),
        (&["boss", "child"], Some(R::Unattributed), Some(Delegated)),
        (&["child", "boss"], None, Some(Malformed)),
        (&["boss", "child"], Some(R::Malformed), Some(Malformed)),
        (&["boss", "child", "boss"], Some(R::Malformed), Some(Cyclic)),
        (&["boss", "child", "x"], None, Some(Cyclic)),
        (&["boss", "boss", "child"], None, Some(Cyclic)),
        (&["boss", "child"], Some(R::Truncated), Some(Truncated)),
    ] {
        let found = verdict(&none, false, |action| {
            action.principal_id = Some("ana".into());
            action.delegation_chain = chain(ids);
            action.delegation_state = reported;
        });
        assert_eq!(found, expected, "{ids:?} {reported:?}");
    }
}

#[test]
fn a_chain_that_cannot_be_read_is_malformed() {
    let found = verdict(&DelegationState::default(), false, |action| {
        action
            .malformed
            .insert_field(crate::event::ActionField::DELEGATION_CHAIN);
    });
    assert_eq!(found, Some(DelegationVerdict::Malformed));
}

#[test]
fn the_parents_scope_decides_where_one_is_declared() {
    use DelegationVerdict::{Delegated, Orphaned, ParentRevoked};
    let ended = |status| notice("boss", vec![noticed("p1", |scope| scope.status = status)]);
    let expires = |ms| {
        notice(
            "boss",
            vec![noticed("p1", |scope| scope.expires_at_ms = Some(ms))],
        )
    };
    let active = || notice("boss", vec![noticed("p1", |_| {})]);
    let above = |status, since_ms| ParentNotice {
        ended_above: Some(AncestorEnd {
            agent: "root".into(),
            status,
            since_ms,
            requested: false,
        }),
        ..active()
    };
    for (heard, expected) in [
        (active(), Delegated),
        (ended(DeclaredStatus::Completed), Orphaned),
        (ended(DeclaredStatus::Suspended), Orphaned),
        (ended(DeclaredStatus::Revoked), ParentRevoked),
        (expires(NOW + HOUR_MS - 5_000), Orphaned),
        (expires(NOW + HOUR_MS), Delegated),
        (above(DeclaredStatus::Completed, NOW), Orphaned),
        (above(DeclaredStatus::Revoked, NOW), ParentRevoked),
        (
            above(DeclaredStatus::Completed, NOW + 2 * HOUR_MS),
            Delegated,
        ),
        // Its links may not have said all yet.
        (notice("boss", vec![noticed("other", |_| {})]), Delegated),
        (notice("boss", Vec::new()), Delegated),
    ] {
        let mut state = declared();
        hear(&mut state, &heard);
        assert_eq!(verdict(&state, true, |_| {}), Some(expected), "{heard:?}");
        // An agent must not hide it behind a chain that it breaks itself.
        let broken = verdict(&state, true, |action| {
            action.delegation_state = Some(ReportedState::Malformed);
        });
        let in_force = [Some(Delegated), Some(Orphaned)].contains(&Some(expected))
            && verdict(&state, true, |_| {}) == Some(Delegated);
        if in_force {
            assert_eq!(broken, Some(DelegationVerdict::Malformed));
        }
    }
}

#[test]
fn the_end_of_a_parent_is_not_hidden_by_a_broken_chain() {
    let mut state = declared();
    let revoked = noticed("p1", |scope| scope.status = DeclaredStatus::Revoked);
    hear(&mut state, &notice("boss", vec![revoked]));
    let found = verdict(&state, true, |action| {
        action.delegation_chain = chain(&["child", "boss", "child"]);
    });
    assert_eq!(found, Some(DelegationVerdict::ParentRevoked));
}

#[test]
fn a_parent_that_nobody_knows_makes_an_orphan_only_after_the_wait() {
    use DelegationVerdict::{Delegated, Orphaned};
    /// When the parent said that it has no scope `p1`, when the child acts, and the parent's scope
    /// that it names.
    type Case = (Option<i64>, i64, Option<&'static str>);
    let late_ms = NOW + WAIT_MS;
    let cases: [(Case, DelegationVerdict); 6] = [
        ((Some(late_ms), late_ms, Some("p1")), Orphaned),
        ((Some(late_ms), late_ms - 1, Some("p1")), Delegated),
        // The parent's partition is behind, or nobody has heard of the parent.
        (
            (Some(late_ms - 1), late_ms + HOUR_MS, Some("p1")),
            Delegated,
        ),
        ((None, late_ms + HOUR_MS, Some("p1")), Delegated),
        // Nothing says that the parent has a scope.
        ((Some(late_ms), late_ms, None), Delegated),
        // The parent was not asked for it yet.
        ((Some(late_ms), late_ms, Some("other")), Delegated),
    ];
    for ((as_of_ms, at_ms, parent_scope), expected) in cases {
        let own_scope = scope("s1", Some(("boss", parent_scope)));
        let mut state = DelegationState::default();
        own(&mut state, &own_scope);
        if let Some(as_of_ms) = as_of_ms {
            let answer = ParentNotice {
                as_of_ms,
                missing: vec!["p1".into()],
                ..notice("boss", Vec::new())
            };
            hear(&mut state, &answer);
        }
        let action = AgentAction::new("child");
        let evidence = ActionEvidence {
            action: &action,
            at_ms,
            scope_id: Some("s1"),
            scope_parent: own_scope.parent.as_ref(),
            wait_ms: WAIT_MS,
        };
        let found = decide_verdict(&state, &evidence);
        assert_eq!(
            found,
            Some(expected),
            "{as_of_ms:?} {at_ms} {parent_scope:?}"
        );
    }
}

#[test]
fn a_parent_whose_scope_is_missed_is_asked_once_in_a_while_until_it_has_come_so_far() {
    let mut state = declared();
    let answer = |as_of_ms, scopes: Vec<NoticedScope>| ParentNotice {
        as_of_ms,
        missing: vec!["p1".into(); usize::from(scopes.is_empty())],
        ..notice("boss", scopes)
    };
    let asked =
        |state: &mut DelegationState, at_ms| state.take_missed_parents(NOW + at_ms, WAIT_MS).len();
    assert_eq!(asked(&mut state, WAIT_MS - 1), 0, "it may be late");
    assert_eq!(asked(&mut state, WAIT_MS), 1);
    assert_eq!(asked(&mut state, 2 * WAIT_MS - 1), 0, "it was asked");
    hear(&mut state, &answer(NOW + 5, Vec::new()));
    assert_eq!(
        asked(&mut state, 2 * WAIT_MS),
        1,
        "the answer came too early"
    );
    hear(&mut state, &answer(NOW + WAIT_MS, Vec::new()));
    assert_eq!(asked(&mut state, HOUR_MS), 0, "it has no such scope");
    let mut known = declared();
    hear(&mut known, &answer(NOW, vec![noticed("p1", |_| {})]));
    assert_eq!(asked(&mut known, HOUR_MS), 0);
}

#[test]
fn a_chain_that_leaves_out_the_declared_parent_is_broken() {
    let mut state = declared();
    hear(&mut state, &notice("boss", vec![noticed("p1", |_| {})]));
    for (ids, expected) in [
        (&["other", "child"][..], DelegationVerdict::Malformed),
        (&["boss", "child"], DelegationVerdict::Delegated),
        (&["boss", "helper", "child"], DelegationVerdict::Delegated),
        (&["child"], DelegationVerdict::Delegated),
        (&[], DelegationVerdict::Delegated),
    ] {
        let found = verdict(&state, true, |action| action.delegation_chain = chain(ids));
        assert_eq!(found, Some(expected), "{ids:?}");
    }
}

#[test]
fn only_a_spawn_of_an_unknown_agent_says_that_its_authority_is_ambient() {
    let spawned = ParentNotice {
        spawned: true,
        ..notice("boss", Vec::new())
    };
    for (fresh, expected) in [(true, Some(DelegationVerdict::Ambient)), (false, None)] {
        let mut state = DelegationState::default();
        state.note_parent(&spawned, fresh, NOW, |_| None);
        assert_eq!(verdict(&state, false, |_| {}), expected);
        let chained = verdict(&state, false, |a| {
            a.delegation_chain = chain(&["boss", "child"])
        });
        assert_eq!(chained, Some(DelegationVerdict::Delegated));
        assert!(state.proven_parents().next().is_none());
        let chain = state.note_chain("boss");
        assert_eq!(chain, ChainNews::Proven, "both of its agents show the edge");
        assert!(state.proven_parents().next().is_some());
    }
}

#[test]
fn whoever_was_neither_declared_nor_spawned_is_no_parent() {
    let mut state = DelegationState::default();
    let foreign = notice(
        "stranger",
        vec![noticed("p1", |s| s.status = DeclaredStatus::Revoked)],
    );
    hear(&mut state, &foreign);
    assert_eq!(state, DelegationState::default());
    assert_eq!(state.note_chain("stranger"), ChainNews::Nothing);
    assert_eq!(state, DelegationState::default());
}

#[test]
fn wider_is_found_at_the_grant_and_when_the_parent_narrows() {
    let mut state = declared();
    let news = hear(&mut state, &notice("boss", vec![noticed("p1", |_| {})]));
    assert!(!news.is_event(), "as wide as the parent");
    let narrowed = noticed("p1", |scope| scope.grants = vec![grant("email.message")]);
    let narrowed = notice("boss", vec![narrowed]);
    let news = hear(&mut state, &narrowed);
    assert_eq!(news.widened.words().collect::<Vec<_>>(), ["resource_type"]);
    assert_eq!(news.scope_id.as_deref(), Some("s1"));
    assert!(
        !hear(&mut state, &narrowed).is_event(),
        "a repeat is no news"
    );
    // At the next grant it is known at once.
    own(&mut state, &scope("s2", Some(("boss", Some("p1")))));
    let facts = DelegationFacts::of_grant(&state, "s2");
    assert_eq!(facts.widened.as_slice(), ["resource_type"]);
    assert_eq!(facts.parent.as_deref(), Some("boss"));
}

#[test]
fn a_link_that_was_overtaken_changes_nothing() {
    let mut state = declared();
    let over = noticed("p1", |scope| scope.status = DeclaredStatus::Revoked);
    let newer = ParentNotice {
        number: 2,
        ..notice("boss", vec![over])
    };
    hear(&mut state, &newer);
    let before = state.clone();
    hear(
        &mut state,
        &ParentNotice {
            number: 1,
            ..notice("boss", vec![noticed("p1", |_| {})])
        },
    );
    assert_eq!(state, before);
    let numbered = |number, ended| ChildNotice {
        number,
        ..child(0, EdgeSource::Scope, ended)
    };
    assert!(state.note_child(&numbered(5, false), NOW));
    state.note_child(&numbered(4, true), NOW);
    assert_eq!(state.children.count(), 1, "an end from before");
}

#[test]
fn terms_that_are_not_known_make_nothing_wider() {
    let mut state = declared();
    let bare = NoticedScope {
        terms_known: false,
        ..noticed("p1", |scope| scope.grants.clear())
    };
    assert!(!hear(&mut state, &notice("boss", vec![bare])).is_event());
}

#[test]
fn the_end_of_a_parent_is_news_once_and_passes_on() {
    let mut state = declared();
    let active = notice("boss", vec![noticed("p1", |_| {})]);
    assert!(hear(&mut state, &active).passes_on, "who is above is news");
    assert!(!hear(&mut state, &active).passes_on);
    let over = notice(
        "boss",
        vec![noticed("p1", |s| s.status = DeclaredStatus::Revoked)],
    );
    let news = hear(&mut state, &over);
    assert_eq!(
        news.ended.map(|end| end.status),
        Some(DeclaredStatus::Revoked)
    );
    assert!(news.passes_on);
    let repeat = hear(&mut state, &over);
    assert!(!repeat.is_event() && !repeat.passes_on);
    let end = state.end_above(&[]).unwrap();
    assert_eq!((&*end.agent, end.status), ("boss", DeclaredStatus::Revoked));
}

#[test]
fn an_end_that_is_known_in_advance_is_passed_on_too() {
    let mut state = declared();
    let expires = noticed("p1", |scope| scope.expires_at_ms = Some(NOW + 9));
    hear(&mut state, &notice("boss", vec![expires]));
    assert_eq!(state.end_above(&["s1".into()]).unwrap().since_ms, NOW + 9);
    assert_eq!(
        state.end_above(&["own".into()]),
        None,
        "that scope was not delegated"
    );
}

#[test]
fn a_cycle_of_declared_parents_is_cyclic() {
    let mut state = declared();
    let ancestors = vec![crate::event::Ancestor {
        agent: "child".into(),
        edge: EdgeEvidence::default(),
    }];
    let circle = ParentNotice {
        ancestors,
        ..notice("boss", vec![noticed("p1", |_| {})])
    };
    hear(&mut state, &circle);
    assert_eq!(
        verdict(&state, true, |_| {}),
        Some(DelegationVerdict::Cyclic)
    );
}

#[test]
fn the_actors_of_a_token_are_above_until_the_parent_says_more() {
    let mut state = DelegationState::default();
    let mut of_token = scope("s1", Some(("boss", None)));
    of_token.parent.as_mut().unwrap().act_chain = chain(&["root", "mid", "boss"]);
    own(&mut state, &of_token);
    let line = state.ancestors(Some("s1"));
    let ids: Vec<&str> = line.iter().map(|one| one.agent.as_str()).collect();
    assert_eq!(ids, ["root", "mid", "boss"]);
    assert!(line[1].edge.has(EdgeSource::Token));
    let (_, edge) = state.parent_edge(Some("s1")).unwrap();
    assert!(edge.has(EdgeSource::Token) && edge.has(EdgeSource::Scope));
}

fn child(n: usize, source: EdgeSource, ended: bool) -> ChildNotice {
    ChildNotice {
        number: 0,
        child: format!("c{n}").into(),
        evidence: EdgeEvidence::of(source),
        scopes: Vec::new(),
        until_ms: None,
        ended,
    }
}

#[test]
fn an_action_without_delegation_has_no_facts() {
    let action = AgentAction::new("child");
    let evidence = ActionEvidence {
        action: &action,
        at_ms: NOW,
        scope_id: Some("s1"),
        scope_parent: None,
        wait_ms: WAIT_MS,
    };
    assert_eq!(DelegationFacts::of_action(None, &evidence), None);
}
