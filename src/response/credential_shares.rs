//! What an agent knows of the other users of its credentials, and which of its own uses it has let
//! the credentials know of.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::event::text_fingerprint;

/// Credentials of which an agent knows the other users; the one linked longest ago is forgotten
/// first. What is forgotten is asked for again with the next use.
pub const SHARES_MAX: usize = 16;
/// Links of one agent to credentials it was accepted with, in an hour. An agent that invents
/// credentials gets no further; what is cut is linked in a later hour.
pub const LINKS_HOUR_MAX: u16 = 60;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// The users of an agent's credentials. Part of its live state.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CredentialShares {
    /// The one linked last comes last.
    known: SmallVec<[KnownShare; 1]>,
    /// The hour in which `links` were sent.
    hour: u32,
    links: u16,
    /// The day for which the credential used last is linked: nothing is due for it.
    linked_day: u32,
}

/// One credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct KnownShare {
    /// Fingerprint of its id.
    credential: u64,
    /// The day of the last link about a use; 0 for none.
    used_day: u32,
    /// Whether it was let know that a scope of the agent names it.
    declared: bool,
    /// How many agents have it, this one included; 0 until the credential has said so.
    users: u32,
    /// The agent is not its holder.
    forwarded: bool,
}

/// What is known of the users of one credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SharedUse {
    /// This agent included.
    pub users: u32,
    /// It is the credential of another agent.
    pub forwarded: bool,
}

/// Whether an agent lets a credential know that it has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkDue {
    Now,
    /// The credential knows.
    Not,
    /// Too many in this hour.
    Cut,
}

fn count_of(stream_ms: i64, unit_ms: i64) -> u32 {
    // Never 0, which says that there was no link.
    u32::try_from(stream_ms / unit_ms).unwrap_or(0).max(1)
}

impl CredentialShares {
    /// Reads one word of every part that an action reads, to bring it into the processor's cache.
    pub(crate) fn prefetch(&self) -> u64 {
        u64::from(self.linked_day) ^ self.known.first().map_or(0, |known| known.credential)
    }

    /// Whether anything may be due for the credential that the agent used now; `same`: it is the
    /// one used before.
    #[must_use]
    pub fn may_be_due(&self, same: bool, stream_ms: i64) -> bool {
        !same || self.linked_day != count_of(stream_ms, DAY_MS)
    }

    /// Whether `credential` has to be let know that the agent was accepted with it: the first time
    /// and once a day, because it forgets who has not used it for long.
    pub fn next_use_link(&mut self, credential: &str, stream_ms: i64) -> LinkDue {
        let (day, hour) = (count_of(stream_ms, DAY_MS), count_of(stream_ms, HOUR_MS));
        let id = text_fingerprint(credential);
        self.linked_day = 0;
        let linked = |share: &KnownShare| share.credential == id && share.used_day == day;
        if self.known.iter().any(linked) {
            self.linked_day = day;
            return LinkDue::Not;
        }
        if self.hour != hour {
            (self.hour, self.links) = (hour, 0);
        }
        if self.links >= LINKS_HOUR_MAX {
            return LinkDue::Cut;
        }
        self.links += 1;
        self.linked_day = day;
        self.change_share(id, |share| share.used_day = day);
        LinkDue::Now
    }

    /// Whether `credential` has to be let know that a scope of the agent names it.
    pub fn next_declared_link(&mut self, credential: &str) -> LinkDue {
        let id = text_fingerprint(credential);
        match self.change_share(id, |share| std::mem::replace(&mut share.declared, true)) {
            true => LinkDue::Not,
            false => LinkDue::Now,
        }
    }

    /// Takes over what a credential says of its users.
    pub fn note_users(&mut self, credential: &str, shared: SharedUse) {
        self.change_share(text_fingerprint(credential), |share| {
            (share.users, share.forwarded) = (shared.users, shared.forwarded);
        });
    }

    /// How many other agents have `credential`; `None` until it is known.
    #[must_use]
    pub fn others_of(&self, credential: &str) -> Option<u32> {
        let id = text_fingerprint(credential);
        let share = self.known.iter().find(|share| share.credential == id)?;
        share.users.checked_sub(1)
    }

    /// The users of `credential`, where there are several.
    #[must_use]
    pub fn shared_use(&self, credential: &str) -> Option<SharedUse> {
        // No fingerprint for the many agents that share nothing.
        if self.known.iter().all(|share| share.users < 2) {
            return None;
        }
        let id = text_fingerprint(credential);
        let mut known = self.known.iter();
        let share = known.find(|share| share.credential == id && share.users > 1)?;
        Some(SharedUse {
            users: share.users,
            forwarded: share.forwarded,
        })
    }

    /// Changes the entry of a credential, which becomes the one linked last.
    fn change_share<T>(&mut self, credential: u64, change: impl FnOnce(&mut KnownShare) -> T) -> T {
        let mut known = self.known.iter();
        let index = known.position(|share| share.credential == credential);
        let mut share = index.map_or(
            KnownShare {
                credential,
                used_day: 0,
                declared: false,
                users: 0,
                forwarded: false,
            },
            |index| self.known.remove(index),
        );
        let changed = change(&mut share);
        if self.known.len() >= SHARES_MAX {
            self.known.remove(0);
        }
        self.known.push(share);
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_linked_once_a_day_and_what_is_cut_in_a_later_hour() {
        let mut shares = CredentialShares::default();
        assert_eq!(shares.next_use_link("own", 0), LinkDue::Now);
        assert!(!shares.may_be_due(true, 1) && shares.may_be_due(false, 1));
        assert_eq!(shares.next_use_link("own", 1), LinkDue::Not);
        assert_eq!(shares.next_use_link("own", 2 * DAY_MS), LinkDue::Now);
        let mut cut = 0;
        for n in 0..200 {
            let due = shares.next_use_link(&format!("junk-{n}"), 2 * DAY_MS);
            cut += usize::from(due == LinkDue::Cut);
            assert!(shares.known.len() <= SHARES_MAX);
        }
        assert_eq!(cut, 201 - usize::from(LINKS_HOUR_MAX));
        assert_eq!(shares.next_use_link("stolen", 2 * DAY_MS), LinkDue::Cut);
        assert!(shares.may_be_due(true, 2 * DAY_MS), "it is tried again");
        let later = 2 * DAY_MS + HOUR_MS;
        assert_eq!(shares.next_use_link("stolen", later), LinkDue::Now);
    }

    #[test]
    fn others_are_unknown_until_the_credential_says_so() {
        let mut shares = CredentialShares::default();
        assert_eq!(shares.next_declared_link("c"), LinkDue::Now);
        assert_eq!(shares.next_declared_link("c"), LinkDue::Not);
        assert_eq!(shares.others_of("c"), None);
        for users in [1, 3] {
            let shared = SharedUse {
                users,
                forwarded: users > 1,
            };
            shares.note_users("c", shared);
            assert_eq!(shares.others_of("c"), Some(users - 1));
            let several = Some(shared).filter(|shared| shared.users > 1);
            assert_eq!(shares.shared_use("c"), several);
            assert_eq!(shares.shared_use("other"), None);
        }
    }
}
