//! The README's own commands and what it says that they print.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::{folder, root, run_in, write};

/// The first block of `form` after `heading` that holds `word`.
fn block(heading: &str, form: &str, word: &str) -> String {
    let text = fs::read_to_string(root().join("README.md")).unwrap();
    let from = text.find(heading).unwrap();
    let fence = format!("```{form}\n");
    let mut blocks = text[from..].split(&fence).skip(1);
    let found = blocks.find_map(|rest| {
        let block = rest.split("```").next()?;
        block.contains(word).then(|| block.to_owned())
    });
    found.unwrap_or_else(|| panic!("no block of {form} with {word}"))
}

/// Copies what the README's commands read.
fn workspace() -> TempDir {
    let folder = folder();
    for part in ["rules", "schemas", "tests/corpora"] {
        copy(&root().join(part), &folder.path().join(part));
    }
    folder
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (from, name) = entry.map(|e| (e.path(), e.file_name())).unwrap();
        match from.is_dir() {
            true => copy(&from, &to.join(name)),
            false => drop(fs::copy(&from, to.join(name)).unwrap()),
        }
    }
}

/// Runs a block as a shell would, and says what it told.
fn shell(folder: &Path, block: &str) -> String {
    let program = assert_cmd::cargo::cargo_bin!("scopewatch");
    let path = format!(
        "{}:{}",
        program.parent().unwrap().display(),
        std::env::var("PATH").unwrap()
    );
    let output = Command::new("sh")
        .args(["-e", "-c", block])
        .env("PATH", path)
        .current_dir(folder)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{block}\n{told}");
    told
}

#[test]
fn the_alert_is_what_its_command_prints() {
    let folder = workspace();
    let action = block("## Read an alert", "json", "gw1-88213");
    write(&folder, "actions.jsonl", &action);
    write(
        &folder,
        "scopes.jsonl",
        &block("## Declare a scope", "json", "sales-report-4711"),
    );
    let command = "scopewatch replay --actions actions.jsonl --scopes scopes.jsonl --alerts -";
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    assert!(readme.contains(command));
    let args: Vec<&str> = command.split(' ').skip(1).collect();
    let ran = run_in(folder.path(), &args);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let mut printed: Value = serde_json::from_str(&ran.out).unwrap();
    let shown = block(
        "## Read an alert",
        "json",
        "\"schema\": \"scopewatch.alert/1\"",
    );
    let mut shown: Value = serde_json::from_str(&shown).unwrap();
    // The hash of the rules changes with every word of them.
    for alert in [&mut printed, &mut shown] {
        assert!(alert["bundle"].take().is_string());
    }
    assert_eq!(printed, shown);
}

#[test]
fn your_own_records_go_as_they_are_told() {
    let folder = workspace();
    let heading = "## Your own records";
    let told = shell(folder.path(), &block(heading, "sh", "scope draft"));
    assert!(told.contains("0 errors"), "{told}");
    shell(folder.path(), &block(heading, "sh", "replay --rules"));
    // The draft allows what was seen.
    assert_eq!(
        fs::read_to_string(folder.path().join("alerts.jsonl")).unwrap(),
        ""
    );
    write(
        &folder,
        "my-rules/scopes/own.yaml",
        &block("## Declare a scope", "yaml", "template:"),
    );
    shell(
        folder.path(),
        "scopewatch scope check my-rules/scopes/*.yaml",
    );
}

#[test]
fn a_generated_fleet_is_judged_with_its_templates() {
    let folder = workspace();
    let help = run_in(folder.path(), &["generate", "--help"]).out;
    let part = &help[help.find("    cp -r rules").unwrap()..];
    let commands: String = part.split("  A million").next().unwrap().to_owned();
    let make = "scopewatch generate --out fleet --actions 1500 --agents 30 --attacks none";
    shell(folder.path(), make);
    shell(
        folder.path(),
        &commands.replace("--learn-until 2026-01-12T00:00:00Z", ""),
    );
    let alerts = fs::read_to_string(folder.path().join("alerts.jsonl")).unwrap();
    assert!(!alerts.contains("Undeclared agent"), "{alerts}");
}
