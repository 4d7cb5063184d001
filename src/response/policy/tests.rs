//! Modes by their most specific word, and every error at its place.

use super::*;
use crate::response::rule_view::{IncidentFold, RevokeTarget, RuleConfidence, RuleLevel};

fn file(text: &str) -> SourceFile {
    SourceFile {
        path: "rules/response.yaml".into(),
        text: text.into(),
    }
}

fn policy(text: &str) -> Policy {
    let (policy, found) = Policy::parse(&file(text));
    assert!(found.is_empty(), "{found:?}");
    policy
}

fn rule(id: &str, family: RuleFamily, mode_max: RevocationMode) -> RuleView<'_> {
    RuleView {
        id,
        title: id,
        description: "",
        remediation: "",
        confidence: RuleConfidence::High,
        family,
        level: RuleLevel::High,
        risk: 0,
        revoke: RevokeTarget::Credential,
        mode_max,
        fold: IncidentFold::Agent,
        atlas: &[],
        asi: &[],
    }
}

#[test]
fn the_most_specific_word_holds_and_never_more_than_the_rule_allows() {
    let policy =
        policy("tenants: {acme: auto}\nfamilies: {volume: 'off'}\nrules: {volume.loud: shadow}\n");
    let scope = rule("scope.verb", RuleFamily::Scope, RevocationMode::Auto);
    assert_eq!(policy.mode("acme", &scope), RevocationMode::Auto);
    assert_eq!(policy.mode("other", &scope), RevocationMode::Shadow);
    let capped = rule("scope.verb", RuleFamily::Scope, RevocationMode::Shadow);
    assert_eq!(policy.mode("acme", &capped), RevocationMode::Shadow);
    let waits = rule("scope.verb", RuleFamily::Scope, RevocationMode::Approve);
    assert_eq!(policy.mode("acme", &waits), RevocationMode::Approve);
    assert_eq!(
        policy.mode(
            "acme",
            &rule("volume.x", RuleFamily::Volume, RevocationMode::Auto)
        ),
        RevocationMode::Off
    );
    let loud = rule("volume.loud", RuleFamily::Volume, RevocationMode::Auto);
    assert_eq!(policy.mode("acme", &loud), RevocationMode::Shadow);
}

/// A tenant's mode is a ceiling: no family, rule or default makes more of it.
#[test]
fn a_tenant_s_mode_is_the_most_that_its_families_and_rules_may_do() {
    let modes = ["off", "shadow", "approve", "auto"];
    let word = |mode: &str| RevocationMode::from_word(mode).unwrap();
    for tenant in modes {
        for inner in modes {
            for place in [
                format!("default: '{inner}'"),
                format!("families: {{scope: '{inner}'}}"),
                format!("rules: {{scope.verb: '{inner}'}}"),
                format!(
                    "default: auto\nfamilies: {{scope: auto}}\nrules: {{scope.verb: '{inner}'}}"
                ),
            ] {
                let text = format!("{place}\ntenants: {{acme: '{tenant}'}}\n");
                let policy = policy(&text);
                let view = rule("scope.verb", RuleFamily::Scope, RevocationMode::Auto);
                assert!(policy.mode("acme", &view) <= word(tenant), "{text}");
                assert_eq!(policy.mode("other", &view), word(inner), "{text}");
                if !place.starts_with("default: '") {
                    let lower = word(tenant).min(word(inner));
                    assert_eq!(policy.mode("acme", &view), lower, "{text}");
                }
            }
        }
    }
}

#[test]
fn without_a_file_everything_is_shadow() {
    let scope = rule("scope.verb", RuleFamily::Scope, RevocationMode::Auto);
    assert_eq!(
        Policy::default().mode("acme", &scope),
        RevocationMode::Shadow
    );
    assert_eq!(policy("# nothing yet\n"), Policy::default());
}

#[test]
fn every_error_is_reported_at_its_place_in_one_run() {
    let text = "defualt: auto\ntenants: {acme: aprove}\nfamilies: {scop: auto}\n\
                rules: [a]\nbudget: {agents-per-hour: 0}\nnever-revoke: {agents: ['']}\n\
                strict: acme\ncascade: {order: leafs-first}\n";
    let (_, found) = Policy::parse(&file(text));
    let places: Vec<_> = found
        .iter()
        .map(|error| (error.line, error.column))
        .collect();
    assert_eq!(
        places,
        [
            (1, 1),
            (2, 17),
            (3, 12),
            (4, 8),
            (5, 27),
            (6, 25),
            (7, 9),
            (8, 18)
        ]
    );
    assert!(found[0].help.as_deref().unwrap().contains("`default`"));
    assert!(found[1].help.as_deref().unwrap().contains("`approve`"));
    assert!(found[2].help.as_deref().unwrap().contains("`scope`"));
    assert!(found[7].help.as_deref().unwrap().contains("`leaves-first`"));
}

#[test]
fn a_rule_the_bundle_lacks_is_an_error_with_the_nearest_id() {
    let source = file("rules:\n  scope.verbs: off\n");
    let (policy, found) = Policy::parse(&source);
    assert!(found.is_empty());
    let errors = policy.check_rules(&source, &BTreeSet::from(["scope.verb", "volume.calls"]));
    assert_eq!((errors[0].line, errors[0].column), (2, 3));
    assert!(errors[0].help.as_deref().unwrap().contains("scope.verb"));
}

#[test]
fn the_never_revoke_list_covers_agents_and_credentials() {
    let policy = policy("never-revoke: {agents: ['ops-*'], credentials: ['root-?']}\n");
    assert!(policy.never_revokes("ops-7", None));
    assert!(!policy.never_revokes("desk-7", None));
    assert!(!policy.never_revokes("desk-7", Some("ops-7")));
    assert!(policy.never_revokes("desk-7", Some("root-1")));
}

#[test]
fn the_shipped_policy_reads_without_a_word_of_complaint() {
    let shipped = policy(include_str!("../../../rules/response.yaml"));
    assert_eq!(
        shipped,
        Policy::default(),
        "what is shipped is the default, explained"
    );
}
