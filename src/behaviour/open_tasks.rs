//! The tasks of an agent that have not ended, and what each has used so far.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::call_run::{CallMark, CallRun};
use super::class_table::ClassName;
use super::denied_run::{Admitted, DeniedRuns};
use super::limits::{
    CLASS_USES_MAX, OPEN_TASKS_MAX, REPLACED_IDLE_MS, TASK_IDLE_MS, UNNAMED_TASK_MS,
};
use super::purpose_drift::PurposeDrift;
use super::task_flow::{ContentRead, TaskFlow};
use super::task_set::TaskSet;
use super::task_trail::{TaskTrail, TrailAction, TrailStep};
use super::task_version::TaskVersion;
use super::traits::{ActionTraits, hash_text};
use super::tried_resources::TriedResources;
use crate::event::{TaskUse, Text};

/// The tasks of an agent that have not ended.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct OpenTasks {
    tasks: SmallVec<[Box<OpenTask>; 1]>,
    /// Stream time at which to look for a task that is over. It is moved on only when it is due,
    /// not with every action.
    check_ms: Option<i64>,
    /// Hash of a credential, and of the class that it was used for last. The latest use is last.
    classes: SmallVec<[(u64, u64); 1]>,
}

/// A task that has not ended.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct OpenTask {
    name: u64,
    named: bool,
    agent_type: Text,
    task_class: Option<Text>,
    first_ms: i64,
    last_ms: i64,
    /// When its scope ends.
    expires_ms: Option<i64>,
    /// When the learning time of a replay ends, if the task began in it. The task ends then, too.
    learn_until_ms: Option<i64>,
    /// A finding stands against it, so it teaches nothing.
    unclean: bool,
    after_untrusted: bool,
    /// Absent as long as the task has read neither untrusted content nor private data.
    flow: Option<Box<TaskFlow>>,
    /// Absent as long as the task was denied nothing.
    denied: Option<Box<DeniedRuns>>,
    /// Absent as long as it was denied and failed on nothing.
    tried: Option<Box<TriedResources>>,
    calls: CallRun,
    purpose: PurposeDrift,
    /// The version that it was done by last, as far as records say it.
    version: Option<TaskVersion>,
    used: TaskSet,
    trail: TaskTrail,
}

/// The name of a task: its id, else that of its session, else none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskName<'a> {
    Task(&'a str),
    Session(&'a str),
    Unnamed,
}

/// By which a task is found among those that are open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaskKey {
    hash: u64,
    named: bool,
}

/// What is to be known of an action besides its traits.
#[derive(Debug, Clone, Copy)]
pub struct TaskMoment<'a> {
    pub key: TaskKey,
    pub class: ClassName<'a>,
    pub stream_ms: i64,
    /// The hour of the day, in the tenant's zone.
    pub hour: Option<u8>,
    /// When the scope of the task ends.
    pub expires_ms: Option<i64>,
    /// When the learning time of a replay ends, as long as it lasts.
    pub learn_until_ms: Option<i64>,
    /// The action returned untrusted content.
    pub untrusted: bool,
    /// What came with the result.
    pub read: ContentRead,
    /// The time of the action, epoch milliseconds.
    pub at_ms: i64,
    pub names: TrailAction<'a>,
    pub admitted: Admitted,
    /// The action happened; what was denied or failed teaches nothing.
    pub done: bool,
    /// By what the call is recognised, if a rule asks for rows of calls.
    pub call: Option<CallMark>,
    /// By how much rarer than usual for its class the action is, in bans, if a rule asks for it and
    /// the class is known.
    pub rarity: Option<f32>,
    /// The version of the agent, if a rule asks whether it changes and the record says it.
    pub version: Option<TaskVersion>,
}

/// What an action is to its task.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NotedAction {
    /// The task that had to end for the one of the action.
    pub replaced: Option<EndedTask>,
    /// Calls like this one in a row, this one included; 0 for one that cannot be compared.
    pub repeats: u32,
    /// Different resources of the type, of those that the task tried last, that it was denied or
    /// failed on.
    pub failed_resources: u32,
    /// The task was done by another version of the agent before, with the same credential.
    pub version_changed: bool,
    /// By how much what the task does is rarer than usual for its class, in bans.
    pub drift_bans: Option<f32>,
}

/// A task that is over.
#[derive(Debug, Clone, PartialEq)]
pub struct EndedTask {
    pub key: TaskKey,
    pub agent_type: Text,
    pub task_class: Option<Text>,
    /// No finding stands against it.
    pub clean: bool,
    /// It began in the learning time of a replay: what it did is known at once.
    pub teaching: bool,
    pub used: TaskUse,
}

impl TaskName<'_> {
    /// By which the task is found.
    #[must_use]
    pub fn key(self) -> TaskKey {
        let hash = match self {
            TaskName::Task(id) => hash_text(id),
            TaskName::Session(id) => !hash_text(id),
            TaskName::Unnamed => 0,
        };
        let named = self != TaskName::Unnamed;
        TaskKey { hash, named }
    }
}

impl OpenTasks {
    /// Stream time at which [`Self::end_due`] may end a task.
    #[must_use]
    pub fn check_ms(&self) -> Option<i64> {
        self.check_ms
    }

    fn find(&self, key: TaskKey) -> Option<&OpenTask> {
        let task = self.tasks.iter().find(|task| task.name == key.hash);
        task.map(Box::as_ref)
    }

    /// Whether the last action of the task returned untrusted content.
    #[must_use]
    pub fn after_untrusted(&self, key: TaskKey) -> bool {
        self.find(key).is_some_and(|task| task.after_untrusted)
    }

    /// Whether the task had used the resource of what leaves or is destroyed before it first did
    /// this to it.
    #[must_use]
    pub fn used_before(&self, key: TaskKey, traits: &ActionTraits) -> bool {
        let task = self.find(key);
        task.is_some_and(|task| task.used.used_before(traits))
    }

    /// What the task has read; `None` if neither untrusted content nor private data.
    #[must_use]
    pub fn flow_of(&self, key: TaskKey) -> Option<&TaskFlow> {
        self.find(key)?.flow.as_deref()
    }

    /// The actions on a resource type that the task was denied since one was allowed there.
    #[must_use]
    pub fn denied_before(&self, key: TaskKey, resource_type: &str, at_ms: i64) -> u32 {
        let denied = self.find(key).and_then(|task| task.denied.as_deref());
        denied.map_or(0, |runs| runs.count(hash_text(resource_type), at_ms))
    }

    /// The last actions of the task, oldest first.
    #[must_use]
    pub fn trail_of(&self, key: TaskKey) -> &[TrailStep] {
        self.find(key).map_or(&[], |task| task.trail.steps())
    }

    /// What each of the open tasks has read.
    pub fn flows(&self) -> impl Iterator<Item = &TaskFlow> {
        self.tasks.iter().filter_map(|task| task.flow.as_deref())
    }

    /// Notes an action in its task, which it may begin. [`Self::end_due`] comes first.
    pub fn note_action(&mut self, traits: &ActionTraits, moment: &TaskMoment<'_>) -> NotedAction {
        let TaskKey { hash, named } = moment.key;
        let known = self.tasks.iter().position(|task| task.name == hash);
        let mut noted = NotedAction::default();
        let index = match known {
            Some(index) => index,
            None => {
                if self.tasks.len() >= OPEN_TASKS_MAX {
                    noted.replaced = self.replace_most_idle(moment.stream_ms);
                }
                self.tasks.push(Box::new(OpenTask {
                    name: hash,
                    named,
                    first_ms: moment.stream_ms,
                    learn_until_ms: moment.learn_until_ms,
                    ..OpenTask::default()
                }));
                self.tasks.len() - 1
            }
        };
        if let Some(task) = self.tasks.get_mut(index) {
            task.note_action(traits, moment);
            task.note_row(traits, moment, &mut noted);
            let due_ms = task.due_ms();
            if known.is_none() || task.expires_ms.is_some() {
                self.check_ms = Some(self.check_ms.map_or(due_ms, |known| known.min(due_ms)));
            }
        }
        noted
    }

    /// Reads one word of each cache line that lies `depth` pointers away and that the next action
    /// reads. The sum means nothing.
    #[must_use]
    pub(crate) fn prefetch(&self, depth: u8) -> u64 {
        let Some(task) = self.tasks.last() else {
            return 0;
        };
        match depth {
            0 => self.check_ms.map_or(0, |ms| ms as u64),
            1 => task.name ^ task.last_ms as u64 ^ task.agent_type.len() as u64,
            2 => task.used.prefetch(),
            _ => 0,
        }
    }

    /// Ends the task that was idle longest, so that another one may begin. Many sessions of one
    /// agent are recorded seconds apart: each of them is to teach.
    fn replace_most_idle(&mut self, stream_ms: i64) -> Option<EndedTask> {
        let last = |index: &usize| self.tasks.get(*index).map(|task| task.last_ms);
        let index = (0..self.tasks.len()).min_by_key(last)?;
        let task = self.tasks.remove(index);
        let rested = stream_ms.saturating_sub(task.last_ms) >= REPLACED_IDLE_MS;
        let teaches = rested || task.learn_until_ms.is_some();
        Some(task.end(teaches))
    }

    /// Notes that a finding stands against a task.
    pub fn note_finding(&mut self, key: TaskKey) {
        if let Some(task) = self.tasks.iter_mut().find(|task| task.name == key.hash) {
            task.unclean = true;
        }
    }

    /// Whatever is open teaches nothing when it ends.
    pub fn bar_open(&mut self) {
        for task in &mut self.tasks {
            task.unclean = true;
        }
    }

    /// Ends a task because its scope did. `clean`: the scope was completed.
    pub fn end_task(&mut self, key: TaskKey, clean: bool) -> Option<EndedTask> {
        let index = self.tasks.iter().position(|task| task.name == key.hash)?;
        let task = self.tasks.remove(index);
        Some(task.end(clean))
    }

    /// Ends the tasks that are over at `stream_ms`, and sets when to look again.
    pub fn end_due(&mut self, stream_ms: i64) -> SmallVec<[EndedTask; 1]> {
        let mut ended = SmallVec::new();
        if self.check_ms.is_none_or(|due_ms| due_ms > stream_ms) {
            return ended;
        }
        let mut index = 0;
        while let Some(task) = self.tasks.get(index) {
            if task.due_ms() <= stream_ms {
                ended.push(self.tasks.remove(index).end(true));
            } else {
                index += 1;
            }
        }
        self.check_ms = self.tasks.iter().map(|task| task.due_ms()).min();
        ended
    }

    /// Whether the credential was used for another class before. Notes that it is used for this
    /// one.
    pub fn switch_class(&mut self, credential: &str, class: ClassName<'_>) -> bool {
        let (credential, class) = (hash_text(credential), class.hash());
        if let Some((known, before)) = self.classes.last()
            && *known == credential
            && *before == class
        {
            return false;
        }
        let known = self.classes.iter().position(|(one, _)| *one == credential);
        let before = known.map(|index| self.classes.remove(index).1);
        if self.classes.len() >= CLASS_USES_MAX {
            self.classes.remove(0);
        }
        self.classes.push((credential, class));
        before.is_some_and(|before| before != class)
    }
}

impl OpenTask {
    fn note_action(&mut self, traits: &ActionTraits, moment: &TaskMoment<'_>) {
        self.last_ms = self.last_ms.max(moment.stream_ms);
        self.after_untrusted = moment.untrusted;
        self.expires_ms = moment.expires_ms;
        if self.denied.is_some() || moment.admitted == Admitted::Denied {
            let kind = hash_text(moment.names.resource_type);
            let denied = self.denied.get_or_insert_default();
            denied.note_action(kind, moment.admitted, moment.at_ms);
        }
        if self.flow.is_some() || !moment.read.is_empty() {
            let flow = self.flow.get_or_insert_default();
            flow.note_action(moment.read, moment.at_ms);
        }
        if self.agent_type != moment.class.agent_type {
            self.agent_type = moment.class.agent_type.into();
        }
        if self.task_class.as_deref() != moment.class.task_class {
            self.task_class = moment.class.task_class.map(Text::from);
        }
        self.trail.note_action(&moment.names, moment.at_ms);
        if moment.done {
            self.used.note_traits(traits, moment.hour);
        }
    }

    /// Notes what an action repeats, tries once more or changes.
    fn note_row(
        &mut self,
        traits: &ActionTraits,
        moment: &TaskMoment<'_>,
        noted: &mut NotedAction,
    ) {
        if let Some(call) = moment.call {
            let (at_ms, stream_ms) = (moment.at_ms, moment.stream_ms);
            noted.repeats = self.calls.note_call(call, at_ms, stream_ms);
        }
        let failed = !moment.done;
        if let Some(resource) = traits.resource.filter(|_| failed || self.tried.is_some()) {
            let tried = self.tried.get_or_insert_default();
            let kind = hash_text(moment.names.resource_type);
            noted.failed_resources = tried.note_try(kind, resource, failed);
        }
        if let Some(bans) = moment.rarity {
            noted.drift_bans = self.purpose.note_action(bans);
        }
        // What begins and ends with no name may be the work of two versions.
        if let Some(version) = moment.version.filter(|_| self.named) {
            let before = self.version.as_ref();
            noted.version_changed = before.is_some_and(|before| version.replaces(before));
            // A denied action shows nothing but what somebody wrote.
            if moment.admitted != Admitted::Denied {
                self.version = Some(version);
            }
        }
    }

    /// Stream time at which it is over, if nothing more happens.
    fn due_ms(&self) -> i64 {
        let idle_ms = self.last_ms.saturating_add(TASK_IDLE_MS);
        let due_ms = match self.named {
            true => idle_ms,
            false => idle_ms.min(self.first_ms.saturating_add(UNNAMED_TASK_MS)),
        };
        let expires_ms = self.expires_ms.map(|ms| ms.max(self.last_ms));
        let due_ms = expires_ms.map_or(due_ms, |ms| due_ms.min(ms));
        self.learn_until_ms.map_or(due_ms, |ms| due_ms.min(ms))
    }

    fn end(self, clean: bool) -> EndedTask {
        EndedTask {
            key: TaskKey {
                hash: self.name,
                named: self.named,
            },
            clean: clean && !self.unclean && !self.used.is_empty(),
            teaching: self.learn_until_ms.is_some(),
            agent_type: self.agent_type,
            task_class: self.task_class,
            used: self.used.into_use(),
        }
    }
}

#[cfg(test)]
mod tests;
