//! Actions out of files: our own records, or foreign ones through a mapping.

use std::path::{Path, PathBuf};

use super::diagnostics::{Complaints, counted};
use super::exit::Failure;
use super::files::read_mapping;
use super::progress::Progress;
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
    /// Records that are read of all files together.
    pub(super) records_max: u64,
}

/// What became of one record.
#[derive(Debug)]
pub(super) struct ReadRecord<'a> {
    pub(super) file: &'a str,
    /// Line, or record of a container.
    pub(super) number: u64,
    /// Its actions, none when a mapping skipped it; or the whole complaint.
    pub(super) result: Result<Vec<AgentAction>, String>,
}

/// How many of what were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counts {
    pub(super) records: u64,
    pub(super) actions: u64,
    pub(super) skipped: u64,
    pub(super) refused: u64,
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (records, actions) = (
            counted(self.records, "record"),
            counted(self.actions, "action"),
        );
        write!(
            f,
            "{records}: {actions}, {} skipped, {} refused",
            self.skipped, self.refused
        )
    }
}

/// A decoder that knows our own schemas; the command line reads no registry.
pub(super) fn decoder() -> Result<Decoder, Failure> {
    let schemas = SchemaSet::new([]);
    let schemas = schemas.map_err(|_| Failure::runtime("our own schemas do not parse"))?;
    Ok(Decoder::new(schemas))
}

impl ActionReader {
    /// A reader; `mapping` is the file of a jq program.
    pub(super) fn new(mapping: Option<&Path>) -> Result<Self, Failure> {
        let mapping = mapping.map(read_mapping).transpose()?;
        let decoder = decoder()?;
        Ok(ActionReader {
            decoder,
            mapping,
            quiet: false,
            records_max: u64::MAX,
        })
    }

    /// Hands every record of every file to `each`.
    pub(super) fn read(
        &self,
        paths: &[PathBuf],
        mut each: impl FnMut(ReadRecord<'_>) -> Result<(), Failure>,
    ) -> Result<Counts, Failure> {
        let mut counts = Counts::default();
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

    /// Hands every action to `each`; complaints are printed, and counted.
    pub(super) fn read_actions(
        &self,
        paths: &[PathBuf],
        mut each: impl FnMut(AgentAction),
    ) -> Result<Counts, Failure> {
        let mut complaints = Complaints::default();
        self.read(paths, |record| {
            match record.result {
                Ok(actions) => actions.into_iter().for_each(&mut each),
                Err(message) => complaints.add(&message),
            }
            Ok(())
        })
    }

    fn read_file(
        &self,
        mut file: InputFile<AgentAction>,
        counts: &mut Counts,
        each: &mut impl FnMut(ReadRecord<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        if self.mapping.is_some() && file.is_container() {
            let name = file.name();
            let message = format!("{name}: an Avro file holds actions: it takes no mapping");
            return Err(Failure::input(message));
        }
        let name = file.name().to_owned();
        let mut progress = Progress::new(&name, file.size_bytes(), self.quiet);
        while counts.records < self.records_max {
            let Some(record) = file.next() else { break };
            counts.records += 1;
            progress.record(|| file.read_bytes());
            let (number, result) = match record {
                Ok(record) => (record.number, self.actions_of(record)),
                Err(error) => (0, Err(Refusal::Input(error))),
            };
            match &result {
                Ok(actions) if actions.is_empty() => counts.skipped += 1,
                Ok(actions) => counts.actions += u64::try_from(actions.len()).unwrap_or(u64::MAX),
                Err(_) => counts.refused += 1,
            }
            let calm = result.is_ok();
            let result = result.map_err(|refusal| refusal.message(&name, number));
            let record = ReadRecord {
                file: &name,
                number,
                result,
            };
            if calm {
                each(record)?;
            } else {
                progress.suspend(|| each(record))?;
            }
        }
        Ok(())
    }

    fn actions_of(&self, record: FileRecord<AgentAction>) -> Result<Vec<AgentAction>, Refusal> {
        match (record.content, &self.mapping) {
            (RecordContent::Decoded(decoded), _) => Ok(vec![decoded.value]),
            (RecordContent::Bytes(bytes), Some(mapping)) => mapping
                .map_record(&bytes)
                .map_err(|error| Refusal::Record(error, None)),
            (RecordContent::Bytes(bytes), None) => match self.decoder.decode_action(&bytes) {
                Ok(decoded) => Ok(vec![*decoded.value]),
                Err(error) => Err(Refusal::Record(error, Some(bytes))),
            },
        }
    }
}

enum Refusal {
    Input(InputError),
    /// With the record, unless the fault is in what a mapping made of it.
    Record(DecodeError, Option<Vec<u8>>),
}

impl Refusal {
    fn message(&self, file: &str, number: u64) -> String {
        match self {
            Refusal::Input(error) => error.to_string(),
            Refusal::Record(error, record) => {
                locate::record_complaint(file, number, record.as_deref(), &error.message)
            }
        }
    }
}
