//! What all tasks of a process share: the decoder, the rules and how outcomes are encoded.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::codec::set::{SetSettings, TokenSigner};
use crate::codec::{AlertFormat, Decoder};
use crate::detector::DetectorSettings;
use crate::event::TimeSource;

use super::outcome::TaskOutcome;
use super::progress::TaskProgress;
use super::rules::Rules;

/// How a process judges and encodes.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Partitions of the input topics.
    pub partitions: u32,
    /// Whose time moves the actions' stream time.
    pub time: TimeSource,
    pub detector: DetectorSettings,
    pub alert_format: AlertFormat,
    pub set: SetSettings,
    /// Agents a partition keeps in memory.
    pub agents_cached_max: usize,
    /// Whether a quiet partition with something due asks for ticks.
    pub ticks: bool,
}

/// Gets the outcomes of every commit that is through.
pub struct OutcomeObserver(pub Box<dyn Fn(&[TaskOutcome]) + Send + Sync>);

impl fmt::Debug for OutcomeObserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OutcomeObserver")
    }
}

/// Shared by every task of the process.
#[derive(Debug)]
pub struct Engine {
    pub(super) decoder: Decoder,
    pub(super) options: EngineOptions,
    /// `None`: requests go out as unsigned JSON claims.
    pub(super) signer: Option<TokenSigner>,
    rules: RwLock<Arc<Rules>>,
    totals: Mutex<TaskProgress>,
    observer: Option<OutcomeObserver>,
}

impl Engine {
    #[must_use]
    pub fn new(
        decoder: Decoder,
        rules: Rules,
        signer: Option<TokenSigner>,
        options: EngineOptions,
    ) -> Self {
        Engine {
            decoder,
            options,
            signer,
            rules: RwLock::new(Arc::new(rules)),
            totals: Mutex::default(),
            observer: None,
        }
    }

    /// The same engine, whose committed outcomes `observer` gets.
    #[must_use]
    pub fn with_observer(mut self, observer: OutcomeObserver) -> Self {
        self.observer = Some(observer);
        self
    }

    /// The rules that the next batch is judged by.
    #[must_use]
    pub fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Activates other rules: every task takes them at its next batch boundary.
    pub fn activate_rules(&self, rules: Rules) {
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
    }

    /// What all tasks have done and committed.
    #[must_use]
    pub fn totals(&self) -> TaskProgress {
        *self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add_progress(&self, progress: &TaskProgress) {
        self.totals
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .add(progress);
    }

    /// Shows the observer what a commit that is through has brought.
    pub(super) fn observe_outcomes(&self, outcomes: &[TaskOutcome]) {
        if let Some(observer) = &self.observer {
            (observer.0)(outcomes);
        }
    }

    /// What reads the records.
    #[must_use]
    pub fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    /// How this process judges and encodes.
    #[must_use]
    pub fn options(&self) -> &EngineOptions {
        &self.options
    }
}
