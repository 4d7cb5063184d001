//! What the clean tasks of a class, an agent type or one agent have used.

use serde::{Deserialize, Serialize};

use super::known_set::{KnownAt, KnownSet, LearnedTask, MakesRoom, hour_of};
use super::limits::{
    AGENT_SHARE, DESTINATIONS_MAX, FRESH_SHARE, FRESH_USES, LEARNING_MS, LEARNING_TASKS,
    MODELS_MAX, OBJECTS_MAX, PAIRS_MAX, RESOURCES_MAX, TOOLS_MAX, YOUNG_TASKS,
};
use super::peer_volumes::PeerVolumes;
use super::traits::objects_of;
use crate::event::{TaskNotice, TaskUse};

/// What the clean tasks of a class, an agent type or one agent have used.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Profile {
    /// Clean tasks.
    pub(super) tasks: u32,
    /// Stream time of the end of the first and the last of them, epoch milliseconds.
    pub(super) first_ms: i64,
    pub(super) last_ms: i64,
    /// The smallest and the greatest hash of an agent.
    pub(super) agents: (u32, u32),
    pub(super) pairs: KnownSet,
    pub(super) destinations: KnownSet,
    pub(super) resources: KnownSet,
    pub(super) tools: KnownSet,
    pub(super) models: KnownSet,
    pub(super) objects: KnownSet,
    /// Tasks per hour of the day; empty before the first.
    pub(super) hours: Vec<u16>,
    /// The sum over all pairs of the tasks that used them.
    pub(super) pair_uses: u32,
    /// What agents of the type usually do; of peers only.
    pub(super) volumes: PeerVolumes,
}

/// Whose profile learns: it decides how much there is room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Learner {
    Class,
    /// The peers: only destinations and resources are asked for.
    AgentType,
    Agent,
}

/// How many things of each kind a profile knows at most.
#[derive(Debug, Clone, Copy)]
pub(super) struct ProfileRoom {
    pub destinations: usize,
    pub resources: usize,
    pub pairs: usize,
    pub tools: usize,
    pub models: usize,
    pub objects: usize,
}

impl Learner {
    pub(super) fn room(self) -> ProfileRoom {
        let share = match self {
            Learner::Agent => AGENT_SHARE,
            Learner::Class | Learner::AgentType => 1,
        };
        // The peers are not asked for the rest.
        let other = |max: usize| match self {
            Learner::AgentType => 0,
            Learner::Class | Learner::Agent => max / share,
        };
        ProfileRoom {
            destinations: DESTINATIONS_MAX / share,
            resources: RESOURCES_MAX / share,
            pairs: other(PAIRS_MAX),
            tools: other(TOOLS_MAX),
            models: match self {
                Learner::AgentType => 0,
                Learner::Class | Learner::Agent => MODELS_MAX,
            },
            objects: other(OBJECTS_MAX),
        }
    }
}

/// What a profile is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProfilePart {
    Pair,
    Destination,
    Resource,
    Tool,
}

impl Profile {
    /// The clean tasks that it has learned.
    #[must_use]
    pub fn tasks(&self) -> u32 {
        self.tasks
    }

    /// Stream time at which it last learned, epoch milliseconds.
    #[must_use]
    pub fn last_ms(&self) -> i64 {
        self.last_ms
    }

    /// The number of things that it knows, or has as candidates.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.sets().iter().map(|set| set.len()).sum()
    }

    /// What agents of the type usually do.
    #[must_use]
    pub(super) fn volumes(&self) -> &PeerVolumes {
        &self.volumes
    }

    fn sets(&self) -> [&KnownSet; 6] {
        [
            &self.pairs,
            &self.destinations,
            &self.resources,
            &self.tools,
            &self.models,
            &self.objects,
        ]
    }

    fn part(&self, part: ProfilePart) -> &KnownSet {
        match part {
            ProfilePart::Pair => &self.pairs,
            ProfilePart::Destination => &self.destinations,
            ProfilePart::Resource => &self.resources,
            ProfilePart::Tool => &self.tools,
        }
    }

    fn known_at(&self, at_ms: i64) -> KnownAt {
        KnownAt {
            hour: hour_of(at_ms),
            alone: self.agents.0 == self.agents.1,
        }
    }

    /// Whether a thing is known.
    pub(super) fn is_known(&self, part: ProfilePart, hash: u64, at_ms: i64) -> bool {
        self.part(part).is_known(hash, self.known_at(at_ms))
    }

    /// Whether a model is one that the clean tasks did not use. None is new as long as no model is
    /// known that five of them used: their gateway may name models only since yesterday.
    pub(super) fn is_new_model(&self, hash: u64, at_ms: i64) -> bool {
        let at = self.known_at(at_ms);
        !self.models.is_known(hash, at) && self.models.has_usual(YOUNG_TASKS, at)
    }

    /// The clean tasks that used a thing.
    pub(super) fn tasks_with(&self, part: ProfilePart, hash: u64, at_ms: i64) -> u16 {
        self.part(part).tasks_with(hash, hour_of(at_ms))
    }

    /// By how much rarer a pair is among the clean tasks than the average pair, in bans; 0 for one
    /// that is not rarer, so that what is usual cannot make up for what is not. `None` as long as
    /// the class is young.
    pub(super) fn rarity_of(&self, pair: u64, at_ms: i64) -> Option<f32> {
        if self.tasks < YOUNG_TASKS || self.pair_uses == 0 {
            return None;
        }
        let average = f64::from(self.pair_uses) / self.pairs.len().max(1) as f64;
        // Half a task for what nobody has used yet.
        let with = f64::from(self.tasks_with(ProfilePart::Pair, pair, at_ms)) + 0.5;
        Some((average / with).log10().max(0.0) as f32)
    }

    /// Whether the resource of such a pair is often a new one, among those that the task had used
    /// before, or had not. `left_out`: objects of a task that does not count.
    pub(super) fn expects_fresh(
        &self,
        pair: u64,
        used_before: bool,
        hour: u32,
        left_out: &[u64],
    ) -> bool {
        let span = objects_of(pair, used_before);
        let (single, uses) = self.objects.single_uses(span, hour, left_out);
        single >= FRESH_USES && FRESH_SHARE * single >= uses
    }

    /// Whether one destination in [`FRESH_SHARE`] is usually a new one.
    pub(super) fn expects_new_destination(&self, at_ms: i64) -> bool {
        let (single, uses) = self
            .destinations
            .single_uses((0, u64::MAX), hour_of(at_ms), &[]);
        single >= FRESH_USES && FRESH_SHARE * single >= uses
    }

    /// Whether a task was busy in this hour of the day.
    pub(super) fn knows_hour(&self, hour: usize) -> bool {
        self.hours.get(hour).is_some_and(|tasks| *tasks > 0)
    }

    /// What was learned before a time: what was first used then or later is forgotten. Of the rest
    /// the counts stay, for they keep no times. `None` if nothing was learned before, or without a
    /// time.
    #[must_use]
    pub fn before(mut self, since_ms: Option<i64>) -> Option<Self> {
        let since_ms = since_ms.filter(|since_ms| self.first_ms < *since_ms)?;
        let sets = [
            &mut self.pairs,
            &mut self.destinations,
            &mut self.resources,
            &mut self.tools,
            &mut self.models,
            &mut self.objects,
        ];
        for set in sets {
            set.forget_since(hour_of(since_ms));
        }
        self.pair_uses = self.pairs.count_uses();
        // They keep no times either, but are told again every day.
        self.volumes = PeerVolumes::default();
        Some(self)
    }

    /// Learns a clean task. `may_grow`: whether the tenant has room for more entries. Returns how
    /// many entries had to go for new ones.
    pub fn learn_task(&mut self, notice: &TaskNotice, learner: Learner, may_grow: bool) -> u64 {
        let ended_ms = notice.ended_ms;
        if self.tasks == 0 {
            self.first_ms = ended_ms;
            self.last_ms = ended_ms;
            self.agents = (notice.agent, notice.agent);
        }
        self.first_ms = self.first_ms.min(ended_ms);
        self.last_ms = self.last_ms.max(ended_ms);
        let (least, greatest) = self.agents;
        self.agents = (least.min(notice.agent), greatest.max(notice.agent));
        let aged = ended_ms.saturating_sub(self.first_ms) >= LEARNING_MS;
        let task = LearnedTask {
            hour: hour_of(ended_ms),
            agent: notice.agent,
            learning: notice.teaching || self.tasks < LEARNING_TASKS || !aged,
        };
        let models = LearnedTask {
            learning: task.learning || !self.models.is_grown(task.hour),
            ..task
        };
        self.tasks = self.tasks.saturating_add(1);
        let room = learner.room();
        let used = &notice.used;
        let peers = learner == Learner::AgentType;
        let rows = [
            (
                &mut self.destinations,
                &used.destinations,
                room.destinations,
            ),
            (&mut self.resources, &used.resources, room.resources),
            (&mut self.pairs, &used.pairs, room.pairs),
            (&mut self.tools, &used.tools, room.tools),
            (&mut self.objects, &used.objects, room.objects),
        ];
        let room_in = |set: &KnownSet, max: usize| match may_grow {
            true => max,
            false => set.len().min(max),
        };
        let mut dropped = 0;
        for (set, hashes, max) in rows.into_iter().take(if peers { 2 } else { 5 }) {
            set.prune(task.hour);
            let max = room_in(set, max);
            dropped += set.learn(hashes, task, max, MakesRoom::LongestUnused);
        }
        if peers {
            self.volumes.learn(notice.agent, &notice.volumes);
        } else {
            self.models.prune(task.hour);
            let max = room_in(&self.models, room.models);
            dropped += self
                .models
                .learn(&used.models, models, max, MakesRoom::WhoUsedMostAlone);
            self.learn_hours(used.hours);
            self.pair_uses = self.pairs.count_uses();
        }
        dropped
    }

    /// Forgets a task that it has learned.
    pub fn forget_task(&mut self, used: &TaskUse) {
        self.tasks = self.tasks.saturating_sub(1);
        for (set, hashes) in [
            (&mut self.destinations, &used.destinations),
            (&mut self.resources, &used.resources),
            (&mut self.pairs, &used.pairs),
            (&mut self.tools, &used.tools),
            (&mut self.models, &used.models),
            (&mut self.objects, &used.objects),
        ] {
            set.forget(hashes);
        }
        self.pair_uses = self.pairs.count_uses();
        for (hour, tasks) in self.hours.iter_mut().enumerate() {
            *tasks = tasks.saturating_sub((used.hours >> hour & 1) as u16);
        }
    }

    fn learn_hours(&mut self, hours: u32) {
        self.hours.resize(24, 0);
        for (hour, tasks) in self.hours.iter_mut().enumerate() {
            if hours >> hour & 1 == 1 {
                *tasks = tasks.saturating_add(1);
            }
        }
    }
}

#[cfg(test)]
mod tests;
