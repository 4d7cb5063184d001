//! The files of actions as one stream. Several files are merged by the time of their actions.
//!
//! The order within a file is kept. One record per file is in memory. A file that is not due yet
//! is closed and opened again later, so a year of daily files needs neither many buffers nor many
//! open files at once.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::Path;

use crate::codec::mapping::split_outputs;
use crate::codec::{Decoded, Decoder};
use crate::event::AgentAction;
use crate::replay::input_file::{FileRecord, InputError, InputFile, RecordContent, STDIN};

use super::{ReplayError, ReplayOptions};

/// A record, prepared for its task.
pub(super) enum PreparedRecord {
    /// It cannot be decoded.
    Raw(Vec<u8>),
    /// Decoded or mapped. `actions` is empty when the mapping skipped the record; each has its
    /// number among what was made of the record.
    Actions {
        bytes: Vec<u8>,
        actions: Vec<(u32, AgentAction)>,
        unknown_fields: u32,
        /// Why the mapping made something else besides.
        refused: Option<String>,
    },
    /// The mapping failed on this record.
    Unmapped { bytes: Vec<u8>, message: String },
}

/// A record and its number in the file, or the error in its stead.
pub(super) type HeadRecord = Result<(u64, PreparedRecord), InputError>;

/// One file of actions.
struct ActionStream<'a> {
    path: &'a Path,
    /// `None` while the file is not due, and after its end.
    open: Option<InputFile<AgentAction>>,
    head: Option<HeadRecord>,
    /// Whether the file has no record after `head`.
    ended: bool,
}

/// All files of actions of a replay.
pub(super) struct ActionFiles<'a> {
    options: &'a ReplayOptions,
    decoder: &'a Decoder,
    streams: Vec<ActionStream<'a>>,
    /// The files that have a head record, by the time of that record.
    heads: BinaryHeap<Reverse<(i64, usize)>>,
}

impl<'a> ActionFiles<'a> {
    /// Opens every file. If there are several, reads the first record of each.
    ///
    /// # Errors
    /// A file cannot be opened, or it is an Avro file and there is a mapping.
    pub(super) fn open(
        options: &'a ReplayOptions,
        decoder: &'a Decoder,
    ) -> Result<Self, ReplayError> {
        let mut files = ActionFiles {
            options,
            decoder,
            streams: Vec::with_capacity(options.actions.len()),
            heads: BinaryHeap::new(),
        };
        for (index, path) in options.actions.iter().enumerate() {
            let file = InputFile::open(path)?;
            if options.mapping.is_some() && file.is_container() {
                return Err(ReplayError::Arguments(format!(
                    "{}: an Avro file holds actions: it takes no mapping",
                    file.name()
                )));
            }
            files.streams.push(ActionStream {
                path,
                open: Some(file),
                head: None,
                ended: false,
            });
            if files.has_several_files() {
                files.read_head(index);
                files.close_until_due(index);
            }
        }
        Ok(files)
    }

    /// Whether there are several files to merge.
    pub(super) fn has_several_files(&self) -> bool {
        self.options.actions.len() > 1
    }

    /// The next record and the index of its file; `None` after the end of all files.
    pub(super) fn next_record(&mut self) -> Result<Option<(usize, HeadRecord)>, InputError> {
        if !self.has_several_files() {
            let file = self.streams.first_mut().and_then(|s| s.open.as_mut());
            let record = file.and_then(Iterator::next);
            return Ok(record.map(|record| (0, self.prepare_record(record))));
        }
        let Some(Reverse((_, index))) = self.heads.pop() else {
            return Ok(None);
        };
        self.reopen_when_due(index)?;
        let head = self.streams.get_mut(index).and_then(|s| s.head.take());
        self.read_head(index);
        Ok(head.map(|head| (index, head)))
    }

    /// Reads the next head record of a file.
    fn read_head(&mut self, index: usize) {
        let stream = self.streams.get_mut(index);
        let Some(record) = stream.and_then(|s| s.open.as_mut()?.next()) else {
            if let Some(stream) = self.streams.get_mut(index) {
                (stream.open, stream.ended) = (None, true);
            }
            return;
        };
        let head = self.prepare_record(record);
        self.heads.push(Reverse((due_ms(&head), index)));
        if let Some(stream) = self.streams.get_mut(index) {
            stream.head = Some(head);
        }
    }

    /// Closes a file until its head record is due. Standard input and pipes stay open: they can be
    /// read only once.
    fn close_until_due(&mut self, index: usize) {
        if let Some(stream) = self.streams.get_mut(index)
            && stream.path.as_os_str() != STDIN
            && stream
                .open
                .as_ref()
                .is_some_and(|f| f.size_bytes().is_some())
        {
            stream.open = None;
        }
    }

    /// Opens a closed file again and skips the head record, which is in memory.
    fn reopen_when_due(&mut self, index: usize) -> Result<(), InputError> {
        let Some(stream) = self.streams.get_mut(index) else {
            return Ok(());
        };
        if stream.open.is_none() && !stream.ended {
            let mut file = InputFile::open(stream.path)?;
            // The head record was read before, whether it was good or bad.
            let _ = file.next();
            stream.open = Some(file);
        }
        Ok(())
    }

    /// Maps or decodes a record. A record that cannot be decoded goes to the task, which makes a
    /// dead letter of it.
    fn prepare_record(&self, record: Result<FileRecord<AgentAction>, InputError>) -> HeadRecord {
        let FileRecord { number, content } = record?;
        let prepared = match (content, &self.options.mapping) {
            (RecordContent::Bytes(bytes), Some(mapping)) => match mapping.map_record(&bytes) {
                Ok(outputs) => {
                    let (actions, refused) = split_outputs(outputs);
                    PreparedRecord::Actions {
                        bytes,
                        actions,
                        unknown_fields: 0,
                        refused,
                    }
                }
                Err(error) => PreparedRecord::Unmapped {
                    bytes,
                    message: error.message,
                },
            },
            (RecordContent::Bytes(bytes), None) => match self.decoder.decode_action(&bytes) {
                Ok(Decoded {
                    value,
                    unknown_fields,
                }) => PreparedRecord::Actions {
                    bytes,
                    actions: vec![(0, *value)],
                    unknown_fields,
                    refused: None,
                },
                Err(_) => PreparedRecord::Raw(bytes),
            },
            (RecordContent::Decoded(decoded), _) => PreparedRecord::Actions {
                bytes: Vec::new(),
                actions: vec![(0, decoded.value)],
                unknown_fields: decoded.unknown_fields,
                refused: None,
            },
        };
        Ok((number, prepared))
    }
}

/// When a head record is due, epoch ms. A record without a time is due at once.
fn due_ms(head: &HeadRecord) -> i64 {
    match head {
        Ok((_, PreparedRecord::Actions { actions, .. })) => actions
            .first()
            .and_then(|(_, action)| action.occurred_at_ms)
            .unwrap_or(i64::MIN),
        Ok((_, PreparedRecord::Raw(_) | PreparedRecord::Unmapped { .. })) | Err(_) => i64::MIN,
    }
}
