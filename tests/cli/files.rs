//! Files that a directory or the configuration names: each problem is told, with its place.

use std::fs;

use super::{folder, run_in, run_with, write};

const RULE: &str = "title: x\nlevle: low\n";

#[test]
fn one_bad_rule_file_hides_no_other() {
    let folder = folder();
    write(&folder, "own/scope/typo.YAML", &format!("\u{feff}{RULE}"));
    write(&folder, "own/scope/empty.yml", "\n");
    fs::write(folder.path().join("own/scope/bytes.yaml"), b"title: \xff\n").unwrap();
    let ran = run_in(folder.path(), &["rules", "check", "--rules", "own"]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    for told in [
        "own/scope/bytes.yaml: error: not UTF-8 text, in line 1",
        "own/scope/empty.yml: error: an empty file",
        "own/scope/typo.YAML:1:1: error: ",
    ] {
        assert!(ran.err.contains(told), "{told}: {}", ran.err);
    }
}

#[test]
fn a_template_with_a_byte_order_mark_is_read() {
    let folder = folder();
    let template = "\u{feff}template: a/b\napplies-to: {agents: [x]}\ngrants:\n  - \
                    resource-types: [file]\n";
    write(&folder, "t.YAML", template);
    let ran = run_in(folder.path(), &["scope", "check", "t.YAML"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.err.contains("1 template"), "{}", ran.err);
}

#[test]
fn a_time_of_its_own_in_a_rule_test_is_refused_at_its_place() {
    let folder = folder();
    let shipped = fs::read_to_string(super::root().join("README.md")).unwrap();
    let start = shipped.find("title: Many confidential").unwrap();
    let rule = shipped[start..].split("```").next().unwrap();
    let events = "{resource.type: customer.profile,";
    let line = rule[..rule.find(events).unwrap()].lines().count();
    let timed = rule.replacen(
        events,
        "{occurred_at: 5, resource.type: customer.profile,",
        1,
    );
    write(&folder, "own/policy/r.yaml", &timed);
    let ran = run_in(folder.path(), &["rules", "check", "--rules", "own"]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    let told = format!("own/policy/r.yaml:{line}:10: error: ");
    assert!(
        ran.err.contains(&told) && ran.err.contains("`at`"),
        "{told}: {}",
        ran.err
    );
}

#[test]
fn config_check_looks_at_every_file_though_a_value_is_bad() {
    let folder = folder();
    let config = "workers = 0\n[rules]\npath = \"own\"\n[signing]\nissuer = \"x\"\n\
                  key_file = \"none.pem\"\n\
                  [control]\nkeys = \"m.jq\"\n[[raw]]\ntopic = \"t\"\nmapping = \"m.jq\"\n\
                  [[raw]]\ntopic = 7\n[schema.ids]\n7 = \"none.avsc\"\n";
    write(&folder, "c.toml", config);
    write(&folder, "m.jq", ".a |");
    write(&folder, "own/scope/typo.yaml", RULE);
    let ran = run_in(folder.path(), &["config", "check", "--config", "c.toml"]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    for told in [
        "c.toml:1:11: error: `workers`",
        "c.toml:6: error: `signing.key_file`: none.pem",
        "c.toml:8: error: `control.keys`: m.jq: not a JSON Web Key Set",
        "c.toml:11: error: `raw.mapping`: m.jq:1:",
        "a `[[raw]]` entry needs `mapping`",
        "c.toml:14: error: `schema.ids`: none.avsc",
        "own/scope/typo.yaml:1:1: error: ",
    ] {
        assert!(ran.err.contains(told), "{told}: {}", ran.err);
    }
}

#[test]
fn a_rules_directory_that_is_named_must_be_there() {
    let folder = folder();
    let args = ["config", "check"];
    let ran = run_in(folder.path(), &args);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let env = [("SCOPEWATCH_RULES__PATH", "nowhere")];
    let ran = run_with(folder.path(), &args, &env, "");
    assert_eq!(ran.code, 3, "{}", ran.err);
    let told = "environment variable SCOPEWATCH_RULES__PATH: error: `rules.path`: nowhere";
    assert!(ran.err.contains(told), "{}", ran.err);
    #[cfg(feature = "kafka")]
    {
        let ran = run_with(folder.path(), &["run"], &env, "");
        assert_eq!(ran.code, 3, "{}", ran.err);
        assert!(ran.err.contains("SCOPEWATCH_RULES__PATH"), "{}", ran.err);
    }
}

#[test]
fn a_key_or_a_draft_is_never_a_file_called_minus() {
    let folder = folder();
    let ran = run_in(folder.path(), &["keys", "generate", "--out", "-"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(!folder.path().join("-").exists());
}
