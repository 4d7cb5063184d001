//! `replay --export` and what imports it: `replay --import`, `class import` and `agent import`.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{folder, run_in};

const DAY_MS: i64 = 86_400_000;
const HOUR_MS: i64 = 3_600_000;
const MINUTE_MS: i64 = 60_000;
/// Monday 2026-03-02, 00:00 UTC.
const START_MS: i64 = 1_772_409_600_000;
const DAYS: i64 = 12;
/// The learning ends here.
const UNTIL: &str = "2026-03-14T00:00:00Z";
const UNTIL_MS: i64 = START_MS + DAYS * DAY_MS;

fn action(agent: &str, at_ms: i64, more: &Value) -> Value {
    let mut action = json!({"event_id": format!("{agent}-{at_ms}"), "occurred_at": at_ms,
        "tenant": "t", "agent.id": agent, "outcome": "allowed"});
    for (name, value) in more.as_object().unwrap() {
        action[name] = value.clone();
    }
    action
}

fn note(verb: &str) -> Value {
    json!({"agent.type": "desk", "task.class": "notes", "resource.type": "ticket.note",
        "action.verb": verb})
}

/// Agents of a class work by day; one counts many files; after the learning one leaks and one has a
/// burst.
fn records() -> Vec<Value> {
    let mut records = Vec::new();
    for day in 0..DAYS + 1 {
        for agent in 0..4 {
            let name = format!("desk-{agent}");
            for hour in [8, 11, 15] {
                let at_ms = START_MS + day * DAY_MS + hour * HOUR_MS + agent * MINUTE_MS;
                records.push(action(&name, at_ms, &note("create")));
            }
        }
        for minute in 0..480 {
            let at_ms = START_MS + day * DAY_MS + 8 * HOUR_MS + minute * MINUTE_MS;
            for number in 0..1 + minute % 3 {
                let read = json!({"resource.type": "file", "action.verb": "read",
                    "resource.id": format!("f{}", minute % 7)});
                records.push(action("worker", at_ms + number, &read));
            }
        }
    }
    let late_ms = UNTIL_MS + 20 * HOUR_MS;
    let leak = json!({"action.verb": "share", "resource.id": "n9",
        "destination.host": "new.example"});
    let mut odd = action("desk-7", late_ms, &note("share"));
    for (name, value) in leak.as_object().unwrap() {
        odd[name] = value.clone();
    }
    records.push(odd);
    for number in 0..900 {
        let read = json!({"resource.type": "file", "action.verb": "read", "resource.id": "x"});
        records.push(action("worker", late_ms + number * 50, &read));
    }
    records.sort_by_key(|record| record["occurred_at"].as_i64());
    records
}

fn write_lines<'a>(path: &Path, records: impl Iterator<Item = &'a Value>) {
    let lines: Vec<String> = records.map(Value::to_string).collect();
    fs::write(path, lines.join("\n") + "\n").unwrap();
}

/// All records, those before the learning ends and those after it.
fn recorded() -> TempDir {
    let folder = folder();
    let records = records();
    let learned = |record: &&Value| record["occurred_at"].as_i64().unwrap() < UNTIL_MS;
    write_lines(&folder.path().join("all.jsonl"), records.iter());
    let rest = records.iter().filter(|record| !learned(record));
    write_lines(&folder.path().join("rest.jsonl"), rest);
    // An agent without a scope waits for one before its first alert.
    let agents = ["worker", "desk-0", "desk-1", "desk-2", "desk-3", "desk-7"];
    let scopes = agents.map(|agent| {
        json!({"tenant": "t", "scope_id": agent, "agent.id": agent,
            "grants": [{"resource_types": ["*"]}]})
    });
    write_lines(&folder.path().join("scopes.jsonl"), scopes.iter());
    folder
}

/// A simulated fleet with attacks, of which the learning ends at `until_ms`.
fn simulated(seed: u32, until_ms: i64) -> TempDir {
    let folder = folder();
    let path = folder.path();
    let words = format!(
        "generate --out . --agents 12 --rate 0.02 --days 3 --seed {seed} --attacks judged \
         --attacks-every 20m --attacks-after 2d"
    );
    let ran = run_in(path, &words.split(' ').collect::<Vec<_>>());
    assert_eq!(ran.code, 0, "{}", ran.err);
    fs::rename(path.join("actions.jsonl"), path.join("all.jsonl")).unwrap();
    let text = fs::read_to_string(path.join("all.jsonl")).unwrap();
    let time = |line: &&str| {
        let action: Value = serde_json::from_str(line).unwrap();
        action["occurred_at"].as_i64().unwrap()
    };
    let rest: Vec<&str> = text.lines().filter(|line| time(line) >= until_ms).collect();
    assert!(!rest.is_empty() && rest.len() < text.lines().count());
    fs::write(path.join("rest.jsonl"), rest.join("\n")).unwrap();
    folder
}

fn replay(folder: &Path, words: &str) -> Vec<Value> {
    let _ = fs::remove_file(folder.join("alerts.jsonl"));
    let words = format!("replay --scopes scopes.jsonl --alerts alerts.jsonl {words}");
    let args: Vec<&str> = words.split(' ').collect();
    let ran = run_in(folder, &args);
    assert_eq!(ran.code, 0, "{words}: {}", ran.err);
    let text = fs::read_to_string(folder.join("alerts.jsonl")).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// What an alert says, without the ids that follow from where its record was in its file.
fn said(alerts: &[Value]) -> Vec<Value> {
    let said = |alert: &Value| {
        let title = &alert["rule"]["title"];
        if title.as_str().unwrap_or_default().contains("different") {
            // Many different values are estimated, by a key that follows from the first record.
            return json!([title, alert["agent_id"], alert["activity"]]);
        }
        // An agent without a scope waits for one again.
        let waits = title == "Undeclared agent";
        let at_ms = if waits {
            &Value::Null
        } else {
            &alert["time_ms"]
        };
        json!([
            title,
            alert["agent_id"],
            alert["activity"],
            alert["message"],
            alert["facts"],
            alert["event_ids"],
            at_ms
        ])
    };
    // The numbers of a gateway are watched from the first record on, and are not exported.
    let of_agents = |alert: &&Value| alert["rule"]["title"] != "Records of a gateway are missing";
    let mut all: Vec<Value> = alerts.iter().filter(of_agents).map(said).collect();
    all.sort_by_key(Value::to_string);
    all
}

/// The alerts of both are the same.
fn assert_same(ours: &[Value], theirs: &[Value]) {
    let (ours, theirs) = (said(ours), said(theirs));
    let only = |some: &[Value], others: &[Value]| -> Vec<String> {
        let others = |one: &&Value| !others.contains(one);
        some.iter().filter(others).map(Value::to_string).collect()
    };
    let (here, there) = (only(&ours, &theirs), only(&theirs, &ours));
    assert!(here.is_empty() && there.is_empty(), "{here:#?}\n{there:#?}");
    assert_eq!(ours.len(), theirs.len());
}

#[test]
fn an_export_and_its_import_find_what_one_replay_finds() {
    let folder = recorded();
    let path = folder.path();
    for partitions in [1, 12] {
        let all = replay(
            path,
            &format!("--actions all.jsonl --learn-until {UNTIL} --partitions {partitions}"),
        );
        let titles: Vec<&str> = all
            .iter()
            .filter_map(|one| one["rule"]["title"].as_str())
            .collect();
        assert!(titles.contains(&"Strong evidence that somebody else steers the agent"));
        assert!(
            titles.iter().any(|title| title.contains("more")),
            "{titles:?}"
        );
        let export = format!(
            "--actions all.jsonl --learn-until {UNTIL} --export learned.jsonl \
             --partitions {partitions}"
        );
        assert_eq!(replay(path, &export), [] as [Value; 0]);
        let first = fs::read(path.join("learned.jsonl")).unwrap();
        replay(path, &export);
        assert_eq!(
            first,
            fs::read(path.join("learned.jsonl")).unwrap(),
            "always the same"
        );
        let rest = format!("--actions rest.jsonl --partitions {partitions}");
        let imported = replay(path, &format!("{rest} --import learned.jsonl"));
        assert_same(&imported, &all);
        let without = replay(path, &rest);
        assert_ne!(said(&without), said(&all));
    }
}

#[test]
fn the_same_holds_for_simulated_fleets() {
    /// Wednesday 2026-01-07, 00:00 UTC.
    const THIRD_DAY_MS: i64 = 1_767_744_000_000;
    // The learning ends at night, and in the middle of the tasks of the day.
    for (seed, partitions, hour) in [(1, 1, 0), (2, 12, 9), (3, 12, 0)] {
        let until_ms = THIRD_DAY_MS + hour * HOUR_MS;
        let folder = simulated(seed, until_ms);
        let path = folder.path();
        let until = format!("2026-01-07T{hour:02}:00:00Z");
        let learned = format!("--learn-until {until} --partitions {partitions}");
        let all = replay(path, &format!("--actions all.jsonl {learned}"));
        let export = format!("--actions all.jsonl {learned} --export learned.jsonl");
        replay(path, &export);
        let rest = format!("--actions rest.jsonl --partitions {partitions}");
        let imported = replay(path, &format!("{rest} --import learned.jsonl"));
        assert_same(&imported, &all);
        assert!(said(&replay(path, &rest)) != said(&all), "{seed}");
    }
}

#[test]
fn the_file_says_what_it_is_and_the_commands_send_its_records() {
    let folder = recorded();
    let path = folder.path();
    let export = format!("--actions all.jsonl --learn-until {UNTIL} --export learned.jsonl");
    replay(path, &export);
    let text = fs::read_to_string(path.join("learned.jsonl")).unwrap();
    let header: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(header["format"], "scopewatch.learned/1");
    assert_eq!(header["learned_until"], UNTIL_MS);
    let (mut sent, mut exported) = (0, 0);
    for (kind, of_class) in [("class", true), ("agent", false)] {
        let args = [kind, "import", "learned.jsonl", "--by", "ann", "--out", "-"];
        let ran = run_in(path, &args);
        assert_eq!(ran.code, 0, "{}", ran.err);
        for line in ran.out.lines() {
            let record: Value = serde_json::from_str(line).unwrap();
            assert_eq!(record["by"], "ann");
            assert_eq!(record["agent"].is_null(), of_class, "{line}");
            assert!(record["import"]["state"].is_string());
            sent += 1;
        }
    }
    exported += text.lines().count() - 1;
    assert_eq!(sent, exported);
    // Each of them is judged as `run` would: as a control record.
    fs::write(path.join("control.jsonl"), text.split_once('\n').unwrap().1).unwrap();
    let rest = "--actions rest.jsonl --audit audit.jsonl";
    let by_control = replay(path, &format!("{rest} --control control.jsonl"));
    let audit = fs::read_to_string(path.join("audit.jsonl")).unwrap();
    assert_eq!(audit.matches("learning_imported").count(), exported);
    assert_eq!(audit.matches("control_ignored").count(), 0);
    let imported = replay(path, &format!("{rest} --import learned.jsonl"));
    assert_eq!(said(&by_control), said(&imported));
}

#[test]
fn a_file_with_a_mistake_is_refused_with_its_line() {
    let folder = recorded();
    let path = folder.path();
    let export = format!("--actions all.jsonl --learn-until {UNTIL} --export learned.jsonl");
    replay(path, &export);
    let good = fs::read_to_string(path.join("learned.jsonl")).unwrap();
    let lines: Vec<&str> = good.lines().collect();
    let agent_line = lines
        .iter()
        .position(|line| line.contains("observed"))
        .unwrap();
    let changed = |number: usize, from: &str, to: &str| {
        let mut lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        assert!(lines[number].contains(from), "{from}: {}", lines[number]);
        lines[number] = lines[number].replacen(from, to, 1);
        lines.join("\n")
    };
    let pane = format!("b.jsonl:{}", agent_line + 1);
    for (text, names) in [
        (String::new(), "b.jsonl:1: no header"),
        (lines[1..].join("\n"), "b.jsonl:1: no header"),
        (
            changed(0, "learned/1", "learned/9"),
            "b.jsonl:1: format `scopewatch.learned/9`",
        ),
        (changed(1, "import", "imports"), "b.jsonl:2: "),
        (
            changed(1, "tasks", "task"),
            "b.jsonl:2: import.state: unknown field",
        ),
        (changed(1, "\"at\":", "\"at\":1"), "b.jsonl:2: at: "),
        (changed(agent_line, "pane_ms\\\":", "pane_ms\\\":9"), &pane),
        (
            changed(agent_line, "observed\\\":", "observed\\\":1e99,\\\"o\\\":"),
            &pane,
        ),
    ] {
        fs::write(path.join("b.jsonl"), text).unwrap();
        let args = [
            "replay",
            "--actions",
            "rest.jsonl",
            "--import",
            "b.jsonl",
            "--alerts",
            "n",
        ];
        let ran = run_in(path, &args);
        assert_eq!(ran.code, 2, "{names}: {}", ran.err);
        assert!(ran.err.contains(names), "{names}: {}", ran.err);
        assert!(!path.join("n").exists(), "nothing is written");
        for kind in ["class", "agent"] {
            let ran = run_in(
                path,
                &[kind, "import", "b.jsonl", "--by", "ann", "--out", "c"],
            );
            assert_eq!(ran.code, 2, "{names}: {}", ran.err);
            assert!(!path.join("c").exists(), "nothing is written");
        }
    }
}
