//! The writer schemas a decoder knows: our own, and those that `[schema.ids]` maps ids to.

use std::collections::BTreeMap;
use std::sync::Arc;

use apache_avro::Schema;
use apache_avro::rabin::Rabin;

use super::action_plan::ActionPlan;
use super::logical_types::{check_logical_types, logical_types};
use super::schema_json::reduce_schema;
use super::type_table::TypeTable;
use crate::text::{Diagnostic, SourceFile};

/// `schemas/agent-action.avsc`.
pub const ACTION_SCHEMA: &str = include_str!("../../../schemas/agent-action.avsc");
/// `schemas/agent-scope.avsc`.
pub const SCOPE_SCHEMA: &str = include_str!("../../../schemas/agent-scope.avsc");

/// Bytes of a schema's text.
pub const SCHEMA_BYTES_MAX: usize = 256 * 1024;

/// Our schemas and the registered ones.
#[derive(Debug, Clone)]
pub struct SchemaSet {
    action: Arc<OwnSchema>,
    scope: Arc<OwnSchema>,
    by_id: BTreeMap<u32, Arc<WriterSchema>>,
    by_fingerprint: BTreeMap<[u8; 8], Arc<WriterSchema>>,
}

/// A schema of ours: records are read and written with it.
#[derive(Debug)]
struct OwnSchema {
    reading: WriterSchema,
    /// With the defaults, which stand for the fields that a record leaves out.
    writing: Schema,
}

/// A schema that records are written with.
#[derive(Debug)]
pub(crate) struct WriterSchema {
    /// Reduced to what reading needs.
    pub(super) schema: Schema,
    pub(super) types: TypeTable,
    /// How actions are read by it.
    pub(super) action_plan: ActionPlan,
    /// Of the record, without its namespace.
    pub(super) name: String,
    /// CRC-64-AVRO of the canonical form, little-endian.
    pub(super) fingerprint: [u8; 8],
}

impl SchemaSet {
    /// Our schemas and `files`: Confluent id and schema text of each.
    ///
    /// # Errors
    /// One diagnostic for each file that is no Avro schema, that the checks refuse, or whose id
    /// stands twice.
    pub fn new(
        files: impl IntoIterator<Item = (u32, SourceFile)>,
    ) -> Result<SchemaSet, Vec<Diagnostic>> {
        let mut problems = Vec::new();
        let mut by_id = BTreeMap::new();
        let mut by_fingerprint = BTreeMap::new();
        for (id, file) in files {
            match parse_schema(&file.text) {
                Err(message) => problems.push(Diagnostic::of_source(&file.path, message)),
                Ok(schema) => {
                    let schema = Arc::new(schema);
                    by_fingerprint.insert(schema.fingerprint, Arc::clone(&schema));
                    if by_id.insert(id, schema).is_some() {
                        let message = format!("schema id {id} is mapped twice");
                        problems.push(Diagnostic::of_source(&file.path, message));
                    }
                }
            }
        }
        let mut own = |path: &str, text: &str| {
            let file = SourceFile {
                path: path.into(),
                text: text.into(),
            };
            OwnSchema::parse(text)
                .map(Arc::new)
                .map_err(|message| problems.push(Diagnostic::of_source(&file.path, message)))
                .ok()
        };
        let action = own("schemas/agent-action.avsc", ACTION_SCHEMA);
        let scope = own("schemas/agent-scope.avsc", SCOPE_SCHEMA);
        match (action, scope) {
            (Some(action), Some(scope)) if problems.is_empty() => Ok(SchemaSet {
                action,
                scope,
                by_id,
                by_fingerprint,
            }),
            _ => Err(problems),
        }
    }

    /// The fingerprint of the schema that actions are written with, as it stands in a record.
    #[must_use]
    pub fn action_fingerprint(&self) -> [u8; 8] {
        self.action.reading.fingerprint
    }

    /// The fingerprint of the schema that scopes are written with, as it stands in a record.
    #[must_use]
    pub fn scope_fingerprint(&self) -> [u8; 8] {
        self.scope.reading.fingerprint
    }

    pub(crate) fn action_reading(&self) -> &WriterSchema {
        &self.action.reading
    }

    pub(crate) fn scope_reading(&self) -> &WriterSchema {
        &self.scope.reading
    }

    pub(super) fn action_writing(&self) -> &Schema {
        &self.action.writing
    }

    pub(super) fn scope_writing(&self) -> &Schema {
        &self.scope.writing
    }

    /// Whether any id is mapped to a schema.
    pub(crate) fn has_ids(&self) -> bool {
        !self.by_id.is_empty()
    }

    pub(crate) fn by_id(&self, id: u32) -> Option<&WriterSchema> {
        self.by_id.get(&id).map(Arc::as_ref)
    }

    pub(crate) fn by_fingerprint(&self, fingerprint: [u8; 8]) -> Option<&WriterSchema> {
        self.by_fingerprint.get(&fingerprint).map(Arc::as_ref)
    }
}

impl OwnSchema {
    fn parse(text: &str) -> Result<OwnSchema, String> {
        Ok(OwnSchema {
            reading: parse_schema(text)?,
            writing: Schema::parse_str(text).map_err(not_avro)?,
        })
    }
}

impl WriterSchema {
    pub(crate) fn fingerprint(&self) -> &[u8; 8] {
        &self.fingerprint
    }
}

/// Parses and checks a writer schema.
pub(super) fn parse_schema(text: &str) -> Result<WriterSchema, String> {
    if text.len() > SCHEMA_BYTES_MAX {
        return Err(format!(
            "schema of {} bytes, at most {SCHEMA_BYTES_MAX}",
            text.len()
        ));
    }
    let json = serde_json::from_str(text).map_err(not_avro)?;
    let reduced = reduce_schema(&json).map_err(not_avro)?;
    let schema = Schema::parse(&reduced).map_err(not_avro)?;
    let Schema::Record(record) = &schema else {
        return Err("the schema of a record must be an Avro record".into());
    };
    let name = record.name.name().to_owned();
    let types = TypeTable::new(&schema, &logical_types(&json))?;
    let action_plan = ActionPlan::new(&types);
    check_logical_types(&action_plan, &types)?;
    let fingerprint = schema.fingerprint::<Rabin>().bytes;
    Ok(WriterSchema {
        action_plan,
        types,
        name,
        fingerprint: <[u8; 8]>::try_from(fingerprint).map_err(|_| not_avro("fingerprint"))?,
        schema,
    })
}

fn not_avro(error: impl std::fmt::Display) -> String {
    format!("not an Avro schema: {error}")
}
