//! Judges one action: selects the scopes, checks every dimension, counts towards the limits.

mod dimensions;
mod distinct_values;
mod explain;
mod grants;
pub(crate) mod limit_usage;
mod limit_window;
pub(crate) mod pane_clock;
pub(crate) mod permits;
mod spawned_children;
#[cfg(test)]
mod tests;
pub(crate) mod verdict;

use std::sync::Arc;

pub use dimensions::delegation_depth;

use self::dimensions::{ActionCheck, CheckResult};
use self::limit_usage::LimitUsage;
use self::pane_clock::CountedTime;
use self::verdict::{JudgeContext, Judgement};
use super::declared::history::ScopeHistory;
use super::declared::template::ScopeTemplate;
use super::model::selection::{ScopeSelection, SelectedScope};
use super::model::verdict_words::ScopeStatus;
use crate::event::{ActionOutcome, AgentAction};

/// Judges an action at its own time and counts it towards the limits of the scope that judged it.
///
/// Among several scopes the action is inside if one of them allows it wholly. Otherwise it has the
/// violations of one scope: of those that grant its resource type (of all, if none does), the one
/// with the fewest violations. So a record with a field less never has more violations: the
/// resource type alone decides which scopes are compared, and each of them has at most as many as
/// before. Ids of scopes decide nothing but whose name is shown.
///
/// A scope that has ended is checked like an active one: its verdict has the status *and* the
/// violations, so that nothing looks milder after the end than before it.
pub fn judge<'a>(
    history: &'a ScopeHistory,
    template: impl FnOnce() -> Option<&'a ScopeTemplate>,
    usage: &mut LimitUsage,
    action: &AgentAction,
    ctx: &JudgeContext<'_>,
) -> Judgement {
    let at_ms = ctx.at_ms;
    let unmapped = action.verb_unmapped() || action.resource_type_unmapped();
    if ctx.pending {
        return Judgement {
            status: ScopeStatus::Pending,
            unmapped,
            at_ms,
            ..Judgement::default()
        };
    }
    let selection = history.select(action, at_ms, template);
    let mut judgement = Judgement {
        status: selection.status,
        basis: selection.basis,
        undeclared_task: selection.undeclared_task,
        unmapped,
        at_ms,
        ..Judgement::default()
    };
    let check = ActionCheck {
        action,
        context: ctx,
        usage,
    };
    match nearest_scope(&selection, &check) {
        None => {
            judgement.status = match ctx.tenant_managed {
                true => ScopeStatus::Missing,
                false => ScopeStatus::Unmanaged,
            };
        }
        Some((selected, result)) => {
            judgement.fill_from(selected, result, action);
            if selection.status != ScopeStatus::NotYet {
                let (scope_id, time) = (&selected.scope.scope_id, ctx.time_in(selected));
                usage.record_in_limits(scope_id, selected.terms, action, time);
            }
        }
    }
    judgement
}

impl JudgeContext<'_> {
    /// When the limits of a scope count the action: never before the scope began, however long its
    /// agent was silent.
    fn time_in(&self, selected: &SelectedScope<'_>) -> CountedTime {
        let counted_ms = self.counted_ms.unwrap_or(self.at_ms);
        let begun_ms = selected.begun_ms.unwrap_or(i64::MIN);
        CountedTime {
            earliest_ms: counted_ms.max(begun_ms).min(self.at_ms),
            at_ms: self.at_ms,
        }
    }
}

/// The scope of the selection that judges, with its result.
fn nearest_scope<'s, 'a>(
    selection: &'s ScopeSelection<'a>,
    check: &ActionCheck<'_>,
) -> Option<(&'s SelectedScope<'a>, CheckResult)> {
    let mut best: Option<(&SelectedScope<'_>, CheckResult)> = None;
    // Scopes come by ascending id, so of equal results the one with the smallest id is shown.
    for selected in &selection.scopes {
        let result = match selected.terms_known {
            true => check.check_scope(selected),
            false => CheckResult::default(),
        };
        if result.violations.is_empty() {
            return Some((selected, result));
        }
        let nearer = |(_, b): &(_, CheckResult)| result.distance() < b.distance();
        if best.as_ref().is_none_or(nearer) {
            best = Some((selected, result));
        }
    }
    best
}

impl Judgement {
    fn fill_from(
        &mut self,
        selected: &SelectedScope<'_>,
        result: CheckResult,
        action: &AgentAction,
    ) {
        self.violations = result.violations;
        self.limit_hit = result.limit_hit;
        self.children = result.children;
        let forbidden = !self.violations.is_empty() || self.status != ScopeStatus::Active;
        self.enforcement_gap = forbidden && action.outcome == Some(ActionOutcome::Allowed);
        self.age_ms = selected
            .effective_ms
            .map(|from| self.at_ms.saturating_sub(from));
        self.since_widened_ms = selected
            .widened_ms
            .map(|from| self.at_ms.saturating_sub(from));
        self.widened = selected.widened_ms.is_some();
        self.after_end = self.status == ScopeStatus::Completed;
        self.scope = Some(Arc::clone(selected.scope));
    }
}
