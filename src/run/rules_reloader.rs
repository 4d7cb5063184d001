//! Reloads the rules directory after a change of its files, or on SIGHUP. A bundle with errors is
//! rejected as a whole. SIGHUP also reads the schemas of `[schema.ids]`, the keys of `[control]`
//! and those of `[signing]` again.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::config::Config;
use crate::config::rule_files::{self, RuleFolder};
use crate::engine::{Engine, parse_rules};
use crate::run::signals;
use crate::telemetry::{
    BundleRefused, Metrics, RuleProblem, RulesEmpty, RulesUnreadable, RulesUnwatched,
    SchemasLoaded, SchemasRefused,
};

use super::build::load_decoder;
use super::parts::{ConfigReader, ProcessParts, report_active_bundle};
use super::signing_keys::KeyRotation;

/// Time between two reads of the directory. A change is activated when two reads in a row gave the
/// same files, so that a half-copied bundle is never used.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The reloading thread. It ends when this is dropped.
pub(super) struct RulesReloader {
    stop: Arc<AtomicBool>,
}

impl Drop for RulesReloader {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
    }
}

/// Starts the thread that watches the configured rules directory.
pub(super) fn start_reloader(config: &Config, parts: &ProcessParts) -> RulesReloader {
    let stop = Arc::new(AtomicBool::new(false));
    let watcher = FolderWatcher {
        path: config.rules.path.clone(),
        engine: Arc::clone(&parts.engine),
        metrics: Arc::clone(&parts.metrics),
        config_reader: parts.config_reader.clone(),
        keys: KeyRotation::new(config, &parts.engine, &parts.metrics),
        // Empty, so that the first read is compared with the engine's rules: the files may have
        // changed since they were loaded.
        active: RuleFolder::default(),
        last_read: RuleFolder::default(),
    };
    let stopped = Arc::clone(&stop);
    let thread = std::thread::Builder::new().name("rules".to_owned());
    let started = thread.spawn(move || watcher.watch_folder(&stopped));
    if let Err(error) = started {
        RulesUnwatched {
            error: &error.to_string(),
        }
        .emit();
    }
    RulesReloader { stop }
}

/// What the reloading thread reads and writes: active bundle, and the files of the last read.
struct FolderWatcher {
    path: PathBuf,
    engine: Arc<Engine>,
    metrics: Arc<Metrics>,
    config_reader: Option<ConfigReader>,
    keys: KeyRotation,
    active: RuleFolder,
    last_read: RuleFolder,
}

impl FolderWatcher {
    fn watch_folder(mut self, stop: &AtomicBool) {
        let (mut reload_requested, mut reported) = (false, None::<String>);
        while !stop.load(Ordering::Acquire) {
            std::thread::sleep(LOOK_EVERY);
            if signals::take_reload_request() {
                reload_requested = true;
                self.reload_configured_files();
            }
            self.keys.end_overlaps(Instant::now());
            let files = match rule_files::open_rule_folder(&self.path) {
                Ok(files) => files,
                Err(error) => {
                    // Log each new error once, not once per read. A pending SIGHUP stays pending.
                    let text = error.to_string();
                    if reported.as_ref() != Some(&text) {
                        RulesUnreadable { error: &text }.emit();
                    }
                    reported = Some(text);
                    continue;
                }
            };
            reported = None;
            let settled = files == self.last_read;
            if reload_requested || (settled && files != self.active) {
                self.activate_files(&files);
                self.active.clone_from(&files);
                reload_requested = false;
            }
            self.last_read = files;
        }
    }

    /// Reads the files again that the configuration names. On any error the old ones stay.
    fn reload_configured_files(&mut self) {
        let Some(read_config) = &self.config_reader else {
            return;
        };
        let config = read_config();
        self.keys.reload(config.as_ref(), Instant::now());
        self.reload_schemas(config);
    }

    /// Reads the schemas of `[schema.ids]` and the keys of `[control]` again.
    fn reload_schemas(&self, config: Option<Config>) {
        let decoder = config.map(|config| (config.schema_ids.len(), load_decoder(&config)));
        match decoder {
            Some((ids, Ok(decoder))) => {
                self.engine.set_decoder(decoder);
                SchemasLoaded { ids }.emit();
            }
            Some((_, Err(error))) => SchemasRefused {
                error: &error.to_string(),
            }
            .emit(),
            None => SchemasRefused {
                error: "the configuration has errors",
            }
            .emit(),
        }
    }

    /// Activates the files as one bundle, unless it is active already. On any error the old bundle
    /// stays active.
    fn activate_files(&self, files: &RuleFolder) {
        let loaded = parse_rules(&files.files, &files.problems);
        let judging = self.engine.rules().bundle.hash;
        if loaded
            .rules
            .as_ref()
            .is_some_and(|rules| rules.bundle.hash == judging)
        {
            return;
        }
        for problem in &loaded.problems {
            RuleProblem {
                path: &problem.path,
                problem: &problem.to_string(),
            }
            .emit();
        }
        match loaded.rules {
            Some(rules) => {
                if rules.judges_nothing() {
                    RulesEmpty {
                        path: &self.path.display().to_string(),
                    }
                    .emit();
                }
                report_active_bundle(&rules, &self.metrics);
                self.engine.activate_rules(rules);
            }
            None => BundleRefused {
                path: &self.path.display().to_string(),
                problems: loaded.problems.len(),
            }
            .emit(&self.metrics),
        }
    }
}
