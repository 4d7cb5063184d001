//! The credentials that an agent was accepted with: who issued them, and for which task, session
//! and key each was used first.
//!
//! Whoever writes a record may name any credential and any issuer. Only an action that was not
//! denied shows that somebody has checked them, so only such an action is remembered. A denied
//! action is compared with what is remembered, and changes nothing.

use std::hash::BuildHasher as _;
use std::sync::LazyLock;

// tidy: RandomState: by a known seed two uses could be made to look like one
use foldhash::fast::RandomState as Seeded;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::event::{ActionField, ActionOutcome, AgentAction, Text, text_fingerprint};

use super::channel_end::{ChannelEnd, end_mark, is_other_end};

/// Accepted credentials that an agent remembers; the one used longest ago is forgotten first. What
/// is forgotten is not proven any more, so no request is made for it.
pub const CREDENTIALS_MAX: usize = 8;
/// Issuers of these credentials; the one seen first is forgotten first.
pub const ISSUERS_MAX: usize = 4;

/// The accepted credentials of one agent. Part of its live state.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CredentialUses {
    /// The credential used last.
    newest: Option<Text>,
    /// The one used last comes first.
    known: SmallVec<[KnownCredential; 1]>,
    issuers: SmallVec<[Text; 1]>,
    /// Where the credential used last was used.
    channel: ChannelEnd,
    /// Most actions name everything as the last one did, and need no fingerprint.
    #[serde(skip)]
    last: LastUse,
}

/// An accepted credential; fingerprints, because the texts would make the state larger. 0: not
/// known.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct KnownCredential {
    /// Fingerprint of its id.
    id: u64,
    /// Index of its issuer.
    issuer: Option<u8>,
    /// The task and the session that it was used in first.
    task: u64,
    session: u64,
    /// What it was bound to first: see [`end_mark`].
    bound_to: u64,
}

/// What the comparison of an action with the earlier uses of its credential says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CredentialSigns {
    /// It was used in another task first.
    pub other_task: bool,
    /// It was used in another session first.
    pub other_session: bool,
    /// It was bound to another key or workload first.
    pub rebound: bool,
    /// It was used over a channel with another peer last.
    pub other_peer: bool,
    /// It was used from another network at the same time.
    pub two_networks: bool,
}

/// What an action is to the credentials of its agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CredentialUse {
    pub signs: CredentialSigns,
    /// The agent was accepted with this credential for the first time, as far as is remembered.
    pub first: bool,
    /// The action was accepted with the credential that the agent was accepted with last.
    pub same: bool,
}

/// The last accepted action, and the signs that stay while nothing changes. Not stored: without it
/// the same is found by fingerprints.
#[derive(Debug, Clone, Default)]
struct LastUse(Option<LastMark>);

#[derive(Debug, Clone, Copy)]
struct LastMark {
    /// See [`use_mark`].
    mark: u64,
    signs: CredentialSigns,
}

/// The seed of [`use_mark`].
static USE_SEED: LazyLock<Seeded> = LazyLock::new(Seeded::default);

/// A hash of everything that is compared of an action.
fn use_mark(action: &AgentAction) -> u64 {
    USE_SEED.hash_one((
        &action.task_id,
        &action.session_id,
        &action.credential_issuer,
        &action.credential_bound_to,
        &action.channel_peer_id,
        &action.gateway_id,
        &action.channel_network,
    ))
}

impl PartialEq for LastUse {
    /// It follows from the rest and the last action, so it makes no difference.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for LastUse {}

/// Whether somebody has accepted what the action shows: it was not denied. An action without an
/// outcome, or one that failed for another reason, was accepted.
#[must_use]
pub fn is_accepted(action: &AgentAction) -> bool {
    action.outcome != Some(ActionOutcome::Denied)
}

/// The credential id of an action; `None` for one that cannot be read, which equals nothing.
fn credential_of(action: &AgentAction) -> Option<&Text> {
    let id = action.credential_id.as_ref();
    id.filter(|_| !action.is_malformed(ActionField::CREDENTIAL_ID))
}

/// The fingerprint of an optional text that can be read; 0 for none.
fn mark_of(action: &AgentAction, field: ActionField, text: Option<&Text>) -> u64 {
    let text = text.filter(|_| !action.is_malformed(field));
    text.map_or(0, |text| text_fingerprint(text))
}

impl LastUse {
    fn is_like(&self, action: &AgentAction) -> Option<CredentialSigns> {
        let last = self.0.filter(|_| action.malformed.is_empty())?;
        (last.mark == use_mark(action)).then_some(last.signs)
    }

    fn set(&mut self, action: &AgentAction, signs: CredentialSigns) {
        self.0 = action.malformed.is_empty().then(|| LastMark {
            mark: use_mark(action),
            // The peer and the network are those of the last use now.
            signs: CredentialSigns {
                other_peer: false,
                two_networks: false,
                ..signs
            },
        });
    }
}

impl KnownCredential {
    /// The task, session and binding that an action names.
    fn of_action(id: u64, action: &AgentAction) -> Self {
        let bound_to = action.credential_bound_to.as_ref();
        let bound_to = bound_to.filter(|_| !action.is_malformed(ActionField::CREDENTIAL_BOUND_TO));
        KnownCredential {
            id,
            issuer: None,
            task: mark_of(action, ActionField::TASK_ID, action.task_id.as_ref()),
            session: mark_of(action, ActionField::SESSION_ID, action.session_id.as_ref()),
            bound_to: bound_to.map_or(0, |text| end_mark(text)),
        }
    }

    /// Compares a use with the first one.
    fn compare(&self, used: &KnownCredential) -> CredentialSigns {
        let differs = |first: u64, now: u64| first != 0 && now != 0 && first != now;
        CredentialSigns {
            other_task: differs(self.task, used.task),
            other_session: differs(self.session, used.session),
            rebound: is_other_end(self.bound_to, used.bound_to),
            ..CredentialSigns::default()
        }
    }

    /// Takes over what no earlier use said.
    fn fill_from(&mut self, used: &KnownCredential) {
        for (known, now) in [
            (&mut self.task, used.task),
            (&mut self.session, used.session),
            (&mut self.bound_to, used.bound_to),
        ] {
            if *known == 0 {
                *known = now;
            }
        }
    }
}

impl CredentialUses {
    /// Compares an action, at its own time `at_ms`, with the earlier uses of its credential, and
    /// notes it as a use if it was accepted.
    pub fn note_use(&mut self, action: &AgentAction, at_ms: i64) -> CredentialUse {
        let Some(id) = credential_of(action) else {
            return CredentialUse::default();
        };
        let accepted = is_accepted(action);
        let newest = self.newest.as_ref() == Some(id);
        if newest && let Some(signs) = self.last.is_like(action) {
            if accepted {
                self.channel.note_time(at_ms);
            }
            return CredentialUse {
                signs,
                first: false,
                same: true,
            };
        }
        let name = text_fingerprint(id);
        let used = KnownCredential::of_action(name, action);
        let issuer = action.credential_issuer.as_ref();
        let index = self.known.iter().position(|known| known.id == name);
        // The same id of another issuer is another credential.
        let same = index
            .and_then(|index| self.known.get(index))
            .filter(|known| {
                let before = self.issuer_of(known);
                before.is_none() || issuer.is_none() || before == issuer
            });
        let mut signs = same.map_or_else(CredentialSigns::default, |known| known.compare(&used));
        let end = ChannelEnd::of_action(action, at_ms);
        if newest && same.is_some() {
            signs.other_peer = self.channel.is_other_peer(&end);
            signs.two_networks = self.channel.is_elsewhere(&end);
        }
        if !accepted {
            return CredentialUse {
                signs,
                first: false,
                same: true,
            };
        }
        let first = index.is_none();
        let same_use = newest && same.is_some();
        let mut known = same.cloned().unwrap_or_else(|| used.clone());
        known.fill_from(&used);
        if let Some(index) = index {
            self.known.remove(index);
        }
        if let Some(issuer) = issuer {
            known.issuer = self.issuer_index(issuer);
        }
        self.known.insert(0, known);
        self.known.truncate(CREDENTIALS_MAX);
        match newest {
            true => self.channel.replace_with(end),
            false => self.channel = end,
        }
        self.newest = Some(id.clone());
        self.last.set(action, signs);
        CredentialUse {
            signs,
            first,
            same: same_use,
        }
    }

    /// Reads one word of every part that an action reads, to bring it into the processor's cache.
    pub(crate) fn prefetch(&self) -> u64 {
        let known = self.known.first().map_or(0, |known| known.id);
        let newest = self.newest.as_ref().map_or(0, |id| id.len() as u64);
        self.channel.prefetch() ^ known ^ newest
    }

    /// The credential that was accepted last, and who issued it.
    #[must_use]
    pub fn newest(&self) -> Option<(&Text, Option<&Text>)> {
        let id = self.newest.as_ref()?;
        Some((id, self.issuer_of_id(id)))
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
    use crate::event::Network;

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
            let first = credentials
                .note_use(&uses("c", Some("https://idp"), outcome), 0)
                .first;
            assert_eq!(first, known, "{outcome:?}");
            assert_eq!(credentials.is_known("c"), known);
            assert_eq!(credentials.newest_issuer().is_some(), known);
            assert!(
                !credentials.note_use(&uses("c", None, outcome), 0).first,
                "not new"
            );
        }
    }

    #[test]
    fn the_issuer_is_that_of_the_credential_and_a_denied_action_changes_none() {
        let mut credentials = CredentialUses::default();
        credentials.note_use(&uses("a", Some("https://one"), None), 0);
        credentials.note_use(&uses("b", Some("https://two"), None), 0);
        let denied = Some(ActionOutcome::Denied);
        credentials.note_use(&uses("a", Some("https://evil"), denied), 0);
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
            credentials.note_use(&uses(&format!("c{n}"), Some(&issuer), None), 0);
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

    /// What a later action differs in, and the signs of it. `None`: the first one was denied.
    #[test]
    fn a_use_is_compared_with_the_first_and_the_channel_with_the_last() {
        type Change = fn(&mut AgentAction);
        type Sign = fn(&CredentialSigns) -> bool;
        let cases: [(&str, Change, Sign); 6] = [
            ("task", |a| a.task_id = Some("t2".into()), |s| s.other_task),
            (
                "session",
                |a| a.session_id = Some("s2".into()),
                |s| s.other_session,
            ),
            (
                "key",
                |a| a.credential_bound_to = Some("k2".into()),
                |s| s.rebound,
            ),
            (
                "peer",
                |a| a.channel_peer_id = Some("p2".into()),
                |s| s.other_peer,
            ),
            (
                "network",
                |a| {
                    a.channel_network = Some(Network::External);
                    a.gateway_id = Some("g2".into());
                },
                |s| s.two_networks,
            ),
            (
                "gateway",
                |a| a.gateway_id = Some("g2".into()),
                |s| *s == CredentialSigns::default(),
            ),
        ];
        let first = AgentAction {
            task_id: Some("t1".into()),
            session_id: Some("s1".into()),
            credential_bound_to: Some("k1".into()),
            channel_peer_id: Some("p1".into()),
            gateway_id: Some("g1".into()),
            channel_network: Some(Network::Internal),
            ..uses("c", Some("https://idp"), None)
        };
        for (name, change, is_seen) in cases {
            let mut credentials = CredentialUses::default();
            let start = credentials.note_use(&first, 0);
            assert_eq!(start.signs, CredentialSigns::default());
            assert_eq!(credentials.note_use(&first, 1).signs, start.signs);
            let mut second = first.clone();
            // Another peer would excuse nothing, and the same one excuses two networks.
            if name == "network" {
                second.channel_peer_id = None;
            }
            change(&mut second);
            let mut denied = second.clone();
            denied.outcome = Some(ActionOutcome::Denied);
            for action in [&denied, &second] {
                let used = credentials.note_use(action, 2);
                assert!(is_seen(&used.signs) && !used.first, "{name}: {used:?}");
            }
            // The last use is as good a memory as the fingerprints.
            let mut reloaded: CredentialUses =
                postcard::from_bytes(&postcard::to_allocvec(&credentials).unwrap()).unwrap();
            for action in [&second, &first] {
                let expected = credentials.note_use(action, 3);
                assert_eq!(reloaded.note_use(action, 3), expected, "{name}");
            }
        }
    }

    #[test]
    fn a_new_credential_and_one_of_another_issuer_are_no_reuse() {
        let in_task = |id, issuer, task: &str| AgentAction {
            task_id: Some(task.into()),
            ..uses(id, Some(issuer), None)
        };
        let mut credentials = CredentialUses::default();
        credentials.note_use(&in_task("c1", "https://one", "t1"), 0);
        for (id, issuer, task, reused) in [
            ("c2", "https://one", "t2", false),
            ("c1", "https://two", "t2", false),
            ("c1", "https://two", "t3", true),
        ] {
            let used = credentials.note_use(&in_task(id, issuer, task), 1);
            assert_eq!(used.signs.other_task, reused, "{id} {issuer} {task}");
        }
    }
}
