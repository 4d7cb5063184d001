//! The counts of declared limits: sliding windows of twelve panes.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::spawned_children::SpawnedChildren;
use crate::event::{AgentAction, Measure, Text, text_fingerprint};
use crate::scope::model::compiled::{CompiledLimit, CompiledScope};
use crate::scope::model::countable::FieldShare;
use crate::scope::model::limits::{DISTINCT_MAX, SCOPES_MAX};

/// Panes of a window. The current pane and the eleven before it count. They cover at least 11/12
/// of the window and never more than the window, so a limit is never reported as exceeded when it
/// was not.
pub const PANES: i64 = 12;
/// Windows of one agent, two for each scope it may have. A further window evicts the windows that
/// count nothing any more, or else the one least recently used.
pub const WINDOWS_MAX: usize = 2 * SCOPES_MAX;
/// Distinct values over all windows of one agent, which bounds its state to a few KiB. A further
/// value evicts the values that left their windows, or else all values of the window least recently
/// used.
pub const DISTINCT_TOTAL_MAX: usize = 512;

/// The counts of the declared limits of one agent, and its spawned children.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LimitUsage {
    windows: Vec<LimitWindow>,
    pub(super) children: SpawnedChildren,
}

/// The count of one limit. The key is the measure and not the index of the limit, so that the
/// count goes on when a new version raises `max`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct LimitWindow {
    scope_id: Text,
    measure: Measure,
    window_ms: i64,
    /// When it last counted an action, epoch milliseconds.
    used_ms: i64,
    /// Sums by pane, ascending; empty panes are left out.
    panes: Vec<(i64, f64)>,
    /// Hashes of distinct values and the last pane of each: the most recent ones, one
    /// more than the limit allows.
    values: Vec<(u64, i64)>,
}

impl LimitUsage {
    /// The count of the limit's window with `action` included; `None` if the action adds nothing,
    /// which leaves the limit unchecked.
    pub(crate) fn with_action(
        &self,
        scope_id: &str,
        limit: &CompiledLimit,
        action: &AgentAction,
        at_ms: i64,
    ) -> Option<f64> {
        let share = limit.counted.share_of(action)?;
        let window = self.windows.iter().find(|w| w.is_for(scope_id, limit));
        let pane = pane_of(at_ms, limit.window_ms);
        Some(match share {
            FieldShare::Amount(amount) => amount + window.map_or(0.0, |w| w.sum_at(pane)),
            FieldShare::Member(text) => {
                window.map_or(1, |w| w.distinct_with(text_fingerprint(&text), pane)) as f64
            }
        })
    }

    /// Counts `action` in every limit of a scope, and the child that it spawns.
    pub(crate) fn record_in_limits(
        &mut self,
        scope_id: &str,
        terms: &CompiledScope,
        action: &AgentAction,
        at_ms: i64,
    ) {
        let counted = |limit: &CompiledLimit| terms.limits.iter().any(|one| one.counts_for(limit));
        for limit in terms.limits.iter().filter(|limit| !counted(limit)) {
            self.record_action(scope_id, limit, action, at_ms);
        }
        self.children.record_spawn(scope_id, action);
    }

    /// Counts `action`.
    pub(crate) fn record_action(
        &mut self,
        scope_id: &str,
        limit: &CompiledLimit,
        action: &AgentAction,
        at_ms: i64,
    ) {
        let Some(share) = limit.counted.share_of(action) else {
            return;
        };
        let pane = pane_of(at_ms, limit.window_ms);
        let index = self.open_window(scope_id, limit, at_ms);
        let Some(window) = self.windows.get_mut(index) else {
            return;
        };
        window.used_ms = window.used_ms.max(at_ms);
        match share {
            FieldShare::Amount(amount) => window.add_amount(pane, amount),
            FieldShare::Member(text) => {
                window.note_value(text_fingerprint(&text), pane, values_max(limit));
                self.forget_past_bound(index, at_ms);
            }
        }
    }

    /// Forgets the windows in which nothing counts any more at `now_ms`. Returns whether any was
    /// forgotten.
    pub fn prune(&mut self, now_ms: i64) -> bool {
        let before = self.windows.len();
        self.windows
            .retain(|w| w.newest_ms() > now_ms.saturating_sub(w.window_ms));
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
    pub(crate) fn prefetch(&self) -> u64 {
        let Some(window) = self.windows.first() else {
            return 0;
        };
        let pane = window.panes.first().map_or(0, |(pane, _)| *pane);
        window.used_ms as u64 ^ window.window_ms as u64 ^ pane as u64
    }

    /// The index of the limit's window; adds the window if there is none.
    fn open_window(&mut self, scope_id: &str, limit: &CompiledLimit, at_ms: i64) -> usize {
        if let Some(found) = self.windows.iter().position(|w| w.is_for(scope_id, limit)) {
            return found;
        }
        if self.windows.len() >= WINDOWS_MAX && !self.prune(at_ms) {
            let longest_unused = self.least_recently_used(|_, _| true);
            if let Some(index) = longest_unused {
                self.windows.remove(index);
            }
        }
        self.windows.push(LimitWindow {
            scope_id: scope_id.into(),
            measure: limit.measure.clone(),
            window_ms: limit.window_ms,
            used_ms: at_ms,
            panes: Vec::new(),
            values: Vec::new(),
        });
        self.windows.len() - 1
    }

    /// Distinct values over all windows.
    fn distinct_count(&self) -> usize {
        self.windows.iter().map(|w| w.values.len()).sum()
    }

    /// Forgets distinct values past the bound, but none of the window at `current`: otherwise other
    /// tasks could make its limit forget its values.
    fn forget_past_bound(&mut self, current: usize, at_ms: i64) {
        if self.distinct_count() <= DISTINCT_TOTAL_MAX {
            return;
        }
        for window in &mut self.windows {
            window.expire_values(pane_of(at_ms, window.window_ms));
        }
        if self.distinct_count() > DISTINCT_TOTAL_MAX
            && let Some(index) =
                self.least_recently_used(|index, w| index != current && !w.values.is_empty())
            && let Some(window) = self.windows.get_mut(index)
        {
            window.values.clear();
        }
    }

    fn least_recently_used(&self, may_go: impl Fn(usize, &LimitWindow) -> bool) -> Option<usize> {
        let windows = self.windows.iter().enumerate();
        let (_, index) = windows
            .filter(|(index, w)| may_go(*index, w))
            .map(|(index, w)| (w.used_ms, index))
            .min()?;
        Some(index)
    }
}

impl LimitWindow {
    fn is_for(&self, scope_id: &str, limit: &CompiledLimit) -> bool {
        self.window_ms == limit.window_ms
            && self.scope_id == scope_id
            && self.measure == limit.measure
    }

    /// The end of the newest pane that counts something, epoch milliseconds.
    fn newest_ms(&self) -> i64 {
        let amounts = self.panes.iter().map(|(pane, _)| *pane);
        let members = self.values.iter().map(|(_, pane)| *pane);
        let newest = amounts.chain(members).max().unwrap_or(i64::MIN);
        newest
            .saturating_add(1)
            .saturating_mul(pane_ms(self.window_ms))
    }

    fn sum_at(&self, pane: i64) -> f64 {
        let counted = self.panes.iter().filter(|(p, _)| is_counted(*p, pane));
        counted.map(|(_, amount)| amount).sum()
    }

    fn add_amount(&mut self, pane: i64, amount: f64) {
        match self.panes.binary_search_by_key(&pane, |(p, _)| *p) {
            Ok(found) => {
                if let Some((_, sum)) = self.panes.get_mut(found) {
                    *sum += amount;
                }
            }
            Err(index) => self.panes.insert(index, (pane, amount)),
        }
        let newest = self.panes.last().map_or(pane, |(p, _)| *p);
        self.panes.retain(|(p, _)| is_counted(*p, newest));
    }

    fn distinct_with(&self, hash: u64, pane: i64) -> usize {
        let live = self
            .values
            .iter()
            .filter(|(h, p)| *h != hash && is_counted(*p, pane));
        live.count() + 1
    }

    /// Adds a value. If there are `max` values already, the least recent one is dropped: the most
    /// recent `max` values suffice to know at any later moment whether the limit is exceeded.
    fn note_value(&mut self, hash: u64, pane: i64, max: usize) {
        if let Some((_, last)) = self.values.iter_mut().find(|(h, _)| *h == hash) {
            *last = pane.max(*last);
            return;
        }
        let newest = self.values.iter().map(|(_, p)| *p).max();
        self.expire_values(newest.unwrap_or(pane).max(pane));
        while self.values.len() >= max {
            let values = self.values.iter().enumerate();
            let Some((last, index)) = values.map(|(index, (_, p))| (*p, index)).min() else {
                return;
            };
            if last > pane {
                return;
            }
            self.values.remove(index);
        }
        self.values.push((hash, pane));
    }

    /// Forgets the values that do not count in pane `newest` or later.
    fn expire_values(&mut self, newest: i64) {
        self.values.retain(|(_, p)| *p > newest - PANES);
    }
}

/// How many values suffice to see a distinct limit exceeded: one more than it allows.
fn values_max(limit: &CompiledLimit) -> usize {
    // A limit's maximum lies from 0 to below DISTINCT_MAX.
    (limit.max as usize).saturating_add(1).min(DISTINCT_MAX)
}

/// Twelve panes never span more than the window.
fn pane_ms(window_ms: i64) -> i64 {
    (window_ms / PANES).max(1)
}

fn pane_of(at_ms: i64, window_ms: i64) -> i64 {
    at_ms.div_euclid(pane_ms(window_ms))
}

/// Whether `pane` counts at a moment in pane `at`. A late action counts only earlier panes.
fn is_counted(pane: i64, at: i64) -> bool {
    pane <= at && pane > at - PANES
}
