//! Reloads the rules directory when a file of it changes, or on SIGHUP: whole or not at all.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::config::Config;
use crate::config::rule_files::{self, RuleFolder};
use crate::engine::{Engine, parse_rules};
use crate::run::signals;
use crate::telemetry::{
    BundleRefused, Metrics, RuleProblem, RulesEmpty, RulesUnreadable, RulesUnwatched,
};

use super::process::{Parts, activated};

/// Time between looks at the directory. A change is taken when two looks in a row saw the same
/// files: a half-copied bundle is not judged by.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The watching thread; ends when dropped.
pub(super) struct Reload {
    stop: Arc<AtomicBool>,
}

impl Drop for Reload {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
    }
}

/// Starts watching the rules directory of a configuration.
pub(super) fn start(config: &Config, parts: &Parts) -> Reload {
    let stop = Arc::new(AtomicBool::new(false));
    let watcher = Watcher {
        path: config.rules.path.clone(),
        engine: Arc::clone(&parts.engine),
        metrics: Arc::clone(&parts.metrics),
        // What was loaded may have changed since: the first look compares with the engine's rules.
        active: RuleFolder::default(),
        seen: RuleFolder::default(),
    };
    let stopped = Arc::clone(&stop);
    let thread = std::thread::Builder::new().name("rules".to_owned());
    let started = thread.spawn(move || watcher.watch(&stopped));
    if let Err(error) = started {
        RulesUnwatched {
            error: &error.to_string(),
        }
        .emit();
    }
    Reload { stop }
}

struct Watcher {
    path: PathBuf,
    engine: Arc<Engine>,
    metrics: Arc<Metrics>,
    active: RuleFolder,
    seen: RuleFolder,
}

impl Watcher {
    fn watch(mut self, stop: &AtomicBool) {
        let (mut asked, mut told) = (false, None::<String>);
        while !stop.load(Ordering::Acquire) {
            std::thread::sleep(LOOK_EVERY);
            asked |= signals::reload_asked();
            let files = match rule_files::open_rule_folder(&self.path) {
                Ok(files) => files,
                Err(error) => {
                    // Once per trouble, not once per look; what was asked for is not forgotten.
                    let text = error.to_string();
                    if told.as_ref() != Some(&text) {
                        RulesUnreadable { error: &text }.emit();
                    }
                    told = Some(text);
                    continue;
                }
            };
            told = None;
            let settled = files == self.seen;
            if asked || (settled && files != self.active) {
                self.take(&files);
                self.active.clone_from(&files);
                asked = false;
            }
            self.seen = files;
        }
    }

    /// Activates the files as one bundle, unless it judges already; on any error the old one does.
    fn take(&self, files: &RuleFolder) {
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
                activated(&rules, &self.metrics);
                self.engine.activate(rules);
            }
            None => BundleRefused {
                path: &self.path.display().to_string(),
                problems: loaded.problems.len(),
            }
            .emit(&self.metrics),
        }
    }
}
