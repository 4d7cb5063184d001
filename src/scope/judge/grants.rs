//! The grants of a scope against one action: which violations they prove.
//!
//! An action is inside if one grant of its resource type allows it. Otherwise *one grant decides*:
//! of the grants with the verb (of all, if none has it), of those that name the resource id (of all
//! of them, if none does), the one with the fewest violations, then the first. The violations of
//! the action are those of the deciding grant.
//!
//! # A field less never means more violations
//!
//! Verb and id choose the deciding grant. If one of the two is unknown, every grant that could
//! decide for some value of it is a *candidate*, and the violations common to all candidates are
//! certain. If no violation is common, but no grant allows the action, it is certain that there is
//! one, and not which: then the first violation of the nearest candidate stands for it, so that
//! nothing outside every grant is without a violation. Why this is monotone:
//!
//! - Forgetting a field removes its violation from every grant and adds none to any. So what no
//!   grant allows is allowed by none either when more is known.
//! - Forgetting the verb or the id makes the old candidates a part of the new ones, so the common
//!   violations can only become fewer. The deciding grant of a complete record is a candidate too.
//! - Sensitivity and owner choose no candidates. They do choose among candidates by number, but two
//!   kinds of violation are too few to turn the choice: of two grants with one violation each, the
//!   one whose violation is forgotten allows the action.
//! - Forgetting the resource type leaves no grant to compare with, and no violation.
//!
//! A value that the record has but that cannot be read is known to be in no list: it violates every
//! list that does not allow everything, as a value does that no list names.
//!
//! So a weaker record never has more violations than the full one, and none if the full one has
//! none. What is certain of the weaker record is also true of the full one; only the violation that
//! stands for an unknown one may be another.

use smallvec::SmallVec;

use crate::event::{ActionField, AgentAction};
use crate::scope::model::compiled::{CompiledGrant, excludes_unreadable, verb_bit};
use crate::scope::model::countable::non_empty;
use crate::scope::model::verdict_words::{Violation, ViolationSet};
use crate::text::normal::{PathPattern, ResourcePath, fold_word};

/// The grants that decide on an action, and what they prove.
#[derive(Debug, Clone)]
pub(super) struct GrantDecision {
    pub(super) violations: ViolationSet,
    /// Indexes of the candidates; only one if the record has verb and id.
    pub(super) candidates: SmallVec<[usize; 8]>,
}

/// A grant of the action's resource type, and the action's violations of it.
struct CheckedGrant {
    index: usize,
    verbs: u16,
    violations: ViolationSet,
}

/// The violations of the grants; `resource_type` if no grant covers the type.
pub(super) fn check_grants(grants: &[CompiledGrant], action: &AgentAction) -> ViolationSet {
    if action.resource_type_unmapped() || action.resource_type.is_empty() {
        return ViolationSet::default();
    }
    match decide_by_grants(grants, action) {
        Some(decision) => decision.violations,
        None => ViolationSet::of(Violation::ResourceType),
    }
}

/// The decision of the grants; `None` if no grant covers the action's resource type.
pub(super) fn decide_by_grants(
    grants: &[CompiledGrant],
    action: &AgentAction,
) -> Option<GrantDecision> {
    let path = non_empty(&action.resource_id).map(ResourcePath::read);
    let mut checked: SmallVec<[CheckedGrant; 8]> = SmallVec::new();
    for (index, grant) in grants.iter().enumerate() {
        if !grant.covers_type(&action.resource_type) {
            continue;
        }
        let violations = check_grant(grant, action, path.as_ref());
        if violations.is_empty() {
            return Some(GrantDecision {
                violations,
                candidates: [index].into_iter().collect(),
            });
        }
        checked.push(CheckedGrant {
            index,
            verbs: grant.verbs,
            violations,
        });
    }
    keep_candidates(&mut checked, action);
    let each = checked.iter().map(|grant| grant.violations);
    let mut violations = each.reduce(ViolationSet::intersection)?;
    if violations.is_empty() {
        let nearest = checked
            .iter()
            .min_by_key(|grant| (grant.violations.len(), grant.index))?;
        violations = nearest.violations.iter().take(1).collect();
    }
    Some(GrantDecision {
        violations,
        candidates: checked.iter().map(|grant| grant.index).collect(),
    })
}

/// Keeps the grants that decide, or that could decide if verb or id were known.
fn keep_candidates(checked: &mut SmallVec<[CheckedGrant; 8]>, action: &AgentAction) {
    let id_known =
        non_empty(&action.resource_id).is_some() || action.is_malformed(ActionField::RESOURCE_ID);
    let names_id = |grant: &CheckedGrant| !grant.violations.contains(Violation::ResourceId);
    let has_verb = |grant: &CheckedGrant| !grant.violations.contains(Violation::Verb);
    if action.verb_unmapped() {
        if id_known {
            // A grant that does not name the id decides for the verbs of no grant that does.
            let naming = checked.iter().filter(|grant| names_id(grant));
            let verbs = naming.fold(0, |verbs, grant| verbs | grant.verbs);
            checked.retain(|grant| names_id(grant) || grant.verbs & !verbs != 0);
        }
        return;
    }
    if checked.iter().any(has_verb) {
        checked.retain(|grant| has_verb(grant));
    }
    if !id_known {
        return;
    }
    if checked.iter().any(names_id) {
        checked.retain(|grant| names_id(grant));
    }
    let fewest = checked
        .iter()
        .map(|grant| (grant.violations.len(), grant.index));
    if let Some((_, deciding)) = fewest.min() {
        checked.retain(|grant| grant.index == deciding);
    }
}

fn check_grant(
    grant: &CompiledGrant,
    action: &AgentAction,
    path: Option<&ResourcePath<'_>>,
) -> ViolationSet {
    let mut found = ViolationSet::default();
    let outside_ids = match (path, action.is_malformed(ActionField::RESOURCE_ID)) {
        (_, true) => excludes_unreadable(&grant.ids, PathPattern::is_any),
        (Some(path), false) => {
            !grant.ids.is_empty() && !grant.ids.iter().any(|pattern| pattern.covers(path))
        }
        (None, false) => false,
    };
    if outside_ids {
        found.insert(Violation::ResourceId);
    }
    if !action.verb_unmapped() && grant.verbs & verb_bit(action.action_verb) == 0 {
        found.insert(Violation::Verb);
    }
    if let (Some(seen), Some(max)) = (action.resource_sensitivity, grant.sensitivity_max)
        && seen > max
    {
        found.insert(Violation::Sensitivity);
    }
    let is_owner = |owner: &str| {
        let owner = fold_word(owner);
        grant.owners.iter().any(|granted| *granted == *owner)
    };
    let readable = !action.is_malformed(ActionField::RESOURCE_OWNER);
    if !grant.owners.is_empty()
        && !non_empty(&action.resource_owner).map_or(readable, |owner| readable && is_owner(owner))
    {
        found.insert(Violation::Owner);
    }
    found
}
