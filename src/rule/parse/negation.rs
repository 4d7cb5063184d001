//! Refuses negations that match on absent facts. Absent is not false: Sigma's `not` is two-valued,
//! so a negated selection on an optional fact also matches every action without the fact. Such a
//! condition must require the fact in a selection that is not negated.

use std::collections::BTreeSet;

use crate::text::Problems;

use crate::rule::evaluate::condition::{Condition, FieldTest, SelectionField};
use crate::rule::model::catalogue::{FactCatalogue, FactPresence, FactSlot};

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
    /// `expected` is the value that this part must have for the rule to match: `false` below an odd
    /// number of negations. `present` are the facts that the other parts require.
    fn check_condition(
        &mut self,
        condition: &Condition,
        expected: bool,
        present: &BTreeSet<FactSlot>,
    ) {
        match condition {
            Condition::Not(inner) => self.check_condition(inner, !expected, present),
            Condition::Field(field) => self.check_field(field, expected, present),
            Condition::All(parts) | Condition::Any(parts) => {
                let together = matches!(condition, Condition::All(_)) == expected;
                for (at, part) in parts.iter().enumerate() {
                    let mut present = present.clone();
                    if together {
                        for (_, other) in parts.iter().enumerate().filter(|(i, _)| *i != at) {
                            present.extend(implied_facts(other, expected));
                        }
                    }
                    self.check_condition(part, expected, &present);
                }
            }
        }
    }

    fn check_field(
        &mut self,
        field: &SelectionField,
        expected: bool,
        present: &BTreeSet<FactSlot>,
    ) {
        if expected || !matches!(field.test, FieldTest::Value(_)) {
            return;
        }
        for slot in field.all_slots() {
            let Some(info) = self.catalogue.fact_info(slot) else {
                continue;
            };
            if info.presence == FactPresence::Optional && !present.contains(&slot) {
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

/// The facts that are certainly present when `condition` has the value `expected`.
fn implied_facts(condition: &Condition, expected: bool) -> BTreeSet<FactSlot> {
    match condition {
        Condition::Not(inner) => implied_facts(inner, !expected),
        Condition::Field(field) => match (&field.test, expected) {
            (FieldTest::Exists | FieldTest::Value(_), true) => field.all_slots().collect(),
            (FieldTest::Absent, false) => BTreeSet::from([field.slot]),
            (FieldTest::Absent, true) | (FieldTest::Exists | FieldTest::Value(_), false) => {
                BTreeSet::new()
            }
        },
        Condition::All(parts) | Condition::Any(parts) => {
            let mut sets = parts.iter().map(|part| implied_facts(part, expected));
            let first = sets.next().unwrap_or_default();
            if matches!(condition, Condition::All(_)) == expected {
                sets.fold(first, |all, set| &all | &set)
            } else {
                sets.fold(first, |all, set| &all & &set)
            }
        }
    }
}
