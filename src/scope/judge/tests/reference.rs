//! A second implementation of the verdict, for the property tests: it tries every grant, keeps
//! what fails, and matches globs by plain recursion.

use crate::event::{AgentAction, AgentScope, Grant, InstructionSource, Text, Verb};
use crate::scope::model::verdict_words::Violation;

fn glob_matches(pattern: &[char], text: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['*', rest @ ..] => (0..=text.len()).any(|n| glob_matches(rest, &text[n..])),
        ['?', rest @ ..] => !text.is_empty() && glob_matches(rest, &text[1..]),
        [c, rest @ ..] => text.first() == Some(c) && glob_matches(rest, &text[1..]),
    }
}

fn any_matches(patterns: &[Text], text: &str, fold: bool) -> bool {
    let chars = |s: &str| -> Vec<char> {
        if fold {
            s.to_ascii_lowercase().chars().collect()
        } else {
            s.chars().collect()
        }
    };
    patterns
        .iter()
        .any(|p| glob_matches(&chars(p), &chars(text)))
}

fn of_type(grant: &Grant, kind: &str) -> bool {
    grant.resource_types.iter().any(|p| {
        p == "*"
            || p == kind
            || p.strip_suffix(".*")
                .is_some_and(|family| kind == family || kind.starts_with(&format!("{family}.")))
    })
}

fn failed_parts(grant: &Grant, action: &AgentAction) -> Vec<Violation> {
    let id = action.resource_id.as_deref();
    let fails = [
        (
            Violation::ResourceId,
            !grant.resource_ids.is_empty()
                && id.is_some_and(|id| !any_matches(&grant.resource_ids, id, false)),
        ),
        (
            Violation::Verb,
            action.action_verb != Verb::Other
                && !grant.verbs.is_empty()
                && !grant.verbs.contains(&action.action_verb),
        ),
        (
            Violation::Sensitivity,
            grant.sensitivity_max.is_some()
                && action.resource_sensitivity.is_some()
                && action.resource_sensitivity > grant.sensitivity_max,
        ),
        (
            Violation::Owner,
            !grant.owners.is_empty()
                && action
                    .resource_owner
                    .as_ref()
                    .is_some_and(|o| !grant.owners.contains(o)),
        ),
    ];
    fails
        .into_iter()
        .filter(|(_, failed)| *failed)
        .map(|(violation, _)| violation)
        .collect()
}

/// For each grant that could decide if `verb` were the verb, its index and failed parts.
fn candidates(
    scope: &AgentScope,
    action: &AgentAction,
    verb: Verb,
) -> Vec<(usize, Vec<Violation>)> {
    let action = AgentAction {
        action_verb: verb,
        ..action.clone()
    };
    let mut tried: Vec<(usize, Vec<Violation>)> = scope
        .grants
        .iter()
        .enumerate()
        .filter(|(_, grant)| of_type(grant, &action.resource_type))
        .map(|(index, grant)| (index, failed_parts(grant, &action)))
        .collect();
    let parts: &[Violation] = match action.resource_id {
        Some(_) => &[Violation::Verb, Violation::ResourceId],
        None => &[Violation::Verb],
    };
    for part in parts {
        if tried.iter().any(|(_, failed)| !failed.contains(part)) {
            tried.retain(|(_, failed)| !failed.contains(part));
        }
    }
    tried
}

fn violated_grants(scope: &AgentScope, action: &AgentAction) -> Vec<Violation> {
    let allowed = |grant: &&Grant| {
        of_type(grant, &action.resource_type) && failed_parts(grant, action).is_empty()
    };
    if scope.grants.iter().any(|grant| allowed(&grant)) {
        return Vec::new();
    }
    let verb_known = action.action_verb != Verb::Other;
    let verbs = match verb_known {
        true => std::slice::from_ref(&action.action_verb),
        false => Verb::ALL,
    };
    let mut tried: Vec<(usize, Vec<Violation>)> = verbs
        .iter()
        .filter(|verb| verb_known || **verb != Verb::Other)
        .flat_map(|verb| candidates(scope, action, *verb))
        .collect();
    if !verb_known {
        let verb = |violation: &Violation| *violation == Violation::Verb;
        tried
            .iter_mut()
            .for_each(|(_, failed)| failed.retain(|v| !verb(v)));
    }
    tried.sort_by_key(|(index, failed)| (failed.len(), *index));
    if verb_known && action.resource_id.is_some() {
        tried.truncate(1);
    }
    let Some((_, nearest)) = tried.first() else {
        return vec![Violation::ResourceType];
    };
    let certain = |violation: &&Violation| tried.iter().all(|(_, f)| f.contains(*violation));
    let common: Vec<Violation> = nearest.iter().filter(certain).copied().collect();
    match common.is_empty() {
        true => nearest.iter().take(1).copied().collect(),
        false => common,
    }
}

/// What `action` violates of `scope`, in catalogue order.
pub(super) fn expected_violations(scope: &AgentScope, action: &AgentAction) -> Vec<Violation> {
    let mut all = Vec::new();
    if action.resource_type != "unknown" {
        all = violated_grants(scope, action);
    }
    if let Some(tool) = &action.tool_name
        && !scope.tools.is_empty()
        && !any_matches(&scope.tools, tool, true)
    {
        all.push(Violation::Tool);
    }
    // The host explains the address, unless only addresses are declared.
    let address = action.destination_address.as_ref().filter(|_| {
        let digits = |text: &Text| text.chars().all(|c| c.is_ascii_digit() || ".*".contains(c));
        let of_addresses = scope
            .destinations
            .iter()
            .all(|text| digits(text) && text != "*");
        action.destination_host.is_none() || of_addresses
    });
    let uncovered = |text: &Text| !any_matches(&scope.destinations, text, true);
    if !scope.destinations.is_empty()
        && (action.destination_host.as_ref().is_some_and(uncovered)
            || address.is_some_and(uncovered))
    {
        all.push(Violation::Destination);
    }
    let source = action.instruction_source.unwrap_or_default();
    if source != InstructionSource::Unknown
        && !scope.instruction_sources.is_empty()
        && !scope.instruction_sources.contains(&source)
    {
        all.push(Violation::InstructionSource);
    }
    all.sort_unstable();
    all
}
