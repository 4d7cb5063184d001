//! Reads Avro object container files, block by block and record by record.
//!
//! A file may come from anywhere, so everything in it is bounded: the header, each block, and each
//! block when unpacked. The schema is checked as any writer schema, and each record is decoded
//! within the bounds of a single one.

use std::io::{self, Read};
use std::marker::PhantomData;

use super::super::decode::Decoded;
use super::super::error::{DecodeError, DecodeErrorKind};
use super::datum::{AvroDatum, skip_datum};
use super::file_format::{Compression, MAGIC};
use super::schema::{SCHEMA_BYTES_MAX, WriterSchema, parse_schema};
use crate::event::limits::RECORD_BYTES_MAX;

/// Bytes of a block as it stands in the file.
pub const BLOCK_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Bytes of a block when unpacked: a few bytes of zeros must not become gigabytes.
pub const UNPACKED_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Entries of the header.
const HEADER_ENTRIES_MAX: i64 = 64;
/// Bytes of a header entry's name or, the schema aside, of its value.
const HEADER_BYTES_MAX: usize = 64 * 1024;

/// Opens a file of records of kind `T`.
///
/// # Errors
/// [`DecodeErrorKind::Malformed`] when the header is not that of a container file, names an unknown
/// compression, or holds a schema that is not read.
pub fn open_file<T, R: Read>(mut input: R) -> Result<AvroFile<T, R>, DecodeError> {
    let mut magic = [0; MAGIC.len()];
    input
        .read_exact(&mut magic)
        .map_err(|error| io_error(&error))?;
    if magic != MAGIC {
        return Err(DecodeError::malformed("not an Avro object container file"));
    }
    let (schema, compression) = read_header(&mut input)?;
    let mut sync = [0; 16];
    input
        .read_exact(&mut sync)
        .map_err(|error| io_error(&error))?;
    Ok(AvroFile {
        input,
        schema,
        compression,
        sync,
        block: Vec::new(),
        position: 0,
        left: 0,
        number: 0,
        done: false,
        excess: false,
        kind: PhantomData,
    })
}

/// The records of a file, in order. A record against the contract is an error of its own and the
/// next one follows; where the bytes themselves are broken, the error is the last item.
pub struct AvroFile<T, R> {
    input: R,
    schema: WriterSchema,
    compression: Compression,
    sync: [u8; 16],
    block: Vec<u8>,
    position: usize,
    /// Records of the block not yet read.
    left: u64,
    /// Records read so far.
    number: u64,
    done: bool,
    /// The last block held bytes after its last record.
    excess: bool,
    kind: PhantomData<fn() -> T>,
}

impl<T, R> AvroFile<T, R> {
    /// Refuses a file whose records are of the kind `other`: the fields that both kinds have would
    /// be read, and the rest ignored. Any other name passes, because not every writer uses ours.
    ///
    /// # Errors
    /// When the file's schema gives its records that name, whatever the namespace.
    pub fn refuse_kind(self, other: &str) -> Result<Self, DecodeError> {
        if self.schema.name == other {
            let message = format!("holds records of another kind: {other}");
            return Err(DecodeError::malformed(message));
        }
        Ok(self)
    }
}

#[allow(
    private_bounds,
    reason = "closed: no other crate decodes a record of its own"
)]
impl<T: AvroDatum, R: Read> Iterator for AvroFile<T, R> {
    type Item = Result<Decoded<T>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.done && self.left == 0 {
            match self.next_block() {
                Ok(true) => {}
                Ok(false) => self.done = true,
                Err(error) => {
                    self.done = true;
                    return Some(Err(error));
                }
            }
        }
        if self.done {
            return None;
        }
        self.number += 1;
        let record = self.next_record();
        let number = self.number;
        Some(record.map_err(|error| error.within(&format!("record {number}"))))
    }
}

#[allow(
    private_bounds,
    reason = "closed: no other crate decodes a record of its own"
)]
impl<T: AvroDatum, R: Read> AvroFile<T, R> {
    fn next_record(&mut self) -> Result<Decoded<T>, DecodeError> {
        let rest = self.block.get(self.position..).unwrap_or_default();
        let window = rest
            .get(..RECORD_BYTES_MAX.min(rest.len()))
            .unwrap_or_default();
        let decoded = T::read_datum(&self.schema, window);
        let (record, after) = match decoded {
            Ok((mut record, after)) => {
                let complete = record.value.complete(None);
                (complete.map(|()| record), after.len())
            }
            // The decoder stopped within the record, so its end is found by reading over it.
            Err(error) if error.kind == DecodeErrorKind::Contract => {
                match skip_datum(&self.schema, window) {
                    Ok(after) => (Err(error), after.len()),
                    Err(_) => return self.end_with(error),
                }
            }
            Err(_) if rest.len() > RECORD_BYTES_MAX => {
                return self.end_with(DecodeError::too_large(rest.len(), RECORD_BYTES_MAX));
            }
            Err(error) => return self.end_with(error),
        };
        self.position += window.len() - after;
        self.left -= 1;
        if self.left == 0 && self.position < self.block.len() {
            // The records so far were whole; the next call returns the error.
            self.position = self.block.len();
            self.excess = true;
        }
        record
    }

    fn end_with<V>(&mut self, error: DecodeError) -> Result<V, DecodeError> {
        self.done = true;
        Err(error)
    }

    /// Reads, checks and unpacks a block; `false` at the end of the file.
    fn next_block(&mut self) -> Result<bool, DecodeError> {
        if self.excess {
            return Err(DecodeError::malformed(
                "a block holds more bytes than its records",
            ));
        }
        let Some(first) = read_byte(&mut self.input)? else {
            return Ok(false);
        };
        let records = read_long_from(first, &mut self.input)?;
        let bytes = read_length(&mut self.input, BLOCK_BYTES_MAX, "block")?;
        let packed = read_bytes(&mut self.input, bytes)?;
        let mut sync = [0; 16];
        self.input
            .read_exact(&mut sync)
            .map_err(|error| io_error(&error))?;
        if sync != self.sync {
            return Err(DecodeError::malformed(
                "a block does not end at its sync marker",
            ));
        }
        let unpacked = self.compression.unpack_block(packed, UNPACKED_BYTES_MAX);
        self.block = unpacked
            .map_err(|error| DecodeError::malformed(format!("unpacking a block: {error}")))?;
        if self.block.len() > UNPACKED_BYTES_MAX {
            let error = DecodeError::too_large(self.block.len(), UNPACKED_BYTES_MAX);
            return Err(error.within("a block"));
        }
        self.position = 0;
        self.left = u64::try_from(records)
            .ok()
            .filter(|records| usize::try_from(*records).is_ok_and(|n| n <= self.block.len()))
            .ok_or_else(|| {
                let bytes = self.block.len();
                DecodeError::malformed(format!("{records} records in a block of {bytes} bytes"))
            })?;
        if self.left == 0 && !self.block.is_empty() {
            return Err(DecodeError::malformed(
                "a block holds more bytes than its records",
            ));
        }
        Ok(true)
    }
}

fn read_header(input: &mut impl Read) -> Result<(WriterSchema, Compression), DecodeError> {
    let mut text = None;
    let mut compression = Compression::None;
    let mut entries = 0;
    loop {
        let mut count = read_long(input)?;
        if count == 0 {
            break;
        }
        if count < 0 {
            // The size of the block in bytes follows; it is not needed.
            count = count.checked_neg().unwrap_or(i64::MAX);
            read_long(input)?;
        }
        entries = count.saturating_add(entries);
        if entries > HEADER_ENTRIES_MAX {
            return Err(DecodeError::malformed("a header of too many entries"));
        }
        for _ in 0..count {
            let length = read_length(input, HEADER_BYTES_MAX, "header name")?;
            let name = read_bytes(input, length)?;
            let length = read_length(input, SCHEMA_BYTES_MAX, "header value")?;
            let value = read_bytes(input, length)?;
            match name.as_slice() {
                b"avro.schema" => text = String::from_utf8(value).ok(),
                b"avro.codec" => {
                    compression = Compression::from_word(&value).ok_or_else(|| {
                        let word = String::from_utf8_lossy(&value).into_owned();
                        DecodeError::malformed(format!(
                            "compression `{}` is not null, deflate or zstandard",
                            word.escape_debug().take(40).collect::<String>()
                        ))
                    })?;
                }
                _ => {}
            }
        }
    }
    let text = text.ok_or_else(|| DecodeError::malformed("the header holds no schema"))?;
    let schema = parse_schema(&text).map_err(DecodeError::malformed)?;
    Ok((schema, compression))
}

fn read_length(input: &mut impl Read, limit: usize, what: &str) -> Result<usize, DecodeError> {
    let length = read_long(input)?;
    match usize::try_from(length) {
        Ok(length) if length <= limit => Ok(length),
        Ok(length) => Err(DecodeError::too_large(length, limit).within(what)),
        Err(_) => Err(DecodeError::malformed(format!("{what}: a negative length"))),
    }
}

/// Reads exactly `length` bytes, growing with what arrives rather than with what was announced.
fn read_bytes(input: &mut impl Read, length: usize) -> Result<Vec<u8>, DecodeError> {
    let mut bytes = Vec::new();
    let read = input.take(length as u64).read_to_end(&mut bytes);
    read.map_err(|error| io_error(&error))?;
    if bytes.len() < length {
        return Err(DecodeError::malformed("the file ends within a value"));
    }
    Ok(bytes)
}

fn read_byte(input: &mut impl Read) -> Result<Option<u8>, DecodeError> {
    let mut byte = [0];
    loop {
        match input.read(&mut byte) {
            Ok(0) => return Ok(None),
            Ok(_) => return Ok(Some(byte[0])),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(io_error(&error)),
        }
    }
}

fn read_long(input: &mut impl Read) -> Result<i64, DecodeError> {
    match read_byte(input)? {
        Some(first) => read_long_from(first, input),
        None => Err(DecodeError::malformed("the file ends within a value")),
    }
}

/// Avro's zigzag variable-length number, at most ten bytes.
fn read_long_from(first: u8, input: &mut impl Read) -> Result<i64, DecodeError> {
    let mut byte = first;
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed());
        }
        byte = read_byte(input)?
            .ok_or_else(|| DecodeError::malformed("the file ends within a value"))?;
    }
    Err(DecodeError::malformed("a number of more than ten bytes"))
}

fn io_error(error: &io::Error) -> DecodeError {
    DecodeError::malformed(format!("reading the file: {error}"))
}
