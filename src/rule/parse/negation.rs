//! Absent is not false: Sigma's `not` is two-valued, so a negated selection on an optional fact
//! also matches every action that lacks the fact. A condition must say that it wants the fact.

use std::collections::BTreeSet;

use crate::text::Problems;

use crate::rule::model::catalogue::{FactCatalogue, FactSlot, Presence};
use crate::rule::model::condition::{Cond, Leaf, Test};

/// Reports every negated optional fact that the condition does not require.
pub(in crate::rule) fn check(cond: &Cond, catalogue: &FactCatalogue, problems: &mut Problems<'_>) {
    Check {
        catalogue,
        problems,
    }
    .walk(cond, true, &BTreeSet::new());
}

struct Check<'c, 'p, 'f> {
    catalogue: &'c FactCatalogue,
    problems: &'p mut Problems<'f>,
}

impl Check<'_, '_, '_> {
    /// `wanted`: whether this part must hold or must not hold; `there`: facts that are there
    /// whenever it matters.
    fn walk(&mut self, cond: &Cond, wanted: bool, there: &BTreeSet<FactSlot>) {
        match cond {
            Cond::Not(inner) => self.walk(inner, !wanted, there),
            Cond::Leaf(leaf) => self.leaf(leaf, wanted, there),
            Cond::All(parts) | Cond::Any(parts) => {
                let together = matches!(cond, Cond::All(_)) == wanted;
                for (at, part) in parts.iter().enumerate() {
                    let mut there = there.clone();
                    if together {
                        for (_, other) in parts.iter().enumerate().filter(|(i, _)| *i != at) {
                            there.extend(implied(other, wanted));
                        }
                    }
                    self.walk(part, wanted, &there);
                }
            }
        }
    }

    fn leaf(&mut self, leaf: &Leaf, wanted: bool, there: &BTreeSet<FactSlot>) {
        if wanted || leaf.test != Test::Value {
            return;
        }
        for slot in std::iter::once(leaf.slot).chain(leaf.other) {
            let Some(info) = self.catalogue.info(slot) else {
                continue;
            };
            if info.presence == Presence::Optional && !there.contains(&slot) {
                self.problems.error_with_help(
                    leaf.location,
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

/// Facts that are there whenever `cond` holds (`wanted`) or does not hold.
fn implied(cond: &Cond, wanted: bool) -> BTreeSet<FactSlot> {
    match cond {
        Cond::Not(inner) => implied(inner, !wanted),
        Cond::Leaf(leaf) => match (leaf.test, wanted) {
            (Test::Exists | Test::Value, true) => {
                std::iter::once(leaf.slot).chain(leaf.other).collect()
            }
            (Test::Absent, false) => BTreeSet::from([leaf.slot]),
            (Test::Absent, true) | (Test::Exists | Test::Value, false) => BTreeSet::new(),
        },
        Cond::All(parts) | Cond::Any(parts) => {
            let mut sets = parts.iter().map(|part| implied(part, wanted));
            let first = sets.next().unwrap_or_default();
            if matches!(cond, Cond::All(_)) == wanted {
                sets.fold(first, |all, set| &all | &set)
            } else {
                sets.fold(first, |all, set| &all & &set)
            }
        }
    }
}
