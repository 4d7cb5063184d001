//! `replay`: the same engine over files in every form, its outputs, its complaints.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use super::{Ran, folder, root, run_in, run_with, write};

const ACTION: &str = concat!(
    r#"{"event_id":"e1","occurred_at":1767571800000,"tenant":"t","agent":{"id":"a"},"#,
    r#""action":{"verb":"read"},"resource":{"type":"file"},"outcome":"allowed"}"#
);

/// A generated fleet with planted attacks: actions, scopes, labels.
fn fleet(form: &str) -> TempDir {
    let folder = folder();
    let args = [
        "generate",
        "--out",
        ".",
        "--actions",
        "4000",
        "--agents",
        "40",
        "--seed",
        "11",
        "--attacks-every",
        "1m",
        "--attacks-after",
        "1s",
        "--format",
        form,
    ];
    let ran = run_in(folder.path(), &args);
    assert_eq!(ran.code, 0, "{}", ran.err);
    folder
}

/// Replays and reads the alerts.
fn alerts(folder: &Path, args: &[&str], input: &str) -> (Ran, Vec<Value>) {
    let head = ["replay", "--alerts", "alerts.jsonl"];
    let ran = run_with(folder, &[&head[..], args].concat(), &[], input);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let text = fs::read_to_string(folder.join("alerts.jsonl")).unwrap();
    let alerts = text.lines().map(|l| serde_json::from_str(l).unwrap());
    (ran, alerts.collect())
}

/// What does not depend on partitions: rule, agent, and the events that caused an incident.
fn causes(alerts: &[Value]) -> BTreeSet<(String, String, String)> {
    let text = |value: &Value| value.to_string();
    alerts
        .iter()
        .flat_map(|alert| {
            let events = alert["event_ids"].as_array().unwrap().iter();
            let (rule, agent) = (&alert["rule"]["id"], &alert["agent_id"]);
            events.map(move |event| (text(rule), text(agent), text(event)))
        })
        .collect()
}

#[test]
fn every_form_of_a_file_gives_the_same_alerts() {
    let jsonl = fleet("jsonl");
    let path = jsonl.path();
    let plain = fs::read(path.join("actions.jsonl")).unwrap();
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(&plain).unwrap();
    fs::write(path.join("packed"), gz.finish().unwrap()).unwrap();
    fs::write(
        path.join("also-packed"),
        zstd::encode_all(&plain[..], 1).unwrap(),
    )
    .unwrap();
    // A file in two parts, the second packed.
    let half = plain.len() / 2;
    let cut = half
        + plain[half..]
            .iter()
            .position(|byte| *byte == b'\n')
            .unwrap()
        + 1;
    fs::write(path.join("first"), &plain[..cut]).unwrap();
    fs::write(
        path.join("second"),
        zstd::encode_all(&plain[cut..], 1).unwrap(),
    )
    .unwrap();

    let scopes = ["--scopes", "scopes.jsonl", "--actions"];
    let with = |files: &[&str], input: &str| {
        let (_, found) = alerts(path, &[&scopes[..], files].concat(), input);
        causes(&found)
    };
    let truth = with(&["actions.jsonl"], "");
    assert!(truth.len() > 20, "{truth:?}");
    for files in [&["packed"][..], &["also-packed"], &["first", "second"]] {
        assert_eq!(with(files, ""), truth, "{files:?}");
    }
    assert_eq!(with(&["-"], std::str::from_utf8(&plain).unwrap()), truth);

    let avro = fleet("avro");
    let args = ["--scopes", "scopes.avro", "--actions", "actions.avro"];
    let (_, found) = alerts(avro.path(), &args, "");
    assert_eq!(causes(&found), truth);
}

#[test]
fn the_number_of_partitions_changes_no_finding() {
    let fleet = fleet("jsonl");
    let with = |partitions: &str| {
        let args = [
            "--actions",
            "actions.jsonl",
            "--scopes",
            "scopes.jsonl",
            "--partitions",
        ];
        let (_, found) = alerts(fleet.path(), &[&args[..], &[partitions]].concat(), "");
        let undeclared = found
            .iter()
            .any(|alert| alert["rule"]["title"] == "Undeclared agent");
        assert!(
            undeclared,
            "no agent of a managed tenant without a scope: {partitions}"
        );
        causes(&found)
    };
    let one = with("1");
    assert!(!one.is_empty());
    assert_eq!(with("12"), one);
}

#[test]
fn time_goes_on_after_the_last_record_unless_told_otherwise() {
    let folder = folder();
    // Another agent of the tenant has a scope, so this one's action waits for its own.
    let scope =
        r#"{"scope_id":"s","tenant":"t","agent":{"id":"b"},"status":"active","effective_from":1}"#;
    write(&folder, "scopes.jsonl", scope);
    let args = ["--actions", "-", "--scopes", "scopes.jsonl"];
    let (_, found) = alerts(folder.path(), &args, ACTION);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["rule"]["title"], "Undeclared agent");
    let (_, found) = alerts(
        folder.path(),
        &[&args[..], &["--open-end"]].concat(),
        ACTION,
    );
    assert_eq!(found, Vec::<Value>::new());
}

#[test]
fn every_event_with_a_finding_is_listed_at_the_end_unless_told_otherwise() {
    let folder = folder();
    let scope = r#"{"scope_id":"s","tenant":"t","agent":{"id":"a"},"effective_from":1,
        "grants":[{"resource_types":["database.*"],"verbs":["read"]}]}"#;
    write(&folder, "scopes.jsonl", &scope.replace('\n', ""));
    let action = |n: usize| {
        format!(
            r#"{{"event_id":"e{n}","occurred_at":{},"tenant":"t","agent":{{"id":"a"}},
            "action":{{"verb":"delete"}},"resource":{{"type":"database.table"}}}}"#,
            1_772_442_000_000_u64 + n as u64
        )
        .replace('\n', "")
    };
    let actions: Vec<String> = (0..100).map(action).collect();
    let args = ["--actions", "-", "--scopes", "scopes.jsonl"];
    let listed = |more: &[&str]| {
        let args = [&args[..], more].concat();
        let (_, found) = alerts(folder.path(), &args, &actions.join("\n"));
        let ids = found
            .iter()
            .flat_map(|a| a["event_ids"].as_array().unwrap());
        ids.map(|id| id.as_str().unwrap().to_owned())
            .collect::<BTreeSet<String>>()
            .len()
    };
    assert_eq!(listed(&[]), 100);
    assert!(listed(&["--open-end"]) < 100);
}

#[test]
fn native_alerts_keep_to_their_schema_and_the_other_form_is_ocsf() {
    let fleet = fleet("jsonl");
    let args = ["--actions", "actions.jsonl", "--scopes", "scopes.jsonl"];
    let (ran, native) = alerts(
        fleet.path(),
        &[&args[..], &["--summary", "json"]].concat(),
        "",
    );
    let schema = fs::read_to_string(root().join("schemas/alert.schema.json")).unwrap();
    let schema = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    for alert in &native {
        assert!(schema.is_valid(alert), "{alert}");
    }
    let summary = ran.json();
    assert_eq!(summary["alerts"], native.len());
    assert_eq!(summary["actions"], 4000);
    let created = native.iter().filter(|alert| alert["activity"] == "create");
    for (by_rule, count) in [
        ("incidents_by_rule", created.count()),
        ("alerts_by_rule", native.len()),
    ] {
        let counts = summary[by_rule].as_object().unwrap().values();
        let sum: u64 = counts.map(|n| n.as_u64().unwrap()).sum();
        assert_eq!(sum, count as u64, "{by_rule}");
    }

    let ocsf = [&args[..], &["--alert-format", "ocsf"]].concat();
    let (_, ocsf) = alerts(fleet.path(), &ocsf, "");
    assert_eq!(ocsf.len(), native.len());
    assert!(ocsf.iter().all(|alert| alert["class_uid"] == 2004));
}

#[test]
fn before_the_given_time_it_learns_and_says_nothing() {
    let fleet = fleet("jsonl");
    let args = ["--actions", "actions.jsonl", "--scopes", "scopes.jsonl"];
    let (_, all) = alerts(fleet.path(), &args, "");
    let at = |alert: &Value| alert["first_event"]["occurred_at_ms"].as_i64().unwrap();
    let mut times: Vec<i64> = all.iter().map(at).collect();
    times.sort_unstable();
    let middle = times[times.len() / 2];
    let until = jiff::Timestamp::from_millisecond(middle)
        .unwrap()
        .to_string();
    let learn = [&args[..], &["--learn-until", &until]].concat();
    let (_, late) = alerts(fleet.path(), &learn, "");
    assert!(!late.is_empty());
    assert!(late.iter().all(|alert| at(alert) >= middle), "{until}");
    assert!(late.len() < all.len());
}

#[test]
fn alerts_alone_go_to_standard_output() {
    let folder = folder();
    let args = ["replay", "--actions", "-", "--scopes", "s", "--alerts", "-"];
    write(
        &folder,
        "s",
        concat!(
            r#"{"scope_id":"s","tenant":"t","agent":{"id":"a"},"status":"active","#,
            r#""effective_from":1,"grants":[{"resource_types":["email.*"],"verbs":["send"]}]}"#
        ),
    );
    let ran = run_with(folder.path(), &args, &[], ACTION);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(!ran.out.is_empty());
    for line in ran.out.lines() {
        let alert: Value = serde_json::from_str(line).unwrap();
        assert_eq!(alert["agent_id"], "a");
    }
}

#[test]
fn what_cannot_be_used_is_told_with_its_place_and_kept_byte_for_byte() {
    let folder = folder();
    let bad = r#"{"tenant": }"#;
    let wrong = r#"{"tenant":"t","action":{"verb":"read"},"agent":{"id":7}}"#;
    let input = format!("{ACTION}\n{bad}\n\n{wrong}\n");
    write(&folder, "in.jsonl", &input);
    let scope = r#"{"scope_id":"s","tenant":"t","agent":{"id":"b"}}"#;
    write(&folder, "scopes.jsonl", &format!("\n{{}}\n{scope}\n"));
    let args = [
        "replay",
        "--actions",
        "in.jsonl",
        "--scopes",
        "scopes.jsonl",
        "--dead-letters",
        "dead.jsonl",
        "--summary",
        "json",
        "--partitions",
        "5",
    ];
    let ran = run_in(folder.path(), &args);
    assert_eq!(ran.code, 0, "{}", ran.err);
    for told in [
        "in.jsonl:2:12: expected a value",
        "in.jsonl:4:54: agent.id: ",
        "scopes.jsonl:2:1: ",
    ] {
        assert!(ran.err.contains(told), "{told}: {}", ran.err);
    }
    let summary = ran.json();
    let counts = ["records", "actions", "dead_letters"].map(|name| summary[name].as_u64());
    assert_eq!(counts, [Some(5), Some(1), Some(3)]);
    let dead = fs::read_to_string(folder.path().join("dead.jsonl")).unwrap();
    let dead: BTreeSet<&str> = dead.lines().collect();
    assert_eq!(dead, BTreeSet::from([bad, wrong, "{}"]));
}

#[test]
fn a_mapping_reads_foreign_records_and_its_faults_are_told() {
    let folder = folder();
    let mapping = root().join("schemas/mappings/cloudtrail.jq");
    let corpus = fs::read_to_string(root().join("tests/corpora/cloudtrail.jsonl")).unwrap();
    let input = format!("{corpus}not json\n");
    let mapping = mapping.to_str().unwrap();
    let args = [
        "replay",
        "--actions",
        "-",
        "--mapping",
        mapping,
        "--summary",
        "json",
    ];
    let ran = run_with(folder.path(), &args, &[], &input);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let lines = corpus.lines().count() as u64;
    let summary = ran.json();
    assert_eq!(summary["records"], lines + 1);
    assert_eq!(summary["dead_letters"], 1);
    let judged = summary["actions"].as_u64().unwrap();
    assert!(judged + summary["skipped"].as_u64().unwrap() >= lines && judged > 20);
    assert!(
        ran.err
            .contains(&format!("stdin:{}:1: not JSON", lines + 1)),
        "{}",
        ran.err
    );
}

#[test]
fn exit_codes_tell_bad_input_from_a_failed_write() {
    let folder = folder();
    write(&folder, "in.jsonl", ACTION);
    write(&folder, "bad.jsonl", "nonsense\n");
    write(&folder, "own/scope/typo.yaml", "title: x\nlevle: low\n");
    let good = ["replay", "--actions", "in.jsonl"];
    for (more, code, told) in [
        (&["--scopes", "nowhere.jsonl"][..], 2, "nowhere.jsonl: "),
        (&["--mapping", "nowhere.jq"], 2, "nowhere.jq"),
        (&["--learn-until", "yesterday"], 2, "RFC 3339"),
        (&["--rules", "own"], 2, "own/scope/typo.yaml:1:1: error: "),
        (&["--alerts", "no/such/folder"], 4, "no/such/folder: "),
    ] {
        let ran = run_in(folder.path(), &[&good[..], more].concat());
        assert_eq!(
            (ran.code, ran.out.as_str()),
            (code, ""),
            "{more:?}: {}",
            ran.err
        );
        assert!(ran.err.contains(told), "{more:?}: {}", ran.err);
    }
    // Input of which nothing could be used is bad input.
    let ran = run_in(folder.path(), &["replay", "--actions", "bad.jsonl"]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("bad.jsonl:1:"), "{}", ran.err);
}

#[test]
fn a_full_disk_is_a_failure_that_names_the_file() {
    if !Path::new("/dev/full").exists() {
        return;
    }
    let fleet = fleet("jsonl");
    let args = [
        "replay",
        "--actions",
        "actions.jsonl",
        "--scopes",
        "scopes.jsonl",
        "--alerts",
        "/dev/full",
    ];
    let ran = run_in(fleet.path(), &args);
    assert_eq!(ran.code, 4, "{}", ran.err);
    assert!(ran.err.contains("/dev/full: "), "{}", ran.err);
}
