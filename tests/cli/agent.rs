//! `agent tree`: from recorded files, and from a process that is asked over loopback.

use std::io::{Read, Write};
use std::net::TcpListener;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Ran, folder, run_in, write};

/// The scope of an agent of `acme`: its parent, its verbs, the hour at which it expires.
fn scope(agent: &str, parent: Option<&str>, verbs: &[&str], until: &str) -> Value {
    let mut scope = json!({
        "scope_id": format!("s-{agent}"), "tenant": "acme", "agent": {"id": agent},
        "effective_from": "2026-03-02T09:00:00Z",
        "expires_at": format!("2026-03-02T{until}:00:00Z"),
        "grants": [{"resource_types": ["database.table"], "verbs": verbs}],
    });
    if let Some(parent) = parent {
        scope["parent"] = json!({"agent_id": parent, "scope_id": format!("s-{parent}")});
    }
    scope
}

fn action(id: u32, agent: &str, chain: &[&str]) -> Value {
    let mut action = json!({
        "event_id": id.to_string(), "occurred_at": format!("2026-03-02T09:10:{id:02}Z"),
        "tenant": "acme", "agent": {"id": agent}, "credential": {"id": format!("c-{agent}")},
        "action": {"verb": "read"}, "resource": {"type": "database.table", "id": "t"},
    });
    if !chain.is_empty() {
        action["delegation"] = json!({"chain": chain});
    }
    action
}

/// `planner` delegates to `worker` and, too much, to `wide`; `worker` to `helper`; `done` has
/// ended.
fn bench() -> TempDir {
    let folder = folder();
    let mut ended = scope("done", Some("planner"), &["read"], "10");
    ended["status"] = "completed".into();
    ended["effective_from"] = "2026-03-02T09:05:00Z".into();
    let scopes = [
        scope("planner", None, &["read", "list"], "12"),
        scope("worker", Some("planner"), &["read"], "11"),
        scope("helper", Some("worker"), &["read"], "10"),
        scope("wide", Some("planner"), &["read", "list", "delete"], "12"),
        scope("done", Some("planner"), &["read"], "10"),
        ended,
    ];
    let actions = [
        action(1, "planner", &[]),
        action(2, "worker", &["planner", "worker"]),
        action(3, "helper", &["planner", "worker", "helper"]),
        action(4, "stranger", &[]),
    ];
    let lines = |records: &[Value]| -> String {
        records.iter().map(|record| format!("{record}\n")).collect()
    };
    write(&folder, "scopes", &lines(&scopes));
    write(&folder, "actions", &lines(&actions));
    folder
}

fn tree(folder: &TempDir, agent: &str, more: &[&str]) -> Ran {
    let args = [
        "agent",
        "tree",
        agent,
        "--actions",
        "actions",
        "--scopes",
        "scopes",
    ];
    run_in(folder.path(), &[&args[..], more].concat())
}

const ROOT: &str = "\
acme/planner at 2026-03-02T09:12:04Z
agent planner <-
  scope s-planner: active until 2026-03-02T12:00:00Z
    read, list on database.table
  agent wide, known by scope
    scope s-wide: active until 2026-03-02T12:00:00Z
      from scope s-planner
      read, list, delete on database.table
      WIDER: verb
  agent worker, known by scope, chain, credential c-worker
    scope s-worker: active until 2026-03-02T11:00:00Z
      from scope s-planner
      read on database.table
      narrower: verb, expiry
    agent helper, known by scope, chain, credential c-helper
      scope s-helper: active until 2026-03-02T10:00:00Z
        from scope s-worker
        read on database.table
        narrower: expiry
";

const LEAF: &str = "\
acme/helper at 2026-03-02T09:12:04Z
agent planner
  scope s-planner: active until 2026-03-02T12:00:00Z
    read, list on database.table
  agent worker, known by scope, chain
    scope s-worker: active until 2026-03-02T11:00:00Z
      from scope s-planner
      read on database.table
      narrower: verb, expiry
    agent helper, known by scope, chain <-
      scope s-helper: active until 2026-03-02T10:00:00Z
        from scope s-worker
        read on database.table
        narrower: expiry
";

#[test]
fn a_tree_of_three_levels_is_printed_from_the_root_and_from_the_leaf() {
    let folder = bench();
    for (agent, text) in [("acme/planner", ROOT), ("acme/helper", LEAF)] {
        let ran = tree(&folder, agent, &[]);
        assert_eq!((ran.code, ran.out.as_str()), (0, text), "{}", ran.err);
        // What is known does not depend on the number of partitions.
        let ran = tree(&folder, agent, &["--partitions", "12"]);
        assert_eq!((ran.code, ran.out.as_str()), (0, text), "{}", ran.err);
    }
}

#[test]
fn the_tree_of_a_time_knows_what_had_come_by_then_and_ends_are_marked() {
    let folder = bench();
    let at = |agent: &str, time: &str| {
        let ran = tree(&folder, agent, &["--json", "--at", time]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.json()
    };
    let names = |tree: &Value| -> Vec<String> {
        let agents = tree["agents"].as_array().unwrap().iter();
        agents
            .map(|agent| agent["agent_id"].as_str().unwrap().to_owned())
            .collect()
    };
    let early = at("acme/planner", "2026-03-02T09:04:00Z");
    assert_eq!(early["as_of_ms"], 1_772_442_240_000_i64);
    assert_eq!(
        names(&early),
        ["planner", "done", "wide", "worker", "helper"]
    );
    assert_eq!(
        early["agents"][3]["evidence"],
        json!(["scope"]),
        "it has not acted yet"
    );
    // An ended child is below nobody, and its own tree says what it had.
    let ended = at("acme/done", "2026-03-02T09:06:00Z");
    assert_eq!(names(&ended), ["planner", "done"]);
    assert_eq!(ended["agents"][1]["ended"], true);
    assert_eq!(ended["agents"][1]["scopes"][0]["status"], "completed");
    // One whose scope has expired is still listed.
    let late = at("acme/planner", "2026-03-02T10:30:00Z");
    assert_eq!(names(&late), ["planner", "wide", "worker", "helper"]);
    assert_eq!(late["agents"][3]["ended"], true);
    assert_eq!(late["agents"][3]["scopes"][0]["status"], "expired");
    assert_eq!(late["agents"][1]["scopes"][0]["wider"], json!(["verb"]));
    // Scopes alone have a tree at a time.
    let args = [
        "agent",
        "tree",
        "acme/helper",
        "--scopes",
        "scopes",
        "--json",
        "--at",
    ];
    let ran = run_in(
        folder.path(),
        &[&args[..], &["2026-03-02T09:30:00Z"]].concat(),
    );
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(names(&ran.json()), ["planner", "worker", "helper"]);
}

#[test]
fn an_agent_without_a_scope_has_a_tree_and_one_that_nobody_knows_has_none() {
    let folder = bench();
    let ran = tree(&folder, "acme/stranger", &[]);
    let text = "acme/stranger at 2026-03-02T09:12:04Z\nagent stranger <-\n  no declared scope\n";
    assert_eq!((ran.code, ran.out.as_str()), (0, text), "{}", ran.err);
    for partitions in ["1", "12"] {
        let ran = tree(&folder, "acme/nobody", &["--partitions", partitions]);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""));
        assert!(
            ran.err
                .contains("acme/nobody: nothing is known of this agent"),
            "{}",
            ran.err
        );
    }
}

#[test]
fn wrong_arguments_are_refused_with_the_reason() {
    let folder = bench();
    for (args, text) in [
        (
            &[
                "planner",
                "--scopes",
                "scopes",
                "--at",
                "2026-03-02T09:04:00Z",
            ][..],
            "TENANT/AGENT",
        ),
        (&["acme/planner"], "--actions"),
        (&["acme/planner", "--scopes", "scopes"], "--actions"),
        (
            &["acme/planner", "--scopes", "scopes", "--at", "noon"],
            "RFC 3339",
        ),
        (
            &[
                "acme/planner",
                "--scopes",
                "none",
                "--at",
                "2026-03-02T09:04:00Z",
            ],
            "none",
        ),
        (
            &[
                "acme/planner",
                "--url",
                "http://127.0.0.1:1",
                "--at",
                "2026-03-02T09:04:00Z",
            ],
            "--at",
        ),
        (
            &[
                "acme/planner",
                "--url",
                "http://127.0.0.1:1",
                "--rules",
                "x",
            ],
            "--rules",
        ),
        (
            &["acme/planner", "--url", "http://192.0.2.1:9464"],
            "this machine",
        ),
        (
            &["acme/planner", "--url", "https://127.0.0.1:9464"],
            "http://",
        ),
    ] {
        let ran = run_in(folder.path(), &[&["agent", "tree"], args].concat());
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{args:?}");
        assert!(ran.err.contains(text), "{args:?}: {}", ran.err);
    }
}

/// Serves one response to one request; returns the URL and the first line of the request.
fn serve_once(status: &str, body: &str) -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let length = body.len();
    let response = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}");
    let served = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut part = [0; 4_096];
        while !request.ends_with(b"\r\n\r\n") {
            let read = stream.read(&mut part).unwrap();
            request.extend_from_slice(&part[..read]);
        }
        stream.write_all(response.as_bytes()).unwrap();
        let request = String::from_utf8(request).unwrap();
        request.lines().next().unwrap().to_owned()
    });
    (url, served)
}

#[test]
fn a_running_process_is_asked_for_its_tree_and_its_refusals_are_printed() {
    let folder = bench();
    let known = tree(&folder, "acme/planner", &["--json"]).out;
    for (status, body, code, out, err) in [
        ("200 OK", known.as_str(), 0, ROOT, ""),
        ("200 OK", "{}x", 4, "", "the response is no tree"),
        (
            "404 Not Found",
            "acme/planner: partition 3 \u{1b}[2J",
            2,
            "",
            "partition 3  [2J",
        ),
        ("404 Not Found", "", 4, "", "status 404"),
        (
            "403 Forbidden",
            "for callers on this machine",
            4,
            "",
            "status 403: for callers",
        ),
    ] {
        let (url, served) = serve_once(status, body);
        let ran = run_in(
            folder.path(),
            &["agent", "tree", "acme/planner", "--url", &url],
        );
        assert_eq!(
            (ran.code, ran.out.as_str()),
            (code, out),
            "{status}: {}",
            ran.err
        );
        assert!(ran.err.contains(err), "{status}: {}", ran.err);
        assert_eq!(
            served.join().unwrap(),
            "GET /agents/acme/planner/tree HTTP/1.1"
        );
    }
    let ran = run_in(
        folder.path(),
        &[
            "agent",
            "tree",
            "acme/planner",
            "--url",
            "http://127.0.0.1:1",
        ],
    );
    assert_eq!((ran.code, ran.out.as_str()), (4, ""), "{}", ran.err);
}

#[test]
fn names_cannot_change_the_terminal() {
    let folder = bench();
    let known = tree(&folder, "acme/planner", &["--json"]).out;
    let body = known
        .replace("s-wide", r"s-\u001b[2Jwide")
        .replace("c-worker", r"c\u009b\nworker");
    assert_ne!(known, body);
    let (url, served) = serve_once("200 OK", &body);
    let ran = run_in(
        folder.path(),
        &["agent", "tree", "acme/planner", "--url", &url],
    );
    served.join().unwrap();
    assert_eq!(ran.code, 0, "{}", ran.err);
    let text = ROOT
        .replace("s-wide", "s- [2Jwide")
        .replace("c-worker", "c  worker");
    assert_eq!(ran.out, text);
}
