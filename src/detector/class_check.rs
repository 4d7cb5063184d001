//! The check of what a replay learned: at the end of its learning time each task is weighed against
//! what the others have taught. A task that is too strange teaches no more, and is listed.

use crate::behaviour::{
    ActionContext, ActionNames, ActionTraits, ClassCheck, LearningLog, SetAsideTask, TaskKey,
    WeighedAction,
};
use crate::event::{
    AddressedLink, AgentAction, AgentKey, ClassNotice, LearningChange, Link, LinkBody, LinkTarget,
    TaskNotice, Text,
};
use crate::response::{AuditEntry, AuditKind, ResponseOutcome};

use super::behaviour::LearningTask;
use super::dispatch::Detector;
use super::effects::{DetectorCounts, RecordEffects};
use super::links::LinkArrival;
use super::partition_state::PartitionState;
use super::subject::{SubjectKey, TenantState};

/// How long after the learning time the tasks of other partitions may still arrive, milliseconds of
/// stream time.
const OTHERS_ARRIVE_MS: i64 = 60_000;
/// Characters of a name in the list of what was set aside.
const NAME_CHARS_MAX: usize = 256;

impl TenantState {
    /// Stream time at which the tenant has something due.
    pub(super) fn due_ms(&self) -> Option<i64> {
        let check_ms = self.learning.as_ref().and_then(|log| log.check_ms);
        self.live.due_ms().into_iter().chain(check_ms).min()
    }

    /// Keeps an action of the learning time until what its task teaches is checked.
    pub(super) fn log_action(
        &mut self,
        task: &LearningTask<'_>,
        (traits, ctx): (&ActionTraits, &ActionContext),
    ) {
        let log = self.learning.get_or_insert_with(|| {
            // One later than the tasks that end with the learning time.
            let wait_ms = match task.partitions {
                1 => 1,
                _ => OTHERS_ARRIVE_MS,
            };
            Box::new(LearningLog::until(
                task.learn_until_ms.saturating_add(wait_ms),
            ))
        });
        if traits.is_weighed() {
            let logged = WeighedAction {
                traits: traits.clone(),
                ctx: *ctx,
                names: names_of(task.action),
            };
            log.note_action(&task.action.agent_id, task.key, logged);
        }
    }

    /// Notes that a task of the learning time is over. `taught`: what it taught, if it was clean.
    pub(super) fn log_end(
        &mut self,
        agent: &Text,
        task: TaskKey,
        taught: Option<&TaskNotice>,
        counts: &mut DetectorCounts,
    ) {
        if let Some(log) = self.learning.as_deref_mut() {
            counts.tasks_unchecked += u64::from(log.end_task(agent, task, taught));
        }
    }
}

fn names_of(action: &AgentAction) -> ActionNames {
    let cut = |text: &Text| match text.char_indices().nth(NAME_CHARS_MAX) {
        Some((end, _)) => Text::from(text.get(..end).unwrap_or_default()),
        None => text.clone(),
    };
    let address = action.destination_address.as_ref();
    let task = action.task_id.as_ref().or(action.session_id.as_ref());
    ActionNames {
        task: task.map(cut),
        resource_type: cut(&action.resource_type),
        verb: action.action_verb,
        resource_id: action.resource_id.as_ref().map(cut),
        destination: address.or(action.destination_host.as_ref()).map(cut),
    }
}

impl Detector {
    /// Checks what a tenant's classes have learned, if its learning time is over.
    pub(super) fn check_due_classes(
        &self,
        partition: &mut PartitionState,
        key: &SubjectKey,
        effects: &mut RecordEffects,
    ) {
        let SubjectKey::Tenant(tenant) = key else {
            return;
        };
        let log = partition.tenants.get(tenant);
        let check_ms = log.and_then(|state| state.learning.as_ref()?.check_ms);
        if check_ms.is_some_and(|due_ms| due_ms <= partition.stream_ms) {
            self.check_classes(partition, tenant, effects);
        }
    }

    /// Checks what the classes of every tenant have learned, also before their learning time is
    /// over.
    pub fn check_all_classes(&self, partition: &mut PartitionState, effects: &mut RecordEffects) {
        let mut tenants: Vec<Text> = partition.tenants.keys().cloned().collect();
        tenants.sort_unstable();
        for tenant in &tenants {
            self.check_classes(partition, tenant, effects);
        }
    }

    /// Weighs the tasks of a tenant that taught in this partition, and lets every partition forget
    /// those that are too strange.
    fn check_classes(
        &self,
        partition: &mut PartitionState,
        tenant: &Text,
        effects: &mut RecordEffects,
    ) {
        let Some(state) = partition.tenants.get_mut(tenant) else {
            return;
        };
        let Some(log) = state.learning.take() else {
            return;
        };
        let weights_of = |class: Option<&str>| self.bundle.weights.for_task(tenant, class);
        let checks = log.check_tasks(&state.classes, &weights_of);
        for task in checks.iter().flat_map(|check| &check.set_aside) {
            set_task_aside(partition.stream_ms, task, effects);
        }
        partition.class_checks.extend(checks);
        partition.set_timer(&SubjectKey::Tenant(tenant.clone()));
    }
}

fn set_task_aside(stream_ms: i64, task: &SetAsideTask, effects: &mut RecordEffects) {
    let agent = AgentKey {
        tenant: task.notice.tenant.clone(),
        agent: task.agent.clone(),
    };
    effects
        .outcomes
        .push(ResponseOutcome::Audit(Box::new(AuditEntry {
            at_ms: stream_ms,
            tenant: agent.tenant.clone(),
            agent_id: agent.agent.clone(),
            incident_id: None,
            txn: None,
            what: AuditKind::TaskSetAside,
            by: None,
            targets: Vec::new(),
            detail: format!("a task of the learning time does not teach: {task}"),
        })));
    let body = LinkBody::TaskSetAside(Box::new(task.notice.clone()));
    effects.inform_all_partitions(body.clone());
    effects.links.push(AddressedLink {
        target: LinkTarget::Agent(agent),
        link: Link { cause: None, body },
    });
}

impl PartitionState {
    /// The tenant whose profiles a link changes, with the link noted as applied. `None` when the
    /// tenant is not in memory, or when the link or a later one was applied before.
    pub(super) fn tenant_of_link(
        &mut self,
        tenant: &Text,
        arrival: LinkArrival<'_>,
        effects: &mut RecordEffects,
    ) -> Option<&mut TenantState> {
        let Some(tenant) = self.tenants.get_mut(tenant) else {
            effects.absent = true;
            return None;
        };
        if let LinkArrival::Topic(origin) = arrival
            && !tenant
                .live
                .tasks_applied
                .apply_once(origin.input, &origin.position)
        {
            effects.counts.reapplied += 1;
            return None;
        }
        Some(tenant)
    }

    /// Lets the profiles of this partition forget a task that was set aside.
    pub(super) fn forget_set_aside(
        &mut self,
        arrival: LinkArrival<'_>,
        notice: &TaskNotice,
        effects: &mut RecordEffects,
    ) {
        let Some(tenant) = self.tenant_of_link(&notice.tenant, arrival, effects) else {
            return;
        };
        // A task that its class never learned is none to forget.
        if !tenant.live.class_commands.bars(notice) {
            tenant.classes.forget_task(notice);
        }
        tenant.live.profiles = u32::try_from(tenant.classes.len()).unwrap_or(u32::MAX);
        effects.counts.tasks_set_aside += 1;
        self.mark_changed(&SubjectKey::Tenant(notice.tenant.clone()), false);
    }

    /// Carries out a command about a class in this partition.
    pub(super) fn change_class(
        &mut self,
        arrival: LinkArrival<'_>,
        notice: &ClassNotice,
        effects: &mut RecordEffects,
    ) {
        let Some(tenant) = self.tenant_of_link(&notice.tenant, arrival, effects) else {
            return;
        };
        if tenant.live.class_commands.note_command(notice)
            && let LearningChange::Reset { since_ms } = notice.change
        {
            tenant.classes.forget(&notice.class, since_ms);
            tenant.live.profiles = u32::try_from(tenant.classes.len()).unwrap_or(u32::MAX);
        }
        self.mark_changed(&SubjectKey::Tenant(notice.tenant.clone()), false);
    }

    /// Lets an agent forget a task of its own that was set aside. Returns whether it did.
    pub(super) fn forget_own_task(&mut self, key: &SubjectKey, body: &LinkBody) -> bool {
        let LinkBody::TaskSetAside(notice) = body else {
            return false;
        };
        let state = self.agents.get_mut(key);
        let habits = state.and_then(|state| state.learned.habits.as_deref_mut());
        habits.is_some_and(|habits| {
            habits.forget_task(&notice.used);
            true
        })
    }

    /// What the checks of classes have found so far, with the tenant's share of this partition.
    #[must_use]
    pub fn class_checks(&self) -> &[ClassCheck] {
        &self.class_checks
    }
}
