//! The window of one limit: twelve panes slide over time, and panes that late actions may still
//! reach are kept behind them.

use serde::{Deserialize, Serialize};

use super::distinct_values::{DistinctValues, values_kept_max};
use super::pane_clock::{CountedTime, PaneClock, is_counted};
use crate::event::text_fingerprint;
use crate::scope::model::compiled::CompiledLimit;
use crate::scope::model::countable::FieldShare;

/// Panes with amounts kept of one window: all that late actions can reach where the window is a
/// minute or longer.
pub const AMOUNTS_MAX: usize = 256;

/// The count of one limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct LimitWindow {
    /// Hash of the scope's id.
    #[serde(with = "postcard::fixint::le")]
    scope: u64,
    /// The measure, and not the index of the limit, so that the count goes on when a new version
    /// raises `max`.
    #[serde(with = "postcard::fixint::le")]
    measure: u64,
    window_ms: i64,
    /// When it last counted an action, epoch milliseconds.
    pub(super) used_ms: i64,
    /// Sums by pane, ascending; empty panes are left out.
    amounts: Vec<PaneAmount>,
    pub(super) values: Option<Box<DistinctValues>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct PaneAmount {
    pane: i64,
    amount: f64,
}

impl LimitWindow {
    pub(super) fn new(scope: u64, limit: &CompiledLimit, at_ms: i64) -> Self {
        LimitWindow {
            scope,
            measure: limit.measure_hash,
            window_ms: limit.window_ms,
            used_ms: at_ms,
            amounts: Vec::new(),
            values: None,
        }
    }

    pub(super) fn is_for(&self, scope: u64, limit: &CompiledLimit) -> bool {
        self.window_ms == limit.window_ms
            && self.scope == scope
            && self.measure == limit.measure_hash
    }

    /// When the window counts an action: never before another that it counted, but for the action's
    /// own time. So a window needs no panes but those it keeps, and an agent that counts here
    /// cannot claim to have been silent.
    pub(super) fn counted_at(&self, time: CountedTime) -> i64 {
        time.earliest_ms.max(self.used_ms).min(time.at_ms)
    }

    /// The count with an action's share included, of the fullest window that contains the action.
    pub(super) fn count_with(&self, share: &FieldShare<'_>, time: CountedTime) -> f64 {
        let pane = self.clock().pane_at(self.counted_at(time));
        match share {
            FieldShare::Amount(amount) => amount + self.greatest_sum(pane),
            FieldShare::Member(text) => self.values.as_ref().map_or(1.0, |values| {
                values.count_with(text_fingerprint(text), pane)
            }),
        }
    }

    /// Counts an action's share.
    pub(super) fn record_share(
        &mut self,
        share: &FieldShare<'_>,
        limit: &CompiledLimit,
        time: CountedTime,
    ) {
        let at_ms = self.counted_at(time);
        self.used_ms = self.used_ms.max(at_ms);
        let clock = self.clock();
        let pane = clock.pane_at(at_ms);
        match share {
            FieldShare::Amount(amount) => self.add_amount(pane, *amount),
            FieldShare::Member(text) => {
                let values = &mut self.values;
                let values =
                    values.get_or_insert_with(|| Box::new(DistinctValues::new(pane, clock)));
                let kept_max = values_kept_max(limit.max);
                values.note_value(text_fingerprint(text), pane, clock, kept_max);
            }
        }
    }

    /// Whether nothing counts any more at `now_ms`, not even for a late action.
    pub(super) fn is_over(&self, now_ms: i64) -> bool {
        let newest = self.newest_pane().unwrap_or(i64::MIN);
        let clock = self.clock();
        newest <= clock.pane_at(now_ms).saturating_sub(clock.panes_kept())
    }

    /// Distinct values that are kept.
    pub(super) fn value_count(&self) -> usize {
        self.values.as_ref().map_or(0, |values| values.len())
    }

    /// The newest pane that counts something.
    pub(super) fn newest_pane(&self) -> Option<i64> {
        let amounts = self.amounts.last().map(|one| one.pane);
        let values = self.values.as_ref().and_then(|values| values.newest_pane());
        amounts.max(values)
    }

    fn clock(&self) -> PaneClock {
        PaneClock::new(self.window_ms)
    }

    /// The greatest sum of a window that contains the pane. A late action adds to windows that have
    /// passed.
    fn greatest_sum(&self, pane: i64) -> f64 {
        let later = self.amounts.iter().rev().map(|one| one.pane);
        let ends = later
            .take_while(|end| *end > pane)
            .filter(|end| is_counted(pane, *end));
        std::iter::once(pane)
            .chain(ends)
            .map(|end| self.sum_at(end))
            .fold(0.0, f64::max)
    }

    fn sum_at(&self, end: i64) -> f64 {
        let counted = self.amounts.iter().filter(|one| is_counted(one.pane, end));
        counted.map(|one| one.amount).sum()
    }

    fn add_amount(&mut self, pane: i64, amount: f64) {
        match self.amounts.binary_search_by_key(&pane, |one| one.pane) {
            Ok(found) => {
                if let Some(one) = self.amounts.get_mut(found) {
                    one.amount += amount;
                }
                return;
            }
            Err(index) => self.amounts.insert(index, PaneAmount { pane, amount }),
        }
        let newest = self.amounts.last().map_or(pane, |one| one.pane);
        let kept = self.clock().panes_kept();
        self.amounts
            .retain(|one| one.pane > newest.saturating_sub(kept));
        if self.amounts.len() > AMOUNTS_MAX {
            self.drop_smallest(pane, newest);
        }
    }

    /// Drops the smallest amount outside the newest window, and not the one just added: what late
    /// actions heap up stays. Of equals the newest goes, which on-time actions have left behind.
    fn drop_smallest(&mut self, added: i64, newest: i64) {
        let passed = |one: &PaneAmount| one.pane != added && !is_counted(one.pane, newest);
        let passed = self
            .amounts
            .iter()
            .enumerate()
            .filter(|(_, one)| passed(one));
        let smallest = passed.min_by(|(_, a), (_, b)| {
            let amounts = a.amount.total_cmp(&b.amount);
            amounts.then(b.pane.cmp(&a.pane))
        });
        if let Some((index, _)) = smallest {
            self.amounts.remove(index);
        }
    }

    /// A word that the next action will read.
    pub(super) fn prefetch(&self, depth: u8) -> u64 {
        match depth {
            1 => self.used_ms as u64 ^ self.window_ms as u64,
            2 => self.amounts.first().map_or(0, |one| one.pane as u64),
            _ => 0,
        }
    }

    /// Panes with amounts.
    #[cfg(test)]
    pub(super) fn amount_count(&self) -> usize {
        self.amounts.len()
    }
}
