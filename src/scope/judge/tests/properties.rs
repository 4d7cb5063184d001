//! The verdict against a second implementation, and what a missing field may change.

use proptest::prelude::*;

use super::reference;
use super::*;
use crate::scope::testing::{some_action, some_scope};

proptest! {
    #![proptest_config(crate::property::config(2_000))]

    #[test]
    fn the_verdict_agrees_with_the_model(declared in some_scope(), action in some_action()) {
        let found = verdict(&book([declared.clone()]), &action);
        prop_assert_eq!(found.status, ScopeStatus::Active);
        let expected = reference::expected_violations(&declared, &action);
        let violations: Vec<Violation> = found.violations.iter().collect();
        prop_assert_eq!(&violations, &expected);
        for violation in expected {
            let sentence = found.explain(violation, &action, &declared);
            prop_assert!(sentence.len() > 10 && !sentence.contains('\n'));
        }
    }

    // Read from right to left: a field more never removes a violation.
    #[test]
    fn a_field_less_never_means_more_violations(
        declared in some_scope(), full in some_action(), forgotten in some_fields(),
    ) {
        prop_assume!(!hides_its_name(&full, &forgotten));
        let book = book([declared]);
        let (before, after) = (verdict(&book, &full), verdict(&book, &without(&full, &forgotten)));
        let (before, after) = (before.violations, after.violations);
        prop_assert!(after.len() <= before.len(), "without {forgotten:?}");
        // More than one is certain; a single one may stand for another that is not known.
        if after.len() > 1 {
            prop_assert_eq!(after.intersection(before), after, "without {:?}", forgotten);
        }
    }

    #[test]
    fn in_a_union_a_field_less_never_means_more_violations(
        scopes in prop::collection::vec(some_scope(), 1..4),
        full in some_action(),
        forgotten in some_fields(),
    ) {
        prop_assume!(!hides_its_name(&full, &forgotten));
        let book = book(numbered(&scopes));
        let (before, after) = (verdict(&book, &full), verdict(&book, &without(&full, &forgotten)));
        prop_assert!(after.violations.len() <= before.violations.len(), "without {forgotten:?}");
    }

    #[test]
    fn a_record_outside_every_grant_has_a_violation_however_little_it_says(
        declared in some_scope(), full in some_action(), forgotten in some_fields(),
    ) {
        let action = without(&full, &forgotten);
        let bare = AgentScope { grants: declared.grants.clone(), ..scope("s", &[]) };
        let allows = |grant: &Grant| {
            let alone = AgentScope { grants: vec![grant.clone()], ..bare.clone() };
            verdict(&book([alone]), &action).violations.is_empty()
        };
        let type_known = action.resource_type != "unknown";
        if type_known && !declared.grants.iter().any(allows) {
            prop_assert!(!verdict(&book([bare]), &action).violations.is_empty());
        }
    }

    #[test]
    fn a_union_allows_what_one_scope_allows(
        scopes in prop::collection::vec(some_scope(), 1..4), action in some_action(),
    ) {
        let found = verdict(&book(numbered(&scopes)), &action);
        let each: Vec<(bool, usize, ViolationSet)> = scopes
            .iter()
            .map(|s| reference::expected_violations(s, &action))
            .map(|all| {
                let other_type = all.contains(&Violation::ResourceType);
                (other_type, all.len(), all.into_iter().collect())
            })
            .collect();
        let nearest = *each.iter().min().unwrap();
        let first = each.iter().position(|key| *key == nearest).unwrap();
        prop_assert_eq!(found.violations, nearest.2);
        let judging = format!("s{first}");
        prop_assert_eq!(found.scope_id(), Some(judging.as_str()));
    }
}

/// The scopes with the ids `s0`, `s1`, …
fn numbered(scopes: &[AgentScope]) -> impl Iterator<Item = AgentScope> {
    scopes.iter().enumerate().map(|(n, scope)| AgentScope {
        scope_id: format!("s{n}").into(),
        ..scope.clone()
    })
}

/// Each takes one field from an action.
const FORGET: [fn(&mut AgentAction); 9] = [
    |a| a.action_verb = Verb::Other,
    |a| a.resource_type = "unknown".into(),
    |a| a.resource_sensitivity = None,
    |a| a.tool_name = None,
    |a| a.instruction_source = None,
    |a| a.resource_owner = None,
    |a| a.resource_id = None,
    |a| a.destination_host = None,
    |a| a.destination_address = None,
];
const HOST: usize = 7;
const ADDRESS: usize = 8;

/// The one exception: a host says whose address the other field has. Without it the address is
/// judged by itself.
fn hides_its_name(action: &AgentAction, forgotten: &[usize]) -> bool {
    action.destination_host.is_some()
        && action.destination_address.is_some()
        && forgotten.contains(&HOST)
        && !forgotten.contains(&ADDRESS)
}

/// Indexes of [`FORGET`].
fn some_fields() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(0..FORGET.len(), 1..5)
}

fn without(action: &AgentAction, fields: &[usize]) -> AgentAction {
    let mut less = action.clone();
    fields.iter().for_each(|field| FORGET[*field](&mut less));
    less
}
