//! What is done with each kind of block.
//!
//! | info string | what the test does |
//! | --- | --- |
//! | `sh` | runs it |
//! | `sh broker` | checks arguments and settings |
//! | `sh make` | looks the targets up |
//! | `json action [FILE]` | decodes and judges it |
//! | `json scope [FILE]` | checks it, and judges by it |
//! | `json control [FILE]` | applies it |
//! | `json foreign FILE` | a record for a mapping |
//! | `json alert [FILE]`, `json claims [FILE]` | it is in the output, and as its schema says |
//! | `yaml rule [FILE]`, the same with `response` or `resources` | `rules check`, `rules test` |
//! | `yaml template [FILE]` | `scope check` |
//! | `toml config [FILE]` | `config check` |
//! | `jq mapping FILE` | `map test` compiles it |
//! | `ini systemd` | checks the commands |
//! | `text output` | its lines are in the last command's output |
//! | `text demo` | the rules that it names exist |

use std::fs;

use serde_json::Value;

use super::super::root;
use super::commands;
use super::markdown::{Block, Page};
use super::workspace::Workspace;

/// An action for records that are judged without one of their own.
const ACTION: &str =
    r#"{"event_id": "e", "occurred_at": "2026-03-02T09:00:00Z", "agent": {"id": "a"}}"#;

/// Runs the blocks of a page in order; what is wrong, with its place.
pub fn run_page(page: &Page) -> Vec<String> {
    if page.blocks.is_empty() {
        return Vec::new();
    }
    let mut workspace = Workspace::new();
    let mut complaints = Vec::new();
    for block in &page.blocks {
        let found = run_block(&mut workspace, block);
        complaints.extend(
            found
                .into_iter()
                .map(|why| format!("{}: {why}", block.place)),
        );
    }
    complaints
}

fn run_block(workspace: &mut Workspace, block: &Block) -> Vec<String> {
    let one = |found: Option<String>| found.into_iter().collect();
    match (&block.language[..], &block.kind[..]) {
        ("sh", "") => one(run_shell(workspace, &block.text)),
        ("sh", "broker") => commands::check_broker_block(workspace, &block.text),
        ("sh", "make") => commands::check_make_block(&block.text),
        ("json", "action") => one(check_action(workspace, block)),
        ("json", "scope") => one(check_scope(workspace, block)),
        ("json", "control") => one(check_control(workspace, block)),
        ("json", "foreign") | ("jq", "mapping") => one(check_mapping(workspace, block)),
        ("json", "alert") => one(compare_output(workspace, block, "alert.schema.json")),
        ("json", "claims") => one(compare_output(
            workspace,
            block,
            "revocation-request.schema.json",
        )),
        ("yaml", "rule" | "response" | "resources") => one(check_rules(workspace, block)),
        ("yaml", "template") => one(check_template(workspace, block)),
        ("toml", "config") => one(check_config(workspace, block)),
        ("ini", "systemd") => check_unit(workspace, &block.text),
        ("text", "output") => find_lines(workspace, &block.text),
        ("text", "demo") => check_demo(&block.text),
        (language, kind) => vec![format!("no test knows a block `{language} {kind}`")],
    }
}

fn run_shell(workspace: &mut Workspace, lines: &str) -> Option<String> {
    let ran = workspace.shell(lines);
    let failure = (!ran.success).then(|| format!("{lines}{}", ran.err));
    (workspace.out, workspace.err) = (ran.out, ran.err);
    failure
}

/// Writes the block to its own file, or to `other`, and says which.
fn write_block(workspace: &Workspace, block: &Block, other: &str) -> String {
    let name = block.file.clone().unwrap_or_else(|| other.to_owned());
    workspace.write(&name, &block.text);
    name
}

/// Fails unless the command ends well, tells of nothing and leaves no dead letter.
fn run_clean(workspace: &Workspace, command: &str) -> Option<String> {
    let command = format!("{command} --dead-letters dead.jsonl");
    let ran = workspace.shell(&command);
    let dead = workspace.read("dead.jsonl").unwrap_or_default();
    let good = ran.success && ran.err.is_empty() && dead.is_empty();
    (!good).then(|| format!("{command}\n{}{dead}", ran.err))
}

fn check_action(workspace: &Workspace, block: &Block) -> Option<String> {
    let file = match &block.file {
        Some(_) => write_block(workspace, block, ""),
        // Laid out for reading: a file of actions has one a line.
        None => {
            let action: Value = match serde_json::from_str(&block.text) {
                Ok(action) => action,
                Err(error) => return Some(error.to_string()),
            };
            workspace.write("one.jsonl", &action.to_string());
            "one.jsonl".to_owned()
        }
    };
    run_clean(workspace, &format!("scopewatch replay --actions {file}"))
}

fn check_scope(workspace: &Workspace, block: &Block) -> Option<String> {
    let file = write_block(workspace, block, "one-scope.json");
    let ran = workspace.shell(&format!("scopewatch scope check {file}"));
    if !ran.success || ran.err.contains("warning") {
        return Some(ran.err);
    }
    judged_with(workspace, &format!("--scopes {file}"))
}

fn check_control(workspace: &Workspace, block: &Block) -> Option<String> {
    let file = write_block(workspace, block, "one-control.json");
    judged_with(workspace, &format!("--control {file}"))
}

fn judged_with(workspace: &Workspace, input: &str) -> Option<String> {
    workspace.write("any-action.jsonl", ACTION);
    run_clean(
        workspace,
        &format!("scopewatch replay --actions any-action.jsonl {input}"),
    )
}

fn check_mapping(workspace: &Workspace, block: &Block) -> Option<String> {
    let Some(file) = &block.file else {
        return Some("which file is it?".to_owned());
    };
    write_block(workspace, block, file);
    let (record, program) = match &block.language[..] {
        "jq" => ("/dev/null", &file[..]),
        _ => (&file[..], "schemas/mappings/template.jq"),
    };
    let ran = workspace.shell(&format!("scopewatch map test {record} --mapping {program}"));
    // A record of one mapping means nothing to another: it is only read.
    let read = ran.err.contains("1 record: ") && !ran.err.contains("not JSON");
    let good = if block.language == "jq" {
        ran.success
    } else {
        read
    };
    (!good).then_some(ran.err)
}

/// Compares the block with what a command wrote: to its file, or to standard output.
fn compare_output(workspace: &Workspace, block: &Block, schema: &str) -> Option<String> {
    let mut shown: Value = match serde_json::from_str(&block.text) {
        Ok(shown) => shown,
        Err(error) => return Some(error.to_string()),
    };
    let schema = fs::read_to_string(root().join("schemas").join(schema)).unwrap();
    let schema = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    if !schema.is_valid(&shown) {
        return Some("not as its schema says".to_owned());
    }
    let written = match &block.file {
        Some(file) => workspace.read(file).unwrap_or_default(),
        // On standard output it is all that the command prints.
        None if workspace.out.lines().count() == 1 && workspace.err.is_empty() => {
            workspace.out.clone()
        }
        None => return Some(format!("printed more: {}{}", workspace.out, workspace.err)),
    };
    remove_hashes(&mut shown);
    let same = written.lines().any(|line| {
        let mut value: Value = serde_json::from_str(line).unwrap_or_default();
        remove_hashes(&mut value);
        value == shown
    });
    (!same).then(|| format!("not in the output, which is:\n{written}"))
}

/// Takes away the hash of the rules, which changes with every word of them.
fn remove_hashes(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.remove("bundle");
            members.values_mut().for_each(remove_hashes);
        }
        Value::Array(items) => items.iter_mut().for_each(remove_hashes),
        _ => {}
    }
}

/// A rule, a policy or resources: alone beside the shipped rules, or in the folder it names.
fn check_rules(workspace: &Workspace, block: &Block) -> Option<String> {
    if block.file.is_none() {
        workspace.copy_rules("checked");
    }
    let other = match &block.kind[..] {
        "rule" => "checked/policy/example.yaml",
        "response" => "checked/response.yaml",
        _ => "checked/resources.yaml",
    };
    let file = write_block(workspace, block, other);
    let folder = file.split('/').next().unwrap_or_default();
    for command in ["check", "test"] {
        let ran = workspace.shell(&format!("scopewatch rules {command} --rules {folder}"));
        if !ran.success || ran.err.contains("warning") {
            return Some(format!("rules {command}: {}{}", ran.out, ran.err));
        }
    }
    None
}

fn check_template(workspace: &Workspace, block: &Block) -> Option<String> {
    let file = write_block(workspace, block, "one-template.yaml");
    let ran = workspace.shell(&format!("scopewatch scope check {file}"));
    (!ran.success || ran.err.contains("warning")).then_some(ran.err)
}

fn check_config(workspace: &Workspace, block: &Block) -> Option<String> {
    let file = write_block(workspace, block, "one.toml");
    let ran = workspace.shell(&format!("scopewatch config check --config {file}"));
    (!ran.success || ran.err.contains("warning")).then_some(ran.err)
}

fn check_unit(workspace: &Workspace, unit: &str) -> Vec<String> {
    let lines = unit.lines().filter_map(|line| line.strip_prefix("Exec"));
    let commands = lines.filter_map(|line| Some(line.split_once('=')?.1));
    let commands: Vec<&str> = commands.collect();
    if commands.is_empty() {
        return vec!["a unit that starts nothing".to_owned()];
    }
    // The configuration lies where the page has put it.
    let installed = commands.join("\n").replace("/etc/scopewatch/", "");
    commands::check_broker_block(workspace, &installed)
}

fn find_lines(workspace: &Workspace, text: &str) -> Vec<String> {
    let said = format!("{}\n{}", workspace.out, workspace.err);
    let missing = text
        .lines()
        .filter(|line| !line.is_empty() && !said.contains(line));
    missing
        .map(|line| format!("not in the output: {line}\n{said}"))
        .collect()
}

fn check_demo(text: &str) -> Vec<String> {
    let named: Vec<&str> = text
        .split_whitespace()
        .filter(|w| w.starts_with("scope/"))
        .collect();
    if named.is_empty() {
        return vec!["names no rule of a family".to_owned()];
    }
    let path = |rule: &&str| root().join("rules").join(format!("{rule}.yaml"));
    let unknown = named.iter().filter(|rule| !path(rule).exists());
    unknown.map(|rule| format!("no rule {rule}")).collect()
}
