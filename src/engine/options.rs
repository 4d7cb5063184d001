//! What all tasks of a process share: the decoder, the rules and how messages are rendered.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::codec::set::{SetSettings, TokenSigner};
use crate::codec::{AlertFormat, Decoder};
use crate::detector;
use crate::event::TimeSource;

use super::partition_task::Progress;
use super::rules::Rules;

/// How a process judges and renders.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Partitions of the input topics.
    pub partitions: u32,
    /// Whose time moves the actions' stream time.
    pub time: TimeSource,
    pub detector: detector::Settings,
    pub alert_format: AlertFormat,
    pub set: SetSettings,
    /// Agents a partition keeps in memory.
    pub agents_cached_max: usize,
    /// Whether a quiet partition with something due asks for ticks.
    pub ticks: bool,
}

/// Shared by every task of the process.
#[derive(Debug)]
pub struct Engine {
    pub(super) decoder: Decoder,
    pub(super) options: EngineOptions,
    /// `None`: requests go out as unsigned JSON claims.
    pub(super) signer: Option<TokenSigner>,
    rules: RwLock<Arc<Rules>>,
    totals: Mutex<Progress>,
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
        }
    }

    /// The rules that the next batch is judged by.
    #[must_use]
    pub fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Activates other rules: every task takes them at its next batch boundary.
    pub fn activate(&self, rules: Rules) {
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
    }

    /// What all tasks have done and committed.
    #[must_use]
    pub fn totals(&self) -> Progress {
        *self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn count(&self, progress: &Progress) {
        self.totals
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .add(progress);
    }

    /// What reads the records.
    #[must_use]
    pub fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    /// How this process judges and renders.
    #[must_use]
    pub fn options(&self) -> &EngineOptions {
        &self.options
    }
}
