//! Alerts and requests from Kafka or from files, in a form that can be compared.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use serde_json::Value;

use super::kafka::ReadRecord;
use super::service::{ISSUER, Site};

/// Alerts and revocation requests.
#[derive(Debug, Default)]
pub struct Verdicts {
    pub alerts: Vec<Value>,
    /// The signed requests as they were sent.
    pub requests: Vec<String>,
}

/// Event ids by rule id and agent.
pub type Causes = BTreeMap<(String, String), BTreeSet<String>>;

impl Verdicts {
    pub fn of_files(alerts: &Path, requests: &Path) -> Verdicts {
        let read = |path: &Path| std::fs::read_to_string(path).unwrap();
        Verdicts {
            alerts: read(alerts).lines().map(alert).collect(),
            requests: read(requests).lines().map(str::to_owned).collect(),
        }
    }

    /// The alerts and requests that a `read_committed` reader finds now. Each has its message id in
    /// the header too. No id of an alert may appear twice. A request may: it is sent again under
    /// the same id while nobody confirms it. How often is compared with a replay.
    pub fn of_topics(site: &Site) -> Verdicts {
        let [alerts, requests] = ["alerts", "revocations"].map(|word| site.read_all(word));
        let mut ids = BTreeSet::new();
        for record in alerts.iter().chain(&requests) {
            let header = record.headers.iter().find(|(name, _)| name == "message-id");
            let id = header
                .and_then(|(_, value)| value.clone())
                .expect("a message id");
            let id = String::from_utf8(id).unwrap();
            if let Ok(alert) = serde_json::from_str::<Value>(&record.text()) {
                assert!(alert["message_id"] == id.as_str() || alert["jti"] == id.as_str());
            }
            let is_alert = record.text().starts_with('{');
            let is_new = ids.insert(id);
            assert!(is_new || !is_alert, "a message id twice: {}", record.text());
        }
        Verdicts {
            alerts: alerts.iter().map(|record| alert(&record.text())).collect(),
            requests: requests.iter().map(ReadRecord::text).collect(),
        }
    }

    /// Event ids that caused alerts, by rule and agent. The event of an alert about a scope record
    /// is the position of that record, which is another one in a file.
    pub fn causes(&self) -> Causes {
        let mut all = Causes::new();
        for alert in &self.alerts {
            let word = |value: &Value| match value.as_str().unwrap() {
                id if id.contains(".scopes/") || id.starts_with("replay/") => "a scope".to_owned(),
                id => id.to_owned(),
            };
            let agent = format!("{}/{}", word(&alert["tenant"]), word(&alert["agent_id"]));
            let events = all.entry((word(&alert["rule"]["id"]), agent)).or_default();
            events.extend(alert["event_ids"].as_array().unwrap().iter().map(word));
        }
        all
    }

    /// The ids of requests by target and kind, and how many messages they are.
    pub fn asked(&self) -> BTreeMap<String, (BTreeSet<String>, usize)> {
        let mut all = BTreeMap::<String, (BTreeSet<String>, usize)>::new();
        for request in &self.requests {
            let claims = claims(request);
            let kind: Vec<&String> = claims["events"].as_object().unwrap().keys().collect();
            let (ids, count) = all
                .entry(format!("{kind:?} {}", claims["sub_id"]))
                .or_default();
            ids.insert(claims["jti"].as_str().unwrap().to_owned());
            *count += 1;
        }
        all
    }

    /// Checks every alert against our published schema.
    pub fn check_schema(&self) {
        static SCHEMA: OnceLock<jsonschema::Validator> = OnceLock::new();
        let validator = SCHEMA.get_or_init(|| {
            let text = include_str!("../../schemas/alert.schema.json");
            let schema = serde_json::from_str(text).expect("JSON");
            jsonschema::draft202012::new(&schema).expect("a schema")
        });
        for alert in &self.alerts {
            let errors: Vec<_> = validator
                .iter_errors(alert)
                .map(|e| e.to_string())
                .collect();
            assert!(errors.is_empty(), "{errors:?}\n{alert:#}");
        }
    }

    /// Checks that every request verifies with the published keys and is named in an alert.
    pub fn check_signatures(&self, keys: &Value) {
        let txns: BTreeSet<&str> = self
            .alerts
            .iter()
            .filter_map(|alert| alert["revocation"]["txn"].as_str())
            .collect();
        for request in &self.requests {
            let claims = verify(request, keys).unwrap_or_else(|e| panic!("{e}: {request}"));
            assert_eq!(claims["iss"], ISSUER);
            assert!(
                txns.contains(claims["txn"].as_str().unwrap()),
                "no alert tells of {claims}"
            );
        }
    }

    /// Checks that both have the same causes.
    pub fn check_same(&self, truth: &Verdicts) {
        let (ours, theirs) = (self.causes(), truth.causes());
        for (key, events) in &theirs {
            let found = ours.get(key);
            assert_eq!(
                found,
                Some(events),
                "{key:?}: left is from Kafka, right from replay"
            );
        }
        let extra: Vec<_> = ours
            .keys()
            .filter(|key| !theirs.contains_key(key))
            .collect();
        assert!(
            extra.is_empty(),
            "alerts that replay does not have: {extra:?}"
        );
        let (ours, theirs) = (self.asked(), truth.asked());
        assert_eq!(
            ours.keys().collect::<Vec<_>>(),
            theirs.keys().collect::<Vec<_>>(),
            "asked otherwise: left is from Kafka, right from replay"
        );
        for (ask, (ids, count)) in &ours {
            let (their_ids, their_count) = &theirs[ask];
            assert_eq!(
                ids.len(),
                their_ids.len(),
                "{ask}: left is from Kafka, right from replay"
            );
            // A request waits for the answer of its credential, which may come after its repetition
            // was due more than once. Then it is repeated once.
            assert!(
                count <= their_count,
                "{ask}: {count} times, and in replay {their_count} times"
            );
        }
    }
}

/// Waits until the alerts have this many causes; for inputs without a group whose progress shows.
pub fn wait_for_causes(site: &Site, count: usize, within: Duration) -> Verdicts {
    let until = Instant::now() + within;
    loop {
        let verdicts = Verdicts::of_topics(site);
        let found: usize = verdicts.causes().values().map(BTreeSet::len).sum();
        if found >= count {
            return verdicts;
        }
        assert!(Instant::now() < until, "{found} of {count} causes");
        std::thread::sleep(Duration::from_millis(500));
    }
}

fn alert(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))
}

/// The claims of a request, unverified.
fn claims(request: &str) -> Value {
    use base64::Engine;
    let Some(payload) = request
        .split('.')
        .nth(1)
        .filter(|_| !request.starts_with('{'))
    else {
        return serde_json::from_str(request).unwrap();
    };
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(payload)
        .unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

fn verify(token: &str, keys: &Value) -> Result<Value, String> {
    let set: JwkSet = serde_json::from_value(keys.clone()).map_err(|e| e.to_string())?;
    let header = decode_header(token).map_err(|e| e.to_string())?;
    assert_eq!(header.typ.as_deref(), Some("secevent+jwt"));
    let jwk = set
        .find(header.kid.as_deref().unwrap_or_default())
        .ok_or("no such kid")?;
    let key = DecodingKey::from_jwk(jwk).map_err(|e| e.to_string())?;
    let mut validation = Validation::new(header.alg);
    validation.required_spec_claims.clear();
    validation.validate_aud = false;
    validation.validate_exp = false;
    let decoded = decode::<Value>(token, &key, &validation).map_err(|e| e.to_string())?;
    Ok(decoded.claims)
}
