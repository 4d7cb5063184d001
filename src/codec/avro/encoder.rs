//! Writes records as single Avro values, with our own schemas.

use apache_avro::Schema;
use apache_avro::error::Details;
use apache_avro::writer::datum::GenericDatumWriter;
use serde::Serialize;

use super::super::decoder::{CONFLUENT_MAGIC, SINGLE_OBJECT_MAGIC};
use super::super::wire::WireScope;
use super::super::wire_action::WireAction;
use super::schema::SchemaSet;
use crate::event::{AgentAction, AgentScope};

/// A value that does not fit its schema, which no value from a decoder does, or a failed write.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    #[error("the value does not fit its Avro schema: {0}")]
    Value(String),
    #[error("writing the file: {0}")]
    Io(#[from] std::io::Error),
}

/// Writes actions and scopes, each framed as the caller asks.
pub struct Encoder<'s> {
    schemas: &'s SchemaSet,
    actions: DatumWriter<'s>,
    scopes: DatumWriter<'s>,
}

impl<'s> Encoder<'s> {
    #[must_use]
    pub fn new(schemas: &'s SchemaSet) -> Self {
        Encoder {
            schemas,
            actions: DatumWriter::new(schemas.action_writing()),
            scopes: DatumWriter::new(schemas.scope_writing()),
        }
    }

    /// Bytes C3 01, the schema's fingerprint, the value.
    ///
    /// # Errors
    /// [`EncodeError::Value`] when a count exceeds `i64`.
    pub fn action_single_object(&self, action: &AgentAction) -> Result<Vec<u8>, EncodeError> {
        let head = single_object_head(self.schemas.action_fingerprint());
        self.actions
            .write_value(&WireAction::for_avro(action), head)
    }

    /// Byte 0, `schema_id` in four bytes, the value.
    ///
    /// # Errors
    /// As [`Encoder::action_single_object`].
    pub fn action_confluent(
        &self,
        schema_id: u32,
        action: &AgentAction,
    ) -> Result<Vec<u8>, EncodeError> {
        let head = confluent_head(schema_id);
        self.actions
            .write_value(&WireAction::for_avro(action), head)
    }

    /// As [`Encoder::action_single_object`], for a scope.
    ///
    /// # Errors
    /// [`EncodeError::Value`] when a maximum exceeds what `int` carries.
    pub fn scope_single_object(&self, scope: &AgentScope) -> Result<Vec<u8>, EncodeError> {
        let head = single_object_head(self.schemas.scope_fingerprint());
        self.scopes.write_value(&WireScope::from(scope), head)
    }

    /// As [`Encoder::action_confluent`], for a scope.
    ///
    /// # Errors
    /// As [`Encoder::scope_single_object`].
    pub fn scope_confluent(
        &self,
        schema_id: u32,
        scope: &AgentScope,
    ) -> Result<Vec<u8>, EncodeError> {
        let head = confluent_head(schema_id);
        self.scopes.write_value(&WireScope::from(scope), head)
    }
}

fn single_object_head(fingerprint: [u8; 8]) -> Vec<u8> {
    let mut head = Vec::with_capacity(512);
    head.extend_from_slice(&SINGLE_OBJECT_MAGIC);
    head.extend_from_slice(&fingerprint);
    head
}

fn confluent_head(schema_id: u32) -> Vec<u8> {
    let mut head = Vec::with_capacity(512);
    head.push(CONFLUENT_MAGIC);
    head.extend_from_slice(&schema_id.to_be_bytes());
    head
}

/// Writes values of one schema of ours.
pub(super) struct DatumWriter<'s> {
    /// Our own schemas are valid; an error would be returned for the first value.
    inner: Result<GenericDatumWriter<'s>, String>,
}

impl<'s> DatumWriter<'s> {
    pub(super) fn new(schema: &'s Schema) -> Self {
        let writer = GenericDatumWriter::builder(schema).human_readable(false);
        DatumWriter {
            inner: writer.build().map_err(|error| error.to_string()),
        }
    }

    /// Appends one value to `out`.
    pub(super) fn write_value(
        &self,
        value: &impl Serialize,
        mut out: Vec<u8>,
    ) -> Result<Vec<u8>, EncodeError> {
        let writer = self.inner.as_ref();
        let writer = writer.map_err(|error| EncodeError::Value(error.clone()))?;
        let written = writer.write_ser(&mut out, value);
        written.map_err(|error| EncodeError::Value(explain_misfit(error)))?;
        Ok(out)
    }
}

/// The field that does not fit and why. The text of apache-avro's error holds the whole schema.
fn explain_misfit(error: apache_avro::Error) -> String {
    match error.into_details() {
        Details::SerializeRecordFieldWithSchema {
            field_name, error, ..
        } => format!("{field_name}: {error}"),
        details => details.to_string(),
    }
}
