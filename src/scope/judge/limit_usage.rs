//! The counts of declared limits, each in a window of its own.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::limit_window::LimitWindow;
use super::pane_clock::{CountedTime, SILENCE_MAX_MS};
use super::spawned_children::SpawnedChildren;
use crate::event::{AgentAction, text_fingerprint};
use crate::scope::model::compiled::{CompiledLimit, CompiledScope};
use crate::scope::model::countable::is_denied;
use crate::scope::model::limits::SCOPES_MAX;

/// Windows of one agent, four for each scope it may have. A further window evicts the windows that
/// count nothing any more, or else the one least recently used.
pub const WINDOWS_MAX: usize = 4 * SCOPES_MAX;
/// Distinct values over all windows of one agent, which bounds its state. A further value makes the
/// largest window a smaller sample; no window forgets its count for another's.
pub const DISTINCT_TOTAL_MAX: usize = 16_384;

/// The counts of the declared limits of one agent, and its spawned children.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LimitUsage {
    windows: Vec<LimitWindow>,
    pub(super) children: SpawnedChildren,
}

impl LimitUsage {
    /// The count of the window of a limit in the scope whose id has the fingerprint `scope`, with
    /// `action` included; `None` if the action adds nothing,
    /// which leaves the limit unchecked. An action that was denied did not happen.
    pub(crate) fn with_action(
        &self,
        scope: u64,
        limit: &CompiledLimit,
        action: &AgentAction,
        time: CountedTime,
    ) -> Option<f64> {
        let share = limit.counted.share_of(action)?;
        if is_denied(action) {
            return None;
        }
        let empty = || LimitWindow::new(scope, limit, time.earliest_ms).count_with(&share, time);
        let window = self.windows.iter().find(|w| w.is_for(scope, limit));
        Some(window.map_or_else(empty, |window| window.count_with(&share, time)))
    }

    /// Counts `action` in every limit of a scope, and the child that it spawns.
    pub(crate) fn record_in_limits(
        &mut self,
        scope_id: &str,
        terms: &CompiledScope,
        action: &AgentAction,
        time: CountedTime,
    ) {
        if is_denied(action) {
            return;
        }
        let counted = |limit: &CompiledLimit| terms.limits.iter().any(|one| one.counts_for(limit));
        if !terms.limits.is_empty() {
            let scope = text_fingerprint(scope_id);
            for limit in terms.limits.iter().filter(|limit| !counted(limit)) {
                self.record_action(scope, limit, action, time);
            }
        }
        if terms.delegation.is_some() {
            self.children.record_spawn(scope_id, action);
        }
    }

    /// Counts `action`.
    fn record_action(
        &mut self,
        scope: u64,
        limit: &CompiledLimit,
        action: &AgentAction,
        time: CountedTime,
    ) {
        let Some(share) = limit.counted.share_of(action) else {
            return;
        };
        let index = self.open_window(scope, limit, time.earliest_ms);
        if let Some(window) = self.windows.get_mut(index) {
            window.record_share(&share, limit, time);
            self.bound_values();
        }
    }

    /// Forgets the windows in which nothing counts any more at `now_ms`, not even an action counted
    /// in a silence, and the children of scopes that `is_known` denies by their hash. Returns
    /// whether a window was forgotten.
    pub fn prune(&mut self, now_ms: i64, is_known: impl Fn(u64) -> bool) -> bool {
        self.children.retain_scopes(is_known);
        self.drop_windows_over(now_ms.saturating_sub(SILENCE_MAX_MS))
    }

    fn drop_windows_over(&mut self, now_ms: i64) -> bool {
        let before = self.windows.len();
        self.windows.retain(|w| !w.is_over(now_ms));
        self.windows.len() != before
    }

    /// Whether nothing is counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.windows.is_empty() && self.children.is_empty()
    }

    /// Reads a word of what the next action will read; see [`ScopeHistory::prefetch`].
    ///
    /// [`ScopeHistory::prefetch`]: crate::scope::ScopeHistory::prefetch
    pub(crate) fn prefetch(&self, depth: u8) -> u64 {
        let window = self.windows.first();
        window.map_or(0, |window| window.prefetch(depth))
    }

    /// The index of the limit's window; adds the window if there is none.
    fn open_window(&mut self, scope: u64, limit: &CompiledLimit, at_ms: i64) -> usize {
        if let Some(found) = self.windows.iter().position(|w| w.is_for(scope, limit)) {
            return found;
        }
        if self.windows.len() >= WINDOWS_MAX && !self.drop_windows_over(at_ms) {
            let windows = self.windows.iter().enumerate();
            let longest_unused = windows.map(|(index, w)| (w.used_ms, index)).min();
            if let Some((_, index)) = longest_unused {
                self.windows.remove(index);
            }
        }
        self.windows.push(LimitWindow::new(scope, limit, at_ms));
        self.windows.len() - 1
    }

    /// Keeps the distinct values of all windows within their bound, at the cost of the largest.
    fn bound_values(&mut self) {
        let total: usize = self.windows.iter().map(LimitWindow::value_count).sum();
        if total <= DISTINCT_TOTAL_MAX {
            return;
        }
        let largest = self.windows.iter_mut().max_by_key(|w| w.value_count());
        if let Some(values) = largest.and_then(|window| window.values.as_mut()) {
            values.thin_out(values.len() - values.len() / 8);
        }
    }
}
