//! Where a control record goes: to a file, to standard output or to the control topic.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

#[cfg(feature = "kafka")]
use super::super::config_args::ConfigArgs;
use super::super::diagnostics::print_line;
use super::super::exit::CommandFailure;
use super::super::output::Output;
use crate::codec::{Decoder, SchemaSet};
#[cfg(feature = "kafka")]
use crate::event::CommandKind;
use crate::event::ControlRecord;
use crate::replay::input_file::STDIN;

/// Refuses what the control topic would make a dead letter of.
pub(super) fn check_record(value: &[u8]) -> Result<(), CommandFailure> {
    let schemas = SchemaSet::new([])
        .map_err(|_| CommandFailure::at_runtime("the built-in schemas do not parse"))?;
    let decoded = Decoder::new(schemas).decode_control(value, None);
    decoded
        .map(|_| ())
        .map_err(|error| CommandFailure::bad_input(error.to_string()))
}

/// Appends records to a file, or writes them to standard output.
pub(super) fn write_records(
    path: &Path,
    records: &[(ControlRecord, Vec<u8>)],
    out: &mut Output,
) -> Result<(), CommandFailure> {
    if path.as_os_str() == STDIN {
        for (_, value) in records {
            out.write_line(&String::from_utf8_lossy(value))?;
        }
        return Ok(());
    }
    let failed =
        |error: std::io::Error| CommandFailure::at_runtime(format!("{}: {error}", path.display()));
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map_err(failed)?;
    for (_, value) in records {
        file.write_all(&[value.as_slice(), b"\n"].concat())
            .map_err(failed)?;
    }
    print_line(&format!("appended to {}", path.display()));
    Ok(())
}

/// Sends records to the control topic, and waits until the broker has them.
#[cfg(feature = "kafka")]
pub(super) fn send_records(
    config: &ConfigArgs,
    records: &[(ControlRecord, Vec<u8>)],
) -> Result<(), CommandFailure> {
    use crate::kafka::{OutgoingRecord, TransactionalProducer};
    use std::ops::ControlFlow;
    use std::time::Duration;
    let config = config.load_config()?;
    let confirms = |(record, _): &(ControlRecord, Vec<u8>)| {
        matches!(record.command, CommandKind::Confirmation { .. })
    };
    if records.iter().any(confirms) && config.control.keys.is_some() {
        return Err(CommandFailure::bad_input(
            "the setting `control.keys` demands a signature of the identity system: this \
             confirmation would become a dead letter",
        ));
    }
    let options = crate::run::kafka_options(&config);
    let topic = &config.topics.control;
    let failed = |error: &dyn std::fmt::Display| {
        CommandFailure::at_runtime(format!("not sent to {topic}: {error}"))
    };
    let within = Duration::from_millis(options.transaction_timeout_ms()) * 2;
    let mut producer =
        TransactionalProducer::new(options.idempotent_producer("decision"), topic, within);
    let mut wait = |_: Option<&str>| ControlFlow::Continue(());
    producer
        .rebuild_client(&mut wait)
        .map_err(|error| failed(&error))?;
    let mut sent = producer.begin_transaction();
    for (record, value) in records {
        let key = record.agent_key().to_string();
        let out = OutgoingRecord {
            topic,
            partition: None,
            key: Some(key.as_bytes()),
            value: Some(value),
            headers: &[],
        };
        sent = sent.and_then(|()| producer.send_record(&out));
    }
    let sent = sent.and_then(|()| producer.drain_deliveries());
    sent.map_err(|error| failed(&error.reason))?;
    print_line(&format!(
        "sent to {topic}; the audit topic says what became of it"
    ));
    Ok(())
}
