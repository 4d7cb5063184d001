//! The shape of a detection: how its condition combines the fields of its selections.

use std::collections::BTreeSet;

use crate::text::Location;

use super::catalogue::{FactSlot, fact};

/// The shape of a detection: what must hold for it to match.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::rule) enum Cond {
    All(Vec<Cond>),
    Any(Vec<Cond>),
    Not(Box<Cond>),
    Leaf(Leaf),
}

/// One field of a selection.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::rule) struct Leaf {
    pub slot: FactSlot,
    /// The other fact of a `fieldref`.
    pub other: Option<FactSlot>,
    pub location: Location,
    pub test: Test,
    /// The words that the fact, or a member of it, is compared with for equality; empty when it is
    /// compared in another way. Lower case.
    pub words: Vec<String>,
}

/// What a field asks of its fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::rule) enum Test {
    /// `|exists: true`.
    Exists,
    /// `|exists: false`.
    Absent,
    /// Anything about its value, which an absent fact never satisfies.
    Value,
}

impl Cond {
    /// Calls `each` for every field.
    pub(in crate::rule) fn for_each_leaf(&self, each: &mut impl FnMut(&Leaf)) {
        match self {
            Cond::All(parts) | Cond::Any(parts) => {
                parts.iter().for_each(|part| part.for_each_leaf(each));
            }
            Cond::Not(inner) => inner.for_each_leaf(each),
            Cond::Leaf(leaf) => each(leaf),
        }
    }

    /// It asks for nothing but `event.kind: action`, which is how a metric counts everything: the
    /// index has decided, and the half microsecond of asking rsigma as well is saved.
    pub(in crate::rule) fn is_any_action(&self) -> bool {
        match self {
            Cond::All(parts) => matches!(parts.as_slice(), [part] if part.is_any_action()),
            Cond::Leaf(leaf) => {
                leaf.slot == fact::EVENT_KIND
                    && matches!(leaf.words.as_slice(), [word] if word == "action")
            }
            Cond::Any(_) | Cond::Not(_) => false,
        }
    }

    /// Every fact that is read.
    pub(in crate::rule) fn reads(&self, into: &mut BTreeSet<FactSlot>) {
        self.for_each_leaf(&mut |leaf| {
            into.insert(leaf.slot);
            into.extend(leaf.other);
        });
    }
}
