//! Scope and control records of a replay: read whole before the first action.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::codec::{Decoded, json};
use crate::engine::EngineTask;
use crate::engine::contract::Task;
use crate::event::{AgentScope, Input, Link, LinkBody, Text};
use crate::replay::document::{self, is_begun};
use crate::replay::input_file::{Content, FileRecord, InputError, InputFile};
use crate::scope::CompiledScope;

use super::place::At;
use super::sink::Sink;
use super::source::Sources;
use super::{ReplayError, ReplayOptions};

/// The files, open. The kind only matters to containers, which control records are never in.
pub(super) struct Declared {
    files: Vec<(usize, Input, InputFile<AgentScope>)>,
}

/// One file on its way to the tasks.
struct Reading<'r, 'a> {
    sources: &'r mut Sources<'a>,
    tasks: &'r mut [EngineTask],
    sink: &'r mut Sink,
    file: usize,
    input: Input,
    /// Records of the file, and those among them that can be used.
    seen: u64,
    usable: u64,
    /// Tenants that declare scopes, over all files.
    tenants: BTreeSet<Text>,
}

impl Declared {
    pub(super) fn open(options: &ReplayOptions) -> Result<Self, InputError> {
        let scopes = options.scopes.iter().map(|path| (Input::Scopes, path));
        let control = options.control.iter().map(|path| (Input::Control, path));
        let numbered = (options.actions.len()..).zip(scopes.chain(control));
        let opened = numbered.map(|(file, (input, path)): (_, (_, &PathBuf))| {
            Ok((file, input, InputFile::open(path)?))
        });
        Ok(Declared {
            files: opened.collect::<Result<_, InputError>>()?,
        })
    }

    pub(super) fn push(
        self,
        sources: &mut Sources<'_>,
        tasks: &mut [EngineTask],
        sink: &mut Sink,
    ) -> Result<(), ReplayError> {
        let mut tenants = BTreeSet::new();
        for (number, input, file) in self.files {
            let name = file.name().to_owned();
            let mut reading = Reading {
                sources: &mut *sources,
                tasks: &mut *tasks,
                sink: &mut *sink,
                file: number,
                input,
                seen: 0,
                usable: 0,
                tenants: std::mem::take(&mut tenants),
            };
            reading.all(file)?;
            let useless = reading.seen > 0 && reading.usable == 0;
            tenants = reading.tenants;
            if useless {
                sink.summary.useless.push(name);
            }
        }
        manage(sources, tasks, tenants);
        Ok(())
    }
}

/// Tells every task which tenants declare scopes. In `run` partitions tell each other when the
/// first scope comes; a replay has read them all, so that what it finds depends neither on the
/// number of partitions nor on the size of a step.
fn manage(sources: &Sources<'_>, tasks: &mut [EngineTask], tenants: BTreeSet<Text>) {
    for tenant in tenants {
        let key = tenant.to_string();
        let link = json::write_link(&Link {
            body: LinkBody::TenantManaged { tenant },
        });
        for task in &mut *tasks {
            task.push(sources.raw(Input::Links, (0, 0), key.clone(), link.clone()));
        }
    }
}

impl Reading<'_, '_> {
    fn all(&mut self, mut file: InputFile<AgentScope>) -> Result<(), ReplayError> {
        let Some(first) = file.next() else {
            return Ok(());
        };
        if is_begun(&first) {
            return self.document(first, file);
        }
        for record in std::iter::once(first).chain(file) {
            self.record(record)?;
        }
        Ok(())
    }

    /// A file whose records are laid out freely.
    fn document(
        &mut self,
        first: Result<FileRecord<AgentScope>, InputError>,
        rest: InputFile<AgentScope>,
    ) -> Result<(), ReplayError> {
        let name = rest.name().to_owned();
        let whole = document::gather(&name, std::iter::once(first).chain(rest))?;
        let objects = match document::objects(&whole) {
            Ok(objects) => objects,
            // A first line that was cut short, in a file of lines.
            Err(_) if whole.text.lines().any(is_object) => {
                for (number, line) in (1..).zip(whole.text.lines()) {
                    if !line.trim().is_empty() {
                        self.text(At::line(self.file, number), 0, line)?;
                    }
                }
                return Ok(());
            }
            Err(problem) => {
                self.seen += 1;
                let at = At {
                    column: problem.column,
                    ..At::line(self.file, problem.line as u64)
                };
                let text = whole.text.as_bytes();
                return self.sources.dead(at, &problem.message, text, self.sink);
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
            let at = At {
                column: object.location.column,
                ..At::line(self.file, line as u64)
            };
            let text = whole.text.get(object.span).unwrap_or_default();
            self.text(at, index, text)?;
        }
        Ok(())
    }

    fn record(
        &mut self,
        record: Result<FileRecord<AgentScope>, InputError>,
    ) -> Result<(), ReplayError> {
        let Some(record) = self.sources.passed(self.file, record, self.sink)? else {
            self.seen += 1;
            return Ok(());
        };
        let at = At::line(self.file, record.number);
        match record.content {
            Content::Bytes(bytes) => self.bytes(at, 0, bytes),
            Content::Decoded(_) if self.input == Input::Control => {
                self.seen += 1;
                let message = "an Avro container holds no control records";
                self.sources.dead(at, message, &[], self.sink)
            }
            Content::Decoded(Decoded { value, .. }) => self.bytes(at, 0, json::write_scope(&value)),
        }
    }

    fn text(&mut self, at: At, index: u32, text: &str) -> Result<(), ReplayError> {
        self.bytes(at, index, text.as_bytes().to_vec())
    }

    fn bytes(&mut self, at: At, index: u32, bytes: Vec<u8>) -> Result<(), ReplayError> {
        self.seen += 1;
        let decoder = self.sources.decoder;
        let key = match self.input {
            Input::Scopes => decoder.decode_scope(&bytes).ok().map(|decoded| {
                let scope = decoded.value;
                if CompiledScope::compile(&scope).is_ok() {
                    self.usable += 1;
                    self.tenants.insert(scope.tenant.clone());
                }
                format!("{}/{}", scope.tenant, scope.agent_id)
            }),
            _ => {
                self.usable += u64::from(decoder.decode_control(&bytes).is_ok());
                super::source::named(&bytes).0
            }
        };
        let place = (self.input, at, index);
        self.sources.push(self.tasks, place, key, bytes, self.sink)
    }
}

fn is_object(line: &str) -> bool {
    line.trim_start().starts_with('{')
        && serde_json::from_str::<serde::de::IgnoredAny>(line).is_ok()
}
