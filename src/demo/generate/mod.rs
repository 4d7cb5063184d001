//! Writes what the simulated fleet does to files or to Kafka.
//!
//! Place in the flow: `scopewatch generate` calls [`run`] with a [`Plan`]; `files` and `kafka`
//! are the two kinds of [`Sink`].
//!
//! This folder knows nothing of rules or the engine. It owns no state beyond the sink's buffers.
//!
//! Read first: the tests of `files`.

mod files;
#[cfg(feature = "kafka")]
mod kafka;
mod pace;

use std::sync::atomic::{AtomicBool, Ordering};

use crate::event::RecordBody;

use crate::simulator::{AttackLabel, Fleet, FleetOptions, FleetOptionsError, SimRecord};

pub use files::{FileSink, Format};
#[cfg(feature = "kafka")]
pub use kafka::{KafkaSink, KafkaTarget};
pub use pace::Pace;

/// Where records go.
pub trait Sink {
    /// Takes the next record.
    ///
    /// # Errors
    /// When it cannot be written.
    fn record(&mut self, record: &SimRecord) -> Result<(), GenerateError>;

    /// Hands on what was taken so far, for those who read along.
    ///
    /// # Errors
    /// When it cannot be written.
    fn flush(&mut self) -> Result<(), GenerateError> {
        Ok(())
    }

    /// Writes what is left, and the truth about the attacks.
    ///
    /// # Errors
    /// When something cannot be written.
    fn finish(&mut self, labels: &[AttackLabel]) -> Result<(), GenerateError>;
}

/// What to generate.
#[derive(Debug, Clone)]
pub struct Plan {
    pub fleet: FleetOptions,
    /// Stop after this many actions.
    pub actions_max: Option<u64>,
    /// All scopes before the first action, so that a reader as fast as the writer needs no hold.
    pub scopes_first: bool,
    /// Deliver each record at its own time.
    pub real_time: bool,
}

/// What was written.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Summary {
    pub actions: u64,
    pub scopes: u64,
    pub controls: u64,
    pub attacks: u64,
    /// Time of the last record, epoch ms.
    pub last_ms: i64,
}

/// Why generating stopped.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    #[error(transparent)]
    Options(#[from] FleetOptionsError),
    #[error("cannot write {path}: {source}")]
    File {
        path: String,
        source: std::io::Error,
    },
    #[error("cannot encode a record of {path} as Avro: {message}")]
    Avro { path: String, message: String },
    #[error("kafka: {0}")]
    Kafka(String),
}

/// Generates until the plan is fulfilled or `stop` is set. `progress` hears the number of actions
/// and the time of the record, for every record.
///
/// # Errors
/// When the plan is impossible or the sink fails.
pub fn run(
    plan: &Plan,
    sink: &mut dyn Sink,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(u64, i64),
) -> Result<Summary, GenerateError> {
    let mut summary = Summary::default();
    if plan.scopes_first {
        pass(
            plan,
            stop,
            &mut Summary::default(),
            &mut |record| match record.body {
                RecordBody::Scope(_) => sink.record(record),
                _ => Ok(()),
            },
        )?;
    }
    let scopes_first = plan.scopes_first;
    let mut written = 0;
    let labels = pass(plan, stop, &mut summary, &mut |record| {
        match record.body {
            RecordBody::Scope(_) if scopes_first => Ok(()),
            _ => sink.record(record),
        }?;
        if plan.real_time {
            sink.flush()?;
        }
        written += u64::from(matches!(record.body, RecordBody::Action(_)));
        progress(written, record.at_ms);
        Ok(())
    })?;
    summary.attacks = labels.len() as u64;
    sink.finish(&labels)?;
    Ok(summary)
}

/// One run of the fleet, each record handed to `take`; answers the labels.
fn pass(
    plan: &Plan,
    stop: &AtomicBool,
    summary: &mut Summary,
    take: &mut dyn FnMut(&SimRecord) -> Result<(), GenerateError>,
) -> Result<Vec<AttackLabel>, GenerateError> {
    let mut fleet = Fleet::new(plan.fleet.clone())?;
    let pace = Pace::new(plan.real_time);
    while plan.actions_max.is_none_or(|max| summary.actions < max) {
        let Some(record) = fleet.next() else { break };
        if !pace.wait_until(record.at_ms, stop) || stop.load(Ordering::Relaxed) {
            break;
        }
        summary.last_ms = record.at_ms;
        match record.body {
            RecordBody::Action(_) => summary.actions += 1,
            RecordBody::Scope(_) => summary.scopes += 1,
            RecordBody::Control(_) => summary.controls += 1,
            RecordBody::Link(_) => {}
        }
        take(&record)?;
    }
    Ok(fleet.emitted_labels())
}
