//! The end of a scope: what was on its way, what is still said of it, and ends that come first.

use super::*;

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
    let mut book = ScopeHistory::default();
    let expiring = AgentScope {
        expires_at_ms: Some(end_ms),
        ..version("s", 0, DeclaredStatus::Active)
    };
    book.declare(expiring, 0);
    let expired = |after_ms| status_at(&book, end_ms + after_ms);
    assert_eq!(expired(END_GRACE_MS), ScopeStatus::Active);
    assert_eq!(expired(END_GRACE_MS + 1), ScopeStatus::Expired);
    // What was in force before is not known: nothing is said of what was on its way.
    let mut book = ScopeHistory::default();
    book.declare(version("s", end_ms, DeclaredStatus::Revoked), 0);
    assert_eq!(
        status_at(&book, end_ms + END_GRACE_MS),
        ScopeStatus::Missing
    );
    let late_ms = end_ms + END_GRACE_MS + 1;
    assert_eq!(status_at(&book, late_ms), ScopeStatus::Revoked);
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
        let usage = &mut LimitUsage::default();
        let found = judge(&book, || None, usage, &act, &at(60_000));
        assert_ne!(found.status, ScopeStatus::Active);
        assert_eq!(found.after_end, over);
    }
}

/// By every way in which a scope ends, in either order of its records.
#[test]
fn what_was_outside_before_an_end_is_as_far_outside_after_it() {
    let bare = |status| AgentScope {
        scope_id: "s".into(),
        effective_from_ms: Some(100 * SECOND_MS),
        status,
        ..AgentScope::default()
    };
    let begun = |expires_at_ms| AgentScope {
        expires_at_ms,
        tools: vec!["mail".into()],
        ..from_second(0, DeclaredStatus::Active)
    };
    let mut repeated = begun(None);
    repeated.effective_from_ms = Some(100 * SECOND_MS);
    repeated.status = DeclaredStatus::Revoked;
    let ends = [
        (vec![begun(Some(100 * SECOND_MS))], ScopeStatus::Expired),
        (
            vec![begun(None), bare(DeclaredStatus::Completed)],
            ScopeStatus::Completed,
        ),
        (
            vec![begun(None), bare(DeclaredStatus::Suspended)],
            ScopeStatus::Suspended,
        ),
        (
            vec![begun(None), bare(DeclaredStatus::Revoked)],
            ScopeStatus::Revoked,
        ),
        (vec![begun(None), repeated], ScopeStatus::Revoked),
    ];
    let act = AgentAction {
        tool_name: Some("shell".into()),
        ..action("delete", "email")
    };
    for (records, status) in ends {
        for late_first in [false, true] {
            let mut book = ScopeHistory::default();
            let mut records = records.clone();
            if late_first {
                records.reverse();
            }
            records
                .into_iter()
                .for_each(|record| drop(book.declare(record, 100 * SECOND_MS)));
            // The superseded version is forgotten after a day, the ended one after a week.
            for at_s in [99, 105, 106, 3 * 86_400] {
                book.prune(at_s * SECOND_MS);
                let found = judge(
                    &book,
                    || None,
                    &mut LimitUsage::default(),
                    &act,
                    &at(at_s * SECOND_MS),
                );
                let violations: Vec<_> = found.violations.words().collect();
                let expected = if at_s > 105 {
                    status
                } else {
                    ScopeStatus::Active
                };
                assert_eq!(found.status, expected, "{status} at {at_s}");
                assert_eq!(violations, ["verb", "tool"], "{status} at {at_s}");
            }
        }
    }
}

#[test]
fn a_record_that_only_ends_a_scope_says_nothing_of_the_time_before() {
    for status in [DeclaredStatus::Completed, DeclaredStatus::Revoked] {
        let mut book = ScopeHistory::default();
        let end = AgentScope {
            task_id: Some("t1".into()),
            grants: Vec::new(),
            ..from_second(100, status)
        };
        book.declare(end, 0);
        let act = AgentAction {
            task_id: Some("t1".into()),
            ..action("delete", "email")
        };
        let judged = |book: &ScopeHistory, at_s: i64| {
            let at = managed_at(at_s * SECOND_MS);
            judge(book, || None, &mut LimitUsage::default(), &act, &at)
        };
        for at_s in [50, 105] {
            assert_eq!(judged(&book, at_s).status, ScopeStatus::Missing, "{at_s}");
        }
        let after = judged(&book, 106);
        assert_ne!(after.status, ScopeStatus::Missing);
        assert!(after.violations.is_empty(), "its terms are not known");
        let begin = AgentScope {
            task_id: Some("t1".into()),
            ..from_second(40, DeclaredStatus::Active)
        };
        book.declare(begin, 0);
        for at_s in [50, 105] {
            assert_eq!(judged(&book, at_s).status, ScopeStatus::Active, "{at_s}");
        }
        assert_eq!(judged(&book, 106).violations.len(), 1);
    }
}
