//! A profile as it would be if it had not learned one of its tasks.

use super::known_set::hour_of;
use super::profile::{Profile, ProfilePart};
use crate::event::TaskUse;

/// A profile that is asked, and the task that it is asked to leave out, if it is one of its own.
#[derive(Debug, Clone, Copy)]
pub struct AskedProfile<'t> {
    profile: &'t Profile,
    left_out: Option<&'t TaskUse>,
}

impl<'t> AskedProfile<'t> {
    /// A profile with all that it has learned.
    #[must_use]
    pub fn whole(profile: &'t Profile) -> Self {
        AskedProfile {
            profile,
            left_out: None,
        }
    }

    /// The same profile without a task that it has learned.
    #[must_use]
    pub fn without(self, task: &'t TaskUse) -> Self {
        AskedProfile {
            left_out: Some(task),
            ..self
        }
    }

    /// The profile with all that it has learned.
    #[must_use]
    pub fn profile(&self) -> &'t Profile {
        self.profile
    }

    /// Clean tasks.
    #[must_use]
    pub fn tasks(&self) -> u32 {
        let left_out = u32::from(self.left_out.is_some());
        self.profile.tasks().saturating_sub(left_out)
    }

    fn uses_left_out(&self, part: ProfilePart, hash: u64) -> bool {
        self.left_out.is_some_and(|used| {
            let list = match part {
                ProfilePart::Pair => &used.pairs,
                ProfilePart::Destination => &used.destinations,
                ProfilePart::Resource => &used.resources,
                ProfilePart::Tool => &used.tools,
            };
            list.binary_search(&hash).is_ok()
        })
    }

    /// Whether a thing is known.
    pub(super) fn is_known(&self, part: ProfilePart, hash: u64, at_ms: i64) -> bool {
        self.profile.is_known(part, hash, at_ms)
            && (!self.uses_left_out(part, hash) || self.tasks_with(part, hash, at_ms) > 0)
    }

    /// The clean tasks that used a thing.
    pub(super) fn tasks_with(&self, part: ProfilePart, hash: u64, at_ms: i64) -> u16 {
        let tasks = self.profile.tasks_with(part, hash, at_ms);
        tasks.saturating_sub(u16::from(self.uses_left_out(part, hash)))
    }

    /// Whether the resource of such a pair is often a new one.
    pub(super) fn expects_fresh(&self, pair: u64, used_before: bool, at_ms: i64) -> bool {
        let left_out = self.left_out.map_or(&[][..], |used| &used.objects);
        let hour = hour_of(at_ms);
        self.profile
            .expects_fresh(pair, used_before, hour, left_out)
    }
}
