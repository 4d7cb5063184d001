//! Templates as people write them, and the mistakes they make.

use super::*;
use crate::event::{AgentAction, MeasureKind};

fn file(path: &str, text: &str) -> SourceFile {
    SourceFile {
        path: path.into(),
        text: text.into(),
    }
}

fn read(text: &str) -> (ScopeTemplates, Vec<String>) {
    let (templates, found) = ScopeTemplates::parse(&[file("t.yaml", text)]);
    (templates, found.iter().map(ToString::to_string).collect())
}

const WHOLE: &str = "
template: research/report
tenant: acme
applies-to: {agents: ['research-*'], task-class: report}
purpose: write reports
grants:
  - resource-types: [database.table, 'email.*']
    resource-ids: ['sales.*']
    verbs: [read, LIST]
    sensitivity-max: Internal
    owners: [sales]
tools: [query]
destinations: '*.acme.example'
instruction-sources: [user, operator]
limits: [{measure: 'sum: volume.bytes_out', window: 1h, max: 50MB}]
channel: {encrypted: true}
delegation: {allowed: true, depth-max: 2}
hours: {days: mon-fri, from: '07:00', to: '19:00', zone: Europe/Berlin}
";

#[test]
fn every_key_is_read() {
    let (templates, found) = read(WHOLE);
    assert!(found.is_empty(), "{found:?}");
    let template = templates.iter().next().unwrap();
    assert_eq!(
        (template.name(), template.source_line()),
        ("research/report", ("t.yaml", 2))
    );
    let scope = template.scope();
    assert_eq!(scope.grants[0].verbs, [Verb::Read, Verb::List]);
    assert_eq!(scope.grants[0].sensitivity_max, Some(Sensitivity::Internal));
    assert_eq!(scope.limits[0].measure.kind, MeasureKind::Sum);
    assert_eq!(
        (scope.limits[0].window_ms, scope.limits[0].max),
        (3_600_000, 5e7)
    );
    let hours = scope.hours.as_ref().unwrap();
    assert_eq!(
        (hours.days.as_slice(), hours.from_min, hours.to_min),
        (&[1, 2, 3, 4, 5][..], 420, 1140)
    );
    assert_eq!(scope.delegation.unwrap().depth_max, Some(2));
    assert!(templates.tenant_is_managed("acme") && !templates.tenant_is_managed("other"));
}

#[test]
fn mistakes_are_all_reported_with_their_place_and_the_nearest_word() {
    let text = "\
template: t
applies-to: {agent-typ: x, agents: a}
grants:
  - resource-types: [ema*]
    verbs: [raed]
  - verbs: [read]
tols: [x]
limits:
  - {measure: 'sum: volume.byte_out', window: 1h, max: 5}
  - {measure: count, window: soon, max: -1}
hours: {from: '25:00', to: '19:00', zone: UTC}
delegation: {allowed: maybe}
";
    let (templates, found) = read(text);
    assert!(templates.is_empty());
    let expected = [
        ("t.yaml:2:14:", "did you mean `agent-type`?"),
        ("t.yaml:4:22:", "`ema*`"),
        ("t.yaml:5:13:", "did you mean `read`?"),
        ("t.yaml:6:5:", "needs `resource-types`"),
        ("t.yaml:7:1:", "did you mean `tools`?"),
        ("t.yaml:9:15:", "did you mean `volume.bytes_out`?"),
        ("t.yaml:10:30:", "30s, 5m, 1h or 7d"),
        ("t.yaml:10:41:", "50MB"),
        ("t.yaml:11:15:", "time of day"),
        ("t.yaml:12:23:", "true or false"),
    ];
    for (place, part) in expected {
        let hit = found
            .iter()
            .any(|line| line.starts_with(place) && line.contains(part));
        assert!(hit, "no error {place} {part} in\n{}", found.join("\n"));
    }
    assert_eq!(found.len(), expected.len(), "{}", found.join("\n"));
}

#[test]
fn a_broken_file_does_not_hide_another() {
    let files = [
        file("a.yaml", "x: [1"),
        file("b.yaml", "template: b\nappliesto: {}\n"),
    ];
    let (_, found) = ScopeTemplates::parse(&files);
    let paths: Vec<&str> = found.iter().map(|d| d.path.as_str()).collect();
    assert!(
        paths.contains(&"a.yaml") && paths.contains(&"b.yaml"),
        "{paths:?}"
    );
}

fn minimal(name: &str, rest: &str) -> String {
    format!("---\ntemplate: {name}\n{rest}\ngrants: []\n")
}

#[test]
fn the_most_specific_template_wins() {
    let text = [
        minimal("all", "applies-to: {agents: ['*']}"),
        minimal("type", "applies-to: {agent-type: billing}"),
        minimal("class", "applies-to: {task-class: report}"),
        minimal("agents", "applies-to: {agents: ['bill-*']}"),
        minimal("agent", "applies-to: {agents: [bill-1]}"),
        minimal("tenant", "tenant: acme\napplies-to: {agent-type: billing}"),
        minimal("tool", "applies-to: {tools: [Shell]}"),
    ]
    .concat();
    let (templates, found) = read(&text);
    assert!(found.is_empty(), "{found:?}");
    let pick = |tenant: &str, agent: &str, kind: &str, class: &str| {
        let action = AgentAction {
            tenant: tenant.into(),
            agent_type: Some(kind.into()),
            task_class: Some(class.into()),
            tool_name: Some("shell".into()),
            ..AgentAction::new(agent)
        };
        templates
            .for_action(&action)
            .map(ScopeTemplate::name)
            .unwrap_or("none")
            .to_owned()
    };
    assert_eq!(pick("acme", "bill-1", "billing", "report"), "tenant");
    assert_eq!(pick("t", "bill-1", "billing", "report"), "agent");
    assert_eq!(pick("t", "bill-2", "billing", "report"), "agents");
    // An agent pattern, even `*`, names agents; what names none comes after it.
    assert_eq!(pick("t", "x", "billing", "report"), "all");
}

#[test]
fn ties_and_repeated_names_are_refused_at_the_later_one() {
    let tie = [
        minimal("one", "applies-to: {agents: ['a*']}"),
        minimal("two", "applies-to: {agents: ['*b']}"),
    ]
    .concat();
    let (_, found) = read(&tie);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("t.yaml:6:1:") && found[0].contains("ties with `one`"));
    let apart = [
        minimal("one", "applies-to: {agents: ['a*']}"),
        minimal("two", "applies-to: {agents: ['b*']}"),
        minimal("three", "tenant: x\napplies-to: {agents: ['b*']}"),
        minimal("four", "tenant: y\napplies-to: {agents: ['b*']}"),
    ]
    .concat();
    assert!(read(&apart).1.is_empty());
    let twice = [
        minimal("one", "applies-to: {agents: [a]}"),
        minimal("one", "applies-to: {agents: [b]}"),
    ]
    .concat();
    assert!(read(&twice).1[0].contains("already defined at t.yaml:2"));
}

#[test]
fn a_template_for_no_one_and_one_without_grants_are_told() {
    assert!(read("template: t\napplies-to: {}\ngrants: []\n").1[0].contains("names no one"));
    let (templates, found) = read("template: t\napplies-to: {agents: a}\n");
    assert!(found[0].contains("warning") && templates.len() == 1);
}

#[test]
fn the_shipped_example_is_right_and_is_for_no_real_tenant() {
    let text = include_str!("../../../../rules/scopes/example.yaml");
    let (templates, found) = read(text);
    assert!(found.is_empty(), "{found:?}");
    assert!(!templates.is_empty());
    assert!(!templates.tenant_is_managed("default"));
    assert!(templates.tenant_is_managed("example"));
}
