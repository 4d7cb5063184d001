//! Files in place of topics: each record gets a position, and the partition that Kafka would give
//! its key.

use std::sync::Arc;

use crate::codec::Decoder;
use crate::engine::TaskGroup;
use crate::engine::contract::InputRecord;
use crate::engine::partitioner;
use crate::event::{AgentAction, AgentKey, Input, RecordPosition};
use crate::replay::input_file::InputError;
use crate::store::Store;

use super::action_files::{ActionFiles, PreparedRecord};
use super::file_position::FilePosition;
use super::look_ahead::{AheadRecord, LookAhead};
use super::output_sink::OutputSink;
use super::read_counts::ReadCounts;
use super::{LATE_MS, ReplayError, ReplayOptions};

/// The first byte of Confluent framing. Files contain no such records: the line is the padding that
/// a crash left behind.
const NUL: u8 = 0;
const NUL_MESSAGE: &str = "begins with a NUL byte: neither a JSON object nor an Avro single object";

/// Where a record comes from, and the append time that it gets; 0 for its own time.
#[derive(Debug, Clone, Copy)]
pub(super) struct SourceRecord {
    input: Input,
    at: FilePosition,
    /// Distinguishes records that begin in one line.
    index: u32,
    append_ms: i64,
}

impl SourceRecord {
    pub(super) fn new(input: Input, at: FilePosition, index: u32) -> Self {
        SourceRecord {
            input,
            at,
            index,
            append_ms: 0,
        }
    }
}

/// The open input files of a replay.
pub(super) struct InputSources<'a> {
    pub(super) decoder: &'a Decoder,
    actions: LookAhead<'a>,
    /// Number of partitions that the topics would have.
    partitions: u32,
    /// Later actions are left out.
    until_ms: i64,
    counts: ReadCounts,
    topic: Arc<str>,
}

impl<'a> InputSources<'a> {
    /// Opens every file, so that a missing file is reported before any output is written.
    pub(super) fn open(
        options: &'a ReplayOptions,
        decoder: &'a Decoder,
    ) -> Result<Self, ReplayError> {
        Ok(InputSources {
            decoder,
            actions: LookAhead::new(ActionFiles::open(options, decoder)?),
            partitions: options.partitions.max(1),
            until_ms: options.last_ms().unwrap_or(i64::MAX),
            counts: ReadCounts::default(),
            topic: "replay".into(),
        })
    }

    pub(super) fn read_counts(&self) -> &ReadCounts {
        &self.counts
    }

    /// Moves the stream time of every task to `at_ms`.
    pub(super) fn advance_time(&self, tasks: &mut TaskGroup, at_ms: i64) {
        for task in tasks.tasks_mut() {
            let raw = self.input_record(Input::Links, (1, 0), String::new(), Vec::new());
            task.push_tick(raw, at_ms);
        }
    }

    /// Pushes up to `count` records of actions. Returns their number; 0 at the end of all files.
    pub(super) fn read_actions(
        &mut self,
        count: usize,
        tasks: &mut TaskGroup,
        store: &dyn Store,
        sink: &mut OutputSink,
    ) -> Result<usize, ReplayError> {
        let mut read = 0;
        while read < count {
            let Some(record) = self.actions.next_record()? else {
                break;
            };
            read += 1;
            self.push_head(record, (tasks, store), sink)?;
        }
        Ok(read)
    }

    fn push_head(
        &mut self,
        record: AheadRecord,
        (tasks, store): (&mut TaskGroup, &dyn Store),
        sink: &mut OutputSink,
    ) -> Result<(), ReplayError> {
        let file = record.file;
        let Some((number, prepared)) = self.accept_or_reject(file, record.head, sink)? else {
            return Ok(());
        };
        let at = FilePosition::of_line(file, number);
        match prepared {
            PreparedRecord::Raw(bytes) => {
                let sent = SourceRecord::new(Input::Actions, at, 0);
                if let Some(raw) = self.source_record(sent, None, bytes, sink)? {
                    tasks.push_next(raw, store)?;
                }
            }
            PreparedRecord::Actions {
                bytes,
                actions,
                unknown_fields,
                refused,
            } => {
                self.counts.records += 1;
                self.counts.skipped += u64::from(actions.is_empty() && refused.is_none());
                if let Some(message) = refused {
                    sink.write_dead_letter(at, &message, &bytes)?;
                }
                self.counts.unknown_fields += u64::from(unknown_fields);
                self.push_decoded((tasks, store), at, &bytes, actions)?;
            }
            PreparedRecord::Unmapped { bytes, message } => {
                self.counts.records += 1;
                sink.write_dead_letter(at, &message, &bytes)?;
            }
        }
        Ok(())
    }

    /// Returns a good record. Makes a dead letter of a bad one and returns `None`.
    pub(super) fn accept_or_reject<T>(
        &mut self,
        file: usize,
        record: Result<T, InputError>,
        sink: &mut OutputSink,
    ) -> Result<Option<T>, ReplayError> {
        match record {
            Ok(record) => Ok(Some(record)),
            Err(InputError::Line {
                line,
                source,
                bytes,
                ..
            }) => {
                self.counts.records += 1;
                sink.write_dead_letter(FilePosition::of_line(file, line), &source.message, &bytes)?;
                Ok(None)
            }
            Err(error) if error.ends_file() => Err(error.into()),
            Err(error) => {
                self.counts.records += 1;
                sink.count_problem(error.to_string());
                Ok(None)
            }
        }
    }

    /// Counts a bad record that no task gets, and makes a dead letter of it.
    pub(super) fn reject_record(
        &mut self,
        at: FilePosition,
        message: &str,
        bytes: &[u8],
        sink: &mut OutputSink,
    ) -> Result<(), ReplayError> {
        self.counts.records += 1;
        sink.write_dead_letter(at, message, bytes)
    }

    /// One record, not decoded, for the task of its partition. The task makes a dead letter of a
    /// record that it cannot decode.
    pub(super) fn source_record(
        &mut self,
        source: SourceRecord,
        key: Option<String>,
        bytes: Vec<u8>,
        sink: &mut OutputSink,
    ) -> Result<Option<InputRecord>, ReplayError> {
        let SourceRecord { input, at, .. } = source;
        // A task would read the byte as Confluent framing and wait for the unknown schema.
        if bytes.first() == Some(&NUL) {
            self.reject_record(at, NUL_MESSAGE, &bytes, sink)?;
            return Ok(None);
        }
        self.counts.records += 1;
        let merged = input == Input::Actions && self.actions.has_several_files();
        let offset_and_index = (self.record_offset(at, merged), source.index);
        let mut raw = self.input_record(input, offset_and_index, key.unwrap_or_default(), bytes);
        raw.append_ms = source.append_ms;
        if merged || at.column > 1 {
            raw.headers.push(at.to_header());
        }
        Ok(Some(raw))
    }

    /// Pushes the decoded actions of one record.
    fn push_decoded(
        &mut self,
        (tasks, store): (&mut TaskGroup, &dyn Store),
        at: FilePosition,
        bytes: &[u8],
        actions: Vec<(u32, AgentAction)>,
    ) -> Result<(), ReplayError> {
        let merged = self.actions.has_several_files();
        let record_offset = self.record_offset(at, merged);
        for (index, action) in actions {
            let append_ms = self.note_time(at, action.occurred_at_ms);
            let bounded_ms = (append_ms > 0).then_some(append_ms);
            if bounded_ms.or(action.occurred_at_ms) > Some(self.until_ms) {
                continue;
            }
            let agent = action.agent_key();
            // The task can reject only an action without a time. Its dead letter needs the bytes.
            let kept = if action.occurred_at_ms.is_none() {
                bytes
            } else {
                &[]
            };
            let offset_and_index = (record_offset, index);
            let mut raw = self.input_record(
                Input::Actions,
                offset_and_index,
                agent.to_string(),
                kept.to_vec(),
            );
            raw.append_ms = append_ms;
            if merged {
                raw.headers.push(at.to_header());
            }
            tasks.push_next_action(raw, action, store)?;
        }
        Ok(())
    }

    /// The offset of a record: its encoded position, or its number among the merged records.
    fn record_offset(&mut self, at: FilePosition, merged: bool) -> i64 {
        if !merged {
            return at.to_offset();
        }
        self.counts.merged += 1;
        self.counts.merged
    }

    /// Counts an action by its time. Returns the append time that it gets in place of a broker's: 0
    /// for none, or the newest time before it if its own is too far ahead to be believed.
    fn note_time(&mut self, at: FilePosition, occurred_at_ms: Option<i64>) -> i64 {
        let Some(at_ms) = occurred_at_ms else {
            return 0;
        };
        let bound_ms = self.actions.bound_claim(at_ms);
        let counts = &mut self.counts;
        if let Some(bound_ms) = bound_ms {
            counts.ahead += 1;
            counts.ahead_first.get_or_insert(at);
            return bound_ms;
        }
        if at_ms < counts.newest_ms.saturating_sub(LATE_MS) {
            counts.late += 1;
            counts.late_first.get_or_insert(at);
        }
        counts.newest_ms = counts.newest_ms.max(at_ms);
        0
    }

    pub(super) fn input_record(
        &self,
        input: Input,
        (offset, index): (i64, u32),
        key: String,
        bytes: Vec<u8>,
    ) -> InputRecord {
        InputRecord {
            input,
            position: RecordPosition {
                topic: Arc::clone(&self.topic),
                partition: partitioner::partition_of_key(key.as_bytes(), self.partitions),
                offset,
                index,
            },
            append_ms: 0,
            key: Some(key.into_bytes()),
            value: Some(bytes),
            headers: Vec::new(),
        }
    }
}

/// The key that the writer of a control record would give it: tenant and agent. Bytes that are not
/// a JSON object have no key; the task reports what is wrong with them.
pub(super) fn read_record_key(bytes: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct KeyFields {
        tenant: Option<String>,
        agent: Option<AgentField>,
        #[serde(rename = "agent.id", alias = "agent_id")]
        agent_id: Option<String>,
    }
    #[derive(serde::Deserialize)]
    struct AgentField {
        id: Option<String>,
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let fields: KeyFields = serde_json::from_slice(bytes).ok()?;
    let agent = fields
        .agent_id
        .or(fields.agent.and_then(|agent| agent.id))?;
    let tenant = fields.tenant.filter(|tenant| !tenant.is_empty());
    let tenant = tenant.as_deref().unwrap_or(crate::event::TENANT_DEFAULT);
    Some(AgentKey::record_key(tenant, &agent))
}
