//! How an action is read by a writer schema: what each place of the schema is for, found out once
//! when the schema is loaded.

use std::collections::BTreeSet;

use serde_avro_fast::schema::{LogicalType, RegularType, SchemaKey, SchemaMut};

use super::super::decode::TopName;
use crate::event::{ActionField, ActionGroup};

/// A type of the schema by its place in the schema's list of types. Every one but a branch of a
/// union takes at least a byte, and none contains itself: `schema` has seen to both.
#[derive(Debug)]
pub(super) enum Node {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    Text,
    Fixed(usize),
    Enum(Box<[Box<str>]>),
    Array(usize),
    Map(usize),
    Union(Box<[usize]>),
    Record(Box<[usize]>),
}

/// What a field at the top of the record is for.
#[derive(Debug)]
pub(super) enum Entry {
    Field(ActionField, usize),
    Group(ActionGroup, Shape),
    /// Read over and counted.
    Unknown(usize),
}

/// The type of a group, as far as its fields' names can be resolved beforehand.
#[derive(Debug)]
pub(super) enum Shape {
    /// The fields in order; `None` is unknown.
    Record(Box<[(Option<ActionField>, usize)]>),
    Union(Box<[Shape]>),
    /// Null, a map, whose names stand in the record, or a type that is no group.
    Other(usize),
}

/// How to read an action.
#[derive(Debug)]
pub(super) struct Plan {
    nodes: Box<[Node]>,
    pub(super) top: Box<[Entry]>,
}

impl Plan {
    /// The plan for a schema that was found harmless; `None` for one with decimals or durations,
    /// which the general reader knows.
    pub(super) fn of(schema: &SchemaMut) -> Option<Plan> {
        let nodes: Option<Box<[Node]>> = schema
            .nodes()
            .iter()
            .map(|node| match &node.logical_type {
                Some(LogicalType::Decimal(_) | LogicalType::BigDecimal | LogicalType::Duration) => {
                    None
                }
                _ => Some(Node::of(&node.type_)),
            })
            .collect();
        let RegularType::Record(root) = &schema.root().type_ else {
            return None;
        };
        let mut groups = BTreeSet::new();
        let top = root.fields.iter().map(|field| {
            let at = field.type_.idx();
            match TopName::from_name(&field.name) {
                TopName::Field(field) => Entry::Field(field, at),
                // A group that stands there twice is refused before its second value is read.
                TopName::Group(group) if !groups.insert(group) => {
                    Entry::Group(group, Shape::Other(at))
                }
                TopName::Group(group) => Entry::Group(group, Shape::of(schema, field.type_, group)),
                TopName::Unknown => Entry::Unknown(at),
            }
        });
        Some(Plan {
            nodes: nodes?,
            top: top.collect(),
        })
    }

    /// The type at a place. A plan refers to places of its own schema only.
    pub(super) fn node(&self, at: usize) -> &Node {
        self.nodes.get(at).unwrap_or(&Node::Null)
    }
}

impl Node {
    fn of(regular: &RegularType) -> Node {
        match regular {
            RegularType::Null => Node::Null,
            RegularType::Boolean => Node::Boolean,
            RegularType::Int => Node::Int,
            RegularType::Long => Node::Long,
            RegularType::Float => Node::Float,
            RegularType::Double => Node::Double,
            RegularType::Bytes => Node::Bytes,
            RegularType::String => Node::Text,
            RegularType::Fixed(fixed) => Node::Fixed(fixed.size),
            RegularType::Enum(symbols) => Node::Enum(
                symbols
                    .symbols
                    .iter()
                    .map(|word| word.as_str().into())
                    .collect(),
            ),
            RegularType::Array(array) => Node::Array(array.items.idx()),
            RegularType::Map(map) => Node::Map(map.values.idx()),
            RegularType::Union(union) => {
                Node::Union(union.variants.iter().map(|key| key.idx()).collect())
            }
            RegularType::Record(record) => Node::Record(
                record
                    .fields
                    .iter()
                    .map(|field| field.type_.idx())
                    .collect(),
            ),
        }
    }
}

impl Shape {
    fn of(schema: &SchemaMut, key: SchemaKey, group: ActionGroup) -> Shape {
        match schema.get(key).map(|node| &node.type_) {
            Some(RegularType::Record(record)) => {
                let named = |name: &str| ActionField::in_group(Some(group), name);
                let fields = record.fields.iter();
                Shape::Record(fields.map(|f| (named(&f.name), f.type_.idx())).collect())
            }
            Some(RegularType::Union(union)) => {
                let branches = union.variants.iter();
                Shape::Union(branches.map(|key| Shape::of(schema, *key, group)).collect())
            }
            _ => Shape::Other(key.idx()),
        }
    }
}
