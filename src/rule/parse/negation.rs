//! Absent is not false: Sigma's `not` is two-valued, so a negated selection on an optional fact
//! also matches every action that lacks the fact. A condition must say that it wants the fact.

use std::collections::BTreeSet;

use crate::text::Problems;

use crate::rule::model::catalogue::{FactCatalogue, FactPresence, FactSlot};
use crate::rule::model::condition::{Condition, FieldTest, SelectionField};

/// Reports every negated optional fact that the condition does not require.
pub(in crate::rule) fn check_negations(
    condition: &Condition,
    catalogue: &FactCatalogue,
    problems: &mut Problems<'_>,
) {
    NegationCheck {
        catalogue,
        problems,
    }
    .check_condition(condition, true, &BTreeSet::new());
}

struct NegationCheck<'c, 'p, 'f> {
    catalogue: &'c FactCatalogue,
    problems: &'p mut Problems<'f>,
}

impl NegationCheck<'_, '_, '_> {
    /// `wanted`: whether this part must hold or must not hold; `there`: facts that are there
    /// whenever it matters.
    fn check_condition(&mut self, condition: &Condition, wanted: bool, there: &BTreeSet<FactSlot>) {
        match condition {
            Condition::Not(inner) => self.check_condition(inner, !wanted, there),
            Condition::Field(field) => self.check_field(field, wanted, there),
            Condition::All(parts) | Condition::Any(parts) => {
                let together = matches!(condition, Condition::All(_)) == wanted;
                for (at, part) in parts.iter().enumerate() {
                    let mut there = there.clone();
                    if together {
                        for (_, other) in parts.iter().enumerate().filter(|(i, _)| *i != at) {
                            there.extend(implied_facts(other, wanted));
                        }
                    }
                    self.check_condition(part, wanted, &there);
                }
            }
        }
    }

    fn check_field(&mut self, field: &SelectionField, wanted: bool, there: &BTreeSet<FactSlot>) {
        if wanted || field.test != FieldTest::Value {
            return;
        }
        for slot in std::iter::once(field.slot).chain(field.other) {
            let Some(info) = self.catalogue.fact_info(slot) else {
                continue;
            };
            if info.presence == FactPresence::Optional && !there.contains(&slot) {
                self.problems.error_with_help(
                    field.location,
                    format!(
                        "this negates `{}`, which is optional: absent is not false, and every \
                         action without it would match",
                        info.name
                    ),
                    format!(
                        "require it in a selection that must match: `{}|exists: true`",
                        info.name
                    ),
                );
            }
        }
    }
}

/// Facts that are there whenever `condition` holds (`wanted`) or does not hold.
fn implied_facts(condition: &Condition, wanted: bool) -> BTreeSet<FactSlot> {
    match condition {
        Condition::Not(inner) => implied_facts(inner, !wanted),
        Condition::Field(field) => match (field.test, wanted) {
            (FieldTest::Exists | FieldTest::Value, true) => {
                std::iter::once(field.slot).chain(field.other).collect()
            }
            (FieldTest::Absent, false) => BTreeSet::from([field.slot]),
            (FieldTest::Absent, true) | (FieldTest::Exists | FieldTest::Value, false) => {
                BTreeSet::new()
            }
        },
        Condition::All(parts) | Condition::Any(parts) => {
            let mut sets = parts.iter().map(|part| implied_facts(part, wanted));
            let first = sets.next().unwrap_or_default();
            if matches!(condition, Condition::All(_)) == wanted {
                sets.fold(first, |all, set| &all | &set)
            } else {
                sets.fold(first, |all, set| &all & &set)
            }
        }
    }
}
