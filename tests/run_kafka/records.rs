//! Malformed records among good ones, and foreign records through a mapping.

use std::time::Duration;

use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer};
use scopewatch::kafka::{CleanupPolicy, TimestampType, TopicAdmin, TopicSpec};

use super::support::fleet::Fleet;
use super::support::kafka::{ReadRecord, bootstrap, options, produce, producer, send};
use super::support::service::{PATIENCE, Site, expect_code, root};
use super::support::verdicts::{Verdicts, wait_for_causes};

/// A record that cannot be read, with the stage and class that its dead letter must have.
struct Bad {
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    stage: &'static str,
    class: &'static str,
}

fn bad(key: &str, value: impl Into<Vec<u8>>, stage: &'static str, class: &'static str) -> Bad {
    Bad {
        key: Some(key.into()),
        value: Some(value.into()),
        stage,
        class,
    }
}

/// Unpacked size of a value that no dead letter can carry.
const GIANT_BYTES: usize = 5_000_000;
/// Bytes of a key that even our producer does not accept.
const GIANT_KEY_BYTES: usize = 9_000_000;

fn every_kind(good: &(String, String)) -> Vec<Bad> {
    let half = good.1.len() / 2;
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let other_tenant = r#"{"tenant":"elsewhere"}"#;
    let mut unknown_schema = vec![0xC3, 0x01];
    unknown_schema.extend([7; 40]);
    vec![
        bad(&good.0, &b"not json"[..], "decode", "not_json"),
        bad(&good.0, &good.1.as_bytes()[..half], "decode", "not_json"),
        bad(&good.0, deep, "decode", "not_json"),
        bad(&good.0, vec![b'{', 0xFF, 0xFE, b'}'], "decode", "not_json"),
        bad(&good.0, unknown_schema, "decode", "malformed"),
        bad(&good.0, other_tenant, "decode", "contract"),
        bad(&good.0, Vec::new(), "decode", "not_json"),
        bad(&good.0, vec![b'a'; 300_000], "decode", "too_large"),
        bad(&good.0, vec![b'a'; GIANT_BYTES], "decode", "too_large"),
        bad(
            &"k".repeat(GIANT_KEY_BYTES),
            &b"not json"[..],
            "decode",
            "not_json",
        ),
        bad(
            "elsewhere/nobody",
            good.1.as_str(),
            "contract",
            "key_mismatch",
        ),
        Bad {
            key: Some(good.0.clone().into()),
            value: None,
            stage: "decode",
            class: "not_json",
        },
        Bad {
            key: None,
            value: Some(good.1.clone().into()),
            stage: "contract",
            class: "key_mismatch",
        },
    ]
}

#[test]
fn malformed_records_become_dead_letters_byte_for_byte_and_good_ones_are_judged() {
    let Some(servers) = bootstrap() else { return };
    let site = Site::new(&servers, "poison");
    site.create_topics();
    let fleet = Fleet::generate(&site, 6_000, 3);
    fleet.declare(&site);
    let topic = site.topic("actions");
    let (early, late) = fleet.actions.split_at(3_000);
    produce(&servers, &topic, early);
    let bad = every_kind(&fleet.actions[0]);
    for record in &bad {
        send_bad(&servers, &topic, record);
    }
    produce(&servers, &topic, late);

    let service = site.start("a");
    site.wait_settled(PATIENCE);
    assert_eq!(service.terminate().0, Some(0));
    site.check_no_open_transaction();
    let dead = site.read_all("dead_letter");
    for letter in &dead {
        println!(
            "{} {} {}",
            header(letter, "stage"),
            header(letter, "class"),
            header(letter, "message")
        );
    }
    for record in &bad {
        check_letter(&dead, record, &topic);
    }
    assert_eq!(dead.len(), bad.len());
    let mut found = Verdicts::of_topics(&site);
    found.check_schema();
    // A file has no keys, so only here a dead letter names an agent.
    let all = found.alerts.len();
    let unreadable = |alert: &serde_json::Value| alert["rule"]["title"] == "Unreadable action";
    found.alerts.retain(|alert| !unreadable(alert));
    assert!(found.alerts.len() < all);
    found.check_same(&Fleet::replayed(&site));
}

/// Checks that exactly the bytes of `record` lie in a dead letter that says what was wrong.
fn check_letter(dead: &[ReadRecord], record: &Bad, topic: &str) {
    let same = |d: &&ReadRecord| {
        let kept = |part: &Option<Vec<u8>>, own: &Option<Vec<u8>>, giant: usize, name| {
            let length = own.as_ref().map_or(0, Vec::len);
            match header(d, name) {
                dropped if dropped.is_empty() => part == own,
                dropped => length == giant && part.is_none() && dropped == giant.to_string(),
            }
        };
        kept(&d.key, &record.key, GIANT_KEY_BYTES, "key.dropped")
            && kept(&d.value, &record.value, GIANT_BYTES, "value.dropped")
    };
    let letter = dead
        .iter()
        .find(same)
        .unwrap_or_else(|| panic!("lost: {} {}", record.stage, record.class));
    assert_eq!(header(letter, "topic"), topic);
    assert_eq!(
        (header(letter, "stage"), header(letter, "class")),
        (record.stage.into(), record.class.into())
    );
    assert!(
        header(letter, "offset").parse::<i64>().is_ok() && !header(letter, "message").is_empty()
    );
    let own = letter
        .headers
        .iter()
        .find(|(name, _)| name == "traceparent");
    assert_eq!(
        own.and_then(|(_, value)| value.as_deref()),
        Some(&b"00-1\xFF"[..])
    );
}

fn header(letter: &ReadRecord, name: &str) -> String {
    let name = format!("__scopewatch.errors.{name}");
    let found = letter.headers.iter().find(|(n, _)| *n == name);
    let value = found
        .and_then(|(_, value)| value.clone())
        .unwrap_or_default();
    String::from_utf8(value).unwrap()
}

fn send_bad(servers: &str, topic: &str, record: &Bad) {
    let producer = producer(servers);
    let trace = Header {
        key: "traceparent",
        value: Some(&b"00-1\xFF"[..]),
    };
    let mut message: BaseRecord<'_, [u8], [u8]> =
        BaseRecord::to(topic).headers(OwnedHeaders::new().insert(trace));
    if let Some(key) = &record.key {
        message = message.key(key);
    }
    if let Some(value) = &record.value {
        message = message.payload(value);
    }
    send(&producer, message);
    producer.flush(Duration::from_secs(30)).unwrap();
}

/// Real records from a raw topic through a mapping give the result of `replay --mapping`.
fn backfill(name: &str, tighten: impl FnOnce(&Site)) {
    let Some(servers) = bootstrap() else { return };
    let mapping = root().join(format!("schemas/mappings/{name}.jq"));
    let site = Site::new(&servers, name);
    tighten(&site);
    let raw = site.topic("raw");
    site.append_config(&format!(
        "[[raw]]\ntopic = \"{raw}\"\nmapping = {mapping:?}\ntime = \"occurred_at\"\n"
    ));
    site.create_topics();
    create_raw(&servers, &raw);
    let file = root().join("tests/corpora").join(format!("{name}.jsonl"));
    let text = std::fs::read_to_string(&file).unwrap();
    let records: Vec<(&str, &str)> = text.lines().map(|line| ("", line)).collect();
    produce(&servers, &raw, &records);

    let [alerts, requests] = ["alerts.jsonl", "requests.jsonl"].map(|file| site.text(file));
    let (file, mapping, rules) = (
        file.display().to_string(),
        mapping.display().to_string(),
        site.text("rules"),
    );
    expect_code(
        0,
        &[
            "replay",
            "--open-end",
            "--actions",
            &file,
            "--mapping",
            &mapping,
            "--rules",
            &rules,
            "--partitions",
            "4",
            "--alerts",
            &alerts,
            "--revocations",
            &requests,
        ],
    );
    let truth = Verdicts::of_files(alerts.as_ref(), requests.as_ref());
    let causes = truth
        .causes()
        .values()
        .map(std::collections::BTreeSet::len)
        .sum();
    assert!(causes > 0, "nothing to compare");

    let service = site.start("a");
    wait_for_causes(&site, causes, PATIENCE);
    // Another record would arrive within a commit or two.
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(service.terminate().0, Some(0));
    site.check_no_open_transaction();
    let found = Verdicts::of_topics(&site);
    println!("{name}: {} alerts with {causes} causes", found.alerts.len());
    found.check_same(&truth);
    found.check_schema();
    assert_eq!(site.read_all("dead_letter"), Vec::new());
}

/// A topic as a source of foreign records would create it.
pub fn create_raw(servers: &str, topic: &str) {
    let spec = TopicSpec {
        name: topic.to_owned(),
        partitions: 1,
        replication: 1,
        cleanup: CleanupPolicy::Delete,
        timestamps: TimestampType::Any,
        message_bytes_max: 1_000_000,
        message_bytes_needed: None,
        retention_ms: None,
        co_partitioned: false,
    };
    let admin = TopicAdmin::connect(&options(servers, "admin", "admin")).unwrap();
    admin.create_topics(&[spec]).unwrap();
}

#[test]
fn foreign_tool_calls_are_judged_as_replay_judges_them() {
    backfill("agent-toolcalls", |site| {
        // The scope allows everything that these records do: remove a part of it.
        let path = site.path("rules/scopes/airline-desk.yaml");
        let text = std::fs::read_to_string(&path).unwrap();
        let less = text
            .replace("  - cancel_reservation\n", "")
            .replace("verbs: [transfer]", "verbs: [read]");
        assert!(less.len() + 20 < text.len());
        std::fs::write(path, less).unwrap();
    });
}

#[test]
fn foreign_cloud_records_are_judged_as_replay_judges_them() {
    backfill("cloudtrail", |_| ());
}
