//! The commands that read records: `map test`, `scope draft`, `scope check`.

use serde_json::Value;

use super::{folder, run, run_in, run_with, write};

const TEMPLATE: &str = "\
template: t/one
applies-to: {agents: ['a-*']}
grants:
  - resource-types: [file]
    verbs: [read]
";
const SCOPE: &str = r#"{"scope_id": "s", "tenant": "t", "agent": {"id": "a"},
  "effective_from": 1, "expires_at": 2, "status": "active",
  "grants": [{"resource_types": ["file"], "verbs": ["read"]}]}"#;

#[test]
fn mappings_make_actions_of_both_corpora() {
    for (name, records) in [("cloudtrail", 28), ("agent-toolcalls", 19)] {
        let file = format!("tests/corpora/{name}.jsonl");
        let mapping = format!("schemas/mappings/{name}.jq");
        let ran = run(&["map", "test", &file, "--mapping", &mapping]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(
            ran.err.contains(&format!("{records} records: ")),
            "{}",
            ran.err
        );
        for line in ran.out.lines() {
            let action: Value = serde_json::from_str(line).unwrap();
            assert!(action["agent"]["id"].is_string(), "{line}");
        }
        let ran = run(&["map", "test", &file, "--mapping", &mapping, "--limit", "2"]);
        assert!(ran.err.contains("2 records: "), "{}", ran.err);
    }
}

#[test]
fn map_test_names_the_lines_it_skips_and_refuses() {
    let folder = folder();
    write(
        &folder,
        "m.jq",
        "if .skip then empty else {event_id: .id, occurred_at: 1, tenant: \"t\",
        agent: {id: \"a\"}, resource: {type: \"file\"}, action: {verb: \"read\"}} end",
    );
    let input = "{\"id\":\"e1\"}\n\n{\"skip\":true}\nnot json\n{\"id\":\"e2\"}";
    let ran = run_with(
        folder.path(),
        &["map", "test", "-", "--mapping", "m.jq"],
        &[],
        input,
    );
    assert_eq!(ran.code, 2);
    let ids: Vec<Value> = ran
        .out
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[1]["event_id"], "e2");
    assert!(ran.err.contains("stdin:3: skipped"), "{}", ran.err);
    assert!(ran.err.contains("stdin:4:1: not JSON"), "{}", ran.err);
    assert!(
        ran.err
            .contains("4 records: 2 actions, 1 skipped, 1 refused"),
        "{}",
        ran.err
    );

    write(&folder, "bad.jq", "{a: 1,\n b: nosuch}");
    let ran = run_with(
        folder.path(),
        &["map", "test", "-", "--mapping", "bad.jq"],
        &[],
        input,
    );
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("bad.jq:2:5: error: "), "{}", ran.err);
}

#[test]
fn a_drafted_template_is_accepted_by_scope_check() {
    let folder = folder();
    let draft = folder.path().join("draft.yaml");
    let draft = draft.to_str().unwrap();
    let args = [
        "scope",
        "draft",
        "--actions",
        "tests/corpora/agent-toolcalls.jsonl",
        "--mapping",
        "schemas/mappings/agent-toolcalls.jq",
        "--out",
        draft,
    ];
    let ran = run(&args);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""), "{}", ran.err);
    let ran = run(&["scope", "check", draft]);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""), "{}", ran.err);
    assert!(ran.err.contains("1 template, 0 errors"), "{}", ran.err);
    // A draft that a person may have edited is not overwritten.
    let ran = run(&args);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("not overwritten"), "{}", ran.err);
}

#[test]
fn a_template_error_has_file_line_and_column() {
    let folder = folder();
    write(&folder, "good.yaml", TEMPLATE);
    write(
        &folder,
        "bad.yaml",
        &TEMPLATE
            .replace("t/one", "t/two")
            .replace("[read]", "[raed]"),
    );
    let ran = run_in(folder.path(), &["scope", "check", "good.yaml", "bad.yaml"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("bad.yaml:5:13: error: "), "{}", ran.err);
    assert!(!ran.err.contains("good.yaml:"), "{}", ran.err);
}

#[test]
fn scope_records_are_checked_a_line_each_or_laid_out() {
    let folder = folder();
    let line = SCOPE.replace('\n', " ");
    write(&folder, "good.json", &format!("[{SCOPE},\n {SCOPE}]\n"));
    write(&folder, "good.jsonl", &format!("{line}\n{line}\n"));
    let ran = run_in(
        folder.path(),
        &["scope", "check", "good.json", "good.jsonl"],
    );
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(
        ran.err.contains("4 scopes, 0 templates, 0 errors"),
        "{}",
        ran.err
    );

    let wrong = SCOPE.replace("\"file\"", "\"a.*.b\"");
    write(&folder, "wrong.json", &format!("{wrong}\n"));
    let missing = line.replace("\"scope_id\": \"s\", ", "");
    let broken = line.replace("\"status\":", "\"status\"");
    write(
        &folder,
        "wrong.jsonl",
        &format!("{missing}\n{line}\n{broken}\n"),
    );
    let ran = run_in(
        folder.path(),
        &["scope", "check", "wrong.json", "wrong.jsonl"],
    );
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(
        ran.err
            .contains("wrong.json:3:13: error: resource type `a.*.b`"),
        "{}",
        ran.err
    );
    assert!(
        ran.err
            .contains("wrong.jsonl:1:1: error: scope_id: required"),
        "{}",
        ran.err
    );
    let column = broken.find("\"active\"").unwrap() + 1;
    assert!(
        ran.err
            .contains(&format!("wrong.jsonl:3:{column}: error: ")),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("3 errors"), "{}", ran.err);
}

#[test]
fn a_scope_is_told_all_that_is_wrong_with_it_by_name() {
    let folder = folder();
    let bad = r#"{"scope_id":"s","agent":{"id":"a","nam":"x"},"effective_from":5,"expires_at":4,
 "instruction_sources": ["usr"], "tols": [],
 "grants":[{"resource_types":["file"],"verbs":["read","raed"]}]}"#;
    write(&folder, "s.json", bad);
    let ran = run_in(folder.path(), &["scope", "check", "s.json"]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    for told in [
        "s.json:1:41: warning: agent.nam: ",
        "s.json:1:78: error: expires_at: before effective_from",
        "s.json:2:26: error: instruction_sources[0]: `usr` is not",
        "s.json:2:42: warning: tols: unknown to this version, and ignored; did you mean `tools`?",
        "s.json:3:55: error: grants[0].verbs[1]: `raed` is not",
        "3 errors",
    ] {
        assert!(ran.err.contains(told), "{told}: {}", ran.err);
    }
}

#[test]
fn map_test_warns_of_what_is_hardly_meant_and_succeeds() {
    let folder = folder();
    write(
        &folder,
        "m.jq",
        "if .skip then empty else {occurred_at: .t, agent: {id: \"a\"},
        credential: {expires_at: .e}, delegation: {chain: .c}} end",
    );
    let good = r#"{"t":1772442000000,"c":["root","a"],"e":null}"#;
    for (record, warning) in [
        (good, ""),
        (r#"{"t":"2026-03-02T10:00:00Z","c":["a"]}"#, ""),
        (
            r#"{"t":1772442000}"#,
            "warning: 1 action with a time before 2000 (seconds?",
        ),
        (r#"{"t":1772442000000,"e":1772442000}"#, "before 2000"),
        (r#"{"t":177244200000000}"#, "after 2100 (microseconds"),
        (
            r#"{"t":1772442000000,"c":["a","root"]}"#,
            "begins with the agent itself",
        ),
        (
            r#"{"skip":true}"#,
            "warning: 1 record skipped: no action came of it, line 2",
        ),
    ] {
        let input = format!("{good}\n{record}\n");
        let ran = run_with(
            folder.path(),
            &["map", "test", "-", "--mapping", "m.jq"],
            &[],
            &input,
        );
        assert_eq!(ran.code, 0, "{record}: {}", ran.err);
        assert!(ran.err.contains(warning), "{record}: {}", ran.err);
        assert_eq!(
            ran.err.contains("warning"),
            !warning.is_empty(),
            "{}",
            ran.err
        );
        if !warning.is_empty() {
            assert!(ran.err.contains("line 2"), "{}", ran.err);
        }
    }
    let many = r#"{"skip":true}"#.to_owned() + "\n";
    let ran = run_with(
        folder.path(),
        &["map", "test", "-", "--mapping", "m.jq"],
        &[],
        &many.repeat(300),
    );
    assert!(ran.err.contains("300 records skipped") && ran.err.contains("lines 1, 2, 3, 4, 5 …"));
    assert!(ran.err.lines().count() < 20, "{}", ran.err);
}
