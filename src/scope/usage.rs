//! What declared limits have counted: sliding windows of twelve panes.

use serde::{Deserialize, Serialize};

use super::children::Children;
use super::compiled::CompiledLimit;
use super::measure::Share;
use crate::event::{AgentAction, Measure, Text};

/// Panes of a window. The running pane and the eleven before it are counted, so between 11/12 of
/// the window and the whole of it: what is counted did happen within one window, and a limit is
/// never said to be exceeded when it was not.
pub const PANES: i64 = 12;
/// Windows held for one agent; past it the one longest unused is forgotten.
pub const WINDOWS_MAX: usize = 32;
/// Distinct values one window can count; a limit must lie below.
pub const DISTINCT_MAX: usize = 256;
/// Distinct values held over all windows of one agent, which bounds its state to a few KiB.
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
    /// Amounts by pane, ascending, empty panes left out.
    panes: Vec<(i64, f64)>,
    /// Hashes of distinct values and the last pane each was seen in.
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
            Share::Member(text) => window.map_or(1, |w| w.distinct_with(hash(text), pane)) as f64,
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
        let held: usize = self.windows.iter().map(|w| w.seen.len()).sum();
        let pane = pane_of(at_ms, limit.window_ms);
        let Some(window) = self.window(scope_id, limit) else {
            return;
        };
        match share {
            Share::Amount(amount) => window.add(pane, amount),
            Share::Member(text) => window.see(hash(text), pane, held < DISTINCT_TOTAL_MAX),
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

    fn window(&mut self, scope_id: &str, limit: &CompiledLimit) -> Option<&mut Window> {
        let found = self.windows.iter().position(|w| w.is_for(scope_id, limit));
        let index = found.unwrap_or_else(|| {
            if self.windows.len() >= WINDOWS_MAX {
                self.forget_oldest();
            }
            self.windows.push(Window {
                scope_id: scope_id.into(),
                measure: limit.measure.clone(),
                window_ms: limit.window_ms,
                panes: Vec::new(),
                seen: Vec::new(),
            });
            self.windows.len() - 1
        });
        self.windows.get_mut(index)
    }

    fn forget_oldest(&mut self) {
        let oldest = self
            .windows
            .iter()
            .enumerate()
            .min_by_key(|(_, w)| w.newest_ms());
        if let Some((index, _)) = oldest {
            self.windows.remove(index);
        }
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

    fn see(&mut self, hash: u64, pane: i64, room: bool) {
        if let Some((_, last)) = self.seen.iter_mut().find(|(h, _)| *h == hash) {
            *last = pane.max(*last);
            return;
        }
        let newest = self
            .seen
            .iter()
            .map(|(_, p)| *p)
            .max()
            .unwrap_or(pane)
            .max(pane);
        self.seen.retain(|(_, p)| within(*p, newest));
        if self.seen.len() < DISTINCT_MAX && room {
            self.seen.push((hash, pane));
        }
    }
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

/// Keyed by nothing an agent could learn from, and too wide for it to find two equal values.
pub(super) fn hash(text: &str) -> u64 {
    let hash = blake3::hash(text.as_bytes());
    hash.as_bytes()
        .iter()
        .take(8)
        .fold(0, |all, byte| all << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Limit;
    use crate::scope::compiled::compile_limit;
    use proptest::prelude::*;

    fn limit(measure: &str, window_ms: i64) -> CompiledLimit {
        let measure = Measure::parse(measure).unwrap();
        compile_limit(
            0,
            &Limit {
                measure,
                window_ms,
                max: 10.0,
            },
        )
        .unwrap()
    }

    fn bytes(count: u64) -> AgentAction {
        AgentAction {
            volume_bytes_out: Some(count),
            ..AgentAction::new("a")
        }
    }

    #[test]
    fn an_action_without_the_field_adds_nothing_and_is_not_judged() {
        let limit = limit("sum: volume.bytes_out", 60_000);
        let mut usage = LimitUsage::default();
        usage.record("s", &limit, &bytes(7), 0);
        assert_eq!(
            usage.with_action("s", &limit, &AgentAction::new("a"), 1),
            None
        );
        assert_eq!(usage.with_action("s", &limit, &bytes(1), 1), Some(8.0));
        assert_eq!(
            usage.with_action("other scope", &limit, &bytes(1), 1),
            Some(1.0)
        );
    }

    #[test]
    fn distinct_counts_a_value_once_and_forgets_it_after_the_window() {
        let limit = limit("distinct: resource.id", 12_000);
        let id = |text: &str| AgentAction {
            resource_id: Some(text.into()),
            ..AgentAction::new("a")
        };
        let mut usage = LimitUsage::default();
        for (text, at) in [("x", 0), ("y", 1), ("x", 2)] {
            usage.record("s", &limit, &id(text), at);
        }
        assert_eq!(usage.with_action("s", &limit, &id("y"), 3), Some(2.0));
        assert_eq!(usage.with_action("s", &limit, &id("z"), 3), Some(3.0));
        assert_eq!(usage.with_action("s", &limit, &id("z"), 12_000), Some(1.0));
    }

    #[test]
    fn state_stays_bounded_whatever_comes() {
        let limit = limit("distinct: resource.id", 12_000);
        let mut usage = LimitUsage::default();
        for n in 0..2_000 {
            let action = AgentAction {
                resource_id: Some(format!("{n}").into()),
                ..AgentAction::new("a")
            };
            usage.record(&format!("s{}", n % 50), &limit, &action, n);
        }
        assert!(usage.windows.len() <= WINDOWS_MAX);
        let held: usize = usage.windows.iter().map(|w| w.seen.len()).sum();
        assert!(held <= DISTINCT_TOTAL_MAX, "{held}");
        assert!(usage.prune(20_000) && usage.is_empty());
    }

    proptest! {
        /// Against every event kept: never more than the true window, never less than 11/12.
        #[test]
        fn the_count_lies_between_eleven_twelfths_and_the_whole_window(
            steps in proptest::collection::vec((0i64..4_000, 1u64..100), 1..80),
        ) {
            let window_ms = 24_000;
            let limit = limit("sum: volume.bytes_out", window_ms);
            let mut usage = LimitUsage::default();
            let (mut now, mut all): (i64, Vec<(i64, u64)>) = (0, Vec::new());
            for (step, amount) in steps {
                now += step;
                all.push((now, amount));
                let seen = usage.with_action("s", &limit, &bytes(amount), now).unwrap();
                usage.record("s", &limit, &bytes(amount), now);
                let since = |start: i64| -> f64 {
                    all.iter().filter(|(t, _)| *t > start).map(|(_, a)| *a as f64).sum()
                };
                prop_assert!(seen <= since(now - window_ms));
                prop_assert!(seen >= since(now - window_ms * 11 / 12));
                prop_assert!(usage.windows[0].panes.len() <= 12);
            }
        }
    }
}
