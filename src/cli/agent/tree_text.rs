//! A delegation tree as indented text.

use crate::cli::output::printable;
use crate::detector::agent_tree::{AgentTree, ScopeSource, ShownScope, TreeAgent, TreeRelation};
use crate::event::Text;
use crate::scope::ScopeStatus;

/// The lines of a tree: an agent below its parent, with its scopes between them.
pub(super) fn tree_lines(tree: &AgentTree) -> Vec<String> {
    let mut lines = vec![format!(
        "{}/{} at {}",
        tree.tenant,
        tree.agent_id,
        show_time(tree.as_of_ms)
    )];
    if tree.cyclic {
        lines.push("cyclic: the agent is above itself".to_owned());
    }
    if tree.truncated {
        lines.push("truncated: more agents may be above the first".to_owned());
    }
    for parent in &tree.other_parents {
        let evidence = known_by(&parent.evidence);
        lines.push(format!("another parent: {}, {evidence}", parent.agent_id));
    }
    for agent in &tree.agents {
        let indent = "  ".repeat(usize::try_from(agent.depth).unwrap_or(usize::MAX).min(64));
        lines.push(format!("{indent}{}", agent_line(tree, agent)));
        if let Some(nothing) = nothing_known(agent) {
            lines.push(format!("{indent}  {nothing}"));
        }
        for scope in &agent.scopes {
            lines.extend(scope_lines(agent, scope).map(|line| format!("{indent}  {line}")));
        }
        if agent.scopes_further > 0 {
            lines.push(format!(
                "{indent}  and {} more",
                count(agent.scopes_further, "scope")
            ));
        }
    }
    if tree.further > 0 {
        lines.push(format!(
            "and {} below",
            count(tree.further, "further agent")
        ));
    }
    // An agent chooses its names: they must not change the terminal.
    lines.iter().map(|line| printable(line)).collect()
}

fn agent_line(tree: &AgentTree, agent: &TreeAgent) -> String {
    let mut parts = vec![format!("agent {}", agent.agent_id)];
    match &agent.parent {
        Some(_) if agent.evidence.is_empty() => parts.push("known by nothing yet".to_owned()),
        Some(_) => parts.push(known_by(&agent.evidence)),
        None => {}
    }
    if agent.parent.is_some() && !agent.proven {
        parts.push("unproven".to_owned());
    }
    if agent.ended {
        parts.push(match &agent.parent {
            Some(_) => "ended".to_owned(),
            None => format!("below {} no longer", tree.agent_id),
        });
    }
    if let Some(credential) = &agent.credential_id {
        parts.push(format!("credential {credential}"));
    }
    let mark = match agent.relation {
        TreeRelation::Itself => " <-",
        TreeRelation::Above | TreeRelation::Below => "",
    };
    parts.join(", ") + mark
}

fn known_by(evidence: &[Text]) -> String {
    let words: Vec<&str> = evidence.iter().map(Text::as_str).collect();
    format!("known by {}", words.join(", "))
}

/// Why no scope is shown, or from where they are known.
fn nothing_known(agent: &TreeAgent) -> Option<String> {
    let partition = agent
        .partition
        .map_or_else(|| "?".to_owned(), |n| n.to_string());
    match agent.source {
        ScopeSource::State if agent.scopes.is_empty() => Some("no declared scope".to_owned()),
        ScopeSource::State => None,
        ScopeSource::Link => Some(format!(
            "its state is in partition {partition}; its scopes as its child knows them:"
        )),
        ScopeSource::OutOfReach => Some(format!(
            "its scopes are in partition {partition}, which is not here"
        )),
        ScopeSource::Unknown => Some("it has no scope and has not acted".to_owned()),
    }
}

fn scope_lines(agent: &TreeAgent, scope: &ShownScope) -> impl Iterator<Item = String> {
    let mut lines = vec![format!("scope {}: {}", scope.scope_id, scope_status(scope))];
    if let Some(parent) = &scope.parent_agent_id {
        // The parent stands above; another one has to be named.
        let other = agent.parent.as_ref() != Some(parent);
        let of = match &scope.parent_scope_id {
            Some(id) if other => format!("scope {id} of {parent}"),
            Some(id) => format!("scope {id}"),
            None => format!("the scopes of {parent}"),
        };
        lines.push(format!("  from {of}"));
    }
    lines.extend(scope.terms.iter().map(|term| format!("  {term}")));
    if scope.terms_further > 0 {
        lines.push(format!("  and {} more", count(scope.terms_further, "line")));
    }
    for (name, words) in [("narrower", &scope.narrower), ("WIDER", &scope.wider)] {
        if !words.is_empty() {
            let words: Vec<&str> = words.iter().map(Text::as_str).collect();
            lines.push(format!("  {name}: {}", words.join(", ")));
        }
    }
    lines.into_iter()
}

fn scope_status(scope: &ShownScope) -> String {
    let until = scope.expires_at_ms.map(show_time);
    match (scope.status, until) {
        (ScopeStatus::Active, Some(until)) => format!("active until {until}"),
        (ScopeStatus::Active, None) => "active without end".to_owned(),
        (ScopeStatus::Expired, Some(until)) => format!("expired at {until}"),
        (ScopeStatus::NotYet, _) => format!("not before {}", show_time(scope.since_ms)),
        (status, _) => format!("{status} since {}", show_time(scope.since_ms)),
    }
}

fn show_time(at_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(at_ms).map_or_else(
        |_| "an unknown time".to_owned(),
        |time| format!("{time:.0}"),
    )
}

fn count(count: u32, noun: &str) -> String {
    crate::cli::diagnostics::count_noun(u64::from(count), noun)
}
