//! Whether rules load, and whether their inline tests pass.

use serde_json::json;

use super::super::diagnostics::{counted, tell};
use super::super::exit::{Exit, Outcome};
use super::super::output::{Format, Output};
use super::super::rules_args::{LoadedRules, RulesArgs};
use crate::engine::rule_tests::{self, TestResult};

/// Loads the rules; loading prints what is wrong.
pub(super) fn check(args: &RulesArgs) -> Outcome {
    let loaded = args.load()?;
    let bundle = &loaded.rules.bundle;
    let tests: usize = bundle.rules.iter().map(|rule| rule.tests.len()).sum();
    let count = |n: usize, noun| counted(u64::try_from(n).unwrap_or(u64::MAX), noun);
    tell(&format!(
        "{}, {} for other log sources, {}, {}: all good",
        count(bundle.rules.len(), "rule"),
        bundle.foreign.len(),
        count(bundle.templates.len(), "template"),
        count(tests, "test"),
    ));
    Ok(Exit::Ok)
}

/// Runs the inline tests.
pub(super) fn test(args: &RulesArgs, format: Format, out: &mut Output) -> Outcome {
    let loaded = args.load()?;
    let results = rule_tests::run(&loaded.rules);
    for result in results.iter().filter(|result| result.failure.is_some()) {
        explain(&loaded, result);
    }
    let failed = results
        .iter()
        .filter(|result| result.failure.is_some())
        .count();
    let passed = results.len() - failed;
    match format {
        Format::Text => {
            for result in &results {
                out.line(&line(&loaded, result))?;
            }
            out.line(&format!("{passed} passed, {failed} failed"))?;
        }
        Format::Json => {
            let tests: Vec<_> = results
                .iter()
                .map(|result| to_json(&loaded, result))
                .collect();
            out.json(&json!({"passed": passed, "failed": failed, "tests": tests}))?;
        }
    }
    Ok(if failed == 0 {
        Exit::Ok
    } else {
        Exit::Findings
    })
}

/// Prints a failed test with its place in the rule file.
fn explain(loaded: &LoadedRules, result: &TestResult) {
    let problem = loaded
        .file(&result.path)
        .and_then(|file| rule_tests::diagnostic(result, file));
    if let Some(problem) = problem {
        tell(&loaded.at(problem).to_string());
    }
}

fn line(loaded: &LoadedRules, result: &TestResult) -> String {
    let path = loaded.shown(&result.path);
    let (rule, name, line) = (&result.rule, &result.name, result.line);
    match &result.failure {
        None => format!("pass  {path}:{line}  {rule}: {name}"),
        Some(failure) => format!("FAIL  {path}:{line}  {rule}: {name}: {failure}"),
    }
}

fn to_json(loaded: &LoadedRules, result: &TestResult) -> serde_json::Value {
    json!({
        "rule": result.rule,
        "name": result.name,
        "path": loaded.shown(&result.path),
        "line": result.line,
        "passed": result.failure.is_none(),
        "failure": result.failure,
    })
}
