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

/// What `action` violates of `scope`, in catalogue order.
pub(super) fn expected_violations(scope: &AgentScope, action: &AgentAction) -> Vec<Violation> {
    let mut all = Vec::new();
    if action.resource_type != "unknown" {
        let mut tried: Vec<Vec<Violation>> = scope
            .grants
            .iter()
            .filter(|grant| of_type(grant, &action.resource_type))
            .map(|grant| failed_parts(grant, action))
            .collect();
        // `verb` is a violation only when no grant of the type has the verb.
        if tried
            .iter()
            .any(|failed| !failed.contains(&Violation::Verb))
        {
            tried.retain(|failed| !failed.contains(&Violation::Verb));
        }
        // Stable: the first of equals stays first.
        tried.sort_by_key(|failed| (failed.contains(&Violation::ResourceId), failed.len()));
        match tried.into_iter().next() {
            None => all.push(Violation::ResourceType),
            Some(failed) => all.extend(failed),
        }
    }
    if let Some(tool) = &action.tool_name
        && !scope.tools.is_empty()
        && !any_matches(&scope.tools, tool, true)
    {
        all.push(Violation::Tool);
    }
    let destination = match &action.destination_host {
        Some(host) => Some(host),
        None => action.destination_address.as_ref().filter(|_| {
            let digits = |text: &Text| text.chars().all(|c| c.is_ascii_digit() || ".*".contains(c));
            scope
                .destinations
                .iter()
                .all(|text| digits(text) && text != "*")
        }),
    };
    if let Some(destination) = destination
        && !scope.destinations.is_empty()
        && !any_matches(&scope.destinations, destination, true)
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
