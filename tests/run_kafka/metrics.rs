//! The metrics page of a running instance: every metric on it leaves zero.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rdkafka::producer::{BaseRecord, Producer};
use scopewatch::engine::partitioner::partition_of_key;
use serde_json::{Value, json};

use super::records::create_raw;
use super::support::fleet::Records;
use super::support::kafka::{bootstrap, produce, producer, send};
use super::support::service::{PATIENCE, Service, Site};

/// Metrics that stay at zero in a short and healthy run.
const QUIET: [&str; 8] = [
    // Need a key: see `key_rotation.rs`.
    "scopewatch_signing_key_loads_total",
    "scopewatch_signing_keys_published",
    // Needs a partition that cannot go on.
    "scopewatch_partitions_stopped",
    // Not zero for less than a second.
    "scopewatch_partitions_restoring",
    // Nothing is flushed within seconds, so nothing is compacted.
    "scopewatch_store_file_bytes",
    "scopewatch_store_compaction_pending_bytes",
    // Need a broken disk or a slow one.
    "scopewatch_store_background_errors",
    "scopewatch_store_write_stalled",
];
const AGENTS: usize = 10;
const TENANT: &str = "acme";

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_millis()).unwrap()
}

/// The address that the service has chosen and logged.
pub(super) fn address_of(service: &mut Service) -> String {
    let until = Instant::now() + PATIENCE;
    loop {
        let served = service.said().into_iter().find_map(|line| {
            let event: Value = serde_json::from_str(&line).ok()?;
            let found = event["message"] == "health and metrics served";
            found.then(|| event["address"].as_str().map(str::to_owned))?
        });
        if let Some(address) = served {
            return address;
        }
        service.check();
        assert!(Instant::now() < until, "{}", service.last_words());
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub(super) fn page(address: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some(text.split_once("\r\n\r\n")?.1.to_owned())
}

/// Each metric's name with the largest of its samples.
fn largest(page: &str) -> BTreeMap<String, f64> {
    let mut found = BTreeMap::new();
    let mut name = String::new();
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            name = rest.split(' ').next().unwrap().to_owned();
            found.insert(name.clone(), 0.0);
        } else if line.starts_with(&name) && !line.starts_with('#') {
            let value: f64 = line.rsplit(' ').next().unwrap().parse().unwrap();
            let most = found.get_mut(&name).unwrap();
            *most = f64::max(*most, value);
        }
    }
    found
}

fn key(agent: &str) -> String {
    format!("{TENANT}/{agent}")
}

fn action(agent: &str, event: &str, verb: &str) -> (String, String) {
    let record = json!({
        "tenant": TENANT,
        "agent": {"id": agent, "type": "clerk"},
        "event_id": event,
        "occurred_at": now_ms(),
        "credential": {"id": format!("cred-{agent}"), "issuer": "https://id.example"},
        "tool": {"name": "sql"},
        "action": {"verb": verb},
        "resource": {"type": "database.table", "id": "t"},
        "not_of_the_schema": 1,
    });
    (key(agent), record.to_string())
}

/// An action in another partition than its key's.
fn misplace(servers: &str, topic: &str) {
    let (key, value) = action("clerk-1", "misplaced", "read");
    let home = partition_of_key(key.as_bytes(), 4);
    let producer = producer(servers);
    let record = BaseRecord::to(topic).partition((home + 1) % 4);
    send(
        &producer,
        record.key(key.as_bytes()).payload(value.as_bytes()),
    );
    producer.flush(PATIENCE).unwrap();
}

fn scopes() -> Records {
    let now_ms = now_ms();
    let scope = |n: usize| {
        let agent = format!("clerk-{n}");
        let record = json!({
            "scope_id": format!("s-{n}"),
            "tenant": TENANT,
            "agent": {"id": agent, "type": "clerk"},
            "status": "active",
            "effective_from": now_ms - 3_600_000,
            "expires_at": now_ms + 3_600_000,
            "grants": [{"resource_types": ["database.*"], "verbs": ["read"]}],
        });
        (key(&agent), record.to_string())
    };
    (0..AGENTS).map(scope).collect()
}

/// Deletes that their scopes do not allow, one of them reported twice; actions of an undeclared
/// agent, of which one is deferred; a malformed record.
fn actions() -> Records {
    let mut actions: Records = (0..AGENTS)
        .map(|n| action(&format!("clerk-{n}"), &format!("e-{n}"), "delete"))
        .collect();
    actions.push(actions[0].clone());
    actions.extend((0..3).map(|n| action("stranger", &format!("x-{n}"), "read")));
    actions.push((key("clerk-0"), "not json".to_owned()));
    actions
}

/// Confirmations of the identity system, one for each request. Waits for the first request: a plan
/// that awaits a decision moves the metric of requests too, and may be counted before it.
fn confirmations(site: &Site) -> Records {
    let until = Instant::now() + PATIENCE;
    let requests = loop {
        let requests = site.read_all("revocations");
        if !requests.is_empty() {
            break requests;
        }
        assert!(Instant::now() < until, "no request was sent");
        std::thread::sleep(Duration::from_millis(100));
    };
    let each = requests.iter().map(|request| {
        let key = String::from_utf8(request.key.clone().unwrap()).unwrap();
        let claims: Value = serde_json::from_str(&request.text()).unwrap();
        let record = json!({
            "tenant": TENANT,
            "agent": {"id": key.split_once('/').unwrap().1},
            "by": "idp",
            "at": now_ms(),
            "confirmation": {"txn": claims["txn"], "result": "done"},
        });
        (key, record.to_string())
    });
    each.collect()
}

/// A site on append time with everything that changes a metric: requests that are sent, a budget, a
/// short wait for few deferred actions, a foreign input whose records are malformed.
fn site(servers: &str) -> Site {
    let site = Site::new(servers, "metrics");
    let change = |name: &str, changes: &[(&str, &str)]| {
        let path = site.path(name);
        let mut text = std::fs::read_to_string(&path).unwrap();
        for (from, to) in changes {
            assert!(text.contains(from), "{from}");
            text = text.replace(from, to);
        }
        std::fs::write(path, text).unwrap();
    };
    site.revoke_at_once();
    change(
        "rules/response.yaml",
        &[("agents-per-hour: 10", "agents-per-hour: 1")],
    );
    let (raw, mapping) = (site.topic("raw"), site.path("nothing.jq"));
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/agent-action.avsc");
    std::fs::write(&mapping, "empty\n").unwrap();
    change(
        "scopewatch.toml",
        &[
            ("time = \"event\"", "time = \"append\""),
            ("listen = \"\"", "listen = \"127.0.0.1:0\""),
        ],
    );
    site.append_config(&format!(
        "tick_s = 1\n[limits]\nhold_s = 8\ndeferred_per_agent_max = 1\n\
         [[raw]]\ntopic = \"{raw}\"\nmapping = {mapping:?}\n\
         [schema.ids]\n17 = {schema:?}\n"
    ));
    site.create_topics();
    create_raw(servers, &raw);
    produce(servers, &raw, &[("", "{}")]);
    site
}

/// Metrics that were not zero in any of the readings so far.
struct Moved {
    address: String,
    names: BTreeSet<String>,
    page: String,
}

impl Moved {
    /// Reads the page until none of these has stayed at zero.
    fn wait(&mut self, service: &mut Service, wanted: impl Fn(&str) -> bool) {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(page) = page(&self.address) {
                let found = largest(&page);
                let moved = found.iter().filter(|(_, most)| **most > 0.0);
                self.names.extend(moved.map(|(name, _)| name.clone()));
                let still = |name: &&String| wanted(name) && !self.names.contains(*name);
                let still: Vec<_> = found.keys().filter(still).collect();
                if still.is_empty() {
                    self.page = page;
                    return;
                }
                assert!(
                    Instant::now() < until,
                    "{still:?} never moved:\n{page}\n{}",
                    service.last_words()
                );
            }
            service.check();
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn value(&self, sample: &str) -> Option<f64> {
        let line = self.page.lines().find(|line| line.starts_with(sample))?;
        line.rsplit(' ').next()?.parse().ok()
    }
}

#[test]
fn every_metric_on_the_page_is_moved_by_something() {
    let Some(servers) = bootstrap() else { return };
    let site = site(&servers);
    produce(&servers, &site.topic("scopes"), &scopes());
    let mut service = site.start("a");
    let address = address_of(&mut service);
    service.wait_ran(4);
    produce(&servers, &site.topic("actions"), &actions());
    misplace(&servers, &site.topic("actions"));
    let mut moved = Moved {
        address,
        names: BTreeSet::new(),
        page: String::new(),
    };
    // The deferred action waits only for `hold_s`, so its gauge is read before anything that takes
    // as long.
    moved.wait(&mut service, |name| {
        name.contains("revocation_requests") || name == "scopewatch_actions_held"
    });
    produce(&servers, &site.topic("control"), &confirmations(&site));
    // These change every metric except the lag.
    moved.wait(&mut service, |name| {
        !QUIET.contains(&name) && name != "scopewatch_lag_records"
    });
    // A schema id that is not configured pauses its partition, so its records stay unread.
    let unknown = [&[0, 0, 0, 0, 99][..], b"avro"].concat();
    let held = [(key("clerk-0").into_bytes(), unknown)];
    produce(&servers, &site.topic("actions"), &held);
    moved.wait(&mut service, |name| !QUIET.contains(&name));

    let count = f64::from(u32::try_from(AGENTS).unwrap());
    for (sample, least) in [
        ("scopewatch_records_total{input=\"actions\"}", count + 5.0),
        ("scopewatch_records_total{input=\"raw\"}", 1.0),
        ("scopewatch_records_total{input=\"scopes\"}", count),
        ("scopewatch_dead_letters_total{reason=\"not_json\"}", 1.0),
        ("scopewatch_revocation_requests_total{mode=\"auto\"}", 1.0),
        (
            "scopewatch_revocation_requests_total{mode=\"waiting\"}",
            1.0,
        ),
        ("scopewatch_partition_events_total{event=\"assigned\"}", 4.0),
        ("scopewatch_partition_events_total{event=\"restored\"}", 4.0),
        ("scopewatch_partition_events_total{event=\"paused\"}", 1.0),
        ("scopewatch_bundles_total{result=\"activated\"}", 1.0),
    ] {
        let value = moved.value(sample).unwrap_or_default();
        assert!(value >= least, "{sample} is {value}\n{}", moved.page);
    }
    assert_eq!(
        moved.value("scopewatch_dead_letters_total{reason=\"not_json\"}"),
        Some(1.0)
    );
    let said = service.said();
    let letter = "\"dead letter\"";
    let told = said.iter().filter(|line| line.contains(letter)).count();
    assert_eq!(told, 1, "{said:#?}");
    assert_eq!(service.terminate().0, Some(0));
}
