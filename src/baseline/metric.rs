//! One metric of one agent: adds what happens to the open pane, and raises an alarm at the action
//! that makes a pane alarming or that shows that the one before it was.

use serde::{Deserialize, Serialize};

use super::comparison::{MetricSettings, PaneComparison};
use super::distinct::DistinctValues;
use super::knowledge::{ClosedPane, LearnContext, MetricKnowledge, bounded};
use super::learned::MetricLearned;
use super::outage::Outage;
use super::spike::{Spike, SpikeSize};
use super::wall_time::LocalOffset;

/// Closed panes that may wait in the live value before the learned one is written: it is written to
/// the store once for so many.
pub const PENDING_MAX: usize = 10;
/// How long after its pane has closed an action still counts.
pub const LATE_MS: i64 = 15 * 60_000;

/// The half of a metric's state that changes with every action.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct MetricLive {
    /// Index of the open pane: stream time divided by the pane's length.
    pub(super) pane: i64,
    pub(super) observed: f64,
    /// Values in it.
    pub(super) values: u32,
    /// Whether the open pane has alarmed.
    pub(super) alarmed: bool,
    /// The present silence has alarmed.
    pub(super) silence_alarmed: bool,
    /// The open pane teaches nothing, nor do the closed ones that wait.
    pub(super) frozen: bool,
    /// When the open pane is checked again.
    #[serde(skip)]
    pub(super) next_check: NextCheck,
    /// Length of the panes, once the learned half has learned every pane before the open one: an
    /// action of the open pane then needs no look at that half, which is far away in memory. Zero
    /// until then.
    #[serde(skip)]
    pub(super) pane_ms: i64,
    /// Absent before the first pane has closed or the first different value was counted.
    pub(super) details: Option<Box<PaneDetails>>,
}

/// What few actions need of the fast half.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct PaneDetails {
    /// The different values of the open pane, where they are what is counted.
    pub(super) distinct: DistinctValues,
    /// Closed panes with activity that the stored learned half may not know yet, oldest first.
    pub(super) pending: Vec<ClosedPane>,
    /// The last burst that alarmed.
    pub(super) spike: Option<Box<Spike>>,
}

/// When an open pane is checked again; computed from the learned half, so it is not stored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct NextCheck {
    /// The value that is checked: the next one, before the first check.
    value: f64,
    /// Whether the value is the least one that alarms.
    alarms: bool,
}

impl NextCheck {
    const FIRST: NextCheck = NextCheck::at(f64::NEG_INFINITY);

    const fn at(value: f64) -> Self {
        NextCheck {
            value,
            alarms: false,
        }
    }
}

impl Default for NextCheck {
    fn default() -> Self {
        NextCheck::FIRST
    }
}

/// What counting an action led to.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CountedAction {
    pub alarm: Option<PaneComparison>,
    /// A new pane was opened.
    pub opened: bool,
    /// The learned half must be written.
    pub learned: bool,
}

/// One action as a metric counts it.
#[derive(Clone, Copy)]
pub struct MetricAction<'a> {
    pub settings: &'a MetricSettings,
    /// Local time of the tenant.
    pub offset: LocalOffset<'a>,
    pub at_ms: i64,
    pub share: MetricShare,
    /// The last outage; its panes are skipped.
    pub outage: Option<Outage>,
    /// A person froze the agent: the panes that begin now teach nothing.
    pub frozen: bool,
}

/// What one action adds to a pane.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MetricShare {
    Amount(f64),
    /// The hash of a value of which the different ones are counted.
    Member(u64),
}

impl MetricLive {
    /// In which its panes are learned.
    pub(super) fn context<'a>(
        &self,
        settings: &'a MetricSettings,
        offset: LocalOffset<'a>,
    ) -> LearnContext<'a> {
        LearnContext {
            settings,
            offset,
            frozen: self.frozen,
        }
    }

    /// From now on it learns nothing, also not from the pane that is open. What waits is learned
    /// first: it is from before.
    pub fn freeze(
        &mut self,
        learned: &mut MetricLearned,
        settings: &MetricSettings,
        offset: LocalOffset<'_>,
    ) {
        if self.values > 0 || !self.pending().is_empty() {
            self.catch_up(learned.expand(), &self.context(settings, offset));
            learned.store_now();
            if let Some(details) = &mut self.details {
                details.pending.clear();
            }
        }
        self.frozen = true;
    }

    /// Counts one action. One of an earlier pane is counted in the open pane, so that a late report
    /// hides nothing; one more than [`LATE_MS`] late is not counted. While a metric learns, nothing
    /// alarms and nothing raises its threshold.
    pub fn count_action(
        &mut self,
        learned: &mut MetricLearned,
        action: &MetricAction<'_>,
    ) -> CountedAction {
        let is_open = self.is_open_at(action);
        if is_open {
            self.add_share(action.share);
            if self.observed < self.next_check.value {
                return CountedAction::default();
            }
        }
        let knowledge = learned.expand();
        let mut counted = match is_open {
            true => CountedAction {
                alarm: self.check_open_pane(knowledge, action),
                ..CountedAction::default()
            },
            false => self.count_known(knowledge, action),
        };
        if let Some(alarm) = &mut counted.alarm {
            alarm.history = knowledge.history_before(alarm, action.offset);
        }
        if counted.learned {
            learned.store_now();
        }
        counted
    }

    /// Whether an action belongs to the open pane, and the learned half knows every pane before it.
    fn is_open_at(&self, action: &MetricAction<'_>) -> bool {
        let open_ms = self.pane.saturating_mul(self.pane_ms);
        let is_late = action.at_ms.saturating_add(LATE_MS) < open_ms;
        self.pane_ms > 0
            && action.settings.pane_ms.unwrap_or(self.pane_ms) == self.pane_ms
            && !is_late
            && action.at_ms < open_ms.saturating_add(self.pane_ms)
    }

    fn add_share(&mut self, share: MetricShare) {
        self.observed = match share {
            MetricShare::Amount(amount) => bounded(self.observed + bounded(amount)),
            MetricShare::Member(hash) => {
                let details = self.details.get_or_insert_default();
                details.distinct.note_value(hash)
            }
        };
        self.values = self.values.saturating_add(1);
    }

    /// The value of the open pane.
    fn pane_value(&self, settings: &MetricSettings) -> f64 {
        match settings.is_gauge() {
            true => self.observed / f64::from(self.values.max(1)),
            false => self.observed,
        }
    }

    fn pending(&self) -> &[ClosedPane] {
        self.details
            .as_deref()
            .map_or(&[], |details| &details.pending)
    }

    fn count_known(
        &mut self,
        known: &mut MetricKnowledge,
        action: &MetricAction<'_>,
    ) -> CountedAction {
        if !known.begin(action.settings, action.at_ms, action.frozen) {
            return CountedAction {
                learned: true,
                ..CountedAction::default()
            };
        }
        let pane = action.at_ms.div_euclid(known.pane_ms);
        let begins = known.first_ms == 0;
        if begins {
            known.first_ms = action.at_ms.max(1);
            (known.pane, known.passed) = (pane.saturating_sub(1), pane);
            // What was open and pending counted in panes of another length.
            *self = MetricLive {
                frozen: action.frozen,
                ..MetricLive::default()
            };
        }
        if self.values == 0 && self.pending().is_empty() && self.pane == 0 {
            self.pane = pane;
        }
        let open_ms = self.pane.saturating_mul(known.pane_ms);
        if action.at_ms.saturating_add(LATE_MS) < open_ms {
            return CountedAction::default();
        }
        self.catch_up(known, &self.context(action.settings, action.offset));
        let mut counted = CountedAction {
            learned: begins,
            ..CountedAction::default()
        };
        if pane > self.pane {
            counted = self.open_pane(known, pane, action);
        }
        self.pane_ms = known.pane_ms;
        self.add_share(action.share);
        if self.observed >= self.next_check.value {
            let alarm = self.check_open_pane(known, action);
            counted.alarm = alarm
                .map(|alarm| alarm.graver(counted.alarm))
                .or(counted.alarm);
        }
        counted
    }

    /// Checks whether the open pane alarms. The cheap bound comes first; the value that alarms is
    /// computed once the bound is reached, which most panes never do.
    fn check_open_pane(
        &mut self,
        known: &MetricKnowledge,
        action: &MetricAction<'_>,
    ) -> Option<PaneComparison> {
        let context = &self.context(action.settings, action.offset);
        if self.alarmed {
            return self.report_again(known, context);
        }
        let floor = match self.next_check == NextCheck::FIRST {
            true => known.floor_of_pane(self.pane, context),
            false => self.next_check.value,
        };
        self.next_check = NextCheck::at(floor);
        if self.observed < floor || floor.is_infinite() {
            return None;
        }
        let alarm_value = known.alarm_value(floor, self.pane, context);
        self.next_check = NextCheck {
            value: alarm_value,
            alarms: true,
        };
        if self.observed < alarm_value {
            return None;
        }
        self.alarmed = true;
        self.next_check = NextCheck::at(2.0 * self.observed);
        let alarm = known.compare_open(self.observed, self.pane, Some(alarm_value), context);
        let (window_ms, observed) = (alarm.window_ms, alarm.observed);
        let spike = Spike::begin(self.pane, window_ms, observed, self.observed);
        self.details.get_or_insert_default().spike = Some(Box::new(spike));
        Some(alarm)
    }

    /// A pane that has alarmed is reported again whenever it has doubled, not with every action.
    /// What was reported is stored: a restart must change nothing.
    fn report_again(
        &mut self,
        known: &MetricKnowledge,
        context: &LearnContext<'_>,
    ) -> Option<PaneComparison> {
        let details = self.details.as_deref_mut();
        let spike = details.and_then(|details| details.spike.as_deref_mut());
        let next = spike
            .as_ref()
            .map_or(f64::INFINITY, |one| one.next_reported());
        self.next_check = NextCheck::at(next);
        if self.observed < next {
            return None;
        }
        spike?.report(self.observed);
        self.next_check = NextCheck::at(2.0 * self.observed);
        Some(known.compare_open(self.observed, self.pane, None, context))
    }

    /// Brings the learned half to the pane before the open one, from what it was when it was
    /// stored.
    pub(super) fn catch_up(&self, known: &mut MetricKnowledge, context: &LearnContext<'_>) {
        if known.passed >= self.pane {
            return;
        }
        for closed in self.pending() {
            known.pass_panes(closed.pane, context.settings.is_gauge(), context);
            known.learn_closed(closed, context);
        }
        known.pass_panes(self.pane, context.settings.is_gauge(), context);
    }

    pub(super) fn close(&self, settings: &MetricSettings) -> ClosedPane {
        ClosedPane {
            pane: self.pane,
            observed: self.pane_value(settings) as f32,
            alarmed: self.alarmed,
        }
    }

    /// Closes the open pane and opens a later one.
    fn open_pane(
        &mut self,
        known: &mut MetricKnowledge,
        pane: i64,
        action: &MetricAction<'_>,
    ) -> CountedAction {
        let context = &self.context(action.settings, action.offset);
        let mut alarm = None;
        if self.values >= context.settings.values_min() {
            let observed = self.pane_value(context.settings);
            let closed = self.close(context.settings);
            alarm = known.learn_closed(&closed, context);
            let details = self.details.get_or_insert_default();
            let pane_ms = known.pane_ms;
            let follows = |spike: &mut Spike| spike.close_pane(self.pane, observed, pane, pane_ms);
            if details
                .spike
                .as_deref_mut()
                .is_some_and(|one| !follows(one))
            {
                details.spike = None;
            }
            let pending = &mut details.pending;
            pending.reserve_exact(PENDING_MAX.saturating_sub(pending.len()));
            pending.push(closed);
        }
        let skipped = action
            .outage
            .and_then(|outage| known.outage_panes(outage, pane));
        let before = skipped
            .as_ref()
            .and_then(|panes| known.skip_panes(panes, context));
        let passed = known.pass_panes(pane, context.settings.is_gauge(), context);
        for found in [before, passed].into_iter().flatten() {
            alarm = Some(found.graver(alarm));
        }
        // What was skipped cannot be told from the closed panes, so it is written.
        // Nor can what waits be told apart, if a part of it is frozen.
        let turns = self.frozen != action.frozen;
        let writes = turns || skipped.is_some() || self.pending().len() >= PENDING_MAX;
        if let Some(details) = &mut self.details {
            details.distinct.clear();
            if writes {
                details.pending.clear();
            }
        }
        *self = MetricLive {
            pane,
            frozen: action.frozen,
            details: self.details.take(),
            ..MetricLive::default()
        };
        CountedAction {
            alarm,
            opened: true,
            learned: writes,
        }
    }

    /// Compares the open pane with the baseline. It may invert a tail, so only alarms, rules that
    /// read its facts and tests call it.
    #[must_use]
    pub fn compare_pane(
        &self,
        learned: &MetricLearned,
        settings: &MetricSettings,
        offset: LocalOffset<'_>,
    ) -> PaneComparison {
        let context = self.context(settings, offset);
        let check = self.next_check;
        let alarm_value = (check.alarms && check.value.is_finite()).then_some(check.value);
        let compare = |known: &MetricKnowledge| {
            known.compare_open(self.pane_value(settings), self.pane, alarm_value, &context)
        };
        match learned.expanded().filter(|known| known.passed >= self.pane) {
            Some(known) => compare(known),
            None => {
                let mut known = learned.copy_expanded();
                self.catch_up(&mut known, &context);
                compare(&known)
            }
        }
    }

    /// When the silence behind the open pane would alarm.
    #[must_use]
    pub fn silence_due_ms(
        &self,
        learned: &mut MetricLearned,
        settings: &MetricSettings,
        offset: LocalOffset<'_>,
    ) -> Option<i64> {
        if self.silence_alarmed || self.values == 0 {
            return None;
        }
        let known = learned.expand();
        self.catch_up(known, &self.context(settings, offset));
        known.silence_due_ms(self.pane)
    }

    /// The alarm of the silence that lasts until `at_ms`; once for each silence.
    pub fn alarm_silence(
        &mut self,
        learned: &mut MetricLearned,
        settings: &MetricSettings,
        offset: LocalOffset<'_>,
        at_ms: i64,
    ) -> Option<PaneComparison> {
        let known = learned.expand();
        if self.silence_alarmed || self.values == 0 || known.pane_ms <= 0 {
            return None;
        }
        let context = self.context(settings, offset);
        self.catch_up(known, &context);
        let now_pane = at_ms.div_euclid(known.pane_ms);
        let mut alarm = known.judge_silence(self.pane, now_pane, &context);
        self.silence_alarmed = alarm.is_some();
        if let Some(alarm) = &mut alarm {
            alarm.history = known.history_before(alarm, offset);
        }
        alarm
    }

    /// What the last burst that alarmed has become since.
    #[must_use]
    pub fn spike_size(&self) -> Option<SpikeSize> {
        let spike = self.details.as_deref()?.spike.as_deref()?;
        Some(spike.size(self.observed))
    }

    /// Reads one word of each of the cache lines that are `depth` pointers away.
    #[must_use]
    pub fn prefetch(&self, depth: u8) -> u64 {
        let distinct = self.details.as_deref().map(|details| &details.distinct);
        match depth {
            0 => self.observed.to_bits(),
            1 | 2 => distinct.map_or(0, |distinct| distinct.prefetch(depth - 1)),
            _ => 0,
        }
    }

    /// Whether an action at `at_ms` closes the open pane, so that the learned half learns.
    #[must_use]
    pub fn closes_by(&self, at_ms: i64) -> bool {
        self.pane.saturating_add(1).saturating_mul(self.pane_ms) <= at_ms
    }

    /// Bytes on the heap.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        let details = self.details.as_deref();
        details.map_or(0, |details| {
            size_of::<PaneDetails>()
                + details.pending.capacity() * size_of::<ClosedPane>()
                + details.distinct.heap_bytes()
        })
    }
}
