//! Selects the scopes that judge an action: the one of its task, else the ones that name its
//! credential, else all active ones, else one that is revoked or suspended, else the template.

use std::cmp::Reverse;

use smallvec::SmallVec;

use super::history::ScopeHistory;
use super::template::ScopeTemplate;
use super::versions::VersionAt;
use crate::event::AgentAction;
use crate::scope::model::countable::non_empty;
use crate::scope::model::selection::ScopeSelection;
use crate::scope::model::verdict_words::{ScopeBasis, ScopeStatus};

impl ScopeHistory {
    /// Selects the scopes at `at_ms`, the action's own time. `template` is called only if no scope
    /// of the agent judges.
    ///
    /// A task or credential whose scopes have all ended is still judged by them, so that late use
    /// is expired and not undeclared. An action without task and credential is judged by an ended
    /// scope only if the agent has no active scope and no template; but a template does not return
    /// permissions that were revoked or suspended.
    #[must_use]
    pub fn select<'a>(
        &'a self,
        action: &AgentAction,
        at_ms: i64,
        template: impl FnOnce() -> Option<&'a ScopeTemplate>,
    ) -> ScopeSelection<'a> {
        if let Some(task) = non_empty(&action.task_id) {
            let named = self
                .versions_at(at_ms)
                .filter(|s| s.scope().task_id.as_deref() == Some(task));
            if let Some(selection) = narrow_selection(named, ScopeBasis::Task) {
                return selection;
            }
        }
        if let Some(credential) = non_empty(&action.credential_id) {
            let named = self
                .versions_at(at_ms)
                .filter(|s| s.scope().credential_ids.iter().any(|id| id == credential));
            if let Some(selection) = narrow_selection(named, ScopeBasis::Credential) {
                return selection;
            }
        }
        let mut union = narrow_selection(self.versions_at(at_ms), ScopeBasis::Union);
        if let Some(union) = union.take_if(|union| !falls_to_template(union)) {
            return union;
        }
        match template() {
            Some(template) => template.as_selection(),
            None => union.unwrap_or(ScopeSelection {
                status: ScopeStatus::Missing,
                basis: None,
                scopes: SmallVec::new(),
            }),
        }
    }
}

/// Whether a template judges instead of these scopes: they completed or expired, or only scopes of
/// tasks were revoked or suspended, and the template is for the agent's other work.
fn falls_to_template(union: &ScopeSelection<'_>) -> bool {
    match union.status {
        ScopeStatus::Active => false,
        ScopeStatus::Revoked | ScopeStatus::Suspended => {
            union.scopes.iter().all(|one| one.scope.task_id.is_some())
        }
        _ => true,
    }
}

/// All active scopes, or else the one with the most informative status.
fn narrow_selection<'a>(
    versions: impl Iterator<Item = VersionAt<'a>>,
    basis: ScopeBasis,
) -> Option<ScopeSelection<'a>> {
    let mut scopes = SmallVec::new();
    let mut other: Option<VersionAt<'a>> = None;
    for candidate in versions {
        if candidate.status == ScopeStatus::Active {
            scopes.push(candidate.to_selected());
        } else if other
            .as_ref()
            .is_none_or(|best| information_rank(&candidate) < information_rank(best))
        {
            other = Some(candidate);
        }
    }
    if !scopes.is_empty() {
        return Some(ScopeSelection {
            status: ScopeStatus::Active,
            basis: Some(basis),
            scopes,
        });
    }
    let best = other?;
    scopes.push(best.to_selected());
    Some(ScopeSelection {
        status: best.status,
        basis: Some(basis),
        scopes,
    })
}

/// Sort key, most informative first: agent-wide scopes that are revoked, then suspended; scopes of
/// tasks that are revoked, then suspended; then completed, then expired ones; among equals the
/// latest `effective_from`. Scopes that are not yet in effect come last, the earliest first.
fn information_rank(version: &VersionAt<'_>) -> (u8, Reverse<i64>, i64) {
    let effective_ms = version.effective_ms();
    let of_a_task = version.scope().task_id.is_some();
    let rank = match version.status {
        ScopeStatus::NotYet => return (u8::MAX, Reverse(0), effective_ms),
        ScopeStatus::Revoked if !of_a_task => 0,
        ScopeStatus::Suspended if !of_a_task => 1,
        ScopeStatus::Revoked => 2,
        ScopeStatus::Suspended => 3,
        ScopeStatus::Completed => 4,
        _ => 5,
    };
    (rank, Reverse(effective_ms), 0)
}
