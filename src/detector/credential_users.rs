//! Who uses a credential, and who of them is not its holder.
//!
//! The holder is the agent whose scope named the credential first; if no scope names it, the agent
//! that was accepted with it first. Between scopes of one moment the first use decides too. Whoever
//! else is accepted with it uses the credential of another agent: somebody forwarded it, or it was
//! taken. The times are those of the agents' own records, so it makes no difference in what order
//! the links arrive.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::event::{LinkCause, Text, text_fingerprint};

/// Agents that a credential remembers. A further one still learns that others have it.
pub const CREDENTIAL_USERS_MAX: usize = 16;
/// Up to this many users each of them learns the exact number. More make no difference.
const COUNTED_EXACTLY: u32 = 5;

/// The users of one credential. Part of its state.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct CredentialUsers {
    users: SmallVec<[CredentialUser; 1]>,
}

/// An agent that has a credential.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct CredentialUser {
    agent: Text,
    /// Fingerprint of the issuer; 0 where nobody said who issued it.
    issuer: u64,
    /// Append time of the first record of a scope that names it.
    declared_ms: Option<i64>,
    /// The first action that was accepted with it.
    used: Option<FirstUse>,
    /// What the agent was let know last.
    users: u32,
    forwarded: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct FirstUse {
    cause: LinkCause,
    task: Option<Text>,
}

/// What an agent says of its credential.
pub(super) struct UserReport<'a> {
    pub agent: &'a Text,
    pub issuer: Option<&'a Text>,
    pub task: Option<&'a Text>,
    /// It was accepted with the credential; else its scope names it.
    pub accepted: bool,
    pub cause: &'a LinkCause,
}

/// What an agent has to know of the other users.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct UsersNews {
    pub agent: Text,
    /// The agent itself included.
    pub users: u32,
    pub forwarded: bool,
    /// Another user: the holder, where it is not the agent.
    pub other: Option<Text>,
    pub task: Option<Text>,
    /// The agent's first use, where it is new that the credential is not its own.
    pub cause: Option<LinkCause>,
}

impl CredentialUsers {
    /// Whether a scope names the credential.
    pub(super) fn is_declared(&self) -> bool {
        self.users.iter().any(|user| user.declared_ms.is_some())
    }

    /// Notes a user, and returns what it and the others have to know. `None` in place of a list:
    /// there is no room for one more user.
    pub(super) fn note_user(&mut self, report: &UserReport<'_>) -> Option<Vec<UsersNews>> {
        let issuer = report.issuer.map_or(0, |issuer| text_fingerprint(issuer));
        let is_same = |user: &CredentialUser| {
            user.agent == *report.agent && is_one_issuer(user.issuer, issuer)
        };
        let index = match self.users.iter().position(is_same) {
            Some(index) => index,
            None => self.add_user(report, issuer)?,
        };
        if let Some(user) = self.users.get_mut(index) {
            user.note(report, issuer);
        }
        let news = (0..self.users.len()).filter_map(|each| self.news_of(each, each == index));
        let news: Vec<UsersNews> = news.collect();
        for one in &news {
            let known = self.users.iter_mut().filter(|user| user.agent == one.agent);
            for user in known {
                (user.users, user.forwarded) = (one.users, one.forwarded);
            }
        }
        Some(news)
    }

    /// What a further user has to know for which there is no room.
    pub(super) fn news_of_further(&self, report: &UserReport<'_>) -> UsersNews {
        UsersNews {
            agent: report.agent.clone(),
            users: u32::try_from(self.users.len() + 1).unwrap_or(u32::MAX),
            forwarded: report.accepted,
            other: self.users.first().map(|user| user.agent.clone()),
            task: report.task.cloned(),
            cause: report.accepted.then(|| report.cause.clone()),
        }
    }

    /// Adds a user. An agent whose scope names the credential makes room for itself: those that
    /// only use it must not push out its holder.
    fn add_user(&mut self, report: &UserReport<'_>, issuer: u64) -> Option<usize> {
        if self.users.len() >= CREDENTIAL_USERS_MAX {
            let undeclared = |user: &CredentialUser| user.declared_ms.is_none();
            let spare = self.users.iter().rposition(undeclared);
            self.users.remove(spare.filter(|_| !report.accepted)?);
        }
        self.users.push(CredentialUser {
            agent: report.agent.clone(),
            issuer,
            declared_ms: None,
            used: None,
            users: 0,
            forwarded: false,
        });
        Some(self.users.len() - 1)
    }

    /// What the user at `index` has to know; `None` where it knows. Who has sent a link always gets
    /// one back.
    fn news_of(&self, index: usize, sender: bool) -> Option<UsersNews> {
        let user = self.users.get(index)?;
        let same = |other: &&CredentialUser| is_one_issuer(user.issuer, other.issuer);
        let group = || self.users.iter().filter(same);
        let count = u32::try_from(group().count()).unwrap_or(u32::MAX);
        let holder = group().min_by_key(|user| user.order())?;
        let used = user.used.as_ref();
        let forwarded = used.is_some() && holder.agent != user.agent;
        let counted = user.users != count && count <= COUNTED_EXACTLY;
        if !sender && !counted && forwarded == user.forwarded {
            return None;
        }
        let mut others = group().filter(|other| other.agent != user.agent);
        let other = match forwarded {
            true => Some(holder),
            false => others.next(),
        };
        let newly = used.filter(|_| forwarded && !user.forwarded);
        Some(UsersNews {
            agent: user.agent.clone(),
            users: count,
            forwarded,
            other: other.map(|other| other.agent.clone()),
            task: used.and_then(|used| used.task.clone()),
            cause: newly.map(|used| used.cause.clone()),
        })
    }
}

impl CredentialUser {
    fn note(&mut self, report: &UserReport<'_>, issuer: u64) {
        if self.issuer == 0 {
            self.issuer = issuer;
        }
        let append_ms = report.cause.append_ms;
        if !report.accepted {
            self.declared_ms = Some(self.declared_ms.map_or(append_ms, |ms| ms.min(append_ms)));
            return;
        }
        let earlier = |used: &FirstUse| used.cause.append_ms <= append_ms;
        if !self.used.as_ref().is_some_and(earlier) {
            self.used = Some(FirstUse {
                cause: report.cause.clone(),
                task: report.task.cloned(),
            });
        }
    }

    /// The holder is the least: declared before used, then the earlier record of a scope, then the
    /// earlier use, then by name. The records of many scopes may have one time: those of a
    /// recording have the time of its first action.
    fn order(&self) -> (bool, i64, i64, &Text) {
        let used_ms = self.used.as_ref().map(|used| used.cause.append_ms);
        let used_ms = used_ms.unwrap_or(i64::MAX);
        (
            self.declared_ms.is_none(),
            self.declared_ms.unwrap_or(used_ms),
            used_ms,
            &self.agent,
        )
    }
}

/// Whether two issuers may be one: an unknown one may be any.
const fn is_one_issuer(one: u64, other: u64) -> bool {
    one == 0 || other == 0 || one == other
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::RecordPosition;

    /// Who says what at what second: agent, issuer, accepted.
    type Said<'a> = (&'a str, Option<&'a str>, bool, i64);

    fn report_all(users: &mut CredentialUsers, said: &[Said<'_>]) -> Vec<(Text, i64)> {
        let mut accused = Vec::new();
        for (agent, issuer, accepted, at_s) in said {
            let cause = LinkCause {
                position: RecordPosition {
                    topic: "t".into(),
                    partition: 0,
                    offset: *at_s,
                    index: 0,
                },
                append_ms: at_s * 1_000,
                at_ms: at_s * 1_000,
                event_id: "e".into(),
            };
            let (agent, issuer): (Text, Option<Text>) = ((*agent).into(), issuer.map(Into::into));
            let report = UserReport {
                agent: &agent,
                issuer: issuer.as_ref(),
                task: None,
                accepted: *accepted,
                cause: &cause,
            };
            let further = vec![users.news_of_further(&report)];
            let news = users.note_user(&report).unwrap_or(further);
            assert!(news.iter().any(|one| one.agent == agent), "a reply");
            let causes = news
                .iter()
                .filter_map(|one| Some((one.agent.clone(), one.cause.as_ref()?.append_ms / 1_000)));
            accused.extend(causes);
        }
        accused
    }

    const IDP: Option<&str> = Some("https://idp");

    type Accused = (&'static str, i64);
    /// A name, what the agents say, and who is accused of what use.
    type Case = (&'static str, &'static [Said<'static>], &'static [Accused]);

    const CASES: &[Case] = &[
        (
            "alone",
            &[
                ("a", IDP, false, 1),
                ("a", IDP, true, 2),
                ("a", IDP, true, 3),
            ],
            &[],
        ),
        (
            "used by two",
            &[("a", IDP, true, 1), ("b", IDP, true, 2)],
            &[("b", 2)],
        ),
        (
            "declared, then used by another",
            &[("a", IDP, false, 9), ("t", IDP, true, 2)],
            &[("t", 2)],
        ),
        (
            "only declared by two",
            &[("a", IDP, false, 1), ("b", IDP, false, 2)],
            &[],
        ),
        (
            "declared by two, used by both",
            &[
                ("a", IDP, false, 1),
                ("b", IDP, false, 2),
                ("a", IDP, true, 3),
                ("b", IDP, true, 4),
            ],
            &[("b", 4)],
        ),
        (
            "declared by two at one moment, used by both",
            &[
                ("a", IDP, false, 1),
                ("b", IDP, false, 1),
                ("b", IDP, true, 3),
                ("a", IDP, true, 4),
            ],
            &[("a", 4)],
        ),
        (
            "of two issuers",
            &[("a", IDP, true, 1), ("b", Some("https://x"), true, 2)],
            &[],
        ),
        (
            "of an unknown issuer",
            &[("a", IDP, true, 1), ("b", None, true, 2)],
            &[("b", 2)],
        ),
    ];

    #[test]
    fn whoever_is_not_the_holder_is_accused_once_in_any_order() {
        for (name, said, accused) in CASES {
            let expected: Vec<(Text, i64)> = accused
                .iter()
                .map(|(who, at)| ((*who).into(), *at))
                .collect();
            assert_eq!(
                report_all(&mut CredentialUsers::default(), said),
                expected,
                "{name}"
            );
            let mut late = said.to_vec();
            // The links of one agent keep their order.
            late.sort_by(|one, other| other.0.cmp(one.0));
            assert_eq!(
                report_all(&mut CredentialUsers::default(), &late),
                expected,
                "late: {name}"
            );
        }
    }

    #[test]
    fn a_crowd_is_bounded_and_hides_nobody() {
        let mut users = CredentialUsers::default();
        let names: Vec<String> = (0..100).map(|n| format!("a{n}")).collect();
        for (n, name) in names.iter().enumerate() {
            let accused = report_all(&mut users, &[(name, IDP, true, n as i64)]);
            assert_eq!(accused.len(), usize::from(n > 0), "{name}");
            assert!(users.users.len() <= CREDENTIAL_USERS_MAX);
        }
        report_all(&mut users, &[("owner", IDP, false, 200)]);
        assert!(users.users.len() <= CREDENTIAL_USERS_MAX);
        let accused = report_all(&mut users, &[("owner", IDP, true, 201)]);
        assert_eq!(accused, [], "the holder makes room for itself");
    }
}
