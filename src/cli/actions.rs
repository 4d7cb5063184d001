//! Reads actions from files: our own records, or foreign records through a mapping.

use std::path::{Path, PathBuf};

use super::diagnostics::{ComplaintPrinter, count_noun};
use super::exit::CommandFailure;
use super::files::read_mapping;
use super::progress::ReadProgress;
use crate::codec::mapping::split_outputs;
use crate::codec::{DecodeError, Decoder, Mapping, SchemaSet, locate};
use crate::event::AgentAction;
use crate::replay::input_file::{FileRecord, InputError, InputFile, RecordContent};

/// Reads actions from files.
#[derive(Debug)]
pub(super) struct ActionReader {
    decoder: Decoder,
    mapping: Option<Mapping>,
    /// Draws no progress bar.
    pub(super) quiet: bool,
    /// Records to read of all files together, at most.
    pub(super) records_max: u64,
}

/// The result of reading one record.
#[derive(Debug)]
pub(super) struct ReadRecord<'a> {
    pub(super) file: &'a str,
    /// Line, or record of a container.
    pub(super) number: u64,
    /// Its actions, none when a mapping skipped it; or the complaint about it.
    pub(super) result: Result<Vec<AgentAction>, String>,
}

/// Counts of records and their results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct RecordCounts {
    pub(super) records: u64,
    pub(super) actions: u64,
    pub(super) skipped: u64,
    pub(super) refused: u64,
}

impl std::fmt::Display for RecordCounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (records, actions) = (
            count_noun(self.records, "record"),
            count_noun(self.actions, "action"),
        );
        write!(
            f,
            "{records}: {actions}, {} skipped, {} refused",
            self.skipped, self.refused
        )
    }
}

/// A decoder with our own schemas only: the command line reads no schema registry.
pub(super) fn builtin_decoder() -> Result<Decoder, CommandFailure> {
    let schemas = SchemaSet::new([]);
    let schemas =
        schemas.map_err(|_| CommandFailure::at_runtime("our own schemas do not parse"))?;
    Ok(Decoder::new(schemas))
}

impl ActionReader {
    /// A reader; `mapping` is the file of a jq program.
    pub(super) fn new(mapping: Option<&Path>) -> Result<Self, CommandFailure> {
        let mapping = mapping.map(read_mapping).transpose()?;
        let decoder = builtin_decoder()?;
        Ok(ActionReader {
            decoder,
            mapping,
            quiet: false,
            records_max: u64::MAX,
        })
    }

    /// Calls `each` with every record of every file.
    pub(super) fn read_records(
        &self,
        paths: &[PathBuf],
        mut each: impl FnMut(ReadRecord<'_>) -> Result<(), CommandFailure>,
    ) -> Result<RecordCounts, CommandFailure> {
        let mut counts = RecordCounts::default();
        for path in paths {
            match InputFile::open(path) {
                Ok(file) => self.read_file(file, &mut counts, &mut each)?,
                Err(error) => {
                    counts.refused += 1;
                    let file = path.display().to_string();
                    each(ReadRecord {
                        file: &file,
                        number: 0,
                        result: Err(error.to_string()),
                    })?;
                }
            }
        }
        Ok(counts)
    }

    /// Calls `each` with every action; prints and counts complaints.
    pub(super) fn read_actions(
        &self,
        paths: &[PathBuf],
        mut each: impl FnMut(AgentAction),
    ) -> Result<RecordCounts, CommandFailure> {
        let mut complaints = ComplaintPrinter::default();
        self.read_records(paths, |record| {
            match record.result {
                Ok(actions) => actions.into_iter().for_each(&mut each),
                Err(message) => complaints.print_or_count(&message),
            }
            Ok(())
        })
    }

    fn read_file(
        &self,
        mut file: InputFile<AgentAction>,
        counts: &mut RecordCounts,
        each: &mut impl FnMut(ReadRecord<'_>) -> Result<(), CommandFailure>,
    ) -> Result<(), CommandFailure> {
        if self.mapping.is_some() && file.is_container() {
            let name = file.name();
            let message = format!("{name}: an Avro file holds actions: it takes no mapping");
            return Err(CommandFailure::bad_input(message));
        }
        let name = file.name().to_owned();
        let mut progress = ReadProgress::new(&name, file.size_bytes(), self.quiet);
        while counts.records < self.records_max {
            let Some(record) = file.next() else { break };
            counts.records += 1;
            progress.count_record(|| file.read_bytes());
            let (number, (actions, refusal)) = match record {
                Ok(record) => (record.number, self.actions_of(record)),
                Err(error) => (0, (Vec::new(), Some(RecordRefusal::Input(error)))),
            };
            counts.actions += u64::try_from(actions.len()).unwrap_or(u64::MAX);
            counts.skipped += u64::from(actions.is_empty() && refusal.is_none());
            counts.refused += u64::from(refusal.is_some());
            let file = name.as_str();
            if refusal.is_none() || !actions.is_empty() {
                each(ReadRecord {
                    file,
                    number,
                    result: Ok(actions),
                })?;
            }
            if let Some(refusal) = refusal {
                let result = Err(refusal.to_message(file, number));
                let record = ReadRecord {
                    file,
                    number,
                    result,
                };
                progress.suspend(|| each(record))?;
            }
        }
        Ok(())
    }

    /// The actions of a record, and why it or a part of it was refused.
    fn actions_of(
        &self,
        record: FileRecord<AgentAction>,
    ) -> (Vec<AgentAction>, Option<RecordRefusal>) {
        let refused = |error, bytes| (Vec::new(), Some(RecordRefusal::Record(error, bytes)));
        match (record.content, &self.mapping) {
            (RecordContent::Decoded(decoded), _) => (vec![decoded.value], None),
            (RecordContent::Bytes(bytes), Some(mapping)) => match mapping.map_record(&bytes) {
                Ok(outputs) => {
                    let (actions, reason) = split_outputs(outputs);
                    let actions = actions.into_iter().map(|(_, action)| action);
                    (actions.collect(), reason.map(RecordRefusal::Outputs))
                }
                Err(error) => refused(error, None),
            },
            (RecordContent::Bytes(bytes), None) => match self.decoder.decode_action(&bytes) {
                Ok(decoded) => (vec![*decoded.value], None),
                Err(error) => refused(error, Some(bytes)),
            },
        }
    }
}

enum RecordRefusal {
    Input(InputError),
    /// With the record, unless a mapping read it.
    Record(DecodeError, Option<Vec<u8>>),
    /// Of what a mapping made of the record, something is no action.
    Outputs(String),
}

impl RecordRefusal {
    fn to_message(&self, file: &str, number: u64) -> String {
        match self {
            RecordRefusal::Input(error) => error.to_string(),
            RecordRefusal::Record(error, record) => {
                locate::record_complaint(file, number, record.as_deref(), &error.message)
            }
            RecordRefusal::Outputs(reason) => locate::record_complaint(file, number, None, reason),
        }
    }
}
