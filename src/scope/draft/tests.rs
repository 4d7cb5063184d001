//! What a draft allows: everything it was made from, and little else.

use proptest::prelude::*;

use super::observed::TemplateDraft;
use crate::event::{AgentAction, Sensitivity, Verb};
use crate::scope::{
    JudgeContext, LimitUsage, ScopeHistory, ScopeStatus, ScopeTemplates, judge, testing,
};
use crate::text::SourceFile;

fn templates(draft: &TemplateDraft) -> ScopeTemplates {
    let file = SourceFile {
        path: "draft.yaml".into(),
        text: draft.to_yaml_all(),
    };
    let (templates, found) = ScopeTemplates::parse(std::slice::from_ref(&file));
    let errors: Vec<String> = found
        .iter()
        .filter(|d| d.severity == crate::text::ProblemSeverity::Error)
        .map(ToString::to_string)
        .collect();
    assert!(errors.is_empty(), "{}\n{}", errors.join("\n"), file.text);
    templates
}

fn violations(
    templates: &ScopeTemplates,
    action: &AgentAction,
) -> (ScopeStatus, Vec<&'static str>) {
    let verdict = judge(
        &ScopeHistory::default(),
        || templates.for_action(action),
        &mut LimitUsage::default(),
        action,
        &JudgeContext {
            at_ms: action.occurred_at_ms.unwrap_or(0),
            ..JudgeContext::default()
        },
    );
    (verdict.status, verdict.violations.words().collect())
}

/// A draft that its own reader refuses would be useless.
#[test]
fn an_action_without_a_normal_form_is_left_out_and_counted() {
    let mut draft = TemplateDraft::default();
    let to = |host: &str, address: Option<&str>, id: &str| AgentAction {
        destination_host: Some(host.into()),
        destination_address: address.map(Into::into),
        resource_id: Some(id.into()),
        ..testing::action("send", "email.message")
    };
    let mail = to("smtp.corp.test", Some("bob@corp.test"), "m");
    draft.observe_action(&mail);
    draft.observe_action(&to("https://", None, "m"));
    draft.observe_action(&to("corp.test", None, "/a\0b"));
    assert_eq!(draft.skipped_count(), 2);
    assert_eq!(violations(&templates(&draft), &mail).1, Vec::<&str>::new());
}

#[test]
fn a_draft_holds_the_class_to_what_it_did() {
    let mut draft = TemplateDraft::default();
    for n in 0..40 {
        let mut seen = testing::action("read", "database.table");
        seen.agent_type = Some("research".into());
        seen.task_class = Some("report".into());
        seen.resource_id = Some(format!("sales/{n}").into());
        seen.tool_name = Some("query".into());
        seen.resource_sensitivity = Some(Sensitivity::Internal);
        draft.observe_action(&seen);
    }
    let templates = templates(&draft);
    let mut action = testing::action("read", "database.table");
    action.agent_type = Some("research".into());
    action.task_class = Some("report".into());
    action.resource_id = Some("sales/999".into());
    assert_eq!(
        violations(&templates, &action),
        (ScopeStatus::Active, vec![])
    );
    action.action_verb = Verb::Delete;
    action.resource_id = Some("hr/1".into());
    action.tool_name = Some("shell".into());
    action.resource_sensitivity = Some(Sensitivity::Restricted);
    let outside = vec!["resource_id", "verb", "sensitivity", "tool"];
    assert_eq!(
        violations(&templates, &action),
        (ScopeStatus::Active, outside)
    );
    action.agent_type = Some("billing".into());
    assert_eq!(violations(&templates, &action).0, ScopeStatus::Unmanaged);
}

#[test]
fn texts_that_yaml_would_misread_come_back_as_they_were() {
    let mut draft = TemplateDraft::default();
    let odd = [
        "it's",
        "a: b",
        "line\nbreak",
        "\"q\"\u{7}",
        "# no",
        "null",
        "\u{2028}é",
        "[x",
        " ",
    ];
    for text in odd {
        let mut action = testing::action("read", "file");
        action.resource_id = Some(text.into());
        action.tool_name = Some(text.into());
        draft.observe_action(&action);
    }
    let templates = templates(&draft);
    let scope = templates.iter().next().unwrap().scope();
    let mut expected: Vec<&str> = odd.to_vec();
    expected.sort_unstable();
    assert_eq!(scope.grants[0].resource_ids, expected);
}

fn some_action() -> impl Strategy<Value = AgentAction> {
    let who = (
        prop::sample::select(vec!["t1", "t2"]),
        prop::sample::select((0..30).map(|n| format!("agent-{n}")).collect::<Vec<_>>()),
        prop::option::of(prop::sample::select(vec!["desk", "", "research"])),
        prop::option::of(prop::sample::select(vec!["mail", "report", "it's"])),
    );
    let what = (
        prop::sample::select(Verb::ALL.to_vec()),
        prop::sample::select(vec![
            "unknown",
            "email",
            "email.message",
            "db.table",
            "web.page",
        ]),
        prop::option::of("(x/|y/z/|)[a-d]{0,3}"),
        prop::option::of(prop::sample::select(Sensitivity::ALL.to_vec())),
        prop::option::of("[a-c]{1,3}"),
        prop::option::of("[a-e]{1,2}\\.(example\\.com|net)"),
        prop::option::of("10\\.0\\.0\\.[0-9]"),
        prop::option::of(0i64..3_000_000_000),
    );
    (who, what).prop_map(|((tenant, agent, kind, class), what)| AgentAction {
        tenant: tenant.into(),
        agent_type: kind.map(Into::into),
        task_class: class.map(Into::into),
        action_verb: what.0,
        resource_type: what.1.into(),
        resource_id: what.2.map(Into::into),
        resource_sensitivity: what.3,
        tool_name: what.4.map(Into::into),
        destination_host: what.5.map(Into::into),
        destination_address: what.6.map(Into::into),
        occurred_at_ms: what.7,
        ..AgentAction::new(&agent)
    })
}

proptest! {
    #![proptest_config(crate::property::config(48))]

    #[test]
    fn every_observed_action_is_inside_its_own_draft(
        actions in prop::collection::vec(some_action(), 1..250),
    ) {
        let mut draft = TemplateDraft::default();
        actions.iter().for_each(|action| draft.observe_action(action));
        let templates = templates(&draft);
        for action in &actions {
            let found = violations(&templates, action);
            let inside = (ScopeStatus::Active, vec![]);
            prop_assert_eq!(found, inside, "{:?}\n{}", action, draft.to_yaml_all());
        }
    }
}
