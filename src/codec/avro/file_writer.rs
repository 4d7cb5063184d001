//! Writes Avro object container files: a header with the schema, then blocks of records.

use std::io::Write;
use std::marker::PhantomData;

use super::super::wire::WireScope;
use super::super::wire_action::WireAction;
use super::encoder::{DatumWriter, EncodeError};
use super::file_format::{Compression, MAGIC};
use super::schema::{ACTION_SCHEMA, SCOPE_SCHEMA, SchemaSet};
use crate::event::{AgentAction, AgentScope};

/// A block is written when it holds this many bytes before compression.
const BLOCK_BYTES: usize = 64 * 1024;

/// Writes a file of records of kind `T`. Call [`RecordFileWriter::finish`]: a file dropped without
/// it lacks its last block.
pub struct RecordFileWriter<'s, T, W> {
    out: W,
    values: DatumWriter<'s>,
    compression: Compression,
    sync: [u8; 16],
    block: Vec<u8>,
    records: i64,
    kind: PhantomData<fn(&T)>,
}

/// Writes a file of actions.
pub type ActionFileWriter<'s, W> = RecordFileWriter<'s, AgentAction, W>;
/// Writes a file of scopes.
pub type ScopeFileWriter<'s, W> = RecordFileWriter<'s, AgentScope, W>;

/// A kind of record that is written to files.
trait WrittenRecord {
    const SCHEMA_TEXT: &'static str;

    fn value_writer(schemas: &SchemaSet) -> DatumWriter<'_>;

    fn write_record(&self, values: &DatumWriter<'_>) -> Result<Vec<u8>, EncodeError>;
}

impl WrittenRecord for AgentAction {
    const SCHEMA_TEXT: &'static str = ACTION_SCHEMA;

    fn value_writer(schemas: &SchemaSet) -> DatumWriter<'_> {
        DatumWriter::new(schemas.action_writing())
    }

    fn write_record(&self, values: &DatumWriter<'_>) -> Result<Vec<u8>, EncodeError> {
        values.write_value(&WireAction::for_avro(self), Vec::with_capacity(512))
    }
}

impl WrittenRecord for AgentScope {
    const SCHEMA_TEXT: &'static str = SCOPE_SCHEMA;

    fn value_writer(schemas: &SchemaSet) -> DatumWriter<'_> {
        DatumWriter::new(schemas.scope_writing())
    }

    fn write_record(&self, values: &DatumWriter<'_>) -> Result<Vec<u8>, EncodeError> {
        values.write_value(&WireScope::from(self), Vec::with_capacity(512))
    }
}

#[allow(
    private_bounds,
    reason = "closed: no other crate encodes a record of its own"
)]
impl<'s, T: WrittenRecord, W: Write> RecordFileWriter<'s, T, W> {
    /// Writes the header.
    ///
    /// # Errors
    /// When `out` does not take it.
    pub fn new(
        mut out: W,
        schemas: &'s SchemaSet,
        compression: Compression,
    ) -> Result<Self, EncodeError> {
        let text = T::SCHEMA_TEXT;
        // The marker only shows a reader that a block ended where it should; it need not be random.
        let mut sync = [0; 16];
        sync.copy_from_slice(blake3::hash(text.as_bytes()).as_bytes().split_at(16).0);
        let mut head = MAGIC.to_vec();
        put_long(&mut head, 2);
        for (name, value) in [("avro.schema", text), ("avro.codec", compression.as_str())] {
            put_bytes(&mut head, name.as_bytes());
            put_bytes(&mut head, value.as_bytes());
        }
        put_long(&mut head, 0);
        head.extend_from_slice(&sync);
        out.write_all(&head)?;
        Ok(RecordFileWriter {
            out,
            values: T::value_writer(schemas),
            compression,
            sync,
            block: Vec::with_capacity(BLOCK_BYTES * 2),
            records: 0,
            kind: PhantomData,
        })
    }

    /// Adds one record.
    ///
    /// # Errors
    /// When the record does not fit its schema or `out` does not take a full block.
    pub fn append(&mut self, record: &T) -> Result<(), EncodeError> {
        // Encoded apart, so that a record that fails half-way leaves the block whole.
        let encoded = record.write_record(&self.values)?;
        self.block.extend_from_slice(&encoded);
        self.records += 1;
        if self.block.len() >= BLOCK_BYTES {
            self.flush_block()
        } else {
            Ok(())
        }
    }

    fn flush_block(&mut self) -> Result<(), EncodeError> {
        if self.records == 0 {
            return Ok(());
        }
        let packed = self.compression.pack_block(&self.block)?;
        let mut head = Vec::with_capacity(20);
        put_long(&mut head, self.records);
        put_long(&mut head, i64::try_from(packed.len()).unwrap_or(i64::MAX));
        self.out.write_all(&head)?;
        self.out.write_all(&packed)?;
        self.out.write_all(&self.sync)?;
        self.block.clear();
        self.records = 0;
        Ok(())
    }

    /// Ends the block, so that a reader sees every record so far.
    ///
    /// # Errors
    /// When `out` does not take it.
    pub fn flush(&mut self) -> Result<(), EncodeError> {
        self.flush_block()?;
        Ok(self.out.flush()?)
    }

    /// Writes the last block and returns `out`.
    ///
    /// # Errors
    /// When `out` does not take it.
    pub fn finish(mut self) -> Result<W, EncodeError> {
        self.flush()?;
        Ok(self.out)
    }
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_long(out, i64::try_from(bytes.len()).unwrap_or(i64::MAX));
    out.extend_from_slice(bytes);
}

/// Avro's zigzag variable-length number.
fn put_long(out: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
    while rest >= 0x80 {
        out.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}
