//! Where scripts are written: a cast from the fleet, a cursor of time, records and labels.

use crate::event::{AgentAction, AgentScope, DeclaredStatus, RecordBody, Text, Verb};

use super::super::agent::{Agent, Gateway, Phase, Task, joined, numbered};
use super::super::catalogue::{Call, Declared, TaskClass};
use super::super::dice::Dice;
use super::super::fleet::{Fleet, skeleton};
use super::super::label::Label;
use super::super::rhythm::{MINUTE_MS, SECOND_MS, minute_of_day, weekday};
use super::Kind;

/// No agent is cast within this time of its task's beginning: its scope may still be on the way.
const SETTLED_MS: i64 = MINUTE_MS;
/// How long an agent starts nothing of its own after the script.
const QUIET_MS: i64 = 2 * MINUTE_MS;

/// A script being written.
#[derive(Debug)]
pub struct Stage<'f> {
    fleet: &'f mut Fleet,
    kind: Kind,
    serial: u32,
    /// The moment of the next record, epoch ms.
    pub now_ms: i64,
    pub dice: Dice,
    records: Vec<Planned>,
    labels: Vec<Label>,
    cast: Vec<usize>,
}

/// A record of a script.
#[derive(Debug)]
pub struct Planned {
    pub at_ms: i64,
    pub body: RecordBody,
    /// Index among the script's labels.
    pub label: Option<u32>,
}

/// An agent in its part: a copy with a task of the attack's own.
#[derive(Debug)]
pub struct Actor {
    /// The fleet agent whose name it has; `None` for invented ones.
    index: Option<usize>,
    pub agent: Agent,
    pub task: Task,
    /// The label of what it does wrong.
    label: Option<u32>,
}

/// Whether a short script in a task of `class` keeps within its declared hours.
fn open(class: &TaskClass, now_ms: i64) -> bool {
    class.hours.is_none_or(|(from, to)| {
        let hour = minute_of_day(now_ms) / 60;
        weekday(now_ms) <= 5 && (u16::from(from)..u16::from(to) - 1).contains(&hour)
    })
}

impl<'f> Stage<'f> {
    #[must_use]
    pub fn new(fleet: &'f mut Fleet, kind: Kind, serial: u32, now_ms: i64) -> Self {
        let dice = Dice::new(fleet.options.seed, (1 << 40) + u64::from(serial));
        Stage {
            fleet,
            kind,
            serial,
            now_ms,
            dice,
            records: Vec::new(),
            labels: Vec::new(),
            cast: Vec::new(),
        }
    }

    /// The script: records in no particular order, and its labels.
    #[must_use]
    pub fn finish(self) -> (Vec<Planned>, Vec<Label>) {
        let end_ms = self
            .records
            .iter()
            .map(|record| record.at_ms)
            .max()
            .unwrap_or(self.now_ms);
        for index in self.cast {
            if let Some(agent) = self.fleet.agents.get_mut(index) {
                agent.held_until_ms = agent.held_until_ms.max(end_ms + QUIET_MS);
            }
        }
        (self.records, self.labels)
    }

    /// Lets time pass.
    pub fn pass(&mut self, ms: i64) {
        self.now_ms += ms;
    }

    /// Which attack of the fleet this is.
    #[must_use]
    pub fn serial(&self) -> u32 {
        self.serial
    }

    /// Any agent of the fleet with a class that `fit`s.
    pub fn cast(&mut self, fit: impl Fn(&Agent, &TaskClass) -> bool) -> Option<Actor> {
        let count = self.fleet.agents.len();
        let from = self.dice.below(count as u32) as usize;
        let settled = |agent: &Agent| {
            agent.held_until_ms <= self.now_ms
                && agent
                    .task
                    .as_ref()
                    .is_none_or(|t| t.started_ms + SETTLED_MS <= self.now_ms)
        };
        let found = (0..count)
            .map(|step| (from + step) % count)
            .find_map(|index| {
                let agent = self.fleet.agents.get(index)?;
                if agent.gateway != Gateway::Full || !settled(agent) || self.cast.contains(&index) {
                    return None;
                }
                if agent.phase == Phase::Dormant || agent.parent.is_some() {
                    return None;
                }
                let mut classes = agent.kind().classes.iter().enumerate();
                let class = classes
                    .find(|(_, class)| open(class, self.now_ms) && fit(agent, class))?
                    .0;
                Some((index, class))
            });
        let (index, class) = found?;
        self.cast.push(index);
        let agent = self.fleet.agents.get(index)?.clone();
        Some(self.actor(Some(index), agent, class))
    }

    /// An agent that sends scope records.
    pub fn cast_declared(&mut self, fit: impl Fn(&TaskClass) -> bool) -> Option<Actor> {
        self.cast(|agent, class| agent.kind().declared == Declared::PerTask && fit(class))
    }

    /// An agent with another name than any of the fleet, of the type `kind`.
    pub fn invent(&mut self, like: &Agent, kind: usize, name: &str) -> Actor {
        let id = numbered(&joined(name, "-"), self.serial);
        let parts = self.records.len() as u32 + self.labels.len() as u32;
        let agent = Agent {
            ix: 0x8000_0000 | (self.serial << 12) | (parts & 0xfff),
            kind,
            id,
            events: 0,
            tasks: 0,
            cron: None,
            phase: Phase::Idle,
            ..like.clone()
        };
        self.actor(None, agent, 0)
    }

    /// The actor's agent in a new task of the same class.
    pub fn again(&mut self, actor: &Actor) -> Actor {
        let mut agent = actor.agent.clone();
        if let Some(known) = actor.index.and_then(|index| self.fleet.agents.get(index)) {
            agent.tasks = known.tasks;
        }
        self.actor(actor.index, agent, actor.task.class)
    }

    fn actor(&mut self, index: Option<usize>, mut agent: Agent, class: usize) -> Actor {
        agent.dice = Dice::new(self.dice.bits(), 0);
        let task = agent.begin(class, self.now_ms, "t-");
        let mut actor = Actor {
            index,
            agent,
            task,
            label: None,
        };
        // A clone's counters go on in the fleet's own agent, so that ids stay distinct.
        self.keep_counters(&mut actor);
        actor
    }

    fn keep_counters(&mut self, actor: &mut Actor) {
        if let Some(agent) = actor
            .index
            .and_then(|index| self.fleet.agents.get_mut(index))
        {
            agent.tasks = actor.agent.tasks;
        }
    }

    /// Declares the actor's scope as its class says, and lets a second pass.
    pub fn declare(&mut self, actor: &Actor) {
        if actor.agent.kind().declared != Declared::Template {
            self.declare_as(actor, |_| ());
        }
    }

    /// Declares the actor's scope after `change`.
    pub fn declare_as(&mut self, actor: &Actor, change: impl FnOnce(&mut AgentScope)) {
        let kind = actor.agent.kind;
        let Some(skeleton) = skeleton(&self.fleet.skeletons, kind, actor.task.class) else {
            return;
        };
        let mut scope = actor.agent.declare(&actor.task, skeleton);
        change(&mut scope);
        self.record(RecordBody::Scope(Box::new(scope)), None);
        self.pass(SECOND_MS);
    }

    /// A new version of the actor's scope from now on, of another status.
    pub fn change_status(&mut self, actor: &Actor, status: DeclaredStatus) {
        let now_ms = self.now_ms;
        self.declare_as(actor, |scope| {
            scope.effective_from_ms = Some(now_ms);
            scope.status = status;
        });
    }

    /// A few actions of the actor that are in order.
    pub fn cover(&mut self, actor: &mut Actor, actions: u32) {
        for _ in 0..actions {
            let Some(action) = self.ordinary(actor, |_| true) else {
                return;
            };
            self.act(actor, action, false);
            self.pass(2 * SECOND_MS);
        }
    }

    /// An action that the actor's class allows, of a call that `fit`s; always an allowed one.
    pub fn ordinary(
        &mut self,
        actor: &mut Actor,
        fit: impl Fn(&Call) -> bool,
    ) -> Option<AgentAction> {
        let calls = actor.agent.class(actor.task.class).calls;
        let fitting: Vec<&Call> = calls
            .iter()
            .filter(|call| call.verb != Verb::Spawn && fit(call))
            .collect();
        let call = fitting.get(self.dice.below(fitting.len() as u32) as usize)?;
        Some(self.of_call(actor, call))
    }

    /// An action of `call` by the actor.
    pub fn of_call(&mut self, actor: &mut Actor, call: &Call) -> AgentAction {
        let (agent, task) = (&mut actor.agent, &mut actor.task);
        let mut action = agent.compose(task, call, self.now_ms);
        action.outcome = Some(crate::event::ActionOutcome::Allowed);
        action
    }

    /// Something wrong, now.
    pub fn bad(&mut self, actor: &mut Actor, action: AgentAction) {
        self.act(actor, action, true);
    }

    fn act(&mut self, actor: &mut Actor, mut action: AgentAction, wrong: bool) {
        let seed = self.fleet.options.seed;
        action.event_id = Some(
            match actor.index.and_then(|ix| self.fleet.agents.get_mut(ix)) {
                Some(agent) => agent.event_id(seed),
                None => actor.agent.event_id(seed),
            },
        );
        let label = wrong.then(|| match actor.label {
            Some(label) => label,
            None => {
                let label = self.label(actor);
                actor.label = Some(label);
                label
            }
        });
        self.record(RecordBody::Action(Box::new(action)), label);
    }

    fn label(&mut self, actor: &Actor) -> u32 {
        let index = self.labels.len() as u32;
        let mut attack_id = numbered("a", self.serial);
        attack_id.push('.');
        self.labels.push(Label {
            attack_id: numbered(&attack_id, index),
            family: self.kind.family(),
            kind: self.kind,
            tenant: actor.agent.tenant.clone(),
            agent_id: actor.agent.id.clone(),
            accomplices: Vec::new(),
            first_event_id: Text::default(),
            event_ids: Vec::new(),
            at_ms: self.now_ms,
            until_ms: self.now_ms,
            expected_rule: self.kind.expected_rule(),
        });
        index
    }

    /// Notes that `other` took part in every attack of this script.
    pub fn accomplice(&mut self, other: &Actor) {
        for label in &mut self.labels {
            label.accomplices.push(other.agent.id.clone());
        }
    }

    /// The actor's agent starts nothing before `until_ms`.
    pub fn silence(&mut self, actor: &Actor, until_ms: i64) {
        if let Some(agent) = actor
            .index
            .and_then(|index| self.fleet.agents.get_mut(index))
        {
            agent.held_until_ms = until_ms;
        }
    }

    /// A record at the cursor.
    pub fn record(&mut self, body: RecordBody, label: Option<u32>) {
        self.records.push(Planned {
            at_ms: self.now_ms,
            body,
            label,
        });
    }
}
