//! Reads the signing keys, and replaces them on SIGHUP.
//!
//! What signed until now stays published for `signing.overlap_s` if no file has it any more: its
//! tokens are still on the way. That is kept in memory, so a restart ends it; a planned rotation
//! names the old key in `signing.published_key_files` instead.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::codec::keys::{KeyError, PUBLISHED_MAX, PublicKey, TokenKey};
use crate::codec::signing_keys::SigningKeys;
use crate::config::Config;
use crate::engine::Engine;
use crate::telemetry::{
    KeyOverlapEnded, Metrics, SigningKeyReplaced, SigningKeyReplacedUnannounced, SigningKeysLoaded,
    SigningKeysRefused,
};
use crate::text::Diagnostic;

const KEY_FILE: &str = "signing.key_file";
const PUBLISHED: &str = "signing.published_key_files";

/// Reads the keys that the configuration names; nothing signs without `signing.key_file`.
///
/// # Errors
/// The first file that cannot be used, with its setting. The message holds no part of the file.
pub(super) fn read_keys(config: &Config) -> Result<SigningKeys, Box<Diagnostic>> {
    let signing = &config.signing;
    let Some(path) = &signing.key_file else {
        return Ok(SigningKeys::default());
    };
    let problem = |setting| move |text: String| config.setting_problem(setting, &text);
    let key = read_pem(path, TokenKey::from_pem).map_err(problem(KEY_FILE))?;
    let mut others = Vec::with_capacity(signing.published_key_files.len());
    for path in &signing.published_key_files {
        others.push(read_pem(path, PublicKey::from_pem).map_err(problem(PUBLISHED))?);
    }
    Ok(SigningKeys::new(key, others))
}

fn read_pem<T>(path: &Path, parse: impl Fn(&str) -> Result<T, KeyError>) -> Result<T, String> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| format!("{name}: {error}"))?;
    parse(&text).map_err(|error| error.in_file(&name).to_string())
}

/// A key that signed until it was replaced, and is in no file any more.
struct ReplacedKey {
    key: PublicKey,
    since: Instant,
}

/// Replaces the keys of an engine.
pub(super) struct KeyRotation {
    engine: Arc<Engine>,
    metrics: Arc<Metrics>,
    overlap: Duration,
    /// What the files publish.
    listed: Vec<PublicKey>,
    /// The newest comes first; at most [`PUBLISHED_MAX`].
    replaced: Vec<ReplacedKey>,
}

impl KeyRotation {
    pub(super) fn new(config: &Config, engine: &Arc<Engine>, metrics: &Arc<Metrics>) -> Self {
        let keys = engine.signing_keys();
        report_keys(&keys, metrics);
        KeyRotation {
            engine: Arc::clone(engine),
            metrics: Arc::clone(metrics),
            overlap: Duration::from_secs(config.signing.overlap_s),
            listed: keys.published().to_vec(),
            replaced: Vec::new(),
        }
    }

    /// Takes over the keys of a configuration that was read again. On any error the old ones stay,
    /// all of them.
    pub(super) fn reload(&mut self, config: Option<&Config>, now: Instant) {
        let read = match config {
            Some(config) => read_keys(config).map_err(|problem| problem.to_string()),
            None => Err("the configuration has errors".to_owned()),
        };
        let old = self.engine.signing_keys();
        let keys = read.and_then(|keys| match keys.signing().is_some() == old.signing().is_some() {
            true => Ok(keys),
            false => Err(format!(
                "`{KEY_FILE}`: signing begins and ends with a restart only, so that nobody takes \
                 away the signatures by the way"
            )),
        });
        match (keys, config) {
            (Ok(keys), Some(config)) => {
                self.overlap = Duration::from_secs(config.signing.overlap_s);
                self.replace_keys(&old, &keys, now);
            }
            (Err(error), _) => SigningKeysRefused { error: &error }.emit(&self.metrics),
            (Ok(_), None) => {}
        }
    }

    fn replace_keys(&mut self, old: &SigningKeys, new: &SigningKeys, now: Instant) {
        let (Some(before), Some(after)) = (old.signing(), new.signing()) else {
            return;
        };
        self.listed = new.published().to_vec();
        if before.kid() != after.kid() {
            self.replaced.insert(
                0,
                ReplacedKey {
                    key: before.clone(),
                    since: now,
                },
            );
            let (old_kid, new_kid) = (before.kid(), after.kid());
            let algorithm = after.algorithm().as_str();
            if old.publishes(new_kid) {
                SigningKeyReplaced {
                    old_kid,
                    new_kid,
                    algorithm,
                }
                .emit();
            } else {
                SigningKeyReplacedUnannounced {
                    old_kid,
                    new_kid,
                    algorithm,
                }
                .emit();
            }
        }
        self.drop_overdue(now);
        let keys = new.publishing(self.published());
        self.engine.set_signing_keys(keys.clone());
        report_keys(&keys, &self.metrics);
    }

    /// Ends the overlap of keys that were replaced long enough ago.
    pub(super) fn end_overlaps(&mut self, now: Instant) {
        if !self.drop_overdue(now) {
            return;
        }
        let keys = self.engine.signing_keys().publishing(self.published());
        self.engine.set_signing_keys(keys.clone());
        report_keys(&keys, &self.metrics);
    }

    /// Forgets replaced keys that need no overlap any more: their time is over, or a file has them.
    /// Returns whether one is published no longer.
    fn drop_overdue(&mut self, now: Instant) -> bool {
        let (overlap, listed) = (self.overlap, &self.listed);
        let mut ended = false;
        self.replaced.retain(|replaced| {
            let kid = replaced.key.kid();
            if listed.iter().any(|key| key.kid() == kid) {
                return false;
            }
            let is_over = now.duration_since(replaced.since) >= overlap;
            if is_over {
                KeyOverlapEnded { kid }.emit();
                ended = true;
            }
            !is_over
        });
        self.replaced.truncate(PUBLISHED_MAX);
        ended
    }

    /// What is published besides the key that signs: what the files list, then replaced keys.
    fn published(&self) -> Vec<PublicKey> {
        let replaced = self.replaced.iter().map(|replaced| &replaced.key);
        self.listed.iter().chain(replaced).cloned().collect()
    }
}

/// Logs the keys in use and sets their metrics.
fn report_keys(keys: &SigningKeys, metrics: &Metrics) {
    let Some(signing) = keys.signing() else {
        return;
    };
    SigningKeysLoaded {
        kid: signing.kid(),
        algorithm: signing.algorithm().as_str(),
        published: keys.published().len(),
    }
    .emit(metrics);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Decoder, SchemaSet};
    use crate::config::{ConfigSources, load_config};
    use crate::engine::{EngineOptions, parse_rules, shipped_rule_files};

    const HOUR: Duration = Duration::from_secs(3_600);

    struct Keys(tempfile::TempDir);

    impl Keys {
        fn path(&self, name: &str) -> String {
            self.0.path().join(name).display().to_string()
        }

        /// Writes a new key and returns its id.
        fn write(&self, name: &str, seed: u8) -> String {
            let key = TokenKey::from_seed(&[seed; 32]);
            std::fs::write(self.path(name), key.to_pem().unwrap()).unwrap();
            key.kid().to_owned()
        }

        fn config(&self, signs: &str, published: &[&str], overlap_s: u64) -> Config {
            let published: Vec<String> = published.iter().map(|name| self.path(name)).collect();
            let mut flags = vec![
                ("signing.issuer".to_owned(), "https://x".to_owned()),
                ("signing.overlap_s".to_owned(), overlap_s.to_string()),
                (PUBLISHED.to_owned(), published.join(",")),
            ];
            if !signs.is_empty() {
                flags.push((KEY_FILE.to_owned(), self.path(signs)));
            }
            let sources = ConfigSources {
                file: None,
                env: Vec::new(),
                flags,
                host: "h".to_owned(),
                cores: 1,
            };
            load_config(&sources).unwrap().config
        }
    }

    fn rotation(config: &Config) -> KeyRotation {
        let rules = parse_rules(&shipped_rule_files(), &[]).rules.unwrap();
        let decoder = Decoder::new(SchemaSet::new([]).unwrap());
        let keys = read_keys(config).unwrap();
        let engine = Engine::new(decoder, rules, keys, EngineOptions::default());
        KeyRotation::new(config, &Arc::new(engine), &Arc::default())
    }

    /// The ids of the published keys; the first one signs.
    fn kids(rotation: &KeyRotation) -> Vec<String> {
        let keys = rotation.engine.signing_keys();
        assert_eq!(keys.signing(), keys.published().first());
        keys.published()
            .iter()
            .map(|key| key.kid().to_owned())
            .collect()
    }

    #[test]
    fn a_replaced_key_stays_published_for_its_overlap_unless_a_file_has_it() {
        let keys = Keys(tempfile::tempdir().unwrap());
        let made = [("a", 1), ("b", 2), ("c", 3)].map(|(name, seed)| keys.write(name, seed));
        let [a, b, c] = made.each_ref().map(String::as_str);
        let mut rotation = rotation(&keys.config("a", &["b"], 3_600));
        let start = Instant::now();
        assert_eq!(kids(&rotation), [a, b]);

        // By the list: the old key is listed, and is gone when it is listed no longer.
        rotation.reload(Some(&keys.config("b", &["a"], 3_600)), start);
        assert_eq!(kids(&rotation), [b, a]);
        rotation.end_overlaps(start + 2 * HOUR);
        assert_eq!(kids(&rotation), [b, a]);
        rotation.reload(Some(&keys.config("b", &[], 3_600)), start + 2 * HOUR);
        assert_eq!(kids(&rotation), [b]);

        // At once: the old key is in no file, and stays for an hour.
        let changed = start + 3 * HOUR;
        rotation.reload(Some(&keys.config("c", &[], 3_600)), changed);
        assert_eq!(kids(&rotation), [c, b]);
        rotation.reload(Some(&keys.config("c", &[], 3_600)), changed + HOUR / 2);
        rotation.end_overlaps(changed + HOUR - Duration::from_secs(1));
        assert_eq!(kids(&rotation), [c, b]);
        rotation.end_overlaps(changed + HOUR);
        assert_eq!(kids(&rotation), [c]);

        // Back to an earlier key, and a key that must not be trusted any more.
        rotation.reload(Some(&keys.config("b", &[], 3_600)), changed + HOUR);
        assert_eq!(kids(&rotation), [b, c]);
        rotation.reload(Some(&keys.config("b", &[], 0)), changed + HOUR);
        assert_eq!(kids(&rotation), [b]);
    }

    #[test]
    fn a_bad_file_or_configuration_changes_nothing_and_is_counted() {
        let keys = Keys(tempfile::tempdir().unwrap());
        let made = [("a", 1), ("b", 2)].map(|(name, seed)| keys.write(name, seed));
        let [a, b] = made.each_ref().map(String::as_str);
        let mut rotation = rotation(&keys.config("a", &["b"], 3_600));
        let now = Instant::now();
        std::fs::write(keys.path("bad"), "no key").unwrap();
        let bad = [
            Some(keys.config("bad", &[], 0)),
            Some(keys.config("b", &["bad"], 0)),
            Some(keys.config("missing", &[], 0)),
            Some(keys.config("", &[], 0)),
            None,
        ];
        for config in &bad {
            rotation.reload(config.as_ref(), now);
            assert_eq!(kids(&rotation), [a, b]);
        }
        let page = rotation.metrics.render_text();
        for line in [
            "signing_key_loads_total{result=\"refused\"} 5".to_owned(),
            "signing_key_loads_total{result=\"activated\"} 1".to_owned(),
            "signing_keys_published 2".to_owned(),
            format!("signing_key_info{{kid=\"{a}\"}} 1"),
        ] {
            assert!(
                page.contains(&format!("scopewatch_{line}\n")),
                "{line}: {page}"
            );
        }
        // The process that signs nothing does not begin to.
        let mut unsigned = super::tests::rotation(&keys.config("", &[], 0));
        unsigned.reload(Some(&keys.config("a", &[], 0)), now);
        assert!(unsigned.engine.signing_keys().jwk_set().is_none());
    }

    #[test]
    fn the_published_set_is_bounded_and_has_the_key_that_signs() {
        let keys = Keys(tempfile::tempdir().unwrap());
        keys.write("k", 0);
        let mut rotation = rotation(&keys.config("k", &[], 3_600));
        for seed in 1..40 {
            let kid = keys.write("k", seed);
            rotation.reload(Some(&keys.config("k", &[], 3_600)), Instant::now());
            let published = kids(&rotation);
            assert!(published[0] == kid && published.len() <= PUBLISHED_MAX);
        }
        assert_eq!(kids(&rotation).len(), PUBLISHED_MAX);
    }
}
