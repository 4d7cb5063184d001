//! Scopes as a tree shows them: their status, their terms in one line each, and where they are
//! wider or narrower than those of the parent.

use serde::{Deserialize, Serialize};

use super::super::delegation::DelegationState;
use crate::event::{AgentScope, DeclaredStatus, DelegationRule, Grant, Limit, NoticedScope, Text};
use crate::scope::{ScopeHistory, ScopeStatus};
use crate::text::units::show_duration;

/// Scopes of one agent that a tree shows; further ones are counted.
pub const SCOPES_SHOWN_MAX: usize = 8;
/// Lines of terms that one scope of a tree shows; further ones are counted.
pub const TERMS_SHOWN_MAX: usize = 24;
/// Characters of one line of terms; a longer one ends with `…`.
pub const LINE_CHARS_MAX: usize = 200;

/// A scope of an agent of a tree.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ShownScope {
    pub scope_id: Text,
    pub status: ScopeStatus,
    /// When this version took effect or takes effect, epoch milliseconds.
    pub since_ms: i64,
    /// When it expires, epoch milliseconds; absent, if never.
    pub expires_at_ms: Option<i64>,
    /// The agent and the scope that it was delegated from, where it names them.
    pub parent_agent_id: Option<Text>,
    pub parent_scope_id: Option<Text>,
    /// What it permits: grants first.
    pub terms: Vec<String>,
    /// Lines that are not shown.
    pub terms_further: u32,
    /// The dimensions in which it permits more than the scopes of the parent.
    pub wider: Vec<Text>,
    /// The dimensions in which it permits less than the scopes of the parent.
    pub narrower: Vec<Text>,
}

impl ShownScope {
    /// Whether it gives the agent nothing any more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(
            self.status,
            ScopeStatus::Completed | ScopeStatus::Revoked | ScopeStatus::Expired
        )
    }

    fn new(scope: &AgentScope, status: ScopeStatus, since_ms: i64) -> Self {
        let mut terms = list_terms(scope);
        let further = terms.len().saturating_sub(TERMS_SHOWN_MAX);
        terms.truncate(TERMS_SHOWN_MAX);
        ShownScope {
            scope_id: scope.scope_id.clone(),
            status,
            since_ms,
            expires_at_ms: scope.expires_at_ms,
            terms,
            terms_further: u32::try_from(further).unwrap_or(u32::MAX),
            ..ShownScope::default()
        }
    }
}

/// The scopes of an agent at `as_of_ms`, those in force first, and how many are not shown.
pub(super) fn list_scopes(
    book: &ScopeHistory,
    delegation: Option<&DelegationState>,
    as_of_ms: i64,
) -> (Vec<ShownScope>, u32) {
    let begun = book.latest_at(as_of_ms).map(|version| {
        let status = status_at(version.scope, as_of_ms);
        (version.scope, status, version.effective_ms)
    });
    let coming = book.scopes_at(as_of_ms);
    let coming = coming.filter(|(_, status)| *status == ScopeStatus::NotYet);
    let coming = coming.map(|(scope, status)| {
        let from_ms = scope.effective_from_ms.unwrap_or(as_of_ms);
        (scope, status, from_ms)
    });
    let mut all: Vec<_> = begun.chain(coming).collect();
    all.sort_by_key(|(scope, status, since_ms)| {
        let in_force = *status == ScopeStatus::Active;
        (!in_force, std::cmp::Reverse(*since_ms), &scope.scope_id)
    });
    let further = all.len().saturating_sub(SCOPES_SHOWN_MAX);
    all.truncate(SCOPES_SHOWN_MAX);
    let shown = all.into_iter().map(|(scope, status, since_ms)| {
        let mut shown = ShownScope::new(scope, status, since_ms);
        if let Some(origin) = delegation.and_then(|state| state.scope_origin(scope)) {
            shown.parent_agent_id = Some(origin.parent);
            shown.parent_scope_id = origin.parent_scope;
            shown.wider = origin.wider.words().map(Into::into).collect();
            shown.narrower = origin.narrower.words().map(Into::into).collect();
        }
        shown
    });
    (shown.collect(), u32::try_from(further).unwrap_or(u32::MAX))
}

/// The scopes of a parent as its child knows them.
pub(super) fn list_noticed(noticed: &[NoticedScope], as_of_ms: i64) -> Vec<ShownScope> {
    let noticed = noticed.iter().take(SCOPES_SHOWN_MAX);
    noticed
        .map(|one| {
            let status = status_at(&one.scope, as_of_ms);
            let shown = ShownScope::new(&one.scope, status, one.since_ms);
            match one.terms_known {
                true => shown,
                false => ShownScope {
                    terms: vec!["terms are not known here".to_owned()],
                    ..shown
                },
            }
        })
        .collect()
}

fn status_at(scope: &AgentScope, at_ms: i64) -> ScopeStatus {
    match scope.status {
        DeclaredStatus::Active if scope.expires_at_ms.is_some_and(|ms| ms <= at_ms) => {
            ScopeStatus::Expired
        }
        DeclaredStatus::Active => ScopeStatus::Active,
        DeclaredStatus::Suspended => ScopeStatus::Suspended,
        DeclaredStatus::Completed => ScopeStatus::Completed,
        DeclaredStatus::Revoked => ScopeStatus::Revoked,
    }
}

/// What a scope permits, in one line for each part that it has.
fn list_terms(scope: &AgentScope) -> Vec<String> {
    let mut lines: Vec<String> = scope.grants.iter().map(grant_line).collect();
    let mut add = |name: &str, words: &mut dyn Iterator<Item = &str>| {
        let joined = join_words(words);
        if !joined.is_empty() {
            lines.push(cut_line(format!("{name} {joined}")));
        }
    };
    add("tools", &mut scope.tools.iter().map(Text::as_str));
    add(
        "destinations",
        &mut scope.destinations.iter().map(Text::as_str),
    );
    let sources = scope.instruction_sources.iter();
    add(
        "instructions of",
        &mut sources.map(|source| source.as_str()),
    );
    lines.extend(scope.limits.iter().map(limit_line));
    lines.extend(scope.channel.map(|channel| {
        let parts = [
            ("encrypted", channel.encrypted),
            ("authenticated", channel.authenticated),
        ];
        let required = parts.iter().filter(|(_, required)| *required);
        match join_words(&mut required.map(|(word, _)| *word)) {
            none if none.is_empty() => "any channel".to_owned(),
            words => format!("channel {words}"),
        }
    }));
    lines.extend(scope.delegation.map(delegation_line));
    lines.extend(
        scope
            .hours
            .as_ref()
            .map(|_| "declared working hours only".to_owned()),
    );
    lines
}

fn grant_line(grant: &Grant) -> String {
    let verbs = match grant.verbs.is_empty() {
        true => "any verb".to_owned(),
        false => join_words(&mut grant.verbs.iter().map(|verb| verb.as_str())),
    };
    let mut line = format!("{verbs} on {}", join_texts(&grant.resource_types));
    if !grant.resource_ids.is_empty() {
        line = format!("{line}, ids {}", join_texts(&grant.resource_ids));
    }
    if let Some(most) = grant.sensitivity_max {
        line = format!("{line}, sensitivity up to {most}");
    }
    if !grant.owners.is_empty() {
        line = format!("{line}, of owners {}", join_texts(&grant.owners));
    }
    cut_line(line)
}

fn limit_line(limit: &Limit) -> String {
    let window = show_duration(limit.window_ms);
    cut_line(format!(
        "at most {} of {} in {window}",
        limit.max, limit.measure
    ))
}

fn delegation_line(rule: DelegationRule) -> String {
    if !rule.allowed {
        return "no delegation".to_owned();
    }
    let depth = rule.depth_max.map(|most| format!("depth up to {most}"));
    let children = rule
        .children_max
        .map(|most| format!("up to {most} children"));
    let parts: Vec<String> = depth.into_iter().chain(children).collect();
    match parts.is_empty() {
        true => "delegation".to_owned(),
        false => format!("delegation: {}", parts.join(", ")),
    }
}

fn join_texts(texts: &[Text]) -> String {
    join_words(&mut texts.iter().map(Text::as_str))
}

/// The words with commas, as many as a line can show.
fn join_words(words: &mut dyn Iterator<Item = &str>) -> String {
    let mut joined = String::new();
    for word in words {
        if !joined.is_empty() {
            joined.push_str(", ");
        }
        joined.push_str(word);
        if joined.len() > 4 * LINE_CHARS_MAX {
            break;
        }
    }
    joined
}

fn cut_line(line: String) -> String {
    match line.char_indices().nth(LINE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
