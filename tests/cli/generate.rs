//! `generate`: what is refused, and what an interrupted run leaves.

use std::fs;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use super::{folder, run_in};

#[test]
fn files_and_a_cluster_at_once_are_refused() {
    let folder = folder();
    let args = ["generate", "--out", "d", "--bootstrap", "h:1"];
    let ran = run_in(folder.path(), &args);
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(!folder.path().join("d").exists());
}

#[test]
fn templates_are_written_alone_and_are_rules_that_load() {
    let folder = folder();
    let ran = run_in(folder.path(), &["generate", "--templates", "rules/scopes"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let written = fs::read_dir(folder.path().join("rules/scopes")).unwrap();
    assert_eq!(written.count(), 2);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    let ran = run_in(folder.path(), &["rules", "check", "--rules", "rules"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
}

/// A running program, which ends with the test, also with one that fails.
struct KilledOnDrop(Option<Child>);

impl KilledOnDrop {
    fn id(&self) -> String {
        self.0.as_ref().unwrap().id().to_string()
    }

    fn wait_with_output(mut self) -> Output {
        self.0.take().unwrap().wait_with_output().unwrap()
    }
}

impl Drop for KilledOnDrop {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn a_live_run_has_every_record_in_its_files_and_ends_when_asked() {
    for (form, ending) in [("jsonl", "jsonl"), ("avro", "avro")] {
        let folder = folder();
        let args = [
            "generate", "--out", ".", "--live", "--rate", "200", "--agents", "50", "--format",
        ];
        let child = Command::new(assert_cmd::cargo::cargo_bin!("scopewatch"))
            .args(args)
            .arg(form)
            .current_dir(folder.path())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let child = KilledOnDrop(Some(child));
        let actions = folder.path().join(format!("actions.{ending}"));
        let started = Instant::now();
        let head = if form == "avro" { 20_000 } else { 0 };
        while fs::metadata(&actions).map_or(0, |m| m.len()) <= head {
            assert!(started.elapsed() < Duration::from_secs(30), "{form}");
            std::thread::sleep(Duration::from_millis(20));
        }
        let pid = child.id();
        assert!(
            Command::new("kill")
                .args(["-INT", &pid])
                .status()
                .unwrap()
                .success()
        );
        let output = child.wait_with_output();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{told}");
        assert!(folder.path().join("labels.jsonl").exists());
        let name = format!("actions.{ending}");
        let args = ["replay", "--actions", &name, "--summary", "json"];
        let ran = run_in(folder.path(), &args);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(
            told.starts_with(&format!("{} actions", ran.json()["records"])),
            "{told}"
        );
    }
}
