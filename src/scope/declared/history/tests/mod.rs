//! Versions, status by time, selection and the bounds of the book.

mod eviction;

use super::super::versions::{END_GRACE_MS, VERSIONS_AHEAD_MAX, VERSIONS_MAX};
use super::*;
use crate::event::{AgentAction, Verb};
use crate::scope::testing::{action, scope};
use crate::scope::{JudgeContext, LimitUsage, ScopeBasis, judge};

const DAY_MS: i64 = 86_400_000;

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

#[test]
fn status_follows_the_action_s_own_time() {
    let mut book = ScopeHistory::default();
    let first = AgentScope {
        expires_at_ms: Some(400_000),
        ..version("s", 100_000, DeclaredStatus::Active)
    };
    book.declare(first, 0);
    let cases = [
        (99_999, ScopeStatus::NotYet),
        (100_000, ScopeStatus::Active),
        (399_999, ScopeStatus::Active),
        (400_000 + END_GRACE_MS, ScopeStatus::Active),
        (400_001 + END_GRACE_MS, ScopeStatus::Expired),
    ];
    for (at, status) in cases {
        assert_eq!(status_at(&book, at), status, "at {at}");
    }
    book.declare(version("s", 200_000, DeclaredStatus::Suspended), 0);
    book.declare(version("s", 250_000, DeclaredStatus::Active), 0);
    book.declare(version("s", 300_000, DeclaredStatus::Revoked), 0);
    let cases = [
        (199_999, ScopeStatus::Active),
        (200_001 + END_GRACE_MS, ScopeStatus::Suspended),
        (250_000, ScopeStatus::Active),
        (300_001 + END_GRACE_MS, ScopeStatus::Revoked),
        (500_000, ScopeStatus::Revoked),
    ];
    for (at, status) in cases {
        assert_eq!(status_at(&book, at), status, "at {at}");
    }
    assert!(!book.is_empty());
}

/// Whatever ends a scope, what was on its way is judged as before, and what comes later is not.
#[test]
fn an_action_on_its_way_when_its_scope_ended_is_judged_as_before() {
    let end_ms = 60_000;
    for ended in [
        DeclaredStatus::Completed,
        DeclaredStatus::Suspended,
        DeclaredStatus::Revoked,
    ] {
        let mut book = ScopeHistory::default();
        book.declare(version("s", 0, DeclaredStatus::Active), 0);
        book.declare(version("s", end_ms, ended), 0);
        for (after_ms, active) in [
            (-1, true),
            (0, true),
            (200, true),
            (END_GRACE_MS, true),
            (END_GRACE_MS + 1, false),
        ] {
            let status = status_at(&book, end_ms + after_ms);
            assert_eq!(
                status == ScopeStatus::Active,
                active,
                "{ended:?} {after_ms}"
            );
        }
        // A second end soon after the first does not lengthen the time.
        book.declare(
            version("s", end_ms + END_GRACE_MS, DeclaredStatus::Revoked),
            0,
        );
        let status = status_at(&book, end_ms + END_GRACE_MS + 1);
        assert_ne!(status, ScopeStatus::Active, "{ended:?}");
    }
    // A scope that was never active has nothing on its way.
    let mut book = ScopeHistory::default();
    book.declare(version("s", end_ms, DeclaredStatus::Revoked), 0);
    assert_eq!(status_at(&book, end_ms), ScopeStatus::Revoked);
}

/// A renewal may be late: only what was completed is over.
#[test]
fn an_expired_task_is_not_over() {
    let of_task = |status| AgentScope {
        task_id: Some("t1".into()),
        ..version("s", 100, status)
    };
    let expired = AgentScope {
        expires_at_ms: Some(200),
        ..of_task(DeclaredStatus::Active)
    };
    for (scope, over) in [
        (expired, false),
        (of_task(DeclaredStatus::Completed), true),
        (of_task(DeclaredStatus::Suspended), false),
    ] {
        let mut book = ScopeHistory::default();
        book.declare(scope, 0);
        let act = AgentAction {
            task_id: Some("t1".into()),
            ..action("read", "email")
        };
        let ctx = JudgeContext::default();
        let usage = &mut LimitUsage::default();
        let found = judge(&book, || None, usage, &act, 60_000, &ctx);
        assert_ne!(found.status, ScopeStatus::Active);
        assert_eq!(found.after_end, over);
    }
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
fn a_task_goes_before_a_credential_before_the_union() {
    let mut book = ScopeHistory::default();
    let by_task = AgentScope {
        task_id: Some("t1".into()),
        ..scope("a", &[("email", "read")])
    };
    let by_credential = AgentScope {
        credential_ids: vec!["c1".into()],
        ..scope("b", &[("email", "send")])
    };
    book.declare(by_task, 0);
    book.declare(by_credential, 0);
    let judged = |task: Option<&str>, credential: Option<&str>, verb: &str| {
        let act = AgentAction {
            task_id: task.map(Into::into),
            credential_id: credential.map(Into::into),
            ..action(verb, "email")
        };
        let ctx = JudgeContext::default();
        let found = judge(&book, || None, &mut LimitUsage::default(), &act, 10, &ctx);
        (found.basis, found.violations.is_empty())
    };
    assert_eq!(
        judged(Some("t1"), Some("c1"), "send"),
        (Some(ScopeBasis::Task), false)
    );
    assert_eq!(
        judged(Some("t9"), Some("c1"), "send"),
        (Some(ScopeBasis::Credential), true)
    );
    assert_eq!(
        judged(Some("t9"), Some("c9"), "send"),
        (Some(ScopeBasis::Union), true)
    );
    assert_eq!(
        judged(None, None, "delete"),
        (Some(ScopeBasis::Union), false)
    );
}

#[test]
fn an_ended_task_says_so_even_where_another_scope_is_active() {
    let mut book = ScopeHistory::default();
    let ended = AgentScope {
        task_id: Some("t1".into()),
        ..version("a", 100, DeclaredStatus::Completed)
    };
    book.declare(ended, 0);
    book.declare(version("b", 0, DeclaredStatus::Active), 0);
    let late = AgentAction {
        task_id: Some("t1".into()),
        ..action("read", "email")
    };
    let ctx = JudgeContext::default();
    let found = judge(&book, || None, &mut LimitUsage::default(), &late, 150, &ctx);
    assert_eq!(
        (found.status, found.after_end),
        (ScopeStatus::Completed, true)
    );
    assert_eq!(found.age_ms, Some(50));
    let other = judge(
        &book,
        || None,
        &mut LimitUsage::default(),
        &action("read", "email"),
        150,
        &ctx,
    );
    assert_eq!(other.status, ScopeStatus::Active);
}

#[test]
fn what_was_taken_away_is_told_before_what_ended_and_no_template_gives_it_back() {
    let text = "template: t\napplies-to: {agents: [a]}\ngrants: [{resource-types: ['*']}]\n";
    let file = crate::text::SourceFile {
        path: "scopes/t.yaml".into(),
        text: text.into(),
    };
    let (templates, problems) = crate::scope::ScopeTemplates::parse(&[file]);
    assert!(problems.is_empty(), "{problems:?}");
    let mut book = ScopeHistory::default();
    let judged = |book: &ScopeHistory| {
        let act = action("read", "email");
        let found = book.select(&act, 10_000, || templates.for_action(&act));
        (found.status, found.basis)
    };
    let by_template = (ScopeStatus::Active, Some(ScopeBasis::Template));
    assert_eq!(judged(&book), by_template);
    let expired = AgentScope {
        expires_at_ms: Some(900),
        ..version("x", 500, DeclaredStatus::Active)
    };
    let steps = [
        (expired, ScopeStatus::Expired),
        (
            version("c", 400, DeclaredStatus::Completed),
            ScopeStatus::Completed,
        ),
        (
            version("s", 300, DeclaredStatus::Suspended),
            ScopeStatus::Suspended,
        ),
        (
            version("r", 200, DeclaredStatus::Revoked),
            ScopeStatus::Revoked,
        ),
        (
            version("q", 600, DeclaredStatus::Completed),
            ScopeStatus::Revoked,
        ),
    ];
    for (scope, status) in steps {
        book.declare(scope, 0);
        assert_eq!(status_at(&book, 10_000), status);
        let taken = matches!(status, ScopeStatus::Revoked | ScopeStatus::Suspended);
        let expected = if taken {
            (status, Some(ScopeBasis::Union))
        } else {
            by_template
        };
        assert_eq!(judged(&book), expected);
    }
    // What was taken from one task leaves the agent's other work to the template.
    let mut book = ScopeHistory::default();
    let of_task = AgentScope {
        task_id: Some("t1".into()),
        ..version("t", 200, DeclaredStatus::Revoked)
    };
    book.declare(of_task, 0);
    assert_eq!(judged(&book), by_template);
}

#[test]
fn a_record_that_only_ends_a_scope_ends_its_task() {
    let active = AgentScope {
        task_id: Some("t1".into()),
        task_class: Some("report".into()),
        agent_type: Some("writer".into()),
        credential_ids: vec!["c1".into()],
        ..version("s", 100, DeclaredStatus::Active)
    };
    let bare = |from_ms, status| AgentScope {
        scope_id: "s".into(),
        effective_from_ms: Some(from_ms),
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
        let found = book.select(&by_task, 40_000, || None);
        assert_eq!(
            (found.status, found.basis),
            (ScopeStatus::Completed, Some(ScopeBasis::Task)),
            "{order:?}"
        );
        let by_credential = AgentAction {
            credential_id: Some("c1".into()),
            ..action("read", "email")
        };
        let found = book.select(&by_credential, 40_000, || None);
        assert_eq!(found.basis, Some(ScopeBasis::Credential));
        let scope = found.scopes[0].scope;
        assert_eq!(scope.task_class, active.task_class);
        assert_eq!(scope.agent_type, active.agent_type);
        assert!(scope.grants.is_empty());
    }
    let mut book = ScopeHistory::default();
    book.declare(active, 0);
    let timeless = AgentScope {
        effective_from_ms: None,
        ..bare(0, DeclaredStatus::Completed)
    };
    assert_eq!(book.declare(timeless.clone(), 150), DeclareOutcome::Added);
    assert_eq!(book.declare(timeless, 160), DeclareOutcome::Unchanged);
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
        let ctx = JudgeContext::default();
        let act = AgentAction {
            action_verb: Verb::Read,
            ..action("read", "email")
        };
        judge(book, || None, &mut LimitUsage::default(), &act, at_ms, &ctx).since_widened_ms
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
    for at_ms in [500, 1_500] {
        assert_eq!(status_at(&book, at_ms), ScopeStatus::Revoked);
    }
    assert!(book.names_task("t"), "whom it was for is remembered");
}

#[test]
fn what_was_taken_from_the_agent_outlives_a_week_and_a_task_revoked_later() {
    let mut book = ScopeHistory::default();
    book.declare(version("whole", 0, DeclaredStatus::Revoked), 0);
    let of_a_task = AgentScope {
        task_id: Some("t9".into()),
        ..version("task", 100, DeclaredStatus::Revoked)
    };
    book.declare(of_a_task, 100);
    let act = action("read", "email");
    let chosen = |book: &ScopeHistory| {
        book.select(&act, 200, || None).scopes[0]
            .scope
            .scope_id
            .clone()
    };
    assert_eq!(
        chosen(&book),
        "whole",
        "a template may stand in for the task's only"
    );
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
