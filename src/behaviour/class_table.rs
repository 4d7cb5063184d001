//! The profiles of a tenant's classes and agent types.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::left_out::AskedProfile;
use super::limits::{PROFILES_MAX, TENANT_ENTRIES_MAX, YOUNG_TASKS};
use super::peer_volumes::ExpectedVolume;
use super::profile::{Learner, Profile};
use super::traits::{ActionTraits, hash_text};
use crate::event::{ProfileKind, ProfileName, TaskClass, TaskNotice, TaskUse, Text, words};

words! {
    /// What an action is compared with.
    ClassBasis {
        /// The tasks of its agent type and task class.
        TaskClass = "task_class",
        /// The tasks of its agent type that name no class: the action names none.
        AgentType = "agent_type",
        /// The earlier tasks of the agent: it has no type, and the action names no class.
        Agent = "agent",
    }
}

/// The class of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClassName<'a> {
    /// Empty for an agent without a type.
    pub agent_type: &'a str,
    pub task_class: Option<&'a str>,
}

/// What an action is compared with.
#[derive(Debug, Clone, Copy)]
pub struct ClassView<'a> {
    pub basis: ClassBasis,
    /// `None` as long as no task of the class ended clean.
    pub profile: Option<AskedProfile<'a>>,
    /// The agents of the same type.
    pub peers: Option<AskedProfile<'a>>,
}

/// The profiles of a tenant.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ClassTable {
    types: BTreeMap<Text, TypeProfiles>,
    profiles: usize,
    /// Entries of all profiles.
    entries: usize,
    /// The profiles to write at the next commit.
    changed: BTreeSet<ProfileName>,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct TypeProfiles {
    peers: Profile,
    /// By the task class.
    classes: BTreeMap<Text, Profile>,
    /// Of the tasks that name no class.
    unnamed: Option<Profile>,
}

/// A profile as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredProfile {
    pub name: ProfileName,
    pub profile: Profile,
}

/// What became of a clean task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LearnedCounts {
    /// Entries that had to go for new ones.
    pub dropped: u64,
    /// Profiles that had to go for a new one, or that there was no room for.
    pub refused: u64,
}

impl<'a> ClassName<'a> {
    /// With what such a task is compared.
    #[must_use]
    pub fn basis(&self) -> ClassBasis {
        match self.task_class {
            Some(_) => ClassBasis::TaskClass,
            None if self.agent_type.is_empty() => ClassBasis::Agent,
            None => ClassBasis::AgentType,
        }
    }

    /// A hash by which two classes are told apart.
    #[must_use]
    pub fn hash(&self) -> u64 {
        hash_text(self.agent_type).rotate_left(1) ^ self.task_class.map_or(0, hash_text)
    }
}

impl<'a> ClassView<'a> {
    /// By how much rarer a resource type with its verb is in the class than an average one, in
    /// bans. `None` as long as the class is young.
    #[must_use]
    pub fn rarity_of(&self, traits: &ActionTraits, at_ms: i64) -> Option<f32> {
        self.profile?.profile().rarity_of(traits.pair, at_ms)
    }

    /// Clean tasks of the class.
    #[must_use]
    pub fn tasks(&self) -> u32 {
        self.profile.map_or(0, |profile| profile.tasks())
    }

    /// The same without a task that class and peers have learned.
    #[must_use]
    pub fn without(self, task: &'a TaskUse) -> Self {
        ClassView {
            basis: self.basis,
            profile: self.profile.map(|profile| profile.without(task)),
            peers: self.peers.map(|peers| peers.without(task)),
        }
    }
}

/// A short key that differs from profile to profile.
fn key_of(name: &ProfileName) -> String {
    let (kind, class) = match &name.part {
        ProfileKind::Peers => ("peers", ""),
        ProfileKind::Unnamed => ("unnamed", ""),
        ProfileKind::Class(class) => ("class", class.as_str()),
    };
    let (agent_type, class) = (hash_text(&name.agent_type), hash_text(class));
    format!("{kind}/{agent_type:016x}/{class:016x}")
}

impl ClassTable {
    /// The number of profiles.
    #[must_use]
    pub fn len(&self) -> usize {
        self.profiles
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.profiles == 0
    }

    /// What an action of the class is compared with. `agent`: the agent's own profile.
    #[must_use]
    pub fn view<'t>(&'t self, class: ClassName<'_>, agent: Option<&'t Profile>) -> ClassView<'t> {
        let found = self.types.get(class.agent_type);
        let basis = class.basis();
        let profile = match (basis, class.task_class) {
            (ClassBasis::Agent, _) => agent,
            (_, Some(name)) => found.and_then(|one| one.classes.get(name)),
            (_, None) => found.and_then(|one| one.unnamed.as_ref()),
        };
        ClassView {
            basis,
            profile: profile.map(AskedProfile::whole),
            peers: found.map(|one| AskedProfile::whole(&one.peers)),
        }
    }

    /// What a new agent of a type is expected to do in a metric; `None` as long as too few agents
    /// of the type told what they do.
    #[must_use]
    pub fn expected_volume(
        &self,
        agent_type: &str,
        metric: &str,
        pane_ms: i64,
    ) -> Option<ExpectedVolume> {
        // Agents without a type have nothing in common.
        let known = self
            .types
            .get(agent_type)
            .filter(|_| !agent_type.is_empty());
        known?.peers.volumes().expected_of(metric, pane_ms)
    }

    /// Learns a clean task.
    pub fn learn_task(&mut self, notice: &TaskNotice) -> LearnedCounts {
        let mut counts = LearnedCounts::default();
        for name in profiles_of(notice) {
            let learner = match name.part {
                ProfileKind::Peers => Learner::AgentType,
                ProfileKind::Unnamed | ProfileKind::Class(_) => Learner::Class,
            };
            if self.profile(&name).is_none() && !self.make_room(&mut counts) {
                counts.refused += 1;
                continue;
            }
            let may_grow = self.entries < TENANT_ENTRIES_MAX;
            let mut profile = self.take(&name).unwrap_or_default();
            counts.dropped += profile.learn_task(notice, learner, may_grow);
            self.put(name.clone(), profile);
            self.changed.insert(name);
        }
        counts
    }

    /// Forgets a task that it has learned.
    pub fn forget_task(&mut self, notice: &TaskNotice) {
        for name in profiles_of(notice) {
            if let Some(mut profile) = self.take(&name) {
                profile.forget_task(&notice.used);
                if profile.tasks() > 0 {
                    self.put(name.clone(), profile);
                }
                self.changed.insert(name);
            }
        }
    }

    /// Forgets what a class has learned, or every class of an agent type and its peers. With a
    /// time, only what was first used then or later. Returns how many profiles changed.
    pub fn forget(&mut self, class: &TaskClass, since_ms: Option<i64>) -> usize {
        let meant = |name: &ProfileName| {
            name.agent_type == class.agent_type
                && match (&class.task_class, &name.part) {
                    (None, _) => true,
                    (Some(wanted), ProfileKind::Class(found)) => wanted == found,
                    (Some(_), ProfileKind::Peers | ProfileKind::Unnamed) => false,
                }
        };
        let names = self.iter().map(|(name, _)| name).filter(meant);
        let names: Vec<ProfileName> = names.collect();
        for name in &names {
            let kept = self.take(name).and_then(|known| known.before(since_ms));
            if let Some(profile) = kept {
                self.put(name.clone(), profile);
            }
            self.changed.insert(name.clone());
        }
        names.len()
    }

    /// Whether a profile that was learned elsewhere has room in the place of what is known.
    #[must_use]
    pub fn has_room_for(&self, name: &ProfileName, profile: &Profile) -> bool {
        let known = self.profile(name);
        let others = self.entries - known.map_or(0, Profile::entries);
        let full =
            known.is_none() && self.profiles >= PROFILES_MAX && self.oldest_young().is_none();
        !full && others + profile.entries() <= TENANT_ENTRIES_MAX
    }

    /// Puts a profile that was learned elsewhere in the place of what is known. Returns whether
    /// there was room for it.
    pub fn import(&mut self, name: ProfileName, profile: Profile) -> bool {
        if !self.has_room_for(&name, &profile) {
            return false;
        }
        if self.take(&name).is_none() {
            self.make_room(&mut LearnedCounts::default());
        }
        self.put(name.clone(), profile);
        self.changed.insert(name);
        true
    }

    /// Makes room for one more profile. One that is still young goes for it, that which learned
    /// longest ago; what has grown stays, so that inventing classes takes nothing from it.
    fn make_room(&mut self, counts: &mut LearnedCounts) -> bool {
        if self.profiles < PROFILES_MAX {
            return true;
        }
        let Some(name) = self.oldest_young() else {
            return false;
        };
        self.take(&name);
        self.changed.insert(name);
        counts.refused += 1;
        true
    }

    /// The young profile that learned longest ago.
    fn oldest_young(&self) -> Option<ProfileName> {
        let young = |(_, profile): &(ProfileName, &Profile)| profile.tasks() < YOUNG_TASKS;
        let young = self.iter().filter(young);
        let oldest = young.min_by_key(|(name, profile)| (profile.last_ms(), name.clone()));
        oldest.map(|(name, _)| name)
    }

    /// Every profile, in the order of their names.
    fn iter(&self) -> impl Iterator<Item = (ProfileName, &Profile)> {
        self.types.iter().flat_map(|(agent_type, one)| {
            let named = |part| ProfileName {
                agent_type: agent_type.clone(),
                part,
            };
            let peers = (one.peers.tasks() > 0).then(|| (named(ProfileKind::Peers), &one.peers));
            let unnamed = one.unnamed.iter();
            let unnamed = unnamed.map(move |profile| (named(ProfileKind::Unnamed), profile));
            let classes = one.classes.iter();
            let classes = classes
                .map(move |(class, profile)| (named(ProfileKind::Class(class.clone())), profile));
            peers.into_iter().chain(unnamed).chain(classes)
        })
    }

    fn profile(&self, name: &ProfileName) -> Option<&Profile> {
        let one = self.types.get(&name.agent_type)?;
        match &name.part {
            ProfileKind::Peers => Some(&one.peers).filter(|peers| peers.tasks() > 0),
            ProfileKind::Unnamed => one.unnamed.as_ref(),
            ProfileKind::Class(class) => one.classes.get(class),
        }
    }

    fn take(&mut self, name: &ProfileName) -> Option<Profile> {
        let one = self.types.get_mut(&name.agent_type)?;
        let taken = match &name.part {
            ProfileKind::Peers => Some(std::mem::take(&mut one.peers)).filter(|p| p.tasks() > 0),
            ProfileKind::Unnamed => one.unnamed.take(),
            ProfileKind::Class(class) => one.classes.remove(class),
        };
        if one.peers.tasks() == 0 && one.unnamed.is_none() && one.classes.is_empty() {
            self.types.remove(&name.agent_type);
        }
        if let Some(profile) = &taken {
            self.profiles -= 1;
            self.entries -= profile.entries();
        }
        taken
    }

    fn put(&mut self, name: ProfileName, profile: Profile) {
        self.profiles += 1;
        self.entries += profile.entries();
        let one = self.types.entry(name.agent_type).or_default();
        match name.part {
            ProfileKind::Peers => one.peers = profile,
            ProfileKind::Unnamed => one.unnamed = Some(profile),
            ProfileKind::Class(class) => {
                one.classes.insert(class, profile);
            }
        }
    }

    /// Takes over a profile that was stored.
    pub fn admit(&mut self, stored: StoredProfile) {
        self.take(&stored.name);
        self.put(stored.name, stored.profile);
    }

    /// The profiles that changed since the last call, each with its key; `None` for one that went.
    pub fn take_changed(&mut self) -> Vec<(String, Option<StoredProfile>)> {
        let changed = std::mem::take(&mut self.changed);
        let stored = |name: ProfileName| {
            let profile = self.profile(&name).cloned();
            let key = key_of(&name);
            (key, profile.map(|profile| StoredProfile { name, profile }))
        };
        changed.into_iter().map(stored).collect()
    }
}

/// The profiles that a task teaches.
fn profiles_of(notice: &TaskNotice) -> impl Iterator<Item = ProfileName> {
    let own = match &notice.task_class {
        Some(class) => Some(ProfileKind::Class(class.clone())),
        // Of an agent without a type: it has a profile of its own.
        None if notice.agent_type.is_empty() => None,
        None => Some(ProfileKind::Unnamed),
    };
    let parts = [Some(ProfileKind::Peers), own].into_iter().flatten();
    parts.map(|part| ProfileName {
        agent_type: notice.agent_type.clone(),
        part,
    })
}

#[cfg(test)]
mod tests;
