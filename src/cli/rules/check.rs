//! Checks that rules load, or runs their inline tests.

use serde_json::json;

use super::super::diagnostics::{count_noun, print_line};
use super::super::exit::{CommandFailure, CommandResult, ExitStatus};
use super::super::output::{Output, TableFormat};
use super::super::rules_args::{CheckedRules, RulesArgs};
use crate::engine::rule_tests::{self, TestResult};

/// Loads the rules, which prints every problem, and prints their counts.
pub(super) fn check_rules(args: &RulesArgs) -> CommandResult {
    let loaded = args.load_rules()?;
    let bundle = &loaded.rules.bundle;
    let tests: usize = bundle.rules.iter().map(|rule| rule.tests.len()).sum();
    let count = |n: usize, noun| count_noun(u64::try_from(n).unwrap_or(u64::MAX), noun);
    let foreign = bundle.foreign.len();
    if bundle.rules.is_empty() && foreign > 0 {
        print_line(&format!(
            "error: no rule is evaluated: {} for other log sources; a rule about agents has \
             `logsource: {{product: scopewatch, category: agent_action}}`",
            count(foreign, "rule"),
        ));
        return Ok(ExitStatus::Findings);
    }
    print_line(&format!(
        "{}, {foreign} for other log sources, {}: no problem found; \
         `scopewatch rules test` runs {}",
        count(bundle.rules.len(), "rule"),
        count(bundle.templates.len(), "template"),
        count(tests, "test"),
    ));
    Ok(ExitStatus::Ok)
}

/// Runs the inline tests; with `only`, those whose name, rule title, rule id or path has that text.
pub(super) fn test_rules(
    args: &RulesArgs,
    only: Option<&str>,
    format: TableFormat,
    out: &mut Output,
) -> CommandResult {
    let loaded = args.load_rules()?;
    let wanted = only.map(str::to_lowercase);
    let results = rule_tests::run_rule_tests(&loaded.rules, &|rule, test| {
        wanted.as_deref().is_none_or(|text| {
            let names = [&test.name, &rule.title, &rule.path];
            rule.id.contains(text) || names.iter().any(|name| name.to_lowercase().contains(text))
        })
    });
    if let Some(only) = only.filter(|_| results.is_empty()) {
        let message = format!("no test, rule title, id or path has `{only}` in it");
        return Err(CommandFailure::bad_input(message));
    }
    for result in results.iter().filter(|result| result.failure.is_some()) {
        print_failure(&loaded, result);
    }
    let failed = results
        .iter()
        .filter(|result| result.failure.is_some())
        .count();
    let passed = results.len() - failed;
    match format {
        TableFormat::Text => {
            for result in &results {
                out.write_line(&result_line(&loaded, result))?;
            }
            out.write_line(&format!("{passed} passed, {failed} failed"))?;
        }
        TableFormat::Json => {
            let tests: Vec<_> = results
                .iter()
                .map(|result| to_json(&loaded, result))
                .collect();
            out.write_json(&json!({"passed": passed, "failed": failed, "tests": tests}))?;
        }
    }
    Ok(if failed == 0 {
        ExitStatus::Ok
    } else {
        ExitStatus::Findings
    })
}

/// Prints a failed test with its location in the rule file.
fn print_failure(loaded: &CheckedRules, result: &TestResult) {
    let problem = loaded
        .find_file(&result.path)
        .and_then(|file| rule_tests::failure_diagnostic(result, file));
    if let Some(problem) = problem {
        print_line(&loaded.with_user_path(problem).to_string());
    }
}

fn result_line(loaded: &CheckedRules, result: &TestResult) -> String {
    let path = loaded.user_path(&result.path);
    let (rule, name, line) = (&result.rule, &result.name, result.line);
    match &result.failure {
        None => format!("pass  {path}:{line}  {rule}: {name}"),
        Some(failure) => format!("FAIL  {path}:{line}  {rule}: {name}: {failure}"),
    }
}

fn to_json(loaded: &CheckedRules, result: &TestResult) -> serde_json::Value {
    json!({
        "rule": result.rule,
        "name": result.name,
        "path": loaded.user_path(&result.path),
        "line": result.line,
        "passed": result.failure.is_none(),
        "failure": result.failure,
    })
}
