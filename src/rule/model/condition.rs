//! The shape of a detection: how its condition combines the fields of its selections.

use std::collections::BTreeSet;

use crate::text::Location;

use super::catalogue::{FactSlot, fact};

/// The shape of a detection: what must hold for it to match.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::rule) enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Field(SelectionField),
}

/// One field of a selection.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::rule) struct SelectionField {
    pub slot: FactSlot,
    /// The other fact of a `fieldref`.
    pub other: Option<FactSlot>,
    pub location: Location,
    pub test: FieldTest,
    /// The words that the fact, or a member of it, is compared with for equality; empty when it is
    /// compared in another way. Lower case.
    pub words: Vec<String>,
}

/// What a field asks of its fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::rule) enum FieldTest {
    /// `|exists: true`.
    Exists,
    /// `|exists: false`.
    Absent,
    /// Anything about its value, which an absent fact never satisfies.
    Value,
}

impl Condition {
    /// Calls `each` for every field.
    pub(in crate::rule) fn for_each_field(&self, each: &mut impl FnMut(&SelectionField)) {
        match self {
            Condition::All(parts) | Condition::Any(parts) => {
                parts.iter().for_each(|part| part.for_each_field(each));
            }
            Condition::Not(inner) => inner.for_each_field(each),
            Condition::Field(field) => each(field),
        }
    }

    /// It asks for nothing but `event.kind: action`, which is how a metric counts everything: the
    /// index has decided, and the half microsecond of asking rsigma as well is saved.
    pub(in crate::rule) fn is_any_action(&self) -> bool {
        match self {
            Condition::All(parts) => matches!(parts.as_slice(), [part] if part.is_any_action()),
            Condition::Field(field) => {
                field.slot == fact::EVENT_KIND
                    && matches!(field.words.as_slice(), [word] if word == "action")
            }
            Condition::Any(_) | Condition::Not(_) => false,
        }
    }

    /// Every fact that is read.
    pub(in crate::rule) fn collect_slots(&self, into: &mut BTreeSet<FactSlot>) {
        self.for_each_field(&mut |field| {
            into.insert(field.slot);
            into.extend(field.other);
        });
    }
}
