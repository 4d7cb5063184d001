//! Writes the records of the simulated fleet to files or to Kafka.
//!
//! Place in the flow: `scopewatch generate` calls [`generate_records`] with a [`GeneratePlan`];
//! [`FileSink`] and `KafkaSink` are the two [`RecordSink`]s.
//!
//! This folder knows nothing of rules or the engine. It owns no state except the buffers of the
//! sink.
//!
//! Read first: the tests of `file_sink`.

mod file_sink;
#[cfg(feature = "kafka")]
mod kafka_sink;
mod pace;

use std::sync::atomic::{AtomicBool, Ordering};

use crate::event::RecordBody;

use crate::simulator::{AttackLabel, Fleet, FleetOptions, FleetOptionsError, SimRecord};

pub use file_sink::{FileSink, RecordFormat, write_templates};
#[cfg(feature = "kafka")]
pub use kafka_sink::{KafkaSink, KafkaTarget};
pub use pace::DeliveryPace;

/// A destination of records.
pub trait RecordSink {
    /// Writes the next record.
    ///
    /// # Errors
    /// The record cannot be written.
    fn write_record(&mut self, record: &SimRecord) -> Result<(), GenerateError>;

    /// Flushes the buffers, for readers that follow the files.
    ///
    /// # Errors
    /// The buffers cannot be written.
    fn flush(&mut self) -> Result<(), GenerateError> {
        Ok(())
    }

    /// Writes the rest of the buffers, and the labels of the attacks.
    ///
    /// # Errors
    /// Something cannot be written.
    fn finish(&mut self, labels: &[AttackLabel]) -> Result<(), GenerateError>;
}

/// What to generate.
#[derive(Debug, Clone)]
pub struct GeneratePlan {
    pub fleet: FleetOptions,
    /// Stop after this many actions.
    pub actions_max: Option<u64>,
    /// Write all scopes before the first action, so that a reader that is as fast as the writer
    /// never has to defer an action.
    pub scopes_first: bool,
    /// Deliver each record when the wall clock reaches its time.
    pub real_time: bool,
}

/// Counts of the written records.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct GenerateSummary {
    pub actions: u64,
    pub scopes: u64,
    pub controls: u64,
    pub attacks: u64,
    /// Time of the last record, epoch ms.
    pub last_ms: i64,
}

/// Why generating failed.
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

/// Generates records until the plan is complete or `stop` is set. Calls `progress` after every
/// record with the number of actions so far and the time of the record.
///
/// # Errors
/// The plan is invalid, or the sink fails.
pub fn generate_records(
    plan: &GeneratePlan,
    sink: &mut dyn RecordSink,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(u64, i64),
) -> Result<GenerateSummary, GenerateError> {
    let mut summary = GenerateSummary::default();
    if plan.scopes_first {
        run_fleet(
            plan,
            stop,
            &mut GenerateSummary::default(),
            &mut |record| match record.body {
                RecordBody::Scope(_) => sink.write_record(record),
                _ => Ok(()),
            },
        )?;
    }
    let scopes_first = plan.scopes_first;
    let mut written = 0;
    let labels = run_fleet(plan, stop, &mut summary, &mut |record| {
        match record.body {
            RecordBody::Scope(_) if scopes_first => Ok(()),
            _ => sink.write_record(record),
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

/// Runs the fleet once, passes each record to `write`, and returns the labels.
fn run_fleet(
    plan: &GeneratePlan,
    stop: &AtomicBool,
    summary: &mut GenerateSummary,
    write: &mut dyn FnMut(&SimRecord) -> Result<(), GenerateError>,
) -> Result<Vec<AttackLabel>, GenerateError> {
    let mut fleet = Fleet::new(plan.fleet.clone())?;
    let pace = DeliveryPace::new(plan.real_time);
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
            RecordBody::Link(_) | RecordBody::Unreadable(_) => {}
        }
        write(&record)?;
    }
    Ok(fleet.emitted_labels())
}
