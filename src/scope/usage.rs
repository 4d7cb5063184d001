//! What declared limits have counted: sliding windows of twelve panes.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::book::SCOPES_MAX;
use super::children::Children;
use super::compiled::CompiledLimit;
use super::measure::Share;
use crate::event::{AgentAction, Measure, Text, text_fingerprint};

/// Panes of a window. The running pane and the eleven before it are counted, so between 11/12 of
/// the window and the whole of it: what is counted did happen within one window, and a limit is
/// never said to be exceeded when it was not.
pub const PANES: i64 = 12;
/// Windows held for one agent, two for each scope it may hold; past it those that hold nothing any
/// more are forgotten, else the one longest unused.
pub const WINDOWS_MAX: usize = 2 * SCOPES_MAX;
/// Distinct values one window can count; a limit must lie below.
pub const DISTINCT_MAX: usize = 256;
/// Distinct values held over all windows of one agent, which bounds its state to a few KiB. Past
/// it those that have left their windows are forgotten, else all of the window longest unused.
pub const DISTINCT_TOTAL_MAX: usize = 512;

/// The counts behind the declared limits of one agent, those of its children included.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LimitUsage {
    windows: Vec<Window>,
    pub(super) children: Children,
}

/// One limit's count. Keyed by what is measured, not by the limit's place in the list, so that a
/// new version that raises `max` goes on counting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Window {
    scope_id: Text,
    measure: Measure,
    window_ms: i64,
    /// When it last counted something.
    used_ms: i64,
    /// Amounts by pane, ascending, empty panes left out.
    panes: Vec<(i64, f64)>,
    /// Hashes of distinct values and the last pane each was seen in: of those seen last, as many
    /// as it takes to exceed the limit.
    seen: Vec<(u64, i64)>,
}

impl LimitUsage {
    /// What the limit's window holds with `action` counted in; `None` when the action adds
    /// nothing, which leaves the limit unjudged.
    pub(crate) fn with_action(
        &self,
        scope_id: &str,
        limit: &CompiledLimit,
        action: &AgentAction,
        at_ms: i64,
    ) -> Option<f64> {
        let share = limit.counted.share(action)?;
        let window = self.windows.iter().find(|w| w.is_for(scope_id, limit));
        let pane = pane_of(at_ms, limit.window_ms);
        Some(match share {
            Share::Amount(amount) => amount + window.map_or(0.0, |w| w.sum(pane)),
            Share::Member(text) => {
                window.map_or(1, |w| w.distinct_with(text_fingerprint(&text), pane)) as f64
            }
        })
    }

    /// Counts `action` in.
    pub(crate) fn record(
        &mut self,
        scope_id: &str,
        limit: &CompiledLimit,
        action: &AgentAction,
        at_ms: i64,
    ) {
        let Some(share) = limit.counted.share(action) else {
            return;
        };
        let pane = pane_of(at_ms, limit.window_ms);
        let index = self.window(scope_id, limit, at_ms);
        let Some(window) = self.windows.get_mut(index) else {
            return;
        };
        window.used_ms = window.used_ms.max(at_ms);
        match share {
            Share::Amount(amount) => window.add(pane, amount),
            Share::Member(text) => {
                window.see(text_fingerprint(&text), pane, values_max(limit));
                self.keep_bound(index, at_ms);
            }
        }
    }

    /// Forgets windows that hold nothing of the last window before `now_ms`; tells whether any
    /// was forgotten.
    pub fn prune(&mut self, now_ms: i64) -> bool {
        let before = self.windows.len();
        self.windows
            .retain(|w| w.newest_ms() > now_ms.saturating_sub(w.window_ms));
        self.windows.len() != before
    }

    /// Whether nothing was counted yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.windows.is_empty() && self.children.is_empty()
    }

    /// Reads a word of what the next action will read; see [`ScopeBook::warm`].
    ///
    /// [`ScopeBook::warm`]: super::book::ScopeBook::warm
    pub(crate) fn warm(&self) -> u64 {
        let Some(window) = self.windows.first() else {
            return 0;
        };
        let pane = window.panes.first().map_or(0, |(pane, _)| *pane);
        window.used_ms as u64 ^ window.window_ms as u64 ^ pane as u64
    }

    /// The place of the limit's window, made when there is none.
    fn window(&mut self, scope_id: &str, limit: &CompiledLimit, at_ms: i64) -> usize {
        if let Some(found) = self.windows.iter().position(|w| w.is_for(scope_id, limit)) {
            return found;
        }
        if self.windows.len() >= WINDOWS_MAX && !self.prune(at_ms) {
            let longest_unused = self.stalest(|_, _| true);
            if let Some(index) = longest_unused {
                self.windows.remove(index);
            }
        }
        self.windows.push(Window {
            scope_id: scope_id.into(),
            measure: limit.measure.clone(),
            window_ms: limit.window_ms,
            used_ms: at_ms,
            panes: Vec::new(),
            seen: Vec::new(),
        });
        self.windows.len() - 1
    }

    /// Distinct values held.
    fn held(&self) -> usize {
        self.windows.iter().map(|w| w.seen.len()).sum()
    }

    /// Forgets distinct values past the bound, of other windows than the one at `current`: a limit
    /// that other tasks could blind would be none.
    fn keep_bound(&mut self, current: usize, at_ms: i64) {
        if self.held() <= DISTINCT_TOTAL_MAX {
            return;
        }
        for window in &mut self.windows {
            window.expire(pane_of(at_ms, window.window_ms));
        }
        if self.held() > DISTINCT_TOTAL_MAX
            && let Some(index) = self.stalest(|index, w| index != current && !w.seen.is_empty())
            && let Some(window) = self.windows.get_mut(index)
        {
            window.seen.clear();
        }
    }

    fn stalest(&self, may_go: impl Fn(usize, &Window) -> bool) -> Option<usize> {
        let windows = self.windows.iter().enumerate();
        let (_, index) = windows
            .filter(|(index, w)| may_go(*index, w))
            .map(|(index, w)| (w.used_ms, index))
            .min()?;
        Some(index)
    }
}

impl Window {
    fn is_for(&self, scope_id: &str, limit: &CompiledLimit) -> bool {
        self.window_ms == limit.window_ms
            && self.scope_id == scope_id
            && self.measure == limit.measure
    }

    /// The end of the newest pane that holds something.
    fn newest_ms(&self) -> i64 {
        let amounts = self.panes.iter().map(|(pane, _)| *pane);
        let members = self.seen.iter().map(|(_, pane)| *pane);
        let newest = amounts.chain(members).max().unwrap_or(i64::MIN);
        newest
            .saturating_add(1)
            .saturating_mul(pane_ms(self.window_ms))
    }

    fn sum(&self, pane: i64) -> f64 {
        let counted = self.panes.iter().filter(|(p, _)| within(*p, pane));
        counted.map(|(_, amount)| amount).sum()
    }

    fn add(&mut self, pane: i64, amount: f64) {
        match self.panes.binary_search_by_key(&pane, |(p, _)| *p) {
            Ok(found) => {
                if let Some((_, sum)) = self.panes.get_mut(found) {
                    *sum += amount;
                }
            }
            Err(place) => self.panes.insert(place, (pane, amount)),
        }
        let newest = self.panes.last().map_or(pane, |(p, _)| *p);
        self.panes.retain(|(p, _)| within(*p, newest));
    }

    fn distinct_with(&self, hash: u64, pane: i64) -> usize {
        let live = self
            .seen
            .iter()
            .filter(|(h, p)| *h != hash && within(*p, pane));
        live.count() + 1
    }

    /// Notes a value. Of `max` values held, the one longest unseen gives way: the values seen last
    /// tell at every later moment whether so many were seen.
    fn see(&mut self, hash: u64, pane: i64, max: usize) {
        if let Some((_, last)) = self.seen.iter_mut().find(|(h, _)| *h == hash) {
            *last = pane.max(*last);
            return;
        }
        let newest = self.seen.iter().map(|(_, p)| *p).max();
        self.expire(newest.unwrap_or(pane).max(pane));
        while self.seen.len() >= max {
            let values = self.seen.iter().enumerate();
            let Some((last, index)) = values.map(|(index, (_, p))| (*p, index)).min() else {
                return;
            };
            if last > pane {
                return;
            }
            self.seen.remove(index);
        }
        self.seen.push((hash, pane));
    }

    /// Forgets values that are not counted any more in pane `newest`, nor later.
    fn expire(&mut self, newest: i64) {
        self.seen.retain(|(_, p)| *p > newest - PANES);
    }
}

/// The values that tell whether a distinct limit is exceeded: one more than it allows.
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

/// Whether `pane` is counted at a moment in pane `at`. A late action counts what came before it.
fn within(pane: i64, at: i64) -> bool {
    pane <= at && pane > at - PANES
}
