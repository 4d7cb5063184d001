//! Which agents of a tenant have a credential, as far as one partition knows: by their scopes and
//! by actions that were accepted.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::event::{Text, text_fingerprint};

/// Credentials that are remembered for a tenant in one partition. The oldest that only one agent
/// has is forgotten first.
pub const HOLDERS_MAX: usize = 1_024;
/// Agents that are remembered for one credential: more make no difference.
const AGENTS_MAX: usize = 8;

/// The holders of a tenant's credentials. Part of the tenant's state in a partition.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CredentialHolders {
    /// Oldest first.
    known: VecDeque<CredentialHolder>,
}

/// One credential with its agents; fingerprints, because the ids would make the state larger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct CredentialHolder {
    credential: u64,
    agents: SmallVec<[u64; 1]>,
}

impl CredentialHolders {
    /// Notes that `agent` has `credential`. Returns whether that was not known.
    pub fn note_holder(&mut self, credential: &str, agent: &str) -> bool {
        let (credential, agent) = (text_fingerprint(credential), text_fingerprint(agent));
        let mut known = self.known.iter_mut();
        if let Some(known) = known.find(|known| known.credential == credential) {
            let new = !known.agents.contains(&agent) && known.agents.len() < AGENTS_MAX;
            if new {
                known.agents.push(agent);
            }
            return new;
        }
        if self.known.len() >= HOLDERS_MAX {
            let single = self.known.iter().position(|known| known.agents.len() == 1);
            self.known.remove(single.unwrap_or(0));
        }
        let agents = SmallVec::from_slice(&[agent]);
        self.known
            .push_back(CredentialHolder { credential, agents });
        true
    }

    /// How many other agents than `agent` are known to have `credential`.
    #[must_use]
    pub fn count_others(&self, credential: &str, agent: &str) -> u32 {
        let (credential, agent) = (text_fingerprint(credential), text_fingerprint(agent));
        let known = self
            .known
            .iter()
            .find(|known| known.credential == credential);
        let others = known.map_or(0, |known| {
            known.agents.iter().filter(|other| **other != agent).count()
        });
        u32::try_from(others).unwrap_or(u32::MAX)
    }

    /// Whether an agent that is not among `inside` is known to have `credential`.
    #[must_use]
    pub fn has_outside(&self, credential: &str, inside: &[Text]) -> bool {
        let credential = text_fingerprint(credential);
        let mut known = self.known.iter();
        let known = known.find(|known| known.credential == credential);
        known.is_some_and(|known| {
            let inside: Vec<u64> = inside.iter().map(|name| text_fingerprint(name)).collect();
            known.agents.iter().any(|agent| !inside.contains(agent))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_are_counted_once_each_and_an_agent_is_no_other_of_itself() {
        let mut holders = CredentialHolders::default();
        assert!(holders.note_holder("c", "a"));
        assert!(!holders.note_holder("c", "a"));
        assert_eq!(holders.count_others("c", "a"), 0);
        assert_eq!(holders.count_others("c", "b"), 1);
        for agent in ["b", "c", "d", "b"] {
            holders.note_holder("c", agent);
        }
        assert_eq!(holders.count_others("c", "a"), 3);
        assert_eq!(holders.count_others("other", "a"), 0);
    }

    #[test]
    fn invented_credentials_do_not_push_out_those_that_are_shared() {
        let mut holders = CredentialHolders::default();
        holders.note_holder("shared", "a");
        holders.note_holder("shared", "b");
        for n in 0..3 * HOLDERS_MAX {
            holders.note_holder(&format!("junk-{n}"), "evil");
            assert!(holders.known.len() <= HOLDERS_MAX);
        }
        assert_eq!(holders.count_others("shared", "a"), 1);
        for n in 0..100 {
            holders.note_holder("shared", &format!("x{n}"));
        }
        assert_eq!(holders.count_others("shared", "z"), AGENTS_MAX as u32);
    }
}
