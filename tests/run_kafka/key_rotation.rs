//! The keys of revocation requests change while the service runs: receivers find every key in the
//! published set before its first token and after its last one, and a broken file changes nothing.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};

use super::decisions::now_ms;
use super::metrics::{address_of, page};
use super::support::kafka::{bootstrap, produce};
use super::support::service::{ISSUER, PATIENCE, Service, Site, expect_code};

/// Waits until the log has `count` lines with the text; returns the last.
fn wait_line(service: &mut Service, text: &str, count: usize) -> Value {
    let until = Instant::now() + PATIENCE;
    loop {
        let lines = service.said();
        let mut found = lines.iter().filter(|line| line.contains(text));
        if let Some(line) = found.nth(count - 1) {
            return serde_json::from_str(line).unwrap();
        }
        service.check();
        assert!(Instant::now() < until, "{text}: {}", service.last_words());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The published set, as a receiver fetches it.
fn fetch_keys(address: &str) -> Value {
    let mut stream = TcpStream::connect(address).unwrap();
    let path = "/.well-known/jwks.json";
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let head = head.to_lowercase();
    assert!(head.starts_with("http/1.1 200"), "{text}");
    assert!(
        head.contains("content-type: application/jwk-set+json"),
        "{text}"
    );
    assert!(head.contains("cache-control: public, max-age="), "{text}");
    serde_json::from_str(body).unwrap()
}

fn kids(keys: &Value) -> Vec<&str> {
    let keys = keys["keys"].as_array().unwrap();
    assert!(keys.iter().all(|key| key.get("d").is_none()), "{keys:?}");
    keys.iter()
        .map(|key| key["kid"].as_str().unwrap())
        .collect()
}

/// Verifies a token by a key set alone; returns the algorithm and the id of the key.
fn verify(token: &str, keys: &Value) -> (String, String) {
    let set: JwkSet = serde_json::from_value(keys.clone()).unwrap();
    let header = decode_header(token).unwrap();
    let kid = header.kid.unwrap();
    let jwk = set
        .find(&kid)
        .unwrap_or_else(|| panic!("{kid} is not in {keys}"));
    let mut validation = Validation::new(header.alg);
    validation.required_spec_claims.clear();
    validation.validate_aud = false;
    validation.validate_exp = false;
    let key = DecodingKey::from_jwk(jwk).unwrap();
    let claims = decode::<Value>(token, &key, &validation).unwrap().claims;
    assert_eq!(claims["iss"], ISSUER);
    (format!("{:?}", header.alg), kid)
}

/// A site of which the key files and the configuration change.
struct Rotating {
    site: Site,
    service: Service,
    address: String,
    agents: usize,
    config: String,
}

impl Rotating {
    fn start(site: Site, signing: &str) -> Rotating {
        site.use_append_time();
        let path = site.path("scopewatch.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let config = text.replace("listen = \"\"", "listen = \"127.0.0.1:0\"");
        std::fs::write(&path, config.clone() + signing).unwrap();
        site.revoke_at_once();
        site.create_topics();
        let mut service = site.start("a");
        service.wait_ran(4);
        let address = address_of(&mut service);
        Rotating {
            site,
            service,
            address,
            agents: 0,
            config,
        }
    }

    /// Lets an agent of its own leave its scope, and returns the tokens that ask to revoke it.
    fn request(&mut self) -> Vec<String> {
        self.agents += 1;
        let agent = format!("stray-{}", self.agents);
        let (key, now_ms) = (format!("acme/{agent}"), now_ms());
        let scope = json!({"scope_id": agent, "tenant": "acme", "agent": {"id": agent},
            "effective_from": now_ms - 60_000, "credential_ids": [format!("c-{agent}")],
            "issuer": "https://idp.test",
            "grants": [{"resource_types": ["database.*"], "verbs": ["read"]}]});
        let action = json!({"event_id": format!("e-{agent}"), "occurred_at": now_ms,
            "tenant": "acme", "agent": {"id": agent}, "action": {"verb": "delete"},
            "outcome": "allowed", "resource": {"type": "database.table", "id": "x"},
            "credential": {"id": format!("c-{agent}"), "issuer": "https://idp.test"}});
        for (word, record) in [("scopes", scope), ("actions", action)] {
            let topic = self.site.topic(word);
            produce(
                &self.site.servers,
                &topic,
                &[(key.as_str(), record.to_string())],
            );
        }
        let until = Instant::now() + PATIENCE;
        loop {
            let records = self.site.read_all("revocations").into_iter();
            let own = records.filter(|one| one.key.as_deref() == Some(key.as_bytes()));
            let tokens: Vec<String> = own.map(|one| one.text()).collect();
            if !tokens.is_empty() {
                return tokens;
            }
            self.service.check();
            let words = self.service.last_words();
            assert!(Instant::now() < until, "no request for {agent}: {words}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Writes the section `[signing]`, and sends SIGHUP.
    fn reload(&self, signing: &str) {
        let path = self.site.path("scopewatch.toml");
        std::fs::write(path, self.config.clone() + signing).unwrap();
        self.service.signal(libc::SIGHUP);
    }
}

/// Makes a key and returns its id.
fn make_key(folder: &Path, name: &str, algorithm: &str) -> String {
    let out = folder.join(name).display().to_string();
    let args = ["keys", "generate", "--algorithm", algorithm, "--out", &out];
    expect_code(0, &args).0.trim().to_owned()
}

/// The section `[signing]`.
fn signing(folder: &Path, signs: &str, published: &[&str], overlap_s: u32) -> String {
    let published: Vec<_> = published.iter().map(|name| folder.join(name)).collect();
    format!(
        "[signing]\nissuer = \"{ISSUER}\"\noverlap_s = {overlap_s}\nkey_file = {:?}\n\
         published_key_files = {published:?}\n",
        folder.join(signs)
    )
}

/// Checks that both tokens of a request verify by a key set, and which key signed them.
fn check(tokens: &[String], keys: &Value, algorithm: &str, kid: &str) {
    assert_eq!(tokens.len(), 2);
    for token in tokens {
        let expected = (algorithm.to_owned(), kid.to_owned());
        assert_eq!(verify(token, keys), expected);
    }
}

/// Checks that a broken key file is told and changes nothing.
fn check_broken_file(of: &mut Rotating, folder: &Path, kid: &str) {
    let published = fetch_keys(&of.address);
    std::fs::write(folder.join("b.pem"), "hunter2").unwrap();
    of.reload(&signing(folder, "b.pem", &["a.pem"], 0));
    let told = wait_line(&mut of.service, "signing keys refused", 1);
    let error = told["error"].as_str().unwrap();
    let named = error.contains("scopewatch.toml:") && error.contains("b.pem: no private key");
    assert!(
        told["level"] == "ERROR" && named && !error.contains("hunter2"),
        "{told}"
    );
    assert_eq!(fetch_keys(&of.address), published);
    check(&of.request(), &published, "RS256", kid);
    let metrics = page(&of.address).unwrap();
    for line in [
        "signing_key_loads_total{result=\"refused\"} 1".to_owned(),
        "signing_keys_published 2".to_owned(),
        format!("signing_key_info{{kid=\"{kid}\"}} 1"),
    ] {
        assert!(
            metrics.contains(&format!("scopewatch_{line}\n")),
            "{line}: {metrics}"
        );
    }
}

#[test]
fn another_key_takes_over_and_every_token_verifies_by_the_set_that_was_published_before() {
    let Some(servers) = bootstrap() else { return };
    let site = Site::new(&servers, "rotation");
    let folder = site.folder.path().to_owned();
    let made = [("a.pem", "EdDSA"), ("b.pem", "RS256"), ("c.pem", "ES256")];
    let made = made.map(|(name, algorithm)| make_key(&folder, name, algorithm));
    let [a, b, c] = made.each_ref().map(String::as_str);
    let mut of = Rotating::start(site, &signing(&folder, "a.pem", &[], 3_600));
    let published = fetch_keys(&of.address);
    assert_eq!(kids(&published), [a]);
    let first = of.request();
    check(&first, &published, "EdDSA", a);

    // The next key is published before it signs.
    of.reload(&signing(&folder, "a.pem", &["b.pem"], 3_600));
    wait_line(&mut of.service, "signing keys loaded", 2);
    let kept = fetch_keys(&of.address);
    assert_eq!(kids(&kept), [a, b]);
    check(&of.request(), &kept, "EdDSA", a);

    // It takes over. The old one is in no file any more, and stays published for a while.
    of.reload(&signing(&folder, "b.pem", &[], 3_600));
    let told = wait_line(&mut of.service, "\"signing key replaced\"", 1);
    let fields = ["level", "old_kid", "new_kid", "algorithm"].map(|name| told[name].as_str());
    assert_eq!(fields, ["INFO", a, b, "RS256"].map(Some));
    wait_line(&mut of.service, "signing keys loaded", 3);
    check(&of.request(), &kept, "RS256", b);
    let published = fetch_keys(&of.address);
    assert_eq!(kids(&published), [b, a]);
    check(&first, &published, "EdDSA", a);

    check_broken_file(&mut of, &folder, b);

    // A key that nobody should trust any more is replaced at once, without an overlap.
    of.reload(&signing(&folder, "c.pem", &[], 0));
    let told = wait_line(&mut of.service, "never published before", 1);
    let fields = ["level", "new_kid"].map(|name| told[name].as_str());
    assert_eq!(fields, ["WARN", c].map(Some));
    wait_line(&mut of.service, "signing keys loaded", 4);
    let published = fetch_keys(&of.address);
    assert_eq!(kids(&published), [c]);
    check(&of.request(), &published, "ES256", c);
    assert_eq!(of.site.read_all("dead_letter"), Vec::new());
    assert_eq!(of.service.terminate().0, Some(0));
}
