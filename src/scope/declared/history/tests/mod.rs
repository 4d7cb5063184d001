//! Versions, status by time, selection and the bounds of the book.

mod ends;
mod eviction;
mod selection;

use super::super::versions::{END_GRACE_MS, VERSIONS_AHEAD_MAX, VERSIONS_MAX};
use super::*;
use crate::event::{AgentAction, Verb};
use crate::scope::testing::{action, scope};
use crate::scope::{JudgeContext, LimitUsage, ScopeBasis, judge};

const SECOND_MS: i64 = 1_000;
const DAY_MS: i64 = 86_400_000;

fn at(at_ms: i64) -> JudgeContext<'static> {
    JudgeContext {
        at_ms,
        ..JudgeContext::default()
    }
}

fn managed_at(at_ms: i64) -> JudgeContext<'static> {
    JudgeContext {
        tenant_managed: true,
        ..at(at_ms)
    }
}

fn version(scope_id: &str, from_ms: i64, status: DeclaredStatus) -> AgentScope {
    let grants = [("email", "read")];
    AgentScope {
        effective_from_ms: Some(from_ms),
        status,
        ..scope(scope_id, &grants)
    }
}

fn status_at(book: &ScopeHistory, at_ms: i64) -> ScopeStatus {
    book.select(&action("read", "email"), at_ms, || None).status
}

/// The version of scope `s` that takes effect in second `from_s`.
fn from_second(from_s: i64, status: DeclaredStatus) -> AgentScope {
    version("s", from_s * SECOND_MS, status)
}

#[test]
fn status_follows_the_action_s_own_time() {
    let mut book = ScopeHistory::default();
    let first = AgentScope {
        expires_at_ms: Some(400 * SECOND_MS),
        ..from_second(100, DeclaredStatus::Active)
    };
    let check = |book: &ScopeHistory, cases: &[(i64, ScopeStatus)]| {
        for (at_s, status) in cases {
            assert_eq!(status_at(book, at_s * SECOND_MS), *status, "second {at_s}");
        }
    };
    book.declare(first, 0);
    let cases = [
        (99, ScopeStatus::NotYet),
        (100, ScopeStatus::Active),
        (405, ScopeStatus::Active),
        (406, ScopeStatus::Expired),
    ];
    check(&book, &cases);
    book.declare(from_second(200, DeclaredStatus::Suspended), 0);
    book.declare(from_second(250, DeclaredStatus::Active), 0);
    book.declare(from_second(300, DeclaredStatus::Revoked), 0);
    // An action within five seconds of an end was on its way.
    let cases = [
        (205, ScopeStatus::Active),
        (206, ScopeStatus::Suspended),
        (249, ScopeStatus::Suspended),
        (250, ScopeStatus::Active),
        (305, ScopeStatus::Active),
        (306, ScopeStatus::Revoked),
        (500, ScopeStatus::Revoked),
    ];
    check(&book, &cases);
    assert!(!book.is_empty());
}

#[test]
fn the_order_in_which_versions_arrive_does_not_matter() {
    let versions = [
        version("s", 100, DeclaredStatus::Active),
        AgentScope {
            grants: scope("s", &[("email", "read,send")]).grants,
            ..version("s", 200, DeclaredStatus::Active)
        },
        version("s", 300, DeclaredStatus::Completed),
    ];
    let filled = |order: [usize; 3]| {
        let mut book = ScopeHistory::default();
        for index in order {
            assert_eq!(
                book.declare(versions[index].clone(), 0),
                DeclareOutcome::Added
            );
        }
        book
    };
    let book = filled([0, 1, 2]);
    for order in [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        assert_eq!(filled(order), book, "{order:?}");
    }
}

#[test]
fn a_record_sent_again_changes_nothing_and_one_of_the_same_time_replaces() {
    let mut book = ScopeHistory::default();
    let timeless = scope("s", &[("email", "read")]);
    assert_eq!(book.declare(timeless.clone(), 10), DeclareOutcome::Added);
    assert_eq!(
        book.declare(timeless.clone(), 10),
        DeclareOutcome::Unchanged
    );
    assert_eq!(book.declare(timeless, 99), DeclareOutcome::Unchanged);
    let other = scope("s", &[("email", "send")]);
    assert_eq!(book.declare(other, 10), DeclareOutcome::Replaced);
    let wrong = scope("s", &[("ema*l", "send")]);
    assert!(matches!(
        book.declare(wrong, 20),
        DeclareOutcome::Invalid(_)
    ));
}

#[test]
fn a_record_that_only_ends_a_scope_ends_its_task() {
    let active = AgentScope {
        task_id: Some("t1".into()),
        task_class: Some("report".into()),
        agent_type: Some("writer".into()),
        credential_ids: vec!["c1".into()],
        ..from_second(100, DeclaredStatus::Active)
    };
    let bare = |from_s: i64, status| AgentScope {
        scope_id: "s".into(),
        effective_from_ms: Some(from_s * SECOND_MS),
        status,
        ..AgentScope::default()
    };
    let records = [
        active.clone(),
        bare(200, DeclaredStatus::Suspended),
        bare(300, DeclaredStatus::Completed),
    ];
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [1, 0, 2]] {
        let mut book = ScopeHistory::default();
        for index in order {
            book.declare(records[index].clone(), 0);
        }
        let again = book.declare(records[2].clone(), 0);
        assert_eq!(again, DeclareOutcome::Unchanged, "{order:?}");
        let by_task = AgentAction {
            task_id: Some("t1".into()),
            ..action("read", "email")
        };
        let found = book.select(&by_task, 400 * SECOND_MS, || None);
        assert_eq!(
            (found.status, found.basis),
            (ScopeStatus::Completed, Some(ScopeBasis::Task)),
            "{order:?}"
        );
        let by_credential = AgentAction {
            credential_id: Some("c1".into()),
            ..action("read", "email")
        };
        let found = book.select(&by_credential, 400 * SECOND_MS, || None);
        assert_eq!(found.basis, Some(ScopeBasis::Credential));
        let scope = found.scopes[0].scope;
        assert_eq!(scope.task_class, active.task_class);
        assert_eq!(scope.agent_type, active.agent_type);
        assert_eq!(
            scope.grants, active.grants,
            "what it permitted until its end"
        );
    }
    let mut book = ScopeHistory::default();
    book.declare(active, 0);
    let timeless = AgentScope {
        effective_from_ms: None,
        ..bare(0, DeclaredStatus::Completed)
    };
    let (once, again) = (150 * SECOND_MS, 160 * SECOND_MS);
    assert_eq!(book.declare(timeless.clone(), once), DeclareOutcome::Added);
    assert_eq!(book.declare(timeless, again), DeclareOutcome::Unchanged);
}

#[test]
fn widening_is_told_with_its_age_and_survives_pruning() {
    let mut book = ScopeHistory::default();
    book.declare(version("s", 100, DeclaredStatus::Active), 0);
    let wider = AgentScope {
        grants: scope("s", &[("email", "read,send")]).grants,
        ..version("s", 200, DeclaredStatus::Active)
    };
    book.declare(wider, 0);
    let since = |book: &ScopeHistory, at_ms| {
        let act = AgentAction {
            action_verb: Verb::Read,
            ..action("read", "email")
        };
        judge(book, || None, &mut LimitUsage::default(), &act, &at(at_ms)).since_widened_ms
    };
    assert_eq!(since(&book, 199), None);
    assert_eq!(since(&book, 260), Some(60));
    assert!(!book.prune(200 + SUPERSEDED_KEPT_MS));
    assert!(book.prune(201 + SUPERSEDED_KEPT_MS));
    assert_eq!(since(&book, 260), Some(60));
}

#[test]
fn ended_scopes_are_kept_a_week_and_give_way_first_when_the_book_is_full() {
    let mut book = ScopeHistory::default();
    for n in 0..SCOPES_MAX {
        let scope_id = format!("s{n:02}");
        assert_eq!(
            book.declare(scope(&scope_id, &[("email", "read")]), 0),
            DeclareOutcome::Added
        );
    }
    let one_more = || scope("z", &[("email", "read")]);
    assert_eq!(book.declare(one_more(), 50), DeclareOutcome::RefusedFull);
    book.declare(version("s07", 40, DeclaredStatus::Revoked), 40);
    assert_eq!(book.declare(one_more(), 50), DeclareOutcome::Added);
    assert_eq!(book.len(), SCOPES_MAX);
    assert!(book.scopes_at(60).all(|(scope, _)| scope.scope_id != "s07"));

    let mut book = ScopeHistory::default();
    book.declare(version("s", 0, DeclaredStatus::Completed), 0);
    book.prune(7 * DAY_MS);
    assert_eq!(status_at(&book, 7 * DAY_MS), ScopeStatus::Completed);
    assert!(book.prune(7 * DAY_MS + 1));
    assert_eq!(status_at(&book, 7 * DAY_MS), ScopeStatus::Missing);
}

#[test]
fn the_oldest_version_gives_way_and_an_older_one_is_not_taken() {
    let mut book = ScopeHistory::default();
    for from in 1..=5 {
        book.declare(version("s", from * 100, DeclaredStatus::Active), from * 100);
    }
    assert_eq!(book.version_count(), VERSIONS_MAX);
    assert_eq!(status_at(&book, 150), ScopeStatus::NotYet);
    let older = version("s", 50, DeclaredStatus::Active);
    assert_eq!(book.declare(older, 500), DeclareOutcome::Unchanged);
}

#[test]
fn versions_to_come_leave_the_one_in_force_and_are_bounded() {
    let mut book = ScopeHistory::default();
    book.declare(version("s", 100, DeclaredStatus::Active), 100);
    for ahead in 1..=VERSIONS_AHEAD_MAX as i64 {
        let next = version("s", 1_000 + ahead, DeclaredStatus::Active);
        assert_eq!(book.declare(next, 100), DeclareOutcome::Added);
    }
    assert_eq!(status_at(&book, 150), ScopeStatus::Active);
    let one_more = version("s", 9_000, DeclaredStatus::Active);
    assert_eq!(book.declare(one_more, 100), DeclareOutcome::RefusedFull);
    assert_eq!(status_at(&book, 150), ScopeStatus::Active);
}

#[test]
fn an_undated_revocation_holds_at_once_and_for_what_was_to_come() {
    let mut book = ScopeHistory::default();
    let to_come = AgentScope {
        task_id: Some("t".into()),
        ..version("s", 1_000, DeclaredStatus::Active)
    };
    book.declare(to_come, 0);
    let revoked = AgentScope {
        effective_from_ms: None,
        ..version("s", 0, DeclaredStatus::Revoked)
    };
    book.declare(revoked, 500);
    let of_task = AgentAction {
        task_id: Some("t".into()),
        ..action("read", "email")
    };
    for at_ms in [6_000, 9_000] {
        let found = book.select(&of_task, at_ms, || None);
        assert_eq!(found.status, ScopeStatus::Revoked);
        assert_eq!(found.basis, Some(ScopeBasis::Task), "whom it was for");
    }
}

#[test]
fn what_was_taken_from_the_agent_outlives_a_week_and_a_task_revoked_later() {
    let mut book = ScopeHistory::default();
    book.declare(version("whole", 0, DeclaredStatus::Revoked), 0);
    let of_a_task = AgentScope {
        task_id: Some("t9".into()),
        ..version("task", 100 * SECOND_MS, DeclaredStatus::Revoked)
    };
    book.declare(of_a_task, 100 * SECOND_MS);
    let act = action("read", "email");
    let chosen = |book: &ScopeHistory| {
        book.select(&act, 200 * SECOND_MS, || None).scopes[0]
            .scope
            .scope_id
            .clone()
    };
    assert_eq!(chosen(&book), "whole", "the whole agent before one task");
    book.prune(30 * DAY_MS);
    assert_eq!(chosen(&book), "whole");
    assert_eq!(book.len(), 1);
}

#[test]
fn a_book_read_back_from_its_bytes_judges_the_same() {
    let mut book = ScopeHistory::default();
    book.declare(version("s", 100, DeclaredStatus::Active), 0);
    let bytes = postcard::to_stdvec(&book).unwrap();
    let read: ScopeHistory = postcard::from_bytes(&bytes).unwrap();
    assert_eq!(read, book);
    let mut cache = CompileCache::default();
    read.compile_with(&mut cache);
    assert_eq!(cache.len(), 1);
    assert_eq!(status_at(&read, 100), ScopeStatus::Active);
}
