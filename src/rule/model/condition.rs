//! The condition of a detection as a tree over the fields of its selections. rsigma decides the
//! match; the tree is for the checks of negation and coverage, and to know which facts are read.

use std::collections::BTreeSet;

use crate::text::Location;

use super::catalogue::{FactSlot, fact};

/// What must be true for a detection to match.
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
    /// The lower-case words that the fact, or a member of its list, is compared with for equality;
    /// empty for every other comparison.
    pub words: Vec<String>,
}

/// What a field requires of its fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::rule) enum FieldTest {
    /// `|exists: true`.
    Exists,
    /// `|exists: false`.
    Absent,
    /// A comparison with its value, which is false for an absent fact.
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

    /// Whether the only field is `event.kind: action`, as in a metric that counts every action. The
    /// candidate index has decided such a condition already; skipping rsigma saves half a
    /// microsecond for each action and metric.
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

    /// Adds the slot of every fact that the condition reads.
    pub(in crate::rule) fn collect_slots(&self, into: &mut BTreeSet<FactSlot>) {
        self.for_each_field(&mut |field| {
            into.insert(field.slot);
            into.extend(field.other);
        });
    }
}
