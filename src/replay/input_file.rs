//! Reads records from a file or from standard input, one at a time, in bounded memory.
//!
//! A text file has one JSON record per line; its lines are returned as bytes. An Avro container is
//! decoded here, because its records cannot be read without the schema of the file. gzip and zstd
//! are unpacked. The first bytes of a file decide about its format, not its name.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

use crate::codec::avro::open_file;
use crate::codec::{DecodeError, DecodeErrorKind, Decoded, Decoder};
use crate::engine::dead_letter::LETTER_BYTES_MAX;
use crate::event::limits::RECORD_BYTES_MAX;
use crate::event::{AgentAction, AgentScope};

/// The path that means standard input.
pub const STDIN: &str = "-";
/// Size of the read buffers in bytes, one for the file and one for its unpacked content.
const BUFFER_BYTES: usize = 128 * 1024;
/// How many bytes of a line are kept: as many as a dead letter can contain.
const LINE_BYTES_MAX: usize = LETTER_BYTES_MAX;
const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];
const ZSTD_MAGIC: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
const AVRO_MAGIC: &[u8] = b"Obj\x01";
const BYTE_ORDER_MARK: &[u8] = &[0xef, 0xbb, 0xbf];

/// Why a file or a record could not be read.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// The file cannot be opened, or its first bytes cannot be read.
    #[error("{path}: {source}")]
    Open { path: String, source: io::Error },
    /// A read error in the middle, for example because the file is truncated. No more records
    /// follow.
    #[error("{path}:{line}: {source}")]
    Read {
        path: String,
        line: u64,
        source: io::Error,
    },
    /// The line is not a record. More records follow.
    #[error("{path}:{line}: {source}")]
    Line {
        path: String,
        line: u64,
        source: DecodeError,
        /// The line, cut off at the size of a dead letter.
        bytes: Vec<u8>,
    },
    /// A record of an Avro container is bad, or the container is. The message says which.
    #[error("{path}: {source}")]
    Container { path: String, source: DecodeError },
}

impl InputError {
    /// Whether no more records can be read from the file after this error.
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
    /// Line number, or record number in an Avro container, from 1.
    pub number: u64,
    pub content: RecordContent<T>,
}

/// The content of a record as it was read.
#[derive(Debug, Clone, PartialEq)]
pub enum RecordContent<T> {
    /// A line without trailing white space. Never empty.
    Bytes(Vec<u8>),
    /// A record of an Avro container.
    Decoded(Decoded<T>),
}

type ContainerRecords<T> = Box<dyn Iterator<Item = Result<Decoded<T>, DecodeError>> + Send>;
type ByteSource = Box<dyn Read + Send>;

/// A type of record that files can contain.
pub trait FileKind: Sized + Send + 'static {
    /// Decodes one record that does not come from a container.
    ///
    /// # Errors
    /// As [`Decoder::decode_action`].
    fn decode_record(decoder: &Decoder, bytes: &[u8]) -> Result<Decoded<Self>, DecodeError>;

    /// Reads the records of a container.
    ///
    /// # Errors
    /// The header of the container cannot be read.
    fn open_container(input: Box<dyn Read + Send>) -> Result<ContainerRecords<Self>, DecodeError>;
}

impl FileKind for AgentAction {
    fn decode_record(decoder: &Decoder, bytes: &[u8]) -> Result<Decoded<Self>, DecodeError> {
        let decoded = decoder.decode_action(bytes)?;
        Ok(Decoded {
            value: *decoded.value,
            unknown_fields: decoded.unknown_fields,
        })
    }

    fn open_container(input: ByteSource) -> Result<ContainerRecords<Self>, DecodeError> {
        Ok(Box::new(
            open_file::<AgentAction, _>(input)?.refuse_kind("AgentScope")?,
        ))
    }
}

impl FileKind for AgentScope {
    fn decode_record(decoder: &Decoder, bytes: &[u8]) -> Result<Decoded<Self>, DecodeError> {
        decoder.decode_scope(bytes)
    }

    fn open_container(input: ByteSource) -> Result<ContainerRecords<Self>, DecodeError> {
        Ok(Box::new(
            open_file::<AgentScope, _>(input)?.refuse_kind("AgentAction")?,
        ))
    }
}

impl<T: FileKind> FileRecord<T> {
    /// Decodes the record.
    ///
    /// # Errors
    /// As [`Decoder::decode_action`]. The caller adds the name of the file.
    pub fn decode(self, decoder: &Decoder) -> Result<Decoded<T>, DecodeError> {
        match self.content {
            RecordContent::Bytes(bytes) => T::decode_record(decoder, &bytes),
            RecordContent::Decoded(decoded) => Ok(decoded),
        }
    }
}

/// An open file, an iterator over its records. After an error item, [`InputError::ends_file`] says
/// whether more records can follow.
pub struct InputFile<T> {
    name: String,
    size_bytes: Option<u64>,
    read_bytes: Arc<AtomicU64>,
    form: FileForm<T>,
    /// Number of the line or record that was read last.
    number: u64,
    done: bool,
}

enum FileForm<T> {
    Lines(Box<dyn BufRead + Send>),
    Container(ContainerRecords<T>),
}

impl<T> std::fmt::Debug for InputFile<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InputFile")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl<T: FileKind> InputFile<T> {
    /// Opens a file. `-` is standard input.
    ///
    /// # Errors
    /// [`InputError::Open`]; [`InputError::Container`] for an Avro file with a bad header.
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

    /// Reads from `input`. Messages name it `name`.
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
        let counted = CountingReader {
            input,
            bytes: Arc::clone(&read_bytes),
        };
        let (magic, packed) = peek_magic(Box::new(counted)).map_err(failed)?;
        let unpacked: ByteSource = if magic.starts_with(GZIP_MAGIC) {
            Box::new(MultiGzDecoder::new(packed))
        } else if magic.starts_with(ZSTD_MAGIC) {
            Box::new(zstd::stream::read::Decoder::with_buffer(packed).map_err(failed)?)
        } else {
            Box::new(packed)
        };
        let (magic, unpacked) = peek_magic(unpacked).map_err(failed)?;
        let form = if magic == AVRO_MAGIC {
            let opened = T::open_container(Box::new(unpacked));
            let failed = |source| InputError::Container {
                path: name.to_owned(),
                source,
            };
            FileForm::Container(opened.map_err(failed)?)
        } else {
            FileForm::Lines(Box::new(unpacked))
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

    /// The name of the file in messages: its path as given, or `stdin`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the file is an Avro container. Its records are already decoded.
    #[must_use]
    pub fn is_container(&self) -> bool {
        matches!(self.form, FileForm::Container(_))
    }

    /// Size of the file on disk in bytes; `None` for a pipe.
    #[must_use]
    pub fn size_bytes(&self) -> Option<u64> {
        self.size_bytes
    }

    /// Bytes read from the file so far. Up to one buffer ahead of the records.
    #[must_use]
    pub fn read_bytes(&self) -> u64 {
        self.read_bytes.load(Ordering::Relaxed)
    }

    /// The next line that is not blank; `None` at the end.
    fn next_line(&mut self) -> Result<Option<Vec<u8>>, InputError> {
        let FileForm::Lines(reader) = &mut self.form else {
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
            FileForm::Lines(_) => self.next_line().map(|line| line.map(RecordContent::Bytes)),
            FileForm::Container(records) => {
                self.number += 1;
                let failed = |source| InputError::Container {
                    path: self.name.clone(),
                    source,
                };
                records
                    .next()
                    .transpose()
                    .map(|next| next.map(RecordContent::Decoded))
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

/// Reads one line and keeps its first [`LINE_BYTES_MAX`] bytes. Returns the full length of the
/// line, 0 at the end of the file.
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
        let keep_bytes = LINE_BYTES_MAX.saturating_sub(kept.len()).min(part.len());
        kept.extend_from_slice(part.get(..keep_bytes).unwrap_or_default());
        let bytes = part.len();
        reader.consume(bytes);
        length += bytes;
        if bytes == 0 || end.is_some() {
            return Ok(length);
        }
    }
}

type PeekedSource = io::Chain<Cursor<Vec<u8>>, BufReader<ByteSource>>;

/// The first four bytes of `input` (or fewer), and a reader that starts with them.
fn peek_magic(input: ByteSource) -> io::Result<(Vec<u8>, PeekedSource)> {
    let mut input = BufReader::with_capacity(BUFFER_BYTES, input);
    let mut magic = Vec::with_capacity(4);
    input.by_ref().take(4).read_to_end(&mut magic)?;
    let whole = Cursor::new(magic.clone()).chain(input);
    Ok((magic, whole))
}

struct CountingReader {
    input: ByteSource,
    bytes: Arc<AtomicU64>,
}

impl Read for CountingReader {
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
            RecordContent::Bytes(bytes) => (record.number, String::from_utf8(bytes).unwrap()),
            RecordContent::Decoded(_) => panic!("decoded"),
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
        let expected = [(1, "{}"), (4, " {\"a\":1}"), (5, "last")].map(|(n, t)| (n, t.to_owned()));
        assert_eq!(texts(plain.clone()), expected);
        assert_eq!(texts(zstd::encode_all(&plain[..], 1).unwrap()), expected);
        // Two gzip members in a row, as `cat a.gz b.gz` makes them.
        let (first, second) = plain.split_at(9);
        assert_eq!(texts([gzip(first), gzip(second)].concat()), expected);
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
