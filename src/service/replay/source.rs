//! Files as topics: each record gets the partition its key would have, and a position.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::codec::lines::lines;
use crate::codec::{Decoded, Mapping};
use crate::event::{AgentAction, AgentKey, AgentScope, Input, Position};
use crate::service::engine::EngineTask;
use crate::service::input_file::{Content, FileRecord, InputError, InputFile};
use crate::service::partitioner;
use crate::service::task::{InputRecord, Task};

use super::sink::Sink;
use super::{ReplayError, ReplayOptions};

/// Where a record stands in its file, for messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    pub path: String,
    pub number: u64,
}

/// The files of a replay, read one after the other.
pub(super) struct Sources<'a> {
    mapping: Option<&'a Mapping>,
    partitions: u32,
    scopes: &'a [PathBuf],
    control: &'a [PathBuf],
    waiting: VecDeque<&'a PathBuf>,
    open: Option<InputFile<AgentAction>>,
    records: u64,
    skipped: u64,
    topic: Arc<str>,
}

impl<'a> Sources<'a> {
    pub(super) fn new(options: &'a ReplayOptions) -> Self {
        Sources {
            mapping: options.mapping.as_ref(),
            partitions: options.partitions.max(1),
            scopes: &options.scopes,
            control: &options.control,
            waiting: options.actions.iter().collect(),
            open: None,
            records: 0,
            skipped: 0,
            topic: "replay".into(),
        }
    }

    /// Records read so far, of every kind.
    pub(super) fn records(&self) -> u64 {
        self.records
    }

    /// Records that the mapping made nothing of.
    pub(super) fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Pushes every scope and control record; the tasks take them when their time comes.
    pub(super) fn declare(
        &mut self,
        tasks: &mut [EngineTask],
        sink: &mut Sink,
    ) -> Result<(), ReplayError> {
        for path in self.scopes {
            for record in InputFile::<AgentScope>::open(path)? {
                let Some(record) = passed(record, sink)? else {
                    continue;
                };
                let (key, bytes) = match record.content {
                    Content::Bytes(bytes) => (key_of(&bytes), bytes),
                    Content::Decoded(Decoded { value, .. }) => {
                        let key = format!("{}/{}", value.tenant, value.agent_id);
                        (Some(key), crate::codec::json::write_scope(&value))
                    }
                };
                self.push(tasks, Input::Scopes, key, bytes);
            }
        }
        for path in self.control {
            // The kind only matters to containers, which control records are never in.
            for record in InputFile::<AgentScope>::open(path)? {
                let Some(record) = passed(record, sink)? else {
                    continue;
                };
                if let Content::Bytes(bytes) = record.content {
                    self.push(tasks, Input::Control, key_of(&bytes), bytes);
                }
            }
        }
        Ok(())
    }

    /// Pushes up to `count` records of actions; 0 means that the files are at their end.
    pub(super) fn read(
        &mut self,
        count: usize,
        tasks: &mut [EngineTask],
        sink: &mut Sink,
    ) -> Result<usize, ReplayError> {
        let mut read = 0;
        while read < count {
            let Some(file) = self.file()? else { break };
            let path = file.name().to_owned();
            match file.next() {
                None => self.open = None,
                Some(record) => {
                    let Some(record) = passed(record, sink)? else {
                        continue;
                    };
                    read += 1;
                    self.take(record, &path, tasks, sink);
                }
            }
        }
        Ok(read)
    }

    fn file(&mut self) -> Result<Option<&mut InputFile<AgentAction>>, InputError> {
        if self.open.is_none()
            && let Some(path) = self.waiting.pop_front()
        {
            self.open = Some(InputFile::open(Path::new(path))?);
        }
        Ok(self.open.as_mut())
    }

    fn take(
        &mut self,
        record: FileRecord<AgentAction>,
        path: &str,
        tasks: &mut [EngineTask],
        sink: &mut Sink,
    ) {
        match (record.content, self.mapping) {
            (Content::Bytes(bytes), Some(mapping)) => match mapping.apply(&bytes) {
                Ok(actions) if actions.is_empty() => {
                    self.records += 1;
                    self.skipped += 1;
                }
                Ok(actions) => self.push_mapped(tasks, actions, bytes),
                Err(error) => {
                    self.records += 1;
                    sink.dead(&format!("{path}:{}", record.number), &error.message, &bytes);
                }
            },
            (Content::Bytes(bytes), None) => {
                let key = key_of(&bytes);
                self.push(tasks, Input::Actions, key, bytes);
            }
            (Content::Decoded(Decoded { value, .. }), _) => {
                self.push_mapped(tasks, vec![value], Vec::new());
            }
        }
    }

    /// One record of one input, undecoded: the task decodes it and buries what it cannot read.
    fn push(
        &mut self,
        tasks: &mut [EngineTask],
        input: Input,
        key: Option<String>,
        bytes: Vec<u8>,
    ) {
        let raw = self.raw(input, key.unwrap_or_default(), 0, bytes);
        self.records += 1;
        if let Some(task) = task_of(tasks, &raw) {
            task.push(raw);
        }
    }

    fn push_mapped(&mut self, tasks: &mut [EngineTask], actions: Vec<AgentAction>, bytes: Vec<u8>) {
        for (index, action) in (0_u32..).zip(actions) {
            let agent = AgentKey {
                tenant: action.tenant.clone(),
                agent: action.agent_id.clone(),
            };
            let raw = self.raw(Input::Actions, agent.to_string(), index, Vec::new());
            if let Some(task) = task_of(tasks, &raw) {
                task.push_mapped(raw, action);
            }
        }
        drop(bytes);
        self.records += 1;
    }

    fn raw(&self, input: Input, key: String, index: u32, bytes: Vec<u8>) -> InputRecord {
        let partition = partitioner::partition(key.as_bytes(), self.partitions);
        InputRecord {
            input,
            position: Position {
                topic: Arc::clone(&self.topic),
                partition,
                // Over all files, so that a later file's records are later ones.
                offset: i64::try_from(self.records).unwrap_or(i64::MAX),
                index,
            },
            append_ms: 0,
            key: Some(key.into_bytes()),
            value: Some(bytes),
            headers: Vec::new(),
        }
    }
}

fn task_of<'t>(tasks: &'t mut [EngineTask], raw: &InputRecord) -> Option<&'t mut EngineTask> {
    tasks.get_mut(usize::try_from(raw.position.partition).unwrap_or(0))
}

/// A record, or `None` for a line that was a dead letter already.
fn passed<T>(
    record: Result<FileRecord<T>, InputError>,
    sink: &mut Sink,
) -> Result<Option<FileRecord<T>>, ReplayError> {
    match record {
        Ok(record) => Ok(Some(record)),
        Err(error) if error.ends_file() => Err(error.into()),
        Err(error) => {
            sink.dead("", &error.to_string(), &[]);
            Ok(None)
        }
    }
}

/// The key a gateway would have given the record: its tenant and agent. Bytes that are no JSON
/// object get none; the task says what is wrong with them.
fn key_of(bytes: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Named {
        tenant: Option<String>,
        agent: Option<Agent>,
        #[serde(rename = "agent.id", alias = "agent_id")]
        agent_id: Option<String>,
    }
    #[derive(serde::Deserialize)]
    struct Agent {
        id: Option<String>,
    }
    let line = lines(bytes).next()?.record.ok()?;
    let named: Named = serde_json::from_slice(line).ok()?;
    let agent = named.agent_id.or(named.agent.and_then(|agent| agent.id))?;
    let tenant = named.tenant.filter(|tenant| !tenant.is_empty());
    Some(format!(
        "{}/{agent}",
        tenant.as_deref().unwrap_or(crate::event::TENANT_DEFAULT)
    ))
}
