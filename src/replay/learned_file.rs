//! The file of what was learned: a header, then one control record a line, each of which imports
//! the profile of a class or a part of what was learned of an agent.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::codec::{Decoder, json};
use crate::detector::learned_state::check_import;
use crate::event::{AgentScope, CommandKind, ControlRecord};

use super::ReplayError;
use super::input_file::{InputFile, RecordContent, STDIN};
use super::output_files::OutputFile;

/// The format that this version writes and reads.
const FORMAT: &str = "scopewatch.learned/1";
/// Records of one file, and bytes of all of them.
pub const LEARNED_RECORDS_MAX: usize = 1_000_000;
pub const LEARNED_BYTES_MAX: usize = 1 << 30;

/// The first line of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LearnedHeader {
    format: String,
    /// The first half of the hash of the rules by which it was learned, in hex.
    pub bundle: String,
    /// Until when, epoch milliseconds.
    pub learned_until: i64,
}

impl LearnedHeader {
    #[must_use]
    pub fn new(bundle: &str, learned_until: i64) -> Self {
        LearnedHeader {
            format: FORMAT.to_owned(),
            bundle: bundle.to_owned(),
            learned_until,
        }
    }
}

/// Writes the file.
///
/// # Errors
/// The file cannot be written.
pub fn write_learned(
    path: &Path,
    header: &LearnedHeader,
    records: &[ControlRecord],
) -> Result<(), ReplayError> {
    let lines: Vec<Vec<u8>> = records.iter().map(json::write_control).collect();
    let bytes: usize = lines.iter().map(Vec::len).sum();
    if lines.len() > LEARNED_RECORDS_MAX || bytes > LEARNED_BYTES_MAX {
        let problem = format!(
            "{}: more was learned than a file may have, {LEARNED_RECORDS_MAX} records and \
             {LEARNED_BYTES_MAX} bytes: export a part of the tenants",
            path.display()
        );
        return Err(ReplayError::Learned(problem));
    }
    let mut file = OutputFile::create(path)?;
    file.write_line(&serde_json::to_vec(header).unwrap_or_default())?;
    for line in &lines {
        file.write_line(line)?;
    }
    file.flush()
}

/// Reads the whole file, and checks every line as the partitions will.
///
/// # Errors
/// The file cannot be read, or a line is not what this version writes: with the line.
pub fn read_learned(
    path: &Path,
    decoder: &Decoder,
) -> Result<(LearnedHeader, Vec<ControlRecord>), ReplayError> {
    if path.as_os_str() == STDIN {
        let problem = "what was learned is read twice: it must be a file, not standard input";
        return Err(ReplayError::Learned(problem.to_owned()));
    }
    let mut file = InputFile::<AgentScope>::open(path)?;
    let name = file.name().to_owned();
    let bad = |line: u64, problem: &str| ReplayError::Learned(format!("{name}:{line}: {problem}"));
    let header: LearnedHeader = match file.next().transpose()?.map(|first| first.content) {
        Some(RecordContent::Bytes(bytes)) => serde_json::from_slice(&bytes)
            .map_err(|error| bad(1, &format!("no header of learned state: {error}")))?,
        _ => return Err(bad(1, "no header of learned state")),
    };
    if header.format != FORMAT {
        let problem = format!("format `{}`; this version reads {FORMAT}", header.format);
        return Err(bad(1, &problem));
    }
    let (mut records, mut bytes_read) = (Vec::new(), 0);
    for read in file {
        let read = read?;
        let line = read.number;
        let RecordContent::Bytes(bytes) = read.content else {
            return Err(bad(line, "a record of an Avro container"));
        };
        bytes_read += bytes.len();
        if records.len() >= LEARNED_RECORDS_MAX || bytes_read > LEARNED_BYTES_MAX {
            let most =
                format!("more than {LEARNED_RECORDS_MAX} records or {LEARNED_BYTES_MAX} bytes");
            return Err(bad(line, &most));
        }
        let decoded = decoder.decode_control(&bytes, None);
        let record = decoded.map_err(|error| bad(line, &error.message))?.value;
        let CommandKind::Import(import) = &record.command else {
            return Err(bad(line, "another command than an import"));
        };
        if record.at_ms != header.learned_until {
            return Err(bad(
                line,
                "at: another time than `learned_until` of the header",
            ));
        }
        check_import(import, record.at_ms)
            .map_err(|problem| bad(line, &format!("import.state: {problem}")))?;
        records.push(record);
    }
    Ok((header, records))
}
