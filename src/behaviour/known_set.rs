//! A bounded set of things that clean tasks used, with counts of tasks.

use serde::{Deserialize, Serialize};

use std::cmp::Reverse;

use super::limits::{
    FORGET_HOURS, LATER_HOURS, LATER_TASKS, LATER_TASKS_ALONE, LEARNING_MS, LEARNING_TASKS,
};

const HOUR_MS: i64 = 3_600_000;
const HOURS_PER_DAY: u32 = 24;

/// The things of one kind that a profile knows, in the order of their hashes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct KnownSet(Vec<KnownEntry>);

/// One thing, and which clean tasks used it. No part depends on the order in which the tasks came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct KnownEntry {
    hash: u64,
    tasks: u16,
    /// Hours since 1970 of the first and last of these tasks.
    first_hour: u32,
    last_hour: u32,
    /// The smallest and the greatest hash of an agent: they differ if there are several agents.
    agents: (u32, u32),
    /// A task used it while the class was learning.
    learned: bool,
}

/// An entry in an export: hash, tasks, first and last hour, smallest and greatest hash of an agent,
/// and whether it is known at once.
pub(super) type EntryImage = (u64, u16, u32, u32, u32, u32, bool);

/// A task that a set learns from.
#[derive(Debug, Clone, Copy)]
pub(super) struct LearnedTask {
    pub hour: u32,
    pub agent: u32,
    /// What it used is known at once.
    pub learning: bool,
}

/// What goes when a full set learns something new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MakesRoom {
    /// What was used longest ago.
    LongestUnused,
    /// Of what one agent used alone, something of that which used the most alone: an agent that
    /// invents names pushes out what it invented, and not what others use.
    WhoUsedMostAlone,
}

/// Who asks a set.
#[derive(Debug, Clone, Copy)]
pub(super) struct KnownAt {
    pub hour: u32,
    /// Only one agent has taught the profile.
    pub alone: bool,
}

/// Hours since 1970.
pub(super) fn hour_of(at_ms: i64) -> u32 {
    u32::try_from(at_ms.div_euclid(HOUR_MS)).unwrap_or(0)
}

impl KnownSet {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    fn find(&self, hash: u64) -> Result<usize, usize> {
        self.0.binary_search_by_key(&hash, |entry| entry.hash)
    }

    fn entry(&self, hash: u64, hour: u32) -> Option<&KnownEntry> {
        let entry = self.0.get(self.find(hash).ok()?)?;
        (!entry.is_forgotten(hour)).then_some(entry)
    }

    /// The clean tasks that used a thing.
    pub fn tasks_with(&self, hash: u64, hour: u32) -> u16 {
        self.entry(hash, hour).map_or(0, |entry| entry.tasks)
    }

    /// How many things with hashes from the first to the last of `span` one task each used, and in
    /// all how many uses there were of them. `left_out`: what a task used that does not count, in
    /// rising order.
    pub fn single_uses(
        &self,
        (first, last): (u64, u64),
        hour: u32,
        left_out: &[u64],
    ) -> (usize, usize) {
        let from = self.0.partition_point(|entry| entry.hash < first);
        let entries = self.0.iter().skip(from);
        let entries = entries.take_while(|entry| entry.hash <= last);
        let mut found = (0, 0);
        for entry in entries.filter(|entry| !entry.is_forgotten(hour)) {
            let without = u16::from(left_out.binary_search(&entry.hash).is_ok());
            let tasks = entry.tasks.saturating_sub(without);
            found.0 += usize::from(tasks == 1);
            found.1 += usize::from(tasks);
        }
        found
    }

    /// The sum over all things of the tasks that used them.
    pub fn count_uses(&self) -> u32 {
        self.0.iter().map(|entry| u32::from(entry.tasks)).sum()
    }

    /// Whether a thing is known to the class.
    pub fn is_known(&self, hash: u64, at: KnownAt) -> bool {
        let entry = self.entry(hash, at.hour);
        entry.is_some_and(|entry| entry.is_known(at.alone))
    }

    /// Whether the set has learned as long as a class learns at once: a set may begin later than
    /// its profile, because gateways begin to report a field.
    pub fn is_grown(&self, hour: u32) -> bool {
        let first_hour = self.0.iter().map(|entry| entry.first_hour).min();
        let learned_ms = first_hour
            .map(|first_hour| i64::from(hour.saturating_sub(first_hour)).saturating_mul(HOUR_MS));
        self.count_uses() >= LEARNING_TASKS && learned_ms.is_some_and(|ms| ms >= LEARNING_MS)
    }

    /// Whether something is known that at least so many tasks used.
    pub fn has_usual(&self, tasks: u32, at: KnownAt) -> bool {
        self.0.iter().any(|entry| {
            let usual = u32::from(entry.tasks) >= tasks && entry.is_known(at.alone);
            usual && !entry.is_forgotten(at.hour)
        })
    }

    /// Counts a task for each of the hashes. Returns how many entries had to go for new ones: the
    /// set never has more than `max`.
    pub fn learn(&mut self, hashes: &[u64], task: LearnedTask, max: usize, room: MakesRoom) -> u64 {
        let mut dropped = 0;
        for hash in hashes {
            match self.find(*hash) {
                Ok(index) => self.0[index].count(task),
                Err(_) if max == 0 => dropped += 1,
                Err(index) => {
                    self.0.insert(index, KnownEntry::new(*hash, task));
                    if self.0.len() > max {
                        self.drop_least(task.hour, room);
                        dropped += 1;
                    }
                }
            }
        }
        dropped
    }

    /// Takes back a task that was counted for each of the hashes.
    pub fn forget(&mut self, hashes: &[u64]) {
        for hash in hashes {
            if let Ok(index) = self.find(*hash) {
                let entry = &mut self.0[index];
                entry.tasks = entry.tasks.saturating_sub(1);
            }
        }
        self.0.retain(|entry| entry.tasks > 0);
    }

    /// Drops what was used longest ago, of that what the fewest tasks used, by hash at last.
    fn drop_least(&mut self, hour: u32, room: MakesRoom) {
        let day = |entry: &KnownEntry| entry.last_hour / HOURS_PER_DAY;
        let rank = |entry: &KnownEntry| (!entry.is_forgotten(hour), day(entry), entry.tasks);
        let alone = |entry: &KnownEntry| match room {
            MakesRoom::LongestUnused => 0,
            MakesRoom::WhoUsedMostAlone => self.count_alone(entry.agents),
        };
        let least = (0..self.0.len()).min_by_key(|index| {
            let entry = &self.0[*index];
            (Reverse(alone(entry)), rank(entry), entry.hash)
        });
        if let Some(index) = least {
            self.0.remove(index);
        }
    }

    /// How many things no other agent used, if it is one agent.
    fn count_alone(&self, agents: (u32, u32)) -> usize {
        let same = self.0.iter().filter(|entry| entry.agents == agents);
        if agents.0 == agents.1 {
            same.count()
        } else {
            0
        }
    }

    /// Forgets what was first used in this hour or later. What was only a candidate before it is
    /// one again, as of its first use: the later uses must not make it known.
    pub fn forget_since(&mut self, hour: u32) {
        self.0.retain(|entry| entry.first_hour < hour);
        for entry in &mut self.0 {
            if !entry.learned && entry.last_hour >= hour {
                entry.tasks = 1;
                entry.last_hour = entry.first_hour;
                entry.agents.1 = entry.agents.0;
            }
        }
    }

    /// The entries as an export writes them.
    pub fn image(&self) -> Vec<EntryImage> {
        let image = |entry: &KnownEntry| {
            let (least, greatest) = entry.agents;
            let hours = (entry.first_hour, entry.last_hour);
            let (hash, tasks, learned) = (entry.hash, entry.tasks, entry.learned);
            (hash, tasks, hours.0, hours.1, least, greatest, learned)
        };
        self.0.iter().map(image).collect()
    }

    /// The set that an export wrote, if it can have been learned by `hour`.
    pub fn of_image(entries: &[EntryImage], max: usize, hour: u32) -> Result<Self, String> {
        if entries.len() > max {
            return Err(format!("more than {max} entries"));
        }
        if !entries.is_sorted_by(|one, next| one.0 < next.0) {
            return Err("its hashes are not in rising order".to_owned());
        }
        let entry = |(hash, tasks, first_hour, last_hour, least, greatest, learned)| {
            let orders = first_hour <= last_hour && last_hour <= hour && least <= greatest;
            (orders && tasks > 0).then_some(KnownEntry {
                hash,
                tasks,
                first_hour,
                last_hour,
                agents: (least, greatest),
                learned,
            })
        };
        let entries = entries.iter().copied().map(entry);
        let entries: Option<Vec<KnownEntry>> = entries.collect();
        let entries = entries.ok_or("an entry without tasks, or whose parts are not in order")?;
        Ok(KnownSet(entries))
    }

    /// Drops what is forgotten.
    pub fn prune(&mut self, hour: u32) {
        self.0.retain(|entry| !entry.is_forgotten(hour));
    }

    #[cfg(test)]
    pub fn hashes(&self) -> Vec<u64> {
        self.0.iter().map(|entry| entry.hash).collect()
    }
}

impl KnownEntry {
    fn new(hash: u64, task: LearnedTask) -> Self {
        KnownEntry {
            hash,
            tasks: 1,
            first_hour: task.hour,
            last_hour: task.hour,
            agents: (task.agent, task.agent),
            learned: task.learning,
        }
    }

    fn count(&mut self, task: LearnedTask) {
        if self.is_forgotten(task.hour) {
            *self = KnownEntry::new(self.hash, task);
            return;
        }
        self.tasks = self.tasks.saturating_add(1);
        self.first_hour = self.first_hour.min(task.hour);
        self.last_hour = self.last_hour.max(task.hour);
        let (least, greatest) = self.agents;
        self.agents = (least.min(task.agent), greatest.max(task.agent));
        self.learned |= task.learning;
    }

    fn is_forgotten(&self, hour: u32) -> bool {
        hour.saturating_sub(self.last_hour) > FORGET_HOURS
    }

    /// Whether enough clean tasks used it: one while the class was learning, later several.
    fn is_known(&self, alone: bool) -> bool {
        if self.learned {
            return true;
        }
        let (first, last) = (self.first_hour, self.last_hour);
        if alone {
            let two_days = first / HOURS_PER_DAY != last / HOURS_PER_DAY;
            return self.tasks >= LATER_TASKS_ALONE && two_days;
        }
        let two_agents = self.agents.0 != self.agents.1;
        self.tasks >= LATER_TASKS && two_agents && last - first >= LATER_HOURS
    }
}
