//! What every shipped rule must have: documentation, threat ids, tests for both outcomes.

use include_dir::{Dir, include_dir};

use crate::text::SourceFile;

use crate::rule::{Bundle, RevokeTarget, RuleFamily, RuleStatus, TestExpectation};

static RULES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/rules");

fn collect(dir: &Dir<'_>, into: &mut Vec<SourceFile>) {
    for file in dir
        .files()
        .filter(|file| file.path().extension().is_some_and(|e| e == "yaml"))
    {
        let path = format!("rules/{}", file.path().display());
        let text = file.contents_utf8().unwrap().to_owned();
        into.push(SourceFile { path, text });
    }
    dir.dirs().for_each(|dir| collect(dir, into));
}

pub(super) fn shipped() -> Bundle {
    let mut files = Vec::new();
    collect(&RULES, &mut files);
    let (bundle, problems) = Bundle::parse(&files);
    let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert!(shown.is_empty(), "{}", shown.join("\n"));
    bundle.unwrap()
}

#[test]
fn every_shipped_rule_is_documented_tagged_and_tested_both_ways() {
    for rule in &shipped().rules {
        let path = &rule.path;
        assert!(
            !rule.atlas.is_empty() && !rule.asi.is_empty(),
            "{path}: threat ids"
        );
        assert!(rule.description.len() > 80, "{path}: description");
        assert!(!rule.remediation.is_empty(), "{path}: remediation");
        assert!(!rule.falsepositives.is_empty(), "{path}: false positives");
        assert!(
            rule.tests
                .iter()
                .any(|test| test.expect == TestExpectation::Silent),
            "{path}: silent test"
        );
        assert!(
            rule.tests
                .iter()
                .any(|test| test.expect != TestExpectation::Silent),
            "{path}: firing test"
        );
        if rule.family == RuleFamily::Scope {
            assert_eq!(rule.status, RuleStatus::Stable, "{path}");
        }
    }
}

/// A violation that no rule reads would be found and never reported.
#[test]
fn every_word_of_a_verdict_has_a_rule() {
    let bundle = shipped();
    let all: Vec<String> = bundle
        .rules
        .iter()
        .flat_map(|rule| words(&rule.condition))
        .collect();
    for name in ["scope.violations", "scope.status"] {
        let info = bundle.catalogue.find_fact(name).unwrap();
        // Pending scopes are not judged yet.
        for word in info.words.iter().filter(|word| **word != "pending") {
            assert!(
                all.iter().any(|read| read == word),
                "no rule reads {name}: {word}"
            );
        }
    }
}

fn words(condition: &crate::rule::evaluate::condition::Condition) -> Vec<String> {
    let mut words = Vec::new();
    condition.for_each_field(&mut |field| {
        let read = field.equal_words().unwrap_or_default();
        words.extend(read.into_iter().map(str::to_owned));
    });
    words
}

#[test]
fn what_is_uncertain_or_one_mistake_away_does_not_revoke() {
    let bundle = shipped();
    for name in [
        "undeclared-agent",
        "unmanaged-tenant",
        "unmapped-tool",
        "outside-declared-hours",
    ] {
        let rule = bundle
            .rules
            .iter()
            .find(|rule| rule.path.contains(name))
            .unwrap();
        assert_eq!(rule.response.revoke, RevokeTarget::None, "{name}");
    }
}
