//! The grants of a scope against one action.

use crate::event::AgentAction;
use crate::scope::model::compiled::{CompiledGrant, verb_bit};
use crate::scope::model::countable::non_empty;
use crate::scope::model::resource_path;
use crate::scope::model::verdict_words::{Violation, ViolationSet};

/// `resource_type`, `verb` per resource type, then the parts of the grant that comes nearest:
/// one that grants the verb before one that does not, then one that names the resource, then the
/// one with the fewest violations, then the first.
pub(super) fn check_grants(grants: &[CompiledGrant], action: &AgentAction) -> ViolationSet {
    if action.resource_type_unmapped() || action.resource_type.is_empty() {
        return ViolationSet::default();
    }
    match nearest_grant(grants, action) {
        Some((_, found)) => found,
        None => ViolationSet::of(Violation::ResourceType),
    }
}

/// Of the grants of the action's resource type the place of the nearest, and what it lacks.
pub(super) fn nearest_grant(
    grants: &[CompiledGrant],
    action: &AgentAction,
) -> Option<(usize, ViolationSet)> {
    let kind = &action.resource_type;
    let mut nearest: Option<(usize, ViolationSet)> = None;
    for (index, grant) in grants.iter().enumerate() {
        if !grant.types.iter().any(|types| types.covers_type(kind)) {
            continue;
        }
        let found = within_grant(grant, action);
        if found.is_empty() {
            return Some((index, found));
        }
        if nearest.is_none_or(|(_, best)| distance(found) < distance(best)) {
            nearest = Some((index, found));
        }
    }
    nearest
}

fn distance(violations: ViolationSet) -> (bool, bool, u32) {
    (
        violations.contains(Violation::Verb),
        violations.contains(Violation::ResourceId),
        violations.len(),
    )
}

fn within_grant(grant: &CompiledGrant, action: &AgentAction) -> ViolationSet {
    let mut found = ViolationSet::default();
    if let Some(id) = non_empty(&action.resource_id)
        && !grant.ids.is_empty()
        && !resource_path::grants_id(&grant.ids, id)
    {
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
    if let Some(owner) = non_empty(&action.resource_owner)
        && !grant.owners.is_empty()
        && !grant.owners.iter().any(|granted| granted == owner)
    {
        found.insert(Violation::Owner);
    }
    found
}
