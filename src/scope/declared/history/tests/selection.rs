//! Which scopes judge an action.

use super::*;

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
        let found = judge(&book, || None, &mut LimitUsage::default(), &act, &at(10));
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
        ..version("a", 100 * SECOND_MS, DeclaredStatus::Completed)
    };
    book.declare(ended, 0);
    book.declare(version("b", 0, DeclaredStatus::Active), 0);
    let late = AgentAction {
        task_id: Some("t1".into()),
        ..action("read", "email")
    };
    let found = judge(
        &book,
        || None,
        &mut LimitUsage::default(),
        &late,
        &at(150 * SECOND_MS),
    );
    assert_eq!(
        (found.status, found.after_end),
        (ScopeStatus::Completed, true)
    );
    assert_eq!(found.age_ms, Some(50 * SECOND_MS));
    let other = judge(
        &book,
        || None,
        &mut LimitUsage::default(),
        &action("read", "email"),
        &at(150 * SECOND_MS),
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
        let found = book.select(&act, 1_000 * SECOND_MS, || templates.for_action(&act));
        (found.status, found.basis)
    };
    let by_template = (ScopeStatus::Active, Some(ScopeBasis::Template));
    assert_eq!(judged(&book), by_template);
    let expired = AgentScope {
        expires_at_ms: Some(900 * SECOND_MS),
        ..version("x", 500 * SECOND_MS, DeclaredStatus::Active)
    };
    let at_s = |id: &str, from_s: i64, status| version(id, from_s * SECOND_MS, status);
    let steps = [
        (
            at_s("c", 400, DeclaredStatus::Completed),
            ScopeStatus::Completed,
        ),
        (expired, ScopeStatus::Expired),
        (
            at_s("s", 300, DeclaredStatus::Suspended),
            ScopeStatus::Suspended,
        ),
        (
            at_s("r", 200, DeclaredStatus::Revoked),
            ScopeStatus::Revoked,
        ),
        (
            at_s("q", 600, DeclaredStatus::Completed),
            ScopeStatus::Revoked,
        ),
    ];
    for (scope, status) in steps {
        book.declare(scope, 0);
        assert_eq!(status_at(&book, 1_000 * SECOND_MS), status);
        let expected = match status {
            ScopeStatus::Completed => by_template,
            _ => (status, Some(ScopeBasis::Union)),
        };
        assert_eq!(judged(&book), expected);
    }
    // Only what was completed leaves the agent's other work to the template.
    for (status, templated) in [
        (DeclaredStatus::Completed, true),
        (DeclaredStatus::Revoked, false),
        (DeclaredStatus::Suspended, false),
    ] {
        let mut book = ScopeHistory::default();
        let of_task = AgentScope {
            task_id: Some("t1".into()),
            ..at_s("t", 200, status)
        };
        book.declare(of_task, 0);
        assert_eq!(judged(&book) == by_template, templated, "{status}");
    }
}

#[test]
fn an_undeclared_task_is_judged_only_by_scopes_that_name_no_task() {
    let of_task = |id: &str, task: &str, verbs: &str| AgentScope {
        task_id: Some(task.into()),
        ..scope(id, &[("email", verbs)])
    };
    let mut book = ScopeHistory::default();
    book.declare(of_task("s1", "t1", "read"), 0);
    book.declare(of_task("s2", "t2", "delete"), 0);
    let select = |book: &ScopeHistory, task: Option<&str>, verb: &str| {
        let act = AgentAction {
            task_id: task.map(Into::into),
            ..action(verb, "email")
        };
        let found = judge(
            book,
            || None,
            &mut LimitUsage::default(),
            &act,
            &managed_at(10),
        );
        let outside = !found.violations.is_empty();
        (found.status, found.undeclared_task, outside)
    };
    let (active, missing) = (ScopeStatus::Active, ScopeStatus::Missing);
    assert_eq!(select(&book, Some("t1"), "delete"), (active, false, true));
    assert_eq!(
        select(&book, Some("made-up"), "delete"),
        (missing, true, false)
    );
    assert_eq!(select(&book, None, "delete"), (active, false, false));
    book.declare(scope("s3", &[("email", "read")]), 0);
    assert_eq!(
        select(&book, Some("made-up"), "delete"),
        (active, false, true)
    );
    assert_eq!(
        select(&book, Some("made-up"), "read"),
        (active, false, false)
    );
    let nobody = ScopeHistory::default();
    assert_eq!(select(&nobody, Some("t1"), "read"), (missing, false, false));
}
