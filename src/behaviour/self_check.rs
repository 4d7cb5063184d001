//! What the clean tasks of a learning time give as evidence against each other: each is weighed
//! against what the others have taught. It needs no attacks. The share of tasks that would alert is
//! the expected share of false alerts, and what is strange even among the tasks that taught may be
//! an attack, and should not have taught.

use std::collections::BTreeMap;
use std::fmt;

use super::class_table::{ClassName, ClassTable};
use super::evidence::{ActionContext, Evidence, weigh_action};
use super::limits::{
    ALERT_BANS, LOGGED_ACTIONS_MAX, LOGGED_TASKS_MAX, REVOKE_BANS, SET_ASIDE_BANS,
};
use super::open_tasks::TaskKey;
use super::traits::ActionTraits;
use super::weights::{EvidenceSignal, SignalWeights};
use crate::event::{TaskNotice, Text, Verb};

/// An action of the learning time, to be weighed again.
#[derive(Debug, Clone, PartialEq)]
pub struct WeighedAction {
    pub traits: ActionTraits,
    pub ctx: ActionContext,
    pub names: ActionNames,
}

/// What an action used, for people to read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ActionNames {
    /// The id of its task, else of its session.
    pub task: Option<Text>,
    pub resource_type: Text,
    pub verb: Verb,
    pub resource_id: Option<Text>,
    pub destination: Option<Text>,
}

/// The tasks of one tenant in the learning time of a replay.
#[derive(Debug, Default)]
pub struct LearningLog {
    /// When they are weighed, stream time in epoch milliseconds.
    pub check_ms: Option<i64>,
    /// By a hash of the agent and the task.
    open: BTreeMap<(Text, TaskKey), Vec<WeighedAction>>,
    ended: Vec<LoggedTask>,
}

/// A task that taught.
#[derive(Debug)]
struct LoggedTask {
    agent: Text,
    notice: TaskNotice,
    actions: Vec<WeighedAction>,
}

/// What the tasks of a class give as evidence against each other.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ClassCheck {
    pub tenant: Text,
    pub agent_type: Text,
    pub task_class: Option<Text>,
    /// Tasks that were weighed.
    pub tasks: u32,
    /// Those at or above [`ALERT_BANS`]: about so many honest tasks will alert.
    pub alerted: u32,
    /// Those at or above [`REVOKE_BANS`].
    pub revoked: u32,
    pub set_aside: Vec<SetAsideTask>,
}

/// A task that is too strange to teach: at or above [`SET_ASIDE_BANS`].
#[derive(Debug, Clone, PartialEq)]
pub struct SetAsideTask {
    pub agent: Text,
    /// What it had taught.
    pub notice: TaskNotice,
    /// The evidence of its strangest action.
    pub bans: f64,
    pub signals: Vec<EvidenceSignal>,
    /// What that action used.
    pub names: ActionNames,
    pub at_ms: i64,
}

impl LearningLog {
    /// A log whose tasks are weighed at `check_ms`.
    #[must_use]
    pub fn until(check_ms: i64) -> Self {
        LearningLog {
            check_ms: Some(check_ms),
            ..LearningLog::default()
        }
    }

    /// Whether no task taught.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty() && self.ended.is_empty()
    }

    /// Notes an action of a task. One that is weighed as an earlier one of the same task was is
    /// not kept twice.
    pub fn note_action(&mut self, agent: &Text, task: TaskKey, action: WeighedAction) {
        let key = (agent.clone(), task);
        let is_new = !self.open.contains_key(&key);
        if is_new && self.open.len() + self.ended.len() >= LOGGED_TASKS_MAX {
            return;
        }
        let actions = self.open.entry(key).or_default();
        let is_weighed_as = |one: &WeighedAction| {
            one.traits == action.traits
                && ActionContext {
                    at_ms: action.ctx.at_ms,
                    hour: action.ctx.hour,
                    ..one.ctx
                } == action.ctx
        };
        if actions.len() < LOGGED_ACTIONS_MAX && !actions.iter().any(is_weighed_as) {
            actions.push(action);
        }
    }

    /// Notes that a task is over. `taught`: what it taught, if it was clean. Returns whether there
    /// is no room for one that taught: it is not weighed.
    pub fn end_task(&mut self, agent: &Text, task: TaskKey, taught: Option<&TaskNotice>) -> bool {
        // A task that changed nothing and fetched nothing has no action here, and no evidence.
        let actions = self.open.remove(&(agent.clone(), task));
        let Some(notice) = taught else {
            return false;
        };
        if self.open.len() + self.ended.len() >= LOGGED_TASKS_MAX {
            return true;
        }
        self.ended.push(LoggedTask {
            agent: agent.clone(),
            notice: notice.clone(),
            actions: actions.unwrap_or_default(),
        });
        false
    }

    /// Weighs every task that taught against what the others have taught `classes`. `weights_of`:
    /// the weights of a task class.
    #[must_use]
    pub fn check_tasks<'w>(
        self,
        classes: &ClassTable,
        weights_of: &dyn Fn(Option<&str>) -> &'w SignalWeights,
    ) -> Vec<ClassCheck> {
        let mut checks: BTreeMap<(Text, Option<Text>), ClassCheck> = BTreeMap::new();
        for task in &self.ended {
            let (agent_type, task_class) = (&task.notice.agent_type, &task.notice.task_class);
            if agent_type.is_empty() && task_class.is_none() {
                // It taught only its own agent.
                continue;
            }
            let check = checks
                .entry((agent_type.clone(), task_class.clone()))
                .or_insert_with(|| ClassCheck {
                    tenant: task.notice.tenant.clone(),
                    agent_type: agent_type.clone(),
                    task_class: task_class.clone(),
                    ..ClassCheck::default()
                });
            check.count_task(task, classes, weights_of(task_class.as_deref()));
        }
        checks.into_values().collect()
    }
}

impl ClassCheck {
    fn count_task(&mut self, task: &LoggedTask, classes: &ClassTable, weights: &SignalWeights) {
        self.tasks += 1;
        let strangest = task.strangest_action(classes, weights);
        let Some((action, evidence)) = strangest else {
            return;
        };
        self.alerted += u32::from(evidence.bans >= ALERT_BANS);
        self.revoked += u32::from(evidence.bans >= REVOKE_BANS);
        if evidence.bans >= SET_ASIDE_BANS {
            self.set_aside.push(SetAsideTask {
                agent: task.agent.clone(),
                notice: task.notice.clone(),
                bans: evidence.bans,
                signals: evidence.signals.iter().map(|one| one.signal).collect(),
                names: action.names.clone(),
                at_ms: action.ctx.at_ms,
            });
        }
    }
}

impl fmt::Display for SetAsideTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = &self.names;
        write!(f, "{} {}", names.verb.as_str(), names.resource_type)?;
        if let Some(id) = &names.resource_id {
            write!(f, " {id}")?;
        }
        if let Some(destination) = &names.destination {
            write!(f, " at {destination}")?;
        }
        let signals: Vec<&str> = self.signals.iter().map(|one| one.as_str()).collect();
        let (bans, signals) = (self.bans, signals.join(" "));
        write!(
            f,
            " is {bans:.1} bans of evidence against what the other tasks do ({signals})"
        )
    }
}

impl LoggedTask {
    /// The first of the actions with the most evidence.
    fn strangest_action(
        &self,
        classes: &ClassTable,
        weights: &SignalWeights,
    ) -> Option<(&WeighedAction, Evidence)> {
        let class = ClassName {
            agent_type: &self.notice.agent_type,
            task_class: self.notice.task_class.as_deref(),
        };
        let view = classes.view(class, None).without(&self.notice.used);
        let weighed = self.actions.iter().rev().map(|action| {
            let WeighedAction { traits, ctx, .. } = action;
            (action, weigh_action(traits, &view, ctx, weights))
        });
        weighed.max_by(|(_, one), (_, other)| one.bans.total_cmp(&other.bans))
    }
}

#[cfg(test)]
mod tests;
