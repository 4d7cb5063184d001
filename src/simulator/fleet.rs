//! The fleet's event loop: which agent acts next, which records are pending, when an attack starts.

mod planned_attacks;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::event::{ActionOutcome, AgentScope, DeclaredStatus, ParentScope, RecordBody};

use super::agent::{AgentPhase, DAILY_SCOPE_MS, SimTask, TASK_MAX_MS, may_be_late};
use super::agent_types::{DeclarationMode, TYPES};
use super::attack_label::{AttackLabel, AttackLabelRef};
use super::fleet_members::{FleetMembers, class_skeleton};
use super::options::{FleetOptions, FleetOptionsError};
use super::pending_records::PendingRecords;
use super::schedule::{MINUTE_MS, SECOND_MS};
use super::sim_record::SimRecord;
use super::{roster, scope_skeletons};
use crate::event::Verb;

/// No attack starts while more than this many records are pending. Benign agents keep at most three
/// pending records each.
pub const PENDING_MAX: usize = 200_000;

/// A fleet of agents as an iterator of records.
#[derive(Debug)]
pub struct Fleet {
    pub(super) options: FleetOptions,
    members: FleetMembers,
    daily_skeletons: Vec<AgentScope>,
    wakes: BinaryHeap<Reverse<(i64, u32)>>,
    waiting: PendingRecords,
    labels: Vec<AttackLabel>,
    attack_next_ms: i64,
    attacks_started: u32,
    /// How often the next attack found no agent.
    attack_tries: u32,
}

impl Fleet {
    /// Creates a fleet that has not acted yet.
    ///
    /// # Errors
    /// An option is out of its range.
    pub fn new(options: FleetOptions) -> Result<Self, FleetOptionsError> {
        options.check_ranges()?;
        let agents = roster::create_agents(&options);
        let skeletons = TYPES
            .iter()
            .map(|kind| {
                kind.classes
                    .iter()
                    .map(|c| scope_skeletons::scope_skeleton(kind, c, 0.0))
                    .collect()
            })
            .collect();
        let wakes = BinaryHeap::with_capacity(agents.len());
        let mut fleet = Fleet {
            members: FleetMembers {
                seed: options.seed,
                agents,
                skeletons,
            },
            daily_skeletons: TYPES.iter().map(scope_skeletons::daily_skeleton).collect(),
            wakes,
            waiting: PendingRecords::default(),
            labels: Vec::new(),
            attack_next_ms: options
                .attacks
                .as_ref()
                .map_or(i64::MAX, |plan| plan.from_ms),
            attacks_started: 0,
            attack_tries: 0,
            options,
        };
        for index in 0..fleet.members.agents.len() {
            if fleet
                .members
                .agents
                .get(index)
                .is_some_and(|agent| agent.phase == AgentPhase::Idle)
            {
                let first_ms = fleet.next_task_ms(index, fleet.options.start_ms);
                fleet.wakes.push(Reverse((first_ms, index as u32)));
            }
        }
        Ok(fleet)
    }

    /// The labels of all attacks of which at least one event was emitted.
    #[must_use]
    pub fn emitted_labels(&self) -> Vec<AttackLabel> {
        self.labels
            .iter()
            .filter(|label| !label.event_ids.is_empty() || !label.scope_ids.is_empty())
            .cloned()
            .collect()
    }

    /// Every attack planned so far. [`AttackLabelRef::index`] is an index into this list.
    #[must_use]
    pub fn planned_attacks(&self) -> &[AttackLabel] {
        &self.labels
    }

    /// Number of records that are pending.
    #[must_use]
    pub fn pending_count(&self) -> usize {
        self.waiting.len()
    }

    /// `(tenant, agent id)` of every agent of the fleet.
    pub fn agent_ids(&self) -> impl Iterator<Item = (&str, &str)> {
        self.members
            .agents
            .iter()
            .map(|agent| (agent.tenant.as_str(), agent.id.as_str()))
    }

    fn next_record(&mut self) -> Option<SimRecord> {
        loop {
            let wake_ms = self
                .wakes
                .peek()
                .map_or(i64::MAX, |Reverse((at_ms, _))| *at_ms);
            let wait_ms = self.waiting.next_ms().unwrap_or(i64::MAX);
            let now_ms = wake_ms.min(wait_ms);
            if self.attack_next_ms <= now_ms && self.attack_next_ms < self.options.end_ms {
                self.plan_next_attack();
                continue;
            }
            if wait_ms <= wake_ms {
                let record = self.waiting.pop()?;
                return Some(self.record_in_label(record));
            }
            if wake_ms >= self.options.end_ms {
                self.wakes.clear();
                continue;
            }
            let index = self
                .wakes
                .peek()
                .map_or(0, |Reverse((_, index))| *index as usize);
            let (record, next_ms) = self.run_agent_turn(index, wake_ms);
            self.reschedule_top_agent(next_ms);
            if record.is_some() {
                return record;
            }
        }
    }

    /// Sets the next wake-up time of the agent on top of the heap. `None` removes it from the heap.
    fn reschedule_top_agent(&mut self, next_ms: Option<i64>) {
        let Some(mut top) = self.wakes.peek_mut() else {
            return;
        };
        match next_ms {
            Some(next_ms) => top.0.0 = next_ms,
            None => {
                std::collections::binary_heap::PeekMut::pop(top);
            }
        }
    }

    /// Runs one turn of an agent. Returns at most one record, and the agent's next wake-up time.
    fn run_agent_turn(&mut self, index: usize, now_ms: i64) -> (Option<SimRecord>, Option<i64>) {
        match self.members.agents.get(index).map(|agent| agent.phase) {
            Some(AgentPhase::Idle) => self.start_task(index, now_ms),
            Some(AgentPhase::Acting) => self.perform_action(index, now_ms),
            Some(AgentPhase::Ending) => self.end_task(index, now_ms),
            Some(AgentPhase::Dormant) | None => (None, None),
        }
    }

    fn start_task(&mut self, index: usize, now_ms: i64) -> (Option<SimRecord>, Option<i64>) {
        let Some(agent) = self.members.agents.get_mut(index) else {
            return (None, None);
        };
        if agent.busy_until_ms > now_ms {
            let resume_ms = agent.busy_until_ms;
            return (
                None,
                Some(
                    agent
                        .agent_type()
                        .schedule
                        .after_open_time(resume_ms, agent.idle_ms / 4.0),
                ),
            );
        }
        let class = agent
            .rng
            .uniform_below(agent.agent_type().classes.len() as u32) as usize;
        let task = agent.start_task(class, now_ms, "t-");
        agent.phase = AgentPhase::Acting;
        let next_ms = now_ms + agent.lead_ms();
        let record = match agent.agent_type().declared {
            DeclarationMode::Template => None,
            DeclarationMode::Daily if agent.daily_scope_until_ms > now_ms + TASK_MAX_MS => None,
            DeclarationMode::Daily => {
                agent.daily_scope_until_ms = now_ms + DAILY_SCOPE_MS;
                self.daily_skeletons
                    .get(agent.type_index)
                    .map(|day| agent.declare_daily_scope(now_ms, day))
            }
            DeclarationMode::PerTask => {
                class_skeleton(&self.members.skeletons, agent.type_index, class)
                    .map(|skeleton| agent.declare_task_scope(&task, skeleton))
            }
        };
        let late = may_be_late(agent) && agent.rng.chance_per_mille(40);
        let late_ms = now_ms + agent.rng.uniform_between(SECOND_MS, 10 * SECOND_MS);
        agent.task = Some(Box::new(task));
        match record {
            None => self.perform_action(index, now_ms),
            Some(scope) if late => {
                self.schedule_record(late_ms, RecordBody::Scope(Box::new(scope)), None);
                self.perform_action(index, now_ms)
            }
            Some(scope) => (
                Some(unlabelled_record(
                    now_ms,
                    RecordBody::Scope(Box::new(scope)),
                )),
                Some(next_ms),
            ),
        }
    }

    fn perform_action(&mut self, index: usize, now_ms: i64) -> (Option<SimRecord>, Option<i64>) {
        let seed = self.options.seed;
        let spawned = self.free_child(index, now_ms);
        let Some(agent) = self.members.agents.get_mut(index) else {
            return (None, None);
        };
        let Some(mut task) = agent.task.take() else {
            return (None, None);
        };
        let call = agent.draw_call(task.class, spawned.is_some());
        let mut action = agent.compose_action(&mut task, call, now_ms);
        action.event_id = Some(agent.event_id(seed));
        let gap_ms = (agent.rng.sample_exponential(agent.gap_ms) as i64).max(1);
        task.left = task.left.saturating_sub(1);
        let mut next_ms = now_ms + gap_ms;
        if task.left == 0 || next_ms > task.deadline_ms {
            agent.phase = AgentPhase::Ending;
            next_ms = now_ms + agent.lead_ms();
        }
        let noise = agent.rng.uniform_below(2_000);
        let unknown_fields = agent.rng.chance_per_mille(15);
        let delay_ms = match noise {
            0..8 => agent.rng.uniform_between(5 * SECOND_MS, 4 * MINUTE_MS),
            8..20 => agent.rng.uniform_between(30, (3 * gap_ms).clamp(31, 800)),
            _ => 0,
        };
        if call.verb == Verb::Spawn
            && let Some(child) = spawned
        {
            action.resource_id = Some(self.agent_id(child));
            action.outcome = Some(ActionOutcome::Allowed);
            self.start_child_task(index, &task, child, now_ms);
        }
        if let Some(agent) = self.members.agents.get_mut(index) {
            agent.task = Some(task);
        }
        let body = RecordBody::Action(Box::new(action));
        let record = SimRecord {
            at_ms: now_ms,
            body,
            label: None,
            unknown_fields,
        };
        match noise {
            0..8 => {
                self.schedule_record(now_ms + delay_ms, record.body, None);
                (None, Some(next_ms))
            }
            8..20 => {
                self.schedule_record(now_ms + delay_ms, record.body.clone(), None);
                (Some(record), Some(next_ms))
            }
            _ => (Some(record), Some(next_ms)),
        }
    }

    fn end_task(&mut self, index: usize, now_ms: i64) -> (Option<SimRecord>, Option<i64>) {
        let Some(agent) = self.members.agents.get_mut(index) else {
            return (None, None);
        };
        if agent.children_busy > 0 {
            return (
                None,
                Some(now_ms + (agent.gap_ms as i64).clamp(100, 5 * SECOND_MS)),
            );
        }
        let parent = agent.parent;
        agent.phase = if parent.is_some() {
            AgentPhase::Dormant
        } else {
            AgentPhase::Idle
        };
        let task = agent.task.take();
        let record = task
            .filter(|_| agent.agent_type().declared == DeclarationMode::PerTask)
            .and_then(|task| {
                let skeleton =
                    class_skeleton(&self.members.skeletons, agent.type_index, task.class)?;
                let mut scope = agent.declare_task_scope(&task, skeleton);
                scope.effective_from_ms = Some(now_ms);
                scope.status = DeclaredStatus::Completed;
                Some(unlabelled_record(
                    now_ms,
                    RecordBody::Scope(Box::new(scope)),
                ))
            });
        if let Some(parent) = parent.and_then(|parent| self.members.agents.get_mut(parent as usize))
        {
            parent.children_busy = parent.children_busy.saturating_sub(1);
            return (record, None);
        }
        let next_ms = self.next_task_ms(index, now_ms);
        (record, Some(next_ms))
    }

    /// When an idle agent starts its next task, epoch ms.
    fn next_task_ms(&mut self, index: usize, now_ms: i64) -> i64 {
        let Some(agent) = self.members.agents.get_mut(index) else {
            return i64::MAX;
        };
        match agent.cron {
            Some(plan) => plan.next_run_ms(now_ms),
            None => {
                let wait_ms = agent.rng.sample_exponential(agent.idle_ms).max(1.0);
                agent.agent_type().schedule.after_open_time(now_ms, wait_ms)
            }
        }
    }

    /// A dormant child of an orchestrator, if the task lasts long enough for one.
    fn free_child(&self, index: usize, now_ms: i64) -> Option<u32> {
        let agent = self.members.agents.get(index)?;
        let (first, count) = agent.children;
        let task_rest_ms = agent
            .task
            .as_ref()
            .map_or(0, |task| task.deadline_ms - now_ms);
        if count == 0 || task_rest_ms < 30 * MINUTE_MS {
            return None;
        }
        (first..first + count).find(|child| {
            self.members
                .agents
                .get(*child as usize)
                .is_some_and(|child| child.phase == AgentPhase::Dormant)
        })
    }

    fn agent_id(&self, index: u32) -> crate::event::Text {
        self.members
            .agents
            .get(index as usize)
            .map(|agent| agent.id.clone())
            .unwrap_or_default()
    }

    /// Starts a child task below `task`. The child's scope is declared before its first action.
    fn start_child_task(
        &mut self,
        parent_index: usize,
        task: &SimTask,
        child_index: u32,
        now_ms: i64,
    ) {
        let parent = ParentScope {
            agent_id: self.agent_id(parent_index as u32),
            scope_id: Some(task.scope_id.clone()),
            act_chain: Vec::new(),
        };
        let Some(child) = self.members.agents.get_mut(child_index as usize) else {
            return;
        };
        let scope_ms = now_ms + child.lead_ms() / 2;
        let mut below = child.start_task(0, scope_ms, "t-");
        below.chain = vec![parent.agent_id.clone(), child.id.clone()];
        below.parent = Some(parent);
        below.deadline_ms = task.deadline_ms - MINUTE_MS;
        below.expires_ms = task.expires_ms;
        child.phase = AgentPhase::Acting;
        let first_ms = scope_ms + child.lead_ms();
        let scope = class_skeleton(&self.members.skeletons, child.type_index, 0)
            .map(|s| child.declare_task_scope(&below, s));
        child.task = Some(Box::new(below));
        if let Some(scope) = scope {
            self.schedule_record(scope_ms, RecordBody::Scope(Box::new(scope)), None);
        }
        // This time is later than now, so the parent stays on top of the heap until its turn ends.
        self.wakes.push(Reverse((first_ms, child_index)));
        if let Some(parent) = self.members.agents.get_mut(parent_index) {
            parent.children_busy += 1;
        }
    }

    fn schedule_record(&mut self, at_ms: i64, body: RecordBody, label: Option<AttackLabelRef>) {
        self.waiting.push(SimRecord {
            label,
            ..unlabelled_record(at_ms, body)
        });
    }
}

impl Iterator for Fleet {
    type Item = SimRecord;

    /// The next record in order of delivery. `None` after the fleet's end, once all pending records
    /// have been delivered.
    fn next(&mut self) -> Option<SimRecord> {
        self.next_record()
    }
}

fn unlabelled_record(at_ms: i64, body: RecordBody) -> SimRecord {
    SimRecord {
        at_ms,
        body,
        label: None,
        unknown_fields: false,
    }
}
