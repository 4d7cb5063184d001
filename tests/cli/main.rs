//! The program as a shell meets it: exit codes, what goes to which stream, messages with places.

#![allow(clippy::disallowed_methods, reason = "no pure room")]

mod agent;
mod control;
mod files;
mod generate;
mod keys;
mod learned_file;
mod learning;
mod pages;
mod records;
mod replay;
mod replay_files;
mod rules;
mod secrets;

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

/// What a run of the program left.
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Ran {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {}", self.out))
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs the program in `folder`, with none of our variables in its environment.
fn run_in(folder: &Path, args: &[&str]) -> Ran {
    run_with(folder, args, &[], "")
}

fn run(args: &[&str]) -> Ran {
    run_in(root(), args)
}

fn run_with(folder: &Path, args: &[&str], env: &[(&str, &str)], input: &str) -> Ran {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("scopewatch"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SCOPEWATCH_") {
            command.env_remove(name);
        }
    }
    let command = command.current_dir(folder).envs(env.iter().copied());
    let output = command.args(args).write_stdin(input).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap();
    Ran {
        code,
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

fn write(folder: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    path
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn help_tells_the_exit_codes_and_every_command_has_examples() {
    let help = run(&["--help"]);
    assert_eq!(help.code, 0);
    assert!(
        help.out.contains("3  the configuration is bad"),
        "{}",
        help.out
    );
    let commands: [&[&str]; 29] = [
        &["approve"],
        &["deny"],
        &["confirm"],
        &["withdraw"],
        &["verdict"],
        &["rearm"],
        &["accept"],
        &["rules", "check"],
        &["rules", "test"],
        &["rules", "list"],
        &["rules", "fields"],
        &["scope", "check"],
        &["scope", "draft"],
        &["map", "test"],
        &["agent", "tree"],
        &["agent", "freeze"],
        &["agent", "unfreeze"],
        &["agent", "reset"],
        &["agent", "import"],
        &["class", "import"],
        &["class", "freeze"],
        &["class", "unfreeze"],
        &["class", "reset"],
        &["keys", "generate"],
        &["keys", "jwks"],
        &["config", "show"],
        &["config", "check"],
        &["completions"],
        &[],
    ];
    for command in commands {
        let help = run(&[command, &["--help"]].concat());
        assert!(help.out.contains("Examples:"), "{command:?}: {}", help.out);
    }
}

#[test]
fn a_wrong_argument_is_told_on_stderr_alone() {
    let ran = run(&["rules", "chek"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("check"), "{}", ran.err);
}

#[test]
fn a_key_is_made_once_and_published() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    let made = run_in(folder.path(), &["keys", "generate", "--out", "k.pem"]);
    assert_eq!(made.code, 0, "{}", made.err);
    let path = folder.path().join("k.pem");
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let before = fs::read(&path).unwrap();
    let again = run_in(folder.path(), &["keys", "generate", "--out", "k.pem"]);
    assert_eq!((again.code, again.out.as_str()), (2, ""));
    assert_eq!(fs::read(&path).unwrap(), before);

    let ran = run_in(folder.path(), &["keys", "jwks", "k.pem"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let json = ran.json();
    assert_eq!(json["keys"][0]["kid"], made.out.trim_end());
    assert_eq!(json["keys"][0]["crv"], "Ed25519");
    assert_eq!(
        json["keys"][0].get("d"),
        None,
        "the private half is not published"
    );

    write(&folder, "none.pem", "nothing of the kind");
    let ran = run_in(folder.path(), &["keys", "jwks", "none.pem"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("none.pem: ") && !ran.err.contains("nothing of the kind"));
}

#[test]
fn an_unknown_configuration_key_is_told_with_the_nearest() {
    let folder = folder();
    write(
        &folder,
        "c.toml",
        "workers = 2\n[kafka]\nbootstrap_server = \"x:1\"\n[stor]\nkind = 1\n",
    );
    let ran = run_in(folder.path(), &["config", "check", "--config", "c.toml"]);
    assert_eq!((ran.code, ran.out.as_str()), (3, ""));
    assert!(ran.err.contains("c.toml:3:1: error: "), "{}", ran.err);
    assert!(ran.err.contains("`kafka.bootstrap_servers`"), "{}", ran.err);
    assert!(
        ran.err.contains("c.toml:4:"),
        "every problem in one run: {}",
        ran.err
    );
}

#[test]
fn configuration_is_shown_from_file_environment_and_flag_without_secrets() {
    let folder = folder();
    write(
        &folder,
        "c.toml",
        "workers = 2\n[kafka]\nproperties = { \"sasl.password\" = \"hunter2\" }\n",
    );
    let args = [
        "config",
        "show",
        "--config",
        "c.toml",
        "--set",
        "kafka.group_id=from-flag",
    ];
    let env = [
        ("SCOPEWATCH_KAFKA__GROUP_ID", "from-env"),
        ("SCOPEWATCH_TIME", "event"),
    ];
    let ran = run_with(folder.path(), &args, &env, "");
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("group_id = \"from-flag\""), "{}", ran.out);
    assert!(ran.out.contains("time = \"event\""), "{}", ran.out);
    assert!(!format!("{}{}", ran.out, ran.err).contains("hunter2"));
    assert_eq!(run(&["config", "show", "--set", "kafka.group_id"]).code, 2);
    assert_eq!(run(&["config", "show", "--set", "kafka.group=x"]).code, 3);
    assert_eq!(run(&["config", "show", "--config", "no-such.toml"]).code, 3);
}

#[test]
fn config_check_reads_the_files_that_settings_name() {
    let folder = folder();
    let raw = "[[raw]]\ntopic = \"t\"\nmapping = \"m.jq\"\n";
    write(&folder, "c.toml", raw);
    write(&folder, "m.jq", ".a |");
    let ran = run_in(folder.path(), &["config", "check", "--config", "c.toml"]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert!(ran.err.contains("m.jq:1:"), "{}", ran.err);
}

#[test]
fn completions_are_written_for_a_shell() {
    let ran = run(&["completions", "bash"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(ran.out.contains("_scopewatch()"));
}

#[test]
fn a_reader_that_has_seen_enough_is_success() {
    let program = assert_cmd::cargo::cargo_bin!("scopewatch");
    for args in [["rules", "fields"], ["completions", "bash"]] {
        let mut child = std::process::Command::new(program)
            .args(args)
            .current_dir(root())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    }
}

#[test]
fn a_full_standard_output_is_a_failure() {
    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let program = assert_cmd::cargo::cargo_bin!("scopewatch");
    let status = std::process::Command::new(program)
        .args(["rules", "fields"])
        .current_dir(root())
        .stdout(full)
        .stderr(std::process::Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(4));
}
