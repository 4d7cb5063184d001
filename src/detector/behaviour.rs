//! An action beside what is usual: compared with the profiles of its class, its peers and its
//! agent, and noted in its task.

use crate::behaviour::limits::CLEAN_BANS;
use crate::behaviour::{
    ActionContext, ActionTraits, CallMark, ClassName, ClassTable, EndedTask, Learner, OpenTasks,
    TaskKey, TaskMoment, TaskName, weigh_action,
};
use crate::event::{
    ActionOutcome, AgentAction, AgentScope, DeclaredStatus, LinkBody, TaskNotice, Text,
    UsualVolume, text_fingerprint,
};
use crate::rule::{FactValue, Facts, RuleIndex, RuleLevel, fact};
use crate::scope::{Judgement, ScopeBasis, ScopeStatus, Violation, non_empty};

use super::action::Pass;
use super::action_task::{admitted_of, class_of, expiry_of, task_name, task_version};
use super::action_text::trail_action;
use super::behaviour_facts::ActionBehaviour;
use super::content_flow::{ActionFlow, content_read};
use super::dispatch::Detector;
use super::effects::RecordEffects;
use super::links::LinkArrival;
use super::partition_state::{PartitionState, TenantStates};
use super::state_changes::{ChangeList, TimerIndex};
use super::subject::{AgentState, SubjectKey};
use super::timed_action::TimedAction;
use super::tree_flow::share_read;

/// The volumes of an agent are told to those of its type once a day.
const DAY_MS: i64 = 24 * 3_600_000;

/// What an action is judged among.
pub(super) struct BehaviourMoment<'a> {
    pub key: &'a SubjectKey,
    pub pass: Pass,
    pub judgement: &'a Judgement,
    /// The hour of the day, in the tenant's zone.
    hour: Option<u8>,
}

/// The partition beside the agent's own state.
pub(super) struct BehaviourRoom<'p> {
    pub stream_ms: i64,
    pub partitions: u32,
    pub tenants: &'p mut TenantStates,
    pub changes: &'p mut ChangeList,
    pub timers: &'p mut TimerIndex,
}

/// Where and until when a task is kept for the check.
#[derive(Debug, Clone, Copy)]
pub(super) struct LearningTask<'a> {
    pub action: &'a AgentAction,
    pub key: TaskKey,
    pub learn_until_ms: i64,
    pub partitions: u32,
}

impl BehaviourRoom<'_> {
    /// Keeps an action of the learning time until what its task teaches is checked.
    fn log_action(
        &mut self,
        action: &AgentAction,
        task: &TaskMoment<'_>,
        weighed: (&ActionTraits, &ActionContext),
    ) {
        let tenant = self.tenants.get_mut(&action.tenant);
        let (Some(learn_until_ms), Some(tenant)) = (task.learn_until_ms, tenant) else {
            return;
        };
        let task = LearningTask {
            action,
            key: task.key,
            learn_until_ms,
            partitions: self.partitions,
        };
        let is_first = tenant.learning.is_none();
        tenant.log_action(&task, weighed);
        if is_first {
            let due_ms = tenant.due_ms();
            let subject = SubjectKey::Tenant(action.tenant.clone());
            self.timers.set_due(&subject, &mut tenant.marks, due_ms);
        }
    }
}

impl<'a> BehaviourMoment<'a> {
    /// `facts`: those of the action's time.
    pub fn new(
        key: &'a SubjectKey,
        pass: Pass,
        judgement: &'a Judgement,
        facts: &Facts<'_>,
    ) -> Self {
        let hour = match facts.get(fact::TIME_HOUR) {
            FactValue::Int(hour) => u8::try_from(hour).ok(),
            _ => None,
        };
        BehaviourMoment {
            key,
            pass,
            judgement,
            hour,
        }
    }
}

impl Detector {
    /// Compares an action with what is usual, then notes it in its task. `None` for an action that
    /// still waits for its scope, and for agents that share a state.
    pub(super) fn weigh_behaviour(
        &self,
        state: &mut AgentState,
        timed: &TimedAction<'_>,
        moment: &BehaviourMoment<'_>,
        room: &mut BehaviourRoom<'_>,
        effects: &mut RecordEffects,
    ) -> Option<ActionBehaviour> {
        if moment.pass == Pass::BeforeScope || !matches!(moment.key, SubjectKey::Agent(_)) {
            return None;
        }
        let (action, judgement) = (timed.action, moment.judgement);
        let check_ms = state.live.tasks.check_ms();
        if self.end_due_of(state, moment.key, room.stream_ms, (room.tenants, effects)) {
            room.changes
                .mark_changed(moment.key, &mut state.marks, true);
        }
        let resources = &self.bundle.resources;
        let traits = ActionTraits::of_action(action, &|one| resources.is_internal(one));
        let key = task_name(action).key();
        let ctx = ActionContext {
            hour: moment.hour,
            after_untrusted: state.live.tasks.after_untrusted(key),
            resource_used: state.live.tasks.used_before(key, &traits),
            ..self.context_of(timed, judgement, &traits)
        };
        let class = class_of(action, judgement);
        let tenant = room.tenants.get(moment.key.tenant());
        let classes = tenant.map(|tenant| &tenant.classes);
        let mut behaviour = self.compare_action(state, action, class, (&traits, &ctx), classes);
        let (tasks, at_ms) = (&mut state.live.tasks, timed.at_ms);
        let before = (tasks.flow_of(key), state.live.tree_reads.as_deref());
        behaviour.flow = ActionFlow::of_action(before, behaviour.egress, at_ms);
        behaviour.denied_before = tasks.denied_before(key, &action.resource_type, at_ms);
        behaviour.class_switch = self.switch_class(tasks, action, class);
        let task = TaskMoment {
            rarity: behaviour.rarity,
            ..self.task_moment(timed, moment, (key, class), &traits, room.stream_ms)
        };
        room.log_action(action, &task, (&traits, &ctx));
        let noted = tasks.note_action(&traits, &task);
        behaviour.take_noted(&noted);
        // In the learning time of a replay every task counts as clean.
        if behaviour.evidence.bans >= CLEAN_BANS && self.judges_at(room.stream_ms) {
            tasks.note_finding(key);
        }
        if let Some(task) = noted.replaced {
            effects.counts.tasks_full += 1;
            self.learn_replaced(state, moment.key, task, (room, effects));
        }
        share_read(state, moment.key, (task.read, at_ms), effects);
        if state.live.tasks.check_ms() != check_ms {
            let due_ms = state.due_ms();
            room.timers.set_due(moment.key, &mut state.marks, due_ms);
        }
        Some(behaviour)
    }

    /// What is to be known of an action besides its traits.
    fn task_moment<'t>(
        &self,
        timed: &TimedAction<'t>,
        moment: &BehaviourMoment<'_>,
        (key, class): (TaskKey, ClassName<'t>),
        traits: &ActionTraits,
        stream_ms: i64,
    ) -> TaskMoment<'t> {
        let action = timed.action;
        TaskMoment {
            key,
            class,
            stream_ms,
            hour: moment.hour,
            expires_ms: expiry_of(moment.judgement).filter(|ms| *ms > stream_ms),
            learn_until_ms: self.learning_until(stream_ms),
            untrusted: action.content_untrusted == Some(true),
            read: content_read(action),
            at_ms: timed.at_ms,
            names: trail_action(action),
            admitted: admitted_of(action),
            done: matches!(action.outcome, None | Some(ActionOutcome::Allowed)),
            call: match self.behaviour_reads.repeats {
                true => CallMark::of_action(traits, action.volume_bytes_out),
                false => None,
            },
            rarity: None,
            version: match self.behaviour_reads.version {
                true => task_version(action),
                false => None,
            },
        }
    }

    /// Learns a task that had to end for another one.
    fn learn_replaced(
        &self,
        state: &mut AgentState,
        key: &SubjectKey,
        task: EndedTask,
        (room, effects): (&mut BehaviourRoom<'_>, &mut RecordEffects),
    ) {
        let learning = (&mut *room.tenants, effects);
        if self.learn_tasks(state, key, [task], room.stream_ms, learning) {
            room.changes.mark_changed(key, &mut state.marks, true);
        }
    }

    /// Notes for which class the action uses its credential, if a rule asks whether that changes.
    fn switch_class(
        &self,
        tasks: &mut OpenTasks,
        action: &AgentAction,
        class: ClassName<'_>,
    ) -> bool {
        let credential = non_empty(&action.credential_id);
        let credential = credential.filter(|_| self.behaviour_reads.class_switch);
        credential.is_some_and(|credential| tasks.switch_class(credential, class))
    }

    /// When the learning time of a replay ends, as long as it lasts.
    fn learning_until(&self, stream_ms: i64) -> Option<i64> {
        let learn_until_ms = self.settings.learn_until_ms;
        learn_until_ms.filter(|_| !self.judges_at(stream_ms))
    }

    /// Compares an action with the profiles of its class, its peers and its agent.
    fn compare_action(
        &self,
        state: &AgentState,
        action: &AgentAction,
        class: ClassName<'_>,
        (traits, ctx): (&ActionTraits, &ActionContext),
        classes: Option<&ClassTable>,
    ) -> ActionBehaviour {
        let none = ClassTable::default();
        let habits = state.learned.habits.as_deref();
        let view = classes.unwrap_or(&none).view(class, habits);
        let weights = self
            .bundle
            .weights
            .for_task(&action.tenant, class.task_class);
        let evidence = weigh_action(traits, &view, ctx, weights);
        ActionBehaviour::new(self.behaviour_reads, traits, &view, habits, (ctx, evidence))
    }

    /// What the scope and the record say of an action, as far as evidence asks.
    fn context_of(
        &self,
        timed: &TimedAction<'_>,
        judgement: &Judgement,
        traits: &ActionTraits,
    ) -> ActionContext {
        let violations = judgement.violations;
        let scope = judgement.scope.as_deref();
        let of_task = |scope: &AgentScope| {
            scope.task_id.is_some()
                || scope.task_class.is_some()
                || judgement.basis == Some(ScopeBasis::Template)
                    && self.bundle.templates.names_class(&scope.scope_id)
        };
        let lists = |scope: &AgentScope| {
            judgement.status == ScopeStatus::Active && !scope.destinations.is_empty()
        };
        ActionContext {
            at_ms: timed.at_ms,
            task_scope: traits.is_weighed() && scope.is_some_and(of_task),
            out_of_scope: violations.contains(Violation::ResourceType)
                || violations.contains(Violation::Verb),
            declared_destinations: scope.is_some_and(lists)
                && !violations.contains(Violation::Destination),
            failed: timed.action.outcome == Some(ActionOutcome::Error),
            flagged: !timed.action.content_flags.is_empty(),
            ..ActionContext::default()
        }
    }

    /// Notes that rules found something in the task of an action: it teaches nothing. What is only
    /// unusual in volume, hardly worth a look or no fault of the task does not count.
    pub(super) fn note_task_findings(
        &self,
        partition: &mut PartitionState,
        key: &SubjectKey,
        action: &AgentAction,
        matched: &[RuleIndex],
    ) {
        let mut rules = matched.iter().filter_map(|ix| self.bundle.rule(*ix));
        let counts = rules.any(|rule| {
            let clean = rule.response.task_clean || rule.baseline.is_some();
            rule.level >= RuleLevel::Medium && !clean
        });
        if let Some(state) = partition.agents.get_mut(key).filter(|_| counts) {
            state.live.tasks.note_finding(task_name(action).key());
        }
    }

    /// Ends the tasks of an agent that are over, when its timer is due.
    pub(super) fn end_due_tasks(
        &self,
        partition: &mut PartitionState,
        key: &SubjectKey,
        effects: &mut RecordEffects,
    ) {
        let stream_ms = partition.stream_ms;
        let learning = (&mut partition.tenants, effects);
        if let Some(state) = partition.agents.get_mut(key)
            && self.end_due_of(state, key, stream_ms, learning)
        {
            partition.mark_changed(key, true);
        }
    }

    /// Ends the task of a scope that has ended.
    pub(super) fn end_task_of(
        &self,
        partition: &mut PartitionState,
        key: &SubjectKey,
        ended: &ScopeEnd,
        effects: &mut RecordEffects,
    ) {
        let stream_ms = partition.stream_ms;
        let Some(state) = partition.agents.get_mut(key) else {
            return;
        };
        let task = TaskName::Task(&ended.task).key();
        let ended = state.live.tasks.end_task(task, ended.completed);
        let learning = (&mut partition.tenants, effects);
        if self.learn_tasks(state, key, ended, stream_ms, learning) {
            partition.mark_changed(key, true);
        }
    }

    /// Whether a learned value changed.
    fn end_due_of(
        &self,
        state: &mut AgentState,
        key: &SubjectKey,
        stream_ms: i64,
        learning: (&mut TenantStates, &mut RecordEffects),
    ) -> bool {
        let ended = state.live.tasks.end_due(stream_ms);
        self.learn_tasks(state, key, ended, stream_ms, learning)
    }

    /// Lets the agent's own profile learn tasks that ended clean, and all partitions those of their
    /// class.
    fn learn_tasks(
        &self,
        state: &mut AgentState,
        key: &SubjectKey,
        ended: impl IntoIterator<Item = EndedTask>,
        stream_ms: i64,
        (tenants, effects): (&mut TenantStates, &mut RecordEffects),
    ) -> bool {
        let SubjectKey::Agent(agent) = key else {
            return false;
        };
        let mut learned = false;
        for task in ended {
            if !task.clean || state.live.frozen {
                let count = match task.clean {
                    true => &mut effects.counts.tasks_frozen,
                    false => &mut effects.counts.tasks_unclean,
                };
                *count += 1;
                if let Some(tenant) = tenants.get_mut(&agent.tenant) {
                    tenant.log_end(&agent.agent, task.key, None, &mut effects.counts);
                }
                continue;
            }
            let notice = TaskNotice {
                tenant: agent.tenant.clone(),
                agent: short_hash(&agent.agent),
                agent_type: task.agent_type,
                task_class: task.task_class,
                ended_ms: stream_ms,
                teaching: task.teaching,
                accepted: false,
                used: task.used,
                volumes: self.volumes_to_teach(state, &agent.tenant, stream_ms),
            };
            effects.counts.tasks_learned += 1;
            if let Some(tenant) = tenants.get_mut(&agent.tenant).filter(|_| notice.teaching) {
                tenant.log_end(&agent.agent, task.key, Some(&notice), &mut effects.counts);
            }
            teach_profiles(state, notice, effects);
            learned = true;
        }
        learned
    }

    /// What an agent usually does, with its first clean task of a day.
    fn volumes_to_teach(
        &self,
        state: &AgentState,
        tenant: &Text,
        ended_ms: i64,
    ) -> Vec<UsualVolume> {
        let day_of = |time_ms: i64| time_ms.div_euclid(DAY_MS);
        let habits = state.learned.habits.as_deref();
        match habits.is_some_and(|habits| day_of(habits.last_ms()) < day_of(ended_ms)) {
            true => self.usual_volumes(state, tenant, ended_ms),
            false => Vec::new(),
        }
    }
}

/// Lets the agent's own profile learn a clean task, and the profiles of its class in every
/// partition.
pub(super) fn teach_profiles(
    state: &mut AgentState,
    notice: TaskNotice,
    effects: &mut RecordEffects,
) {
    let habits = state.learned.habits.get_or_insert_default();
    habits.learn_task(&notice, Learner::Agent, true);
    effects.inform_all_partitions(LinkBody::TaskEndedClean(Box::new(notice)));
}

/// The end of a task that a scope record declares.
pub(super) struct ScopeEnd {
    task: Text,
    completed: bool,
}

impl ScopeEnd {
    /// The end that a scope record declares of its task, if it does.
    pub(super) fn of_scope(scope: &AgentScope) -> Option<Self> {
        let completed = match scope.status {
            DeclaredStatus::Completed => true,
            DeclaredStatus::Revoked => false,
            DeclaredStatus::Active | DeclaredStatus::Suspended => return None,
        };
        let task = scope.task_id.clone()?;
        Some(ScopeEnd { task, completed })
    }
}

/// Lets the profiles of this partition learn a task that ended clean somewhere.
pub(super) fn learn_clean_task(
    partition: &mut PartitionState,
    arrival: LinkArrival<'_>,
    notice: &TaskNotice,
    effects: &mut RecordEffects,
) {
    let Some(tenant) = partition.tenant_of_link(&notice.tenant, arrival, effects) else {
        return;
    };
    if tenant.live.class_commands.bars(notice) {
        effects.counts.tasks_frozen += 1;
    } else {
        let learned = tenant.classes.learn_task(notice);
        effects.counts.profile_entries_dropped += learned.dropped;
        effects.counts.profiles_full += learned.refused;
        tenant.live.profiles = u32::try_from(tenant.classes.len()).unwrap_or(u32::MAX);
    }
    partition.mark_changed(&SubjectKey::Tenant(notice.tenant.clone()), false);
}

/// Half of a fingerprint.
pub(super) fn short_hash(text: &str) -> u32 {
    (text_fingerprint(text) >> 32) as u32
}
