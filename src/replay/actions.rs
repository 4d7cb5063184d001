//! The files of actions as one stream: in the order of their own times where there are several.
//!
//! Each file keeps its own order, and of each one record is in memory. A file whose time has not
//! come is closed again, so that a year of daily files needs neither their buffers nor their
//! handles at once.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::Path;

use crate::codec::{Decoded, Decoder};
use crate::event::AgentAction;
use crate::replay::input_file::{Content, FileRecord, InputError, InputFile, STDIN};

use super::{ReplayError, ReplayOptions};

/// A record on its way to its task.
pub(super) enum Prepared {
    /// Not decoded yet.
    Raw(Vec<u8>),
    /// Decoded, or mapped; none when the mapping skipped it.
    Actions {
        bytes: Vec<u8>,
        actions: Vec<AgentAction>,
        unknown_fields: u32,
    },
    /// What the mapping could not read.
    Unmapped { bytes: Vec<u8>, message: String },
}

/// A record with its number in its file; or why there is none.
pub(super) type Head = Result<(u64, Prepared), InputError>;

/// One file.
struct Stream<'a> {
    path: &'a Path,
    /// `None` while it waits for its time, or is at its end.
    open: Option<InputFile<AgentAction>>,
    head: Option<Head>,
    /// Whether more can follow the head.
    ended: bool,
}

/// The files of a replay.
pub(super) struct Actions<'a> {
    options: &'a ReplayOptions,
    decoder: &'a Decoder,
    streams: Vec<Stream<'a>>,
    /// The files by the time of their heads.
    heads: BinaryHeap<Reverse<(i64, usize)>>,
}

impl<'a> Actions<'a> {
    /// Opens every file; of several it reads the first records.
    ///
    /// # Errors
    /// When one cannot be opened, or is no file to be mapped.
    pub(super) fn open(
        options: &'a ReplayOptions,
        decoder: &'a Decoder,
    ) -> Result<Self, ReplayError> {
        let mut actions = Actions {
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
            actions.streams.push(Stream {
                path,
                open: Some(file),
                head: None,
                ended: false,
            });
            if actions.merges() {
                actions.advance(index);
                actions.rest(index);
            }
        }
        Ok(actions)
    }

    /// Whether there are several files.
    pub(super) fn merges(&self) -> bool {
        self.options.actions.len() > 1
    }

    /// The next record and its file; `None` at the end of all.
    pub(super) fn next(&mut self) -> Result<Option<(usize, Head)>, InputError> {
        if !self.merges() {
            let file = self.streams.first_mut().and_then(|s| s.open.as_mut());
            let record = file.and_then(Iterator::next);
            return Ok(record.map(|record| (0, self.prepare(record))));
        }
        let Some(Reverse((_, index))) = self.heads.pop() else {
            return Ok(None);
        };
        self.wake(index)?;
        let head = self.streams.get_mut(index).and_then(|s| s.head.take());
        self.advance(index);
        Ok(head.map(|head| (index, head)))
    }

    /// Reads the next head of a file.
    fn advance(&mut self, index: usize) {
        let stream = self.streams.get_mut(index);
        let Some(record) = stream.and_then(|s| s.open.as_mut()?.next()) else {
            if let Some(stream) = self.streams.get_mut(index) {
                (stream.open, stream.ended) = (None, true);
            }
            return;
        };
        let head = self.prepare(record);
        self.heads.push(Reverse((time_of(&head), index)));
        if let Some(stream) = self.streams.get_mut(index) {
            stream.head = Some(head);
        }
    }

    /// Closes a file until its time comes, unless it can be read only once.
    fn rest(&mut self, index: usize) {
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

    /// Opens a file again and goes over the head that was read of it.
    fn wake(&mut self, index: usize) -> Result<(), InputError> {
        let Some(stream) = self.streams.get_mut(index) else {
            return Ok(());
        };
        if stream.open.is_none() && !stream.ended {
            let mut file = InputFile::open(stream.path)?;
            // The head is in memory; whatever it was, it comes first again.
            let _ = file.next();
            stream.open = Some(file);
        }
        Ok(())
    }

    /// Maps a record, or decodes it where its time is wanted. What does not decode is left to the
    /// task, which buries it.
    fn prepare(&self, record: Result<FileRecord<AgentAction>, InputError>) -> Head {
        let FileRecord { number, content } = record?;
        let prepared = match (content, &self.options.mapping) {
            (Content::Bytes(bytes), Some(mapping)) => match mapping.map_record(&bytes) {
                Ok(actions) => Prepared::Actions {
                    bytes,
                    actions,
                    unknown_fields: 0,
                },
                Err(error) => Prepared::Unmapped {
                    bytes,
                    message: error.message,
                },
            },
            (Content::Bytes(bytes), None) if self.merges() => {
                match self.decoder.decode_action(&bytes) {
                    Ok(Decoded {
                        value,
                        unknown_fields,
                    }) => Prepared::Actions {
                        bytes,
                        actions: vec![*value],
                        unknown_fields,
                    },
                    Err(_) => Prepared::Raw(bytes),
                }
            }
            (Content::Bytes(bytes), None) => Prepared::Raw(bytes),
            (Content::Decoded(decoded), _) => Prepared::Actions {
                bytes: Vec::new(),
                actions: vec![decoded.value],
                unknown_fields: decoded.unknown_fields,
            },
        };
        Ok((number, prepared))
    }
}

/// When a head is due: what has no time goes through at once.
fn time_of(head: &Head) -> i64 {
    match head {
        Ok((_, Prepared::Actions { actions, .. })) => actions
            .first()
            .and_then(|action| action.occurred_at_ms)
            .unwrap_or(i64::MIN),
        Ok((_, Prepared::Raw(_) | Prepared::Unmapped { .. })) | Err(_) => i64::MIN,
    }
}
