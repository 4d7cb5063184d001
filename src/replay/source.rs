//! Files as topics: each record gets the partition its key would have, and a position.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::codec::Decoder;
use crate::engine::EngineTask;
use crate::engine::contract::{InputRecord, Task};
use crate::engine::partitioner;
use crate::event::{AgentAction, AgentKey, Input, RecordPosition};
use crate::replay::input_file::InputError;

use super::actions::{Actions, Head, Prepared};
use super::declared::Declared;
use super::place::At;
use super::sink::Sink;
use super::{LATE_MS, ReplayError, ReplayOptions};

/// The first byte of Confluent framing. Files hold none: such a line is the padding of a crash.
const NUL: u8 = 0;
const NUL_TOLD: &str = "begins with a NUL byte: neither a JSON object nor an Avro single object";

/// The files of a replay in the order of their numbers: actions, scopes, control records.
pub(super) fn files(options: &ReplayOptions) -> impl Iterator<Item = &Path> {
    let lists = [&options.actions, &options.scopes, &options.control];
    lists.into_iter().flatten().map(PathBuf::as_path)
}

/// The files of a replay, open.
pub(super) struct Sources<'a> {
    pub(super) decoder: &'a Decoder,
    actions: Actions<'a>,
    declared: Option<Declared>,
    /// Partitions of the topics these stand for.
    partitions: u32,
    pushed: Pushed,
    topic: Arc<str>,
}

/// What was read so far.
#[derive(Debug, Default)]
pub(super) struct Pushed {
    /// Records of every kind, those that could not be used too.
    pub records: u64,
    /// Records that the mapping made nothing of.
    pub skipped: u64,
    /// Fields of records decoded here; the tasks count those of theirs.
    pub unknown_fields: u64,
    /// Actions far behind the newest before them.
    pub late: u64,
    /// Where the first of them stands.
    pub late_first: Option<At>,
    newest_ms: i64,
    /// Actions' records, where files are merged.
    merged: i64,
}

impl<'a> Sources<'a> {
    /// Opens every file, so that what is missing is known before anything is written.
    pub(super) fn open(
        options: &'a ReplayOptions,
        decoder: &'a Decoder,
    ) -> Result<Self, ReplayError> {
        Ok(Sources {
            decoder,
            declared: Some(Declared::open(options)?),
            actions: Actions::open(options, decoder)?,
            partitions: options.partitions.max(1),
            pushed: Pushed::default(),
            topic: "replay".into(),
        })
    }

    pub(super) fn pushed(&self) -> &Pushed {
        &self.pushed
    }

    /// Pushes every scope and control record; the tasks take them when their time comes.
    pub(super) fn declare(
        &mut self,
        tasks: &mut [EngineTask],
        sink: &mut Sink,
    ) -> Result<(), ReplayError> {
        match self.declared.take() {
            Some(declared) => declared.push(self, tasks, sink),
            None => Ok(()),
        }
    }

    /// Tells every task that it is `at_ms`.
    pub(super) fn tick(&self, tasks: &mut [EngineTask], at_ms: i64) {
        for task in tasks {
            let raw = self.raw(Input::Links, (1, 0), String::new(), Vec::new());
            task.push_tick(raw, at_ms);
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
            let Some((file, head)) = self.actions.next()? else {
                break;
            };
            read += 1;
            self.take(file, head, tasks, sink)?;
        }
        Ok(read)
    }

    fn take(
        &mut self,
        file: usize,
        head: Head,
        tasks: &mut [EngineTask],
        sink: &mut Sink,
    ) -> Result<(), ReplayError> {
        let Some((number, prepared)) = self.passed(file, head, sink)? else {
            return Ok(());
        };
        let at = At::line(file, number);
        match prepared {
            Prepared::Raw(bytes) => {
                let (key, occurred_at_ms) = named(&bytes);
                self.note_time(at, occurred_at_ms);
                self.push(tasks, (Input::Actions, at, 0), key, bytes, sink)?;
            }
            Prepared::Actions {
                bytes,
                actions,
                unknown_fields,
            } => {
                self.pushed.records += 1;
                self.pushed.skipped += u64::from(actions.is_empty());
                self.pushed.unknown_fields += u64::from(unknown_fields);
                self.push_decoded(tasks, at, &bytes, actions);
            }
            Prepared::Unmapped { bytes, message } => {
                self.pushed.records += 1;
                sink.dead(at, &message, &bytes)?;
            }
        }
        Ok(())
    }

    /// A record, or `None` for a line that is a dead letter already.
    pub(super) fn passed<T>(
        &mut self,
        file: usize,
        record: Result<T, InputError>,
        sink: &mut Sink,
    ) -> Result<Option<T>, ReplayError> {
        match record {
            Ok(record) => Ok(Some(record)),
            Err(InputError::Line {
                line,
                source,
                bytes,
                ..
            }) => {
                self.pushed.records += 1;
                sink.dead(At::line(file, line), &source.message, &bytes)?;
                Ok(None)
            }
            Err(error) if error.ends_file() => Err(error.into()),
            Err(error) => {
                self.pushed.records += 1;
                sink.told(error.to_string());
                Ok(None)
            }
        }
    }

    /// Counts a record that is dead before a task has seen it.
    pub(super) fn dead(
        &mut self,
        at: At,
        message: &str,
        bytes: &[u8],
        sink: &mut Sink,
    ) -> Result<(), ReplayError> {
        self.pushed.records += 1;
        sink.dead(at, message, bytes)
    }

    /// One record of one input, undecoded: the task decodes it and buries what it cannot read.
    /// `index` tells records apart that share a line.
    pub(super) fn push(
        &mut self,
        tasks: &mut [EngineTask],
        (input, at, index): (Input, At, u32),
        key: Option<String>,
        bytes: Vec<u8>,
        sink: &mut Sink,
    ) -> Result<(), ReplayError> {
        // A task would take it for Avro of a schema to come, and wait for it.
        if bytes.first() == Some(&NUL) {
            return self.dead(at, NUL_TOLD, &bytes, sink);
        }
        self.pushed.records += 1;
        let merged = input == Input::Actions && self.actions.merges();
        let place = (self.stands_at(at, merged), index);
        let mut raw = self.raw(input, place, key.unwrap_or_default(), bytes);
        if merged || at.column > 1 {
            raw.headers.push(at.header());
        }
        if let Some(task) = task_of(tasks, &raw) {
            task.push(raw);
        }
        Ok(())
    }

    /// The actions of one record, decoded already.
    fn push_decoded(
        &mut self,
        tasks: &mut [EngineTask],
        at: At,
        bytes: &[u8],
        actions: Vec<AgentAction>,
    ) {
        let merged = self.actions.merges();
        let stands_at = self.stands_at(at, merged);
        for (index, action) in (0_u32..).zip(actions) {
            self.note_time(at, action.occurred_at_ms);
            let agent = AgentKey {
                tenant: action.tenant.clone(),
                agent: action.agent_id.clone(),
            };
            // Only what has no time can still be refused, and wants its bytes then.
            let kept = if action.occurred_at_ms.is_none() {
                bytes
            } else {
                &[]
            };
            let place = (stands_at, index);
            let mut raw = self.raw(Input::Actions, place, agent.to_string(), kept.to_vec());
            if merged {
                raw.headers.push(at.header());
            }
            if let Some(task) = task_of(tasks, &raw) {
                task.push_mapped(raw, action);
            }
        }
    }

    /// The offset of a record: its line, or its number among the merged ones.
    fn stands_at(&mut self, at: At, merged: bool) -> i64 {
        if !merged {
            return at.offset();
        }
        self.pushed.merged += 1;
        self.pushed.merged
    }

    fn note_time(&mut self, at: At, occurred_at_ms: Option<i64>) {
        let Some(at_ms) = occurred_at_ms else { return };
        let pushed = &mut self.pushed;
        if at_ms < pushed.newest_ms.saturating_sub(LATE_MS) {
            pushed.late += 1;
            pushed.late_first.get_or_insert(at);
        }
        pushed.newest_ms = pushed.newest_ms.max(at_ms);
    }

    pub(super) fn raw(
        &self,
        input: Input,
        place: (i64, u32),
        key: String,
        bytes: Vec<u8>,
    ) -> InputRecord {
        InputRecord {
            input,
            position: RecordPosition {
                topic: Arc::clone(&self.topic),
                partition: partitioner::partition(key.as_bytes(), self.partitions),
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

/// The key a gateway would have given the record, its tenant and agent, and when it happened.
/// Bytes that are no JSON object get none; the task says what is wrong with them.
pub(super) fn named(bytes: &[u8]) -> (Option<String>, Option<i64>) {
    #[derive(serde::Deserialize)]
    struct Named {
        tenant: Option<String>,
        agent: Option<Agent>,
        #[serde(rename = "agent.id", alias = "agent_id")]
        agent_id: Option<String>,
        occurred_at: Option<serde_json::Value>,
    }
    #[derive(serde::Deserialize)]
    struct Agent {
        id: Option<String>,
    }
    let Ok(named) = serde_json::from_slice::<Named>(bytes) else {
        return (None, None);
    };
    let at_ms = named.occurred_at.and_then(|at| match at {
        serde_json::Value::String(text) => {
            let time = text.parse::<jiff::Timestamp>();
            time.ok().map(jiff::Timestamp::as_millisecond)
        }
        other => other.as_i64(),
    });
    let agent = named.agent_id.or(named.agent.and_then(|agent| agent.id));
    let tenant = named.tenant.filter(|tenant| !tenant.is_empty());
    let tenant = tenant.as_deref().unwrap_or(crate::event::TENANT_DEFAULT);
    (agent.map(|agent| format!("{tenant}/{agent}")), at_ms)
}
