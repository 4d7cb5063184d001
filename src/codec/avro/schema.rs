//! The writer schemas a decoder knows: our own, and those that `[schema.ids]` maps ids to.
//!
//! A writer schema decides how much work a few bytes can cause, so each is checked when it is
//! loaded: no recursion, bounded depth and size, and no type that takes no bytes except `null`
//! within a union. Then every value read costs at least one byte of input, and the length of a
//! record bounds the work and memory it takes.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_avro_fast::Schema;
use serde_avro_fast::schema::{RegularType, SchemaKey, SchemaMut};

use super::plan::Plan;

use crate::text::{Diagnostic, SourceFile};

/// `schemas/agent-action.avsc`.
pub const ACTION_SCHEMA: &str = include_str!("../../../schemas/agent-action.avsc");
/// `schemas/agent-scope.avsc`.
pub const SCOPE_SCHEMA: &str = include_str!("../../../schemas/agent-scope.avsc");

/// Bytes of a schema's text.
pub const SCHEMA_BYTES_MAX: usize = 256 * 1024;
/// Types of a schema.
const SCHEMA_NODES_MAX: usize = 4_096;
/// Nesting of a schema's types, each union counting as a level.
pub(super) const SCHEMA_DEPTH_MAX: usize = 24;

/// Our schemas and the registered ones.
#[derive(Debug, Clone)]
pub struct SchemaSet {
    action: Arc<WriterSchema>,
    scope: Arc<WriterSchema>,
    by_id: BTreeMap<u32, Arc<WriterSchema>>,
    by_fingerprint: BTreeMap<[u8; 8], Arc<WriterSchema>>,
}

/// A schema that records are written with.
#[derive(Debug)]
pub(crate) struct WriterSchema {
    pub(super) schema: Schema,
    /// Of the record, without its namespace.
    pub(super) name: String,
    /// How actions are read by it; `None` leaves them to the general reader.
    pub(super) actions: Option<Plan>,
}

impl WriterSchema {
    pub(crate) fn fingerprint(&self) -> &[u8; 8] {
        self.schema.rabin_fingerprint()
    }

    #[cfg(test)]
    pub(crate) fn reads_by_plan(&self) -> bool {
        self.actions.is_some()
    }
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
            match parse(&file.text) {
                Err(message) => problems.push(Diagnostic::of_source(&file.path, message)),
                Ok(schema) => {
                    let schema = Arc::new(schema);
                    by_fingerprint.insert(*schema.fingerprint(), Arc::clone(&schema));
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
            parse(text)
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

    /// The schema an encoded action of ours is written with.
    #[must_use]
    pub fn action(&self) -> &Schema {
        &self.action.schema
    }

    /// The schema an encoded scope of ours is written with.
    #[must_use]
    pub fn scope(&self) -> &Schema {
        &self.scope.schema
    }

    pub(crate) fn action_writer(&self) -> &WriterSchema {
        &self.action
    }

    pub(crate) fn scope_writer(&self) -> &WriterSchema {
        &self.scope
    }

    pub(crate) fn by_id(&self, id: u32) -> Option<&WriterSchema> {
        self.by_id.get(&id).map(Arc::as_ref)
    }

    pub(crate) fn by_fingerprint(&self, fingerprint: [u8; 8]) -> Option<&WriterSchema> {
        self.by_fingerprint.get(&fingerprint).map(Arc::as_ref)
    }
}

/// Parses and checks a writer schema.
pub(crate) fn parse(text: &str) -> Result<WriterSchema, String> {
    if text.len() > SCHEMA_BYTES_MAX {
        return Err(format!(
            "schema of {} bytes, at most {SCHEMA_BYTES_MAX}",
            text.len()
        ));
    }
    let schema: SchemaMut = text
        .parse()
        .map_err(|error| format!("not an Avro schema: {error}"))?;
    if schema.nodes().len() > SCHEMA_NODES_MAX {
        return Err(format!("schema of more than {SCHEMA_NODES_MAX} types"));
    }
    let RegularType::Record(record) = &schema.root().type_ else {
        return Err("the schema of a record must be an Avro record".into());
    };
    let name = record.name.name().to_owned();
    let mut heights = vec![Height::New; schema.nodes().len()];
    height(&schema, SchemaKey::root(), &mut heights, 0)?;
    let actions = Plan::of(&schema);
    let schema = schema
        .freeze()
        .map_err(|error| format!("not an Avro schema: {error}"))?;
    Ok(WriterSchema {
        schema,
        name,
        actions,
    })
}

#[derive(Clone, Copy)]
enum Height {
    New,
    Open,
    Done(usize),
}

/// How deep a type nests. Each type is looked at once, so a schema that names one type many times
/// costs no more than its text.
fn height(
    schema: &SchemaMut,
    key: SchemaKey,
    heights: &mut [Height],
    depth: usize,
) -> Result<usize, String> {
    let (Some(state), Some(node)) = (heights.get_mut(key.idx()), schema.get(key)) else {
        return Err("the schema refers to a type it does not hold".into());
    };
    match state {
        Height::Done(height) => return Ok(*height),
        Height::Open => return Err("recursive types are not read".into()),
        Height::New => *state = Height::Open,
    }
    if depth > SCHEMA_DEPTH_MAX {
        return Err(format!("types nest deeper than {SCHEMA_DEPTH_MAX} levels"));
    }
    let mut below = 0;
    for child in children(&node.type_) {
        let in_union = matches!(node.type_, RegularType::Union(_));
        if !in_union && takes_no_bytes(schema, child) {
            return Err("a type that takes no bytes is read only as a branch of a union".into());
        }
        below = below.max(height(schema, child, heights, depth + 1)?);
    }
    if below >= SCHEMA_DEPTH_MAX {
        return Err(format!("types nest deeper than {SCHEMA_DEPTH_MAX} levels"));
    }
    if is_empty(&node.type_) {
        return Err("a record, enum or union without members is not read".into());
    }
    if let Some(state) = heights.get_mut(key.idx()) {
        *state = Height::Done(below + 1);
    }
    Ok(below + 1)
}

fn children(node: &RegularType) -> Vec<SchemaKey> {
    match node {
        RegularType::Array(array) => vec![array.items],
        RegularType::Map(map) => vec![map.values],
        RegularType::Union(union) => union.variants.clone(),
        RegularType::Record(record) => record.fields.iter().map(|field| field.type_).collect(),
        _ => Vec::new(),
    }
}

fn takes_no_bytes(schema: &SchemaMut, key: SchemaKey) -> bool {
    schema.get(key).is_some_and(|node| match &node.type_ {
        RegularType::Null => true,
        RegularType::Fixed(fixed) => fixed.size == 0,
        _ => false,
    })
}

fn is_empty(node: &RegularType) -> bool {
    match node {
        RegularType::Record(record) => record.fields.is_empty(),
        RegularType::Enum(symbols) => symbols.symbols.is_empty(),
        RegularType::Union(union) => union.variants.is_empty(),
        RegularType::Fixed(fixed) => fixed.size == 0,
        _ => false,
    }
}
