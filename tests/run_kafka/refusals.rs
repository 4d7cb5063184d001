//! Reasons why `run` does not start: each has a clear message and its exit code.

use super::support::kafka::bootstrap;
use super::support::service::{Service, Site, expect_code, root};

#[test]
fn an_unreachable_broker_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let store = format!("store.path={}", folder.path().display());
    let broker = "kafka.bootstrap_servers=127.0.0.1:1";
    let run = ["run", "--set", broker, "--set", &store];
    let to = [
        "generate",
        "--actions",
        "10",
        "--to",
        "kafka",
        "--bootstrap",
    ];
    for args in [&run[..], &[&to[..], &["127.0.0.1:1"]].concat()] {
        let (_, err) = expect_code(4, args);
        assert!(err.contains("127.0.0.1:1"), "{err}");
    }
}

#[test]
fn a_bad_configuration_is_reported_whole() {
    let sets = ["--set", "wrokers=2", "--set", "alerts.format=xml"];
    let (_, err) = expect_code(3, &[&["run"][..], &sets].concat());
    assert!(err.contains("wrokers") && err.contains("workers"), "{err}");
    assert!(err.contains("alerts.format"), "{err}");
}

#[test]
fn a_rule_with_an_error_is_named_with_its_location_before_any_broker_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("scope")).unwrap();
    let rule = folder.path().join("scope/typo.yaml");
    let good = std::fs::read_to_string(root().join("rules/scope/tool-outside-scope.yaml")).unwrap();
    std::fs::write(&rule, good.replace("\ndetection:", "\ndetectoin:")).unwrap();
    let rules = format!("rules.path={}", folder.path().display());
    let broker = "kafka.bootstrap_servers=127.0.0.1:1";
    // Asked for, the broker would be named, with the exit code 4.
    let (_, err) = expect_code(2, &["run", "--set", &rules, "--set", broker]);
    assert!(!err.contains("127.0.0.1:1"), "{err}");
    assert!(err.contains(&format!("{}:", rule.display())), "{err}");
    assert!(err.contains("did you mean `detection`?"), "{err}");
}

#[test]
fn missing_topics_and_a_store_in_use_are_errors() {
    let Some(servers) = bootstrap() else { return };
    let site = Site::new(&servers, "refusals");
    let (code, said) = site.start("a").wait();
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("scopewatch topics create"), "{said}");
    site.create_topics();
    let mut holder = site.start("a");
    holder.wait_ran(4);
    let mut arguments = site.arguments("b");
    let last = arguments.last_mut().unwrap();
    *last = last.replace("store-b", "store-a");
    let (code, said) = Service::start(&arguments).wait();
    assert_eq!(code, Some(4), "{said}");
    assert!(
        said.contains(&site.text("store-a")) && said.contains("another process holds"),
        "{said}"
    );
    assert_eq!(holder.terminate().0, Some(0));
}
