//! Files as topics: each record gets the partition its key would have, and a position.

use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::codec::lines::lines;
use crate::codec::{Decoded, json};
use crate::event::{AgentAction, AgentKey, AgentScope, Input, Link, LinkBody, Position, Text};
use crate::service::engine::EngineTask;
use crate::service::input_file::{Content, FileRecord, InputError, InputFile};
use crate::service::partitioner;
use crate::service::task::{InputRecord, Task};

use super::sink::Sink;
use super::{ReplayError, ReplayOptions};

/// Bits of an offset that count the records of one file; those above number the file, so that the
/// records of a later file are later ones.
const NUMBER_BITS: u32 = 40;

/// The offset that stands for a line, or a record of a container.
fn offset_of(file: usize, number: u64) -> i64 {
    let file = i64::try_from(file).unwrap_or(i64::MAX >> NUMBER_BITS);
    let number = i64::try_from(number).unwrap_or(i64::MAX) & ((1 << NUMBER_BITS) - 1);
    (file << NUMBER_BITS) | number
}

/// Reads [`offset_of`] back.
pub(super) fn place_of(offset: i64) -> (usize, u64) {
    let file = usize::try_from(offset >> NUMBER_BITS).unwrap_or(usize::MAX);
    let number = u64::try_from(offset & ((1 << NUMBER_BITS) - 1)).unwrap_or(0);
    (file, number)
}

/// The files of a replay in the order of their numbers: actions, scopes, control records.
pub(super) fn files(options: &ReplayOptions) -> impl Iterator<Item = &Path> {
    let lists = [&options.actions, &options.scopes, &options.control];
    lists.into_iter().flatten().map(PathBuf::as_path)
}

/// The files of a replay, read one after the other.
pub(super) struct Sources<'a> {
    options: &'a ReplayOptions,
    waiting: VecDeque<(usize, &'a PathBuf)>,
    open: Option<(usize, InputFile<AgentAction>)>,
    records: u64,
    skipped: u64,
    topic: Arc<str>,
}

impl<'a> Sources<'a> {
    pub(super) fn new(options: &'a ReplayOptions) -> Self {
        Sources {
            options,
            waiting: options.actions.iter().enumerate().collect(),
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
        let options = self.options;
        let mut tenants: BTreeSet<Text> = BTreeSet::new();
        let first = options.actions.len();
        for (file, path) in (first..).zip(&options.scopes) {
            for record in InputFile::<AgentScope>::open(path)? {
                let Some(record) = passed(record, sink)? else {
                    continue;
                };
                let (key, bytes) = match record.content {
                    Content::Bytes(bytes) => (key_of(&bytes), bytes),
                    Content::Decoded(Decoded { value, .. }) => {
                        let key = format!("{}/{}", value.tenant, value.agent_id);
                        (Some(key), json::write_scope(&value))
                    }
                };
                if let Some((tenant, _)) = key.as_deref().and_then(|key| key.split_once('/')) {
                    tenants.insert(tenant.into());
                }
                let at = offset_of(file, record.number);
                self.push(tasks, Input::Scopes, at, key, bytes);
            }
        }
        let first = first + options.scopes.len();
        for (file, path) in (first..).zip(&options.control) {
            // The kind only matters to containers, which control records are never in.
            for record in InputFile::<AgentScope>::open(path)? {
                let Some(record) = passed(record, sink)? else {
                    continue;
                };
                let at = offset_of(file, record.number);
                match record.content {
                    Content::Bytes(bytes) => {
                        let key = key_of(&bytes);
                        self.push(tasks, Input::Control, at, key, bytes);
                    }
                    Content::Decoded(_) => {
                        self.records += 1;
                        sink.dead(at, "an Avro container holds no control records", &[]);
                    }
                }
            }
        }
        self.manage(tasks, tenants);
        Ok(())
    }

    /// Tells every task which tenants declare scopes. In `run` partitions tell each other when the
    /// first scope comes; a replay has read them all, so that what it finds depends neither on the
    /// number of partitions nor on the size of a step.
    fn manage(&self, tasks: &mut [EngineTask], tenants: BTreeSet<Text>) {
        for tenant in tenants {
            let key = tenant.to_string();
            let link = json::write_link(&Link {
                body: LinkBody::TenantManaged { tenant },
            });
            for task in &mut *tasks {
                task.push(self.raw(Input::Links, (0, 0), key.clone(), link.clone()));
            }
        }
    }

    /// Tells every task that it is `at_ms`.
    pub(super) fn tick(&self, tasks: &mut [EngineTask], at_ms: i64) {
        for task in tasks {
            task.push_tick(
                self.raw(Input::Links, (1, 0), String::new(), Vec::new()),
                at_ms,
            );
        }
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
            let Some((number, file)) = self.file()? else {
                break;
            };
            let number = *number;
            match file.next() {
                None => self.open = None,
                Some(record) => {
                    let Some(record) = passed(record, sink)? else {
                        continue;
                    };
                    read += 1;
                    self.take(record, number, tasks, sink);
                }
            }
        }
        Ok(read)
    }

    fn file(&mut self) -> Result<Option<&mut (usize, InputFile<AgentAction>)>, InputError> {
        if self.open.is_none()
            && let Some((number, path)) = self.waiting.pop_front()
        {
            self.open = Some((number, InputFile::open(Path::new(path))?));
        }
        Ok(self.open.as_mut())
    }

    fn take(
        &mut self,
        record: FileRecord<AgentAction>,
        file: usize,
        tasks: &mut [EngineTask],
        sink: &mut Sink,
    ) {
        let at = offset_of(file, record.number);
        match (record.content, &self.options.mapping) {
            (Content::Bytes(bytes), Some(mapping)) => match mapping.apply(&bytes) {
                Ok(actions) => {
                    self.skipped += u64::from(actions.is_empty());
                    self.push_mapped(tasks, at, actions);
                }
                Err(error) => {
                    self.records += 1;
                    sink.dead(at, &error.message, &bytes);
                }
            },
            (Content::Bytes(bytes), None) => {
                let key = key_of(&bytes);
                self.push(tasks, Input::Actions, at, key, bytes);
            }
            (Content::Decoded(Decoded { value, .. }), _) => {
                self.push_mapped(tasks, at, vec![value]);
            }
        }
    }

    /// One record of one input, undecoded: the task decodes it and buries what it cannot read.
    fn push(
        &mut self,
        tasks: &mut [EngineTask],
        input: Input,
        offset: i64,
        key: Option<String>,
        bytes: Vec<u8>,
    ) {
        let raw = self.raw(input, (offset, 0), key.unwrap_or_default(), bytes);
        self.records += 1;
        if let Some(task) = task_of(tasks, &raw) {
            task.push(raw);
        }
    }

    /// The actions of one record, decoded already.
    fn push_mapped(&mut self, tasks: &mut [EngineTask], offset: i64, actions: Vec<AgentAction>) {
        for (index, action) in (0_u32..).zip(actions) {
            let agent = AgentKey {
                tenant: action.tenant.clone(),
                agent: action.agent_id.clone(),
            };
            let place = (offset, index);
            let raw = self.raw(Input::Actions, place, agent.to_string(), Vec::new());
            if let Some(task) = task_of(tasks, &raw) {
                task.push_mapped(raw, action);
            }
        }
        self.records += 1;
    }

    fn raw(&self, input: Input, place: (i64, u32), key: String, bytes: Vec<u8>) -> InputRecord {
        let partitions = self.options.partitions.max(1);
        InputRecord {
            input,
            position: Position {
                topic: Arc::clone(&self.topic),
                partition: partitioner::partition(key.as_bytes(), partitions),
                offset: place.0,
                index: place.1,
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
            sink.told(error.to_string());
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
