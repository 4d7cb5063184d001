//! Writes records as single Avro values, with our own schemas.

use serde::Serialize;
use serde_avro_fast::Schema;
use serde_avro_fast::ser::SerializerConfig;

use super::super::decoder::{CONFLUENT_MAGIC, SINGLE_OBJECT_MAGIC};
use super::super::wire::WireScope;
use super::super::wire_action::WireAction;
use super::schema::SchemaSet;
use crate::event::{AgentAction, AgentScope};

/// A value that its schema cannot carry; values that came from a decoder always can.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    #[error("the value does not fit its Avro schema: {0}")]
    Value(String),
    #[error("writing the file: {0}")]
    Io(#[from] std::io::Error),
}

/// Writes actions and scopes, each framed as the caller asks.
#[derive(Debug, Clone, Copy)]
pub struct Encoder<'s> {
    schemas: &'s SchemaSet,
}

impl<'s> Encoder<'s> {
    #[must_use]
    pub fn new(schemas: &'s SchemaSet) -> Self {
        Encoder { schemas }
    }

    /// Bytes C3 01, the schema's fingerprint, the value.
    ///
    /// # Errors
    /// [`EncodeError::Value`] when a count exceeds `i64`.
    pub fn action_single_object(&self, action: &AgentAction) -> Result<Vec<u8>, EncodeError> {
        let schema = self.schemas.action();
        datum(
            &WireAction::from(action),
            schema,
            single_object_head(schema),
        )
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
        datum(
            &WireAction::from(action),
            self.schemas.action(),
            confluent_head(schema_id),
        )
    }

    /// As [`Encoder::action_single_object`], for a scope.
    ///
    /// # Errors
    /// [`EncodeError::Value`] when a maximum exceeds what `int` carries.
    pub fn scope_single_object(&self, scope: &AgentScope) -> Result<Vec<u8>, EncodeError> {
        let schema = self.schemas.scope();
        datum(&WireScope::from(scope), schema, single_object_head(schema))
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
        datum(
            &WireScope::from(scope),
            self.schemas.scope(),
            confluent_head(schema_id),
        )
    }
}

fn single_object_head(schema: &Schema) -> Vec<u8> {
    let mut head = Vec::with_capacity(512);
    head.extend_from_slice(&SINGLE_OBJECT_MAGIC);
    head.extend_from_slice(schema.rabin_fingerprint());
    head
}

fn confluent_head(schema_id: u32) -> Vec<u8> {
    let mut head = Vec::with_capacity(512);
    head.push(CONFLUENT_MAGIC);
    head.extend_from_slice(&schema_id.to_be_bytes());
    head
}

/// Appends one value to `out`.
pub(super) fn datum(
    value: &impl Serialize,
    schema: &Schema,
    out: Vec<u8>,
) -> Result<Vec<u8>, EncodeError> {
    serde_avro_fast::to_datum(value, out, &mut SerializerConfig::new(schema))
        .map_err(|error| EncodeError::Value(error.to_string()))
}
