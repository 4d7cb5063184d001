//! The credentials that an agent was accepted with, and who issued them.
//!
//! Whoever writes a record may name any credential and any issuer. Only an action that was not
//! denied shows that somebody has checked them.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::event::{ActionOutcome, AgentAction, Text, text_fingerprint};

/// Accepted credentials that an agent remembers; the one used longest ago is forgotten first. What
/// is forgotten is not proven any more, so no request is made for it.
pub const CREDENTIALS_MAX: usize = 8;
/// Issuers of these credentials; the one seen first is forgotten first.
pub const ISSUERS_MAX: usize = 4;

/// The accepted credentials of one agent. Part of its live state.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CredentialUses {
    /// The credential used last: most actions name it again, and need no fingerprint.
    newest: Option<Text>,
    /// The one used last comes first.
    known: SmallVec<[KnownCredential; 1]>,
    issuers: SmallVec<[Text; 1]>,
}

/// An accepted credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct KnownCredential {
    /// Fingerprint of its id.
    id: u64,
    /// Index of its issuer.
    issuer: Option<u8>,
}

/// Whether somebody has accepted what the action shows: it was not denied. An action without an
/// outcome, or one that failed for another reason, was accepted.
#[must_use]
pub fn is_accepted(action: &AgentAction) -> bool {
    action.outcome != Some(ActionOutcome::Denied)
}

impl CredentialUses {
    /// Notes the credential of an accepted action. Returns whether it was not known.
    pub fn note_use(&mut self, action: &AgentAction) -> bool {
        let Some(id) = action
            .credential_id
            .as_ref()
            .filter(|_| is_accepted(action))
        else {
            return false;
        };
        let issuer = action.credential_issuer.as_ref();
        let as_before = |known: &KnownCredential| {
            issuer.is_none_or(|issuer| self.issuer_of(known) == Some(issuer))
        };
        if self.newest.as_ref() == Some(id) && self.known.first().is_some_and(as_before) {
            return false;
        }
        let name = text_fingerprint(id);
        let index = self.known.iter().position(|known| known.id == name);
        let mut used = index.map_or(
            KnownCredential {
                id: name,
                issuer: None,
            },
            |index| self.known.remove(index),
        );
        if let Some(issuer) = issuer {
            used.issuer = self.issuer_index(issuer);
        }
        self.known.insert(0, used);
        self.known.truncate(CREDENTIALS_MAX);
        self.newest = Some(id.clone());
        index.is_none()
    }

    /// Whether an action with the credential `id` was accepted.
    #[must_use]
    pub fn is_known(&self, id: &str) -> bool {
        self.newest.as_deref() == Some(id) || self.find(id).is_some()
    }

    /// Who issued the credential `id`, by the latest accepted action that says so.
    #[must_use]
    pub fn issuer_of_id(&self, id: &str) -> Option<&Text> {
        self.find(id).and_then(|known| self.issuer_of(known))
    }

    /// Who issued the credential that was accepted last.
    #[must_use]
    pub fn newest_issuer(&self) -> Option<&Text> {
        self.known.iter().find_map(|known| self.issuer_of(known))
    }

    fn find(&self, id: &str) -> Option<&KnownCredential> {
        let name = text_fingerprint(id);
        self.known.iter().find(|known| known.id == name)
    }

    fn issuer_of(&self, known: &KnownCredential) -> Option<&Text> {
        self.issuers.get(usize::from(known.issuer?))
    }

    /// The index of `issuer`, which is added where it is new.
    fn issuer_index(&mut self, issuer: &Text) -> Option<u8> {
        let known = self.issuers.iter().position(|known| known == issuer);
        let index = known.unwrap_or_else(|| {
            if self.issuers.len() >= ISSUERS_MAX {
                self.issuers.remove(0);
                for credential in &mut self.known {
                    credential.issuer = credential.issuer.and_then(|index| index.checked_sub(1));
                }
            }
            self.issuers.push(issuer.clone());
            self.issuers.len() - 1
        });
        u8::try_from(index).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uses(id: &str, issuer: Option<&str>, outcome: Option<ActionOutcome>) -> AgentAction {
        AgentAction {
            credential_id: Some(id.into()),
            credential_issuer: issuer.map(Into::into),
            outcome,
            ..AgentAction::new("bot")
        }
    }

    #[test]
    fn only_what_was_not_denied_is_known() {
        for (outcome, known) in [
            (None, true),
            (Some(ActionOutcome::Allowed), true),
            (Some(ActionOutcome::Error), true),
            (Some(ActionOutcome::Denied), false),
        ] {
            let mut credentials = CredentialUses::default();
            let first = credentials.note_use(&uses("c", Some("https://idp"), outcome));
            assert_eq!(first, known, "{outcome:?}");
            assert_eq!(credentials.is_known("c"), known);
            assert_eq!(credentials.newest_issuer().is_some(), known);
            assert!(!credentials.note_use(&uses("c", None, outcome)), "not new");
        }
    }

    #[test]
    fn the_issuer_is_that_of_the_credential_and_a_denied_action_changes_none() {
        let mut credentials = CredentialUses::default();
        credentials.note_use(&uses("a", Some("https://one"), None));
        credentials.note_use(&uses("b", Some("https://two"), None));
        let denied = Some(ActionOutcome::Denied);
        credentials.note_use(&uses("a", Some("https://evil"), denied));
        let issuer = |id| credentials.issuer_of_id(id).map(Text::as_str);
        assert_eq!(issuer("a"), Some("https://one"));
        assert_eq!(issuer("b"), Some("https://two"));
        assert_eq!(issuer("c"), None);
        assert_eq!(credentials.newest_issuer().unwrap(), "https://two");
    }

    #[test]
    fn what_is_remembered_is_bounded_and_what_is_left_stays_right() {
        let mut credentials = CredentialUses::default();
        for n in 0..100 {
            let issuer = format!("https://{}", n % 7);
            credentials.note_use(&uses(&format!("c{n}"), Some(&issuer), None));
            assert!(credentials.known.len() <= CREDENTIALS_MAX);
            assert!(credentials.issuers.len() <= ISSUERS_MAX);
        }
        assert!(credentials.is_known("c99") && !credentials.is_known("c0"));
        for n in 92..100 {
            let expected = format!("https://{}", n % 7);
            let issuer = credentials.issuer_of_id(&format!("c{n}"));
            assert!(issuer.is_none_or(|issuer| *issuer == expected), "{n}");
        }
    }
}
