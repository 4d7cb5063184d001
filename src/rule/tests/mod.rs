//! How the files of a directory become a bundle, and which problems are reported when they do not.
//!
//! `refused_rules` beside this file has a case for each mistake in a rule; `sigma_differential`
//! compares what rules mean with a naive evaluator.

mod full_action;
mod naive_sigma;
mod refused_rules;
mod severity;
mod shipped_rules;
mod sigma_differential;

use super::*;
use crate::text::{Diagnostic, ProblemSeverity, SourceFile};

pub(super) use full_action::full_action;

const GOOD: &str = "\
title: Good
id: 6d1a3c52-8f0a-4f0e-9a4e-5b1f7c2d9e10
status: stable
description: d
tags: [atlas.aml.t0053, owasp.asi02-2026]
logsource: {product: scopewatch, category: agent_action}
detection:
  selection:
    action.effect: egress
  condition: selection
falsepositives: [f]
level: high
response: {risk: 30, revoke: credential, mode-max: approve, fold: agent}
tests:
  - name: n
    events: [{action.verb: send}]
    expect: fire
";

const BASELINE: &str = "\
title: Baseline
id: 7d1a3c52-8f0a-4f0e-9a4e-5b1f7c2d9e10
status: test
tags: [atlas.aml.t0053, owasp.asi02-2026]
logsource: {product: scopewatch, category: agent_action}
detection:
  selection:
    event.kind: action
  condition: selection
name: actions
baseline: {measure: count, pane: 1m, false-alarms: 2 per agent per 60d}
level: low
";

fn file(path: &str, text: &str) -> SourceFile {
    SourceFile {
        path: path.into(),
        text: text.into(),
    }
}

fn bundle(texts: &[(&str, &str)]) -> Bundle {
    let files: Vec<SourceFile> = texts.iter().map(|(path, text)| file(path, text)).collect();
    let (bundle, problems) = Bundle::parse(&files);
    let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
    bundle.unwrap_or_else(|| panic!("{}", shown.join("\n")))
}

fn problems(text: &str) -> Vec<Diagnostic> {
    Bundle::parse(&[file("rules/scope/t.yaml", text)]).1
}

#[test]
fn all_problems_of_all_files_come_at_once_and_no_bundle() {
    let files = [
        file(
            "rules/volume/b.yaml",
            &GOOD.replace("level: high", "level: x"),
        ),
        file(
            "rules/scope/a.yaml",
            &GOOD
                .replace("egress", "egres")
                .replace("risk: 30", "risk: x"),
        ),
        file("rules/scope/c.yaml", "title: [\n"),
        file("rules/exceptions/e.yaml", "title: x\n"),
        file("rules/notes/d.yaml", "title: not a rule\n"),
        file(
            "rules/fleet/e.yaml",
            "title: t\ncorrelation: {type: event_count}\n",
        ),
        file("rules/fleet/f.yaml", "title: t\nfilter: {rules: []}\n"),
        file("rules/response.yaml", "not read here: ["),
        file("rules/scopes/t.yaml", "template: ["),
        file("rules/resources.yaml", "resources: ["),
    ];
    let (bundle, problems) = Bundle::parse(&files);
    assert!(bundle.is_none());
    let expected = [
        "rules/exceptions/e.yaml:0: this version does not evaluate exceptions",
        "rules/fleet/e.yaml:2: this version does not evaluate correlations",
        "rules/fleet/f.yaml:2: this version does not evaluate filters",
        "rules/notes/d.yaml:0: neither",
        "rules/resources.yaml:",
        "rules/scope/a.yaml:9: unknown value `",
        "rules/scope/a.yaml:13: risk",
        "rules/scope/c.yaml:",
        "rules/scopes/t.yaml:",
        "rules/volume/b.yaml:12: unknown level",
    ];
    let heads: Vec<String> = problems
        .iter()
        .map(|p| format!("{}:{}: {}", p.path, p.line, p.message))
        .collect();
    assert_eq!(heads.len(), expected.len(), "{heads:#?}");
    for (head, expected) in heads.iter().zip(expected) {
        assert!(head.starts_with(expected), "{head} is not {expected}");
    }
}

#[test]
fn a_rule_in_a_folder_of_its_own_name_or_in_none_is_a_rule() {
    let other = GOOD.replace("6d1a3c52", "7d1a3c52");
    let read = bundle(&[("rules/ours/a.yaml", GOOD), ("rules/b.yaml", &other)]);
    let families: Vec<_> = read.rules.iter().map(|rule| rule.family.as_str()).collect();
    assert_eq!(families, ["policy", "policy"]);

    let (read, problems) = Bundle::parse(&[file("rules/scpoe/d.yaml", GOOD)]);
    assert_eq!(read.map(|read| read.rules.len()), Some(1));
    let found: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert!(
        found.len() == 1 && found[0].contains("did you mean `scope`?"),
        "{found:?}"
    );

    // Mistakes in the rule itself are reported as in any folder.
    let bad = GOOD.replace("level: high", "level: x");
    let (read, problems) = Bundle::parse(&[file("rules/ours/a.yaml", &bad)]);
    assert!(read.is_none());
    assert_eq!((problems.len(), problems[0].line), (1, 12));
}

#[test]
fn ids_and_metrics_are_taken_once() {
    let (_, found) = Bundle::parse(&[
        file("rules/scope/a.yaml", GOOD),
        file("rules/scope/b.yaml", &format!("---\n{GOOD}")),
    ]);
    assert_eq!(found.len(), 1);
    assert!(
        found[0].message.contains("taken by rules/scope/a.yaml:2"),
        "{}",
        found[0]
    );
    assert_eq!(
        (found[0].path.as_str(), found[0].line),
        ("rules/scope/b.yaml", 3)
    );
    let other = BASELINE.replace("7d1a", "8d1a");
    let (_, found) = Bundle::parse(&[
        file("volume/a.yaml", BASELINE),
        file("volume/b.yaml", &other),
    ]);
    assert!(
        found[0].message.contains("declared by volume/a.yaml:10"),
        "{}",
        found[0]
    );
}

#[test]
fn a_rule_for_another_log_source_is_listed_and_not_evaluated() {
    let text = "title: W\nlogsource: {product: windows, category: process_creation}\n\
                detection:\n  s: {Image|endswith: x, agent.id: y}\n  condition: s\n";
    let bundle = bundle(&[("rules/scope/w.yaml", text)]);
    assert!(bundle.rules.is_empty());
    assert_eq!(bundle.foreign[0].logsource, "windows/process_creation");
    assert_eq!(bundle.foreign[0].unmapped_fields, ["Image"]);
}

#[test]
fn a_good_rule_keeps_what_it_says() {
    let bundle = bundle(&[("rules/scope/a.yaml", GOOD)]);
    let rule = &bundle.rules[0];
    assert_eq!(rule.atlas, ["AML.T0053"]);
    assert_eq!(rule.asi, ["ASI02:2026"]);
    assert_eq!(rule.response.revoke, RevokeTarget::Credential);
    assert_eq!(
        (rule.response.mode_max, rule.response.fold),
        (RevocationMode::Approve, IncidentFold::Agent)
    );
    assert_eq!(rule.reads, [fact::ACTION_EFFECT]);
    assert!(!rule.reads_scope_facts);
}

/// Text that moves from a path to its file changes the hash; the order of files does not.
#[test]
fn the_hash_is_of_paths_and_texts() {
    let hash = |files: &[(&str, &str)]| bundle(files).hash;
    let other = GOOD.replace("6d1a", "9d1a");
    let both = hash(&[("scope/a.yaml", GOOD), ("scope/b.yaml", &other)]);
    assert_eq!(
        both,
        hash(&[("scope/b.yaml", &other), ("scope/a.yaml", GOOD)])
    );
    assert_ne!(
        both,
        hash(&[("scope/a.yaml", &other), ("scope/b.yaml", GOOD)])
    );
    assert_ne!(
        hash(&[("scope/a.yaml", GOOD)]),
        hash(&[("scope/a.yaml", &format!("{GOOD}\n"))])
    );
}

/// Each rule is evaluated once for a deferred action: when it arrives, or when its scope arrives.
#[test]
fn the_two_halves_of_a_deferred_action_share_no_rule_and_miss_none() {
    let scope = GOOD
        .replace("action.effect: egress", "scope.status: active")
        .replace("6d1", "5d1");
    let bundle = bundle(&[("scope/a.yaml", GOOD), ("scope/b.yaml", &scope)]);
    let mut facts = Facts::new(&bundle.catalogue);
    facts.set(fact::ACTION_EFFECT, "egress");
    facts.set(fact::SCOPE_STATUS, "active");
    let matched = |set| {
        let mut out = Vec::new();
        bundle.match_rules(&facts, set, &mut out);
        out
    };
    assert_eq!(matched(RuleSet::All), [RuleIndex(0), RuleIndex(1)]);
    assert_eq!(matched(RuleSet::WithoutScope), [RuleIndex(0)]);
    assert_eq!(matched(RuleSet::OnlyScope), [RuleIndex(1)]);
}

#[test]
fn coverage_tells_blind_from_weakened() {
    let with = |selection: &str, id: &str| {
        GOOD.replace("action.effect: egress", selection)
            .replace("6d1", id)
    };
    let owner = with("scope.violations: owner", "1d1");
    let either = with("scope.violations: [owner, verb]", "2d1");
    let both = with("principal.id|fieldref: resource.owner", "3d1");
    let destination = with("scope.violations: destination", "4d1");
    let bundle = bundle(&[
        ("scope/1.yaml", &owner),
        ("scope/2.yaml", &either),
        ("scope/3.yaml", &both),
        ("scope/4.yaml", &destination),
        ("scope/5.yaml", GOOD),
    ]);
    let states = |carried: &CarriedFacts| -> Vec<CoverageState> {
        rule_coverage(&bundle, carried)
            .iter()
            .map(|rule| rule.state)
            .collect()
    };
    use CoverageState::{Blind, CanFire, Weakened};
    let mut carried = CarriedFacts::new();
    assert_eq!(states(&carried), [Blind; 5]);
    let mut action = full_action();
    action.resource_owner = None;
    action.destination_host = None;
    carried.observe_action(&action);
    assert_eq!(states(&carried), [Blind, Weakened, Blind, CanFire, CanFire]);
    assert_eq!(
        rule_coverage(&bundle, &carried)[2].missing,
        [fact::RESOURCE_OWNER]
    );
    carried.observe_action(&full_action());
    assert_eq!(states(&carried), [CanFire; 5]);
}
