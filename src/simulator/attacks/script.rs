//! An attack being written: agents cast from the fleet, a time cursor, records and labels.

use crate::event::{AgentAction, AgentScope, DeclaredStatus, RecordBody, Text, Verb};

use super::super::agent::{
    AgentPhase, ReportingLevel, SimAgent, SimTask, concat_text, numbered_text,
};
use super::super::agent_types::{DeclarationMode, ORCHESTRATORS, TYPES, TaskClass, ToolCall};
use super::super::attack_kind::AttackKind;
use super::super::attack_label::AttackLabel;
use super::super::fleet_members::{FleetMembers, class_skeleton};
use super::super::schedule::{MINUTE_MS, SECOND_MS, minute_of_day, weekday};
use super::super::seeded_rng::SeededRng;

/// An agent is cast only when its current task is at least this old, ms. Before that its own scope
/// record may still be on its way.
const SETTLED_MS: i64 = MINUTE_MS;
/// How long an agent starts no task of its own after an attack, ms.
const QUIET_MS: i64 = 2 * MINUTE_MS;

/// An attack being written.
#[derive(Debug)]
pub struct AttackScript<'f> {
    fleet: &'f mut FleetMembers,
    kind: AttackKind,
    serial: u32,
    /// Time of the next record, epoch ms.
    pub now_ms: i64,
    pub rng: SeededRng,
    records: Vec<PlannedRecord>,
    labels: Vec<AttackLabel>,
    cast: Vec<usize>,
}

/// A record of a script.
#[derive(Debug)]
pub struct PlannedRecord {
    pub at_ms: i64,
    pub body: RecordBody,
    /// Index into the labels of the script.
    pub label: Option<u32>,
}

/// An agent that acts in the attack: a copy of a fleet agent, with a separate task.
#[derive(Debug, Clone)]
pub struct AttackActor {
    /// Index of the fleet agent that was copied; `None` for an invented agent.
    index: Option<usize>,
    pub agent: SimAgent,
    pub task: SimTask,
    /// Index of the actor's label in the script, set by its first wrong action.
    label: Option<u32>,
}

/// Whether a short attack in a task of `class` stays within the declared hours of the class.
fn is_within_hours(class: &TaskClass, now_ms: i64) -> bool {
    class.hours.is_none_or(|(from, to)| {
        let hour = minute_of_day(now_ms) / 60;
        weekday(now_ms) <= 5 && (u16::from(from)..u16::from(to) - 1).contains(&hour)
    })
}

impl<'f> AttackScript<'f> {
    #[must_use]
    pub(in crate::simulator) fn new(
        fleet: &'f mut FleetMembers,
        kind: AttackKind,
        serial: u32,
        now_ms: i64,
    ) -> Self {
        let rng = SeededRng::new(fleet.seed, (1 << 40) + u64::from(serial));
        AttackScript {
            fleet,
            kind,
            serial,
            now_ms,
            rng,
            records: Vec::new(),
            labels: Vec::new(),
            cast: Vec::new(),
        }
    }

    /// Ends the script. Returns its records, not yet sorted by time, and its labels.
    #[must_use]
    pub fn into_records(self) -> (Vec<PlannedRecord>, Vec<AttackLabel>) {
        let end_ms = self
            .records
            .iter()
            .map(|record| record.at_ms)
            .max()
            .unwrap_or(self.now_ms);
        for index in self.cast {
            if let Some(agent) = self.fleet.agents.get_mut(index) {
                agent.busy_until_ms = agent.busy_until_ms.max(end_ms + QUIET_MS);
            }
        }
        (self.records, self.labels)
    }

    /// Moves the time cursor forward by `ms`.
    pub fn advance_time(&mut self, ms: i64) {
        self.now_ms += ms;
    }

    /// Number of this attack in the fleet, from 0.
    #[must_use]
    pub fn serial(&self) -> u32 {
        self.serial
    }

    /// Casts a fleet agent that has a class which matches `fit`.
    pub fn cast_agent(
        &mut self,
        fit: impl Fn(&SimAgent, &TaskClass) -> bool,
    ) -> Option<AttackActor> {
        let count = self.fleet.agents.len();
        let from = self.rng.uniform_below(count as u32) as usize;
        let settled = |agent: &SimAgent| {
            agent.busy_until_ms <= self.now_ms
                && agent
                    .task
                    .as_ref()
                    .is_none_or(|t| t.started_ms + SETTLED_MS <= self.now_ms)
        };
        let found = (0..count)
            .map(|step| (from + step) % count)
            .find_map(|index| {
                let agent = self.fleet.agents.get(index)?;
                if agent.reporting != ReportingLevel::Full
                    || !settled(agent)
                    || self.cast.contains(&index)
                {
                    return None;
                }
                if agent.phase == AgentPhase::Dormant || agent.parent.is_some() {
                    return None;
                }
                let mut classes = agent.agent_type().classes.iter().enumerate();
                let class = classes
                    .find(|(_, class)| is_within_hours(class, self.now_ms) && fit(agent, class))?
                    .0;
                Some((index, class))
            });
        let (index, class) = found?;
        self.cast.push(index);
        let agent = self.fleet.agents.get(index)?.clone();
        Some(self.create_actor(Some(index), agent, class))
    }

    /// Casts an agent that declares each task by a scope record, of a class that matches `fit`.
    pub fn cast_declared(&mut self, fit: impl Fn(&TaskClass) -> bool) -> Option<AttackActor> {
        self.cast_agent(|agent, class| {
            agent.agent_type().declared == DeclarationMode::PerTask && fit(class)
        })
    }

    /// Casts an agent without children and without working hours, of a class with a call that
    /// matches `fit`. It declares its scope as altered by `change`, and acts as usual a few times.
    pub fn cast_with_scope(
        &mut self,
        fit: impl Fn(&ToolCall) -> bool,
        change: impl FnOnce(&mut AgentScope),
        benign_actions: u32,
    ) -> Option<AttackActor> {
        let mut actor = self.cast_declared(|class| {
            class.child_class.is_none() && class.hours.is_none() && class.calls.iter().any(&fit)
        })?;
        self.declare_changed_scope(&actor, change);
        self.add_benign_actions(&mut actor, benign_actions);
        Some(actor)
    }

    /// Creates an agent whose name is not in the fleet, of the type at `type_index`.
    pub fn invent_agent(&mut self, like: &SimAgent, type_index: usize, name: &str) -> AttackActor {
        let id = numbered_text(&concat_text(name, "-"), self.serial);
        let parts = self.records.len() as u32 + self.labels.len() as u32;
        let agent = SimAgent {
            index: 0x8000_0000 | (self.serial << 12) | (parts & 0xfff),
            type_index,
            id,
            events: 0,
            tasks: 0,
            cron: None,
            phase: AgentPhase::Idle,
            ..like.clone()
        };
        self.create_actor(None, agent, 0)
    }

    /// The actor's agent with a new task of the same class.
    pub fn start_new_task(&mut self, actor: &AttackActor) -> AttackActor {
        let mut agent = actor.agent.clone();
        if let Some(known) = actor.index.and_then(|index| self.fleet.agents.get(index)) {
            agent.tasks = known.tasks;
        }
        self.create_actor(actor.index, agent, actor.task.class)
    }

    fn create_actor(
        &mut self,
        index: Option<usize>,
        mut agent: SimAgent,
        class: usize,
    ) -> AttackActor {
        agent.rng = SeededRng::new(self.rng.next_u64(), 0);
        let task = agent.start_task(class, self.now_ms, "t-");
        let mut actor = AttackActor {
            index,
            agent,
            task,
            label: None,
        };
        // Also count in the fleet's agent, so that ids stay unique.
        self.keep_counters(&mut actor);
        actor
    }

    fn keep_counters(&mut self, actor: &mut AttackActor) {
        if let Some(agent) = actor
            .index
            .and_then(|index| self.fleet.agents.get_mut(index))
        {
            agent.tasks = actor.agent.tasks;
        }
    }

    /// Declares the actor's scope unchanged, then advances the time by a second.
    pub fn declare_scope(&mut self, actor: &AttackActor) {
        if actor.agent.agent_type().declared != DeclarationMode::Template {
            self.declare_changed_scope(actor, |_| ());
        }
    }

    /// Declares the actor's scope as altered by `change`, then advances the time by a second.
    pub fn declare_changed_scope(
        &mut self,
        actor: &AttackActor,
        change: impl FnOnce(&mut AgentScope),
    ) {
        self.add_scope(actor, change, None);
    }

    /// As [`AttackScript::declare_changed_scope`], for a scope that is wrong by itself: it belongs
    /// to the attack on `victim`, whose label says so.
    pub fn declare_wrong_scope(
        &mut self,
        actor: &AttackActor,
        victim: &mut AttackActor,
        change: impl FnOnce(&mut AgentScope),
    ) {
        let label = self.label_of(victim);
        self.add_scope(actor, change, Some(label));
    }

    fn add_scope(
        &mut self,
        actor: &AttackActor,
        change: impl FnOnce(&mut AgentScope),
        label: Option<u32>,
    ) {
        let (type_index, class) = (actor.agent.type_index, actor.task.class);
        let Some(skeleton) = class_skeleton(&self.fleet.skeletons, type_index, class) else {
            return;
        };
        let mut scope = actor.agent.declare_task_scope(&actor.task, skeleton);
        change(&mut scope);
        self.add_record(RecordBody::Scope(Box::new(scope)), label);
        self.advance_time(SECOND_MS);
    }

    /// Declares a new version of the actor's scope with another status, effective now.
    pub fn change_status(&mut self, actor: &AttackActor, status: DeclaredStatus) {
        let now_ms = self.now_ms;
        self.declare_changed_scope(actor, |scope| {
            scope.effective_from_ms = Some(now_ms);
            scope.status = status;
        });
    }

    /// Adds benign actions of the actor, one every two seconds.
    pub fn add_benign_actions(&mut self, actor: &mut AttackActor, actions: u32) {
        for _ in 0..actions {
            let Some(action) = self.compose_benign_action(actor, |_| true) else {
                return;
            };
            self.add_action(actor, action, false);
            self.advance_time(2 * SECOND_MS);
        }
    }

    /// Composes an action that the actor's class allows, of a call that matches `fit`. Its outcome
    /// is always "allowed".
    pub fn compose_benign_action(
        &mut self,
        actor: &mut AttackActor,
        fit: impl Fn(&ToolCall) -> bool,
    ) -> Option<AgentAction> {
        let calls = actor.agent.task_class(actor.task.class).calls;
        let fitting: Vec<&ToolCall> = calls
            .iter()
            .filter(|call| call.verb != Verb::Spawn && fit(call))
            .collect();
        let call = fitting.get(self.rng.uniform_below(fitting.len() as u32) as usize)?;
        Some(self.compose_call(actor, call))
    }

    /// Composes an action of `call` by the actor, with the outcome "allowed".
    pub fn compose_call(&mut self, actor: &mut AttackActor, call: &ToolCall) -> AgentAction {
        let (agent, task) = (&mut actor.agent, &mut actor.task);
        let mut action = agent.compose_action(task, call, self.now_ms);
        action.outcome = Some(crate::event::ActionOutcome::Allowed);
        action
    }

    /// Adds the action by which `parent` creates `child`, then advances the time by a second.
    pub fn add_spawn(&mut self, parent: &mut AttackActor, child: &AttackActor) -> Option<()> {
        let mut action = self.compose_spawn(parent)?;
        action.resource_id = Some(child.agent.id.clone());
        self.add_action(parent, action, false);
        self.advance_time(SECOND_MS);
        Some(())
    }

    /// Composes an action by which the actor creates an agent. The caller names the agent.
    pub fn compose_spawn(&mut self, actor: &mut AttackActor) -> Option<AgentAction> {
        let orchestrators = TYPES.get(ORCHESTRATORS)?.classes.first()?;
        let call = orchestrators
            .calls
            .iter()
            .find(|call| call.verb == Verb::Spawn)?;
        Some(self.compose_call(actor, call))
    }

    /// Adds a wrong action at the time cursor, or one of a benign twin, under the actor's label.
    pub fn add_labelled_action(&mut self, actor: &mut AttackActor, action: AgentAction) {
        self.add_action(actor, action, true);
    }

    /// Adds an action of the attack that shows nothing wrong by itself.
    pub fn add_unlabelled_action(&mut self, actor: &mut AttackActor, action: AgentAction) {
        self.add_action(actor, action, false);
    }

    /// As [`AttackScript::add_labelled_action`], for an action that is an attack of another kind
    /// than the script's.
    pub fn add_action_of_kind(
        &mut self,
        actor: &mut AttackActor,
        action: AgentAction,
        kind: AttackKind,
    ) {
        let own = std::mem::replace(&mut self.kind, kind);
        self.add_action(actor, action, true);
        self.kind = own;
    }

    fn add_action(&mut self, actor: &mut AttackActor, mut action: AgentAction, wrong: bool) {
        let seed = self.fleet.seed;
        action.event_id = Some(
            match actor
                .index
                .and_then(|index| self.fleet.agents.get_mut(index))
            {
                Some(agent) => agent.event_id(seed),
                None => actor.agent.event_id(seed),
            },
        );
        let label = wrong.then(|| self.label_of(actor));
        self.add_record(RecordBody::Action(Box::new(action)), label);
    }

    /// The actor's label in this script, created at its first use.
    fn label_of(&mut self, actor: &mut AttackActor) -> u32 {
        let label = actor.label.unwrap_or_else(|| self.create_label(actor));
        actor.label = Some(label);
        label
    }

    fn create_label(&mut self, actor: &AttackActor) -> u32 {
        let index = self.labels.len() as u32;
        let mut attack_id = numbered_text("a", self.serial);
        attack_id.push('.');
        self.labels.push(AttackLabel {
            attack_id: numbered_text(&attack_id, index),
            family: self.kind.family(),
            kind: self.kind,
            benign: self.kind.is_benign(),
            tenant: actor.agent.tenant.clone(),
            agent_id: actor.agent.id.clone(),
            accomplices: Vec::new(),
            first_event_id: Text::default(),
            event_ids: Vec::new(),
            scope_ids: Vec::new(),
            at_ms: self.now_ms,
            until_ms: self.now_ms,
            expected_rule: self.kind.expected_rule(),
        });
        index
    }

    /// Adds `other` to the accomplices of every label of this script's kind.
    pub fn add_accomplice(&mut self, other: &AttackActor) {
        self.allow_alert_about(other.agent.id.clone());
    }

    /// Adds who an alert may name besides the actors, to every label of this script's kind.
    pub fn allow_alert_about(&mut self, id: Text) {
        let kind = self.kind;
        for label in self.labels.iter_mut().filter(|label| label.kind == kind) {
            label.accomplices.push(id.clone());
        }
    }

    /// The actor's agent starts no task before `until_ms`.
    pub fn keep_idle_until(&mut self, actor: &AttackActor, until_ms: i64) {
        if let Some(agent) = actor
            .index
            .and_then(|index| self.fleet.agents.get_mut(index))
        {
            agent.busy_until_ms = until_ms;
        }
    }

    /// Adds a record at the time cursor.
    pub fn add_record(&mut self, body: RecordBody, label: Option<u32>) {
        self.records.push(PlannedRecord {
            at_ms: self.now_ms,
            body,
            label,
        });
    }
}
