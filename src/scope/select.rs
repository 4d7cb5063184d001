//! Which scope judges an action: the one of its task, else the one that names its credential,
//! else all that are active, else one revoked or suspended, else the template.

use std::cmp::Reverse;
use std::sync::Arc;

use smallvec::SmallVec;

use super::book::{ScopeBook, Standing};
use super::compiled::CompiledScope;
use super::measure::present;
use super::template::Template;
use super::verdict::{ScopeBasis, ScopeStatus};
use crate::event::{AgentAction, AgentScope};

/// One scope that may judge an action, in the version valid at the action's time.
#[derive(Debug, Clone, Copy)]
pub struct Selected<'a> {
    pub scope: &'a Arc<AgentScope>,
    pub terms: &'a CompiledScope,
    /// From when the version holds, epoch milliseconds; absent for a template.
    pub effective_ms: Option<i64>,
    /// When the scope was last widened, epoch milliseconds.
    pub widened_ms: Option<i64>,
}

/// The scopes that may judge an action. When `status` is not active there is at most one.
#[derive(Debug, Clone)]
pub struct Selection<'a> {
    /// Missing when there is no scope at all; the caller knows whether that is pending or
    /// unmanaged.
    pub status: ScopeStatus,
    pub basis: Option<ScopeBasis>,
    /// By ascending scope id.
    pub scopes: SmallVec<[Selected<'a>; 4]>,
}

impl ScopeBook {
    /// Selects at `at_ms`, the action's own time; asks for the template only where no scope of
    /// the agent's own judges.
    ///
    /// A task or credential whose scopes have all ended is still judged by them: late use must
    /// say expired, not undeclared. Without task and credential an ended scope speaks only when
    /// there is neither an active one nor a template; but what was revoked or suspended is not
    /// given back by a template.
    #[must_use]
    pub fn select<'a>(
        &'a self,
        action: &AgentAction,
        at_ms: i64,
        template: impl FnOnce() -> Option<&'a Template>,
    ) -> Selection<'a> {
        if let Some(task) = present(&action.task_id) {
            let named = self
                .standing(at_ms)
                .filter(|s| s.scope().task_id.as_deref() == Some(task));
            if let Some(selection) = narrow(named, ScopeBasis::Task) {
                return selection;
            }
        }
        if let Some(credential) = present(&action.credential_id) {
            let named = self
                .standing(at_ms)
                .filter(|s| s.scope().credential_ids.iter().any(|id| id == credential));
            if let Some(selection) = narrow(named, ScopeBasis::Credential) {
                return selection;
            }
        }
        let mut union = narrow(self.standing(at_ms), ScopeBasis::Union);
        if let Some(union) = union.take_if(|union| !falls_to_template(union)) {
            return union;
        }
        match template() {
            Some(template) => template.select(),
            None => union.unwrap_or(Selection {
                status: ScopeStatus::Missing,
                basis: None,
                scopes: SmallVec::new(),
            }),
        }
    }
}

/// Whether a template stands in for these scopes: they came to their end as declared, or what was
/// taken away was a task's, and the template is for the agent's other work.
fn falls_to_template(union: &Selection<'_>) -> bool {
    match union.status {
        ScopeStatus::Active => false,
        ScopeStatus::Revoked | ScopeStatus::Suspended => {
            union.scopes.iter().all(|one| one.scope.task_id.is_some())
        }
        _ => true,
    }
}

/// All active ones, or else the one whose status tells most.
fn narrow<'a>(
    standing: impl Iterator<Item = Standing<'a>>,
    basis: ScopeBasis,
) -> Option<Selection<'a>> {
    let mut scopes = SmallVec::new();
    let mut other: Option<Standing<'a>> = None;
    for candidate in standing {
        if candidate.status == ScopeStatus::Active {
            scopes.push(candidate.selected());
        } else if other
            .as_ref()
            .is_none_or(|best| telling(&candidate) < telling(best))
        {
            other = Some(candidate);
        }
    }
    if !scopes.is_empty() {
        return Some(Selection {
            status: ScopeStatus::Active,
            basis: Some(basis),
            scopes,
        });
    }
    let best = other?;
    scopes.push(best.selected());
    Some(Selection {
        status: best.status,
        basis: Some(basis),
        scopes,
    })
}

/// Sorts what tells most first: what someone took away before what came to its end, from the agent
/// before from one of its tasks, of those the latest that had begun; last the first that will
/// begin.
fn telling(standing: &Standing<'_>) -> (u8, Reverse<i64>, i64) {
    let effective_ms = standing.effective_ms();
    let of_a_task = standing.scope().task_id.is_some();
    let rank = match standing.status {
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
