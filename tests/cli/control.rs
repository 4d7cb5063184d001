//! The commands that write control records, one file of records and one `replay` that carries them
//! out: decisions on a plan that waits, confirmations, withdrawals, verdicts.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Ran, folder, root, run_in, write};

/// 2026-03-02T09:00:00Z.
const START_MS: i64 = 1_772_442_000_000;
const IN_TIME: &str = "2026-03-02T09:05:00Z";
const SCOPE: &str = concat!(
    r#"{"scope_id":"s","tenant":"t","agent":{"id":"a"},"effective_from":1772438400000,"#,
    r#""grants":[{"resource_types":["database.*"],"verbs":["read"]}]}"#
);

fn action(id: &str, verb: &str, at_ms: i64) -> String {
    let credential = r#"{"id":"c1","issuer":"https://idp"}"#;
    let head =
        format!(r#""event_id":"{id}","occurred_at":{at_ms},"tenant":"t","agent":{{"id":"a"}}"#);
    let resource = r#"{"type":"database.table","id":"x"}"#;
    let verb = format!(r#"{{"verb":"{verb}"}}"#);
    let fields = format!(r#""credential":{credential},"action":{verb},"resource":{resource}"#);
    format!("{{{head},{fields}}}\n")
}

/// A folder with the shipped rules in the mode `approve`, a scope, and an action outside it that is
/// followed by one inside it half an hour later.
fn bench() -> TempDir {
    let folder = folder();
    let mut rules = vec![root().join("rules")];
    while let Some(path) = rules.pop() {
        if path.is_dir() {
            rules.extend(
                fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        } else {
            let text = fs::read_to_string(&path).unwrap();
            let text = text.replace("\ndefault: shadow", "\ndefault: approve");
            let name = path.strip_prefix(root()).unwrap().to_str().unwrap();
            write(&folder, name, &text);
        }
    }
    write(&folder, "scopes", SCOPE);
    let actions = [
        action("e1", "delete", START_MS),
        action("e2", "read", START_MS + 1_800_000),
    ];
    write(&folder, "actions", &actions.concat());
    folder
}

/// Replays with the control records in `control`, if there are any; returns alerts and requests.
fn replay(folder: &TempDir) -> (Vec<Value>, Vec<Value>) {
    replay_with(folder, &[])
}

fn replay_with(folder: &TempDir, more: &[&str]) -> (Vec<Value>, Vec<Value>) {
    let mut args = vec![
        "replay",
        "--actions",
        "actions",
        "--scopes",
        "scopes",
        "--rules",
        "rules",
        "--alerts",
        "alerts",
        "--revocations",
        "requests",
    ];
    if folder.path().join("control").exists() {
        args.extend(["--control", "control"]);
    }
    args.extend(more);
    let ran = run_in(folder.path(), &args);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let read = |name: &str| -> Vec<Value> {
        let text = fs::read_to_string(folder.path().join(name)).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    (read("alerts"), read("requests"))
}

fn txn(folder: &TempDir) -> String {
    let (alerts, requests) = replay(folder);
    assert!(requests.is_empty(), "nothing leaves before a decision");
    let target = &alerts[0]["revocation"]["targets"][0];
    assert_eq!(target["state"], "waiting");
    assert_eq!(target["decide_by_ms"], START_MS + 15 * 60_000);
    let lapsed = alerts
        .iter()
        .any(|alert| alert["message"].as_str().unwrap().contains("lapsed"));
    assert!(lapsed, "nobody decided: {alerts:#?}");
    alerts[0]["revocation"]["txn"].as_str().unwrap().to_owned()
}

fn decide(folder: &TempDir, args: &[&str]) -> Ran {
    run_in(
        folder.path(),
        &[args, &["--by", "ann", "--out", "control"]].concat(),
    )
}

/// The command, when it is given, and what is requested then.
#[test]
fn a_decision_in_time_is_carried_out_and_a_late_or_foreign_one_is_not() {
    for (command, agent, at, requested, said) in [
        ("approve", "t/a", IN_TIME, true, "Approved by ann"),
        ("deny", "t/a", IN_TIME, false, "Denied by ann"),
        ("approve", "t/a", "2026-03-02T09:15:00Z", false, "lapsed"),
        ("approve", "t/b", IN_TIME, false, "lapsed"),
        ("approve", "other/a", IN_TIME, false, "lapsed"),
    ] {
        let folder = bench();
        let txn = txn(&folder);
        let ran = decide(&folder, &[command, agent, &txn, "--at", at]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        let (alerts, requests) = replay(&folder);
        let case = format!("{command} {agent} {at}");
        assert_eq!(!requests.is_empty(), requested, "{case}: {requests:#?}");
        let message = |alert: &Value| alert["message"].as_str().unwrap().contains(said);
        assert!(alerts.iter().any(message), "{case}: {alerts:#?}");
        for request in requests {
            assert_eq!(request["txn"], txn.as_str());
            assert_eq!(request["sub_id"]["jti"], "c1");
        }
    }
}

#[test]
fn a_second_decision_changes_nothing() {
    let folder = bench();
    let txn = txn(&folder);
    for command in ["deny", "approve", "approve"] {
        decide(
            &folder,
            &[command, "t/a", &txn, "--at", "2026-03-02T09:05:00Z"],
        );
    }
    assert!(replay(&folder).1.is_empty(), "it was denied first");
}

#[test]
fn a_decision_that_could_not_be_carried_out_is_refused_before_it_is_written() {
    let txn = "2b575c82d4b80c27affdb552a0cefccd";
    let long = "x".repeat(10_000);
    for args in [
        ["approve", "t", txn, "--reason", "r"],
        ["approve", "/a", txn, "--reason", "r"],
        ["deny", "t/a", "2b57", "--reason", "r"],
        [
            "deny",
            "t/a",
            "zb575c82d4b80c27affdb552a0cefccd",
            "--reason",
            "r",
        ],
        ["deny", "t/a", txn, "--reason", long.as_str()],
        ["withdraw", "t/a", "2b57", "--reason", "r"],
        ["confirm", "t/a", txn, "revoked", "--reason=r"],
        ["confirm", "t/a", "2b57", "done", "--reason=r"],
        ["rearm", "t", "--reason", "r", "--by=x"],
        ["confirm", "t/a", txn, "done", "--target="],
        ["verdict", "t/a", txn, "perhaps", "--reason=r"],
        ["verdict", "t/a", "c40df9a8", "false_positive", "--reason=r"],
    ] {
        let folder = folder();
        let ran = decide(&folder, &args);
        assert_eq!(
            (ran.code, ran.out.as_str()),
            (2, ""),
            "{args:?}: {}",
            ran.err
        );
        assert!(!folder.path().join("control").exists(), "{args:?}");
    }
}

/// Every command, with what its record says besides agent, time and name.
#[test]
fn each_command_writes_the_record_that_its_words_say() {
    let id = "2B575C82D4B80C27AFFDB552A0CEFCCD";
    let txn = id.to_ascii_lowercase();
    let done = json!({"txn": txn, "result": "done", "target": "c1"});
    for (args, name, body) in [
        (
            vec!["approve", "t/a", id],
            "decision",
            json!({"txn": txn, "decision": "approve"}),
        ),
        (
            vec!["deny", "t/a", id],
            "decision",
            json!({"txn": txn, "decision": "deny"}),
        ),
        (
            vec!["confirm", "t/a", id, "done", "--target", "c1"],
            "confirmation",
            done,
        ),
        (
            vec!["confirm", "t/a", id, "not_found"],
            "confirmation",
            json!({"txn": txn, "result": "not_found"}),
        ),
        (
            vec!["withdraw", "t/a", id],
            "withdrawal",
            json!({"txn": txn}),
        ),
        (
            vec!["verdict", "t/a", id, "true_positive"],
            "verdict",
            json!({"incident_id": txn, "verdict": "true_positive"}),
        ),
        (vec!["rearm", "t/a"], "budget", json!({"command": "rearm"})),
        (
            [
                "accept t/a --agent-type desk --task-class refund",
                "--resource-type email.message --verb send --destination b@c.example",
            ]
            .iter()
            .flat_map(|words| words.split(' '))
            .collect(),
            "acceptance",
            json!({"agent_type": "desk", "task_class": "refund", "verb": "send",
                "resource_type": "email.message", "destination": "b@c.example"}),
        ),
        (
            vec!["accept", "t/a", "--tool", "mail"],
            "acceptance",
            json!({"tool": "mail"}),
        ),
    ] {
        let more = [
            "--by", "ann", "--reason", "why", "--at", IN_TIME, "--out", "-",
        ];
        let ran = run_in(folder().path(), &[&args[..], &more].concat());
        assert_eq!(ran.code, 0, "{args:?}: {}", ran.err);
        let expected = json!({"tenant": "t", "agent": {"id": "a"}, "by": "ann",
            "at": START_MS + 5 * 60_000, "reason": "why", name: body});
        assert_eq!(ran.json(), expected, "{args:?}");
    }
}

/// What a report, a withdrawal and a verdict change, after a decision that sent the request.
#[test]
fn reports_withdrawals_and_verdicts_are_carried_out() {
    let after = "2026-03-02T09:06:00Z";
    let revoked = "credential c1 is revoked";
    for (command, rest, said, state) in [
        ("confirm", vec!["done"], revoked, "done"),
        ("confirm", vec!["done", "--target", "c1"], revoked, "done"),
        ("confirm", vec!["refused"], "refused to revoke", "refused"),
        ("withdraw", vec![], "false positive", "withdrawn"),
        (
            "verdict",
            vec!["false_positive"],
            "false positive",
            "withdrawn",
        ),
        // About another target, another request, another agent: nothing changes.
        (
            "confirm",
            vec!["done", "--target", "c2"],
            "Approved by ann",
            "sent",
        ),
        ("verdict", vec!["true_positive"], "Approved by ann", "sent"),
    ] {
        let folder = bench();
        let txn = txn(&folder);
        let incident = replay(&folder).0[0]["incident_id"]
            .as_str()
            .unwrap()
            .to_owned();
        let ran = decide(&folder, &["approve", "t/a", &txn, "--at", IN_TIME]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        let id = if command == "verdict" {
            &incident
        } else {
            &txn
        };
        let args = [&[command, "t/a", id], &rest[..], &["--at", after]].concat();
        let ran = decide(&folder, &args);
        assert_eq!(ran.code, 0, "{}", ran.err);
        let (alerts, _) = replay(&folder);
        let own = |alert: &&Value| alert["incident_id"] == incident.as_str();
        // After the record a later finding may add to the alert, but not to its target.
        let last = alerts.iter().rfind(own).unwrap();
        let case = format!("{command} {rest:?}: {alerts:#?}");
        let says = |alert: &Value| alert["message"].as_str().unwrap().contains(said);
        assert!(alerts.iter().any(says), "{case}");
        assert_eq!(last["revocation"]["targets"][0]["state"], state, "{case}");
    }
}

/// What is due after the last record happens when time is told to go on.
#[test]
fn a_plan_that_nobody_decided_lapses_after_the_last_record_where_time_goes_on() {
    let lapses = |until: &[&str]| {
        let folder = bench();
        write(&folder, "actions", &action("e1", "delete", START_MS));
        let (alerts, _) = replay_with(&folder, until);
        let lapsed = |alert: &Value| alert["message"].as_str().unwrap().contains("lapsed");
        alerts.iter().any(lapsed)
    };
    assert!(!lapses(&[]));
    assert!(!lapses(&["--until", "2026-03-02T09:14:00Z"]));
    assert!(lapses(&["--until", "2026-03-02T09:16:00Z"]));
}

/// With keys only what they signed is a confirmation; without keys nothing that is signed is one.
#[test]
fn a_replay_with_keys_takes_no_confirmation_but_a_signed_one() {
    let keys = root().join("src/codec/tests/keys");
    let pem = fs::read(keys.join("ed.pem")).unwrap();
    let key = jsonwebtoken::EncodingKey::from_ed_pem(&pem).unwrap();
    let jwks = keys.join("jwks.json").display().to_string();
    let with_keys = ["--control-keys", &jwks, "--dead-letters", "dead"];
    let without = ["--dead-letters", "dead"];
    for (signed, args, state, refused) in [
        (true, &with_keys[..], "done", None),
        (false, &with_keys, "sent", Some("an unsigned confirmation")),
        (true, &without, "sent", Some("no keys are given")),
        (false, &without, "done", None),
    ] {
        let folder = bench();
        let txn = txn(&folder);
        // A person's decision needs no signature.
        decide(&folder, &["approve", "t/a", &txn, "--at", IN_TIME]);
        let confirmation = json!({"tenant": "t", "agent": {"id": "a"}, "by": "idp",
            "at": "2026-03-02T09:06:00Z", "confirmation": {"txn": txn, "result": "done"}});
        let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::EdDSA);
        header.kid = Some("ed".to_owned());
        let record = match signed {
            true => jsonwebtoken::encode(&header, &confirmation, &key).unwrap(),
            false => confirmation.to_string(),
        };
        let mut control = fs::read_to_string(folder.path().join("control")).unwrap();
        control.push_str(&record);
        write(&folder, "control", &control);
        let (alerts, _) = replay_with(&folder, args);
        let case = format!("signed {signed}, {args:?}: {alerts:#?}");
        let planned = |alert: &Value| alert["revocation"]["targets"][0]["state"].clone();
        let last = alerts.iter().map(planned).rfind(Value::is_string);
        assert_eq!(last, Some(state.into()), "{case}");
        let dead = fs::read_to_string(folder.path().join("dead")).unwrap();
        assert_eq!(dead.contains(&record), refused.is_some(), "{case}");
        let ran = run_in(
            folder.path(),
            &[
                &["replay", "--actions", "actions", "--rules", "rules"][..],
                &["--control", "control"],
                args,
            ]
            .concat(),
        );
        assert!(ran.err.contains(refused.unwrap_or_default()), "{}", ran.err);
    }
}

/// Each says nothing that a class could know.
#[test]
fn an_acceptance_that_says_nothing_is_refused_with_the_field() {
    for (words, said) in [
        ("accept t/a --agent-type desk", "acceptance.destination"),
        (
            "accept t/a --resource-type mail",
            "acceptance.resource_type",
        ),
        ("accept t/a --destination ://", "acceptance.destination"),
        ("accept t/a --verb send", "--resource-type"),
        ("accept t/a --task-class refund --tool x", "--agent-type"),
    ] {
        let words: Vec<&str> = words.split(' ').collect();
        let ran = run_in(
            folder().path(),
            &[&words[..], &["--by", "ann", "--out", "-"]].concat(),
        );
        assert_ne!(ran.code, 0, "{words:?}");
        assert!(ran.err.contains(said), "{words:?}: {}", ran.err);
    }
}
