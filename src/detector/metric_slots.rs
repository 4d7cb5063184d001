//! Which of the bundle's metrics each metric of an agent is, and of which group of it.

use smallvec::SmallVec;

use super::limits::{METRIC_GROUPS_MAX, METRICS_MAX};
use super::subject::AgentState;
use crate::baseline::{MetricLearned, MetricLive};
use crate::behaviour::hash_text;
use crate::event::Text;
use crate::rule::{MetricIndex, MetricSpec};

/// Between the name of a metric, which cannot have it, and the group.
const GROUP_MARK: char = '=';
/// The group of the values that came after [`METRIC_GROUPS_MAX`] others. No field is empty.
pub(super) const OTHERS: &str = "";

/// The metrics of an agent, in the order of its state.
pub(super) type MetricSlots = SmallVec<[MetricSlot; 12]>;

/// A metric of an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MetricSlot {
    pub metric: MetricIndex,
    /// A part of the hash of the group: most other groups are told apart without a look at names.
    group_tag: u16,
}

impl MetricSlot {
    fn new(metric: MetricIndex, group: Option<&str>) -> Self {
        let group_tag = group.map_or(0, |group| hash_text(group) as u16);
        MetricSlot { metric, group_tag }
    }
}

/// The metric of a stored name.
pub(super) fn metric_of(name: &str) -> &str {
    name.split_once(GROUP_MARK)
        .map_or(name, |(metric, _)| metric)
}

/// The group of a stored name; `Some("")`: all values that have no group of their own.
pub(super) fn group_of(name: &str) -> Option<&str> {
    name.split_once(GROUP_MARK).map(|(_, group)| group)
}

fn stored_name(metric: &Text, group: Option<&str>) -> Text {
    match group {
        Some(group) => format!("{metric}{GROUP_MARK}{group}").into(),
        None => metric.clone(),
    }
}

impl AgentState {
    /// Finds the metric of a group, or of all values that have no group of their own if there are
    /// too many.
    pub(super) fn metric_slot(&self, spec: &MetricSpec, group: Option<&str>) -> Option<usize> {
        let own = self.find_slot(spec, group);
        if own.is_some() || group.is_none() || !self.is_full_of_groups(spec) {
            return own;
        }
        self.find_slot(spec, Some(OTHERS))
    }

    /// Adds a metric, of a group of its own as long as there are few; `None` when the agent has too
    /// many. Both halves of the state list their metrics in the same order.
    pub(super) fn add_metric(
        &mut self,
        spec: &MetricSpec,
        group: Option<&str>,
        learned: MetricLearned,
    ) -> Option<usize> {
        let slot = self.metric_slots.len();
        if slot >= METRICS_MAX {
            return None;
        }
        let group = match group.is_some() && self.is_full_of_groups(spec) {
            true => Some(OTHERS),
            false => group,
        };
        self.metric_slots.push(MetricSlot::new(spec.index, group));
        self.live.metrics.push(MetricLive::default());
        let name = stored_name(&spec.name, group);
        self.learned.metrics.push((name, learned));
        Some(slot)
    }

    /// Finds which of the bundle's metrics the agent's are, by their names. `index_of`: of a
    /// metric that is grouped, or is not.
    pub(super) fn adapt_metrics(&mut self, index_of: &dyn Fn(&str, bool) -> MetricIndex) {
        let (live, learned) = (&mut self.live.metrics, &mut self.learned.metrics);
        // Halves that do not list the same metrics are damaged: both start anew.
        if live.len() != learned.len() {
            live.clear();
            learned.clear();
        }
        let slots = learned.iter().map(|(name, _)| {
            let group = group_of(name);
            MetricSlot::new(index_of(metric_of(name), group.is_some()), group)
        });
        self.metric_slots = slots.collect();
    }

    fn find_slot(&self, spec: &MetricSpec, group: Option<&str>) -> Option<usize> {
        let wanted = MetricSlot::new(spec.index, group);
        let mut slots = self.metric_slots.iter().zip(&self.learned.metrics);
        slots.position(|(slot, (name, _))| {
            *slot == wanted && (group.is_none() || group_of(name) == group)
        })
    }

    fn is_full_of_groups(&self, spec: &MetricSpec) -> bool {
        let slots = self.metric_slots.iter();
        slots.filter(|slot| slot.metric == spec.index).count() >= METRIC_GROUPS_MAX
    }
}
