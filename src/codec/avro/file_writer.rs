//! Writes Avro object container files: a header with the schema, then blocks of records.

use std::io::Write;

use super::super::wire::WireScope;
use super::super::wire_action::WireAction;
use super::encoder::{DatumWriter, EncodeError};
use super::file_format::{Compression, MAGIC};
use super::schema::{ACTION_SCHEMA, SCOPE_SCHEMA, SchemaSet};
use crate::event::{AgentAction, AgentScope};

/// A block is written when it holds this many bytes before compression.
const BLOCK_BYTES: usize = 64 * 1024;

/// Writes a file of records of one kind.
struct FileWriter<'s, W: Write> {
    out: W,
    values: DatumWriter<'s>,
    compression: Compression,
    sync: [u8; 16],
    block: Vec<u8>,
    records: i64,
}

/// Writes a file of actions. Call [`ActionFileWriter::finish`]: a file dropped without it lacks its
/// last block.
pub struct ActionFileWriter<'s, W: Write>(FileWriter<'s, W>);

/// Writes a file of scopes. Call [`ScopeFileWriter::finish`]: a file dropped without it lacks its
/// last block.
pub struct ScopeFileWriter<'s, W: Write>(FileWriter<'s, W>);

impl<'s, W: Write> ActionFileWriter<'s, W> {
    /// Writes the header.
    ///
    /// # Errors
    /// When `out` does not take it.
    pub fn new(
        out: W,
        schemas: &'s SchemaSet,
        compression: Compression,
    ) -> Result<Self, EncodeError> {
        FileWriter::new(
            out,
            DatumWriter::new(schemas.action_writing()),
            ACTION_SCHEMA,
            compression,
        )
        .map(ActionFileWriter)
    }

    /// Adds one action.
    ///
    /// # Errors
    /// When the value does not fit its schema or `out` does not take a full block.
    pub fn append(&mut self, action: &AgentAction) -> Result<(), EncodeError> {
        self.0.append(&WireAction::from(action))
    }

    /// Ends the block, so that a reader sees every record so far.
    ///
    /// # Errors
    /// When `out` does not take it.
    pub fn flush(&mut self) -> Result<(), EncodeError> {
        self.0.flush()
    }

    /// Writes what is left and hands `out` back.
    ///
    /// # Errors
    /// When `out` does not take it.
    pub fn finish(self) -> Result<W, EncodeError> {
        self.0.finish()
    }
}

impl<'s, W: Write> ScopeFileWriter<'s, W> {
    /// Writes the header.
    ///
    /// # Errors
    /// When `out` does not take it.
    pub fn new(
        out: W,
        schemas: &'s SchemaSet,
        compression: Compression,
    ) -> Result<Self, EncodeError> {
        FileWriter::new(
            out,
            DatumWriter::new(schemas.scope_writing()),
            SCOPE_SCHEMA,
            compression,
        )
        .map(ScopeFileWriter)
    }

    /// Adds one scope.
    ///
    /// # Errors
    /// When the value does not fit its schema or `out` does not take a full block.
    pub fn append(&mut self, scope: &AgentScope) -> Result<(), EncodeError> {
        self.0.append(&WireScope::from(scope))
    }

    /// Ends the block, so that a reader sees every record so far.
    ///
    /// # Errors
    /// When `out` does not take it.
    pub fn flush(&mut self) -> Result<(), EncodeError> {
        self.0.flush()
    }

    /// Writes what is left and hands `out` back.
    ///
    /// # Errors
    /// When `out` does not take it.
    pub fn finish(self) -> Result<W, EncodeError> {
        self.0.finish()
    }
}

impl<'s, W: Write> FileWriter<'s, W> {
    fn new(
        mut out: W,
        values: DatumWriter<'s>,
        text: &str,
        compression: Compression,
    ) -> Result<Self, EncodeError> {
        // The marker only tells a reader that a block ended where it should; it need not be random.
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
        let block = Vec::with_capacity(BLOCK_BYTES * 2);
        Ok(FileWriter {
            out,
            values,
            compression,
            sync,
            block,
            records: 0,
        })
    }

    fn append(&mut self, value: &impl serde::Serialize) -> Result<(), EncodeError> {
        // Encoded apart, so that a value that fails half-way leaves the block whole.
        let record = self.values.write_value(value, Vec::with_capacity(512))?;
        self.block.extend_from_slice(&record);
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

    fn flush(&mut self) -> Result<(), EncodeError> {
        self.flush_block()?;
        Ok(self.out.flush()?)
    }

    fn finish(mut self) -> Result<W, EncodeError> {
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
