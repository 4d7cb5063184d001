//! Confirmations that the identity system has to sign: what is unsigned, or signed by a key that is
//! not in the set, becomes a dead letter with its position, and SIGHUP reads the set again.

use std::time::{Duration, Instant};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::decisions::{AGENT, command, now_ms, start_waiting, state, wait_until};
use super::support::kafka::{ReadRecord, bootstrap, produce};
use super::support::service::{PATIENCE, Service, Site, root};

/// The public keys with these ids, of the pairs that the tests of the decoder have.
fn key_set(ids: &[&str]) -> String {
    let path = root().join("src/codec/tests/keys/jwks.json");
    let mut set: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let keys = set["keys"].as_array_mut().unwrap();
    keys.retain(|key| ids.contains(&key["kid"].as_str().unwrap_or_default()));
    assert_eq!(keys.len(), ids.len());
    set.to_string()
}

/// The record as the key `ed` signs it.
fn signed(record: &Value) -> String {
    let pem = std::fs::read(root().join("src/codec/tests/keys/ed.pem")).unwrap();
    let mut header = Header::new(Algorithm::EdDSA);
    header.kid = Some("ed".to_owned());
    encode(&header, record, &EncodingKey::from_ed_pem(&pem).unwrap()).unwrap()
}

/// Produces a control record and returns its position: partition and offset.
fn send(site: &Site, record: &str) -> (i32, i64) {
    let topic = site.topic("control");
    produce(&site.servers, &topic, &[(AGENT, record.to_owned())]);
    let sent = site.read_all("control").into_iter();
    let sent = sent.filter(|one| one.value.as_deref() == Some(record.as_bytes()));
    let newest = sent.max_by_key(|one| one.offset).unwrap();
    (newest.partition, newest.offset)
}

/// Waits for the dead letter of the control record at a position, which must be whole.
fn wait_refused(site: &Site, service: &mut Service, (partition, offset): (i32, i64), record: &str) {
    let header = |letter: &ReadRecord, name: &str| {
        let name = format!("__scopewatch.errors.{name}");
        let found = letter.headers.iter().find(|(known, _)| *known == name);
        let value = found.and_then(|(_, value)| value.clone());
        String::from_utf8(value.unwrap_or_default()).unwrap()
    };
    let until = Instant::now() + PATIENCE;
    loop {
        let dead = site.read_all("dead_letter");
        let named = |letter: &&ReadRecord| {
            header(letter, "topic") == site.topic("control")
                && header(letter, "partition") == partition.to_string()
                && header(letter, "offset") == offset.to_string()
        };
        if let Some(letter) = dead.iter().find(named) {
            assert_eq!(header(letter, "class"), "signature");
            assert_eq!(letter.value.as_deref(), Some(record.as_bytes()));
            return;
        }
        service.check();
        assert!(Instant::now() < until, "{dead:?}; {}", service.last_words());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Writes the key set, asks the service to read it, and waits until its log has `word` once more.
fn reload(service: &mut Service, site: &Site, keys: &str, word: &str) {
    let logged = |service: &Service| {
        let lines = service.said();
        lines.iter().filter(|line| line.contains(word)).count()
    };
    let before = logged(service);
    std::fs::write(site.path("jwks.json"), keys).unwrap();
    service.signal(libc::SIGHUP);
    let until = Instant::now() + PATIENCE;
    while logged(service) == before {
        service.check();
        assert!(Instant::now() < until, "{word}: {}", service.last_words());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn only_a_confirmation_that_a_key_of_the_set_signed_is_applied_and_the_set_is_read_again() {
    let Some(servers) = bootstrap() else { return };
    let site = Site::new(&servers, "signed");
    site.use_append_time();
    site.append_config(&format!("[control]\nkeys = {:?}\n", site.path("jwks.json")));
    std::fs::write(site.path("jwks.json"), key_set(&["ec"])).unwrap();
    let (mut service, alert) = start_waiting(&site);
    let txn = alert["revocation"]["txn"].as_str().unwrap();
    // A person's decision needs no signature.
    command(&site, &["approve", AGENT, txn]);
    wait_until(&site, &mut service, "revocations", |claims| {
        claims["txn"] == txn
    });

    let confirmation = || {
        json!({"tenant": "acme", "agent": {"id": "research-7"}, "by": "idp", "at": now_ms(),
            "confirmation": {"txn": txn, "target": "c-1", "result": "done"}})
    };
    let unsigned = confirmation().to_string();
    let position = send(&site, &unsigned);
    wait_refused(&site, &mut service, position, &unsigned);
    let unlisted = signed(&confirmation());
    let position = send(&site, &unlisted);
    wait_refused(&site, &mut service, position, &unlisted);
    // A set that cannot be read changes nothing.
    reload(&mut service, &site, "{}", "schemas refused");
    let position = send(&site, &unlisted);
    wait_refused(&site, &mut service, position, &unlisted);
    let done = |alert: &Value| state(alert) == "done";
    let is_done = |record: &ReadRecord| {
        let body = record.value.as_deref().unwrap_or_default();
        done(&serde_json::from_slice(body).unwrap_or_default())
    };
    assert!(!site.read_all("alerts").iter().any(is_done));

    reload(
        &mut service,
        &site,
        &key_set(&["ec", "ed"]),
        "schemas loaded",
    );
    send(&site, &signed(&confirmation()));
    wait_until(&site, &mut service, "alerts", done);
    assert_eq!(site.read_all("dead_letter").len(), 3);
    assert_eq!(service.terminate().0, Some(0));
}
