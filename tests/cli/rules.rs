//! The `rules` commands.

use std::fs;

use super::{folder, run, run_in, write};

const RULE: &str = "\
title: Delete at night
id: 7a3c1f10-4a52-4f4e-9d11-000000000001
status: test
description: A test rule.
author: Tests
date: 2026-01-01
tags: [atlas.aml.t0053, owasp.asi02-2026]
logsource: {product: scopewatch, category: agent_action}
detection:
  selection:
    action.verb: delete
  condition: selection
falsepositives: [none]
level: low
tests:
  - name: fires on a delete
    events: [{action.verb: delete, resource.type: file}]
    expect: fire
  - name: stays silent on a read
    events: [{action.verb: read, resource.type: file}]
    expect: silent
";

#[test]
fn shipped_rules_are_good_and_stdout_stays_empty() {
    let ran = run_in(folder().path(), &["rules", "check"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""), "{}", ran.err);
    // It says that it has run no test.
    assert!(
        ran.err
            .contains("no problem found; `scopewatch rules test` runs 3"),
        "{}",
        ran.err
    );
}

#[test]
fn rules_that_are_all_for_other_log_sources_are_no_success() {
    let folder = folder();
    let foreign = RULE.replace(
        "{product: scopewatch, category: agent_action}",
        "{product: windows}",
    );
    write(&folder, "mine/policy/a.yaml", &foreign);
    let ran = run_in(folder.path(), &["rules", "check", "--rules", "mine"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    let said = "error: no rule is evaluated: 1 rule for other log sources";
    assert!(ran.err.contains(said), "{}", ran.err);
    // One rule of its own is enough.
    let own = RULE.replace("000000000001", "000000000002");
    write(&folder, "mine/policy/b.yaml", &own);
    let ran = run_in(folder.path(), &["rules", "check", "--rules", "mine"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
}

#[test]
fn only_the_tests_that_are_named_are_run() {
    let folder = folder();
    write(&folder, "mine/policy/a.yaml", RULE);
    let other = RULE
        .replace("000000000001", "000000000002")
        .replace("Delete at night", "Other");
    write(&folder, "mine/policy/b.yaml", &other);
    let passed = |only: &str| {
        let args = ["rules", "test", "--rules", "mine", "--only", only];
        let ran = run_in(folder.path(), &args);
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.out.lines().last().unwrap_or_default().to_owned()
    };
    assert_eq!(passed("delete AT night"), "2 passed, 0 failed");
    assert_eq!(passed("fires on"), "2 passed, 0 failed");
    assert_eq!(passed("policy/b.yaml"), "2 passed, 0 failed");
    assert_eq!(passed("4f4e-9d11-000000000002"), "2 passed, 0 failed");
    let args = ["rules", "test", "--rules", "mine", "--only", "absent"];
    let ran = run_in(folder.path(), &args);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("has `absent` in it"), "{}", ran.err);
}

#[test]
fn every_problem_of_the_rules_is_told_with_its_place() {
    let folder = folder();
    write(
        &folder,
        "mine/policy/a.yaml",
        &RULE.replace("action.verb: delete\n", "action.verv: x\n"),
    );
    write(
        &folder,
        "mine/policy/b.yaml",
        &RULE.replace("level: low", "level: hihg"),
    );
    let ran = run_in(folder.path(), &["rules", "check", "--rules", "mine"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(
        ran.err.contains("mine/policy/a.yaml:11:5: error: "),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("`action.verb`"), "{}", ran.err);
    assert!(
        ran.err.contains("mine/policy/b.yaml:14:8: error: "),
        "{}",
        ran.err
    );

    // A directory elsewhere is named so that the file can be opened.
    let elsewhere = folder.path().join("mine");
    let ran = run(&["rules", "check", "--rules", elsewhere.to_str().unwrap()]);
    let place = format!(
        "{}:11:5: error: ",
        elsewhere.join("policy/a.yaml").display()
    );
    assert!(ran.err.contains(&place), "{}", ran.err);
}

#[test]
fn a_rules_directory_that_is_missing_or_empty_is_bad_input() {
    let folder = folder();
    let ran = run_in(folder.path(), &["rules", "check", "--rules", "none"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("none: "), "{}", ran.err);
    fs::create_dir(folder.path().join("empty")).unwrap();
    let ran = run_in(folder.path(), &["rules", "check", "--rules", "empty"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("empty: no .yaml file"), "{}", ran.err);
}

#[test]
fn a_failed_rule_test_is_a_finding() {
    let folder = folder();
    write(&folder, "rules/policy/a.yaml", RULE);
    let ran = run_in(folder.path(), &["rules", "test"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert_eq!(ran.out.lines().count(), 3);
    assert!(ran.out.ends_with("\n2 passed, 0 failed\n"), "{}", ran.out);

    let wrong = RULE.replace("action.verb: read", "action.verb: delete");
    write(&folder, "rules/policy/a.yaml", &wrong);
    let ran = run_in(folder.path(), &["rules", "test", "--format", "json"]);
    assert_eq!(ran.code, 1);
    let json = ran.json();
    assert_eq!((&json["passed"], &json["failed"]), (&1.into(), &1.into()));
    assert_eq!(json["tests"][1]["line"], 19);
    assert!(ran.err.contains("rules/policy/a.yaml:19"), "{}", ran.err);
}

#[test]
fn rules_and_fields_are_listed_as_text_and_json() {
    let text = run(&["rules", "list"]);
    assert_eq!((text.code, text.err.as_str()), (0, ""));
    assert!(text.out.starts_with("ID "), "{}", text.out);
    let json = run(&["rules", "list", "--format", "json"]).json();
    let rules = json.as_array().unwrap();
    assert_eq!(rules.len(), text.out.lines().count() - 1);
    let verb = rules
        .iter()
        .find(|rule| rule["title"] == "Verb outside grant")
        .unwrap();
    assert_eq!(verb["family"], "scope");
    assert_eq!(verb["revoke"], "none");
    assert_eq!(verb["path"], "rules/scope/verb-outside-grant.yaml");

    let fields = run(&["rules", "fields", "--format", "json"]).json();
    let verb = fields
        .as_array()
        .unwrap()
        .iter()
        .find(|fact| fact["name"] == "action.verb");
    assert!(
        verb.unwrap()["words"]
            .as_array()
            .unwrap()
            .contains(&"delete".into())
    );
    assert!(
        run(&["rules", "fields"])
            .out
            .contains("baseline.actions.expected")
    );
}

#[test]
fn coverage_says_which_rules_are_blind_and_why() {
    let args = [
        "rules",
        "list",
        "--coverage",
        "tests/corpora/cloudtrail.jsonl",
        "--mapping",
        "schemas/mappings/cloudtrail.jq",
        "--format",
        "json",
    ];
    let ran = run(&args);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let json = ran.json();
    assert_eq!(json["records"], 28);
    let rule = |title: &str| {
        let rules = json["rules"].as_array().unwrap();
        rules
            .iter()
            .find(|rule| rule["title"] == title)
            .unwrap()
            .clone()
    };
    // CloudTrail says who did what to which resource, not who told the agent to.
    assert_eq!(rule("Verb outside grant")["coverage"], "can fire");
    assert_eq!(
        rule("Instruction source outside scope")["coverage"],
        "blind"
    );
    assert_eq!(
        rule("Instruction source outside scope")["never_carried"],
        serde_json::json!(["instruction.source"])
    );
    let never = json["never_carried"].as_array().unwrap();
    assert!(never.contains(&"instruction.source".into()));
    assert!(!never.contains(&"action.verb".into()));
}

#[test]
fn rules_may_stand_anywhere_and_a_directory_without_one_is_warned_of() {
    let folder = folder();
    write(&folder, "mine/delete.yaml", RULE);
    let other = RULE.replace("000000000001", "000000000002");
    write(&folder, "mine/our-own/delete.yaml", &other);
    let ran = run_in(folder.path(), &["rules", "check", "--rules", "mine"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(
        ran.err.contains("2 rules") && !ran.err.contains("warning"),
        "{}",
        ran.err
    );
    write(&folder, "mine/our-own/notes.yaml", "title: no rule\n");
    let ran = run_in(folder.path(), &["rules", "check", "--rules", "mine"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("notes.yaml"), "{}", ran.err);

    write(&folder, "bare/resources.yaml", "{}\n");
    write(&folder, "none.jsonl", "");
    let warned = "warning: bare holds no rule: nothing will be judged by rules";
    let check = ["rules", "check", "--rules", "bare"];
    let replay = ["replay", "--rules", "bare", "--actions", "none.jsonl"];
    for command in [&check[..], &replay[..]] {
        let ran = run_in(folder.path(), command);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(ran.err.contains(warned), "{}", ran.err);
    }
}
