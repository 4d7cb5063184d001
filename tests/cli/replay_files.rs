//! `replay`: several files and what order they come in, files laid out freely, files in each
//! other's way.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::{Ran, folder, run_in, run_with, write};

const START_MS: i64 = 1_767_571_800_000;

fn action(id: &str, agent: &str, at_ms: i64) -> String {
    format!(r#"{{"event_id":"{id}","occurred_at":{at_ms},"tenant":"t","agent":{{"id":"{agent}"}},"#)
        + r#""action":{"verb":"read"},"resource":{"type":"file","id":"x"},"outcome":"allowed"}"#
}

const SCOPE: &str = concat!(
    r#"{"scope_id":"s","tenant":"t","agent":{"id":"a"},"status":"active","#,
    r#""effective_from":1,"grants":[{"resource_types":["email.*"],"verbs":["send"]}]}"#
);

fn replay(folder: &Path, args: &[&str]) -> Ran {
    run_in(folder, &[&["replay"][..], args].concat())
}

/// The summary, with `--summary json`.
fn summary(folder: &Path, args: &[&str]) -> Value {
    let ran = replay(folder, &[args, &["--summary", "json"]].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    ran.json()
}

/// Alerts without what their place in a file decides.
fn alerts(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    let each = text.lines().map(|line| {
        let mut alert: Value = serde_json::from_str(line).unwrap();
        let shown = [
            "tenant",
            "agent_id",
            "rule",
            "event_ids",
            "activity",
            "count",
            "time_ms",
        ];
        let alert = alert.as_object_mut().unwrap();
        alert.retain(|key, _| shown.contains(&key.as_str()));
        Value::Object(alert.clone())
    });
    each.collect()
}

#[test]
fn files_that_overlap_in_time_are_merged_by_it() {
    let folder = folder();
    let lines: Vec<String> = (0..300)
        .map(|n| {
            action(
                &format!("e{n}"),
                ["a", "b", "c"][n as usize % 3],
                START_MS + n * 20_000,
            )
        })
        .collect();
    let every = |rest: usize| -> String {
        let own = lines.iter().enumerate().filter(|(n, _)| n % 3 == rest);
        own.map(|(_, line)| format!("{line}\n")).collect()
    };
    write(&folder, "all", &format!("{}\n", lines.join("\n")));
    for n in 0..3 {
        write(&folder, &format!("part{n}"), &every(n));
    }
    write(&folder, "scopes", SCOPE);
    let path = folder.path();
    let one = ["--scopes", "scopes", "--alerts", "one", "--actions", "all"];
    let one = summary(path, &one);
    let many = ["--scopes", "scopes", "--alerts", "many", "--actions"];
    let many = summary(path, &[&many[..], &["part2", "part0", "part1"]].concat());
    assert_eq!(one["actions"], 300);
    assert_eq!(many, one);
    assert!(alerts(&path.join("one")).len() > 2);
    assert_eq!(alerts(&path.join("many")), alerts(&path.join("one")));
    assert_eq!(one["late"], 0);

    // From a pipe, which can be read only once, as well.
    let args = [
        "replay",
        "--scopes",
        "scopes",
        "--alerts",
        "piped",
        "--actions",
    ];
    let args = [&args[..], &["part2", "-", "part1"]].concat();
    let ran = run_with(path, &args, &[], &every(0));
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(alerts(&path.join("piped")), alerts(&path.join("one")));
}

#[test]
fn a_record_in_merged_files_is_told_with_its_own_place() {
    let folder = folder();
    let good = action("e1", "a", START_MS);
    write(&folder, "one", &format!("{good}\n{{\"tenant\": }}\n"));
    write(&folder, "two", &format!("\n{{\"tenant\":\"t\"}}\n{good}\n"));
    let ran = replay(
        folder.path(),
        &["--actions", "one", "two", "--dead-letters", "dead"],
    );
    assert_eq!(ran.code, 0, "{}", ran.err);
    for told in ["one:2:12: ", "two:2:1: agent.id: "] {
        assert!(ran.err.contains(told), "{told}: {}", ran.err);
    }
    let dead = fs::read_to_string(folder.path().join("dead")).unwrap();
    assert!(dead.contains("{\"tenant\": }\n"), "{dead}");
    assert!(dead.contains("{\"tenant\":\"t\"}\n"), "{dead}");
}

#[test]
fn actions_far_behind_the_newest_are_counted_and_told_once() {
    let folder = folder();
    let at = |minutes: i64| action(&format!("e{minutes}"), "a", START_MS + minutes * 60_000);
    let lines = [at(60), at(46), at(44), at(43), at(61)].join("\n");
    write(&folder, "in", &lines);
    let ran = replay(folder.path(), &["--actions", "in", "--summary", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(ran.json()["late"], 2);
    assert_eq!(ran.err.matches("more than 15 minutes behind").count(), 1);
    assert!(ran.err.contains("warning: in:3: "), "{}", ran.err);
}

#[test]
fn a_line_padded_with_nul_is_a_dead_letter_like_any_other() {
    let folder = folder();
    let good = action("e1", "a", START_MS);
    write(
        &folder,
        "in",
        &format!("{good}\n\0\0\0\0\0\0\0\0\n{good}\n"),
    );
    write(&folder, "scopes", &format!("{SCOPE}\n\0\0\0\0\0\0\n"));
    for actions in [&["in"][..], &["in", "in"]] {
        let args = [&["--scopes", "scopes", "--actions"][..], actions].concat();
        let ran = replay(folder.path(), &args);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(ran.err.contains("in:2:"), "{}", ran.err);
        assert!(ran.err.contains("scopes:2:"), "{}", ran.err);
    }
}

#[test]
fn a_refused_scope_makes_no_tenant_managed() {
    let folder = folder();
    write(&folder, "in", &action("e1", "a", START_MS));
    let bad = r#"{"scope_id":"s","tenant":"t","agent":{"id":"b"},"hours":{"zone":"Mars","#;
    let bad = format!(r#"{bad}"days":"mon-fri","from":"07:00","to":"19:00"}}}}"#);
    let other = SCOPE.replace("\"t\"", "\"u\"");
    write(&folder, "scopes", &format!("{bad}\n{other}\n"));
    let args = ["--actions", "in", "--scopes", "scopes", "--alerts", "out"];
    let ran = replay(folder.path(), &args);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.err.contains("scopes:1:"), "{}", ran.err);
    let text = fs::read_to_string(folder.path().join("out")).unwrap();
    assert!(!text.contains("Undeclared agent"), "{text}");
}

#[test]
fn scopes_and_control_records_may_be_laid_out_freely() {
    let folder = folder();
    write(&folder, "in", &action("e1", "a", START_MS));
    let second = SCOPE.replace("\"a\"", "\"b\"").replace("\"s\"", "\"s2\"");
    let laid_out = SCOPE.replace(",\"", ",\n  \"");
    let broken = "{\"scope_id\": \"x\",\n \"tenant\": 7}";
    let control = "{\"tenant\": \"t\", \"agent\": {\"id\": \"a\"},\n \"by\": \"x\",\n \
                   \"at\": 1772445630000,\n \
                   \"verdict\": {\"incident_id\": \"i\", \"verdict\": \"true_positive\"}}";
    let list = format!("[{SCOPE}, {second},\n {laid_out},\n {broken}]");
    write(&folder, "list", &list);
    write(&folder, "control", control);
    let args = [
        "--actions",
        "in",
        "--scopes",
        "list",
        "--control",
        "control",
        "--alerts",
        "out",
    ];
    let ran = replay(folder.path(), &args);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let place = laid_out.lines().count() + 3;
    assert!(
        ran.err.contains(&format!("list:{place}:12: tenant: ")),
        "{}",
        ran.err
    );
    assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    let text = fs::read_to_string(folder.path().join("out")).unwrap();
    assert!(text.contains("outside scope s"), "{text}");
}

#[test]
fn a_file_of_which_nothing_can_be_used_is_bad_input() {
    let folder = folder();
    write(&folder, "in", &action("e1", "a", START_MS));
    write(&folder, "bad", "{\"scope_id\": 7}\n");
    write(&folder, "empty", "\n");
    for option in ["--scopes", "--control"] {
        let ran = replay(folder.path(), &["--actions", "in", option, "bad"]);
        assert_eq!(ran.code, 2, "{option}: {}", ran.err);
        assert!(ran.err.contains("bad: no record"), "{}", ran.err);
        let ran = replay(folder.path(), &["--actions", "in", option, "empty"]);
        assert_eq!(ran.code, 0, "{option}: {}", ran.err);
    }
}

#[test]
fn no_output_overwrites_an_input_or_another_output() {
    let folder = folder();
    let line = action("e1", "a", START_MS);
    write(&folder, "in", &line);
    write(&folder, "m.jq", ".");
    write(&folder, "sub/other", "kept");
    let path = folder.path();
    fs::hard_link(path.join("in"), path.join("link")).unwrap();
    for more in [
        &["--alerts", "in"][..],
        &["--alerts", "link"],
        &["--dead-letters", "./sub/../in"],
        &["--alerts", "new", "--revocations", "./new"],
        &["--alerts", "-", "--revocations", "-"],
        &["--mapping", "m.jq", "--alerts", "m.jq"],
        &["--scopes", "-", "--control", "-"],
        &["--scopes", "missing", "--alerts", "sub/other"],
    ] {
        let ran = replay(path, &[&["--actions", "in"][..], more].concat());
        assert_eq!(ran.code, 2, "{more:?}: {}", ran.err);
    }
    assert_eq!(fs::read_to_string(path.join("in")).unwrap(), line);
    assert_eq!(fs::read_to_string(path.join("m.jq")).unwrap(), ".");
    assert_eq!(fs::read_to_string(path.join("sub/other")).unwrap(), "kept");
    let null = [
        "--actions",
        "in",
        "--alerts",
        "/dev/null",
        "--revocations",
        "/dev/null",
    ];
    assert_eq!(replay(path, &null).code, 0);
}

#[test]
fn a_reader_of_alerts_that_has_seen_enough_is_success() {
    let folder = folder();
    let lines: Vec<String> = (0..400)
        .map(|n| action(&format!("e{n}"), &format!("a{n}"), START_MS + n))
        .collect();
    write(&folder, "in", &lines.join("\n"));
    let scope = |n| SCOPE.replace("\"a\"", &format!("\"a{n}\""));
    let scopes: Vec<String> = (0..400).map(scope).collect();
    write(&folder, "scopes", &scopes.join("\n"));
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin!("scopewatch"))
        .args([
            "replay",
            "--actions",
            "in",
            "--scopes",
            "scopes",
            "--alerts",
            "-",
        ])
        .current_dir(folder.path())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn the_summary_counts_alike_in_both_forms_of_alerts() {
    let folder = folder();
    let mut line = action("e1", "a", START_MS)
        .replace("\"read\"", "\"delete\"")
        .replace("\"file\"", "\"database.table\"");
    line = line.replace(
        "\"outcome\"",
        "\"credential\":{\"id\":\"c\",\"issuer\":\"i\"},\"outcome\"",
    );
    write(&folder, "in", &format!("{line}\n{}", "x\n".repeat(25)));
    write(
        &folder,
        "scopes",
        &SCOPE.replace("email.*", "database.table"),
    );
    let args = ["--actions", "in", "--scopes", "scopes", "--alert-format"];
    let native = summary(folder.path(), &[&args[..], &["native"]].concat());
    let ocsf = summary(folder.path(), &[&args[..], &["ocsf"]].concat());
    assert_eq!(native, ocsf);
    assert_eq!(native["requests_by_mode"], serde_json::json!({"shadow": 1}));
    assert_eq!(
        (&native["incidents"], &native["agents_with_alerts"]),
        (&1.into(), &1.into())
    );
    let text = [&args[..], &["native", "--summary", "text"]].concat();
    let ran = replay(folder.path(), &text);
    assert!(ran.out.contains("requests, shadow"), "{}", ran.out);
    assert!(ran.err.contains("and 5 more"), "{}", ran.err);
}

#[test]
fn a_dead_letter_is_whole_up_to_four_mebibytes() {
    let folder = folder();
    let good = action("e1", "a", START_MS);
    let long = "y".repeat(300 * 1024);
    let huge = "z".repeat(5 * 1024 * 1024);
    write(&folder, "in", &format!("{good}\n{long}\n{huge}\n"));
    let args = [
        "--actions",
        "in",
        "--dead-letters",
        "dead",
        "--summary",
        "json",
    ];
    let ran = replay(folder.path(), &args);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(ran.json()["records"], 3);
    let dead = fs::read_to_string(folder.path().join("dead")).unwrap();
    let dead: Vec<&str> = dead.lines().collect();
    assert_eq!(dead[0], long);
    assert_eq!(dead[1].len(), 4 * 1024 * 1024);
    assert!(ran.err.contains("cut at 4194304"), "{}", ran.err);
    let full = ["--actions", "in", "--dead-letters", "/dev/full"];
    let ran = replay(folder.path(), &full);
    assert_eq!(ran.code, 4, "{}", ran.err);
    assert!(ran.err.contains("/dev/full: "), "{}", ran.err);
}

#[test]
fn containers_are_taken_for_what_they_are() {
    let folder = folder();
    let args = [
        "generate",
        "--out",
        ".",
        "--actions",
        "50",
        "--agents",
        "5",
        "--format",
        "avro",
    ];
    assert_eq!(run_in(folder.path(), &args).code, 0);
    write(&folder, "m.jq", ".");
    for (args, told) in [
        (&["--actions", "scopes.avro"][..], "AgentScope"),
        (
            &["--actions", "actions.avro", "--scopes", "actions.avro"],
            "AgentAction",
        ),
        (
            &["--actions", "actions.avro", "--mapping", "m.jq"],
            "takes no mapping",
        ),
    ] {
        let ran = replay(folder.path(), args);
        assert_eq!(ran.code, 2, "{args:?}: {}", ran.err);
        assert!(ran.err.contains(told), "{told}: {}", ran.err);
    }
    let ran = run_in(folder.path(), &["scope", "check", "actions.avro"]);
    assert_eq!(ran.code, 2, "{}", ran.err);
}
