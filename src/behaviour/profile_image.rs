//! A profile as text for another Scopewatch: it is written by an export and read by an import.

use serde::{Deserialize, Serialize};

use super::known_set::{EntryImage, KnownSet, hour_of};
use super::peer_volumes::PeerVolumes;
use super::profile::{Learner, Profile};

const HOURS: usize = 24;

/// Everything that a profile knows. An entry is its hash, its tasks, the hours of the first and the
/// last of them since 1970, the smallest and the greatest hash of their agents, and whether it was
/// used while the class was learning.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileImage {
    tasks: u32,
    first_ms: i64,
    last_ms: i64,
    agents: (u32, u32),
    pairs: Vec<EntryImage>,
    destinations: Vec<EntryImage>,
    resources: Vec<EntryImage>,
    tools: Vec<EntryImage>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    models: Vec<EntryImage>,
    objects: Vec<EntryImage>,
    hours: Vec<u16>,
    #[serde(default, skip_serializing_if = "PeerVolumes::is_empty")]
    volumes: PeerVolumes,
}

impl ProfileImage {
    #[must_use]
    pub fn of_profile(profile: &Profile) -> Self {
        ProfileImage {
            tasks: profile.tasks,
            first_ms: profile.first_ms,
            last_ms: profile.last_ms,
            agents: profile.agents,
            pairs: profile.pairs.image(),
            destinations: profile.destinations.image(),
            resources: profile.resources.image(),
            tools: profile.tools.image(),
            models: profile.models.image(),
            objects: profile.objects.image(),
            hours: profile.hours.clone(),
            volumes: profile.volumes.clone(),
        }
    }

    /// The profile that a text says, as [`Self::into_profile`].
    ///
    /// # Errors
    /// What is wrong with it, in one sentence.
    pub fn read_profile(text: &str, learner: Learner, until_ms: i64) -> Result<Profile, String> {
        let image: ProfileImage = serde_json::from_str(text).map_err(|error| error.to_string())?;
        image.into_profile(learner, until_ms)
    }

    /// The profile, if a Scopewatch can have learned it by `until_ms`.
    ///
    /// # Errors
    /// What is wrong with it, in one sentence.
    pub fn into_profile(self, learner: Learner, until_ms: i64) -> Result<Profile, String> {
        let times = 0 <= self.first_ms && self.first_ms <= self.last_ms;
        if !times || self.last_ms > until_ms {
            return Err("its times are not in order, or later than the import".to_owned());
        }
        if self.tasks == 0 || self.agents.0 > self.agents.1 {
            return Err("it has no task, or its agents are not in order".to_owned());
        }
        if !matches!(self.hours.len(), 0 | HOURS) {
            return Err(format!("it has {} hours of the day", self.hours.len()));
        }
        let volumes = &self.volumes;
        if learner != Learner::AgentType && !volumes.is_empty() {
            return Err("`volumes` are known of an agent type only".to_owned());
        }
        volumes
            .check()
            .map_err(|problem| format!("`volumes`: {problem}"))?;
        let last_hour = hour_of(self.last_ms);
        let room = learner.room();
        let set = |name: &str, entries: &[EntryImage], max: usize| {
            KnownSet::of_image(entries, max, last_hour)
                .map_err(|problem| format!("`{name}`: {problem}"))
        };
        let pairs = set("pairs", &self.pairs, room.pairs)?;
        Ok(Profile {
            pair_uses: pairs.count_uses(),
            tasks: self.tasks,
            first_ms: self.first_ms,
            last_ms: self.last_ms,
            agents: self.agents,
            pairs,
            destinations: set("destinations", &self.destinations, room.destinations)?,
            resources: set("resources", &self.resources, room.resources)?,
            tools: set("tools", &self.tools, room.tools)?,
            models: set("models", &self.models, room.models)?,
            objects: set("objects", &self.objects, room.objects)?,
            hours: self.hours,
            volumes: self.volumes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::behaviour::limits::TOOLS_MAX;
    use crate::event::limits::STATE_BYTES_MAX;
    use crate::event::{TaskNotice, TaskUse};

    const HOUR_MS: i64 = 3_600_000;

    fn learned() -> Profile {
        let mut profile = Profile::default();
        for task in 0..40_u64 {
            let used = TaskUse {
                pairs: vec![7, 1_000 + task],
                destinations: vec![u64::MAX - task],
                models: vec![task % 3],
                hours: 1 << (task % 24),
                ..TaskUse::default()
            };
            let notice = TaskNotice {
                agent: task as u32 % 3,
                ended_ms: 490_000 * HOUR_MS + task as i64 * 7 * HOUR_MS,
                used,
                ..TaskNotice::default()
            };
            profile.learn_task(&notice, Learner::Class, true);
        }
        profile
    }

    #[test]
    fn a_profile_reads_back_from_its_text() {
        let profile = learned();
        let text = serde_json::to_string(&ProfileImage::of_profile(&profile)).unwrap();
        let image: ProfileImage = serde_json::from_str(&text).unwrap();
        assert_eq!(
            image
                .into_profile(Learner::Class, profile.last_ms())
                .unwrap(),
            profile
        );
    }

    /// As earlier versions wrote it.
    #[test]
    fn a_text_without_models_is_read() {
        let profile = learned();
        let mut image = serde_json::to_value(ProfileImage::of_profile(&profile)).unwrap();
        image.as_object_mut().unwrap().remove("models").unwrap();
        let read =
            ProfileImage::read_profile(&image.to_string(), Learner::Class, profile.last_ms());
        let read = read.unwrap();
        assert_eq!(read.models.len(), 0);
        assert_eq!(read.pairs, profile.pairs);
    }

    #[test]
    fn the_largest_profile_fits_into_a_record() {
        for learner in [Learner::Class, Learner::AgentType] {
            let room = learner.room();
            let entries = |max: usize| -> Vec<EntryImage> {
                let most = (u16::MAX, u32::MAX, u32::MAX, u32::MAX, u32::MAX, false);
                let from = u64::MAX - max as u64;
                let entry = |hash| (hash, most.0, most.1, most.2, most.3, most.4, most.5);
                (from..u64::MAX).map(entry).collect()
            };
            let image = ProfileImage {
                tasks: u32::MAX,
                first_ms: i64::MAX,
                last_ms: i64::MAX,
                agents: (u32::MAX, u32::MAX),
                pairs: entries(room.pairs),
                destinations: entries(room.destinations),
                resources: entries(room.resources),
                tools: entries(room.tools),
                models: entries(room.models),
                objects: entries(room.objects),
                hours: vec![u16::MAX; HOURS],
                volumes: match learner {
                    Learner::AgentType => PeerVolumes::largest(),
                    Learner::Class | Learner::Agent => PeerVolumes::default(),
                },
            };
            let text = serde_json::to_string(&image).unwrap();
            assert!(text.len() <= STATE_BYTES_MAX, "{}", text.len());
        }
    }

    #[test]
    fn what_no_scopewatch_can_have_learned_is_refused() {
        let until_ms = learned().last_ms();
        let good = || ProfileImage::of_profile(&learned());
        type Change = (&'static str, fn(&mut ProfileImage));
        let changes: [Change; 10] = [
            ("times", |image| image.last_ms += 1),
            ("times", |image| image.first_ms = -1),
            ("task", |image| image.tasks = 0),
            ("agents", |image| image.agents = (9, 1)),
            ("hours", |image| image.hours.push(1)),
            ("`pairs`", |image| image.pairs.swap(0, 1)),
            ("`pairs`", |image| image.pairs[0].3 = u32::MAX),
            ("`tools`", |image| {
                image.tools = (0..=TOOLS_MAX as u64)
                    .map(|n| (n, 1, 0, 0, 0, 0, true))
                    .collect();
            }),
            ("`models`", |image| image.models.swap(0, 1)),
            ("`pairs`", |image| image.pairs[0].1 = 0),
        ];
        let mut image = good();
        image.volumes = PeerVolumes::largest();
        let error = image.into_profile(Learner::Class, until_ms).unwrap_err();
        assert!(error.contains("`volumes`"), "{error}");
        // The peers know no tools, and an agent less than a class.
        let known = ProfileImage::of_profile(&learned());
        for learner in [Learner::AgentType, Learner::Agent] {
            let error = known.clone().into_profile(learner, until_ms).unwrap_err();
            assert!(error.contains("`pairs`: more than"), "{error}");
        }
        for (names, change) in changes {
            let mut image = good();
            change(&mut image);
            let error = image.into_profile(Learner::Class, until_ms).unwrap_err();
            assert!(error.contains(names), "{error}");
        }
    }
}
