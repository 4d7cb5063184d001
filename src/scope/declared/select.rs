//! Selects the scopes that judge an action: the one of its task, else the ones that name its
//! credential, else all active ones, else one that has ended, else the template.

use std::cmp::Reverse;

use smallvec::{SmallVec, smallvec};

use super::history::ScopeHistory;
use super::template::ScopeTemplate;
use super::versions::VersionAt;
use crate::event::{ActionField, AgentAction};
use crate::scope::model::countable::non_empty;
use crate::scope::model::selection::ScopeSelection;
use crate::scope::model::verdict_words::{ScopeBasis, ScopeStatus};

impl ScopeHistory {
    /// Selects the scopes at `at_ms`, the action's own time. `template` is called only if no scope
    /// of the agent judges.
    ///
    /// A task or credential whose scopes have all ended is still judged by them, so that late use
    /// is expired and not undeclared. The scope of one task does not cover another: an action of a
    /// task that no scope names is judged only by scopes that name no task.
    ///
    /// A template is for agents that have no scope of their own, or whose own tasks were all
    /// completed. It gives nothing back that expired, was suspended or was revoked.
    #[must_use]
    pub fn select<'a>(
        &'a self,
        action: &AgentAction,
        at_ms: i64,
        template: impl FnOnce() -> Option<&'a ScopeTemplate>,
    ) -> ScopeSelection<'a> {
        let task = non_empty(&action.task_id);
        // An id that cannot be read is the id of no declared task.
        let names_task = task.is_some() || action.is_malformed(ActionField::TASK_ID);
        if let Some(task) = task {
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
        let covering = self
            .versions_at(at_ms)
            .filter(|s| !names_task || s.scope().task_id.is_none());
        let mut union = narrow_selection(covering, ScopeBasis::Union);
        if let Some(union) = union.take_if(|union| bars_template(union.status)) {
            return union;
        }
        let barred = self.versions_at(at_ms).any(|s| bars_template(s.status));
        if !barred && let Some(template) = template() {
            return template.as_selection();
        }
        union.unwrap_or(ScopeSelection {
            status: ScopeStatus::Missing,
            basis: None,
            undeclared_task: names_task && !self.is_empty(),
            scopes: SmallVec::new(),
        })
    }

    /// Whether a scope that names `task` is active at `at_ms`. [`Self::select`] then selects the
    /// scopes of that task.
    #[must_use]
    pub fn is_task_active(&self, task: &str, at_ms: i64) -> bool {
        self.versions_at(at_ms)
            .filter(|version| version.status == ScopeStatus::Active)
            .any(|version| version.scope().task_id.as_deref() == Some(task))
    }
}

/// Whether a scope of this status judges although a template would cover the agent.
fn bars_template(status: ScopeStatus) -> bool {
    !matches!(status, ScopeStatus::Completed | ScopeStatus::NotYet)
}

/// All active scopes, or else those with the most informative status that ended last.
fn narrow_selection<'a>(
    versions: impl Iterator<Item = VersionAt<'a>>,
    basis: ScopeBasis,
) -> Option<ScopeSelection<'a>> {
    let mut best: Option<(InformationRank, ScopeSelection<'a>)> = None;
    for candidate in versions {
        let rank = information_rank(&candidate);
        match &mut best {
            Some((known, _)) if rank > *known => {}
            Some((known, selection)) if rank == *known => {
                selection.scopes.push(candidate.to_selected());
            }
            _ => {
                let selection = ScopeSelection {
                    status: candidate.status,
                    basis: Some(basis),
                    undeclared_task: false,
                    scopes: smallvec![candidate.to_selected()],
                };
                best = Some((rank, selection));
            }
        }
    }
    best.map(|(_, selection)| selection)
}

/// Sort key: of the status, of the time when it began, and of what is equal in both.
type InformationRank = (u8, Reverse<i64>, i64);

/// Sort key, most informative first: active scopes; then those of the agent as a whole before those
/// of single tasks, and of each the revoked, then the suspended, then those that completed or
/// expired; among equals those that ended last. Together these permitted what was permitted until
/// that end. Scopes that are not yet in effect come last, the earliest first.
fn information_rank(version: &VersionAt<'_>) -> InformationRank {
    let rank = match version.status {
        ScopeStatus::Active => return (0, Reverse(0), 0),
        ScopeStatus::NotYet => return (u8::MAX, Reverse(0), version.since_ms),
        ScopeStatus::Revoked => 1,
        ScopeStatus::Suspended => 2,
        _ => 3,
    };
    let of_a_task = version.scope().task_id.is_some();
    let rank = rank + 3 * u8::from(of_a_task);
    let expired = version.status == ScopeStatus::Expired;
    (rank, Reverse(version.since_ms), i64::from(expired))
}
