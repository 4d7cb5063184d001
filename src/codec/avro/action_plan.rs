//! How an action is read by a writer schema: what each field of the schema is for, found out once
//! when the schema is loaded.

use std::collections::BTreeSet;

use super::super::decode::TopName;
use super::type_table::{AvroType, TypeTable};
use crate::event::{ActionField, ActionGroup};

/// What a field at the top of the record is for, with the number of its type.
#[derive(Debug)]
pub(super) enum PlannedField {
    Field(ActionField, usize),
    Group(ActionGroup, GroupShape),
    /// Read over and counted.
    Unknown(usize),
}

/// The type of a group, as far as the names of its fields stand in the schema.
#[derive(Debug)]
pub(super) enum GroupShape {
    /// The fields in order; `None` is unknown.
    Record(Box<[(Option<ActionField>, usize)]>),
    Union(Box<[GroupShape]>),
    /// Null, a map, whose names stand in the record, or a type that is no group.
    Other(usize),
}

/// How to read an action: the fields of the record in order.
#[derive(Debug)]
pub(super) struct ActionPlan {
    pub(super) fields: Box<[PlannedField]>,
}

impl ActionPlan {
    /// The plan for the schema with these types.
    pub(super) fn new(types: &TypeTable) -> ActionPlan {
        let AvroType::Record(members) = types.get(TypeTable::ROOT) else {
            return ActionPlan {
                fields: Box::default(),
            };
        };
        let mut groups = BTreeSet::new();
        let fields = members.iter().map(|member| {
            let kind = member.kind;
            match TopName::from_name(&member.name) {
                TopName::Field(field) => PlannedField::Field(field, kind),
                // A group that is given twice is refused before its second value is read.
                TopName::Group(group) if !groups.insert(group) => {
                    PlannedField::Group(group, GroupShape::Other(kind))
                }
                TopName::Group(group) => {
                    PlannedField::Group(group, GroupShape::new(types, kind, group))
                }
                TopName::Malformed | TopName::Unknown => PlannedField::Unknown(kind),
            }
        });
        ActionPlan {
            fields: fields.collect(),
        }
    }
}

impl GroupShape {
    fn new(types: &TypeTable, kind: usize, group: ActionGroup) -> GroupShape {
        match types.get(kind) {
            AvroType::Record(members) => {
                let members = members.iter().map(|member| {
                    (
                        ActionField::in_group(Some(group), &member.name),
                        member.kind,
                    )
                });
                GroupShape::Record(members.collect())
            }
            AvroType::Union(branches) => {
                let branches = branches.iter();
                let shapes = branches.map(|branch| GroupShape::new(types, *branch, group));
                GroupShape::Union(shapes.collect())
            }
            _ => GroupShape::Other(kind),
        }
    }
}
