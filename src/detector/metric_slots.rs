//! Which of the bundle's metrics each metric of an agent is, and of which group of it.

use smallvec::SmallVec;

use super::limits::{GROUPS_MAX, METRIC_GROUPS_MAX};
use crate::baseline::{MetricLearned, PaneComparison};
use crate::behaviour::hash_text;
use crate::event::Text;
use crate::rule::{MetricIndex, MetricSpec};

/// Between the name of a metric, which cannot have it, and the group.
const GROUP_MARK: char = '=';
/// The group of the values that came after [`METRIC_GROUPS_MAX`] others. No field is empty.
pub(super) const OTHERS: &str = "";

/// Which metrics those of an agent are, in the order of its state.
#[derive(Debug, Default)]
pub(super) struct MetricSlots(SmallVec<[MetricSlot; 12]>);

/// A metric of an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct MetricSlot {
    metric: MetricIndex,
    /// A part of the hash of the group: most other groups are told apart without a look at names.
    /// 0 of a metric without groups.
    group_tag: u16,
}

/// A metric's alarm.
#[derive(Debug, Clone)]
pub(super) struct MetricAlarm {
    pub metric: MetricIndex,
    /// The stored name of the metric, with its group.
    pub name: Text,
    pub found: PaneComparison,
}

/// What an agent has learned in its metrics, by their stored names.
type Learned = [(Text, MetricLearned)];

impl MetricSlot {
    fn new(metric: MetricIndex, group: Option<&str>) -> Self {
        let group_tag = group.map_or(0, |group| hash_text(group) as u16 | 1);
        MetricSlot { metric, group_tag }
    }

    fn is_grouped(self) -> bool {
        self.group_tag != 0
    }
}

impl MetricSlots {
    /// The slots of stored names. `index_of`: which metric of the bundle has such a name.
    pub fn of_names(learned: &Learned, index_of: &dyn Fn(&str) -> MetricIndex) -> Self {
        let names = learned.iter().map(|(name, _)| name);
        let slots = names.map(|name| MetricSlot::new(index_of(name), group_of(name)));
        MetricSlots(slots.collect())
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Finds the metric of a group, or that of all values that have no group of their own.
    pub fn find(&self, spec: &MetricSpec, group: Option<&str>, learned: &Learned) -> Option<usize> {
        let others = || self.find_own(spec, Some(OTHERS), learned);
        let own = self.find_own(spec, group, learned);
        own.or_else(|| group.and_then(|_| others()))
    }

    /// Adds a metric, of a group of its own as long as there are few; returns its stored name.
    pub fn add(&mut self, spec: &MetricSpec, group: Option<&str>) -> Text {
        let group = match group.is_some() && self.is_full(spec) {
            true => Some(OTHERS),
            false => group,
        };
        self.0.push(MetricSlot::new(spec.index, group));
        match group {
            Some(group) => format!("{}{GROUP_MARK}{group}", spec.name).into(),
            None => spec.name.clone(),
        }
    }

    fn find_own(&self, spec: &MetricSpec, group: Option<&str>, learned: &Learned) -> Option<usize> {
        let wanted = MetricSlot::new(spec.index, group);
        let mut slots = self.0.iter().zip(learned);
        slots.position(|(slot, (name, _))| {
            *slot == wanted && (group.is_none() || group_of(name) == group)
        })
    }

    /// Whether no further group of the metric can have a baseline of its own.
    fn is_full(&self, spec: &MetricSpec) -> bool {
        let grouped = self.0.iter().filter(|slot| slot.is_grouped());
        let of_metric = grouped.clone().filter(|slot| slot.metric == spec.index);
        of_metric.count() >= METRIC_GROUPS_MAX || grouped.count() >= GROUPS_MAX
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

/// `actions`, `errors (% of the actions)` or `reads of resource.type database.table`.
pub(super) fn describe_metric(metric: &MetricSpec, stored_name: &str) -> String {
    let unit = match metric.is_rate() {
        true => " (% of the actions)",
        false => "",
    };
    let group = metric.group.map_or_else(String::new, |field| {
        let value = group_of(stored_name).filter(|value| *value != OTHERS);
        let value = value.unwrap_or("without a baseline of its own");
        format!(" of {} {value}", field.path())
    });
    format!("{}{unit}{group}", metric.name)
}
