//! A generated fleet. Its records are produced to Kafka as a gateway would, and replayed from files
//! for the expected result.

use std::path::Path;
use std::time::{Duration, Instant};

use rdkafka::producer::{BaseRecord, Producer};
use serde_json::Value;

use super::kafka::{produce, producer, send};
use super::service::{ISSUER, Site, copy_tree, expect_code};
use super::verdicts::Verdicts;

/// Records of one topic: key and value.
pub type Records = Vec<(String, String)>;

/// The records of a simulated fleet.
pub struct Fleet {
    pub scopes: Records,
    pub control: Records,
    pub actions: Records,
}

impl Fleet {
    /// Generates a fleet into the site's folder; its class templates join the site's rules.
    pub fn generate(site: &Site, actions: usize, seed: u64) -> Fleet {
        let (out, count, seed) = (site.text("fleet"), actions.to_string(), seed.to_string());
        let options = ["--agents", "150", "--rate", "2", "--attacks", "scope"];
        let wanted = [
            "generate",
            "--out",
            &out,
            "--actions",
            &count,
            "--seed",
            &seed,
        ];
        expect_code(0, &[&wanted[..], &options[..]].concat());
        copy_tree(&site.path("fleet/scopes"), &site.path("rules/scopes"));
        // What a class has learned is known in another partition a moment later. So which action
        // finds it known depends on the moment, here as in production: nothing to compare.
        std::fs::remove_dir_all(site.path("rules/behaviour")).unwrap();
        let fleet = Fleet {
            scopes: records(&site.path("fleet/scopes.jsonl")),
            control: records(&site.path("fleet/control.jsonl")),
            actions: records(&site.path("fleet/actions.jsonl")),
        };
        assert_eq!(fleet.actions.len(), actions);
        fleet
    }

    /// Produces scopes and control records, before the first action.
    pub fn declare(&self, site: &Site) {
        produce(&site.servers, &site.topic("scopes"), &self.scopes);
        produce(&site.servers, &site.topic("control"), &self.control);
    }

    /// The alerts and requests that `replay` writes for the files, with the site's rules and key.
    pub fn replayed(site: &Site) -> Verdicts {
        let file = |name: &str| site.text(&format!("fleet/{name}.jsonl"));
        let (actions, scopes, control) = (file("actions"), file("scopes"), file("control"));
        let (rules, partitions) = (site.text("rules"), site.partitions.to_string());
        let (alerts, requests) = (site.text("alerts.jsonl"), site.text("requests.jsonl"));
        let key = site.text("signing.pem");
        let mut arguments = vec![
            "replay",
            "--open-end",
            "--actions",
            &actions,
            "--scopes",
            &scopes,
            "--control",
            &control,
            "--rules",
            &rules,
            "--partitions",
            &partitions,
            "--alerts",
            &alerts,
            "--revocations",
            &requests,
        ];
        if site.path("signing.pem").exists() {
            arguments.extend(["--signing-key", &key, "--issuer", ISSUER]);
        }
        expect_code(0, &arguments);
        Verdicts::of_files(Path::new(&alerts), Path::new(&requests))
    }
}

/// Produces actions evenly over `time`, as a busy gateway would.
pub fn feed(servers: &str, topic: &str, actions: &[(String, String)], time: Duration) {
    let producer = producer(servers);
    let started = Instant::now();
    for (n, (key, value)) in actions.iter().enumerate() {
        let due = time.mul_f64(n as f64 / actions.len() as f64);
        let mut early = due.saturating_sub(started.elapsed());
        while !early.is_zero() {
            producer.poll(early.min(Duration::from_millis(5)));
            early = due.saturating_sub(started.elapsed());
        }
        let record = BaseRecord::to(topic);
        send(
            &producer,
            record.key(key.as_bytes()).payload(value.as_bytes()),
        );
    }
    producer.flush(Duration::from_secs(60)).unwrap();
}

/// The lines of a file, each with the key that a gateway gives it.
fn records(path: &Path) -> Records {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| (key_of(line), line.to_owned()))
        .collect()
}

fn key_of(line: &str) -> String {
    let record: Value = serde_json::from_str(line).unwrap();
    let agent = record["agent"]["id"]
        .as_str()
        .or_else(|| record["agent_id"].as_str());
    format!("{}/{}", record["tenant"].as_str().unwrap(), agent.unwrap())
}
