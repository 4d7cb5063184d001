//! The bytes of a history and what is evicted.

use super::*;

/// A scope with terms of `kib` KiB.
fn big(scope_id: &str, kib: usize, from_ms: i64, status: DeclaredStatus) -> AgentScope {
    let text = |n: usize| format!("{n:0>1020}.test").into();
    AgentScope {
        task_id: Some(format!("task-{scope_id}").into()),
        destinations: (0..kib).map(text).collect(),
        ..version(scope_id, from_ms, status)
    }
}

const ACTIVE: DeclaredStatus = DeclaredStatus::Active;

#[test]
fn superseded_versions_give_way_then_ended_scopes_and_no_active_one() {
    let mut book = ScopeHistory::default();
    assert_eq!(
        book.declare(big("a", 100, 10, ACTIVE), 10),
        DeclareOutcome::Added
    );
    assert_eq!(
        book.declare(big("a", 101, 20, ACTIVE), 20),
        DeclareOutcome::Added
    );
    assert_eq!(
        book.declare(big("b", 100, 30, ACTIVE), 30),
        DeclareOutcome::Added
    );
    assert_eq!(
        (book.len(), book.version_count()),
        (2, 2),
        "the first of a gave way"
    );
    let full = book.clone();
    for scope in [big("c", 100, 40, ACTIVE), big("b", 200, 40, ACTIVE)] {
        assert_eq!(book.declare(scope, 40), DeclareOutcome::RefusedFull);
        assert_eq!(book, full, "a refused record changes nothing");
    }
    let ended = big("a", 1, 50, DeclaredStatus::Completed);
    assert_eq!(book.declare(ended, 50), DeclareOutcome::Added);
    assert_eq!(
        book.declare(big("b", 240, 60, ACTIVE), 60),
        DeclareOutcome::Added
    );
    assert_eq!(
        book.declare(big("c", 15, 70, ACTIVE), 70),
        DeclareOutcome::Added
    );
    let held: Vec<&str> = book
        .scopes_at(80)
        .map(|(s, _)| s.scope_id.as_str())
        .collect();
    assert_eq!(held, ["b", "c"], "a had ended");
    assert!(book.stored_bytes() <= HISTORY_BYTES_MAX);
    assert_eq!(
        book.declare(big("d", 256, 90, ACTIVE), 90),
        DeclareOutcome::RefusedFull
    );
}

#[test]
fn the_end_of_a_scope_is_taken_however_full_the_book_is() {
    let mut book = ScopeHistory::default();
    book.declare(big("a", 200, 10, ACTIVE), 10);
    book.declare(big("b", 50, 10, ACTIVE), 10);
    // Takes effect later, so that the version it supersedes must stay till then.
    let revoked = big("a", 200, 9_000, DeclaredStatus::Revoked);
    assert_eq!(book.declare(revoked.clone(), 20), DeclareOutcome::Added);
    assert!(book.stored_bytes() <= HISTORY_BYTES_MAX);
    let by_task = AgentAction {
        task_id: Some("task-a".into()),
        ..action("read", "email")
    };
    assert_eq!(
        book.select(&by_task, 8_999, || None).status,
        ScopeStatus::Active
    );
    let found = book.select(&by_task, 15_000, || None);
    assert_eq!(found.status, ScopeStatus::Revoked);
    assert_eq!(found.basis, Some(ScopeBasis::Task));
    assert!(found.scopes[0].scope.destinations.is_empty());
    drop(found);
    book.declare(revoked, 20);
    assert_eq!(book.version_count(), 3, "sent again");
}

#[test]
fn the_stored_size_is_the_true_one() {
    let mut book = ScopeHistory::default();
    for n in 0..200 {
        let status = DeclaredStatus::ALL[n % DeclaredStatus::ALL.len()];
        let scope_id = format!("s{}", n * 7 % 10);
        book.declare(big(&scope_id, n * 31 % 90, n as i64, status), n as i64);
        let encoded = postcard::to_stdvec(&book).unwrap().len();
        let versions = book.version_count();
        assert!(
            encoded >= book.stored_bytes() && encoded <= book.stored_bytes() + 64 * versions + 8
        );
        assert!(book.stored_bytes() <= HISTORY_BYTES_MAX);
    }
}

/// A version of the scope of a task of its own.
fn of_task(n: usize, at_ms: i64, status: DeclaredStatus) -> AgentScope {
    AgentScope {
        task_id: Some(format!("t{n}").into()),
        ..version(&format!("task-{n}"), at_ms, status)
    }
}

#[test]
fn neither_completed_tasks_nor_new_ones_push_out_what_was_taken_away() {
    let revoked = version("taken", 10, DeclaredStatus::Revoked);
    let expired = AgentScope {
        expires_at_ms: Some(10),
        ..version("taken", 5, ACTIVE)
    };
    for taken in [revoked, expired] {
        let mut book = ScopeHistory::default();
        book.declare(taken, 10);
        let is_barred = |book: &ScopeHistory, now_ms| {
            let act = AgentAction {
                task_id: Some("another".into()),
                ..action("read", "email")
            };
            let found = book.select(&act, now_ms, || None);
            matches!(found.status, ScopeStatus::Revoked | ScopeStatus::Expired)
        };
        for n in 0..2 * SCOPES_MAX {
            let now_ms = 10_000 + n as i64 * 1_000;
            for status in [ACTIVE, DeclaredStatus::Completed] {
                let scope = of_task(n, now_ms, status);
                assert_ne!(book.declare(scope, now_ms), DeclareOutcome::RefusedFull);
            }
            assert!(is_barred(&book, now_ms), "{n} completed");
        }
        let now_ms = 10_000_000;
        for n in 1_000..1_000 + SCOPES_MAX - 1 {
            assert_eq!(
                book.declare(of_task(n, now_ms, ACTIVE), now_ms),
                DeclareOutcome::Added
            );
        }
        assert!(is_barred(&book, now_ms), "full of active tasks");
        let one_more = of_task(9_999, now_ms, ACTIVE);
        assert_eq!(
            book.declare(one_more, now_ms),
            DeclareOutcome::RefusedFull,
            "it would push out what was taken away"
        );
        let replacement = version("new", now_ms, ACTIVE);
        assert_eq!(book.declare(replacement, now_ms), DeclareOutcome::Added);
        assert_eq!(book.len(), SCOPES_MAX);
    }
}

#[test]
fn a_large_scope_that_was_taken_away_keeps_its_status_and_loses_its_terms() {
    let mut book = ScopeHistory::default();
    book.declare(big("a", 240, 10, ACTIVE), 10);
    book.declare(big("a", 240, 20, DeclaredStatus::Revoked), 20);
    assert_eq!(
        book.declare(big("b", 240, 30, ACTIVE), 30),
        DeclareOutcome::Added
    );
    let by_task = AgentAction {
        task_id: Some("task-a".into()),
        ..action("delete", "email")
    };
    let found = judge(
        &book,
        || None,
        &mut LimitUsage::default(),
        &by_task,
        &at(60_000),
    );
    assert_eq!(found.status, ScopeStatus::Revoked);
    assert!(
        found.violations.is_empty(),
        "what it permitted is forgotten"
    );
}
