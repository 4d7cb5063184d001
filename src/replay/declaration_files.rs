//! The scope and control records of a replay. All are read before the first action.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::codec::{Decoded, json};
use crate::engine::TaskGroup;
use crate::engine::contract::PartitionTask;
use crate::event::{AddressedLink, AgentScope, Input, Link, LinkBody, LinkTarget, Text};
use crate::replay::document::{self, starts_document};
use crate::replay::input_file::{FileRecord, InputError, InputFile, RecordContent};
use crate::scope::CompiledScope;

use super::file_position::FilePosition;
use super::input_sources::{InputSources, SourceRecord};
use super::output_sink::OutputSink;
use super::{ReplayError, ReplayOptions};

/// The open files with their numbers. The record type matters for Avro containers only; these never
/// contain control records.
pub(super) struct DeclarationFiles {
    files: Vec<(usize, Input, InputFile<AgentScope>)>,
    /// The number of the file of what was learned, which has a header.
    import: Option<usize>,
}

/// Reads one file and pushes its records to the tasks.
struct DeclarationReader<'r, 'a> {
    sources: &'r mut InputSources<'a>,
    tasks: &'r mut TaskGroup,
    sink: &'r mut OutputSink,
    file: usize,
    input: Input,
    /// Number of records of the file, and how many of them can be used.
    records: u64,
    usable: u64,
    /// Tenants that declare scopes, in all files so far.
    tenants: BTreeSet<Text>,
}

impl DeclarationFiles {
    pub(super) fn open(options: &ReplayOptions) -> Result<Self, InputError> {
        let scopes = options.scopes.iter().map(|path| (Input::Scopes, path));
        let control = options.import.iter().chain(&options.control);
        let control = control.map(|path| (Input::Control, path));
        let before = options.actions.len() + options.scopes.len();
        let numbered = (options.actions.len()..).zip(scopes.chain(control));
        let opened = numbered.map(|(file, (input, path)): (_, (_, &PathBuf))| {
            Ok((file, input, InputFile::open(path)?))
        });
        Ok(DeclarationFiles {
            files: opened.collect::<Result<_, InputError>>()?,
            import: options.import.is_some().then_some(before),
        })
    }

    pub(super) fn push_all(
        self,
        sources: &mut InputSources<'_>,
        tasks: &mut TaskGroup,
        sink: &mut OutputSink,
    ) -> Result<(), ReplayError> {
        let mut tenants = BTreeSet::new();
        for (number, input, mut file) in self.files {
            let name = file.name().to_owned();
            if self.import == Some(number) {
                file.next();
            }
            let mut reading = DeclarationReader {
                sources: &mut *sources,
                tasks: &mut *tasks,
                sink: &mut *sink,
                file: number,
                input,
                records: 0,
                usable: 0,
                tenants: std::mem::take(&mut tenants),
            };
            reading.push_file(file)?;
            let unusable = reading.records > 0 && reading.usable == 0;
            tenants = reading.tenants;
            if unusable {
                sink.summary.unusable_files.push(name);
            }
        }
        declare_managed_tenants(sources, tasks, tenants);
        Ok(())
    }
}

/// Sends each task the tenants that declare scopes. In `run`, partitions tell each other when the
/// first scope of a tenant arrives. A replay knows all scopes from the start; thus its results
/// depend neither on the number of partitions nor on the size of a step.
fn declare_managed_tenants(
    sources: &InputSources<'_>,
    tasks: &mut TaskGroup,
    tenants: BTreeSet<Text>,
) {
    for tenant in tenants {
        let key = tenant.to_string();
        let link = json::write_link(&AddressedLink {
            target: LinkTarget::AllPartitions,
            link: Link {
                cause: None,
                body: LinkBody::TenantManaged { tenant },
            },
        });
        for task in tasks.tasks_mut() {
            task.push(sources.input_record(Input::Links, (0, 0), key.clone(), link.clone()));
        }
    }
}

impl DeclarationReader<'_, '_> {
    fn push_file(&mut self, mut file: InputFile<AgentScope>) -> Result<(), ReplayError> {
        let Some(first) = file.next() else {
            return Ok(());
        };
        if starts_document(&first) {
            return self.push_document(first, file);
        }
        for record in std::iter::once(first).chain(file) {
            self.push_record(record)?;
        }
        Ok(())
    }

    /// Pushes the records of a file that is one JSON document over several lines.
    fn push_document(
        &mut self,
        first: Result<FileRecord<AgentScope>, InputError>,
        rest: InputFile<AgentScope>,
    ) -> Result<(), ReplayError> {
        let name = rest.name().to_owned();
        let whole = document::join_lines(&name, std::iter::once(first).chain(rest))?;
        let objects = match document::find_objects(&whole) {
            Ok(objects) => objects,
            // The file has one record per line; only its first line is incomplete.
            Err(_) if whole.text.lines().any(is_object) => {
                for (number, line) in (1..).zip(whole.text.lines()) {
                    if !line.trim().is_empty() {
                        self.push_text(FilePosition::of_line(self.file, number), 0, line)?;
                    }
                }
                return Ok(());
            }
            Err(problem) => {
                self.records += 1;
                let at = FilePosition {
                    column: problem.column,
                    ..FilePosition::of_line(self.file, problem.line as u64)
                };
                let text = whole.text.as_bytes();
                return self
                    .sources
                    .reject_record(at, &problem.message, text, self.sink);
            }
        };
        let (mut line, mut index) = (0, 0);
        for object in objects {
            index = if object.location.line == line {
                index + 1
            } else {
                0
            };
            line = object.location.line;
            let at = FilePosition {
                column: object.location.column,
                ..FilePosition::of_line(self.file, line as u64)
            };
            let text = whole.text.get(object.span).unwrap_or_default();
            self.push_text(at, index, text)?;
        }
        Ok(())
    }

    fn push_record(
        &mut self,
        record: Result<FileRecord<AgentScope>, InputError>,
    ) -> Result<(), ReplayError> {
        let Some(record) = self
            .sources
            .accept_or_reject(self.file, record, self.sink)?
        else {
            self.records += 1;
            return Ok(());
        };
        let at = FilePosition::of_line(self.file, record.number);
        match record.content {
            RecordContent::Bytes(bytes) => self.push_bytes(at, 0, bytes),
            RecordContent::Decoded(_) if self.input == Input::Control => {
                self.records += 1;
                let message = "an Avro container holds no control records";
                self.sources.reject_record(at, message, &[], self.sink)
            }
            RecordContent::Decoded(Decoded { value, .. }) => {
                self.push_bytes(at, 0, json::write_scope(&value))
            }
        }
    }

    fn push_text(&mut self, at: FilePosition, index: u32, text: &str) -> Result<(), ReplayError> {
        self.push_bytes(at, index, text.as_bytes().to_vec())
    }

    fn push_bytes(
        &mut self,
        at: FilePosition,
        index: u32,
        bytes: Vec<u8>,
    ) -> Result<(), ReplayError> {
        self.records += 1;
        let decoder = self.sources.decoder;
        let key = match self.input {
            Input::Scopes => decoder.decode_scope(&bytes).ok().map(|decoded| {
                let scope = decoded.value;
                if CompiledScope::compile(&scope).is_ok() {
                    self.usable += 1;
                    self.tenants.insert(scope.tenant.clone());
                }
                scope.agent_key().to_string()
            }),
            // A signed record is not JSON: only the decoder knows what it says.
            _ => match decoder.decode_control(&bytes, None) {
                Ok(decoded) => {
                    self.usable += 1;
                    Some(decoded.value.agent_key().to_string())
                }
                Err(_) => super::input_sources::read_record_key(&bytes),
            },
        };
        let origin = SourceRecord::new(self.input, at, index);
        if let Some(raw) = self.sources.source_record(origin, key, bytes, self.sink)? {
            self.tasks.push(raw);
        }
        Ok(())
    }
}

fn is_object(line: &str) -> bool {
    line.trim_start().starts_with('{')
        && serde_json::from_str::<serde::de::IgnoredAny>(line).is_ok()
}
