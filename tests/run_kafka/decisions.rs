//! A plan that waits, and the people and systems that decide: every command sends its record to the
//! broker, and the running service carries it out.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::support::kafka::{ReadRecord, bootstrap, produce};
use super::support::service::{PATIENCE, Service, Site, expect_code};

pub const AGENT: &str = "acme/research-7";

pub fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_millis()).unwrap()
}

/// Waits until a record of the topic satisfies the condition; returns the first that does.
pub fn wait_until(
    site: &Site,
    service: &mut Service,
    word: &str,
    found: impl Fn(&Value) -> bool,
) -> Value {
    let until = Instant::now() + PATIENCE;
    loop {
        let records = site.read_all(word);
        let mut bodies = records.iter().map(body);
        if let Some(body) = bodies.find(|body| found(body)) {
            return body;
        }
        service.check();
        if Instant::now() >= until {
            let topics = ["alerts", "revocations", "audit", "dead_letter", "control"];
            let found = topics.map(|word| (word, site.read_all(word)));
            let found = found.map(|(word, all)| {
                let texts: Vec<String> = all.iter().map(ReadRecord::text).collect();
                (word, texts)
            });
            panic!("nothing on {word}: {found:#?}; {}", service.last_words());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn body(record: &ReadRecord) -> Value {
    serde_json::from_slice(record.value.as_deref().unwrap_or_default()).unwrap_or_default()
}

pub fn state(alert: &Value) -> &str {
    let state = &alert["revocation"]["targets"][0]["state"];
    state.as_str().unwrap_or_default()
}

/// Sends the control record of a command.
pub fn command(site: &Site, args: &[&str]) {
    let config = site.text("scopewatch.toml");
    let (_, said) = expect_code(0, &[args, &["--by", "ann", "--config", &config]].concat());
    assert!(said.contains(&site.topic("control")), "{said}");
}

/// Declares a scope that allows only reading, and lets the agent delete something.
pub fn stray(site: &Site) {
    let now_ms = now_ms();
    let scope = json!({"scope_id": "s1", "tenant": "acme", "agent": {"id": "research-7"},
        "effective_from": now_ms - 60_000, "credential_ids": ["c-1"], "issuer": "https://idp.test",
        "grants": [{"resource_types": ["database.*"], "verbs": ["read"]}]});
    produce(
        &site.servers,
        &site.topic("scopes"),
        &[(AGENT, scope.to_string())],
    );
    let action = json!({"event_id": "e1", "occurred_at": now_ms, "tenant": "acme",
        "agent": {"id": "research-7"}, "action": {"verb": "delete"}, "outcome": "allowed",
        "credential": {"id": "c-1", "issuer": "https://idp.test"},
        "resource": {"type": "database.table", "id": "x"}});
    produce(
        &site.servers,
        &site.topic("actions"),
        &[(AGENT, action.to_string())],
    );
}

/// Starts a service that asks a person, and lets an agent do what needs a decision. Returns the
/// service and the alert whose plan waits.
pub fn start_waiting(site: &Site) -> (Service, Value) {
    site.create_topics();
    site.set_default_mode("approve");
    let mut service = site.start("a");
    service.wait_ran(4);
    stray(site);
    let waits = |alert: &Value| state(alert) == "waiting";
    let alert = wait_until(site, &mut service, "alerts", waits);
    (service, alert)
}

#[test]
fn a_plan_waits_a_person_approves_and_the_request_leaves() {
    let Some(servers) = bootstrap() else { return };
    let site = Site::new(&servers, "decisions");
    // Under event time a decision waits until the actions have reached its time.
    site.use_append_time();
    let (mut service, alert) = start_waiting(&site);
    let txn = alert["revocation"]["txn"].as_str().unwrap();
    let incident = alert["incident_id"].as_str().unwrap();
    assert_eq!(
        site.read_all("revocations"),
        Vec::new(),
        "nothing is sent before"
    );

    command(&site, &["approve", AGENT, txn, "--reason", "no migration"]);
    let of_txn = |claims: &Value| claims["txn"] == txn;
    let claims = wait_until(&site, &mut service, "revocations", of_txn);
    assert_eq!(claims["sub_id"]["jti"], "c-1");
    let audited = wait_until(&site, &mut service, "audit", |entry| {
        entry["what"] == "plan_approved"
    });
    assert_eq!(
        (&audited["by"], &audited["txn"]),
        (&json!("ann"), &json!(txn))
    );

    command(&site, &["confirm", AGENT, txn, "done", "--target", "c-1"]);
    wait_until(&site, &mut service, "alerts", |alert| {
        state(alert) == "done"
    });
    command(&site, &["verdict", AGENT, incident, "true_positive"]);
    wait_until(&site, &mut service, "audit", |entry| {
        entry["what"] == "verdict_given"
    });
    command(&site, &["withdraw", AGENT, txn]);
    let taken_back = |entry: &Value| entry["what"] == "withdrawn" && entry["txn"] == txn;
    wait_until(&site, &mut service, "audit", taken_back);
    // The plan is decided: a second decision changes nothing, and the audit topic says why.
    command(&site, &["deny", AGENT, txn]);
    let ignored = |entry: &Value| entry["what"] == "control_ignored" && entry["txn"] == txn;
    wait_until(&site, &mut service, "audit", ignored);
    assert_eq!(service.terminate().0, Some(0));
    assert_eq!(site.read_all("dead_letter"), Vec::new());
}

#[test]
fn a_command_that_no_broker_takes_fails_and_says_where_it_would_have_gone() {
    let txn = "2b575c82d4b80c27affdb552a0cefccd";
    let sets = [
        "--by",
        "ann",
        "--set",
        "kafka.bootstrap_servers=127.0.0.1:1",
    ];
    let (_, said) = expect_code(4, &[&["withdraw", AGENT, txn][..], &sets].concat());
    assert!(said.contains("not sent to agent.control"), "{said}");
}
