//! What the tasks of a learning time give as evidence against each other, class by class.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::detector::ClassCheck;

/// The tasks of one class in the learning time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ClassSummary {
    pub tenant: String,
    pub agent_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_class: Option<String>,
    /// Clean tasks that were weighed, each against what the others have taught.
    pub tasks: u32,
    /// Those that would alert: expect this share of honest tasks to do so.
    pub alerted: u32,
    /// Those that would ask for a revocation.
    pub revoked: u32,
    /// Tasks that are too strange to teach.
    pub set_aside: Vec<SetAsideSummary>,
}

/// A task that does not teach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SetAsideSummary {
    pub agent: String,
    /// The id of the task, else of the session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// Time of its strangest action, epoch milliseconds.
    pub at_ms: i64,
    /// What that action did, and the evidence of it.
    pub why: String,
}

/// The sums over all partitions, in the order of the classes.
pub(super) fn sum_checks<'a>(checks: impl Iterator<Item = &'a ClassCheck>) -> Vec<ClassSummary> {
    let mut sums: BTreeMap<_, ClassSummary> = BTreeMap::new();
    for check in checks {
        let name = (&check.tenant, &check.agent_type, &check.task_class);
        let sum = sums.entry(name).or_insert_with(|| ClassSummary {
            tenant: check.tenant.to_string(),
            agent_type: check.agent_type.to_string(),
            task_class: check.task_class.as_ref().map(ToString::to_string),
            ..ClassSummary::default()
        });
        sum.tasks += check.tasks;
        sum.alerted += check.alerted;
        sum.revoked += check.revoked;
        sum.set_aside
            .extend(check.set_aside.iter().map(|task| SetAsideSummary {
                agent: task.agent.to_string(),
                task: task.names.task.as_ref().map(ToString::to_string),
                at_ms: task.at_ms,
                why: task.to_string(),
            }));
    }
    let mut sums: Vec<ClassSummary> = sums.into_values().collect();
    for sum in &mut sums {
        sum.set_aside
            .sort_by(|one, other| (one.at_ms, &one.agent).cmp(&(other.at_ms, &other.agent)));
    }
    sums
}
