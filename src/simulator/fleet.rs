//! The fleet's time: who wakes next, which records wait for theirs, when the next attack starts.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::event::{ActionOutcome, AgentScope, DeclaredStatus, ParentScope, RecordBody};

use super::agent::{Agent, Phase, STANDING_MS, TASK_MAX_MS, Task, may_be_late};
use super::attacks::{self, Stage};
use super::catalogue::{Call, Declared, TYPES};
use super::label::{Label, LabelRef};
use super::options::{FleetOptions, OptionsError};
use super::rhythm::{MINUTE_MS, SECOND_MS};
use super::waiting::Waiting;
use super::{launch, scope};
use crate::event::Verb;

/// The most records that wait for their time beyond three per agent; no attack starts above it.
pub const PENDING_MAX: usize = 200_000;

/// One record of the simulated world, in the order of delivery.
#[derive(Debug, Clone, PartialEq)]
pub struct SimRecord {
    /// When it is delivered, epoch ms; never before that of the record before it.
    pub at_ms: i64,
    /// An action, a scope or a control record; the simulator makes no links.
    pub body: RecordBody,
    /// The attack it belongs to, when it is a wrong action.
    pub label: Option<LabelRef>,
    /// The gateway adds fields that the vocabulary does not know; JSON can show them.
    pub unknown_fields: bool,
}

/// A fleet of agents as a stream of records; see [`Fleet::next`].
#[derive(Debug)]
pub struct Fleet {
    pub(super) options: FleetOptions,
    pub(super) agents: Vec<Agent>,
    /// Scopes by type and class, and by type for the day.
    pub(super) skeletons: Vec<Vec<AgentScope>>,
    standing: Vec<AgentScope>,
    wakes: BinaryHeap<Reverse<(i64, u32)>>,
    waiting: Waiting,
    labels: Vec<Label>,
    attack_next_ms: i64,
    attacks_made: u32,
}

impl Fleet {
    /// A fleet before its first moment.
    ///
    /// # Errors
    /// An option out of its range.
    pub fn new(options: FleetOptions) -> Result<Self, OptionsError> {
        options.check()?;
        let agents = launch::agents(&options);
        let skeletons = TYPES
            .iter()
            .map(|kind| {
                kind.classes
                    .iter()
                    .map(|c| scope::skeleton(kind, c, 0.0))
                    .collect()
            })
            .collect();
        let mut fleet = Fleet {
            skeletons,
            standing: TYPES.iter().map(scope::standing).collect(),
            wakes: BinaryHeap::with_capacity(agents.len()),
            waiting: Waiting::default(),
            labels: Vec::new(),
            attack_next_ms: options
                .attacks
                .as_ref()
                .map_or(i64::MAX, |plan| plan.from_ms),
            attacks_made: 0,
            options,
            agents,
        };
        for ix in 0..fleet.agents.len() {
            if fleet
                .agents
                .get(ix)
                .is_some_and(|agent| agent.phase == Phase::Idle)
            {
                let first_ms = fleet.rest(ix, fleet.options.start_ms);
                fleet.wakes.push(Reverse((first_ms, ix as u32)));
            }
        }
        Ok(fleet)
    }

    /// The labels of the attacks whose events have been emitted so far, as far as they have.
    #[must_use]
    pub fn labels(&self) -> Vec<Label> {
        self.labels
            .iter()
            .filter(|label| !label.event_ids.is_empty())
            .cloned()
            .collect()
    }

    /// Every attack planned so far; [`LabelRef::index`] points here.
    #[must_use]
    pub fn planned(&self) -> &[Label] {
        &self.labels
    }

    /// Records that wait for their time.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.waiting.len()
    }

    /// `(tenant, id)` of every agent that belongs to the fleet.
    pub fn roster(&self) -> impl Iterator<Item = (&str, &str)> {
        self.agents
            .iter()
            .map(|agent| (agent.tenant.as_str(), agent.id.as_str()))
    }

    fn step(&mut self) -> Option<SimRecord> {
        loop {
            let wake_ms = self
                .wakes
                .peek()
                .map_or(i64::MAX, |Reverse((at_ms, _))| *at_ms);
            let wait_ms = self.waiting.next_ms().unwrap_or(i64::MAX);
            let now_ms = wake_ms.min(wait_ms);
            if self.attack_next_ms <= now_ms && self.attack_next_ms < self.options.end_ms {
                self.attack();
                continue;
            }
            if wait_ms <= wake_ms {
                let record = self.waiting.pop()?;
                return Some(self.note(record));
            }
            if wake_ms >= self.options.end_ms {
                self.wakes.clear();
                continue;
            }
            let ix = self.wakes.peek().map_or(0, |Reverse((_, ix))| *ix as usize);
            let (made, next_ms) = self.wake(ix, wake_ms);
            self.reschedule(next_ms);
            if made.is_some() {
                return made;
            }
        }
    }

    /// Puts the agent on top of the heap to its next time, or takes it off.
    fn reschedule(&mut self, next_ms: Option<i64>) {
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

    /// One turn of an agent: at most one record now, and when it wants its next turn.
    fn wake(&mut self, ix: usize, now_ms: i64) -> (Option<SimRecord>, Option<i64>) {
        match self.agents.get(ix).map(|agent| agent.phase) {
            Some(Phase::Idle) => self.begin(ix, now_ms),
            Some(Phase::Acting) => self.act(ix, now_ms),
            Some(Phase::Ending) => self.end(ix, now_ms),
            Some(Phase::Dormant) | None => (None, None),
        }
    }

    fn begin(&mut self, ix: usize, now_ms: i64) -> (Option<SimRecord>, Option<i64>) {
        let Some(agent) = self.agents.get_mut(ix) else {
            return (None, None);
        };
        if agent.held_until_ms > now_ms {
            let resume_ms = agent.held_until_ms;
            return (
                None,
                Some(agent.kind().rhythm.after(resume_ms, agent.idle_ms / 4.0)),
            );
        }
        let class = agent.dice.below(agent.kind().classes.len() as u32) as usize;
        let task = agent.begin(class, now_ms, "t-");
        agent.phase = Phase::Acting;
        let next_ms = now_ms + agent.lead_ms();
        let record = match agent.kind().declared {
            Declared::Template => None,
            Declared::Standing if agent.standing_until_ms > now_ms + TASK_MAX_MS => None,
            Declared::Standing => {
                agent.standing_until_ms = now_ms + STANDING_MS;
                self.standing
                    .get(agent.kind)
                    .map(|day| agent.declare_standing(now_ms, day))
            }
            Declared::PerTask => skeleton(&self.skeletons, agent.kind, class)
                .map(|skeleton| agent.declare(&task, skeleton)),
        };
        let late = may_be_late(agent) && agent.dice.chance(40);
        let late_ms = now_ms + agent.dice.between(SECOND_MS, 10 * SECOND_MS);
        agent.task = Some(Box::new(task));
        match record {
            None => self.act(ix, now_ms),
            Some(scope) if late => {
                self.wait(late_ms, RecordBody::Scope(Box::new(scope)), None);
                self.act(ix, now_ms)
            }
            Some(scope) => (
                Some(plain(now_ms, RecordBody::Scope(Box::new(scope)))),
                Some(next_ms),
            ),
        }
    }

    fn act(&mut self, ix: usize, now_ms: i64) -> (Option<SimRecord>, Option<i64>) {
        let seed = self.options.seed;
        let spawned = self.free_child(ix, now_ms);
        let Some(agent) = self.agents.get_mut(ix) else {
            return (None, None);
        };
        let Some(mut task) = agent.task.take() else {
            return (None, None);
        };
        let call = draw(agent, &task, spawned.is_some());
        let mut action = agent.compose(&mut task, call, now_ms);
        action.event_id = Some(agent.event_id(seed));
        let gap_ms = (agent.dice.exponential(agent.gap_ms) as i64).max(1);
        task.left = task.left.saturating_sub(1);
        let mut next_ms = now_ms + gap_ms;
        if task.left == 0 || next_ms > task.deadline_ms {
            agent.phase = Phase::Ending;
            next_ms = now_ms + agent.lead_ms();
        }
        let noise = agent.dice.below(2_000);
        let unknown_fields = agent.dice.chance(15);
        let delay_ms = match noise {
            0..8 => agent.dice.between(5 * SECOND_MS, 4 * MINUTE_MS),
            8..20 => agent.dice.between(30, (3 * gap_ms).clamp(31, 800)),
            _ => 0,
        };
        if call.verb == Verb::Spawn
            && let Some(child) = spawned
        {
            action.resource_id = Some(self.agent_id(child));
            action.outcome = Some(ActionOutcome::Allowed);
            self.spawn(ix, &task, child, now_ms);
        }
        if let Some(agent) = self.agents.get_mut(ix) {
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
                self.wait(now_ms + delay_ms, record.body, None);
                (None, Some(next_ms))
            }
            8..20 => {
                self.wait(now_ms + delay_ms, record.body.clone(), None);
                (Some(record), Some(next_ms))
            }
            _ => (Some(record), Some(next_ms)),
        }
    }

    fn end(&mut self, ix: usize, now_ms: i64) -> (Option<SimRecord>, Option<i64>) {
        let Some(agent) = self.agents.get_mut(ix) else {
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
            Phase::Dormant
        } else {
            Phase::Idle
        };
        let task = agent.task.take();
        let record = task
            .filter(|_| agent.kind().declared == Declared::PerTask)
            .and_then(|task| {
                let skeleton = skeleton(&self.skeletons, agent.kind, task.class)?;
                let mut scope = agent.declare(&task, skeleton);
                scope.effective_from_ms = Some(now_ms);
                scope.status = DeclaredStatus::Completed;
                Some(plain(now_ms, RecordBody::Scope(Box::new(scope))))
            });
        if let Some(parent) = parent.and_then(|parent| self.agents.get_mut(parent as usize)) {
            parent.children_busy = parent.children_busy.saturating_sub(1);
            return (record, None);
        }
        let next_ms = self.rest(ix, now_ms);
        (record, Some(next_ms))
    }

    /// When an agent that has nothing to do starts its next task.
    fn rest(&mut self, ix: usize, now_ms: i64) -> i64 {
        let Some(agent) = self.agents.get_mut(ix) else {
            return i64::MAX;
        };
        match agent.cron {
            Some(plan) => plan.next(now_ms),
            None => {
                let wait_ms = agent.dice.exponential(agent.idle_ms).max(1.0);
                agent.kind().rhythm.after(now_ms, wait_ms)
            }
        }
    }

    /// A dormant child of an orchestrator that still has time for one.
    fn free_child(&self, ix: usize, now_ms: i64) -> Option<u32> {
        let agent = self.agents.get(ix)?;
        let (first, count) = agent.children;
        let room_ms = agent
            .task
            .as_ref()
            .map_or(0, |task| task.deadline_ms - now_ms);
        if count == 0 || room_ms < 30 * MINUTE_MS {
            return None;
        }
        (first..first + count).find(|child| {
            self.agents
                .get(*child as usize)
                .is_some_and(|child| child.phase == Phase::Dormant)
        })
    }

    fn agent_id(&self, ix: u32) -> crate::event::Text {
        self.agents
            .get(ix as usize)
            .map(|agent| agent.id.clone())
            .unwrap_or_default()
    }

    /// Wakes a child with a task below `task`; its first turn declares its scope.
    fn spawn(&mut self, parent_ix: usize, task: &Task, child_ix: u32, now_ms: i64) {
        let parent = ParentScope {
            agent_id: self.agent_id(parent_ix as u32),
            scope_id: Some(task.scope_id.clone()),
        };
        let Some(child) = self.agents.get_mut(child_ix as usize) else {
            return;
        };
        let scope_ms = now_ms + child.lead_ms() / 2;
        let mut below = child.begin(0, scope_ms, "t-");
        below.chain = vec![parent.agent_id.clone(), child.id.clone()];
        below.parent = Some(parent);
        below.deadline_ms = task.deadline_ms - MINUTE_MS;
        below.expires_ms = task.expires_ms;
        child.phase = Phase::Acting;
        let first_ms = scope_ms + child.lead_ms();
        let scope = skeleton(&self.skeletons, child.kind, 0).map(|s| child.declare(&below, s));
        child.task = Some(Box::new(below));
        if let Some(scope) = scope {
            self.wait(scope_ms, RecordBody::Scope(Box::new(scope)), None);
        }
        // Later than now, so the heap's top stays the parent whose turn this is.
        self.wakes.push(Reverse((first_ms, child_ix)));
        if let Some(parent) = self.agents.get_mut(parent_ix) {
            parent.children_busy += 1;
        }
    }

    fn wait(&mut self, at_ms: i64, body: RecordBody, label: Option<LabelRef>) {
        self.waiting.push(SimRecord {
            label,
            ..plain(at_ms, body)
        });
    }

    /// Starts the next attack of the plan, when there is an agent for it and room for its records.
    fn attack(&mut self) {
        let Some(plan) = self.options.attacks.clone() else {
            self.attack_next_ms = i64::MAX;
            return;
        };
        let now_ms = self.attack_next_ms;
        let kind = plan
            .kinds
            .get(self.attacks_made as usize % plan.kinds.len().max(1))
            .copied();
        let over = plan.attacks_max.is_some_and(|max| self.attacks_made >= max);
        let Some(kind) = kind.filter(|_| !over) else {
            self.attack_next_ms = i64::MAX;
            return;
        };
        self.attack_next_ms = now_ms.saturating_add(plan.spacing_ms);
        let serial = self.attacks_made;
        self.attacks_made += 1;
        if self.waiting.len() > PENDING_MAX {
            return;
        }
        let mut stage = Stage::new(self, kind, serial, now_ms);
        attacks::perform(kind, &mut stage);
        let (records, labels) = stage.finish();
        let first = self.labels.len() as u32;
        self.labels.extend(labels);
        for planned in records {
            let label = planned.label.map(|label| LabelRef {
                index: first + label,
                kind,
            });
            self.wait(planned.at_ms.max(now_ms), planned.body, label);
        }
    }

    /// Notes an emitted record with its label.
    fn note(&mut self, record: SimRecord) -> SimRecord {
        let label = record
            .label
            .and_then(|label| self.labels.get_mut(label.index as usize));
        if let (Some(label), RecordBody::Action(action)) = (label, &record.body)
            && let Some(event_id) = &action.event_id
        {
            if label.event_ids.is_empty() {
                label.first_event_id = event_id.clone();
                label.at_ms = record.at_ms;
            }
            label.until_ms = record.at_ms;
            label.event_ids.push(event_id.clone());
        }
        record
    }
}

impl Iterator for Fleet {
    type Item = SimRecord;

    /// The next record in the order of delivery; `None` after the fleet's end, once late
    /// deliveries and attacks under way have come out too.
    fn next(&mut self) -> Option<SimRecord> {
        self.step()
    }
}

fn plain(at_ms: i64, body: RecordBody) -> SimRecord {
    SimRecord {
        at_ms,
        body,
        label: None,
        unknown_fields: false,
    }
}

/// The scope of a class.
pub(super) fn skeleton(
    skeletons: &[Vec<AgentScope>],
    kind: usize,
    class: usize,
) -> Option<&AgentScope> {
    skeletons.get(kind).and_then(|classes| classes.get(class))
}

/// A call of the task's class, by weight; a spawn only when there is a child to wake.
fn draw(agent: &mut Agent, task: &Task, may_spawn: bool) -> &'static Call {
    let calls = agent.class(task.class).calls;
    let open = |call: &&Call| may_spawn || call.verb != Verb::Spawn;
    let total: u32 = calls.iter().filter(open).map(|call| call.weight).sum();
    let mut left = agent.dice.below(total);
    for call in calls.iter().filter(open) {
        if left < call.weight {
            return call;
        }
        left -= call.weight;
    }
    &calls[0]
}
