//! The condition of a detection as a tree over the fields of its selections. It decides whether a
//! rule matches; the checks of negation and coverage and the candidate index read the same tree.

use std::collections::BTreeSet;

use crate::rule::model::catalogue::{FactSlot, fact};
use crate::text::Location;

use super::facts::Facts;
use super::value_test::{ValueMatcher, ValueTest};

/// What must be true for a detection to match.
#[derive(Debug, Clone)]
pub(in crate::rule) enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Field(SelectionField),
}

/// One field of a selection.
#[derive(Debug, Clone)]
pub(in crate::rule) struct SelectionField {
    pub slot: FactSlot,
    pub location: Location,
    pub test: FieldTest,
}

/// What a field requires of its fact.
#[derive(Debug, Clone)]
pub(in crate::rule) enum FieldTest {
    /// `|exists: true`.
    Exists,
    /// `|exists: false`, `null` or an empty text.
    Absent,
    /// A comparison with its value, which is false for an absent fact.
    Value(ValueTest),
}

impl Condition {
    /// Whether the facts of an action match. An empty `All` is true, an empty `Any` false.
    pub(in crate::rule) fn matches(&self, facts: &Facts<'_>) -> bool {
        match self {
            Condition::All(parts) => parts.iter().all(|part| part.matches(facts)),
            Condition::Any(parts) => parts.iter().any(|part| part.matches(facts)),
            Condition::Not(inner) => !inner.matches(facts),
            Condition::Field(field) => field.matches(facts),
        }
    }

    /// Whether the condition names `kind` for `event.kind`, or tests it in a way that may let it
    /// through. A rule that reads `event.kind` and does not is never true of such an event.
    pub(in crate::rule) fn may_match_kind(&self, kind: &str) -> bool {
        match self {
            Condition::All(parts) | Condition::Any(parts) => {
                parts.iter().any(|part| part.may_match_kind(kind))
            }
            Condition::Not(inner) => {
                let mut reads_kind = false;
                inner.for_each_field(&mut |field| reads_kind |= field.slot == fact::EVENT_KIND);
                reads_kind
            }
            Condition::Field(field) if field.slot == fact::EVENT_KIND => field
                .equal_words()
                .is_none_or(|words| words.iter().any(|word| word.eq_ignore_ascii_case(kind))),
            Condition::Field(_) => false,
        }
    }

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

    /// Whether the condition has one field whose anchor says all that it asks, which is
    /// `event.kind: action`, as in a metric that counts every action, or `|exists: true`. What the
    /// candidate index finds for it needs no evaluation.
    pub(in crate::rule) fn is_decided_by_index(&self) -> bool {
        match self {
            Condition::All(parts) => {
                matches!(parts.as_slice(), [part] if part.is_decided_by_index())
            }
            Condition::Field(field) => match &field.test {
                FieldTest::Exists => true,
                FieldTest::Absent => false,
                FieldTest::Value(test) => {
                    field.slot == fact::EVENT_KIND
                        && test.equal_words().as_deref() == Some(&["action"])
                }
            },
            Condition::Any(_) | Condition::Not(_) => false,
        }
    }

    /// Adds the slot of every fact that the condition reads.
    pub(in crate::rule) fn collect_slots(&self, into: &mut BTreeSet<FactSlot>) {
        self.for_each_field(&mut |field| into.extend(field.all_slots()));
    }
}

impl SelectionField {
    fn matches(&self, facts: &Facts<'_>) -> bool {
        let value = facts.get(self.slot);
        match &self.test {
            FieldTest::Exists => !value.is_absent(),
            FieldTest::Absent => value.is_absent(),
            FieldTest::Value(test) => test.passes(value, facts),
        }
    }

    /// The slot of the field and those of the facts that it is compared with.
    pub(in crate::rule) fn all_slots(&self) -> impl Iterator<Item = FactSlot> {
        let matchers = match &self.test {
            FieldTest::Value(test) => test.matchers(),
            FieldTest::Exists | FieldTest::Absent => &[],
        };
        let others = matchers.iter().filter_map(|matcher| match matcher {
            ValueMatcher::Fact(other) => Some(other.slot),
            _ => None,
        });
        std::iter::once(self.slot).chain(others)
    }

    /// The words that the fact, or a member of its list, must equal one of; `None` for every other
    /// test.
    pub(in crate::rule) fn equal_words(&self) -> Option<Vec<&str>> {
        match &self.test {
            FieldTest::Value(test) => test.equal_words(),
            FieldTest::Exists | FieldTest::Absent => None,
        }
    }
}
