//! What all tasks of a process share: decoder, rules, encoding and counters.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::codec::set::SetSettings;
use crate::codec::signing_keys::SigningKeys;
use crate::codec::{AlertFormat, Decoder};
use crate::detector::{Detector, DetectorSettings};
use crate::event::TimeSource;

use super::limits::AGENTS_CACHED_MAX;
use super::outcome::TaskOutcome;
use super::progress::TaskProgress;
use super::rules::Rules;

/// Settings of an engine.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Number of partitions of the input topics.
    pub partitions: u32,
    /// Which time moves the stream time of actions.
    pub time: TimeSource,
    pub detector: DetectorSettings,
    pub alert_format: AlertFormat,
    pub set: SetSettings,
    /// Maximum number of agents that a partition keeps in memory.
    pub agents_cached_max: usize,
    /// Whether a quiet partition with a pending timer asks for ticks.
    pub ticks: bool,
}

impl Default for EngineOptions {
    /// One partition on append time, native alerts, no ticks.
    fn default() -> Self {
        EngineOptions {
            partitions: 1,
            time: TimeSource::Append,
            detector: DetectorSettings::default(),
            alert_format: AlertFormat::Native,
            set: SetSettings::new("scopewatch"),
            agents_cached_max: AGENTS_CACHED_MAX,
            ticks: false,
        }
    }
}

/// A callback with the outcomes of every committed transaction.
pub struct OutcomeObserver(pub Box<ObserveOutcomes>);

/// Gets the outcomes of one commit.
pub type ObserveOutcomes = dyn Fn(&[TaskOutcome]) + Send + Sync;

impl fmt::Debug for OutcomeObserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OutcomeObserver")
    }
}

/// The engine, shared by every task of a process.
#[derive(Debug)]
pub struct Engine {
    decoder: RwLock<Arc<Decoder>>,
    pub(super) options: EngineOptions,
    signing_keys: RwLock<Arc<SigningKeys>>,
    rules: RwLock<Arc<Rules>>,
    totals: Mutex<TaskProgress>,
    observer: Option<OutcomeObserver>,
    /// See [`super::contract::TaskFactory::set_moving`].
    moving_allowed: AtomicBool,
}

impl Engine {
    /// A detector that judges by `rules`.
    pub(super) fn build_detector(&self, rules: &Rules) -> Detector {
        Detector::new(
            Arc::clone(&rules.bundle),
            Arc::clone(&rules.policy),
            self.options.detector.clone(),
        )
    }

    #[must_use]
    pub fn new(
        decoder: Decoder,
        rules: Rules,
        signing_keys: impl Into<SigningKeys>,
        options: EngineOptions,
    ) -> Self {
        Engine {
            decoder: RwLock::new(Arc::new(decoder)),
            options,
            signing_keys: RwLock::new(Arc::new(signing_keys.into())),
            rules: RwLock::new(Arc::new(rules)),
            totals: Mutex::default(),
            observer: None,
            moving_allowed: AtomicBool::new(true),
        }
    }

    /// The same engine with an observer of its committed outcomes.
    #[must_use]
    pub fn with_observer(mut self, observer: OutcomeObserver) -> Self {
        self.observer = Some(observer);
        self
    }

    /// The rules that judge the next batch.
    #[must_use]
    pub fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Activates other rules. Every task takes them over between two commits.
    pub fn activate_rules(&self, rules: Rules) {
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
    }

    /// The total counts of all committed work of all tasks.
    #[must_use]
    pub fn totals(&self) -> TaskProgress {
        *self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_moving(&self, allowed: bool) {
        self.moving_allowed.store(allowed, Ordering::Relaxed);
    }

    pub(super) fn moving_allowed(&self) -> bool {
        self.moving_allowed.load(Ordering::Relaxed)
    }

    pub(super) fn add_progress(&self, progress: &TaskProgress) {
        self.totals
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .add(progress);
    }

    /// Passes the outcomes of a committed transaction to the observer.
    pub(super) fn observe_outcomes(&self, outcomes: &[TaskOutcome]) {
        if let Some(observer) = &self.observer {
            (observer.0)(outcomes);
        }
    }

    /// The decoder of input records.
    #[must_use]
    pub fn decoder(&self) -> Arc<Decoder> {
        Arc::clone(&self.decoder.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads records with other schemas from now on. Every task takes them over with its next
    /// records.
    pub fn set_decoder(&self, decoder: Decoder) {
        *self.decoder.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(decoder);
    }

    /// The keys of requests.
    #[must_use]
    pub fn signing_keys(&self) -> Arc<SigningKeys> {
        let keys = self.signing_keys.read();
        Arc::clone(&keys.unwrap_or_else(PoisonError::into_inner))
    }

    /// Signs requests with other keys from now on. Every task takes them over with its next
    /// records.
    pub fn set_signing_keys(&self, keys: SigningKeys) {
        let mut shared = self
            .signing_keys
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *shared = Arc::new(keys);
    }

    /// The settings of this engine.
    #[must_use]
    pub fn options(&self) -> &EngineOptions {
        &self.options
    }
}
