//! The verdict on one action: which scope judged it, that scope's status, what was violated.

mod explain;
#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
mod words;

use std::sync::Arc;

use jiff::tz::TimeZone;

pub use words::{ScopeBasis, ScopeStatus, Violation, Violations};

use super::book::ScopeBook;
use super::check::{Answer, Question};
use super::compiled::CompiledLimit;
use super::select::{Selected, Selection};
use super::template::Template;
use super::usage::LimitUsage;
use crate::event::{ActionOutcome, AgentAction, AgentScope};

/// What the caller knows beyond the agent's own scopes.
#[derive(Debug, Clone, Copy, Default)]
pub struct JudgeContext<'a> {
    /// The tenant's zone; absent, UTC.
    pub zone: Option<&'a TimeZone>,
    /// The tenant has had a scope or template, so an agent without one is worth telling.
    pub tenant_managed: bool,
    /// The action is held until its scope arrives: no other judges it, nor counts it, till then.
    pub pending: bool,
}

/// A declared limit that the action exceeded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LimitHit {
    /// Its place in the scope's `limits`.
    pub index: usize,
    /// What the window holds with the action counted in.
    pub observed: f64,
    pub max: f64,
}

/// The verdict on one action.
#[derive(Debug, Clone, Default)]
pub struct Judgement {
    pub status: ScopeStatus,
    /// How the judging scope was found; absent when there is none.
    pub basis: Option<ScopeBasis>,
    /// The judging scope.
    pub scope: Option<Arc<AgentScope>>,
    /// What the action violates; empty unless `status` is active.
    pub violations: Violations,
    /// The verb is `other` or the resource type `unknown`, so grants could not judge.
    pub unmapped: bool,
    /// The gateway allowed what the scope forbids.
    pub enforcement_gap: bool,
    /// From the judging version's `effective_from` to the action.
    pub age_ms: Option<i64>,
    /// A version of the judging scope, this or an earlier one still held, grants more than the
    /// one before it.
    pub widened: bool,
    /// From the latest widening to the action.
    pub since_widened_ms: Option<i64>,
    /// The task is over: its scope was completed, or a scope bound to a task has expired.
    pub after_end: bool,
    pub limit_hit: Option<LimitHit>,
    /// The action's own time, epoch milliseconds.
    pub at_ms: i64,
    children: u32,
}

impl Judgement {
    /// Id of the judging scope; a template's is its name.
    #[must_use]
    pub fn scope_id(&self) -> Option<&str> {
        self.scope.as_ref().map(|scope| scope.scope_id.as_str())
    }

    /// Task class of the judging scope, which goes before the one on the action.
    #[must_use]
    pub fn task_class(&self) -> Option<&str> {
        self.scope.as_ref()?.task_class.as_deref()
    }
}

/// Judges an action at its own time `at_ms` and counts it towards the limits of the scope that
/// judged it.
///
/// Among several active scopes the action is inside if one of them allows it wholly; otherwise it
/// has the violations of the scope with the fewest, of equals the one with the smallest id.
/// Violations are computed only when the status is active.
pub fn judge<'a>(
    book: &'a ScopeBook,
    template: impl FnOnce() -> Option<&'a Template>,
    usage: &mut LimitUsage,
    action: &AgentAction,
    at_ms: i64,
    ctx: &JudgeContext<'_>,
) -> Judgement {
    let unmapped = action.verb_unmapped() || action.resource_type_unmapped();
    if ctx.pending {
        return Judgement {
            status: ScopeStatus::Pending,
            unmapped,
            at_ms,
            ..Judgement::default()
        };
    }
    let selection = book.select(action, at_ms, template);
    let mut judgement = Judgement {
        status: selection.status,
        basis: selection.basis,
        unmapped,
        at_ms,
        ..Judgement::default()
    };
    let found = nearest(
        &selection,
        &Question {
            action,
            at_ms,
            ctx,
            usage,
        },
    );
    match found {
        None => {
            judgement.status = match ctx.tenant_managed {
                true => ScopeStatus::Missing,
                false => ScopeStatus::Unmanaged,
            };
        }
        Some((selected, answer)) => {
            judgement.take(selected, answer, action);
            if selection.status == ScopeStatus::Active {
                let limits = &selected.terms.limits;
                let counted =
                    |limit: &CompiledLimit| limits.iter().any(|one| one.counts_for(limit));
                for limit in limits.iter().filter(|limit| !counted(limit)) {
                    usage.record(&selected.scope.scope_id, limit, action, at_ms);
                }
                usage.children.record(&selected.scope.scope_id, action);
            }
        }
    }
    judgement
}

/// The scope of the selection that judges, with its answer.
fn nearest<'s, 'a>(
    selection: &'s Selection<'a>,
    question: &Question<'_>,
) -> Option<(&'s Selected<'a>, Answer)> {
    if selection.status != ScopeStatus::Active {
        return selection
            .scopes
            .first()
            .map(|selected| (selected, Answer::default()));
    }
    let mut best: Option<(&Selected<'_>, Answer)> = None;
    // Scopes come by ascending id, so the first of equals has the smallest.
    for selected in &selection.scopes {
        let answer = question.ask(selected.scope, selected.terms);
        if answer.violations.is_empty() {
            return Some((selected, answer));
        }
        let fewer = |(_, b): &(_, Answer)| answer.violations.len() < b.violations.len();
        if best.as_ref().is_none_or(fewer) {
            best = Some((selected, answer));
        }
    }
    best
}

impl Judgement {
    fn take(&mut self, selected: &Selected<'_>, answer: Answer, action: &AgentAction) {
        self.violations = answer.violations;
        self.limit_hit = answer.limit_hit;
        self.children = answer.children;
        let forbidden = !self.violations.is_empty() || self.status != ScopeStatus::Active;
        self.enforcement_gap = forbidden && action.outcome == Some(ActionOutcome::Allowed);
        self.age_ms = selected
            .effective_ms
            .map(|from| self.at_ms.saturating_sub(from));
        self.since_widened_ms = selected
            .widened_ms
            .map(|from| self.at_ms.saturating_sub(from));
        self.widened = selected.widened_ms.is_some();
        self.after_end = match self.status {
            ScopeStatus::Completed => true,
            ScopeStatus::Expired => selected.scope.task_id.is_some(),
            _ => false,
        };
        self.scope = Some(Arc::clone(selected.scope));
    }
}
