//! A metric as text for another Scopewatch: it is written by an export and read by an import.

use serde::{Deserialize, Serialize};

use super::comparison::MetricSettings;
use super::knowledge::MetricKnowledge;
use super::learned::MetricLearned;
use super::metric::{MetricLive, PaneDetails};
use super::outage::Outage;
use super::spike::Spike;
use super::wall_time::LocalOffset;

/// The shortest and the longest pane that a rule may have, milliseconds.
const PANE_MS: std::ops::RangeInclusive<i64> = 10_000..=86_400_000;
/// How long before the export the last pane may be, milliseconds: the panes since then are gone
/// through one by one.
const SILENT_MS_MAX: i64 = 400 * 86_400_000;

/// What a metric has learned, and the pane that is open. Values of which the different ones are
/// counted are left out: they are hashes by a key of the agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricImage {
    known: MetricKnowledge,
    pane: i64,
    observed: f64,
    values: u32,
    alarmed: bool,
    silence_alarmed: bool,
    /// The last burst that alarmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    spike: Option<Spike>,
}

impl MetricImage {
    /// The image of the two halves of a metric.
    #[must_use]
    pub fn of_metric(
        live: &MetricLive,
        learned: &MetricLearned,
        settings: &MetricSettings,
        offset: LocalOffset<'_>,
    ) -> Self {
        let mut known = learned.copy_expanded();
        if known.pane_ms > 0 && known.first_ms != 0 {
            live.catch_up(&mut known, &live.context(settings, offset));
        }
        let details = live.details.as_deref();
        MetricImage {
            known,
            pane: live.pane,
            observed: live.observed,
            values: live.values,
            alarmed: live.alarmed,
            silence_alarmed: live.silence_alarmed,
            spike: details.and_then(|details| details.spike.as_deref().copied()),
        }
    }

    /// The two halves, if a Scopewatch can have learned them by `until_ms`.
    ///
    /// # Errors
    /// What is wrong with it, in one sentence.
    pub fn into_metric(self, until_ms: i64) -> Result<(MetricLive, MetricLearned), String> {
        let known = &self.known;
        if known.pane_ms != 0 {
            if !PANE_MS.contains(&known.pane_ms) {
                return Err("its panes are shorter or longer than any".to_owned());
            }
            let last = until_ms.div_euclid(known.pane_ms);
            let first = until_ms.saturating_sub(SILENT_MS_MAX).max(0);
            let panes = first.div_euclid(known.pane_ms) - 1..=last;
            let orders = known.pane <= self.pane || self.values == 0;
            let begun = (1..=until_ms).contains(&known.first_ms);
            if begun && !(orders && panes.contains(&known.pane) && panes.contains(&self.pane)) {
                return Err("its panes are not in order, or later than the import".to_owned());
            }
            if !begun && (known.first_ms != 0 || self.values > 0) {
                return Err("it began at no time".to_owned());
            }
        } else if self.values > 0 {
            return Err("it has values and no pane".to_owned());
        }
        if !known.has_sound_counts() || self.observed.is_nan() {
            return Err("a count in it is larger than any".to_owned());
        }
        if self.spike.is_some_and(|spike| !spike.is_sound(self.pane)) {
            return Err("its burst is later than its pane, or has no window".to_owned());
        }
        let details = self.spike.map(|spike| {
            Box::new(PaneDetails {
                spike: Some(Box::new(spike)),
                ..PaneDetails::default()
            })
        });
        let live = MetricLive {
            pane: self.pane,
            observed: self.observed,
            values: self.values,
            alarmed: self.alarmed,
            silence_alarmed: self.silence_alarmed,
            details,
            ..MetricLive::default()
        };
        Ok((live, MetricLearned::of_knowledge(self.known)))
    }
}

impl MetricLive {
    /// Passes a time of which nothing is known, such as that between an export and its import: it
    /// is no silence, and teaches nothing. Nor does the open pane if that time cut it off.
    pub fn skip_time(
        &mut self,
        learned: &mut MetricLearned,
        settings: &MetricSettings,
        offset: LocalOffset<'_>,
        unknown: Outage,
    ) {
        let known = learned.expand();
        if known.pane_ms <= 0 || known.first_ms == 0 {
            return;
        }
        let mut panes = unknown.panes(known.pane_ms);
        if panes.is_empty() || panes.end <= self.pane {
            return;
        }
        let context = self.context(settings, offset);
        self.catch_up(known, &context);
        let is_whole = self.pane < panes.start - 1;
        if is_whole && self.values >= settings.values_min() {
            known.learn_closed(&self.close(settings), &context);
        } else if self.values > 0 && !is_whole {
            panes.start = panes.start.min(self.pane);
        }
        known.skip_panes(&panes, &context);
        *self = MetricLive {
            pane: panes.end,
            frozen: self.frozen,
            ..MetricLive::default()
        };
        learned.store_now();
    }
}

impl MetricKnowledge {
    /// Whether no count is larger than it can become by learning.
    fn has_sound_counts(&self) -> bool {
        let level = self.level.as_ref();
        self.habits.is_sound()
            && level.is_none_or(|level| level.history.is_sound())
            && self.choice.as_ref().is_none_or(|choice| choice.is_sound())
    }
}
