//! Reads records from a file or from standard input, one at a time, in bounded memory.
//!
//! Text has one JSON record a line and is handed on as bytes; an Avro container is decoded here,
//! because its records have no bytes of their own without the file's schema. gzip and zstd are
//! unpacked on the way, whatever the file is called: the first bytes decide.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

use crate::codec::avro::read_container;
use crate::codec::{DecodeError, DecodeErrorKind, Decoded, Decoder};
use crate::engine::dead_letter::LETTER_BYTES_MAX;
use crate::event::limits::RECORD_BYTES_MAX;
use crate::event::{AgentAction, AgentScope};

/// What stands for standard input where a path is expected.
pub const STDIN: &str = "-";
/// Bytes read ahead, of the file and of what is unpacked from it.
const BUFFER_BYTES: usize = 128 * 1024;
/// Bytes of a line that are kept: what a dead letter holds.
const LINE_BYTES_MAX: usize = LETTER_BYTES_MAX;
const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];
const ZSTD_MAGIC: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
const AVRO_MAGIC: &[u8] = b"Obj\x01";
const BYTE_ORDER_MARK: &[u8] = &[0xef, 0xbb, 0xbf];

/// Why something could not be read.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// The file cannot be opened, or its beginning cannot be read.
    #[error("{path}: {source}")]
    Open { path: String, source: io::Error },
    /// Reading broke off, such as in a file that is cut short; nothing follows.
    #[error("{path}:{line}: {source}")]
    Read {
        path: String,
        line: u64,
        source: io::Error,
    },
    /// A line is no record; the next one follows.
    #[error("{path}:{line}: {source}")]
    Line {
        path: String,
        line: u64,
        source: DecodeError,
        /// The line, or as much of it as is kept.
        bytes: Vec<u8>,
    },
    /// A record of an Avro container, or the container itself; the message says which.
    #[error("{path}: {source}")]
    Container { path: String, source: DecodeError },
}

impl InputError {
    /// Whether nothing more can be read from the file, so that what was read is not all of it.
    #[must_use]
    pub fn ends_file(&self) -> bool {
        match self {
            InputError::Open { .. } | InputError::Read { .. } => true,
            InputError::Line { .. } => false,
            InputError::Container { source, .. } => source.kind != DecodeErrorKind::Contract,
        }
    }
}

/// One record of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct FileRecord<T> {
    /// The line, or the record of a container; 1-based.
    pub number: u64,
    pub content: Content<T>,
}

/// What a record is when it leaves the file.
#[derive(Debug, Clone, PartialEq)]
pub enum Content<T> {
    /// A line, without white space at its end; never blank.
    Bytes(Vec<u8>),
    /// A record of an Avro container.
    Decoded(Decoded<T>),
}

type Records<T> = Box<dyn Iterator<Item = Result<Decoded<T>, DecodeError>> + Send>;
type Source = Box<dyn Read + Send>;

/// The kinds of record that files hold.
pub trait FileKind: Sized + Send + 'static {
    /// Decodes one record that is not in a container.
    ///
    /// # Errors
    /// As [`Decoder::action`].
    fn decode(decoder: &Decoder, bytes: &[u8]) -> Result<Decoded<Self>, DecodeError>;

    /// The records of a container.
    ///
    /// # Errors
    /// When its header is not read.
    fn container(input: Box<dyn Read + Send>) -> Result<Records<Self>, DecodeError>;
}

impl FileKind for AgentAction {
    fn decode(decoder: &Decoder, bytes: &[u8]) -> Result<Decoded<Self>, DecodeError> {
        let decoded = decoder.decode_action(bytes)?;
        Ok(Decoded {
            value: *decoded.value,
            unknown_fields: decoded.unknown_fields,
        })
    }

    fn container(input: Source) -> Result<Records<Self>, DecodeError> {
        Ok(Box::new(
            read_container::<AgentAction, _>(input)?.but_not("AgentScope")?,
        ))
    }
}

impl FileKind for AgentScope {
    fn decode(decoder: &Decoder, bytes: &[u8]) -> Result<Decoded<Self>, DecodeError> {
        decoder.decode_scope(bytes)
    }

    fn container(input: Source) -> Result<Records<Self>, DecodeError> {
        Ok(Box::new(
            read_container::<AgentScope, _>(input)?.but_not("AgentAction")?,
        ))
    }
}

impl<T: FileKind> FileRecord<T> {
    /// The record's value.
    ///
    /// # Errors
    /// As [`Decoder::action`]; the caller knows the file's name and adds it.
    pub fn decode(self, decoder: &Decoder) -> Result<Decoded<T>, DecodeError> {
        match self.content {
            Content::Bytes(bytes) => T::decode(decoder, &bytes),
            Content::Decoded(decoded) => Ok(decoded),
        }
    }
}

/// An open file. As an iterator it yields its records; an error is one item among them, and
/// [`InputError::ends_file`] tells whether more can follow.
pub struct InputFile<T> {
    name: String,
    size_bytes: Option<u64>,
    read_bytes: Arc<AtomicU64>,
    form: Form<T>,
    /// Of the line or record last begun.
    number: u64,
    done: bool,
}

enum Form<T> {
    Lines(Box<dyn BufRead + Send>),
    Container(Records<T>),
}

impl<T> std::fmt::Debug for InputFile<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InputFile")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl<T: FileKind> InputFile<T> {
    /// Opens a file; `-` is standard input.
    ///
    /// # Errors
    /// [`InputError::Open`], and [`InputError::Container`] for an Avro file with a bad header.
    pub fn open(path: &Path) -> Result<Self, InputError> {
        if path.as_os_str() == STDIN {
            return InputFile::from_reader("stdin", None, Box::new(io::stdin()));
        }
        let name = path.display().to_string();
        let opened = File::open(path).and_then(|file| Ok((file.metadata()?, file)));
        let (metadata, file) = opened.map_err(|source| InputError::Open {
            path: name.clone(),
            source,
        })?;
        let size_bytes = metadata.is_file().then_some(metadata.len());
        InputFile::from_reader(&name, size_bytes, Box::new(file))
    }

    /// Reads from something already open; `name` stands in messages.
    ///
    /// # Errors
    /// As [`InputFile::open`].
    pub fn from_reader(
        name: &str,
        size_bytes: Option<u64>,
        input: Box<dyn Read + Send>,
    ) -> Result<Self, InputError> {
        let failed = |source| InputError::Open {
            path: name.to_owned(),
            source,
        };
        let read_bytes = Arc::new(AtomicU64::new(0));
        let counted = Counted {
            input,
            bytes: Arc::clone(&read_bytes),
        };
        let (magic, packed) = peek(Box::new(counted)).map_err(failed)?;
        let unpacked: Source = if magic.starts_with(GZIP_MAGIC) {
            Box::new(MultiGzDecoder::new(packed))
        } else if magic.starts_with(ZSTD_MAGIC) {
            Box::new(zstd::stream::read::Decoder::with_buffer(packed).map_err(failed)?)
        } else {
            Box::new(packed)
        };
        let (magic, unpacked) = peek(unpacked).map_err(failed)?;
        let form = if magic == AVRO_MAGIC {
            let opened = T::container(Box::new(unpacked));
            let failed = |source| InputError::Container {
                path: name.to_owned(),
                source,
            };
            Form::Container(opened.map_err(failed)?)
        } else {
            Form::Lines(Box::new(unpacked))
        };
        Ok(InputFile {
            name: name.to_owned(),
            size_bytes,
            read_bytes,
            form,
            number: 0,
            done: false,
        })
    }

    /// The file's name for messages: its path as given, or `stdin`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is an Avro container, whose records are decoded already.
    #[must_use]
    pub fn is_container(&self) -> bool {
        matches!(self.form, Form::Container(_))
    }

    /// Bytes of the file as it stands on disk; `None` for a pipe.
    #[must_use]
    pub fn size_bytes(&self) -> Option<u64> {
        self.size_bytes
    }

    /// Bytes of it read so far, a buffer ahead of the records.
    #[must_use]
    pub fn read_bytes(&self) -> u64 {
        self.read_bytes.load(Ordering::Relaxed)
    }

    /// The next line that holds a record; `None` at the end.
    fn next_line(&mut self) -> Result<Option<Vec<u8>>, InputError> {
        let Form::Lines(reader) = &mut self.form else {
            return Ok(None);
        };
        loop {
            self.number += 1;
            let (path, line) = (&self.name, self.number);
            let mut kept = Vec::new();
            let bytes = read_line(reader, &mut kept).map_err(|source| InputError::Read {
                path: path.clone(),
                line,
                source,
            })?;
            if bytes == 0 {
                return Ok(None);
            }
            let start = if line == 1 && kept.starts_with(BYTE_ORDER_MARK) {
                3
            } else {
                0
            };
            let record = kept.get(start..).unwrap_or_default().trim_ascii_end();
            if record.len() > RECORD_BYTES_MAX || bytes > LINE_BYTES_MAX {
                let mut source = DecodeError::too_large(bytes, RECORD_BYTES_MAX);
                if bytes > LINE_BYTES_MAX {
                    source.message += &format!("; its dead letter is cut at {LINE_BYTES_MAX}");
                }
                return Err(InputError::Line {
                    path: path.clone(),
                    line,
                    source,
                    bytes: record.to_vec(),
                });
            }
            if !record.is_empty() {
                return Ok(Some(record.to_vec()));
            }
        }
    }
}

impl<T: FileKind> Iterator for InputFile<T> {
    type Item = Result<FileRecord<T>, InputError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let content = match &mut self.form {
            Form::Lines(_) => self.next_line().map(|line| line.map(Content::Bytes)),
            Form::Container(records) => {
                self.number += 1;
                let failed = |source| InputError::Container {
                    path: self.name.clone(),
                    source,
                };
                records
                    .next()
                    .transpose()
                    .map(|next| next.map(Content::Decoded))
                    .map_err(failed)
            }
        };
        let number = self.number;
        match content {
            Ok(Some(content)) => Some(Ok(FileRecord { number, content })),
            Ok(None) => {
                self.done = true;
                None
            }
            Err(error) => {
                self.done = error.ends_file();
                Some(Err(error))
            }
        }
    }
}

/// Reads over one line and keeps its first [`LINE_BYTES_MAX`] bytes; returns its length, 0 at the
/// end of the file.
fn read_line(reader: &mut impl BufRead, kept: &mut Vec<u8>) -> io::Result<usize> {
    let mut length = 0;
    loop {
        let buffer = match reader.fill_buf() {
            Ok(buffer) => buffer,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let part = end.and_then(|end| buffer.get(..=end)).unwrap_or(buffer);
        let room = LINE_BYTES_MAX.saturating_sub(kept.len()).min(part.len());
        kept.extend_from_slice(part.get(..room).unwrap_or_default());
        let bytes = part.len();
        reader.consume(bytes);
        length += bytes;
        if bytes == 0 || end.is_some() {
            return Ok(length);
        }
    }
}

type Peeked = io::Chain<Cursor<Vec<u8>>, BufReader<Source>>;

/// The first four bytes, as far as there are any, and everything with them.
fn peek(input: Source) -> io::Result<(Vec<u8>, Peeked)> {
    let mut input = BufReader::with_capacity(BUFFER_BYTES, input);
    let mut magic = Vec::with_capacity(4);
    input.by_ref().take(4).read_to_end(&mut magic)?;
    let whole = Cursor::new(magic.clone()).chain(input);
    Ok((magic, whole))
}

struct Counted {
    input: Source,
    bytes: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.bytes
            .fetch_add(u64::try_from(read).unwrap_or_default(), Ordering::Relaxed);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::codec::SchemaSet;
    use crate::codec::avro::{ActionFileWriter, Compression};

    const ACTION: &str = r#"{"event_id":"e1","occurred_at":1,"tenant":"t","agent":{"id":"a"},
        "resource":{"type":"file"},"action":{"verb":"read"}}"#;

    fn open(bytes: Vec<u8>) -> Result<InputFile<AgentAction>, InputError> {
        InputFile::from_reader("f", None, Box::new(Cursor::new(bytes)))
    }

    fn texts(bytes: Vec<u8>) -> Vec<(u64, String)> {
        let text = |record: FileRecord<AgentAction>| match record.content {
            Content::Bytes(bytes) => (record.number, String::from_utf8(bytes).unwrap()),
            Content::Decoded(_) => panic!("decoded"),
        };
        open(bytes)
            .unwrap()
            .map(|record| text(record.unwrap()))
            .collect()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        writer.write_all(bytes).unwrap();
        writer.finish().unwrap()
    }

    #[test]
    fn lines_keep_their_numbers_packed_or_not() {
        let plain = b"\xef\xbb\xbf{}\r\n\n  \n {\"a\":1}\nlast".to_vec();
        let wanted = [(1, "{}"), (4, " {\"a\":1}"), (5, "last")].map(|(n, t)| (n, t.to_owned()));
        assert_eq!(texts(plain.clone()), wanted);
        assert_eq!(texts(zstd::encode_all(&plain[..], 1).unwrap()), wanted);
        // Two members one after the other, as `cat a.gz b.gz` makes them.
        let (first, second) = plain.split_at(9);
        assert_eq!(texts([gzip(first), gzip(second)].concat()), wanted);
        assert_eq!(texts(Vec::new()), []);
    }

    #[test]
    fn too_long_a_line_is_refused_in_bounded_memory_and_the_next_follows() {
        for (length, fits) in [(RECORD_BYTES_MAX, true), (RECORD_BYTES_MAX + 1, false)] {
            let mut bytes = vec![b'x'; length];
            bytes.extend_from_slice(b"\r\nnext\n");
            let found: Vec<_> = open(bytes).unwrap().collect();
            assert_eq!(found.len(), 2);
            assert_eq!(found[0].is_ok(), fits);
            assert_eq!(found[1].as_ref().unwrap().number, 2);
        }
        let mut kept = Vec::new();
        let huge = [vec![b'x'; 3 * LINE_BYTES_MAX], b"\nnext".to_vec()].concat();
        let read = read_line(&mut Cursor::new(huge), &mut kept).unwrap();
        assert_eq!((read, kept.len()), (3 * LINE_BYTES_MAX + 1, LINE_BYTES_MAX));
    }

    #[test]
    fn a_file_cut_short_ends_with_an_error_that_names_the_line() {
        let mut packed = gzip(b"one\ntwo\n");
        packed.truncate(packed.len() - 6);
        let found: Vec<_> = open(packed).unwrap().collect();
        let error = found.last().unwrap().as_ref().unwrap_err();
        assert!(error.ends_file());
        assert!(error.to_string().starts_with("f:3: "), "{error}");
    }

    #[test]
    fn an_avro_container_is_decoded_and_a_cut_one_says_so() {
        let decoder = Decoder::new(SchemaSet::new([]).unwrap());
        let line = ACTION.replace('\n', " ");
        let action = *decoder.decode_action(line.as_bytes()).unwrap().value;
        let schemas = SchemaSet::new([]).unwrap();
        let mut writer = ActionFileWriter::new(Vec::new(), &schemas, Compression::None).unwrap();
        writer.append(&action).unwrap();
        writer.append(&action).unwrap();
        let bytes = writer.finish().unwrap();

        let file = open(gzip(&bytes)).unwrap();
        assert!(file.is_container());
        let values: Vec<_> = file
            .map(|r| r.unwrap().decode(&decoder).unwrap().value)
            .collect();
        assert_eq!(values, [action.clone(), action]);

        let cut = open(bytes[..bytes.len() - 3].to_vec())
            .unwrap()
            .last()
            .unwrap()
            .unwrap_err();
        assert!(cut.ends_file(), "{cut}");
        assert!(cut.to_string().starts_with("f: "), "{cut}");
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = InputFile::<AgentAction>::open(Path::new("no/such.jsonl")).unwrap_err();
        assert!(error.ends_file());
        assert!(error.to_string().starts_with("no/such.jsonl: "), "{error}");
    }
}
